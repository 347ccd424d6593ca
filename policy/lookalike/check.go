package lookalike

import (
	"cmp"
	"slices"
	"strings"

	"mxgate/policy/mail"
)

// Limits of one Check. An honest name meets a handful of targets; a name built
// to meet all of them is cut short, the closest forms having been tried first.
const (
	maxCompared = 128 // labels aligned
	maxMatches  = 8   // matches returned
)

// minConfidence is the least that is worth recording.
const minConfidence = 20

// check is the work on one domain.
type check struct {
	x        *Index
	name     name
	compared int
	found    map[int32]Match // by target
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
	c := check{x: x, name: n}
	c.whole()
	c.combos()
	c.embedded()
	c.split()
	return c.ranked()
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

// whole holds the label as it stands against the labels of the targets.
func (c *check) whole() {
	for _, k := range keysOf(c.name.glyphs) {
		c.nearby(k, 0, len(k.runes), func(id int32, d difference) {
			c.record(id, evidence{difference: d})
		})
	}
}

// nearby aligns the letters of k.runes[from:to] with the labels that are close
// to them, and hands on what resembles.
func (c *check) nearby(k key, from, to int, yield func(int32, difference)) {
	var ids []int32
	c.x.near(k.runes, hashKey(k.runes), from, to, func(id int32) {
		if len(ids) < maxCompared && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	})
	part := k.glyphs(c.name.glyphs, from, to)
	for _, id := range ids {
		if d, ok := c.compare(part, id); ok {
			yield(id, d)
		}
	}
}

// compare aligns within the limit of one Check.
func (c *check) compare(part []glyph, id int32) (difference, bool) {
	if c.compared++; c.compared > maxCompared {
		return difference{}, false
	}
	return compare(part, c.x.labels[id].glyphs)
}

// glyphs returns the letters that k.runes[from:to] were folded from.
func (k key) glyphs(of []glyph, from, to int) []glyph {
	return of[k.at[from] : k.at[to-1]+1]
}

// record judges the evidence against each target that the label stands for.
func (c *check) record(labelID int32, e evidence) {
	for _, id := range c.x.addressed(&c.x.labels[labelID], c.name.suffix) {
		c.recordTarget(id, e)
	}
}

func (c *check) recordTarget(id int32, e evidence) {
	t := &c.x.targets[id]
	e.target, e.label = t, &c.x.labels[t.label]
	e.otherSuffix = t.suffix != c.name.suffix
	m := Match{Domain: c.name.domain, Target: t.Domain, Tier: t.Tier, Class: e.class(), Confidence: e.confidence()}
	m.Alone = e.alone(m.Confidence)
	if m.Confidence < minConfidence {
		return
	}
	if old, ok := c.found[id]; ok && better(old, m) <= 0 {
		return
	}
	m.Why = e.sentence(c.name)
	if c.found == nil {
		c.found = map[int32]Match{}
	}
	c.found[id] = m
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
	matches := make([]Match, 0, len(c.found))
	for _, m := range c.found {
		matches = append(matches, m)
	}
	slices.SortFunc(matches, func(a, b Match) int {
		return cmp.Or(better(a, b), tierRank(a.Tier)-tierRank(b.Tier), cmp.Compare(a.Target, b.Target))
	})
	return matches[:min(len(matches), maxMatches)]
}
