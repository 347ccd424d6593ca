package trace

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Sizes of charts in the units of their view boxes.
const (
	chartWidth  = 960.0
	plotLeft    = 48.0
	plotTop     = 12.0
	plotHeight  = 200.0
	rowWidth    = 600.0 // of a bar in a row of a table, which stretches it
	maxBars     = 15
	maxMonths   = 120 // further back a column is thinner than a pixel
	monthLabels = 14  // below the axis
)

// columns is the chart of verdicts by month.
type columns struct {
	Width, Height, Left, Bottom, Right float64
	Columns                            []column
	Ticks                              []tick
	Omitted                            int // months before the first that is shown
}

type column struct {
	X, Width float64
	Label    string // "" where there is no room for it
	LabelX   float64
	Parts    []columnPart
}

type columnPart struct {
	Class     Verdict
	Y, Height float64
	Title     string
}

type tick struct {
	Y    float64
	Text string
}

// monthColumns draws the months from the first to the last, those without mail
// included, newest right.
func monthColumns(r *Report) columns {
	c := columns{Width: chartWidth, Height: plotTop + plotHeight + 26, Left: plotLeft, Bottom: plotTop + plotHeight, Right: chartWidth}
	months := wholeMonths(r.Months)
	c.Omitted = max(len(months)-maxMonths, 0)
	months = months[c.Omitted:]
	top := 0
	for _, m := range months {
		sum := 0
		for _, n := range m.Counts {
			sum += n
		}
		top = max(top, sum)
	}
	if top == 0 {
		return c
	}
	step := niceStep(top)
	top = (top + step - 1) / step * step
	height := func(n int) float64 { return plotHeight * float64(n) / float64(top) }
	for n := 0; n <= top; n += step {
		c.Ticks = append(c.Ticks, tick{c.Bottom - height(n), fmt.Sprint(n)})
	}
	slot := (chartWidth - plotLeft) / float64(len(months))
	every := (len(months) + monthLabels - 1) / monthLabels
	for i, m := range months {
		col := column{X: plotLeft + slot*float64(i) + slot*0.12, Width: min(slot*0.76, 64)}
		col.LabelX = col.X + col.Width/2
		if i%every == 0 {
			col.Label = m.Month
		}
		y := c.Bottom
		for _, v := range slices.Backward(Verdicts) { // what to act on lies on top
			if n := m.Counts[v]; n > 0 {
				h := height(n)
				y -= h
				col.Parts = append(col.Parts, columnPart{v, y, max(h, 1.5), fmt.Sprintf("%s: %d %s", m.Month, n, v)})
			}
		}
		c.Columns = append(c.Columns, col)
	}
	return c
}

// wholeMonths puts months without mail between those with some.
func wholeMonths(months []Month) []Month {
	var all []Month
	for _, m := range months {
		t, err := time.Parse("2006-01", m.Month)
		if err != nil {
			continue // "unknown"
		}
		for len(all) > 0 {
			last, _ := time.Parse("2006-01", all[len(all)-1].Month)
			next := last.AddDate(0, 1, 0)
			if !next.Before(t) {
				break
			}
			all = append(all, Month{Month: next.Format("2006-01")})
		}
		all = append(all, m)
	}
	return all
}

// niceStep is a round number of which two to five make top.
func niceStep(top int) int {
	step := 1
	for {
		for _, factor := range []int{1, 2, 5} {
			if step*factor*5 >= top {
				return step * factor
			}
		}
		step *= 10
	}
}

// bars is a chart of counts, one bar in each row of a table: a name beside it may
// be as long as it likes, and is never cut.
type bars struct {
	Bars []bar
	More int
}

type bar struct {
	Counted
	Width float64 // of rowWidth
}

func barsOf(list []Counted) bars {
	b := bars{More: max(len(list)-maxBars, 0)}
	list = list[:min(len(list), maxBars)]
	top := 1
	for _, c := range list {
		top = max(top, c.Count)
	}
	for _, c := range list {
		b.Bars = append(b.Bars, bar{c, max(rowWidth*float64(c.Count)/float64(top), 2)})
	}
	return b
}

// spans is the chart of who came past the provider from when to when, one row of
// a table for each.
type spans struct {
	From, To string
	Spans    []span
}

type span struct {
	Class       Verdict
	Name, Title string
	X, Width    float64 // of rowWidth
	EndedX      float64 // where the old provider was left; 0: not in the chart
	ended       time.Time
	first, last time.Time
	count       int
}

func spansOf(r *Report) spans {
	var s spans
	for i := range r.Old {
		if o := &r.Old[i]; o.First != nil {
			s.Spans = append(s.Spans, span{Class: ViaOld, Name: o.Source, first: *o.First, last: *o.Last, ended: o.Ended, count: o.Count})
		}
	}
	for i := range r.Direct {
		if p := &r.Direct[i]; p.First != nil && len(s.Spans) < maxBars+len(r.Old) {
			s.Spans = append(s.Spans, span{Class: Direct, Name: p.label(), first: *p.First, last: *p.Last, count: p.Count})
		}
	}
	if len(s.Spans) == 0 {
		return s
	}
	from := slices.MinFunc(s.Spans, func(a, b span) int { return a.first.Compare(b.first) }).first
	to := slices.MaxFunc(s.Spans, func(a, b span) int { return a.last.Compare(b.last) }).last
	slices.SortStableFunc(s.Spans, func(a, b span) int { return cmp.Or(cmp.Compare(b.Class, a.Class), a.first.Compare(b.first)) })
	all := max(to.Sub(from).Seconds(), 1)
	const least = 6.0 // a bar that is seen
	at := func(t time.Time) float64 { return (rowWidth - least) * t.Sub(from).Seconds() / all }
	for i := range s.Spans {
		p := &s.Spans[i]
		p.X, p.Width = at(p.first), max(at(p.last)-at(p.first), least)
		p.Title = fmt.Sprintf("%s to %s, %s", day(p.first), day(p.last), messages(p.count))
		if p.ended.After(from) && p.ended.Before(to) {
			p.EndedX = at(p.ended)
		}
	}
	s.From, s.To = day(from), day(to)
	return s
}

// delayBar shows median to 95 % on a scale of powers of ten, in a row of a table.
type delayBar struct {
	Delay
	X, Width, Max float64
}

const delayWidth = 220.0

func delayBars(r *Report) []delayBar {
	var rows []delayBar
	// One second is left, ten days are right.
	at := func(seconds float64) float64 {
		return delayWidth * min(math.Log10(max(seconds, 1))/math.Log10(864_000), 1)
	}
	for _, d := range r.Delays {
		if d.Max > 0 {
			rows = append(rows, delayBar{d, at(d.P50), max(at(d.P95)-at(d.P50), 3), at(d.Max)})
		}
	}
	return rows
}
