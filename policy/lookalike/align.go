package lookalike

import "slices"

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
	edits  int    // 0 or 1; 2 for Twice
	posed  bool   // the name, not the target, has the digit, pair or foreign character
	series bool   // the step is in a number: the next of a series, not a slip
	crowd  int    // other labels about one letter away
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

// aligner holds the letters that are compared; cells are rows of len(t)+1, and
// are used again.
type aligner struct {
	q, t   []glyph
	qs, ts int    // where the compared part starts
	limit  uint32 // totals from which an alignment is given up
	cells  []cell
}

// compare aligns the letters of a label, q, with those of a target's, t. It
// reports false when more than one typed edit is needed. Both have at most
// 2*maxGlyphs letters, so the work is bounded by their product.
func (a *aligner) compare(q, t []glyph) (difference, bool) { return a.within(q, t, 1) }

// within is compare with that many typed edits.
func (a *aligner) within(q, t []glyph, edits uint32) (difference, bool) {
	d := difference{q: q, t: t}
	if !d.aside() && !d.oneLetter() && !a.align(&d, edits) {
		return difference{}, false
	}
	for _, s := range d.steps {
		d.posed = d.posed || poses(q[s.qi:s.qi+s.qn], s)
		d.series = d.series || d.ofSeries(s)
	}
	return d, true
}

func (d *difference) add(s step, cost uint32) {
	if s.act == same {
		return
	}
	d.steps = append(d.steps, s)
	d.counts[s.act]++
	d.cost += int(cost)
	if s.act.edit() {
		d.edits++
	}
}

// aside tries the plainest alignment, letter beside letter. With one edit at
// most no other is better. It reports false, and leaves d as it was, if there
// are more.
func (d *difference) aside() bool {
	if len(d.q) != len(d.t) {
		return false
	}
	if i, ok := d.swapAt(); ok {
		d.add(step{swapped, i, 2, i, 2}, costSwapped)
		return true
	}
	edits := 0
	for i := range d.q {
		if d.q[i] == d.t[i] {
			continue
		}
		if act, _ := substitution(d.q[i], d.t[i]); act.edit() {
			if edits++; edits > 1 {
				return false
			}
		}
	}
	for i := range d.q {
		if d.q[i] != d.t[i] {
			act, cost := substitution(d.q[i], d.t[i])
			d.add(step{act, i, 1, i, 1}, cost)
		}
	}
	return true
}

// swapAt reports that two neighbouring letters are swapped, and all else is the same.
func (d *difference) swapAt() (at int, ok bool) {
	for at < len(d.q) && d.q[at] == d.t[at] {
		at++
	}
	if at+1 >= len(d.q) || !swap(d.q[at].c, d.q[at+1].c, d.t[at].c, d.t[at+1].c) || !slices.Equal(d.q[at+2:], d.t[at+2:]) {
		return 0, false
	}
	act, _ := substitution(d.q[at], d.t[at])
	return at, act.edit()
}

// oneLetter tries whether one letter more or less is all that differs between
// ASCII labels.
func (d *difference) oneLetter() bool {
	if len(d.q)-len(d.t) != 1 && len(d.t)-len(d.q) != 1 {
		return false
	}
	i, short := 0, min(len(d.q), len(d.t))
	for i < short && d.q[i] == d.t[i] && d.q[i].src < 0x80 && d.q[i].src != continued {
		i++
	}
	for j := 1; j <= short-i; j++ {
		if g := d.q[len(d.q)-j]; g != d.t[len(d.t)-j] || g.src >= 0x80 || g.src == continued {
			return false
		}
	}
	if len(d.q) > len(d.t) {
		act, cost := insertion(d.q, i)
		d.add(step{act, i, 1, i, 0}, cost)
		return d.q[i].src < 0x80 && d.q[i].src != continued
	}
	act, cost := insertion(d.t, i)
	d.add(step{omission[act], i, 0, i, 1}, cost)
	return d.t[i].src < 0x80 && d.t[i].src != continued
}

// align finds the cheapest of all alignments.
func (a *aligner) align(d *difference, edits uint32) bool {
	start, end := sharedEnds(d.q, d.t)
	a.q, a.t, a.qs, a.ts, a.limit = d.q[:len(d.q)-end], d.t[:len(d.t)-end], start, start, (edits+1)*editUnit
	n, m := len(a.q)-start, len(a.t)-start
	a.cells = slices.Grow(a.cells[:0], (n+1)*(m+1))[:(n+1)*(m+1)]
	a.cells[0] = cell{}
	for i := 0; i <= n; i++ {
		for j := 0; j <= m; j++ {
			if i+j > 0 {
				a.cells[i*(m+1)+j] = a.cheapest(i, j)
			}
		}
	}
	total := a.cells[n*(m+1)+m].total
	if total >= a.limit {
		return false
	}
	*d = difference{cost: int(total % editUnit), edits: int(total / editUnit), q: d.q, t: d.t}
	for i, j := n, m; i+j > 0; {
		c := a.cells[i*(m+1)+j]
		i, j = i-int(c.qn), j-int(c.tn)
		if c.act != same {
			d.steps = append(d.steps, step{c.act, start + i, int(c.qn), start + j, int(c.tn)})
			d.counts[c.act]++
		}
	}
	slices.Reverse(d.steps)
	return true
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

// cheapest finds the cheapest last step for the first i and j letters. What stands
// before a step is looked at first: most of it was given up.
func (a *aligner) cheapest(i, j int) cell {
	best := cell{total: 1 << 31}
	row := len(a.t) - a.ts + 1
	open := func(qn, tn int) bool { return i >= qn && j >= tn && a.cells[(i-qn)*row+j-tn].total < a.limit }
	try := func(act act, qn, tn int, cost uint32) {
		if act.edit() {
			cost += editUnit
		}
		if total := a.cells[(i-qn)*row+j-tn].total + cost; total < best.total {
			best = cell{total, act, uint8(qn), uint8(tn)}
		}
	}
	qi, tj := a.qs+i, a.ts+j // one behind the letters in question
	if open(1, 1) {
		act, cost := substitution(a.q[qi-1], a.t[tj-1])
		try(act, 1, 1, cost)
	}
	if open(1, 0) {
		act, cost := insertion(a.q, qi-1)
		try(act, 1, 0, cost)
	}
	if open(0, 1) {
		act, cost := insertion(a.t, tj-1)
		try(omission[act], 0, 1, cost)
	}
	if open(2, 1) {
		if act, cost, ok := pairFor(a.q[qi-2], a.q[qi-1], a.t[tj-1]); ok {
			try(act, 2, 1, cost)
		}
	}
	if open(1, 2) {
		if act, cost, ok := pairFor(a.t[tj-2], a.t[tj-1], a.q[qi-1]); ok {
			try(act, 1, 2, cost)
		}
	}
	if open(2, 2) && swap(a.q[qi-2].c, a.q[qi-1].c, a.t[tj-2].c, a.t[tj-1].c) {
		try(swapped, 2, 2, costSwapped)
	}
	return best
}
