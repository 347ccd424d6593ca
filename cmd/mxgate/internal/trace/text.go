package trace

import (
	"fmt"
	"io"
	"strings"
	"time"

	"mxgate/policy"
)

// Write writes what was traced of one message, for people: a line for each hop,
// newest last, and the verdict with its evidence.
func (t *Traced) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.heading())
	for _, l := range [][2]string{{"from", t.From}, {"to", strings.Join(t.Recipients, ", ")}, {"message-id", t.MessageID}} {
		if l[1] != "" {
			b.WriteString(policy.Labelled(l[0], l[1]))
		}
	}
	for i := range t.Hops {
		fmt.Fprintf(&b, "  %s\n", t.Hops[i].line(t.Boundary))
	}
	b.WriteString(wrapped("VERDICT ", fmt.Sprintf("%s (%d, %s): %s", t.Verdict, t.Confidence, t.Band, t.Why)))
	for _, p := range t.Evidence {
		weight := "note"
		if p.Weight != 0 {
			weight = fmt.Sprintf("%+d", p.Weight)
		}
		b.WriteString(policy.Labelled(weight, p.Text))
	}
	for _, l := range t.besides() {
		b.WriteString(policy.Labelled(l.label, l.text))
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

// labelled is a line of what is told of a message.
type labelled struct{ label, text string }

// besides tells what is to be known of the message besides its verdict: who handed it
// to the provider, what was found of the sender, and what is wrong with the text.
func (t *Traced) besides() (list []labelled) {
	if c := t.Client; c != nil && t.Verdict != Direct && t.Verdict != PermittedDirect {
		who := "not known"
		if c.IP != "" {
			who = fmt.Sprintf("%s (%s, confidence %s)", c.IP, c.Method, c.Confidence)
		}
		list = append(list, labelled{"client", who + ": " + c.Why})
	}
	if a := t.Auth; a.Source != "" {
		list = append(list, labelled{"results", fmt.Sprintf("SPF %s, DKIM %s, DMARC %s (written by %s)", or(a.SPF, "-"), or(a.DKIM, "-"), or(a.DMARC, "-"), a.Source)})
	}
	if len(t.Defects) > 0 {
		list = append(list, labelled{"defects", strings.Join(t.Defects, "; ")})
	}
	return list
}

// heading names the message.
func (t *Traced) heading() string {
	text := quotedPath(t.File)
	if t.Provenance == "mbox" || t.Number > 1 {
		text += fmt.Sprintf(" message %d at octet %d", t.Number, t.Offset)
	}
	if t.Part > 0 {
		text += fmt.Sprintf(" attached message %d", t.Part)
	}
	if t.Copy {
		text += " (copy)"
	}
	return text
}

func quotedPath(path string) string { return policy.Plain(path, 400) }

// line is "#3 +00:00:02 2026-11-02T09:00:02Z 192.0.2.10 (mail.example.org) -> mx.example.com ESMTPS [own boundary] link=strong".
func (h *Hop) line(boundary int) string {
	delay, when := "         ", "no date             "
	if h.Delay != nil {
		delay = clock(*h.Delay)
	}
	if h.Time != nil {
		when = h.Time.Format(time.RFC3339)
	}
	from := or(h.IP, or(h.Kind, "-"))
	switch { // what the client called itself proves nothing, and must not look as if it did
	case h.RDNS != "" && h.Owner == "own" && !h.verified:
		from += " (" + h.RDNS + ", not verified)"
	case h.RDNS != "":
		from += " (" + h.RDNS + ")"
	case h.From != "":
		from += " (HELO " + h.From + ")"
	}
	owner := h.Owner
	if h.Index == boundary {
		owner += " boundary"
	}
	text := fmt.Sprintf("#%d %s %s %s -> %s %s [%s]", h.Index, delay, when, from, or(h.By, "?"), or(h.Proto, "-"), owner)
	if h.Link != "" {
		text += " link=" + h.Link
	}
	return text
}

// clock is seconds as "+00:00:02", more than a day as "+3d 04:00:00".
func clock(seconds float64) string {
	sign, n := "+", int64(seconds)
	if n < 0 {
		sign, n = "-", -n
	}
	if d := n / 86400; d > 0 {
		sign += fmt.Sprintf("%dd ", d)
	}
	return fmt.Sprintf("%s%02d:%02d:%02d", sign, n%86400/3600, n%3600/60, n%60)
}

// wrapped is text behind a label, its further lines indented.
func wrapped(label, text string) string {
	lines := policy.Wrap(label+text, 100)
	return strings.Join(lines, "\n    ") + "\n"
}

// Rows that the text of a report shows of a list.
const shownRows = 20

// Write writes the report, for people.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", messages(r.Messages))
	if r.First != nil {
		fmt.Fprintf(&b, ", %s to %s", dayOf(r.First), dayOf(r.Last))
	}
	if r.Copies > 0 {
		fmt.Fprintf(&b, "; %s not counted", counted(r.Copies, "further copy", "further copies"))
	}
	if r.Unreadable > 0 {
		fmt.Fprintf(&b, "; %d more could not be read", r.Unreadable)
	}
	b.WriteByte('\n')
	for _, v := range r.Verdicts {
		if v.Count > 0 {
			fmt.Fprintf(&b, "%9d  %s\n", v.Count, v.Verdict)
		}
	}
	if r.Attached > 0 {
		fmt.Fprintf(&b, "%9d  attached in other messages, of which %d came past the provider if they are genuine\n", r.Attached, r.AttachedFound)
	}
	r.writeMonths(&b)
	r.writeFound(&b)
	section(&b, "undetermined, why", r.Undetermined)
	r.writeDelays(&b)
	if len(r.Proposals) > 0 {
		b.WriteString("\nwhat to do\n")
		for _, p := range r.Proposals {
			b.WriteString(policy.Labelled(p.Do, p.Text))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeMonths shows months in rows and the verdicts that occur in columns.
func (r *Report) writeMonths(b *strings.Builder) {
	if len(r.Months) < 2 {
		return
	}
	fmt.Fprintf(b, "\n  %-8s", "month")
	for _, v := range r.Verdicts {
		if v.Count > 0 {
			fmt.Fprintf(b, " %16s", v.Verdict)
		}
	}
	for _, m := range r.Months {
		fmt.Fprintf(b, "\n  %-8s", m.Month)
		for _, v := range r.Verdicts {
			if v.Count > 0 {
				fmt.Fprintf(b, " %16d", m.Counts[v.Verdict])
			}
		}
	}
	b.WriteByte('\n')
}

// writeFound tells of all that came past the provider.
func (r *Report) writeFound(b *strings.Builder) {
	for _, o := range r.Old {
		fmt.Fprintf(b, "\nstill accepted from %q, left on %s: %s, %s to %s, the last %d days after\n", o.Source, day(o.Ended), messages(o.Count), dayOf(o.First), dayOf(o.Last), o.StillDays)
	}
	if len(r.Direct) > 0 {
		b.WriteString("\ndirect peers")
		if r.DirectWithAuth > 0 {
			fmt.Fprintf(b, " (SPF or DMARC failed for %d of the %d messages for which our servers noted it)", r.DirectFailing, r.DirectWithAuth)
		}
		b.WriteByte('\n')
		for _, p := range r.Direct[:min(len(r.Direct), shownRows)] {
			fmt.Fprintf(b, "%9d  %-15s  %s to %s  %s\n", p.Count, p.label(), dayOf(p.First), dayOf(p.Last), or(p.RDNS, "HELO "+or(p.Helo, "-")))
		}
		more(b, len(r.Direct))
		section(b, "their networks", r.Networks)
	}
	section(b, "recipients of what came past the provider", r.Recipients)
	section(b, "From domains of what came past the provider", r.Authors)
}

func (p *DirectPeer) label() string {
	if p.IP == others.String() {
		return "all others"
	}
	return p.IP
}

func section(b *strings.Builder, title string, list []Counted) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, c := range list[:min(len(list), shownRows)] {
		fmt.Fprintf(b, "%9d  %s\n", c.Count, c.What)
	}
	more(b, len(list))
}

func more(b *strings.Builder, n int) {
	if n > shownRows {
		fmt.Fprintf(b, "           and %d more: see -json\n", n-shownRows)
	}
}

func (r *Report) writeDelays(b *strings.Builder) {
	if len(r.Delays) == 0 {
		return
	}
	fmt.Fprintf(b, "\n  %-24s %-16s %7s %13s %13s %13s\n", "delays", "part of the way", "count", "p50", "p95", "longest")
	for _, d := range r.Delays {
		if d.Max == 0 {
			continue
		}
		fmt.Fprintf(b, "  %-24s %-16s %7d %13s %13s %13s\n", policy.Plain(d.Source, 24), d.Leg, d.Count, clock(d.P50), clock(d.P95), clock(d.Max))
	}
}
