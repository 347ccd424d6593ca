package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxgate/gateway/disk/disktest"
)

// stopped is a data directory on a small disk, with a held message; whoever had it
// open has closed it, so that SQLite's own files are gone.
func stopped(t *testing.T) string {
	t.Helper()
	dir := disktest.Mount(t, "size=6m")
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
		empty := disktest.Fill(t, dir, free)
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
	empty := disktest.Fill(t, dir, 8<<10)
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
		dir := disktest.Mount(t, options)
		disktest.Fill(t, dir, 0)
		s, err := Open(filepath.Join(dir, "data"))
		if !errors.Is(err, ErrFull) || errors.Is(err, ErrNotWritable) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "mode 0700") {
			t.Errorf("%s: %v, %v", options, s, err)
		}
	}
}

// What was journaled on a full disk is not lost by a stop, and the next start has
// room all the same.
func TestAStoreThatIsClosedOnAFullDiskWritesItsJournal(t *testing.T) {
	dir := disktest.Mount(t, "size=8m")
	failed := make(chan error, 100)
	s, err := Config{Dir: dir, OnError: func(err error) { failed <- err }}.Open()
	if err != nil {
		t.Fatal(err)
	}
	quarantine(t, s, "A", content)
	disktest.Fill(t, dir, 0)
	const entries = 50
	evidence := []byte(`"` + strings.Repeat("x", 3000) + `"`)
	for i := range entries {
		s.Journal(Entry{ID: fmt.Sprint("J", i), At: noon, Evidence: evidence})
	}
	if err := <-failed; !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if info, err := os.Stat(s.reserve()); err != nil || info.Size() < closeLeaves || info.Size() == reserveOctets {
		t.Errorf("the reserve: %v, %v", info, err)
	}
	s = openStore(t, dir)
	got, err := s.Entries(t.Context(), Filter{})
	if err != nil || len(got) != entries {
		t.Errorf("%d entries, %v; want %d", len(got), err, entries)
	}
	if err := s.Delete(t.Context(), "A", "erika"); err != nil {
		t.Error(err)
	}
}

// A release on a full disk either says what to do and sends nothing, or is written
// down: else it would be delivered again.
func TestAReleaseOnAFullDiskIsNotDeliveredTwice(t *testing.T) {
	dir := disktest.Mount(t, "size=6m")
	s := openStore(t, dir)
	for _, id := range []string{"A", "B"} {
		quarantine(t, s, id, content)
	}
	if err := s.Release(t.Context(), "A", "erika", func(_ context.Context, h Held, _ *os.File, note func(Delivered) error) error {
		disktest.Fill(t, dir, 0)
		return note(Delivered{NextHop: "mail", Settled: all(h).Settled, Refused: []string{strings.Repeat("x", 60<<10)}})
	}); err != nil {
		t.Errorf("delivered, and not written down: %v", err)
	}
	for s.SpendReserve() {
		disktest.Fill(t, dir, 0)
	}
	err := s.Release(t.Context(), "B", "erika", delivers(func(context.Context, Held, *os.File) error {
		t.Error("sent")
		return nil
	}))
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "nothing was sent") || !strings.Contains(err.Error(), "delete messages or make room on the file system of "+dir) {
		t.Errorf("%v", err)
	}
}
