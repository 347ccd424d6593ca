package gateway

import (
	"log/slog"
	"os"
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
