package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A database that is unlinked while in use takes commits until the process ends.
func TestADatabaseThatIsTakenAwayAcceptsNothing(t *testing.T) {
	for name, take := range map[string]func(t *testing.T, path string){
		"removed": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"replaced": func(t *testing.T, path string) {
			if err := os.Rename(path, path+".old"); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, dir)
			if err := s.Quarantine(t.Context(), Held{ID: "A", ReceivedAt: noon}, strings.NewReader("a")); err != nil {
				t.Fatal(err)
			}
			take(t, filepath.Join(dir, databaseName))
			if err := s.Quarantine(t.Context(), Held{ID: "B", ReceivedAt: noon}, strings.NewReader("b")); !errors.Is(err, ErrNotWritable) {
				t.Errorf("quarantine: %v", err)
			}
			if err := s.Trouble(); !errors.Is(err, ErrNotWritable) || !strings.Contains(err.Error(), "restart") {
				t.Errorf("trouble: %v", err)
			}
		})
	}
}

// Content outlives its database: who lost the rows still has the messages.
func TestContentWithoutRowsIsSetAsideUntilItExpires(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	if err := s.Quarantine(t.Context(), Held{ID: "A", ReceivedAt: noon}, strings.NewReader("held")); err != nil {
		t.Fatal(err)
	}
	path := s.blobs.Path("A")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(dir, databaseName+name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	if swept, err := s.Sweep(t.Context()); err != nil || len(swept) != 1 {
		t.Fatal(swept, err)
	}
	aside := filepath.Join(dir, "lost", "A.eml")
	if text, err := os.ReadFile(aside); err != nil || string(text) != "held" {
		t.Errorf("set aside: %q, %v", text, err)
	}
	for _, step := range []struct {
		before time.Time
		stays  bool
	}{{old.Add(-time.Minute), true}, {old.Add(time.Minute), false}} {
		if _, err := s.Expire(t.Context(), time.Time{}, step.before); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(aside); (err == nil) != step.stays {
			t.Errorf("expired before %v: %v", step.before, err)
		}
	}
}
