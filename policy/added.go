package policy

import (
	"slices"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// added looks for recipients in To and Cc whose domains resemble that of somebody
// present: put there so that the others seem to know. Whoever is known here for
// himself, or had a part in the conversation, was not put there.
func (s *scene) added(present []somebody) {
	var found []Similar
	t := &s.e.Thread
	for i := range s.parties {
		p := &s.parties[i]
		if !s.joins(p) || p.plain {
			continue
		}
		if f, ok := s.resembledBy(p, present); ok {
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
		if p == nil || freeMail[d] ||
			slices.ContainsFunc(found, func(f Similar) bool { return f.Domain == d }) {
			continue
		}
		f := s.pair(d, target, l.Where, protectedAs(l))
		f.likened(l.Domain, l.Class, l.Confidence, l.Why)
		found = append(found, f)
	}
	t.Added = found[:min(len(found), maxSimilar)]
}

// likest compares p, under each name that is shown, and returns the name that
// resembles x the most. Confidence is 0 if none does.
func (s *scene) likest(p *scened, x somebody) (most lookalike.Match, as mail.Domain) {
	hold := func(d mail.Domain) {
		if m, ok := s.resembling(d, x); ok && m.Confidence > most.Confidence {
			most, as = m, d
		}
	}
	hold(p.full)
	for _, d := range p.more {
		hold(d)
	}
	return most, as
}

// joins reports whether p is a recipient who is not known here for himself and had
// no part in the conversation.
func (s *scene) joins(p *scened) bool {
	t := &s.e.Thread
	return p.isRecipient() && !freeMail[p.domain] && !slices.Contains(s.recalled.Thread.Participants, p.domain) &&
		(t.MemorySince.IsZero() || t.stranger(p.known.State, p.known.First, s.e.ReceivedAt))
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

// least is the confidence from which x may be meant.
func (x *somebody) least(class string) int {
	if x.member {
		return leastFor(x.relation, class)
	}
	return leastElse
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
	for i := range s.parties {
		if p := &s.parties[i]; p.quoted() || p.known.State != Unseen {
			add(p.domain, s.relation(p.domain))
		}
	}
	return all
}

// resembledBy is whom of those present p resembles the most.
func (s *scene) resembledBy(p *scened, present []somebody) (worst Similar, ok bool) {
	for _, x := range present {
		if x.domain == p.domain {
			continue
		}
		m, as := s.likest(p, x)
		if m.Confidence < x.least(string(m.Class)) || ok && m.Confidence <= worst.Confidence {
			continue
		}
		worst, ok = s.pair(p.domain, x.domain, p.place(), x.relation), true
		worst.likened(as, string(m.Class), m.Confidence, m.Why)
	}
	return worst, ok
}
