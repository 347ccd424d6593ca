package gateway

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxgate/gateway/config"
	"mxgate/gateway/disk/disktest"
	"mxgate/gateway/store"
)

// Who is not the user of the gateway must not be told to take its data away.
func TestDataOfAnotherUserIsToldWithThatUser(t *testing.T) {
	dir := t.TempDir()
	cfg, err := config.Parse("gate.toml", []byte(stageConfig(script{dataDir: dir}, "127.0.0.1:1", "127.0.0.1:1")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{filepath.Dir(dir): 0o711, dir: 0o700} { // both are the test's
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(dir, 424242, -1); err != nil {
		t.Skipf("only root may give files away: %v", err)
	}
	disktest.AsUser(t, 4711)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("other users do not get to the test's directory: %v", err)
	}
	const whose = "belongs to uid 424242"
	has := func(about string, err error, want ...string) {
		t.Helper()
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: no %q in %v", about, w, err)
			}
		}
	}
	_, err = OpenStore(cfg)
	has("a command", err, "data_dir = \""+dir+"\"", whose, "run this as that user", "sudo -u '#424242' mxgate", "permission denied")
	if err != nil && (strings.Contains(err.Error(), "correct owner") || strings.Contains(err.Error(), "chown")) {
		t.Errorf("a command gives the data away: %v", err)
	}
	_, err = OpenMemory(cfg)
	has("a command on the memory", err, whose, "run this as that user", "sudo -u '#424242' mxgate")
	_, err = New(cfg, slog.New(slog.DiscardHandler))
	has("serve", err, whose, "run this as that user", "chown", "permission denied")
	for _, p := range CheckReachable(t.Context(), cfg) {
		if p.Key == "data_dir" {
			has("check-config", &config.Error{File: "gate.toml", Problems: []config.Problem{p}}, whose, "run this as that user", "chown")
			return
		}
	}
	t.Error("check-config says nothing")
}
