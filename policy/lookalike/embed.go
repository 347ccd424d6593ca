package lookalike

import (
	"slices"
	"strings"

	"mxgate/policy/lookalike/shelf"
)

// Limits of what is looked through.
const (
	maxSplit         = 4  // dots within a label
	maxParts         = 32 // parts of a name, from its left, which is what a reader sees
	maxTokens        = 8  // parts that a target written in full may have
	maxSuffixLetters = 20 // of its suffix
)

// Lengths of labels below which their letters meet by chance in other names.
const (
	leastGlued  = 4 // freefr: no mark where the dot was
	minGlued    = 5 // heisede: letters enough to be no chance
	minHyphened = 4 // heise-de
	minSplit    = 5 // he.ise
	minHostWord = 4 // mail.ing: a host called mail is no half of a label
)

// token is a part of the name between dots and hyphens.
type token struct {
	glyphs []glyph
	label  int  // index of the label it is in
	dotted bool // it starts its label
}

// tokens lists the parts of what precedes the public suffix.
func (n name) tokens() []token {
	var all []token
	for i, label := range n.labels {
		glyphs := n.glyphs
		if i < len(n.labels)-1 {
			glyphs = glyphsOf(label)
		}
		start, first := 0, true
		for end := 0; end <= len(glyphs); end++ {
			if end < len(glyphs) && glyphs[end].c != '-' {
				continue
			}
			if len(all) == maxParts {
				return all
			}
			if end > start {
				all = append(all, token{glyphs[start:end], i, first})
				first = false
			}
			start = end + 1
		}
	}
	return all
}

// embedded looks for a target written in full within the name: heise.de.pay-x,
// heise-de, www-heise-de-login, heisede.
func (c *check) embedded() {
	all := c.name.tokens()
	for from := range all {
		glyphs, h := c.letters[:0], append(c.sums[:0], 0)
		for to := from; to < min(len(all), from+maxTokens); to++ {
			glyphs = append(glyphs, all[to].glyphs...)
			if len(glyphs) > shelf.MaxRunes {
				break
			}
			for _, g := range all[to].glyphs {
				h = append(h, shelf.Extended(h[len(h)-1], plainFold(g.c)))
			}
			c.writtenOut(all[from:to+1], glyphs, h)
		}
		c.letters, c.sums = glyphs[:0], h[:0]
	}
}

// writtenOut looks for a target whose label and suffix are all of the letters of
// a run of tokens.
func (c *check) writtenOut(run []token, glyphs []glyph, h shelf.Hashes) {
	n, least := len(glyphs), 1
	if len(run) == 1 {
		least = leastGlued
	}
	for cut := max(least, n-maxSuffixLetters); cut < n; cut++ {
		ending := h.Part(cut, n)
		if !c.ending(ending) {
			continue
		}
		c.equal(h.Part(0, cut), func(id int32) bool {
			if target, ok := c.spelled(id, h.Part(0, cut), ending); ok {
				c.writtenIn(run, glyphs, id, target)
			}
			return true
		})
	}
}

// writtenIn judges a run of tokens whose letters are those of a target's label
// and suffix.
func (c *check) writtenIn(run []token, glyphs []glyph, labelID, id int32) {
	hyphened := c.label(labelID).glyphs
	label := withoutHyphens(hyphened)
	if len(label) >= len(glyphs) {
		return
	}
	d, ok := c.compare(slices.Clone(glyphs[:len(label)]), label) // glyphs are written over
	if !ok || d.edits > 0 {
		return
	}
	mark := markAt(run, len(label))
	if mark == markNone && len(run)-1 != len(hyphened)-len(label) {
		return // a part of one word and a part of the next
	}
	short := minHyphened
	if mark == markNone {
		short = minGlued
	}
	suffix := c.target(id).suffix
	c.recordTarget(id, evidence{
		difference: d,
		form:       Embedding,
		glued:      mark == markNone,
		below:      run[len(run)-1].label < len(c.name.labels)-1,
		chance: mark != markDot && (len(label) < short || wordSuffix[suffix]) ||
			mark == markDot && ordinary(label) && len(suffix) < 3,
	})
}

// mark is what stands where a written-out target has its first dot.
type mark int

const (
	markNone mark = iota
	markHyphen
	markDot
)

func markAt(run []token, letters int) mark {
	for _, tok := range run {
		switch {
		case letters == 0 && tok.dotted:
			return markDot
		case letters == 0:
			return markHyphen
		}
		letters -= len(tok.glyphs)
	}
	return markNone
}

func withoutHyphens(glyphs []glyph) []glyph {
	kept := make([]glyph, 0, len(glyphs))
	for _, g := range glyphs {
		if g.c != '-' {
			kept = append(kept, g)
		}
	}
	return kept
}

// split looks for a target's label with dots in it: he.ise.de; also where the rest
// of the label makes a public suffix.
func (c *check) split() {
	labels := c.name.labels
	last := len(labels) - 1
	if head, _, _ := strings.Cut(c.name.suffix, "."); len(c.name.glyphs)+len(head) <= maxGlyphs { // zonatele.com.ru for zonatelecom.ru
		h := c.keys[0].hash()
		for i := range len(head) {
			if head[i] != '-' {
				h = shelf.Extended(h, plainFold(rune(head[i])))
			}
		}
		c.equal(h, func(id int32) bool {
			c.splitAt(id, append(withoutHyphens(c.name.glyphs), withoutHyphens(glyphsOf(head))...), true) // help.com is no helpcom.com
			return true
		})
	}
	if last == 0 {
		return
	}
	joined := withoutHyphens(c.name.glyphs)
	chance := ordinary(joined) // every part is a word, or a host has a usual name
	for i := last - 1; i >= max(0, last-maxSplit); i-- {
		part := withoutHyphens(glyphsOf(labels[i]))
		joined = append(part, joined...)
		if len(part) == 0 || len(joined) > maxGlyphs {
			return
		}
		usual := ordinary(part)
		chance = usual && (chance || len(part) >= minHostWord)
		k := plainKey(joined)
		c.equal(k.hash(), func(id int32) bool { c.splitAt(id, joined, chance); return true })
	}
}

func (c *check) splitAt(id int32, joined []glyph, chance bool) {
	label := withoutHyphens(c.label(id).glyphs)
	if d, ok := c.compare(joined, label); ok && d.edits == 0 {
		c.record(id, evidence{difference: d, form: Split, chance: chance || len(label) < minSplit})
	}
}
