package pair

import (
	"cmp"
	"slices"
	"strings"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// Confidence is the likeness from which the memory takes the later of two domains
// for a look-alike of the earlier one (its shadow).
const Confidence = 50

// Whose says who the target of a Likeness is.
type Whose string

// The words.
const (
	Listed    Whose = "listed"    // in the same list
	Known     Whose = "known"     // known before
	Protected Whose = "protected" // of the configuration
	Own       Whose = "own"
)

// Likeness is a domain of a list that resembles another one.
type Likeness struct {
	Domain, Target mail.Domain
	Whose          Whose
	Confidence     int
}

// World is what a list is held against.
type World struct {
	Targets []lookalike.Target // own and protected domains
	Known   []mail.Domain      // established ones, that the memory knows
	// Free reports whether one may resemble the other: one owner, or an
	// administrator's word.
	Free func(d, target mail.Domain) bool
}

// Of finds whom the domains of a list resemble: each other, and whom the site
// knows. A pair is told once, the nearest first. Those that are known already are
// not asked for.
func (w World) Of(list []mail.Domain) []Likeness {
	near, index := lookalike.NewKnown(), lookalike.NewIndex(w.Targets)
	whose := map[mail.Domain]Whose{}
	for _, d := range list {
		near.Insert(d)
		whose[d] = Listed
	}
	for _, d := range w.Known {
		near.Insert(d)
		whose[d] = Known
	}
	own := map[mail.Domain]Whose{}
	for _, t := range w.Targets {
		own[lookalike.Registrable(t.Domain)] = Whose(t.Tier)
	}
	var found []Likeness
	told := map[[2]mail.Domain]bool{}
	note := func(d, target mail.Domain) {
		pair := [2]mail.Domain{min(d, target), max(d, target)}
		if told[pair] {
			return
		}
		m, alike := lookalike.Compare(d, target)
		if !alike || m.Confidence < Confidence || w.Free(d, target) || w.Free(target, d) {
			return
		}
		told[pair] = true
		found = append(found, Likeness{d, target, cmp.Or(own[target], whose[target]), m.Confidence})
	}
	for _, d := range list {
		if whose[d] == Known || own[d] != "" {
			continue
		}
		for _, m := range index.Check(d) {
			note(d, lookalike.Registrable(m.Target))
		}
		for _, m := range near.Near(d) {
			note(d, m.Target)
		}
	}
	slices.SortStableFunc(found, func(a, b Likeness) int { return cmp.Compare(b.Confidence, a.Confidence) })
	return found
}

// Kin finds those of a list whose names are made of that of another, in the list or
// known: with a word that firms add themselves, or, of a short one, a letter apart.
// Which of two is the older is not asked. akin judges what the index finds from that
// likeness on.
func (w World) Kin(list []mail.Domain, least int, akin func(d, target mail.Domain) bool) []Likeness {
	near := lookalike.NewKnown()
	whose, byLabel := map[mail.Domain]Whose{}, map[string][]mail.Domain{}
	for _, part := range []struct {
		domains []mail.Domain
		whose   Whose
	}{{w.Known, Known}, {list, Listed}} {
		for _, d := range part.domains {
			if whose[d] != "" {
				continue
			}
			near.Insert(d)
			whose[d] = part.whose
			label, _, _ := strings.Cut(string(d), ".")
			byLabel[label] = append(byLabel[label], d)
		}
	}
	var found []Likeness
	for _, d := range list {
		for _, label := range near.Kin(d, least) {
			for _, target := range byLabel[label][:min(len(byLabel[label]), maxOfLabel)] {
				if target != d && akin(d, target) && !w.Free(d, target) && !w.Free(target, d) {
					found = append(found, Likeness{Domain: d, Target: target, Whose: whose[target]})
				}
			}
		}
	}
	return found
}

// maxOfLabel bounds the domains that differ in their endings alone.
const maxOfLabel = 16

// Near lists whom one domain resembles, known or not itself, the nearest first. It
// holds it against each of them, and so finds words that were added to a name, which
// Of finds for Targets alone.
func (w World) Near(d mail.Domain) []Likeness {
	var found []Likeness
	told := map[mail.Domain]bool{d: true}
	note := func(target mail.Domain, whose Whose) {
		if told[target] {
			return
		}
		told[target] = true
		if m, alike := lookalike.Compare(d, target); alike && m.Confidence >= Confidence && !w.Free(d, target) && !w.Free(target, d) {
			found = append(found, Likeness{d, target, whose, m.Confidence})
		}
	}
	for _, t := range w.Targets {
		note(lookalike.Registrable(t.Domain), Whose(t.Tier))
	}
	for _, k := range w.Known {
		note(k, Known)
	}
	slices.SortStableFunc(found, func(a, b Likeness) int { return cmp.Compare(b.Confidence, a.Confidence) })
	return found
}
