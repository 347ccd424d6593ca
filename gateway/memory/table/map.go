// Package table holds millions of small entries in RAM, without a pointer for
// each: what a Go map would take three times the room for, and what the garbage
// collector need not look at. LOOKALIKE section 6.
//
// It is not safe for concurrent use; the room above has the lock.
package table

import (
	"math/bits"
	"unsafe"
)

// Shards is how many parts a Map has. Each grows on its own, so that no single
// insert pays for moving all entries.
const Shards = 256

// Load factors: a shard grows by a quarter when it is fuller than fullest, and is
// rebuilt after deletions when it is emptier than a third.
const (
	leastSlots  = 8
	fullestPerC = 85
)

// Map is a hash table from 64 bits to V with open addressing and linear probing.
// V should have no pointers. The zero Map is empty.
type Map[V any] struct {
	shards [Shards]shard[V]
	n      int
}

type shard[V any] struct {
	keys []uint64 // 0: free
	vals []V
	n    int
}

// mix spreads keys that are not uniform (a recipient and a domain number side by
// side); it is one to one.
func mix(k uint64) uint64 {
	k ^= k >> 32
	k *= 0xd6e8feb86659fd93
	k ^= k >> 32
	k *= 0xd6e8feb86659fd93
	return k ^ k>>32
}

// nonzero is the key that is kept: 0 means free.
func nonzero(k uint64) uint64 {
	if k == 0 {
		return 1
	}
	return k
}

func (m *Map[V]) shard(k uint64) *shard[V] { return &m.shards[mix(k)%Shards] }

func (s *shard[V]) home(k uint64) int {
	hi, _ := bits.Mul64(mix(k), uint64(len(s.keys)))
	return int(hi)
}

// find returns the slot of k, or the free one where it belongs.
func (s *shard[V]) find(k uint64) int {
	i := s.home(k)
	for s.keys[i] != k && s.keys[i] != 0 {
		if i++; i == len(s.keys) {
			i = 0
		}
	}
	return i
}

// Len is the number of entries.
func (m *Map[V]) Len() int { return m.n }

// Bytes is what the slots take, free ones included.
func (m *Map[V]) Bytes() int {
	var v V
	slots := 0
	for i := range m.shards {
		slots += len(m.shards[i].keys)
	}
	return slots * (8 + int(unsafe.Sizeof(v)))
}

// Get returns the value of a key.
func (m *Map[V]) Get(key uint64) (v V, ok bool) {
	key = nonzero(key)
	s := m.shard(key)
	if s.n == 0 {
		return v, false
	}
	i := s.find(key)
	return s.vals[i], s.keys[i] != 0
}

// Set puts the value of a key, and reports whether the key is new.
func (m *Map[V]) Set(key uint64, v V) bool {
	key = nonzero(key)
	s := m.shard(key)
	if (s.n+1)*100 > len(s.keys)*fullestPerC {
		s.resize(max(leastSlots, len(s.keys)+len(s.keys)/4))
	}
	i := s.find(key)
	fresh := s.keys[i] == 0
	if fresh {
		s.keys[i] = key
		s.n++
		m.n++
	}
	s.vals[i] = v
	return fresh
}

func (s *shard[V]) resize(slots int) {
	old := *s
	s.keys, s.vals = make([]uint64, slots), make([]V, slots)
	for i, k := range old.keys {
		if k != 0 {
			j := s.find(k)
			s.keys[j], s.vals[j] = k, old.vals[i]
		}
	}
}

// Delete takes a key out, and reports whether it was there.
func (m *Map[V]) Delete(key uint64) bool {
	key = nonzero(key)
	s := m.shard(key)
	if s.n == 0 {
		return false
	}
	i := s.find(key)
	if s.keys[i] == 0 {
		return false
	}
	s.remove(i)
	m.n--
	return true
}

// remove frees slot i and moves back what was pushed beyond it: no tombstones.
func (s *shard[V]) remove(i int) {
	n := len(s.keys)
	for j := i; ; {
		if j++; j == n {
			j = 0
		}
		if s.keys[j] == 0 {
			break
		}
		if away := (j - s.home(s.keys[j]) + n) % n; away >= (j-i+n)%n {
			s.keys[i], s.vals[i] = s.keys[j], s.vals[j]
			i = j
		}
	}
	var zero V
	s.keys[i], s.vals[i] = 0, zero
	s.n--
}

// Each calls do for every entry of a shard. do must not change the Map.
func (m *Map[V]) Each(shard int, do func(key uint64, v V)) {
	s := &m.shards[shard]
	for i, k := range s.keys {
		if k != 0 {
			do(k, s.vals[i])
		}
	}
}

// Filter takes the entries of a shard out that keep does not want, and returns
// how many. keep may change the value it keeps.
func (m *Map[V]) Filter(shard int, keep func(key uint64, v *V) bool) int {
	s := &m.shards[shard]
	var out []uint64
	for i, k := range s.keys {
		if k != 0 && !keep(k, &s.vals[i]) {
			out = append(out, k)
		}
	}
	for _, k := range out {
		s.remove(s.find(k))
	}
	m.n -= len(out)
	if s.n < len(s.keys)/3 && len(out) > 0 {
		s.resize(max(leastSlots, s.n*100/fullestPerC+s.n/8+1))
	}
	return len(out)
}
