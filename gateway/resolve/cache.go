package resolve

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	// shardsMax spreads the lock; a small cache is one shard, so that its
	// bound is exact.
	shardsMax   = 16
	shardedFrom = 1024

	// entryOctets is what an entry may take on average. Answers go up to 64
	// KiB over TCP: counting entries alone would let a stranger's zone fill
	// gigabytes.
	entryOctets = 1024
)

// cache holds entries until their TTL is over, least recently used out first.
// It holds at most the number of entries it was made for, and at most
// entryOctets for each of them in all.
type cache struct {
	seed   maphash.Seed
	shards []*shard
}

func newCache(entries int) *cache {
	n := 1
	if entries >= shardedFrom {
		n = shardsMax
	}
	c := &cache{seed: maphash.MakeSeed()}
	for range n {
		s := &shard{slots: map[question]*slot{}, entries: entries / n, octets: entries / n * entryOctets}
		s.recent.next, s.recent.prev = &s.recent, &s.recent
		c.shards = append(c.shards, s)
	}
	return c
}

func (c *cache) shard(q question) *shard {
	return c.shards[maphash.String(c.seed, q.name)%uint64(len(c.shards))]
}

// get returns the entry for q if it is still good at now, else nil.
func (c *cache) get(q question, now time.Time) *entry { return c.shard(q).get(q, now) }

// put keeps e for its TTL. An entry larger than a whole shard is not kept.
func (c *cache) put(q question, e *entry, now time.Time) {
	if e.ttl > 0 {
		c.shard(q).put(q, e, now)
	}
}

// held returns how many entries there are, and their octets.
func (c *cache) held() (entries, octets int) {
	for _, s := range c.shards {
		s.mu.Lock()
		entries += len(s.slots)
		octets += s.used
		s.mu.Unlock()
	}
	return entries, octets
}

// shard is one part of the cache: a map, and a ring from the most to the least
// recently used slot, joined at recent.
type shard struct {
	mu              sync.Mutex
	slots           map[question]*slot
	recent          slot
	entries, octets int // bounds
	used            int // octets of all slots
}

type slot struct {
	q          question
	e          *entry
	expires    time.Time
	octets     int
	prev, next *slot
}

func (s *shard) get(q question, now time.Time) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.slots[q]
	if found == nil {
		return nil
	}
	if !now.Before(found.expires) {
		s.drop(found)
		return nil
	}
	found.unlink()
	s.link(found)
	return found.e
}

func (s *shard) put(q question, e *entry, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.slots[q]; old != nil {
		s.drop(old)
	}
	added := &slot{q: q, e: e, expires: now.Add(e.ttl), octets: e.size() + len(q.name)}
	if added.octets > s.octets {
		return
	}
	for len(s.slots) >= s.entries || s.used+added.octets > s.octets {
		s.drop(s.recent.prev)
	}
	s.slots[q] = added
	s.used += added.octets
	s.link(added)
}

func (s *shard) drop(old *slot) {
	old.unlink()
	delete(s.slots, old.q)
	s.used -= old.octets
}

// link puts a slot at the recent end.
func (s *shard) link(x *slot) {
	x.prev, x.next = &s.recent, s.recent.next
	x.prev.next, x.next.prev = x, x
}

func (x *slot) unlink() { x.prev.next, x.next.prev = x.next, x.prev }

// size estimates the octets that e holds.
func (e *entry) size() int {
	const header = 16 // of a string; an address is near enough
	n := len(e.alias) + (header+8)*len(e.addrs)
	for _, s := range e.texts {
		n += header + len(s)
	}
	for _, mx := range e.exchanges {
		n += header + 8 + len(mx.Host)
	}
	for _, t := range e.tlsas {
		n += 2*header + len(t.Data)
	}
	return n
}
