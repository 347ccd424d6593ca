package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fill takes the room of the file system of dir, but for so many octets.
func fill(t *testing.T, dir string, but int64) (empty func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	info, err := f.Stat()
	if err == nil {
		err = errors.Join(f.Truncate(max(info.Size()-but, 0)), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// stopped is a data directory on a small disk, with a held message; whoever had it
// open has closed it, so that SQLite's own files are gone.
func stopped(t *testing.T) string {
	t.Helper()
	dir := mount(t, "size=6m")
	s := openStore(t, dir)
	quarantine(t, s, "A", content)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAStoreOpensOnAFullDiskAndAPersonCanMakeRoom(t *testing.T) {
	for _, free := range []int64{0, 4 << 10, 28 << 10, 32 << 10, 40 << 10} {
		dir := stopped(t)
		empty := fill(t, dir, free)
		for range 3 { // each start may spend of the reserve, and none all of it
			s, err := Open(dir)
			if err != nil {
				t.Fatalf("%d octets free: %v", free, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		s := openStore(t, dir)
		if readContent(t, s, "A") != content {
			t.Error("content differs")
		}
		if err := s.Quarantine(t.Context(), heldMessage("B"), strings.NewReader(content)); !errors.Is(err, ErrFull) {
			t.Errorf("%d octets free: held, or refused for another reason: %v", free, err)
		}
		if err := s.Trouble(); !errors.Is(err, ErrFull) {
			t.Errorf("Trouble: %v", err)
		}
		if !s.SpendReserve() {
			t.Error("nothing was left for deleting")
		}
		if err := s.Delete(t.Context(), "A", "erika"); err != nil {
			t.Errorf("%d octets free: %v", free, err)
		}
		empty()
		quarantine(t, s, "B", content)
		if err := s.Delete(t.Context(), "B", "erika"); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(s.reserve()); err != nil || info.Size() != reserveOctets {
			t.Errorf("the reserve was not restored: %v, %v", info, err)
		}
	}
}

func TestAStoreThatHasNoRoomToBeOpenedSaysSo(t *testing.T) {
	dir := stopped(t)
	if err := os.Remove(filepath.Join(dir, "reserve")); err != nil {
		t.Fatal(err)
	}
	empty := fill(t, dir, 8<<10)
	s, err := Open(dir)
	if !errors.Is(err, ErrFull) || errors.Is(err, ErrNotWritable) || !strings.Contains(err.Error(), "the file system of "+dir+" has not the 128 KiB free") || !strings.Contains(err.Error(), "remove other files") {
		t.Fatalf("%v, %v", s, err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("a sentence: %q", err)
	}
	empty()
	s = openStore(t, dir)
	if readContent(t, s, "A") != content {
		t.Error("content differs")
	}
}

func TestANewStoreOnAFullDiskAsksForRoom(t *testing.T) {
	for options, says := range map[string]string{"size=1m": "has not the 128 KiB free", "size=1m,nr_inodes=50": "expected room for a new database"} {
		dir := mount(t, options)
		fill(t, dir, 0)
		s, err := Open(filepath.Join(dir, "data"))
		if !errors.Is(err, ErrFull) || errors.Is(err, ErrNotWritable) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "mode 0700") {
			t.Errorf("%s: %v, %v", options, s, err)
		}
	}
}
