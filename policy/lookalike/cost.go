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

// editUnit ranks alignments by their number of edits before their cost: one
// replaced letter is not to be explained as two cheap edits.
const editUnit = 1 << 16

// step says that qn letters of the name from qi stand for tn of the target
// from ti.
type step struct {
	act            act
	qi, qn, ti, tn int
}

// difference is how a label differs from a target's.
type difference struct {
	cost   int    // hundredths of a replaced letter
	edits  int    // 0 or 1
	posed  bool   // the name, not the target, has the digit, pair or foreign character
	series bool   // the edit is in a number: the next of a series, not a slip
	steps  []step // without the letters that are the same
	q, t   []glyph
	counts [replaced + 1]int
}

// cell is the cheapest alignment of two beginnings, and its last step.
type cell struct {
	total  uint32 // cost, plus editUnit for each edit
	act    act
	qn, tn uint8
}

// aligner holds the letters that are compared; cells are rows of len(t)+1.
type aligner struct {
	q, t   []glyph
	qs, ts int // where the compared part starts
	cells  []cell
}

// compare aligns the letters of a label, q, with those of a target's, t. It
// reports false when more than one typed edit is needed. Both have at most
// maxGlyphs letters, so the work is bounded by their product.
func compare(q, t []glyph) (difference, bool) {
	start, end := sharedEnds(q, t)
	a := aligner{q: q[:len(q)-end], t: t[:len(t)-end], qs: start, ts: start}
	n, m := len(a.q)-start, len(a.t)-start
	a.cells = make([]cell, (n+1)*(m+1))
	for i := 0; i <= n; i++ {
		for j := 0; j <= m; j++ {
			if i+j > 0 {
				a.cells[i*(m+1)+j] = a.cheapest(i, j)
			}
		}
	}
	total := a.cells[n*(m+1)+m].total
	if total >= 2*editUnit {
		return difference{}, false
	}
	d := difference{cost: int(total % editUnit), edits: int(total / editUnit), q: q, t: t}
	for i, j := n, m; i+j > 0; {
		c := a.cells[i*(m+1)+j]
		i, j = i-int(c.qn), j-int(c.tn)
		if c.act != same {
			d.steps = append(d.steps, step{c.act, start + i, int(c.qn), start + j, int(c.tn)})
			d.counts[c.act]++
		}
	}
	slices.Reverse(d.steps)
	for _, s := range d.steps {
		d.posed = d.posed || poses(q[s.qi:s.qi+s.qn], s)
		d.series = d.series || s.act.edit() && inNumber(q, s.qi, s.qn) && inNumber(t, s.ti, s.tn)
	}
	return d, true
}

// sharedEnds counts the letters at the start and at the end that need no
// alignment. Two shared letters stay on each side: what a letter pair, a swap
// or a doubled letter is, shows in its neighbours.
func sharedEnds(q, t []glyph) (start, end int) {
	short := min(len(q), len(t))
	for start < short && q[start] == t[start] {
		start++
	}
	for end < short-start && q[len(q)-1-end] == t[len(t)-1-end] {
		end++
	}
	return max(0, start-2), max(0, end-2)
}

// cheapest finds the cheapest last step for the first i and j letters.
func (a *aligner) cheapest(i, j int) cell {
	best := cell{total: 1 << 31}
	try := func(act act, qn, tn int, cost uint32) {
		before := a.cells[(i-qn)*(len(a.t)-a.ts+1)+j-tn]
		if act.edit() {
			cost += editUnit
		}
		if total := before.total + cost; total < best.total {
			best = cell{total, act, uint8(qn), uint8(tn)}
		}
	}
	qi, tj := a.qs+i, a.ts+j // one behind the letters in question
	if i > 0 && j > 0 {
		act, cost := substitution(a.q[qi-1], a.t[tj-1])
		try(act, 1, 1, cost)
	}
	if i > 0 {
		act, cost := insertion(a.q, qi-1)
		try(act, 1, 0, cost)
	}
	if j > 0 {
		act, cost := insertion(a.t, tj-1)
		try(omission[act], 0, 1, cost)
	}
	if i > 1 && j > 0 {
		if act, cost, ok := pairFor(a.q[qi-2], a.q[qi-1], a.t[tj-1]); ok {
			try(act, 2, 1, cost)
		}
	}
	if i > 0 && j > 1 {
		if act, cost, ok := pairFor(a.t[tj-2], a.t[tj-1], a.q[qi-1]); ok {
			try(act, 1, 2, cost)
		}
	}
	if i > 1 && j > 1 && swap(a.q[qi-2].c, a.q[qi-1].c, a.t[tj-2].c, a.t[tj-1].c) {
		try(swapped, 2, 2, costSwapped)
	}
	return best
}

// substitution is the price of one letter for another.
func substitution(q, t glyph) (act, uint32) {
	switch {
	case q.c == t.c:
		return sameLetter(q, t)
	case plainFold(q.c) == plainFold(t.c):
		return disguise(q, t), digitCost(q.c, t.c)
	case q.c == 'u' && t.c == 'v', q.c == 'v' && t.c == 'u':
		return disguise(q, t), costNear
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
	case c == '-':
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
	case [3]rune{'a', 'e', 'ä'}, [3]rune{'o', 'e', 'ö'}, [3]rune{'u', 'e', 'ü'}, [3]rune{'o', 'e', 'ø'}, [3]rune{'a', 'a', 'å'}:
		return spelledOut, costSpelled, true
	}
	return same, 0, false
}

func swap(q1, q2, t1, t2 rune) bool {
	return q1 == t2 && q2 == t1 && q1 != q2 && q1 != '-' && q2 != '-'
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

func digit(c rune) bool { return c >= '0' && c <= '9' }
