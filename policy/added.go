package policy

import (
	"fmt"
	"slices"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// added looks for recipients in To and Cc whose domains resemble that of somebody
// present: put there so that the others seem to know. Whoever is known here for
// himself, or had a part in the conversation, was not put there; but a name below his
// domain may have been, and whom an administrator blocked counts wherever he stands.
func (s *scene) added() {
	var found []Similar
	for i := range s.parties {
		p := &s.parties[i]
		if l := &p.like; l.Confidence > 0 {
			f := s.pair(p.domain, l.of.domain, p.place(), l.of.relation)
			f.likened(l.as, string(l.Class), l.Confidence, l.Why)
			found = append(found, f)
		}
	}
	for i := range s.e.Lookalike {
		l := &s.e.Lookalike[i]
		if l.Where != "to" && l.Where != "cc" || l.Confidence < leastElse {
			continue
		}
		d, target := lookalike.Registrable(l.Domain), lookalike.Registrable(l.Target)
		p := s.party(d)
		if p == nil || freeMail[d] {
			continue
		}
		f := s.pair(d, target, l.Where, protectedAs(l))
		f.likened(l.Domain, l.Class, l.Confidence, l.Why)
		if i := slices.IndexFunc(found, func(f Similar) bool { return f.Domain == d }); i < 0 {
			found = append(found, f)
		} else if !s.e.addedCounts(&found[i]) {
			found[i] = f
		}
	}
	for i := range s.parties {
		p := &s.parties[i]
		if b := s.blocked(p.domain); b != nil && p.isRecipient() {
			f := s.pair(p.domain, b.Target, p.place(), s.relation(b.Target))
			f.likened(p.domain, classBlocked, 100, blockedWords(b))
			found = append(slices.DeleteFunc(found, func(f Similar) bool { return f.Domain == p.domain }), f)
		}
	}
	s.e.Thread.Added = s.surest(found)
}

// classBlocked is the class of what an administrator blocked as an imitation, whatever
// the names are.
const classBlocked = "blocked"

// blocked is the administrator's word that d imitates somebody, nil if there is none.
func (s *scene) blocked(d mail.Domain) *Decision {
	for i := range s.e.Thread.Decisions {
		if b := &s.e.Thread.Decisions[i]; s.e.blocks(b, d) {
			return b
		}
	}
	return nil
}

func blockedWords(b *Decision) string {
	return fmt.Sprintf("%s looks like %s: %s blocked it as an imitation", b.Sender.Unicode(), b.Target.Unicode(), or(b.Who, "an administrator"))
}

// surest keeps the pairs that count for the most, other endings of a name last.
func (s *scene) surest(found []Similar) []Similar {
	rank := func(f *Similar) (n int) {
		if s.e.addedCounts(f) {
			n = 2
		}
		if f.Class != string(lookalike.TLD) {
			n++
		}
		return n
	}
	slices.SortStableFunc(found, func(a, b Similar) int { return rank(&b) - rank(&a) })
	return found[:min(len(found), maxSimilar)]
}

// joins reports whether p is a recipient who is not known here for himself and had
// no part in the conversation.
func (s *scene) joins(p *scened) bool {
	t := &s.e.Thread
	return p.isRecipient() && !freeMail[p.domain] && !slices.Contains(s.recalled.Thread.Participants, p.domain) &&
		(t.MemorySince.IsZero() || t.stranger(p.known.State, p.known.First, s.e.ReceivedAt))
}

// bringsStranger reports whether the message brings somebody who is not known here, as
// one of its recipients or for its answers.
func (s *scene) bringsStranger() bool {
	if s.e.Thread.ReplyTo != nil {
		return true
	}
	for _, list := range [][]scened{s.parties, s.crowd} {
		if slices.ContainsFunc(list, func(p scened) bool { return s.joins(&p) }) {
			return true
		}
	}
	return false
}

// somebody is whom a recipient may be taken for, and what he is to the message.
type somebody struct {
	domain   mail.Domain
	relation score.Relation
	member   bool // had part in the conversation that we remember, and is none of us
}

func (s *scene) somebody(d mail.Domain, r score.Relation) somebody {
	return somebody{d, r, r == score.Thread && !withinAny(d, s.c.Own)}
}

// joined reports whether m is enough of a likeness for who joins to be taken for x.
func (x *somebody) joined(m *lookalike.Match) bool {
	if x.member {
		return m.Confidence >= leastFor(x.relation, string(m.Class))
	}
	return m.Confidence >= leastElse
}

// below reports whether m is that the name of x stands below another domain: that one
// may be known, and who has that name is not.
func (x *somebody) below(m *lookalike.Match) bool {
	return x.member && byDots(string(m.Class)) && x.joined(m)
}

// present lists whom a recipient may be taken for: the author, if we know him, or
// whom he resembles, participants of the conversation, parties that are quoted or
// known.
func (s *scene) present() (all []somebody) {
	add := func(d mail.Domain, r score.Relation) {
		if !freeMail[d] && !slices.ContainsFunc(all, func(x somebody) bool { return x.domain == d }) {
			all = append(all, s.somebody(d, r))
		}
	}
	if t := &s.e.Thread; !slices.Contains(s.recalled.Thread.Participants, s.author) && (t.MemorySince.IsZero() || t.Author.State != Unseen) {
		add(s.author, score.Message)
	}
	for _, d := range s.recalled.Thread.Participants {
		add(d, score.Thread)
	}
	for i := range s.e.Thread.Similar {
		if f := &s.e.Thread.Similar[i]; !f.Kin {
			add(f.Target, f.Relation)
		}
	}
	for _, list := range [][]scened{s.parties, s.crowd} {
		for i := range list {
			if p := &list[i]; p.quoted() || p.known.State != Unseen {
				add(p.domain, s.relation(p.domain))
			}
		}
	}
	return all
}
