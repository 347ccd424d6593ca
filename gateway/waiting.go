package gateway

import (
	"hash/maphash"
	"io"
	"sync"
	"time"

	"mxgate/policy"
	"mxgate/policy/mail"
)

// waiting remembers since when a message has been deferred for DNS trouble, so
// that a domain whose DNS stays broken does not hold its mail for ever. It
// forgets at a restart, which only makes the wait longer.
type waiting struct {
	mu   sync.Mutex
	seed maphash.Seed
	all  map[uint64]wait
}

// wait is when a message was deferred first, and since when for what others did not
// answer: zero where it was through us alone, which counts for nothing.
type wait struct{ first, since time.Time }

// mostWaiting bounds the memory; when it is reached, the older half is forgotten.
const mostWaiting = 10000

// waitingEnds is longer than any client tries: RFC 5321, Section 4.5.4.1.
const waitingEnds = 7 * 24 * time.Hour

func newWaiting() *waiting {
	return &waiting{seed: maphash.MakeSeed(), all: map[uint64]wait{}}
}

// key identifies a message over its deliveries. Everything that is judged is in
// it: a wait that was served for one message must not serve for another. The
// header as a whole is not, because the provider may add to it each time.
func (w *waiting) key(tx *mail.Transaction, e *policy.Evidence) (uint64, bool) {
	var h maphash.Hash
	h.SetSeed(w.seed)
	m := tx.Message
	for _, part := range []string{e.ReversePath, e.Author.Address, e.Origin.IP, m.First("Message-ID"), m.First("Date"), m.First("Subject"), m.First("From")} {
		h.WriteString(part)
		h.WriteByte(0)
	}
	for _, path := range e.ForwardPaths {
		h.WriteString(path)
		h.WriteByte(0)
	}
	_, err := io.Copy(&h, m.Body())
	return h.Sum64(), err == nil
}

// waited reports whether the message was deferred before, and returns how long ago it
// was first for what others did not answer.
func (w *waiting) waited(tx *mail.Transaction, e *policy.Evidence, now time.Time) (before bool, d time.Duration) {
	key, ok := w.key(tx, e)
	w.mu.Lock()
	defer w.mu.Unlock()
	was, found := w.all[key]
	switch {
	case !ok || !found:
		return false, 0
	case now.Sub(was.first) > waitingEnds:
		delete(w.all, key)
		return false, 0
	case was.since.IsZero():
		return true, 0
	}
	return true, now.Sub(was.since)
}

// deferred notes that the message is deferred now.
func (w *waiting) deferred(tx *mail.Transaction, e *policy.Evidence, now time.Time) {
	key, ok := w.key(tx, e)
	if !ok {
		return // what cannot be read is deferred by itself
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	was, found := w.all[key]
	if !found {
		if len(w.all) >= mostWaiting {
			w.forgetOlderHalf()
		}
		was.first = now
	}
	if was.since.IsZero() && !e.Hurried {
		was.since = now
	}
	w.all[key] = was
}

func (w *waiting) forgetOlderHalf() {
	var oldest, newest time.Time
	for _, was := range w.all {
		if oldest.IsZero() || was.first.Before(oldest) {
			oldest = was.first
		}
		if was.first.After(newest) {
			newest = was.first
		}
	}
	middle := oldest.Add(newest.Sub(oldest) / 2)
	for k, was := range w.all {
		if !was.first.After(middle) {
			delete(w.all, k)
		}
	}
}
