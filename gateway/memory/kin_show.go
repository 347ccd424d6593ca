package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"mxgate/gateway/calendar"
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

// Shade is an older domain in whose shadow another one stands, in the eyes of some: of
// all who take part in a conversation of the older one, even one that is hardly known.
type Shade struct {
	Of    mail.Domain
	Known bool // well: then of whoever corresponds with it, too
}

// Shadows says who stands in whose shadow to some, and who came first.
type Shadows struct {
	Of map[mail.Domain][]Shade // those that are known well first, then the most alike, the oldest first
	// First is the first contact with each domain, to the second; of whom an
	// administrator lists the day alone, or nothing if he gave none.
	First map[mail.Domain]time.Time
}

// Shades tells, of domains that are no Shadow to everybody, whose they are to some, as
// Recall does where a message is about both. It answers from the database, as Export
// does, as of at.
func (s *Store) Shades(ctx context.Context, names []mail.Domain, at time.Time) (Shadows, error) {
	all := Shadows{Of: map[mail.Domain][]Shade{}, First: map[mail.Domain]time.Time{}}
	if !s.beside {
		if err := s.Flush(ctx); err != nil {
			return all, err
		}
	}
	r, err := s.image()
	if err != nil {
		return all, err
	}
	for _, d := range r.byName {
		if d.established {
			r.settle(d, at)
		}
		if d.first != 0 && d.first != always {
			all.First[d.name] = calendar.TimeOf(d.first).Add(time.Duration(d.second) * time.Second)
		}
	}
	for _, name := range names {
		all.Of[name] = r.shades(name, at)
	}
	return all, nil
}

// shades lists whose Shadow a domain is, as if all had to do with both: of its older kin
// and twins, and of others in conversations in which they take part.
func (r *ram) shades(name mail.Domain, at time.Time) (all []Shade) {
	d := r.byName[name]
	if d == nil || d.ours || r.protected[name] {
		return nil
	}
	if state := r.state(d, at); state == policy.Unseen || state == policy.Shadow {
		return nil
	}
	note := func(old *domain) {
		if r.shadows(old, d, at) && !r.freed(d, old.name, at) {
			all = append(all, Shade{old.name, true})
		}
	}
	everybody := func(*domain) bool { return true }
	r.twins(name, everybody, func(old *domain, _ lookalike.Match) bool { note(old); return true })
	r.outshone(d, r.kin(name), at, func(old *domain) bool { note(old); return false })
	return append(all, r.elders(d, all, at)...)
}

// elders lists whom d resembles and came after, without those in told: as besides, of a
// conversation of each. A Shadow to everybody has none.
func (r *ram) elders(d *domain, told []Shade, at time.Time) (all []Shade) {
	likeness := map[mail.Domain]int{}
	for _, old := range r.byName {
		if old == d || old.ours || old.first == 0 || !old.before(d) || old.imported && d.imported || slices.Contains(told, Shade{old.name, true}) ||
			r.state(old, at) == policy.Shadow || !alike(d.name, old.name) || r.freed(d, old.name, at) {
			continue
		}
		m, _ := lookalike.Compare(d.name, old.name)
		likeness[old.name] = m.Confidence
		all = append(all, Shade{Of: old.name})
	}
	slices.SortFunc(all, func(a, b Shade) int {
		return cmp.Or(likeness[b.Of]-likeness[a.Of], older(r.byName[a.Of], r.byName[b.Of]))
	})
	return all
}
