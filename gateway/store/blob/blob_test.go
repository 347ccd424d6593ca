package blob

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnIDIsAFileNameAndNothingElse(t *testing.T) {
	for _, id := range []string{"a", "A-9", strings.Repeat("x", maxIDOctets)} {
		if err := CheckID(id); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{"", ".", "..", "../a", "a/b", `a\b`, "a.eml", "a b", "a\x00", "ä", "a\n", strings.Repeat("x", maxIDOctets+1)} {
		if err := CheckID(id); !errors.Is(err, ErrBadID) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func FuzzCheckID(f *testing.F) {
	f.Add("20260301-AbC")
	f.Add("../../etc/passwd")
	d := &Dir{root: "/data"}
	f.Fuzz(func(t *testing.T, id string) {
		if CheckID(id) != nil {
			return
		}
		path := d.Path(id)
		if filepath.Clean(path) != path || filepath.Base(path) != id+".eml" || strings.Count(path, "/") != 4 {
			t.Errorf("%q lies at %q", id, path)
		}
	})
}

func TestPutNeverReplacesContent(t *testing.T) {
	d, err := New(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := d.Put(t.Context(), "A", strings.NewReader("first"), Sum{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Put(t.Context(), "A", strings.NewReader("second"), Sum{}); !errors.Is(err, ErrExists) {
		t.Errorf("%v", err)
	}
	f, err := d.Open("A", sum)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); err != nil || string(got) != "first" {
		t.Errorf("%q, %v", got, err)
	}
	if err := d.Remove("A"); err != nil {
		t.Error(err)
	}
	if err := d.Remove("A"); err != nil {
		t.Errorf("what is gone is removed: %v", err)
	}
	if _, err := d.Open("A", sum); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%v", err)
	}
}

// The directories above the root may be missing too, and must be durable.
func TestNewSyncsEveryDirectoryAboveWhatItCreates(t *testing.T) {
	base := t.TempDir()
	noted := &notingDisk{}
	if _, err := New(filepath.Join(base, "a", "b"), noted); err != nil {
		t.Fatal(err)
	}
	want := []string{base, base + "/a", base + "/a/b/blobs", base + "/a/b"}
	if strings.Join(noted.synced, " ") != strings.Join(want, " ") {
		t.Errorf("%q", noted.synced)
	}
	if info, err := os.Stat(base + "/a"); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

type notingDisk struct {
	osDisk
	synced []string
}

func (d *notingDisk) SyncDir(path string) error {
	d.synced = append(d.synced, path)
	return d.osDisk.SyncDir(path)
}
