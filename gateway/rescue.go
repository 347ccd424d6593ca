package gateway

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mxgate/gateway/disk"
	"mxgate/gateway/memory"
	"mxgate/gateway/store"
)

// withRoom does what the start of a memory needs, on a full disk with the room of
// the reserve.
func withRoom[T any](st *store.Store, do func() (T, error)) (T, error) {
	t, err := do()
	for errors.Is(err, memory.ErrFull) && st.SpendReserve() {
		t, err = do()
	}
	return t, err
}

// beginAnew keeps a damaged memory beside an empty one, which has the decisions of
// the damaged one as far as they can be read. Those that there is no room for come
// later.
func (s *Server) beginAnew(settings memory.Config, now time.Time, damage error) (*memory.Store, error) {
	aside, err := withRoom(s.store, func() (string, error) { return memory.SetAside(settings.Dir, now) })
	if err != nil {
		return nil, errors.Join(damage, err)
	}
	var unmarked error
	if aside != "" {
		unmarked = disk.CreateEmpty(s.store.SpoolDir(), aside+unreadSuffix)
	}
	m, err := withRoom(s.store, func() (*memory.Store, error) { return memory.Open(settings) })
	if err != nil {
		return nil, errors.Join(damage, err)
	}
	_, err = m.Rescue(aside)
	for part := 0; errors.Is(err, memory.ErrFull) && part < rescueParts && s.store.SpendReserve(); part++ {
		_, err = m.Rescue(aside)
	}
	decisions, errKept := m.Decisions(context.Background())
	todo := "look through the decisions: mxgate allow list"
	if errors.Is(err, memory.ErrFull) {
		todo = "the disk has no room for all decisions, and the others are not in force: make room and leave the file, then they are taken over without a restart, and that is said"
	} else {
		unmarked = unmark(aside)
	}
	s.log.Error("the memory was damaged and begins empty: until it has learned again, stolen conversations are known by what a message itself shows alone; "+todo,
		"damage", damage, "file", aside, "decisions", len(decisions), "err", errors.Join(err, errKept, unmarked))
	return m, nil
}

// rescueParts is how many parts of the reserve decisions may cost, of the eight that it
// has: the others are for opening, and for deleting messages.
const rescueParts = 3

// unreadSuffix is that of an empty file beside a memory that was set aside: its
// decisions have not all been taken over.
const unreadSuffix = ".unread"

// unmark says that no more decisions are to be had of a memory that was set aside.
func unmark(aside string) error {
	if err := os.Remove(aside + unreadSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// readUnread takes over the decisions that there was no room for, now that there is
// some. What cannot be read for another reason never will be.
func (s *Server) readUnread() {
	if s.memory == nil {
		return
	}
	dir := memoryConfig(s.cfg).Dir
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // the memory itself has said so
	}
	for _, e := range slices.Backward(entries) { // the newest first
		name, marked := strings.CutSuffix(e.Name(), unreadSuffix)
		if !marked {
			continue
		}
		aside, decisions := filepath.Join(dir, name), 0
		if _, err = os.Stat(aside); err == nil { // otherwise SQLite would make it
			decisions, err = s.memory.Rescue(aside)
		}
		if errors.Is(err, memory.ErrFull) {
			return // it was said
		}
		if err = errors.Join(err, unmark(aside)); err != nil {
			s.log.Error("not all decisions of the memory that was damaged can be read; look through them: mxgate allow list", "file", aside, "decisions", decisions, "err", err)
		} else {
			s.log.Info("all decisions of the memory that was damaged are taken over", "file", aside, "decisions", decisions)
		}
	}
}
