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
	mu    sync.Mutex
	seed  maphash.Seed
	since map[uint64]time.Time
}

// mostWaiting bounds the memory; when it is reached, the older half is forgotten.
const mostWaiting = 10000

// waitingEnds is longer than any client tries: RFC 5321, Section 4.5.4.1.
const waitingEnds = 7 * 24 * time.Hour

func newWaiting() *waiting {
	return &waiting{seed: maphash.MakeSeed(), since: map[uint64]time.Time{}}
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

// waited returns how long ago the message was deferred first.
func (w *waiting) waited(tx *mail.Transaction, e *policy.Evidence, now time.Time) time.Duration {
	key, ok := w.key(tx, e)
	w.mu.Lock()
	defer w.mu.Unlock()
	first, found := w.since[key]
	switch {
	case !ok || !found:
		return 0
	case now.Sub(first) > waitingEnds:
		delete(w.since, key)
		return 0
	}
	return now.Sub(first)
}

// deferred notes that the message is deferred now.
func (w *waiting) deferred(tx *mail.Transaction, e *policy.Evidence, now time.Time) {
	key, ok := w.key(tx, e)
	if !ok {
		return // what cannot be read is deferred by itself
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.since[key]; ok {
		return
	}
	if len(w.since) >= mostWaiting {
		w.forgetOlderHalf()
	}
	w.since[key] = now
}

func (w *waiting) forgetOlderHalf() {
	var oldest, newest time.Time
	for _, t := range w.since {
		if oldest.IsZero() || t.Before(oldest) {
			oldest = t
		}
		if t.After(newest) {
			newest = t
		}
	}
	middle := oldest.Add(newest.Sub(oldest) / 2)
	for k, t := range w.since {
		if !t.After(middle) {
			delete(w.since, k)
		}
	}
}
