package lookalike

import "strings"

// Lengths below which a brand is not looked for within other labels.
const (
	minBrand    = 3 // letters, whole
	minBrandFix = 6 // with a typed edit besides
	minWord     = 2 // of a word that is taken off the label
)

// combos looks for the labels of targets within the label: heise-rechnung,
// paypa1billing; and with a typed edit in what remains when a word of fraud is
// taken off: myequifaz.
func (c *check) combos() {
	for _, k := range keysOf(c.name.glyphs) {
		h, n := hashKey(k.runes), len(k.runes)
		for from := 0; from+minBrand <= n; from++ {
			for to := from + minBrand; to <= n; to++ {
				if to-from == n || !k.entire(from, to) {
					continue
				}
				for id := range c.x.keys.all(fullKey, h.part(from, to)) {
					c.brandAt(k, from, to, id)
				}
			}
		}
	}
	c.wordsOff()
}

// entire reports whether runes[from:to] are whole letters: m is spelled nn.
func (k key) entire(from, to int) bool {
	return (from == 0 || k.at[from-1] != k.at[from]) && (to == len(k.at) || k.at[to] != k.at[to-1])
}

// brandAt judges the label of a target found at k.runes[from:to].
func (c *check) brandAt(k key, from, to int, id int32) {
	d, ok := c.compare(k.glyphs(c.name.glyphs, from, to), id)
	if !ok || d.edits > 0 {
		return
	}
	c.recordCombo(k, from, to, id, d)
}

// recordCombo judges a brand together with the words around it.
func (c *check) recordCombo(k key, from, to int, id int32, d difference) {
	first, last := k.at[from], k.at[to-1]
	around := splitWords(c.name.glyphs, first, last+1)
	if len(around) == 0 || last+1-first < minBrand {
		return
	}
	c.record(id, evidence{
		difference: d,
		form:       Combo,
		words:      around,
		amid:       first > 0 && last+1 < len(c.name.glyphs),
		apart:      (first == 0 || c.name.glyphs[first-1].c == '-') && (last+1 == len(c.name.glyphs) || c.name.glyphs[last+1].c == '-'),
	})
}

// wordsOff takes known words off both ends of the label and looks for what
// remains, one typed edit allowed.
func (c *check) wordsOff() {
	k := plainKey(c.name.glyphs)
	n := len(k.runes)
	text := string(k.runes)
	if len(text) != n {
		return // words are ASCII, and so are brands that are typed wrongly
	}
	try := func(from, to int) {
		if to-from < minBrandFix {
			return
		}
		c.nearby(k, from, to, func(id int32, d difference) { c.recordCombo(k, from, to, id, d) })
	}
	for cut := minWord; cut < n; cut++ {
		if _, ok := words[text[:cut]]; ok {
			try(cut, n)
		}
		if _, ok := words[text[n-cut:]]; ok {
			try(0, n-cut)
		}
	}
}

// splitWords returns the words before and behind the brand at
// glyphs[first:end], as they are read.
func splitWords(glyphs []glyph, first, end int) []string {
	var words []string
	for _, side := range [...][]glyph{glyphs[:first], glyphs[end:]} {
		for word := range strings.SplitSeq(readable(side), "-") {
			if word != "" {
				words = append(words, word)
			}
		}
	}
	return words
}

// readable spells glyphs as they are read.
func readable(glyphs []glyph) string {
	var b strings.Builder
	for _, g := range glyphs {
		b.WriteRune(g.c)
	}
	return b.String()
}
