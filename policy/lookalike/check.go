package lookalike

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"mxgate/policy/lookalike/shelf"
	"mxgate/policy/mail"
)

// Limits of one look-up. An honest name meets a handful of targets; a name built
// to meet all of them is cut short, the closest forms having been tried first.
const (
	maxCompared = 128 // labels aligned
	maxMatches  = 8   // matches returned
)

// minConfidence is the least that is worth recording.
const minConfidence = 20

// finder finds targets by folded letters. There are three: an Index, the Known
// domains, and a pair.
type finder interface {
	// equal yields the labels whose folded letters have the hash h.
	equal(h uint64, yield func(id int32) bool)
	// near yields the labels equal to k.runes[from:to], then those that are about
	// one letter away, until yield reports false. A label may come twice.
	near(k key, from, to int, yield func(id int32) bool)
	// ending reports whether a target has a suffix of these letters.
	ending(h uint64) bool
	// spelled returns the target whose label is id, of the hash h, and whose
	// suffix has the hash ending.
	spelled(id int32, h, ending uint64) (int32, bool)
	// label returns the label of that number.
	label(id int32) *label
	// addressed returns the targets of a label that a name with this suffix is
	// held against.
	addressed(id int32, suffix string) []int32
	target(id int32) target
	// brands gives the lengths of labels that are looked for within others; only
	// where known words surround them when it reports false.
	brands() (least, most int, anywhere bool)
	// maybe reports whether a label may have a key of so many letters with that first
	// one: it is asked for every part of a name, and costs less than equal.
	maybe(first rune, letters int) bool
}

// target is one domain worth imitating.
type target struct {
	Target
	label  int32
	suffix string
}

// label is the label of one or more targets that differ in their suffix.
type label struct {
	glyphs  []glyph
	targets []int32
	within  int // targets whose label starts or ends with this one
}

// check is the work on one domain.
type check struct {
	finder
	name     name
	keys     []key // of its label
	most     int   // labels aligned
	compared int
	found    []finding
	around   surroundings // those last asked for
	aligner  aligner
	letters  []glyph // of a run of tokens
	sums     shelf.Hashes
}

// checks are used again: their buffers are most of what a look-up allocates.
var checks = sync.Pool{New: func() any { return new(check) }}

// look holds a name against what a finder finds, best first.
func look(f finder, n name, most int) []Match {
	c := checks.Get().(*check)
	c.finder, c.name, c.keys, c.most, c.compared, c.found = f, n, keysOf(n.glyphs), most, 0, c.found[:0]
	c.embedded() // first: they are few, where one letter away there may be more than are aligned
	c.split()
	c.whole()
	c.combos()
	matches := c.ranked()
	clear(c.found)
	c.finder, c.name, c.keys, c.around = nil, name{}, nil, surroundings{}
	checks.Put(c)
	return matches
}

// finding is the best evidence for one target.
type finding struct {
	id    int32
	match Match
	evidence
}

// whole holds the label as it stands against the labels of the targets.
func (c *check) whole() {
	for _, k := range c.keys {
		c.nearby(k, 0, len(k.runes), func(id int32, d difference) {
			c.record(id, evidence{difference: d})
		})
	}
}

// nearby aligns the letters of k.runes[from:to] with the labels that are close
// to them, and hands on what resembles.
func (c *check) nearby(k key, from, to int, yield func(int32, difference)) {
	var few [16]int32
	ids := few[:0]
	c.near(k, from, to, func(id int32) bool {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		return len(ids) < c.most
	})
	part := k.glyphs(c.name.glyphs, from, to)
	for _, id := range ids {
		if d, ok := c.compare(part, c.label(id).glyphs); ok {
			d.crowd = len(ids) - 1
			yield(id, d)
		}
	}
}

// compare aligns within the limit of one look-up.
func (c *check) compare(part, label []glyph) (difference, bool) {
	if c.compared++; c.compared > c.most {
		return difference{}, false
	}
	return c.aligner.compare(part, label)
}

// glyphs returns the letters that k.runes[from:to] were folded from.
func (k key) glyphs(of []glyph, from, to int) []glyph {
	return of[k.at[from] : k.at[to-1]+1]
}

// record judges the evidence against each target that the label stands for.
func (c *check) record(labelID int32, e evidence) {
	for _, id := range c.addressed(labelID, c.name.suffix) {
		c.recordTarget(id, e)
	}
}

func (c *check) recordTarget(id int32, e evidence) {
	e.target = c.target(id)
	e.label = c.label(e.target.label)
	e.otherSuffix = e.target.suffix != c.name.suffix
	m := Match{Domain: c.name.domain, Target: e.target.Domain, Tier: e.target.Tier, Confidence: e.confidence(), Neighbours: e.crowd}
	if m.Confidence < minConfidence {
		return
	}
	m.Alone, m.Unlisted = e.alone(m.Confidence), e.form == Combo && e.priced.unknown > 0
	i := slices.IndexFunc(c.found, func(f finding) bool { return f.id == id })
	switch {
	case i < 0:
		c.found = append(c.found, finding{id, m, e})
	case better(c.found[i].match, m) > 0:
		c.found[i] = finding{id, m, e}
	}
}

func better(a, b Match) int {
	if a.Alone != b.Alone {
		if a.Alone {
			return -1
		}
		return 1
	}
	return b.Confidence - a.Confidence
}

// ranked returns what was found: what may act alone first, then by confidence.
func (c *check) ranked() []Match {
	if len(c.found) == 0 {
		return nil
	}
	best := make([]*finding, len(c.found))
	for i := range c.found {
		best[i] = &c.found[i]
	}
	slices.SortFunc(best, func(a, b *finding) int {
		return cmp.Or(better(a.match, b.match), tierRank(a.match.Tier)-tierRank(b.match.Tier), cmp.Compare(a.match.Target, b.match.Target))
	})
	shown := written(c.name)
	matches := make([]Match, min(len(c.found), maxMatches))
	for i, f := range best[:len(matches)] {
		matches[i] = f.match
		matches[i].Class = f.class()
		matches[i].Why = f.sentence(c.name, shown)
	}
	return matches
}

// Check returns the targets that d resembles, best first, at most maxMatches.
//
// Nil when d is a target or below one, or registered together with one, or no
// name with a label of its own. d is expected as mail.Domain promises; any
// other text is safe and resembles little. The result is shared and must not be
// changed.
func (x *Index) Check(d mail.Domain) []Match {
	if len(d) > maxNameOctets || len(x.targets) == 0 {
		return nil
	}
	return x.known.Of(d, len(d), x.check)
}

func (x *Index) check(d mail.Domain) []Match {
	n, ok := parse(d)
	if !ok || x.owned(n) {
		return nil
	}
	return look(x, n, maxCompared)
}

// owned reports whether the name is a target, or in the hands of one.
func (x *Index) owned(n name) bool {
	for s := string(n.domain); ; {
		if x.own[s] {
			return true
		}
		_, rest, ok := strings.Cut(s, ".")
		if !ok {
			return false
		}
		s = rest
	}
}
