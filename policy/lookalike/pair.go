package lookalike

import (
	"slices"
	"strings"

	"mxgate/policy/lookalike/shelf"
	"mxgate/policy/mail"
	"mxgate/policy/memo"
)

// Registrable returns the domain that is compared: the label and its public
// suffix. "" if d has no label of its own: a public suffix, a single label, an
// address literal, a malformed name.
func Registrable(d mail.Domain) mail.Domain {
	if len(d) > maxNameOctets {
		return ""
	}
	return registrables.Of(d, len(d), func(d mail.Domain) mail.Domain {
		n, ok := parse(d)
		if !ok {
			return ""
		}
		return mail.Domain(n.registrable)
	})
}

// registrables remembers some hundreds of domains: one message asks for its
// author's ten times.
var registrables = memo.New[mail.Domain, mail.Domain](1<<20, memo.Text)

// Compare holds d against one target, whose registrable domain counts. It finds
// what an Index finds, without regard to how many other names are near.
//
// The Match has no tier and never acts alone: who the target is to the
// recipient decides what it is worth. It reports false when the two are one
// registrable domain, when d lies below the target, or when nothing is alike.
func Compare(d, targetDomain mail.Domain) (Match, bool) {
	n, ok := parse(d)
	if !ok {
		return Match{}, false
	}
	t, ok := parse(targetDomain)
	if !ok || t.registrable == n.registrable {
		return Match{}, false
	}
	p := newPair(t)
	if found := look(p, n, maxCompared); len(found) > 0 {
		return found[0], true
	}
	return p.lacking(n, t)
}

// pair is the finder of one target.
type pair struct {
	one         target
	named       label
	keys        []key // of the label
	least, most int   // letters of those keys
	written     uint64
}

func newPair(t name) *pair {
	p := &pair{
		one:     target{Target{Domain: mail.Domain(t.registrable)}, 0, t.suffix},
		named:   label{glyphs: t.glyphs},
		keys:    keysOf(t.glyphs),
		least:   shelf.MaxRunes,
		written: endingHash(t.suffix),
	}
	for _, k := range p.keys {
		p.least, p.most = min(p.least, len(k.runes)), max(p.most, len(k.runes))
	}
	return p
}

// confLacking is little: the short form of a name mostly belongs to who has the
// long one.
const confLacking = 30

// lacking finds a target whose label has words at its ends that the name lacks:
// acme for acme-group.
func (p *pair) lacking(n, t name) (Match, bool) {
	keys := keysOf(n.glyphs)
	if !strings.Contains(string(p.keys[0].runes), string(keys[0].runes)) {
		return Match{}, false
	}
	turned := check{finder: newPair(n), name: t, keys: p.keys, most: maxCompared}
	turned.combos()
	for _, f := range turned.found {
		if f.form != Combo || f.edits > 0 || f.priced.unknown > 0 {
			continue
		}
		m := f.match
		m.Domain, m.Target, m.Class, m.Confidence = n.domain, p.one.Domain, Combo, min(m.Confidence, confLacking)
		m.Why = written(n) + " looks like " + string(m.Target) + ": " + shown(f.words) + " left out"
		return m, true
	}
	return Match{}, false
}

func (p *pair) equal(h uint64, yield func(int32) bool) {
	if slices.ContainsFunc(p.keys, func(k key) bool { return k.hash() == h }) {
		yield(0)
	}
}

// near hands on what consists of about the same letters, in whatever order.
func (p *pair) near(k key, from, to int, yield func(int32) bool) {
	for _, own := range p.keys {
		if differing(k.runes[from:to], own.runes) <= 2 {
			yield(0)
			return
		}
	}
}

// differing counts the letters that one key has and the other lacks.
func differing(a, b []rune) (n int) {
	var count [64]int8 // several letters of other scripts may share a place: then more is aligned
	for _, r := range a {
		count[r%64]++
	}
	for _, r := range b {
		count[r%64]--
	}
	for _, c := range count {
		n += max(int(c), -int(c))
	}
	return n
}

func (p *pair) ending(h uint64) bool { return h == p.written }

func (p *pair) spelled(_ int32, _, ending uint64) (int32, bool) { return 0, ending == p.written }

func (p *pair) label(int32) *label { return &p.named }

func (p *pair) addressed(int32, string) []int32 { return []int32{0} }

func (p *pair) target(int32) target { return p.one }

func (p *pair) brands() (least, most int, anywhere bool) {
	return max(minBrand, p.least), p.most, true
}

func (p *pair) maybe(rune, int) bool { return true }
