package demo

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"mxgate/gateway/store"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// line shows one of two domains, so that one below the other can be compared.
type line struct {
	runs  []lookalike.Run
	width int    // of the longer of the two names
	note  string // what is known of it
}

// pairOf shows the two domains for whose likeness a message was held or tagged;
// nil if it was not.
func pairOf(e store.Entry) []line {
	var found policy.Evidence
	if json.Unmarshal(e.Evidence, &found) != nil {
		return nil
	}
	t := &found.Thread
	switch policy.Reason(e.Reason) {
	case policy.StolenThread, policy.Impostor:
		if len(t.Similar) > 0 {
			return lines(&t.Similar[0])
		}
	case policy.AddedLookalikes:
		if len(t.Added) > 0 {
			return lines(&t.Added[0])
		}
	case policy.LookalikeDomain:
		if len(found.Lookalike) > 0 {
			l := &found.Lookalike[0]
			return compared(l.Domain, l.Target, known(t.Author.State, t.Author.First), "protected")
		}
	}
	return nil
}

func lines(s *policy.Similar) []line {
	return compared(cmp.Or(s.As, s.Domain), s.Target, known(s.State, s.Since), known(s.TargetState, s.TargetSince))
}

func compared(d, target mail.Domain, notes ...string) []line {
	a, b := lookalike.Differ(d, target)
	out := []line{{runs: a, note: notes[0]}, {runs: b, note: notes[1]}}
	for i := range out {
		out[0].width = max(out[0].width, utf8.RuneCountInString(out[i].name()))
	}
	out[1].width = out[0].width
	return out
}

// known says since when a domain is.
func known(state policy.State, since time.Time) string {
	switch state {
	case policy.Unseen:
		return "no proven mail delivered here"
	case policy.Shadow:
		return "known as a look-alike"
	}
	return "known since " + since.Format(time.DateOnly)
}

// name is the domain with the letters that differ between marks.
func (l *line) name() string {
	var b strings.Builder
	for _, r := range l.runs {
		if r.Differs {
			b.WriteString("‹" + r.Text + "›")
		} else {
			b.WriteString(r.Text)
		}
	}
	return b.String()
}

func (l *line) text(color bool) string {
	name := policy.Plain(l.name(), 200)
	room := strings.Repeat(" ", max(l.width-utf8.RuneCountInString(name), 0)+3)
	return marked(fmt.Sprintf("  │ %s%s%s", name, room, l.note), color)
}

// marked paints what stands between marks.
func marked(text string, color bool) string {
	if !color || !strings.Contains(text, "‹") {
		return text
	}
	return strings.NewReplacer("‹", "‹\x1b[1;31m", "›", "\x1b[0m›").Replace(text) + "\x1b[0m" // a mark may be open: the message may hold one
}
