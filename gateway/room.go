package gateway

import (
	"context"
	"log/slog"
	"time"

	"mxgate/gateway/store"
)

const (
	// roomLook is how often it is asked whether there is room to hold mail.
	roomLook = 5 * time.Second
	// roomSettled is for how many looks in a row there must be room, before it is
	// said to be back: a disk at its limit goes to and fro.
	roomSettled = 3
)

// roomWatch says once when mail can no longer be held for lack of room, and once
// when it can again. Clients hear 452 and try again: nobody else would notice.
type roomWatch struct {
	store *store.Store
	log   *slog.Logger
	short bool // it was said
	good  int  // looks in a row that found room since
}

// look is to be called now and then.
func (w *roomWatch) look(ctx context.Context) {
	w.store.KeepReserve()
	err := w.store.Room(ctx)
	switch {
	case err != nil && !w.short:
		w.short = true
		w.log.Error("no room to hold mail: what would be quarantined is deferred with 452 until there is room; the rest is relayed", "err", err)
	case err == nil && w.short:
		if w.good++; w.good < roomSettled {
			return
		}
		w.short = false
		w.log.Info("there is room to hold mail again")
	}
	w.good = 0
}

// watchRoom looks at the room until ctx ends, and uses it for what waits for some.
func (s *Server) watchRoom(ctx context.Context) {
	tick := time.NewTicker(roomLook)
	defer tick.Stop()
	for w := (&roomWatch{store: s.store, log: s.log}); ; {
		if w.look(ctx); !w.short {
			s.readUnread()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
