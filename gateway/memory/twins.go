package memory

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"mxgate/gateway/memory/table"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// Twins are domains with one label below several public suffixes: acme.com and
// acme.de. Most are one firm, or two that know nothing of each other, so that the
// later one is no Shadow for that. It is one to whom it matters: in mail to those
// who correspond with the older one, and in a conversation of the older one.
// There it never becomes more, however well others know it.

// maxTwins bounds the older twins that are looked at, the oldest first: newer
// ones crowd nobody out.
const maxTwins = 16

// labelOf is what a registrable domain has before its public suffix.
func labelOf(name mail.Domain) string {
	label, _, _ := strings.Cut(string(name), ".")
	return label
}

// list files a known domain by its label; unlist takes it out.
func (t *domains) list(d *domain) {
	all := t.labels[labelOf(d.name)]
	if !slices.Contains(all, d) {
		all = append(all, d)
		t.labels[labelOf(d.name)] = all
		t.listed++
	}
	slices.SortFunc(all, older)
}

// older sorts domains by their first day.
func older(a, b *domain) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.id, b.id)) }

func (t *domains) unlist(d *domain) {
	label := labelOf(d.name)
	all, i := t.labels[label], slices.Index(t.labels[label], d)
	switch {
	case i < 0:
		return
	case len(all) == 1:
		delete(t.labels, label)
	default:
		t.labels[label] = slices.Delete(all, i, i+1)
	}
	t.listed++
}

// eyes are in whose eyes a domain is judged: mailboxes, and the members of the
// conversation.
type eyes struct {
	mailboxes []uint64
	members   []uint32
}

// know reports whether one of them corresponds with d, or it is a member.
func (r *ram) know(e *eyes, d *domain) bool {
	return slices.Contains(e.members, d.id) || slices.ContainsFunc(e.mailboxes, func(m uint64) bool {
		_, ok := r.Edges.Get(table.EdgeKey(m, d.id))
		return ok
	})
}

// knownTo is know of e.
func (r *ram) knownTo(e *eyes) func(*domain) bool {
	return func(d *domain) bool { return r.know(e, d) }
}

// twins yields the known domains with the label of name that matter.
func (r *ram) twins(name mail.Domain, matters func(*domain) bool, yield func(*domain, lookalike.Match) bool) {
	all := r.labels[labelOf(name)]
	for _, old := range all[:min(len(all), maxTwins)] {
		if old.name == name || !matters(old) {
			continue
		}
		if m, ok := lookalike.Compare(name, old.name); ok && m.Class == lookalike.TLD && m.Confidence >= shadowConfidence && !yield(old, m) {
			return
		}
	}
}

// standing is the state of d in a message that shows it as full, in the eyes of
// those who have to do with the message; for a Shadow also whose. full is d's name
// or lies below it, "" being its name.
//
// A name below that resembles an older domain makes a Shadow of no more than the
// message: of many who write below d one is to blame.
func (r *ram) standing(d *domain, full mail.Domain, e *eyes, at time.Time) (policy.State, mail.Domain) {
	state := r.state(d, at)
	switch {
	case state == policy.Shadow:
		return state, d.shadowOf
	case state == policy.Unseen, d.ours:
		return state, ""
	}
	if full != "" && full != d.name {
		if of := r.judge(d, full, at); of != "" && !r.freed(d, of, at) {
			return policy.Shadow, of
		}
	}
	if of := r.elderTwin(d, at, r.knownTo(e)); of != "" {
		return policy.Shadow, of
	}
	return state, ""
}

// elderTwin is the oldest twin that puts d into its shadow, of those that matter; ""
// if none.
func (r *ram) elderTwin(d *domain, at time.Time, matters func(*domain) bool) (of mail.Domain) {
	r.twins(d.name, matters, func(old *domain, _ lookalike.Match) bool {
		if r.shadows(old, d, at) && !r.freed(d, old.name, at) {
			of = old.name
		}
		return of == ""
	})
	return of
}
