package memory

import (
	"slices"
	"time"

	"mxgate/gateway/calendar"
	"mxgate/gateway/memory/table"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/memo"
)

// When a domain is established: so many messages, on so many days, over so many
// days. LOOKALIKE section 6.
const (
	establishedMessages = 3
	establishedDays     = 3
	establishedSpan     = 14
)

// shadowConfidence makes a look-alike of an older domain a shadow of it;
// threadConfidence keeps one out of a conversation. LOOKALIKE sections 6 and 4.4.
const (
	shadowConfidence = 50
	threadConfidence = 35
)

// provenSignatures of a domain on mail of another one prove that its owner
// answers for it; maxProofs such domains are counted for one.
const (
	provenSignatures = 3
	maxProofs        = 4
)

// always is the first day of a domain that an administrator has listed as
// established without a date: it was there before all that was learned.
const always = 1

// domain is what is kept of one registrable domain.
type domain struct {
	id          uint32
	name        mail.Domain
	first, last uint16 // days of contact; 0 if it was only named by others
	second      uint32 // of the first day, of the first contact
	named       uint16 // day on which it was last named
	days        uint16 // days with contact
	in, out     uint32
	established bool
	answered    bool // we write to it
	imported    bool // an administrator vouches for it
	ours        bool
	shadowOf    mail.Domain // the older domain it resembles, "" if none
	told        bool        // its mail was judged to resemble that one, whatever its name does
	proofs      []proof
	note        string
	dirty       bool // its row is not yet written
	counted     bool // its counts are newer than its row
}

// proof counts messages of a domain that another one has signed.
type proof struct {
	Domain mail.Domain `json:"domain"`
	Count  int         `json:"count"`
}

// domains is the table of domains. The goroutine that learns changes it, under
// the lock of the Store.
type domains struct {
	byName map[mail.Domain]*domain
	byID   map[uint32]*domain
	next   uint32

	known     *lookalike.Known                    // the established ones that are no shadows
	labels    map[string][]*domain                // the same by their label, oldest first: see twins.go
	listed    uint64                              // counts changes of labels
	kinsmen   *memo.Memo[kinKey, []kinsman]       // what was found among them
	bearers   map[uint64][]*domain                // those that were listed with a name, by its key: see bearers.go
	nameKey   func(string) uint64                 // of a name as it is written; nil where nobody asks
	near      func(mail.Domain) []lookalike.Match // Near of known, from memory where there is one
	targets   *lookalike.Index                    // our own and protected ones
	protected map[mail.Domain]bool
	groups    map[mail.Domain]int
	decisions map[mail.Domain][]*decision // by sender
}

func newDomains(c Config) *domains {
	t := &domains{
		byName: map[mail.Domain]*domain{}, byID: map[uint32]*domain{}, next: 1,
		known: lookalike.NewKnown(), labels: map[string][]*domain{}, kinsmen: memo.New[kinKey, []kinsman](kinOctets, kinKey.own),
		bearers:   map[uint64][]*domain{},
		protected: map[mail.Domain]bool{}, groups: map[mail.Domain]int{}, decisions: map[mail.Domain][]*decision{},
	}
	t.near = t.known.Near
	var targets []lookalike.Target
	add := func(list []mail.Domain, tier lookalike.Tier) {
		for _, d := range list {
			if r := lookalike.Registrable(d); r != "" && !t.protected[r] {
				t.protected[r] = true
				targets = append(targets, lookalike.Target{Domain: r, Tier: tier})
			}
		}
	}
	add(c.Own, lookalike.Own)
	add(c.Protected, lookalike.Protected)
	t.targets = lookalike.NewIndex(targets)
	for i, group := range c.Groups {
		for _, d := range group {
			t.groups[lookalike.Registrable(d)] = i + 1
		}
	}
	return t
}

// state derives how well a domain is known. It is never stored: a decision that
// ends, or a group that is listed, must tell at once.
func (t *domains) state(d *domain, at time.Time) policy.State {
	switch {
	case d == nil:
		return policy.Unseen
	case d.ours:
		return policy.TwoWay
	case d.shadowOf != "" && !t.freed(d, d.shadowOf, at):
		return policy.Shadow
	case d.established && d.answered:
		return policy.TwoWay
	case d.established:
		return policy.Established
	case d.first != 0:
		return policy.Seen
	}
	return policy.Unseen
}

// class says what a flood has to pay for a place beside d.
func (t *domains) class(d *domain, at time.Time) uint8 {
	switch t.state(d, at) {
	case policy.TwoWay:
		return table.ClassTwoWay
	case policy.Established:
		return table.ClassEstablished
	}
	return table.ClassNew
}

// freed reports whether d may resemble target: one owner, as listed or as
// target's signatures prove, or an administrator's word for the whole site.
func (t *domains) freed(d *domain, target mail.Domain, at time.Time) bool {
	if g := t.groups[d.name]; g != 0 && g == t.groups[target] {
		return true
	}
	for _, p := range d.proofs {
		if p.Domain == target && p.Count >= provenSignatures {
			return true
		}
	}
	for _, x := range t.decisions[d.name] {
		if x.Allow && x.Recipient == "" && x.Target == target && inForce(&x.Decision, at) {
			return true
		}
	}
	return false
}

func inForce(d *policy.Decision, at time.Time) bool {
	return !d.At.After(at) && (d.Expires.IsZero() || d.Expires.After(at))
}

// judge looks for an older domain that d resembles under a name, which is its own
// or one below it: one of ours, a protected one, or one that is established and
// was there before d. A domain that is freed from one may still resemble
// another. Those that differ from a known one in the public suffix alone are left
// to standing: among real domains they are three of four look-alikes by chance.
//
// Similarity is measured by lookalike.Compare, without the density that Near takes
// into account: who comes in a crowd is a look-alike all the same.
func (t *domains) judge(d *domain, name mail.Domain, at time.Time) mail.Domain {
	if d.ours || t.protected[d.name] {
		return ""
	}
	freedFrom := mail.Domain("")
	for _, m := range t.targets.Check(name) {
		if m.Confidence < shadowConfidence {
			continue
		}
		if target := lookalike.Registrable(m.Target); !t.freed(d, target, at) {
			return target
		}
		freedFrom = m.Target
	}
	near := t.near
	if name == d.name {
		near = t.known.Near // asked for twice in its life
	}
	for _, m := range near(name) {
		older := t.byName[m.Target]
		if older == nil || older == d || !t.shadows(older, d, at) {
			continue
		}
		if pair, ok := lookalike.Compare(name, older.name); !ok || pair.Confidence < shadowConfidence || pair.Class == lookalike.TLD {
			continue
		}
		if !t.freed(d, older.name, at) {
			return older.name
		}
		freedFrom = older.name
	}
	return freedFrom // kept: the decision may end
}

// stands reports whether a domain can still throw a shadow.
func (t *domains) stands(name mail.Domain, at time.Time) bool {
	s := t.state(t.byName[name], at)
	return t.protected[name] || s == policy.Established || s == policy.TwoWay
}

// shadows reports whether old is in a position to put d into its shadow: it is
// established itself, no shadow, and was there before, be it by a second: who sees
// a partner's first mail must not gain by writing on the same day. Two that were
// both there when an administrator listed them exempt each other.
func (t *domains) shadows(old, d *domain, at time.Time) bool {
	return t.stands(old.name, at) && old.before(d) && !(old.imported && d.imported)
}

// before reports whether the first contact with d was before that with x.
func (d *domain) before(x *domain) bool {
	return d.first < x.first || d.first == x.first && d.second < x.second
}

// settle brings the indexes of known domains in line with the state of d.
func (t *domains) settle(d *domain, at time.Time) {
	switch t.state(d, at) {
	case policy.Established, policy.TwoWay:
		if !d.ours {
			t.known.Insert(d.name)
			t.list(d)
		}
	default:
		t.known.Remove(d.name)
		t.unlist(d)
	}
}

// enter adds a domain to the table, with the number it was stored under or, for
// 0, a new one. nil if numbers have run out.
func (t *domains) enter(d *domain) *domain {
	if d.id == 0 {
		if t.next > table.MaxDomain {
			return nil
		}
		d.id = t.next
	}
	t.next = max(t.next, d.id+1)
	t.byName[d.name], t.byID[d.id] = d, d
	t.bear(d, true)
	return d
}

// remove takes a domain out. Its number is never given out again, so that what
// still names it names nobody.
func (t *domains) remove(d *domain) {
	delete(t.byName, d.name)
	delete(t.byID, d.id)
	t.bear(d, false)
	t.known.Remove(d.name)
	t.unlist(d)
}

// show is what a Recollection says of a domain.
func (t *domains) show(name mail.Domain, at time.Time) policy.KnownDomain {
	k := policy.KnownDomain{Domain: name}
	d := t.byName[name]
	if d == nil {
		return k
	}
	k.State, k.Last, k.Messages = t.state(d, at), calendar.TimeOf(d.last), int(d.in)
	if d.first != always {
		k.First = calendar.TimeOf(d.first)
	}
	if k.State == policy.Shadow {
		k.ShadowOf = d.shadowOf
	}
	for _, p := range d.proofs {
		if p.Count >= provenSignatures {
			k.ProvenFor = append(k.ProvenFor, p.Domain)
		}
	}
	return k
}

// touched notes contact with d on a day, in either direction. A day before the
// last one (an archive read backwards, a clock set back) adds a day only where it
// is earlier than all. It reports whether this is the first contact of all.
func (d *domain) touched(day uint16, second uint32) (first bool) {
	if day > d.last || day < d.first {
		d.days = min(d.days, 1<<16-2) + 1
	}
	if day < d.first || day == d.first && second < d.second {
		d.first, d.second, first = day, second, true
	}
	d.last = max(d.last, day)
	return first
}

// ripe reports whether the contact is enough to be established.
func (d *domain) ripe() bool {
	return d.in+d.out >= establishedMessages && d.days >= establishedDays && d.last-d.first >= establishedSpan
}

// signed counts signatures of domains that d resembles, and reports whether that
// changed anything.
func (t *domains) signed(d *domain, by []mail.Domain, at time.Time) (changed bool) {
	for _, signer := range by {
		if signer != d.shadowOf && (!t.stands(signer, at) || labelOf(signer) != labelOf(d.name) && !t.related(d, signer)) {
			continue
		}
		i := slices.IndexFunc(d.proofs, func(p proof) bool { return p.Domain == signer })
		switch {
		case i >= 0:
			d.proofs[i].Count++
			changed = changed || d.proofs[i].Count <= provenSignatures
		case len(d.proofs) < maxProofs:
			d.proofs = append(d.proofs, proof{signer, 1})
			changed = true
		}
	}
	return changed
}
