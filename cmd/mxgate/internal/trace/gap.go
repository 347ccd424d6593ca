package trace

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// reasonGap is the reason of an undetermined verdict on mail that came after the
// last provider known had been left.
const reasonGap = "no-provider-in-force"

// gap is a time in which no provider was in force. A zero begin or end is open.
type gap struct{ begin, end time.Time }

// gapAt returns the gap that t is in, if no source covers t. A zero t is taken as
// now would be: behind all ends.
func (c *Config) gapAt(t time.Time) (g gap) {
	for i := range c.Sources {
		p := c.Sources[i].Period
		if over := p.Until.Add(c.Grace); p.over(t, c.Grace) && over.After(g.begin) {
			g.begin = over
		}
		if first := p.From.Add(-c.Grace); !p.From.IsZero() && !t.IsZero() && t.Before(first) && (g.end.IsZero() || first.Before(g.end)) {
			g.end = first
		}
	}
	return g
}

// String is "from 2026-04-04 on", "until 2026-03-21" or both.
func (g gap) String() string {
	last := ""
	if !g.end.IsZero() {
		last = day(g.end.Add(-1))
	}
	switch {
	case g.end.IsZero():
		return "from " + day(g.begin) + " on"
	case g.begin.IsZero():
		return "until " + last
	}
	return "from " + day(g.begin) + " to " + last
}

// uncovered judges a peer at a time when no provider was in force. Before the
// first one, and between two, that is how mail came. After the last one nobody
// knows: who forgets the present provider must not take bypasses for permitted.
func (j *judgement) uncovered() {
	g := j.t.config.gapAt(j.when)
	j.gap = &g
	if g.end.IsZero() {
		j.undetermined(reasonGap, "%s handed it to us, and no provider was in force %s: whether that was past one cannot be told; is a [[source]] missing?", j.peer, g)
		return
	}
	j.verdict = PermittedDirect
	j.point("no-provider-in-force", weightRangeFirm, -1, "no provider was in force %s: mail came straight to us", g)
	j.why = fmt.Sprintf("%s handed it to us at a time when no provider was in force", j.peer)
}

// gapProposals asks for the providers of the times that have none.
func (a *Archive) gapProposals() (list []Proposal) {
	for _, g := range slices.SortedFunc(maps.Keys(a.gaps), func(x, y gap) int { return cmp.Or(x.begin.Compare(y.begin), x.end.Compare(y.end)) }) {
		as := string(PermittedDirect)
		if g.end.IsZero() {
			as = string(Undetermined)
		}
		list = append(list, Proposal{Do: "configure", What: "source", Text: fmt.Sprintf(
			"no provider was in force %s: %s came then (%s); is a [[source]] missing, or its valid_from too late?", g, messages(a.gaps[g]), as)})
	}
	return list
}
