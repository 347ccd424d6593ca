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
	if swept, err := s.Sweep(t.Context()); err != nil || len(swept.Aside) != 1 {
		t.Fatal(swept, err)
	}
	aside := filepath.Join(dir, "lost", "A.eml")
	if text, err := os.ReadFile(aside); err != nil || string(text) != "held" {
		t.Errorf("set aside: %q, %v", text, err)
	}
	if _, err := s.Expire(t.Context(), time.Time{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(aside); err != nil {
		t.Errorf("while the database is new: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
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

// What was set aside while the database was lost is there again when that is restored.
func TestContentComesBackWithItsRow(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	quarantine(t, s, "A", content)
	quarantine(t, s, "B", content)
	if swept, err := s.Sweep(t.Context()); err != nil || !swept.New || swept.Young+len(swept.Aside)+len(swept.Back) > 0 || swept.Missing != 0 {
		t.Errorf("%+v, %v", swept, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	safe := filepath.Join(t.TempDir(), "safe.db")
	if err := os.Rename(filepath.Join(dir, databaseName), safe); err != nil {
		t.Fatal(err)
	}
	if has, err := Exists(dir); has || err != nil {
		t.Error(has, err)
	}
	if err := os.WriteFile(filepath.Join(dir, databaseName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if has, err := Exists(dir); has || !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty file: %v, %v", has, err)
	}
	old := time.Now().Add(-time.Hour)
	for id, at := range map[string]time.Time{"A": old, "B": time.Now()} {
		if err := os.Chtimes(s.blobs.Path(id), at, at); err != nil {
			t.Fatal(err)
		}
	}
	lost := openStore(t, dir)
	if swept, err := lost.Sweep(t.Context()); err != nil || !swept.New || len(swept.Aside) != 1 || swept.Young != 1 {
		t.Errorf("the database is lost: %+v, %v", swept, err)
	}
	if err := lost.Close(); err != nil {
		t.Fatal(err)
	}
	if has, err := Exists(dir); !has || err != nil {
		t.Error(has, err)
	}
	if err := os.Rename(safe, filepath.Join(dir, databaseName)); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	if swept, err := s.Sweep(t.Context()); err != nil || swept.New || len(swept.Back) != 1 || len(swept.Aside) != 0 || swept.Missing != 0 {
		t.Errorf("it is restored: %+v, %v", swept, err)
	}
	for _, id := range []string{"A", "B"} {
		if got := readContent(t, s, id); got != content {
			t.Errorf("%s: %q", id, got)
		}
	}
	if err := os.Remove(s.blobs.Path("A")); err != nil {
		t.Fatal(err)
	}
	if swept, err := s.Sweep(t.Context()); err != nil || swept.Missing != 1 {
		t.Errorf("content is missing: %+v, %v", swept, err)
	}
}
