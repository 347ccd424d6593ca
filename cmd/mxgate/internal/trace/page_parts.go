package trace

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// The parts of a page, in their order.

func (s *sheet) summary(r *Report, made time.Time) {
	s.WriteString("<h1>Which way the mail came</h1>\n")
	s.add(`<p class="soft">%s`, messages(r.Messages))
	if r.First != nil {
		s.add(", %s to %s", dayOf(r.First), dayOf(r.Last))
	}
	if r.Copies > 0 {
		s.add("; %s further copies not counted", r.Copies)
	}
	if r.Unreadable > 0 {
		s.add("; %s more could not be read", r.Unreadable)
	}
	s.add(". Made %s UTC by mxgate trace.</p>\n", made.UTC().Format("2006-01-02 15:04"))
	if r.Attached > 0 {
		s.soft("%s lay attached in others and are in no figure; %s of them came past the provider if they are genuine.", messages(r.Attached), r.AttachedFound)
	}
	s.WriteString(`<div class="tiles">`)
	for _, v := range shownVerdicts(r) {
		share := ""
		if r.Messages > 0 {
			share = fmt.Sprintf("%.1f %%", 100*float64(v.Count)/float64(r.Messages))
		}
		s.add(`<div class="tile t-%[1]s"><span class="soft">%[1]s</span><b>%[2]s</b><span class="soft">%[3]s</span></div>`, v.Verdict, v.Count, share)
	}
	s.WriteString("</div>\n")
}

// shownVerdicts leaves out those that nobody misses.
func shownVerdicts(r *Report) []VerdictPart {
	var shown []VerdictPart
	for _, v := range r.Verdicts {
		if v.Count > 0 || v.Verdict.Found() {
			shown = append(shown, v)
		}
	}
	return shown
}

func (s *sheet) whatToDo(r *Report) {
	if len(r.Proposals) == 0 {
		return
	}
	s.section("What to do", func() {
		s.WriteString("<table>")
		for _, p := range r.Proposals {
			s.add(`<tr><td class="d"><span class="do">%s</span></td><td>%s</td></tr>`+"\n", p.Do, p.Text)
		}
		s.WriteString("</table>")
	})
}

func (s *sheet) months(r *Report) {
	c := monthColumns(r)
	if len(c.Columns) == 0 {
		return
	}
	s.section("Messages by month", func() {
		s.WriteString(`<div class="legend">`)
		for _, v := range shownVerdicts(r) {
			s.add(`<span><i class="b-%[1]s"></i>%[1]s</span>`, v.Verdict)
		}
		s.add(`</div>`+"\n"+`<svg class="wide" viewBox="0 0 %s %s" role="img" aria-label="messages by month and verdict">`+"\n", c.Width, c.Height)
		for _, t := range c.Ticks {
			s.add(`<line class="grid" x1="%[1]s" x2="%[2]s" y1="%[3]s" y2="%[3]s"/><text x="%[1]s" dx="-6" y="%[3]s" dy="4" text-anchor="end">%[4]s</text>`+"\n", c.Left, c.Right, t.Y, t.Text)
		}
		for _, column := range c.Columns {
			for _, part := range column.Parts {
				s.add(`<rect class="f-%s" x="%s" y="%s" width="%s" height="%s"><title>%s</title></rect>`, part.Class, column.X, part.Y, column.Width, part.Height, part.Title)
			}
			if column.Label != "" {
				s.add(`<text x="%s" y="%s" dy="18" text-anchor="middle">%s</text>`, column.LabelX, c.Bottom, column.Label)
			}
			s.WriteString("\n")
		}
		s.WriteString("</svg>")
		if c.Omitted > 0 {
			s.soft("%s earlier months are not shown.", c.Omitted)
		}
	})
}

func (s *sheet) spans(c spans) {
	if len(c.Spans) == 0 {
		return
	}
	s.section("Who came past the provider, from when to when", func() {
		if slices.ContainsFunc(c.Spans, func(p span) bool { return p.EndedX != 0 }) {
			s.soft("A vertical line is the last day of a provider that was left.")
		}
		s.add(`<table class="chart"><tr><th></th><th>%s<span class="right">%s</span></th></tr>`+"\n", c.From, c.To)
		for _, p := range c.Spans {
			s.add(`<tr><td class="name">%s</td><td><svg class="row" viewBox="0 0 %s 14" preserveAspectRatio="none" role="img">`, p.Name, rowWidth)
			s.add(`<rect class="f-%s" x="%s" y="2" width="%s" height="10"><title>%s</title></rect>`, p.Class, p.X, p.Width, p.Title)
			if p.EndedX != 0 {
				s.add(`<line class="mark" x1="%[1]s" x2="%[1]s" y1="0" y2="14"/>`, p.EndedX)
			}
			s.WriteString("</svg></td></tr>\n")
		}
		s.WriteString("</table>")
	})
}

// rankings shows who is named most often.
func (s *sheet) rankings(r *Report) {
	peers := make([]Counted, len(r.Direct))
	for i := range r.Direct {
		peers[i] = Counted{r.Direct[i].Count, r.Direct[i].label()}
	}
	s.WriteString("<div class=\"two\">\n")
	s.ranking("Direct peers", barsOf(peers), func() {
		if r.DirectWithAuth == 0 {
			return
		}
		s.soft("SPF or DMARC failed for %s of the %s messages for which our servers noted it.", r.DirectFailing, r.DirectWithAuth)
	})
	s.ranking("Recipients of what came past the provider", barsOf(r.Recipients), func() {})
	s.ranking("From domains of what came past the provider", barsOf(r.Authors), func() {})
	if len(r.Undetermined) > 0 {
		s.section("Undetermined, why", func() {
			s.WriteString("<table>")
			for _, u := range r.Undetermined {
				s.row("td", u.What, figureOf(u.Count))
			}
			s.WriteString("</table>")
		})
	}
	s.WriteString("</div>\n")
}

func (s *sheet) ranking(heading string, c bars, below func()) {
	if len(c.Bars) == 0 {
		return
	}
	s.section(heading, func() {
		s.WriteString(`<table class="chart">`)
		for _, b := range c.Bars {
			s.add(`<tr><td class="name">%s</td><td><svg class="row" viewBox="0 0 %s 14" preserveAspectRatio="none" role="img"><rect class="f-direct" x="0" y="1" width="%s" height="12"/></svg></td><td class="n">%s</td></tr>`+"\n", b.What, rowWidth, b.Width, b.Count)
		}
		s.WriteString("</table>")
		if c.More > 0 {
			s.soft("and %s more", c.More)
		}
		below()
	})
}

// tables shows the providers that were left, and the direct peers.
func (s *sheet) tables(r *Report) {
	if len(r.Old) > 0 {
		s.section("Providers that were left and whose mail still came", func() {
			s.WriteString("<table>")
			s.row("th", "provider", "left on", figure("messages"), "first", "last", figure("days after"))
			for _, o := range r.Old {
				s.row("td", o.Source, date(day(o.Ended)), figureOf(o.Count), date(dayOf(o.First)), date(dayOf(o.Last)), figureOf(o.StillDays))
			}
			s.WriteString("</table>")
		})
	}
	if len(r.Direct) > 0 {
		s.section("Direct peers in detail", func() {
			s.WriteString("<table>")
			s.row("th", "address", "verified name, or HELO", figure("messages"), "first", "last", figure("not failing"), figure("claim a provider"), figure("confidence"))
			for i := range r.Direct {
				d := &r.Direct[i]
				s.row("td", d.label(), cmp.Or(d.RDNS, "HELO "+d.Helo), figureOf(d.Count), date(dayOf(d.First)), date(dayOf(d.Last)), figureOf(d.Passing), figureOf(d.Contradicted), figureOf(d.TopConfidence))
			}
			s.WriteString("</table>")
		})
	}
}

func (s *sheet) delays(all []delayBar) {
	if len(all) == 0 {
		return
	}
	s.section("Delays", func() {
		s.soft("The bar goes from the median to 95 %%, the line is the longest; left is one second, right ten days, in powers of ten.")
		s.WriteString("<table>")
		s.row("th", "by", "part of the way", figure("count"), figure("median"), figure("95 %"), figure("longest"), "")
		for _, d := range all {
			s.add(`<tr><td>%s</td><td>%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td>`,
				d.Source, d.Leg, d.Count, clock(d.P50), clock(d.P95), clock(d.Delay.Max))
			s.add(`<td><svg class="small" viewBox="0 0 222 14"><line class="grid" x1="0" x2="222" y1="7" y2="7"/><rect class="f-via_current" x="%[1]s" y="2" width="%[2]s" height="10" rx="2"/><line class="mark" x1="%[3]s" x2="%[3]s" y1="2" y2="12"/></svg></td></tr>`+"\n", d.X, d.Width, d.Max)
		}
		s.WriteString("</table>")
	})
}

// message shows one message, folded up.
func (s *sheet) message(t *Traced) {
	to := ""
	if len(t.Recipients) > 0 {
		to = " to " + t.Recipients[0]
	}
	s.add(`<details><summary><span class="badge b-%[1]s">%[1]s %[2]s</span>%[3]s from %[4]s%[5]s: %[6]s</summary>`+"\n", t.Verdict, t.Confidence, dayOf(t.Time), cmp.Or(t.From, "?"), to, t.Why)
	s.soft("%s · %s", t.heading(), t.MessageID)
	s.WriteString("<pre>")
	for _, h := range t.Hops {
		s.add("%s\n", h.line(t.Boundary))
	}
	s.WriteString("</pre>\n<table>")
	for _, e := range t.Evidence {
		weight := "note"
		if e.Weight != 0 {
			weight = fmt.Sprintf("%+d", e.Weight)
		}
		s.row("td", figure(weight), e.Text)
	}
	for _, l := range t.besides() {
		s.row("td", figure(l.label), l.text)
	}
	s.WriteString("</table></details>\n")
}
