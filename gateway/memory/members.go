package memory

import (
	"cmp"
	"slices"

	"mxgate/gateway/memory/digest"
	"mxgate/gateway/memory/table"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// participants names the members. Left out are shadows, as nobody is to be held
// against one, and the author, unless he has part in each of the threads: who brings
// one of his own has none in the other. Of too many, as those of several threads may
// be, the foremost stay: nobody can crowd them out with a thread of his own.
func (s *Store) participants(a *asked, author bool) []mail.Domain {
	there := make([]*domain, 0, min(len(a.members), table.MaxMembers))
	for _, id := range a.members {
		if d := s.ram.byID[id]; d != nil && (author || d.name != a.author) {
			there = append(there, d)
		}
	}
	if len(a.members) > table.MaxMembers {
		s.foremost(there, a)
	}
	all := make([]mail.Domain, 0, min(len(there), table.MaxMembers))
	for _, d := range there {
		if len(all) == table.MaxMembers {
			break
		}
		if state, _ := s.ram.standing(d, "", &a.eyes, a.at); state != policy.Shadow {
			all = append(all, d.name)
		}
	}
	return all
}

// maxForemost bounds the members that are compared with the author, those first who
// are known best.
const maxForemost = 64

// What members are ranked by, beside their class.
const (
	rankWrote = table.ClassTwoWay // of who is known: above all who are known and were only named
	rankAlike = 2*rankWrote + 1   // above all others
)

// foremost puts those first whom the author resembles: his thread may have been
// stolen from them, and those who are known best can be had in Cc of anything. Then
// come the known ones who wrote, the known ones, and the rest; the elder first.
func (s *Store) foremost(members []*domain, a *asked) {
	rank := make(map[*domain]int, len(members))
	for _, d := range members {
		rank[d] = int(s.ram.class(d, a.at))
	}
	for _, id := range a.writers {
		if d := s.ram.byID[id]; rank[d] > table.ClassNew {
			rank[d] += rankWrote
		}
	}
	first := func(x, y *domain) int {
		return cmp.Or(cmp.Compare(rank[y], rank[x]), cmp.Compare(x.first-1, y.first-1), cmp.Compare(x.id, y.id)) // never met: last
	}
	slices.SortFunc(members, first)
	for _, d := range members[:min(len(members), maxForemost)] {
		if !d.ours && (alike(a.full, d.name) || below(a.full, d.name)) {
			rank[d] += rankAlike
		}
	}
	slices.SortFunc(members, first)
}

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
