package framing

import (
	"sync"
	"time"
)

// restAfter is how long nobody holds a block before the system has the memory back.
const restAfter = time.Second

// Memory is what the contents of all connections together may take of memory
// beyond their first 64 KiB. It is a slab of blocks that no collector looks at, so
// that a heap of little else than sessions is not collected as one of large
// messages.
//
// Blocks are claimed before they are taken, so that content whose size was declared
// has room to its end or goes to a file from the beginning.
type Memory struct {
	mu      sync.Mutex
	left    int // blocks that nobody has claimed
	blocks  int
	slab    []byte
	fresh   int         // blocks of slab that were taken once
	free    []*block    // of them, given back; the last is taken next, for caches have it
	resting *time.Timer // set when nobody holds one any more; nil before that
}

// NewMemory returns Memory of so many octets, in blocks of 64 KiB. None is taken of
// the system before it is needed.
func NewMemory(octets int64) *Memory {
	n := int(octets / largeOctets)
	return &Memory{left: n, blocks: n}
}

// claim reports whether n blocks are the caller's to take.
func (m *Memory) claim(n int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n > m.left {
		return false
	}
	m.left -= n
	return true
}

// has reports whether n blocks could be claimed now.
func (m *Memory) has(n int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return n <= m.left
}

// disclaim gives claims back of which no block is held.
func (m *Memory) disclaim(n int) {
	m.mu.Lock()
	m.left += n
	m.mu.Unlock()
}

// take returns a block that was claimed; what is in it is another's.
func (m *Memory) take() *block {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.free); n > 0 {
		b := m.free[n-1]
		m.free = m.free[:n-1]
		return b
	}
	if m.slab == nil {
		m.slab = reserve(m.blocks * largeOctets)
	}
	from := m.fresh * largeOctets
	m.fresh++
	return &block{octets: m.slab[from : from+largeOctets : from+largeOctets], class: largest, of: m}
}

// give takes a block back, and its claim stays.
func (m *Memory) give(b *block) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = append(m.free, b)
	switch {
	case len(m.free) < m.fresh:
	case m.resting == nil:
		m.resting = time.AfterFunc(restAfter, m.rest)
	default:
		m.resting.Reset(restAfter)
	}
}

// rest gives the memory back to the system, unless a block was taken meanwhile.
func (m *Memory) rest() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.free) == m.fresh {
		relinquish(m.slab[:m.fresh*largeOctets])
	}
}
