package policy

import (
	"context"
	"fmt"
	"slices"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/thread"
)

// A message may name hundreds of recipients: more than the memory is asked about at
// once, and more than can be held against everybody present. Then the memory is asked
// again, and they are sifted first.

// Limits of sifting.
const (
	maxCompared = 256     // pairs of domains that are compared without a sieve
	maxOctets   = 8 << 10 // of names that are sifted
	maxSuspects = 32      // of the crowd, asked about
)

// crowds notes somebody for whom there was no room, each name once: one below a domain
// may resemble somebody where the domain does not.
func (s *scene) crowds(d, full mail.Domain, where thread.Where) {
	for _, list := range [][]scened{s.parties, s.crowd} {
		for i := range list {
			if p := &list[i]; p.full == full || p.domain == d && slices.Contains(p.more, full) {
				if !slices.Contains(p.where, where) {
					p.where = append(p.where, where)
				}
				return
			}
		}
	}
	if where != thread.ReplyTo {
		s.crowd = append(s.crowd, scened{domain: d, full: full, where: []thread.Where{where}})
	}
}

// askCrowd asks the memory about the crowd.
func (s *scene) askCrowd(ctx context.Context) error {
	var domains []mail.Domain
	for i := range s.crowd {
		if p := &s.crowd[i]; !slices.Contains(domains, p.domain) {
			if k := s.known(p.domain); k.Domain != "" {
				p.known = k
			} else {
				domains = append(domains, p.domain)
			}
		}
	}
	for some := range slices.Chunk(domains, maxAsked) {
		known, err := s.ask(ctx, some)
		if err != nil {
			return err
		}
		for i := range s.crowd {
			if at := slices.Index(some, s.crowd[i].domain); at >= 0 && at < len(known) {
				s.crowd[i].known = known[at]
			}
		}
	}
	return nil
}

// sift finds, of each recipient who joins, whom of those present he may be taken for.
// Where there are too many to compare each with each, a sieve says with whom.
func (s *scene) sift(ctx context.Context) error {
	if err := s.askCrowd(ctx); err != nil {
		return err
	}
	names := s.bounded(s.newcomers())
	if len(names) == 0 {
		return nil
	}
	cost := 0
	for _, n := range names {
		cost += costOf(n.name)
	}
	among := s.among(s.present(), cost, len(s.crowd) > 0)
	for _, n := range names {
		switch {
		case n.joins:
			n.p.like.with(n.name, among(n.name), (*somebody).joined)
		case n.name != n.p.domain: // that its domain is known says nothing of it
			n.p.like.with(n.name, among(n.name), (*somebody).below)
		}
		if m := s.ours(n.name); m.Confidence > n.p.ours.Confidence {
			n.p.ours = m
		}
	}
	for i := range s.parties {
		s.noteOurs(&s.parties[i])
	}
	s.summon()
	return nil
}

// among returns with whom of all a name is to be compared, where all names have that
// cost: with everybody, or where there are too many of both with whom a sieve lets
// through.
func (s *scene) among(all []somebody, cost int, sifted bool) func(mail.Domain) []somebody {
	if !sifted && cost*len(all) <= maxCompared {
		return func(mail.Domain) []somebody { return all }
	}
	return newSieve(all, func() { s.unread(thread.MoreRecipients) }).among
}

// newcomer is a recipient under one of the names that are shown of him.
type newcomer struct {
	p     *scened
	name  mail.Domain
	joins bool
}

// newcomers lists the recipients; nobody if none of them joins or stands below a domain.
func (s *scene) newcomers() (all []newcomer) {
	some := false
	for _, list := range [][]scened{s.parties, s.crowd} {
		for i := range list {
			p := &list[i]
			if !p.isRecipient() {
				continue
			}
			joins := s.joins(p)
			some = some || joins || p.full != p.domain || len(p.more) > 0
			all = append(all, newcomer{p, p.full, joins})
			for _, d := range p.more {
				all = append(all, newcomer{p, d, joins})
			}
		}
	}
	if !some {
		return nil
	}
	return all
}

// bounded sorts names, the shortest first, and cuts them off where they are longer
// together than is sifted: nobody is taken for another by a name that is too long to be
// read.
func (s *scene) bounded(names []newcomer) []newcomer {
	slices.SortStableFunc(names, func(a, b newcomer) int { return len(a.name) - len(b.name) })
	octets := 0
	for i, n := range names {
		if octets += len(n.name); octets > maxOctets {
			s.unread(thread.MoreRecipients)
			return names[:i]
		}
	}
	return names
}

// ours is whom of ours and the protected ones d resembles, unless that is noted
// already: pretence reads less of To and Cc.
func (s *scene) ours(d mail.Domain) lookalike.Match {
	m := s.c.likest(d)
	if m.Confidence < leastElse || slices.ContainsFunc(s.e.Lookalike, func(l Lookalike) bool { return l.Domain == d && (l.Where == "to" || l.Where == "cc") }) {
		return lookalike.Match{}
	}
	return m
}

func (s *scene) noteOurs(p *scened) {
	if p.ours.Confidence > 0 {
		s.c.note(s.e, &p.ours, p.place())
	}
}

// summon makes parties of those of the crowd who resemble somebody, the likest first, or
// were blocked.
func (s *scene) summon() {
	suspects := slices.DeleteFunc(slices.Clone(s.crowd), func(p scened) bool {
		return p.like.Confidence+p.ours.Confidence == 0 && (s.blocked(p.domain) == nil || !p.isRecipient())
	})
	slices.SortStableFunc(suspects, func(a, b scened) int { return b.likest() - a.likest() })
	if len(suspects) > maxSuspects {
		suspects = suspects[:maxSuspects]
		s.unread(thread.MoreRecipients)
	}
	for i := range suspects {
		s.noteOurs(&suspects[i])
	}
	s.parties = append(s.parties, suspects...)
}

func (p *scened) likest() int { return max(weight(&p.like.Match), weight(&p.ours)) }

// ask asks the memory about more domains, and keeps the decisions on them. Few
// messages need it.
func (s *scene) ask(ctx context.Context, domains []mail.Domain) ([]KnownDomain, error) {
	if s.c.Memory == nil || len(domains) == 0 {
		return nil, nil
	}
	q := s.asked
	q.Domains = domains
	r, err := s.c.Memory.Recall(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("policy: memory: %w", err)
	}
	t := &s.e.Thread
	onThem := slices.DeleteFunc(slices.Clone(r.Decisions), func(d Decision) bool { return d.Sender == s.author })
	t.Decisions = s.decisions(append(t.Decisions, onThem...))
	return r.Domains[:min(len(r.Domains), len(domains))], nil
}
