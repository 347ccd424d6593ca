package lookalike

import (
	"strings"
	"unicode/utf8"

	"mxgate/policy/mail"
)

// Run is a part of a name that differs from the other name, or does not.
type Run struct {
	Text    string
	Differs bool
}

// Differ cuts two names into runs, those that differ marked, for people: 1 for i,
// rn for m, a Cyrillic letter, an added word, another ending. The runs of each
// joined are the name as it is read, U-labels where they can be shown. Labels that
// merely stand left of what resembles the target are not marked. Where more than half
// of the target's own letters have none in the name that they are taken for, the two
// are not alike, and nothing is marked.
//
// The names are aligned as wholes, with any number of edits. The work is bounded
// by the product of their lengths: for notices, not for every message.
func Differ(d, target mail.Domain) (marked, of []Run) {
	n, ok := parse(d)
	t, known := parse(target)
	if !ok || !known {
		return []Run{{Text: string(d)}}, []Run{{Text: string(target)}}
	}
	if own, part := t.labels[len(t.labels)-1], n.labels[len(n.labels)-1]; len(n.labels) == 1 && own != part && strings.Contains(own, part) {
		of, marked := Differ(target, d) // what is added stands in the target
		return marked, of
	}
	q, whole := textOf(n), textOf(t)
	front, label := q.less(n.suffix), whole.less(t.suffix)
	side := placed(front, label)
	if side.unlike(label) {
		return q.runs(), whole.runs()
	}
	if in, ok := wholly(q, whole, n, t); ok && in.total < side.total+editUnit {
		in.mark(q, whole)
		return q.runs(), whole.runs()
	}
	side.mark(front, label)
	if n.suffix != t.suffix {
		q.markFrom(len(front.glyphs))
		whole.markFrom(len(label.glyphs))
		q.markBetween(len(front.glyphs))
	}
	return q.runs(), whole.runs()
}

// wholly places the target in the name with its suffix: heise-de.evil.example. Where
// they have one suffix, that is to be seen only in front of a registration of its own:
// heise.de.evil.de.
func wholly(q, whole text, n, t name) (placement, bool) {
	if n.suffix == t.suffix && len(n.labels) == 1 {
		return placement{}, false
	}
	in := placed(q, whole)
	return in, n.suffix != t.suffix || dots(q.glyphs[in.to:]) > strings.Count(n.suffix, ".")+1
}

func dots(glyphs []glyph) (n int) {
	for _, g := range glyphs {
		if g.c == '.' {
			n++
		}
	}
	return n
}

// text is a name as it is read, with the letters that a reader takes it for.
type text struct {
	shown  []rune
	glyphs []glyph
	at     []int  // index in shown of each glyph
	differ []bool // by index in shown
}

func textOf(n name) text {
	s := strings.Join(n.labels, ".") + "." + n.suffix
	if strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf && !showable(r) }) || len(s) > maxNameOctets {
		s = string(n.domain)
	}
	x := text{shown: []rune(s)}
	x.differ = make([]bool, len(x.shown))
	for i, r := range x.shown {
		for _, g := range glyphsOf(string(r)) {
			if len(x.glyphs) < maxNameOctets {
				x.glyphs, x.at = append(x.glyphs, g), append(x.at, i)
			}
		}
	}
	return x
}

// less is the text before the dot of the suffix. It shares the marks of x.
func (x text) less(suffix string) text {
	n := max(0, len(x.glyphs)-len(suffix)-1)
	x.glyphs, x.at = x.glyphs[:n], x.at[:n]
	return x
}

// markFrom marks what stands behind the dot at the glyph i.
func (x text) markFrom(i int) {
	for i++; i < len(x.glyphs); i++ {
		x.differ[x.at[i]] = true
	}
}

// markBetween marks the dot at the glyph i if what stands before and behind it is
// marked: it is no less added than they are.
func (x text) markBetween(i int) {
	if i > 0 && i+1 < len(x.glyphs) && x.differ[x.at[i-1]] && x.differ[x.at[i+1]] {
		x.differ[x.at[i]] = true
	}
}

func (x text) runs() []Run {
	var all []Run
	for from := 0; from < len(x.shown); {
		to := from + 1
		for to < len(x.shown) && x.differ[to] == x.differ[from] {
			to++
		}
		all = append(all, Run{string(x.shown[from:to]), x.differ[from]})
		from = to
	}
	return all
}

// placement is where a target stands best within a name, and how it differs.
type placement struct {
	total    uint32
	from, to int // glyphs of the name that stand for the target
	steps    []step
}

// outside is the cost of whatever stands before or behind the target, of more
// letters slightly more.
func outside(letters int) uint32 {
	if letters == 0 {
		return 0
	}
	return costHyphen + uint32(letters)
}

// placed aligns all of t with the best part of q.
func placed(q, t text) placement {
	n, m := len(q.glyphs), len(t.glyphs)
	a := aligner{q: q.glyphs, t: t.glyphs, limit: 1 << 31, cells: make([]cell, (n+1)*(m+1))}
	for i := 0; i <= n; i++ {
		a.cells[i*(m+1)] = cell{total: outside(i)}
		for j := 1; j <= m; j++ {
			a.cells[i*(m+1)+j] = a.cheapest(i, j)
		}
	}
	p := placement{total: 1 << 31}
	for i := 0; i <= n; i++ {
		if total := a.cells[i*(m+1)+m].total + outside(n-i); total < p.total {
			p.total, p.to = total, i
		}
	}
	i, j := p.to, m
	for j > 0 {
		c := a.cells[i*(m+1)+j]
		i, j = i-int(c.qn), j-int(c.tn)
		if c.act != same {
			p.steps = append(p.steps, step{c.act, i, int(c.qn), j, int(c.tn)})
		}
	}
	p.from = i
	return p
}

// unlike reports that more than half of the letters of t stand for none of the name.
func (p placement) unlike(t text) bool {
	lacking := 0
	for _, s := range p.steps {
		if s.act == replaced || s.act == leftOut {
			lacking += s.tn
		}
	}
	return 2*lacking > len(t.glyphs)
}

// mark marks the letters of both texts that differ.
func (p placement) mark(q, t text) {
	for _, s := range p.steps {
		for i := s.qi; i < s.qi+s.qn; i++ {
			q.differ[q.at[i]] = true
		}
		for j := s.ti; j < s.ti+s.tn; j++ {
			t.differ[t.at[j]] = true
		}
	}
	before := 0
	for i := range p.from {
		if q.glyphs[i].c == '.' {
			before = i + 1
		}
	}
	for i := before; i < p.from; i++ {
		q.differ[q.at[i]] = true
	}
	for i := p.to; i < len(q.glyphs); i++ {
		q.differ[q.at[i]] = true
	}
	for i := 1; i < len(q.at); i++ { // what no glyph stands for is not seen
		for k := q.at[i-1] + 1; k < q.at[i]; k++ {
			q.differ[k] = true
		}
	}
}
