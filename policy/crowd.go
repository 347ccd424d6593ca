package policy

import (
	"context"
	"fmt"
	"slices"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/thread"
)

// A message may name hundreds of recipients: more than the memory is asked about,
// and more than can be held against everybody present. Then they are sifted first.

// Limits of sifting.
const (
	maxSuspects = 16   // of the crowd, asked about
	maxSifted   = 1000 // pairs of domains that are compared for it
)

// crowds notes a recipient about whom the memory is not asked, each name once: one
// below a domain may resemble somebody where the domain does not.
func (s *scene) crowds(d, full mail.Domain, where thread.Where) {
	if where != thread.To && where != thread.Cc || slices.ContainsFunc(s.crowd, func(p scened) bool { return p.full == full }) {
		return
	}
	if p := s.party(d); p == nil || p.full != full && !slices.Contains(p.more, full) {
		s.crowd = append(s.crowd, scened{domain: d, full: full, where: []thread.Where{where}})
	}
}

// sift returns whom those who join may be taken for; nobody if none joins. Where
// there are too many to compare each with each, it marks those who resemble nobody,
// and makes parties of those of the crowd who do.
func (s *scene) sift(ctx context.Context) ([]somebody, error) {
	joining := 0
	for i := range s.parties {
		if s.joins(&s.parties[i]) {
			joining++
		}
	}
	if joining+len(s.crowd) == 0 {
		return nil, nil
	}
	present := s.present()
	if len(s.crowd) == 0 && s.compared+joining*len(present) <= maxComparisons {
		return present, nil
	}
	x := newSieve(present)
	for i := range s.parties {
		p := &s.parties[i]
		if s.joins(p) && !p.quoted() { // who is quoted is present himself
			p.plain = !x.holds(p)
		}
		if p.isRecipient() {
			s.resemblesOurs(p)
		}
	}
	var suspects []scened
	for i := range s.crowd {
		if p := &s.crowd[i]; len(suspects) < maxSuspects && (x.holds(p) || s.resemblesOurs(p)) {
			suspects = append(suspects, *p)
		}
	}
	if x.pairs == maxSifted {
		s.e.Thread.Unread = thread.MoreRecipients
	}
	return present, s.summon(ctx, suspects)
}

// resemblesOurs notes, and reports, that p resembles one of ours or a protected one:
// pretence reads less of To and Cc.
func (s *scene) resemblesOurs(p *scened) bool {
	if slices.ContainsFunc(s.e.Lookalike, func(l Lookalike) bool { return l.Domain == p.full }) || s.c.Lookalike == nil {
		return false
	}
	found := s.c.Lookalike.Check(p.full)
	if len(found) == 0 || found[0].Confidence < leastElse {
		return false
	}
	s.c.compare(s.e, p.full, p.place())
	return true
}

// summon makes parties of the suspects, once the memory has said what it knows of
// them.
func (s *scene) summon(ctx context.Context, suspects []scened) error {
	domains := make([]mail.Domain, len(suspects))
	for i := range suspects {
		domains[i] = suspects[i].domain
	}
	known, err := s.ask(ctx, domains)
	for i := range known {
		suspects[i].known = known[i]
	}
	s.parties = append(s.parties, suspects...)
	return err
}

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

// sieve finds who resembles somebody present.
type sieve struct {
	index   *lookalike.Index
	members []somebody // of the conversation, of whom an index finds too little
	pairs   int
}

func newSieve(present []somebody) *sieve {
	targets := make([]lookalike.Target, len(present))
	var members []somebody
	for i, x := range present {
		targets[i] = lookalike.Target{Domain: x.domain, Tier: lookalike.Site}
		if x.member {
			members = append(members, x)
		}
	}
	return &sieve{index: lookalike.NewIndex(targets), members: members}
}

// holds reports whether p resembles somebody, under a name that is shown.
func (x *sieve) holds(p *scened) bool {
	return x.alike(p.full) || slices.ContainsFunc(p.more, x.alike)
}

func (x *sieve) alike(d mail.Domain) bool {
	for _, near := range x.index.Check(d) {
		if x.pairs == maxSifted {
			return false
		}
		x.pairs++
		if m, ok := lookalike.Compare(d, near.Target); ok && m.Confidence >= leastElse {
			return true
		}
	}
	for i := range x.members {
		member := &x.members[i]
		if d == member.domain || lookalike.Distant(d, member.domain) {
			continue
		}
		if x.pairs == maxSifted {
			return false
		}
		x.pairs++
		m, ok := lookalike.Compare(d, member.domain)
		if m, ok = member.likely(d, m, ok); ok && m.Confidence >= member.least(string(m.Class)) {
			return true
		}
	}
	return false
}
