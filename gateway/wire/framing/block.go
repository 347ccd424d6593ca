package framing

import "sync"

// Content passes through blocks of memory in sizes of which each is twice the
// one before. Most messages fit in a small block. A larger one is only for a
// client that has just filled the size before: so nobody makes us hold more than
// a small block and twice what was sent.
const (
	smallOctets = 8 << 10
	largest     = 3                      // size class of the largest
	largeOctets = smallOctets << largest // 64 KiB
)

// pools holds blocks by their size class.
var pools [largest + 1]sync.Pool

// block is memory that content passes through. It is given back only by its one
// owner, once, after the last reader is done.
type block struct {
	octets []byte
	class  int     // of size: smallOctets<<class octets
	of     *Memory // which it belongs to; nil: the heap
}

// take returns a block of a size class; what is in it is another's.
func take(class int) *block {
	if b, ok := pools[class].Get().(*block); ok {
		return b
	}
	return &block{octets: make([]byte, smallOctets<<class), class: class}
}

func (b *block) release() {
	if b.of != nil {
		b.of.give(b)
		return
	}
	pools[b.class].Put(b)
}
