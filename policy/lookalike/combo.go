package lookalike

import "strings"

// Lengths below which a brand is not looked for within other labels.
const (
	minBrand      = 3 // letters, whole
	minBrandKnown = 5 // among very many names
	minBrandFix   = 6 // with a typed edit besides
	minWord       = 2 // of a word that is taken off the label
)

// Limits of the search for words at the ends of a label.
const (
	maxWord          = 24 // letters of a word
	maxCuts          = 4  // words that one end may be taken for
	maxResidues      = 8  // remains that are looked up
	maxResiduesKnown = 2  // among very many names
)

// combos looks for the labels of targets within the label: heise-rechnung,
// paypa1billing; and with a typed edit in what remains when known words are
// taken off: myequifaz.
func (c *check) combos() {
	least, most, anywhere := c.brands()
	for _, k := range c.keys {
		if !anywhere {
			break
		}
		h, n := k.sums, len(k.runes)
		for from := 0; from+least <= n; from++ {
			for to := from + least; to <= min(n, from+most); to++ {
				if to-from == n || !c.maybe(k.runes[from], to-from) || !k.entire(from, to) {
					continue
				}
				c.equal(h.Part(from, to), func(id int32) bool { c.brandAt(k, from, to, id); return true })
			}
		}
	}
	c.wordsOff(anywhere)
}

// entire reports whether runes[from:to] are whole letters: m is spelled nn.
func (k key) entire(from, to int) bool {
	return (from == 0 || k.at[from-1] != k.at[from]) && (to == len(k.at) || k.at[to] != k.at[to-1])
}

// brandAt judges the label of a target found at k.runes[from:to].
func (c *check) brandAt(k key, from, to int, id int32) {
	d, ok := c.compare(k.glyphs(c.name.glyphs, from, to), c.label(id).glyphs)
	if !ok || d.edits > 0 {
		return
	}
	c.recordCombo(k, from, to, id, d)
}

// surroundings are the words around a part of the label.
type surroundings struct {
	first, end int
	words      []string
	priced     price
}

// recordCombo judges a brand together with the words around it.
func (c *check) recordCombo(k key, from, to int, id int32, d difference) {
	if e, ok := c.around.combo(c.name.glyphs, int(k.at[from]), int(k.at[to-1])+1); ok {
		e.difference = d
		c.record(id, e)
	}
}

// combo is what the words around glyphs[first:end], a brand, say. It keeps them: they
// are the same for all labels found there.
func (s *surroundings) combo(glyphs []glyph, first, end int) (e evidence, ok bool) {
	if s.first != first || s.end != end {
		words := splitWords(glyphs, first, end)
		*s = surroundings{first, end, words, priceOf(words)}
	}
	if len(s.words) == 0 || end-first < minBrand {
		return e, false
	}
	return evidence{
		form:   Combo,
		words:  s.words,
		priced: s.priced,
		amid:   first > 0 && end < len(glyphs),
		apart:  (first == 0 || glyphs[first-1].c == '-') && (end == len(glyphs) || glyphs[end].c == '-'),
	}, true
}

// wordsOff takes known words off the ends of the label and looks for what
// remains, one typed edit allowed. Unless weak words will do, one of them has to
// be a word of fraud.
func (c *check) wordsOff(weakToo bool) {
	k := c.keys[0]
	n := len(k.runes)
	text := string(k.runes)
	if len(text) != n {
		return // words are ASCII, and so are brands that are typed wrongly
	}
	least, most := minBrandFix, maxResidues
	if !weakToo {
		least, most = minBrandKnown, maxResiduesKnown
	}
	starts, ends := wordsAt(text)
	looked := 0
	for i, start := range starts {
		for j, end := range ends {
			from, to := start.letters, n-end.letters
			if i+j == 0 || to-from < least || looked == most || !weakToo && max(start.strength, end.strength) < strongWord {
				continue
			}
			looked++
			record := func(id int32, d difference) {
				if d.edits == 0 || to-from >= minBrandFix {
					c.recordCombo(k, from, to, id, d)
				}
			}
			c.nearby(k, from, to, record)
			if wide, ok := wideKey(key{runes: k.runes[from:to], at: k.at[from:to]}); ok {
				c.nearby(wide, 0, len(wide.runes), record)
			}
		}
	}
}

// affix is a known word at one end of a label, or none.
type affix struct {
	letters  int
	strength strength
}

// wordsAt returns the known words that a folded label starts and ends with, none
// being the first of each.
func wordsAt(text string) (starts, ends []affix) {
	starts, ends = make([]affix, 1, maxCuts+1), make([]affix, 1, maxCuts+1)
	for cut := min(maxWord, len(text)-minBrandKnown); cut >= minWord; cut-- {
		if s, ok := words[text[:cut]]; ok && len(starts) <= maxCuts {
			starts = append(starts, affix{cut, s})
		}
		if s, ok := words[text[len(text)-cut:]]; ok && len(ends) <= maxCuts {
			ends = append(ends, affix{cut, s})
		}
	}
	return starts, ends
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
