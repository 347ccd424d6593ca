package gateway

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxgate/gateway/config"
)

// Who reloads looks in the log for what to mend.
func TestACertificateThatIsNotReloadedIsNamed(t *testing.T) {
	table, _ := certificate(t)
	for key, text := range map[string]string{
		"cert_file": "broken",
		"key_file":  "-----BEGIN PRIVATE KEY-----\nYnJva2Vu\n-----END PRIVATE KEY-----\n",
	} {
		before, err := os.ReadFile(fileOf(table, key))
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Parse("gate.toml", []byte(stageConfig(script{dataDir: t.TempDir(), tail: table}, "127.0.0.1:1", "127.0.0.1:1")))
		if err != nil {
			t.Fatal(err)
		}
		log := &lines{}
		s := &Server{cfg: cfg, log: slog.New(slog.NewTextHandler(log, nil))}
		if err := os.WriteFile(fileOf(table, key), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.Reload()
		if got := log.String(); !strings.Contains(got, "certificate not reloaded") || !strings.Contains(got, "gate.toml:") || !strings.Contains(got, "tls."+key) || !strings.Contains(got, fileOf(table, key)) || s.cert.Load() != nil {
			t.Errorf("%s: %s", key, got)
		}
		if err := os.WriteFile(fileOf(table, key), before, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Who has changed the configuration and reloads is told that it takes a restart, and
// whether that would fail.
func TestAReloadTellsOfChangesThatItDoesNotMake(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gate.toml")
	text := stageConfig(script{dataDir: t.TempDir()}, "127.0.0.1:1", "127.0.0.1:1")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, says string }{
		{text, ""},
		{text + "# a remark\n", "level=WARN msg=\"the configuration has changed since the start"},
		{text + "mode = observe\n", "level=ERROR msg=\"the configuration has faults now"},
		{text, ""},
	} {
		write(c.text)
		log := &lines{}
		(&Server{cfg: cfg, log: slog.New(slog.NewTextHandler(log, nil))}).Reload()
		if got := log.String(); !strings.Contains(got, c.says) || strings.Contains(got, "the configuration") != (c.says != "") || c.says != "" && !strings.Contains(got, file) {
			t.Errorf("%s", got)
		}
	}
	reloaded := func() string {
		log := &lines{}
		(&Server{cfg: cfg, log: slog.New(slog.NewTextHandler(log, nil))}).Reload()
		return log.String()
	}
	if err := errors.Join(os.Remove(file), os.Symlink(os.DevNull, file)); err != nil {
		t.Fatal(err)
	}
	if got := reloaded(); strings.Contains(got, "the configuration") { // it was a pipe, which is read once
		t.Errorf("no file: %s", got)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got := reloaded(); !strings.Contains(got, "level=ERROR msg=\"the configuration has faults now") || !strings.Contains(got, "cannot be read") {
		t.Errorf("gone: %s", got)
	}
}
