package memory

import (
	"cmp"
	"slices"
	"time"

	"mxgate/gateway/memory/digest"
	"mxgate/gateway/memory/table"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// conversation is where a message belongs.
type conversation struct {
	number  uint32 // 0: a new thread
	thread  table.Thread
	hits    []uint32 // threads of the cited ids
	again   bool     // its own id is known
	author  bool     // the author may be filed as one who wrote
	parties []digest.Party
}

// conversation finds the thread of a message and who may be filed in it. Of
// several threads the oldest is taken; the others stay as they are, and Recall
// joins them: threads that grew together for good would let one of the attacker's
// own carry him into another.
func (l *learner) conversation(g *digest.Digest, author *domain, state policy.State, at time.Time) (c conversation) {
	var members crowd
	for i, id := range append(g.Cited[:len(g.Cited):len(g.Cited)], g.ID) {
		f, ok := l.IDs.Get(id)
		if !ok || id == 0 {
			continue
		}
		own := i == len(g.Cited)
		c.again = own
		number := f.Thread()
		var t table.Thread
		if own && c.number != 0 || slices.Contains(c.hits, number) || !l.Thread(number, &t) {
			continue
		}
		c.hits = append(c.hits, number)
		if c.number == 0 || number < c.number {
			c.number, c.thread = number, t
		}
		for j := range t.Len() {
			id, _ := t.Member(j)
			members.add(id)
		}
	}
	if c.number == 0 {
		c.thread = table.Thread{First: g.Day}
	}
	l.vet(g, author, state, members.list, &c, at)
	return c
}

// vet decides who may be filed in the thread. Mail that is not aligned files
// nobody but the recipients. An author who resembles a member is not filed, nor
// is a shadow; those whom he names are filed where he began the thread or is
// established, unless they resemble a member.
func (l *learner) vet(g *digest.Digest, author *domain, state policy.State, members []uint32, c *conversation, at time.Time) {
	if author == nil {
		return
	}
	if c.again && len(c.hits) > 0 && !author.ours {
		if _, wrote := c.thread.Find(author.id); !wrote {
			return // an id that somebody else has used: he has it from there
		}
	}
	names := make([]mail.Domain, 0, len(members))
	for _, id := range members {
		if name := l.nameOf(id); name != "" {
			names = append(names, name)
		}
	}
	compares := maxCompares
	trusted := state == policy.TwoWay || state == policy.Established
	c.author = state != policy.Shadow && state != policy.Unseen || author.ours
	if _, wrote := c.thread.Find(author.id); c.author && !author.ours && !wrote {
		others := names
		if !trusted { // the older of two strangers may be the one in Cc
			others = others[:len(others):len(others)]
			for _, p := range g.Parties {
				others = append(others, p.Domain)
			}
		}
		c.author = !l.resembles(digest.Party{Domain: author.name, Full: g.Full}, others, &compares, at)
	}
	if !c.author || !trusted && c.number != 0 {
		return
	}
	parties := g.Parties
	if g.Outbound {
		for _, r := range g.Recipients {
			if r.Domain != "" && len(parties) < table.MaxMembers && !slices.ContainsFunc(parties, func(p digest.Party) bool { return p.Domain == r.Domain }) {
				parties = append(parties[:len(parties):len(parties)], digest.Party{Domain: r.Domain, Full: r.Full})
			}
		}
	}
	names = append(names, author.name)
	e := l.eyes(g)
	for _, p := range parties {
		if d := l.byName[p.Domain]; d != nil {
			if s, _ := l.standing(d, p.Full, &e, at); s == policy.Shadow { // we have answered one
				continue
			}
		}
		if slices.Contains(names, p.Domain) || !l.resembles(p, names, &compares, at) {
			c.parties = append(c.parties, p)
		}
	}
}

// isOurs reports whether a domain is ours: we are in every conversation, and have
// names below services ourselves.
func (l *learner) isOurs(name mail.Domain) bool {
	d := l.byName[name]
	return d != nil && d.ours
}

// resembles reports whether p is a look-alike of one of the others, from whom it
// is not freed. When the comparisons are used up it says so.
func (l *learner) resembles(p digest.Party, others []mail.Domain, compares *int, at time.Time) bool {
	for _, o := range others {
		if o == p.Domain {
			continue
		}
		if *compares == 0 {
			return true
		}
		*compares--
		if m, ok := lookalike.Compare(cmp.Or(p.Full, p.Domain), o); (!ok || m.Confidence < threadConfidence) && (l.isOurs(o) || !faintly(p.Domain, o) && !below(p.Full, o)) {
			continue
		}
		if d := l.byName[p.Domain]; d == nil || !l.freed(d, o, at) {
			return true
		}
	}
	return false
}
