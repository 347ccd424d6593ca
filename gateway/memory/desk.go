package memory

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"mxgate/gateway/calendar"
	"mxgate/gateway/memory/digest"
)

// Bounds of a batch, and of what waits while commits fail.
const (
	maxBatch     = 1000                  // observations of a commit
	batchDelay   = time.Second           // longest wait of an observation for its commit
	learnDelay   = 20 * time.Millisecond // from the first message that waits until it is learned
	pollDelay    = time.Second / 2       // between looks for what tools have written
	retryDelay   = 5 * time.Second       // between tries of a commit that fails
	maxUnwritten = 100 * maxBatch        // observations; then learning stops until a commit succeeds
)

// changes is what is in the ram and not yet in the database.
type changes struct {
	observations int
	ids          []uint64
	threads      map[uint32]struct{}
	edges, names map[uint64]struct{}
	domains      []*domain
	counts       map[uint32]struct{} // domains whose counts alone have changed
	gone         []uint32
	requests     []int64 // taken over from tools
	meta         bool
	stand        bool // the index of known domains has changed
}

func newChanges() *changes {
	return &changes{threads: map[uint32]struct{}{}, edges: map[uint64]struct{}{}, names: map[uint64]struct{}{}, counts: map[uint32]struct{}{}}
}

func (c *changes) domain(d *domain) {
	if !d.dirty {
		d.dirty = true
		c.domains = append(c.domains, d)
		c.meta = true // the number that comes next
	}
}

// counted notes that there was contact with d. Its counts are packed with the
// edges; its row is written when something else changes, and once a day.
func (c *changes) counted(d *domain) {
	d.counted = true
	c.counts[d.id] = struct{}{}
}

func (c *changes) empty() bool {
	return c.observations == 0 && len(c.ids)+len(c.threads)+len(c.edges)+len(c.names)+len(c.counts)+len(c.domains)+len(c.gone)+len(c.requests) == 0 && !c.meta
}

// desk is what the writer goroutine works with.
type desk struct {
	s *Store
	learner
	meta    meta
	config  Config
	failing time.Time // when the last commit failed; zero if it did not
	taken   int64     // number of the last request taken over
	poll    bool      // more requests wait than were taken at once
	unread  string    // the file whose Rescue was put off, when that was told
	compaction
}

func (k *desk) open(s *Store, c Config, m meta) {
	k.s, k.meta, k.config = s, m, c
	k.learner = learner{ram: s.ram, lock: func() { s.mu.Lock(); k.locked = true }, unlock: func() { k.locked = false; s.mu.Unlock() }, changed: newChanges(), limits: s.limits, lastOut: m.lastOut, latest: s.ram.newest()}
	now := calendar.EndOf(k.latest)
	for own := range s.digester.Own {
		d := s.ram.byName[own]
		if d == nil {
			d = s.ram.enter(&domain{name: own})
			k.changed.domain(d)
		}
		d.ours = true
	}
	for _, d := range s.ram.byName {
		if d.established {
			s.ram.settle(d, now)
		}
	}
	k.changed.meta = true
	k.poll = true                      // for what was asked while none served
	k.octets, _ = s.db.segmentOctets() // if it cannot be told, the first commit will say why
}

// serve is the writer goroutine: it alone changes the ram and writes what was
// learned.
func (s *Store) serve() {
	k := &s.desk
	tick := time.NewTicker(pollDelay)
	defer tick.Stop()
	soon := time.NewTimer(learnDelay)
	soon.Stop()
	defer soon.Stop()
	last := time.Now()
	for {
		select {
		case <-s.wake:
			soon.Reset(learnDelay)
		case <-soon.C:
			s.called.Store(false) // before it looks: who comes from now on calls
			s.report(k.guard(func() error { k.takeAll(); return nil }))
		case c := <-s.calls:
			c.done <- k.guard(c.do)
		case <-tick.C:
			s.report(k.guard(k.look))
			if time.Since(last) >= batchDelay && !k.waiting() {
				s.report(k.guard(k.commit))
				last = time.Now()
			}
		case <-s.closing:
			s.lastErr = k.guard(k.drain)
			return
		}
		if k.changed.observations >= maxBatch && !k.waiting() {
			s.report(k.guard(k.commit))
			last = time.Now()
		}
	}
}

// guard hands a panic back as an error: a fault of ours in learning must not stop
// the mail.
func (k *desk) guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if k.locked { // who asks must not wait for ever
				k.unlock()
			}
			err = fmt.Errorf("memory: panic: %v", p)
		}
	}()
	return do()
}

// report tells of an error once, until it changes or all is well again.
func (s *Store) report(err error) {
	if err == nil {
		if s.desk.failing.IsZero() {
			s.trouble.Store(nil)
		}
		return
	}
	text := err.Error()
	if old := s.trouble.Load(); old == nil || *old != text {
		s.onError(err)
	}
	s.trouble.Store(&text)
}

// waiting reports whether a commit has just failed.
func (k *desk) waiting() bool { return !k.failing.IsZero() && time.Since(k.failing) < retryDelay }

// take learns one message of now, unless too much waits for a disk that fails.
func (k *desk) take(d *digest.Digest) {
	if k.changed.observations >= maxUnwritten {
		k.s.dropped.Add(1)
		return
	}
	d.Day = k.meta.Dated(d.Day)
	k.study(d)
}

// takeAll learns the messages that wait, as many as a batch may hold.
func (k *desk) takeAll() {
	for range maxBatch {
		select {
		case d := <-k.s.queue:
			k.take(d)
		default:
			return
		}
	}
	k.s.call() // there may be more
}

// study learns one message.
func (k *desk) study(d *digest.Digest) {
	k.changed.observations++
	k.learn(d)
	k.s.learned.Store(k.learned)
	k.s.capped.Store(k.capped)
	if k.changed.stand {
		k.changed.stand = false
		k.s.stand.Add(1)
	}
}

// drain learns and commits all that waits.
func (k *desk) drain() error {
	for {
		select {
		case d := <-k.s.queue:
			if k.take(d); k.changed.observations >= maxBatch {
				if err := k.commit(); err != nil {
					return err
				}
			}
		default:
			if err := k.look(); err != nil {
				return err
			}
			if !k.poll {
				return k.commit()
			}
		}
	}
}

// finish is drain, and ends a compaction that is under way.
func (k *desk) finish() error {
	err := k.drain()
	for err == nil && (k.due() || k.running) {
		err = k.tidy()
	}
	if err != nil {
		return err
	}
	return k.scrub()
}

// commit makes room, writes what has changed, and does a turn of a compaction.
func (k *desk) commit() error {
	k.evict()
	if err := k.write(); err != nil {
		return err
	}
	if err := k.tidy(); err != nil {
		return err
	}
	return k.scrub()
}

// write writes what has changed. What cannot be written is kept.
func (k *desk) write() error {
	c := k.changed
	if c.empty() {
		return nil
	}
	b := batch{domains: c.domains, gone: c.gone, done: c.requests}
	if c.meta || k.meta.lastOut != k.lastOut {
		k.meta.nextThread, k.meta.nextDomain, k.meta.since, k.meta.lastOut = k.NextThread, k.next, k.since, k.lastOut
		m := k.meta
		b.meta = &m
	}
	if len(c.ids)+len(c.threads) > 0 {
		slices.Sort(c.ids)
		b.segments = append(b.segments, k.PackConversations(slices.Collect(maps.Keys(c.threads)), slices.Compact(c.ids)))
	}
	if len(c.edges)+len(c.names)+len(c.counts) > 0 {
		b.segments = append(b.segments, k.PackCorrespondence(slices.Collect(maps.Keys(c.edges)), slices.Collect(maps.Keys(c.names)), k.counts(c.counts)))
	}
	if err := k.s.db.commit(b); err != nil {
		k.failing = time.Now()
		return err
	}
	for _, g := range b.segments {
		k.octets += int64(len(g.Body))
	}
	k.failing = time.Time{}
	k.s.trouble.Store(nil)
	for _, d := range c.domains {
		d.dirty, d.counted = false, false
	}
	stand := c.stand
	*c = *newChanges()
	c.stand = stand
	return nil
}

// look takes over what other processes have written since.
func (k *desk) look() error {
	changed, err := k.s.db.changed()
	if err != nil || !changed && !k.poll {
		return err
	}
	if err := k.s.readDecisions(); err != nil {
		return err
	}
	requests, err := k.s.db.requests(k.taken)
	if err != nil {
		return err
	}
	k.poll = len(requests) == takeAtOnce
	for _, r := range requests {
		k.taken = r.seq
		k.changed.requests = append(k.changed.requests, r.seq)
		if err := k.answer(r); err != nil {
			k.s.onError(fmt.Errorf("memory: request %d (%.20q) of a tool: %w", r.seq, r.kind, err))
		}
		k.takeAll() // a long list must not cost what comes meanwhile
	}
	if len(requests) > 0 {
		return k.commit()
	}
	return nil
}
