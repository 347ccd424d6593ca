package lookalike

// maxSplit is the number of dots within a label that are looked through, and
// maxTokens the number of parts that a target written in full may have.
const (
	maxSplit  = 4
	maxTokens = 8
)

// Lengths of labels below which their letters meet by chance in other names.
const (
	minGlued    = 5 // heisede: no mark where the dot was
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
		var glyphs []glyph
		var sum uint64
		for to := from; to < min(len(all), from+maxTokens); to++ {
			for _, g := range all[to].glyphs {
				sum = sum*multiplier + uint64(plainFold(g.c)) + 1
			}
			glyphs = append(glyphs, all[to].glyphs...)
			for id := range c.x.keys.all(domainKey, sum) {
				c.writtenIn(all[from:to+1], glyphs, id)
			}
		}
	}
}

// writtenIn judges a run of tokens whose letters are those of a target's label
// and suffix.
func (c *check) writtenIn(run []token, glyphs []glyph, id int32) {
	t := &c.x.targets[id]
	hyphened := c.x.labels[t.label].glyphs
	label := withoutHyphens(hyphened)
	if len(label) >= len(glyphs) {
		return
	}
	if c.compared++; c.compared > maxCompared {
		return
	}
	d, ok := compare(glyphs[:len(label)], label)
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
	c.recordTarget(id, evidence{
		difference: d,
		form:       Embedding,
		glued:      mark == markNone,
		below:      run[len(run)-1].label < len(c.name.labels)-1,
		chance: mark != markDot && (len(label) < short || wordSuffix[t.suffix]) ||
			mark == markDot && ordinary(readable(label)) && len(t.suffix) < 3,
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

// split looks for a target's label with dots in it: he.ise.de.
func (c *check) split() {
	labels := c.name.labels
	last := len(labels) - 1
	joined := withoutHyphens(c.name.glyphs)
	chance := ordinary(readable(joined)) // every part is a word, or a host has a usual name
	for i := last - 1; i >= max(0, last-maxSplit); i-- {
		part := withoutHyphens(glyphsOf(labels[i]))
		joined = append(part, joined...)
		if len(part) == 0 || len(joined) > maxGlyphs {
			return
		}
		usual := ordinary(readable(part))
		chance = usual && (chance || len(part) >= minHostWord)
		k := plainKey(joined)
		for id := range c.x.keys.all(fullKey, hashKey(k.runes).part(0, len(k.runes))) {
			c.splitAt(id, joined, chance)
		}
	}
}

func (c *check) splitAt(id int32, joined []glyph, chance bool) {
	label := withoutHyphens(c.x.labels[id].glyphs)
	if c.compared++; c.compared > maxCompared {
		return
	}
	if d, ok := compare(joined, label); ok && d.edits == 0 {
		c.record(id, evidence{difference: d, form: Split, chance: chance || len(label) < minSplit})
	}
}
