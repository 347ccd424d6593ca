// Package memo remembers what was worked out of texts that come again and again:
// DNS records. It decides nothing and never forgets for time's sake: the same
// text always means the same.
package memo

import (
	"strings"
	"sync"
)

// perEntry is what an entry takes besides its text, about.
const perEntry = 1 << 10

// Memo maps keys to what was worked out of them. It is safe for concurrent use.
//
// A sender chooses the texts of his records, so that the whole text has to be
// part of the key, and what is kept is bounded: there are two generations, each
// of at most the octets it was made for. When the younger one is full the older
// one is dropped; what is asked for again passes into the younger one. So who
// floods it costs others their place, never more than the work saved.
type Memo[K comparable, V any] struct {
	mu         sync.Mutex
	young, old map[K]entry[V]
	octets     int // of young
	most       int
	own        func(K) K
}

// entry is what is kept, and how many octets of texts are counted for it.
type entry[V any] struct {
	value  V
	octets int
}

// New returns a Memo that keeps about octets twice. own returns a key in memory
// of its own, for keys that are pieces of something longer, such as a domain of a
// header field; nil if they are not.
func New[K comparable, V any](octets int, own func(K) K) *Memo[K, V] {
	if own == nil {
		own = func(k K) K { return k }
	}
	return &Memo[K, V]{young: map[K]entry[V]{}, most: octets, own: own}
}

// Text is New's own for a single text.
func Text[K ~string](k K) K { return K(strings.Clone(string(k))) }

// Texts is New's own for a pair of texts.
func Texts[K ~string](k [2]K) [2]K { return [2]K{Text(k[0]), Text(k[1])} }

// Of returns work(key), from memory if it was asked for lately. octets is the
// length of the texts in key. Two callers may work out the same key at the same
// time; work must be a function of the key alone and its result is shared.
func (m *Memo[K, V]) Of(key K, octets int, work func(K) V) V {
	v, ok := m.Get(key)
	if !ok {
		key = m.own(key) // the result may hold pieces of it
		v = work(key)
		m.put(key, v, octets)
	}
	return v
}

// Put remembers v under key, in place of what was there: for what is worked out of
// more than the key. octets is the length of the texts in both.
func (m *Memo[K, V]) Put(key K, v V, octets int) { m.put(m.own(key), v, octets) }

func (m *Memo[K, V]) put(key K, v V, octets int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(key, entry[V]{v, octets + perEntry})
}

// Get returns what is remembered under key.
func (m *Memo[K, V]) Get(key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.young[key]
	if ok {
		return e.value, true
	}
	if e, ok = m.old[key]; ok {
		m.keep(m.own(key), e)
	}
	return e.value, ok
}

// keep puts e into the younger generation.
func (m *Memo[K, V]) keep(key K, e entry[V]) {
	if e.octets > m.most {
		return
	}
	m.octets -= m.young[key].octets
	if m.octets+e.octets > m.most {
		m.young, m.old, m.octets = map[K]entry[V]{}, m.young, 0
	}
	m.young[key] = e
	m.octets += e.octets
}
