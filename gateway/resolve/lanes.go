package resolve

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Bounds of the questions, and so of the sockets, in flight: a flood of sessions must
// not eat the file descriptors of the relay.
const (
	maxFresh = 512
	maxSlow  = 512

	// slowAfter is how old a question is that counts as slow. Most names of which
	// nobody has asked yet are answered for in a fifth of that.
	slowAfter = 500 * time.Millisecond
)

// errBusy is the cause of a failure that is ours: no slot was free.
var errBusy = errors.New("resolve: too many questions wait for an answer")

// lanes are the slots of the questions in flight. One that is not answered soon leaves
// the fresh lane for the slow one, and ends where that is full: whoever has us ask for
// names whose servers are slow takes their slots from each other, and not from names
// whose servers answer.
type lanes struct{ fresh, slow chan struct{} }

func newLanes() lanes {
	return lanes{make(chan struct{}, maxFresh), make(chan struct{}, maxSlow)}
}

// full reports whether a question that is asked now has to wait.
func (l lanes) full() bool { return len(l.fresh) == cap(l.fresh) }

// enter waits for a slot, and reports whether there was one before ctx ended. The
// context it returns ends with ctx, or with the cause errBusy; leave gives the slot back.
func (l lanes) enter(ctx context.Context) (_ context.Context, leave func(), ok bool) {
	select {
	case l.fresh <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, false
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var mu sync.Mutex
	held := l.fresh // nil: given back
	timer := time.AfterFunc(slowAfter, func() {
		mu.Lock()
		defer mu.Unlock()
		if held == nil {
			return
		}
		select {
		case l.slow <- struct{}{}:
			<-held
			held = l.slow
		default:
			cancel(errBusy)
		}
	})
	return ctx, func() {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		<-held
		held = nil
		cancel(nil)
	}, true
}
