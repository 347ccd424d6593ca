package memory

import (
	"cmp"
	"math"
	"slices"
	"time"

	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/memo"
)

// Kin of a domain are known ones that it resembles too little to be their Shadow
// to all: acme-group.com is mostly acme's own, and short names differ in a letter
// by chance. Who writes from such a one for months is known for himself, but not in
// the place of the older one: where he writes to those who correspond with that, in
// its conversation, or beside it in what a message shows, he is a Shadow, as the
// stranger was who wrote first.
//
// What he writes on his own is not told for that: Near leaves him out, and what policy
// is told of kin it counts beside a pretext alone. And he remains somebody who can be
// imitated himself: kin takes nobody out of a conversation, out of what is learned, or
// off the list of participants.

// The likeness from which a domain is kin: that which counts in a conversation,
// since those with whom a mailbox corresponds are not many more. A word that no firm
// is known to add may make a name of its own: aldermill.com is nobody's alder.
const (
	kinConfidence      = threadConfidence
	unlistedConfidence = 45
)

// akin reports whether a likeness makes kin of two.
func akin(m *lookalike.Match) bool {
	return m.Confidence >= kinConfidence && (!m.Unlisted || m.Confidence >= unlistedConfidence)
}

// alike reports whether a domain that is shown as full resembles a participant of its
// conversation: these are few, so that less is enough than among all that are known.
func alike(full, name mail.Domain) bool {
	m, ok := lookalike.Compare(full, name)
	return ok && akin(&m) || faintly(full, name)
}

// faintly reports a likeness that says nothing but of the participants of a
// conversation.
func faintly(d, name mail.Domain) bool {
	return !lookalike.Distant(d, name) && (lookalike.Twice(d, name) || lookalike.Reordered(d, name))
}

// below reports whether the name stands below another domain. Services that are known
// bear the names of many, so that it makes nobody a Shadow.
func below(full, name mail.Domain) bool {
	_, ok := lookalike.Below(full, name)
	return ok
}

// Bounds of the kin that are looked at, the oldest first: newer ones crowd nobody
// out.
const (
	maxKin         = 64
	maxKinCompared = 512 // to find them, the longest parts of a name first
	maxBesides     = 96  // comparisons of one message with the participants of its conversation
	kinOctets      = 16 << 20
)

// kinKey is a look-up among the known domains as they stood.
type kinKey struct {
	name  mail.Domain
	stand uint64
}

func (k kinKey) own() kinKey {
	k.name = memo.Text(k.name)
	return k
}

// kinsman is one of the kin.
type kinsman struct {
	*domain
	judged bool // judge finds it: an established domain was held against it when it became that
}

// kin are the kin of a registrable domain, the oldest first. Which are older than
// itself, known to whom, or free it, is not asked yet. The result is shared.
func (t *domains) kin(name mail.Domain) []kinsman {
	return t.kinsmen.Of(kinKey{name, t.listed}, len(name), func(k kinKey) []kinsman {
		return circle{t.known, t.labels}.kin(k.name, t.known.Near)
	})
}

// circle are domains among which kin are looked for.
type circle struct {
	known  *lookalike.Known
	labels map[string][]*domain // the oldest first
}

// kin is domains.kin of those in the circle; near is Near of all that are known.
func (c circle) kin(name mail.Domain, near func(mail.Domain) []lookalike.Match) (found []kinsman) {
	sure := false
	c.eachNamed(c.known.Kin(name, kinConfidence), func(d *domain) {
		if m, ok := lookalike.Compare(name, d.name); ok && akin(&m) && m.Class != lookalike.TLD { // those are twins
			found = append(found, kinsman{d, m.Confidence >= shadowConfidence})
			sure = sure || m.Confidence >= shadowConfidence
		}
	})
	if sure {
		near := near(name)
		for i := range found {
			found[i].judged = found[i].judged && slices.ContainsFunc(near, func(m lookalike.Match) bool { return m.Target == found[i].name })
		}
	}
	slices.SortFunc(found, func(a, b kinsman) int { return older(a.domain, b.domain) })
	return slices.Clip(found[:min(len(found), maxKin)])
}

// eachNamed yields the domains with these labels, of each label the oldest.
func (c circle) eachNamed(labels []string, yield func(*domain)) {
	yielded := 0
	for _, label := range labels {
		all := c.labels[label]
		for _, d := range all[:min(len(all), maxTwins)] {
			if yielded++; yielded > maxKinCompared {
				return
			}
			yield(d)
		}
	}
}

// related reports whether name is among the kin of d.
func (t *domains) related(d *domain, name mail.Domain) bool {
	return slices.ContainsFunc(t.kin(d.name), func(k kinsman) bool { return k.name == name })
}

// outshone is the oldest of the kin that puts d into the shade, of those that matter;
// "" if none.
func (r *ram) outshone(d *domain, kin []kinsman, at time.Time, matters func(*domain) bool) mail.Domain {
	for _, k := range kin {
		if !k.contests(d) && matters(k.domain) && r.shadows(k.domain, d, at) && !r.freed(d, k.name, at) {
			return k.name
		}
	}
	return ""
}

// contests reports whether k became known after d, which would not have been
// established beside it: whoever came first of such two may be the impostor, who
// wrote one mail in advance. For whom an administrator has listed since he vouches. But
// whom we had answered for long by then imitates nobody, unless he wants what an impostor
// wants: that policy asks of the contested.
func (k *kinsman) contests(d *domain) bool {
	return k.judged && d.established && (!k.imported || d.imported || d.settledBy(k.named))
}

// settledBy reports whether d had been in correspondence with us for long on a day.
func (d *domain) settledBy(day uint16) bool {
	return d.answered && d.days >= settledDays && min(d.last, day) >= d.first+settledSpan
}

// When a correspondence is old: on so many days, over so many days. A warm-up for a theft
// takes weeks.
const (
	settledDays = 12
	settledSpan = 90
)

// maxContested bounds KnownDomain.Contested.
const maxContested = 8

// contested are the older ones of the kin that d is contested with.
func (r *ram) contested(d *domain, kin []kinsman, at time.Time) (all []mail.Domain) {
	for _, k := range kin {
		if len(all) < maxContested && k.judged && d.established && r.shadows(k.domain, d, at) && !r.freed(d, k.name, at) {
			all = append(all, k.name)
		}
	}
	return all
}

// company are the known domains that a message shows and the participants of its
// conversation: of all the kin of somebody in Cc they alone matter.
func (r *ram) company(a *asked) circle {
	c := circle{lookalike.NewKnown(), map[string][]*domain{}}
	for _, names := range [...][]mail.Domain{{a.author}, a.domains, a.participants} {
		for _, name := range names {
			d := r.byName[name]
			if d == nil || d.ours || !d.established || slices.Contains(c.labels[labelOf(name)], d) {
				continue
			}
			c.known.Insert(name)
			c.labels[labelOf(name)] = append(c.labels[labelOf(name)], d)
		}
	}
	for _, all := range c.labels {
		slices.SortFunc(all, older)
	}
	return c
}

// besides is which of the participants of a conversation d resembles, if it came
// here after them: in their own conversation they need not be established. "" if none.
func (r *ram) besides(d *domain, full mail.Domain, a *asked) mail.Domain {
	for _, name := range a.participants {
		old := r.byName[name]
		if old == nil || old == d || old.ours || old.first == 0 || !old.before(d) || old.imported && d.imported {
			continue
		}
		if a.compared++; a.compared > maxBesides {
			return ""
		}
		if alike(cmp.Or(full, d.name), name) && !r.freed(d, name, a.at) {
			return name
		}
	}
	return ""
}

// kindred are the kin of the author, who is not known for himself, that matter to the
// recipients, or for whom an administrator vouches: older ones, from which nothing
// frees him.
func (s *Store) kindred(state policy.State, a *asked) (all []policy.Neighbour) {
	if a.author == "" || s.digester.Own[a.author] || s.ram.protected[a.author] || state == policy.Established || state == policy.TwoWay {
		return nil
	}
	d := s.ram.byName[a.author]
	if d == nil || d.first == 0 {
		d = &domain{name: a.author, first: math.MaxUint16} // after all others
	}
	for _, k := range s.ram.kin(a.author) {
		if len(all) == maxNear {
			break
		}
		if !(k.imported || s.ram.know(&a.eyes, k.domain)) || !s.ram.shadows(k.domain, d, a.at) || s.ram.freed(d, k.name, a.at) {
			continue
		}
		if m, ok := lookalike.Compare(a.author, k.name); ok {
			m.Tier = lookalike.Site
			all = append(all, policy.Neighbour{Match: m, Known: s.show(k.name, "", a)})
		}
	}
	return all
}
