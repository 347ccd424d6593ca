package memory

import (
	"slices"

	"mxgate/gateway/memory/digest"
	"mxgate/gateway/memory/table"
)

// manyMembers is twice what the threads of one message can have, a power of two.
const manyMembers = 8192

const _ = uint(manyMembers - 2*digest.MaxCited*table.MaxMembers) // or it does not compile

// crowd gathers the members of threads without repeats. A few are compared each
// with each; the table is for threads that somebody has filled.
type crowd struct {
	list  []uint32
	slots *[manyMembers]uint32 // numbers, one more each; nil while they are few
}

// few is how many members are compared each with each.
const few = table.MaxMembers

func (c *crowd) add(id uint32) {
	if c.slots == nil {
		if slices.Contains(c.list, id) {
			return
		}
		if c.list = append(c.list, id); len(c.list) > few {
			c.slots = new([manyMembers]uint32)
			for _, id := range c.list {
				c.put(id)
			}
		}
	} else if c.put(id) {
		c.list = append(c.list, id)
	}
}

// put reports whether id was not there.
func (c *crowd) put(id uint32) bool {
	for at := id * 2654435769 % manyMembers; ; at = (at + 1) % manyMembers {
		switch c.slots[at] {
		case 0:
			c.slots[at] = id + 1
			return true
		case id + 1:
			return false
		}
	}
}
