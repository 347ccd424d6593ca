package memory

import (
	"slices"
	"testing"

	"mxgate/gateway/memory/digest"
	"mxgate/gateway/memory/table"
)

func TestACrowdHasNoRepeatsAndKeepsItsOrder(t *testing.T) {
	for _, n := range []uint32{0, 1, few, few + 1, digest.MaxCited * table.MaxMembers} {
		var c crowd
		var want []uint32
		for i := range n {
			id := i * manyMembers % table.MaxDomain // that they collide
			c.add(id)
			c.add(id)
			c.add(0)
			if want = append(want, id); n < 100 && !slices.Equal(c.list, want) {
				t.Fatalf("%d, want %d", c.list, want)
			}
		}
		if !slices.Equal(c.list, want) {
			t.Errorf("%d of %d members", len(c.list), n)
		}
	}
}
