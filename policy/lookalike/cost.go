package lookalike

import (
	"slices"
	"unicode"
)

// act is what was done to the target's letters to get those of the name.
type act uint8

const (
	same       act = iota
	foreign        // a character of another script, or with a mark, for the letter
	imitated       // digits or ASCII sequences for the letter
	spelledOut     // ue for ü, or ü for ue: a spelling, not a disguise
	hyphenAdded
	hyphenLeft
	doubled // from here on: typed edits
	undoubled
	swapped
	pluralised
	added
	leftOut
	replaced
)

func (a act) edit() bool { return a >= doubled }

// Costs in hundredths of a replaced letter: what the eye passes over is cheap.
const (
	costVisual  = 10
	costMark    = 15
	costDigit   = 25
	costHyphen  = 30
	costDoubled = 45
	costNear    = 50
	costSpelled = 50
	costSwapped = 60
	costPlural  = 60
	costVowel   = 75
	costKeys    = 80
	costAdded   = 90
	costOther   = 100
)

// substitution is the price of one letter for another.
func substitution(q, t glyph) (act, uint32) {
	switch {
	case q.c == t.c:
		return sameLetter(q, t)
	case separator(q.c) && separator(t.c):
		return hyphenAdded, costHyphen
	case plainFold(q.c) == plainFold(t.c):
		return disguise(q, t), digitCost(q.c, t.c)
	case q.c == 'u' && t.c == 'v', q.c == 'v' && t.c == 'u':
		return disguise(q, t), costNear
	case near(q.c, t.c):
		return replaced, costNear
	case vowel(q.c) && vowel(t.c):
		return replaced, costVowel
	case besides(q.c, t.c):
		return replaced, costKeys
	}
	return replaced, costOther
}

// sameLetter prices two characters that are read as one letter.
func sameLetter(q, t glyph) (act, uint32) {
	switch {
	case q.src == t.src, q.src == continued, t.src == continued:
		return same, 0
	case marked(q.src) || marked(t.src):
		return foreign, costMark
	}
	return foreign, costVisual
}

// disguise tells a foreign character from a digit that imitates a letter.
func disguise(q, t glyph) act {
	if q.src >= 0x80 || t.src >= 0x80 {
		return foreign
	}
	return imitated
}

// digitCost prices letters and digits that fold alike.
func digitCost(q, t rune) uint32 {
	if q > t {
		q, t = t, q
	}
	switch {
	case q == '0' && t == 'o', q == '1' && t == 'l':
		return costVisual
	case q == 'g' && t == 'q', q == '6' && t == '8', q == '6' && t == 'b':
		return costNear
	}
	return costDigit
}

// insertion prices the letter at i that the other side lacks.
func insertion(letters []glyph, i int) (act, uint32) {
	c := letters[i].c
	switch {
	case separator(c):
		return hyphenAdded, costHyphen
	case i > 0 && letters[i-1].c == c, i+1 < len(letters) && letters[i+1].c == c:
		return doubled, costDoubled
	case c == 's' && i == len(letters)-1:
		return pluralised, costPlural
	}
	return added, costAdded
}

// omission is the act on the other side of an insertion.
var omission = [...]act{hyphenAdded: hyphenLeft, doubled: undoubled, pluralised: leftOut, added: leftOut}

// pairFor reports whether two letters a b stand for the one letter c.
func pairFor(a, b, c glyph) (act, uint32, bool) {
	switch [3]rune{a.c, b.c, c.c} {
	case [3]rune{'r', 'n', 'm'}, [3]rune{'v', 'v', 'w'}:
		return imitated, costVisual, true
	case [3]rune{'c', 'l', 'd'}, [3]rune{'c', '1', 'd'}, [3]rune{'n', 'n', 'm'}, [3]rune{'u', 'u', 'w'}:
		return imitated, costNear, true
	}
	switch [3]rune{a.c, b.c, c.src} {
	case [3]rune{'s', 's', 'ß'}, [3]rune{'a', 'e', 'ä'}, [3]rune{'o', 'e', 'ö'}, [3]rune{'u', 'e', 'ü'}, [3]rune{'o', 'e', 'ø'}, [3]rune{'a', 'a', 'å'}:
		return spelledOut, costSpelled, true
	}
	return same, 0, false
}

// separator reports what stands between words. Dots occur only where whole names
// are aligned, for Differ.
func separator(c rune) bool { return c == '-' || c == '.' }

func swap(q1, q2, t1, t2 rune) bool {
	return q1 == t2 && q2 == t1 && q1 != q2 && q1 != '-' && q2 != '-'
}

// near reports letters whose shapes are close, though nobody takes one for the other
// on its own.
func near(a, b rune) bool {
	switch [2]rune{min(a, b), max(a, b)} {
	case [2]rune{'m', 'n'}, [2]rune{'c', 'e'}, [2]rune{'c', 'o'}, [2]rune{'b', 'h'}, [2]rune{'h', 'n'}, [2]rune{'i', 'j'},
		[2]rune{'f', 't'}, [2]rune{'v', 'y'}:
		return true
	}
	return false
}

func vowel(c rune) bool {
	switch c {
	case 'a', 'e', 'i', 'o', 'u', 'y':
		return true
	}
	return false
}

// rows of keyboards, QWERTY and QWERTZ.
var rows = [...]string{"1234567890", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm"}

// neighbours holds the letter pairs that lie side by side on a row.
var neighbours = func() map[[2]rune]bool {
	m := map[[2]rune]bool{}
	for _, row := range rows {
		for i := 1; i < len(row); i++ {
			m[[2]rune{rune(row[i-1]), rune(row[i])}] = true
			m[[2]rune{rune(row[i]), rune(row[i-1])}] = true
		}
	}
	return m
}()

func besides(a, b rune) bool { return neighbours[[2]rune{a, b}] }

// marked reports a Latin letter with a mark: it is read as the letter, but the
// mark is seen.
func marked(r rune) bool { return r >= 0x80 && unicode.Is(unicode.Latin, r) }

// poses reports whether the name's side of a step is the disguise.
func poses(q []glyph, s step) bool {
	switch {
	case s.act != foreign && s.act != imitated:
		return false
	case s.qn != 1:
		return s.qn > 1
	}
	return q[0].src >= 0x80 || digit(q[0].c)
}

// inNumber reports whether n letters from i are digits, or none lie beside one.
func inNumber(letters []glyph, i, n int) bool {
	if n == 0 {
		return i > 0 && digit(letters[i-1].c) || i < len(letters) && digit(letters[i].c)
	}
	return !slices.ContainsFunc(letters[i:i+n], func(g glyph) bool { return !digit(g.c) })
}

// ofSeries reports a step from one number to another, or one that puts a number
// behind the letters.
func (d *difference) ofSeries(s step) bool {
	switch {
	case !s.act.edit() && s.act != imitated:
		return false
	case inNumber(d.q, s.qi, s.qn) && inNumber(d.t, s.ti, s.tn):
		return true
	}
	return s.act.edit() && (lastDigit(d.q, s.qi, s.qn, s.tn) || lastDigit(d.t, s.ti, s.tn, s.qn))
}

// lastDigit reports a step that puts a digit behind all letters: the second of a
// series of names.
func lastDigit(letters []glyph, i, n, other int) bool {
	return n == 1 && other == 0 && i == len(letters)-1 && digit(letters[i].c)
}

func digit(c rune) bool { return c >= '0' && c <= '9' }
