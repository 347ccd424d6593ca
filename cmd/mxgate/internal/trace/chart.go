package trace

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// Sizes of charts in the units of their view boxes.
const (
	chartWidth  = 960.0
	plotLeft    = 48.0
	plotTop     = 12.0
	plotHeight  = 200.0
	barHeight   = 22.0
	barLabel    = 260.0 // at most, for the text left of a bar
	letterWidth = 7.0
	barNumber   = 60.0 // for the figure right of it
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

// bars is a chart of counts.
type bars struct {
	Width, Height, Left float64
	Bars                []bar
	More                int
}

type bar struct {
	Y, TextY, Width, NumberX float64
	Label                    string
	Count                    int
}

func barsOf(list []Counted) bars {
	b := bars{Width: chartWidth / 2, More: max(len(list)-maxBars, 0)}
	list = list[:min(len(list), maxBars)]
	top := 0
	for _, c := range list {
		top = max(top, c.Count)
		b.Left = max(b.Left, labelWidth(c.What))
	}
	for i, c := range list {
		y := barHeight * float64(i)
		width := max((b.Width-b.Left-barNumber)*float64(c.Count)/float64(top), 2)
		b.Bars = append(b.Bars, bar{y + 3, y + 15, width, b.Left + width + 6, cutMiddle(c.What, 36), c.Count})
	}
	b.Height = barHeight * float64(len(list))
	return b
}

// labelWidth is the room that a text left of a bar needs.
func labelWidth(s string) float64 {
	return min(letterWidth*float64(utf8.RuneCountInString(s))+16, barLabel)
}

// cutMiddle shortens a text that would run out of its column.
func cutMiddle(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	half := (most - 1) / 2
	return string(runes[:half]) + "…" + string(runes[len(runes)-half:])
}

// spans is the chart of who came past the provider from when to when.
type spans struct {
	Width, Height, Left float64
	From, To            string
	Spans               []span
	LineY               float64
}

type span struct {
	Class                 Verdict
	Label, Title          string
	X, Y, Width, TextY    float64
	EndedX                float64 // where the old provider was left; 0: not in the chart
	ended                 time.Time
	first, last           time.Time
	count                 int
	EndedTop, EndedBottom float64
}

func spansOf(r *Report) spans {
	s := spans{Width: chartWidth}
	for i := range r.Old {
		if o := &r.Old[i]; o.First != nil {
			s.Spans = append(s.Spans, span{Class: ViaOld, Label: o.Source, first: *o.First, last: *o.Last, ended: o.Ended, count: o.Count})
		}
	}
	for i := range r.Direct {
		if p := &r.Direct[i]; p.First != nil && len(s.Spans) < maxBars+len(r.Old) {
			s.Spans = append(s.Spans, span{Class: Direct, Label: p.label(), first: *p.First, last: *p.Last, count: p.Count})
		}
	}
	if len(s.Spans) == 0 {
		return s
	}
	from := slices.MinFunc(s.Spans, func(a, b span) int { return a.first.Compare(b.first) }).first
	to := slices.MaxFunc(s.Spans, func(a, b span) int { return a.last.Compare(b.last) }).last
	slices.SortStableFunc(s.Spans, func(a, b span) int { return cmp.Or(cmp.Compare(b.Class, a.Class), a.first.Compare(b.first)) })
	all := max(to.Sub(from).Seconds(), 1)
	for _, p := range s.Spans {
		s.Left = max(s.Left, labelWidth(p.Label))
	}
	at := func(t time.Time) float64 { return s.Left + (chartWidth-s.Left-10)*t.Sub(from).Seconds()/all }
	for i := range s.Spans {
		p := &s.Spans[i]
		y := barHeight * float64(i)
		p.X, p.Y, p.TextY, p.Width = at(p.first), y+6, y+15, max(at(p.last)-at(p.first), 6)
		p.Label = cutMiddle(p.Label, 36)
		p.Title = fmt.Sprintf("%s to %s, %s", day(p.first), day(p.last), messages(p.count))
		if p.ended.After(from) && p.ended.Before(to) {
			p.EndedX, p.EndedTop, p.EndedBottom = at(p.ended), y+2, y+barHeight-2
		}
	}
	s.LineY = barHeight*float64(len(s.Spans)) + 4
	s.Height = s.LineY + 20
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
