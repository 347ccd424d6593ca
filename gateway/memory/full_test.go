package memory

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxgate/gateway/disk/disktest"
)

// onSmallDisk is a memory on a file system of 4 MiB that was closed, with all room
// but free octets taken once damage was done to it.
func onSmallDisk(t *testing.T, free int64, damage func(path string) error) (w *world, empty func()) {
	t.Helper()
	disk := disktest.Mount(t, "size=4m")
	w = newWorld(t, func(c *Config) { c.Dir = filepath.Join(disk, "memory") })
	w.establish(0, "a@partner.example")
	if err := damage(w.closed()); err != nil {
		t.Fatal(err)
	}
	return w, disktest.Fill(t, disk, free)
}

// wantFull fails unless err says what is full and what to do.
func (w *world) wantFull(err error) {
	w.Helper()
	if !errors.Is(err, ErrFull) || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), filepath.Join(w.config.Dir, "memory.")) || !strings.Contains(err.Error(), "remove other files from it") {
		w.Errorf("got %v", err)
	}
}

func TestAMemoryThatHasNoRoomToBeOpenedSaysSoAndLosesNothing(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"as it was":       func(string) error { return nil },
		"an older schema": alter("ALTER TABLE domain DROP COLUMN second; PRAGMA user_version = 2"),
	} {
		t.Run(name, func(t *testing.T) {
			w, empty := onSmallDisk(t, 8<<10, damage)
			for _, w.config.Beside = range []bool{true, false} {
				_, err := Open(w.config)
				w.wantFull(err)
			}
			empty()
			w.open()
			if got := w.ask(20, "a@partner.example").Author.Messages; got != 3 {
				t.Errorf("%d messages", got)
			}
		})
	}
}

// Whatever the room, the old database is in its place, or a whole new one is.
func TestADamagedMemoryIsSetAsideWholeOrNotAtAll(t *testing.T) {
	aside, full := 0, 0
	for free := int64(32 << 10); free <= 160<<10; free += 8 << 10 {
		w, empty := onSmallDisk(t, free, func(path string) error {
			return os.WriteFile(path, bytes.Repeat([]byte("x"), 8192), 0o600)
		})
		path := filepath.Join(w.config.Dir, databaseName)
		moved, err := SetAside(w.config.Dir, day(0))
		kept := moved
		if err == nil {
			aside++
		} else {
			full++
			w.wantFull(err)
			kept = path
		}
		if content, err := os.ReadFile(kept); err != nil || !bytes.Equal(content, bytes.Repeat([]byte("x"), 8192)) {
			t.Errorf("%d octets free: the old one has %d octets, %v", free, len(content), err)
		}
		empty()
		if moved == "" {
			if _, err = SetAside(w.config.Dir, day(0)); err != nil {
				t.Error(err)
			}
		}
		w.open()
		w.learn(w.from(0, "a@partner.example"))
		if left, err := filepath.Glob(filepath.Join(w.config.Dir, "memory.new.*")); err != nil || len(left) > 0 {
			t.Errorf("left: %q, %v", left, err)
		}
		if err := w.Store.Close(); err != nil {
			t.Error(err)
		}
	}
	if aside == 0 || full == 0 {
		t.Errorf("%d set aside, %d had no room: both are to be seen", aside, full)
	}
}
