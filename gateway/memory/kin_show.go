package memory

import (
	"context"
	"time"

	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// KinConfidence is the least likeness that makes kin of two domains: see Akin.
const KinConfidence = kinConfidence

// Akin reports whether d, once it writes, is kin of a target that is older: known for
// itself, and its Shadow to those who correspond with the target.
func Akin(d, target mail.Domain) bool {
	m, ok := lookalike.Compare(d, target)
	return ok && akin(&m) && m.Class != lookalike.TLD
}

// Shades tells, of domains that are known for themselves, whose Shadow they are in the
// eyes of some: of whoever corresponds with the older one, and in its conversations.
// It answers from the database, as Export does, as of at.
func (s *Store) Shades(ctx context.Context, names []mail.Domain, at time.Time) (map[mail.Domain][]mail.Domain, error) {
	if !s.beside {
		if err := s.Flush(ctx); err != nil {
			return nil, err
		}
	}
	r, err := s.image()
	if err != nil {
		return nil, err
	}
	for _, d := range r.byName {
		if d.established {
			r.settle(d, at)
		}
	}
	all := map[mail.Domain][]mail.Domain{}
	for _, name := range names {
		all[name] = r.shades(name, at)
	}
	return all, nil
}

// shades lists the older kin and twins of a domain, as if all had to do with them.
func (r *ram) shades(name mail.Domain, at time.Time) (all []mail.Domain) {
	d := r.byName[name]
	if d == nil || d.ours || r.protected[name] {
		return nil
	}
	if state := r.state(d, at); state == policy.Unseen || state == policy.Shadow {
		return nil
	}
	note := func(old *domain) {
		if r.shadows(old, d, at) && !r.freed(d, old.name, at) {
			all = append(all, old.name)
		}
	}
	everybody := func(*domain) bool { return true }
	r.twins(name, everybody, func(old *domain, _ lookalike.Match) bool { note(old); return true })
	r.outshone(d, r.kin(name), at, func(old *domain) bool { note(old); return false })
	return all
}
