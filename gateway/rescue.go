package gateway

import (
	"context"
	"errors"
	"time"

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
// the damaged one as far as they can be read. Those that there is no room for, or that
// cannot be read now, come later.
func (s *Server) beginAnew(settings memory.Config, now time.Time, damage error) (*memory.Store, error) {
	aside, err := withRoom(s.store, func() (string, error) { return memory.SetAside(settings.Dir, now) })
	if err != nil {
		return nil, errors.Join(damage, err)
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
	switch {
	case errors.Is(err, memory.ErrFull):
		todo = "the disk has no room for all decisions, and the others are not in force: make room and leave the file, then they are taken over without a restart, and that is said"
	case errors.Is(err, memory.ErrUnread):
		todo = unreadTodo
	}
	s.log.Error("the memory was damaged and begins empty: until it has learned again, stolen conversations are known by what a message itself shows alone; "+todo,
		"damage", damage, "file", aside, "decisions", len(decisions), "err", errors.Join(err, errKept))
	return m, nil
}

// rescueParts is how many parts of the reserve decisions may cost, of the eight that it
// has: the others are for opening, and for deleting messages.
const rescueParts = 3

// unreadTodo says what to do about decisions that cannot be taken over now.
const unreadTodo = "not all decisions can be taken over now, and the others are not in force: leave the file, and close what has it open; it is tried again without a restart, and what comes of it is said"

// readUnread takes over the decisions that could not be before: there was no room for
// them, somebody had the file open, or the gateway was killed. What cannot be read
// because it is damaged never will be.
func (s *Server) readUnread() {
	if s.memory == nil {
		return
	}
	asides, err := memory.Unread(memoryConfig(s.cfg).Dir)
	if err != nil {
		return // the memory itself has said so
	}
	for _, aside := range asides {
		decisions, err := s.memory.Rescue(aside)
		switch {
		case errors.Is(err, memory.ErrAgain):
			return // it was said
		case errors.Is(err, memory.ErrUnread):
			s.log.Error("the memory was damaged: "+unreadTodo, "file", aside, "decisions", decisions, "err", err)
			return // what an older one says may have been taken back in this one
		case err != nil:
			s.log.Error("not all decisions of the memory that was damaged can be read; look through them: mxgate allow list", "file", aside, "decisions", decisions, "err", err)
		default:
			s.log.Info("all decisions of the memory that was damaged are taken over", "file", aside, "decisions", decisions)
		}
	}
}
