package resolve

import (
	"sync/atomic"
	"time"
)

// Stats is what the resolver did since New.
type Stats struct {
	Questions  uint64        // asked of servers: not answered by the cache, not joined to one in flight
	Waited     time.Duration // for all Questions together, each from first try to answer or failure
	Failures   uint64        // Questions that no server could answer: dns.ErrTemporary
	CacheHits  uint64
	OverBudget uint64 // look-ups refused because the Budget of their message was spent
	Busy       uint64 // Questions given up because too many waited for an answer; in no other count of failures
	Timeouts   uint64 // tries in which a server stayed silent
	ServFails  uint64 // tries answered with SERVFAIL
	TCPRetries uint64 // repeated over TCP: truncated, or strays came
	Strays     uint64 // datagrams that did not answer the question asked: spoofing, or late

	Entries, Octets int // in the cache now, those past their TTL and not yet dropped among them

	// FailingSince is when the first of a row of questions began that no server
	// answered at all; zero while they answer. A SERVFAIL is an answer: it is
	// mostly the asked domain's trouble.
	FailingSince time.Time
}

type counters struct {
	questions, failures, hits, overBudget, busy, timeouts, servFails, tcpRetries, strays atomic.Uint64

	waited       atomic.Int64 // nanoseconds
	failingSince atomic.Pointer[time.Time]
}

// Stats returns the counters; they are read one by one.
func (r *Resolver) Stats() Stats {
	s := Stats{
		Questions:  r.counters.questions.Load(),
		Waited:     time.Duration(r.counters.waited.Load()),
		Failures:   r.counters.failures.Load(),
		CacheHits:  r.counters.hits.Load(),
		OverBudget: r.counters.overBudget.Load(),
		Busy:       r.counters.busy.Load(),
		Timeouts:   r.counters.timeouts.Load(),
		ServFails:  r.counters.servFails.Load(),
		TCPRetries: r.counters.tcpRetries.Load(),
		Strays:     r.counters.strays.Load(),
	}
	s.Entries, s.Octets = r.cache.held()
	if since := r.counters.failingSince.Load(); since != nil {
		s.FailingSince = *since
	}
	return s
}
