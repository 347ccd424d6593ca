package wire

import (
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"time"
)

// Once the processors are busy, a transaction that begins makes none end sooner:
// it holds memory while it waits for a processor, and makes the others wait. So
// it waits before it begins, where a session costs least.
const (
	// turnsPerProcessor is how many transactions are open before one has to wait:
	// enough that all processors have work while most wait for a client or a next
	// hop. Beyond that nobody waits as long as there is a processor to spare.
	turnsPerProcessor = 8
	// busyPerProcessor goroutines that are ready to run mean that none is.
	busyPerProcessor = 4
	// maxTurnWait is how long a transaction waits at most: those before it may be
	// held up by others. Clients wait five minutes: RFC 5321, Section 4.5.3.2.2.
	maxTurnWait = 5 * time.Second
	// turnInterval is how often it is asked whether there are processors again.
	turnInterval = 10 * time.Millisecond
)

// turns holds transactions back, first come first served, while the processors
// are busy.
type turns struct {
	busy func() bool     // the processors; asked with mu held
	live *sync.WaitGroup // of the Listener
	over <-chan struct{} // the Listener is closed

	mu      sync.Mutex
	open    int       // turns taken and not given back
	waiting []*waiter // in their order
}

// waiter is a transaction that waits for its turn.
type waiter struct {
	since time.Time
	begin chan struct{} // closed: it has its turn
}

func newTurns(live *sync.WaitGroup, over <-chan struct{}) turns {
	return turns{busy: (&processors{}).busy, live: live, over: over}
}

// atOnce is how many turns are taken whatever the processors do.
func atOnce() int { return turnsPerProcessor * runtime.GOMAXPROCS(0) }

// take waits for a turn, and reports whether it had to.
func (t *turns) take() (waited bool) {
	t.mu.Lock()
	if t.open < atOnce() || len(t.waiting) == 0 && !t.busy() {
		t.open++
		t.mu.Unlock()
		return false
	}
	w := &waiter{time.Now(), make(chan struct{})}
	t.waiting = append(t.waiting, w)
	if len(t.waiting) == 1 {
		t.live.Go(t.watch)
	}
	t.mu.Unlock()
	<-w.begin
	return true
}

// join takes a turn without waiting.
func (t *turns) join() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open++
}

// give gives a turn back, and reports whether somebody waits for one.
func (t *turns) give() (wanted bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open--
	wanted = len(t.waiting) > 0
	if wanted && (t.open < atOnce() || !t.busy()) { // those who have turns may be waiting for others
		t.admit(1)
	}
	return wanted
}

// admit gives the first n who wait their turn.
func (t *turns) admit(n int) {
	for _, w := range t.waiting[:min(n, len(t.waiting))] {
		t.open++
		close(w.begin)
	}
	t.waiting = slices.Delete(t.waiting, 0, min(n, len(t.waiting)))
}

// watch runs while somebody waits: the processors may be idle before a turn is
// given back, because those who have one wait for others.
func (t *turns) watch() {
	tick := time.NewTicker(turnInterval)
	defer tick.Stop()
	for waits := true; waits; {
		longest := maxTurnWait
		select {
		case <-tick.C:
		case <-t.over:
			longest = 0
		}
		t.mu.Lock()
		if !t.busy() {
			t.admit(atOnce())
		}
		for len(t.waiting) > 0 && time.Since(t.waiting[0].since) >= longest {
			t.admit(1)
		}
		waits = len(t.waiting) > 0
		t.mu.Unlock()
	}
}

// processors knows whether the processors have more to do than they can.
type processors struct {
	asked  time.Time
	sample [1]metrics.Sample
}

// busy asks the scheduler, at most once in a millisecond.
func (p *processors) busy() bool {
	if now := time.Now(); now.Sub(p.asked) >= time.Millisecond {
		p.asked = now
		p.sample[0].Name = "/sched/goroutines/runnable:goroutines"
		metrics.Read(p.sample[:])
	}
	return p.sample[0].Value.Uint64() > uint64(busyPerProcessor*runtime.GOMAXPROCS(0))
}
