package shelf

import "iter"

// Table maps hashes to values by open addressing. Several values may stand
// under one hash, and 32 bits of hash decide: a hit is checked by comparison.
type Table struct {
	slots []slot
	used  int
}

type slot struct {
	tag   uint32 // 0: free
	value int32
}

// Add stores value unless it stands there already.
func (t *Table) Add(k Kind, h uint64, value int32) {
	for v := range t.All(k, h) {
		if v == value {
			return
		}
	}
	if 3*(t.used+1) > 2*len(t.slots) {
		t.grow()
	}
	t.put(slot{tagOf(k, h), value})
	t.used++
}

func (t *Table) put(s slot) {
	mask := uint32(len(t.slots) - 1)
	i := s.tag & mask
	for t.slots[i].tag != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = s
}

func (t *Table) grow() {
	old := t.slots
	t.slots = make([]slot, max(64, 2*len(old)))
	for _, s := range old {
		if s.tag != 0 {
			t.put(s)
		}
	}
}

// All yields the values under a hash.
func (t *Table) All(k Kind, h uint64) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		if len(t.slots) == 0 {
			return
		}
		tag, mask := tagOf(k, h), uint32(len(t.slots)-1)
		for i := tag & mask; t.slots[i].tag != 0; i = (i + 1) & mask {
			if t.slots[i].tag == tag && !yield(t.slots[i].value) {
				return
			}
		}
	}
}
