package gateway

import (
	"hash/maphash"
	"sync"
	"time"

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

func newWaiting() *waiting {
	return &waiting{seed: maphash.MakeSeed(), since: map[uint64]time.Time{}}
}

// key identifies a message over its deliveries: the client sends it again with
// the same envelope and Message-ID.
func (w *waiting) key(tx *mail.Transaction) uint64 {
	var h maphash.Hash
	h.SetSeed(w.seed)
	h.WriteString(tx.Envelope.ReversePath.String())
	h.WriteByte(0)
	h.WriteString(tx.Message.First("Message-ID"))
	h.WriteByte(0)
	h.WriteString(tx.Message.First("Date"))
	return h.Sum64()
}

// waited returns how long ago the message was deferred first.
func (w *waiting) waited(tx *mail.Transaction, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if first, ok := w.since[w.key(tx)]; ok {
		return now.Sub(first)
	}
	return 0
}

// deferred notes that the message is deferred now.
func (w *waiting) deferred(tx *mail.Transaction, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := w.key(tx)
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
