package framing

import "sync"

// The sizes of the memory that content passes through. Most messages fit in a
// small block; a large one is only for a client that fills small ones faster
// than we read them.
const (
	smallOctets = 8 << 10
	largeOctets = 64 << 10
)

var (
	smallBlocks = poolOf(smallOctets)
	largeBlocks = poolOf(largeOctets)
)

// block is memory that content passes through. It is given back only by its one
// owner, once, after the last reader is done.
type block struct {
	octets []byte
	pool   *sync.Pool
}

// poolOf returns a pool of blocks of one size.
func poolOf(octets int) *sync.Pool {
	pool := new(sync.Pool)
	pool.New = func() any { return &block{make([]byte, octets), pool} }
	return pool
}

func (b *block) release() { b.pool.Put(b) }

// take returns a block of pool; what is in it is another's.
func take(pool *sync.Pool) *block { return pool.Get().(*block) }
