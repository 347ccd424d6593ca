// Package pair shows two domains that resemble each other to people: one below
// the other, the letters that differ marked, both as they are read and as they
// travel.
//
// It is for terminals and files alike: where nothing can be coloured, marks stand
// around the letters. What comes from mail or a file is made plain first.
package pair

import (
	"io"
	"strings"
	"unicode/utf8"

	"mxgate/cmd/mxgate/internal/terminal"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// maxShown bounds a name in characters; a domain has at most 253 octets.
const maxShown = 260

// Side is one of the two.
type Side struct {
	Domain mail.Domain
	Note   string // what is known of it; one line
}

// Style says how what differs is marked.
type Style struct {
	Open, Close string // around letters that differ
	Indent      string // before each line
}

// Marks is the style of text that no terminal shows: he‹1›se.de.
func Marks(indent string) Style { return Style{"‹", "›", indent} }

// On is the style for w: bold, red and underlined where it takes colours, otherwise
// Marks.
func On(w io.Writer, indent string) Style {
	if !terminal.Coloured(w) {
		return Marks(indent)
	}
	return Style{"\x1b[1;4;31m", "\x1b[0m", indent}
}

// Text shows both, a line each. A name with letters beyond ASCII is followed by
// the name that travels. In two that do not resemble each other, nothing is marked.
func (s Style) Text(a, b Side) string {
	of, as := lookalike.Differ(a.Domain, b.Domain)
	one, two := s.name(of, a.Domain), s.name(as, b.Domain)
	width := max(one.width, two.width)
	return s.line(one, width, a.Note) + s.line(two, width, b.Note)
}

// List shows others, which resemble d, a line each and one column for the notes: what
// in them is not d's is marked. "" without any.
func (s Style) List(d mail.Domain, others []Side) string {
	var names []shown
	width := 0
	for _, o := range others {
		_, of := lookalike.Differ(d, o.Domain)
		n := s.name(of, o.Domain)
		names, width = append(names, n), max(width, n.width)
	}
	text := ""
	for i, o := range others {
		text += s.line(names[i], width, o.Note)
	}
	return text
}

func (s Style) line(n shown, width int, note string) string {
	line := s.Indent + n.text + strings.Repeat(" ", width-n.width) + "   " + policy.Plain(note, 2*maxShown)
	return strings.TrimRight(line, " ") + "\n"
}

// shown is a name ready to be printed.
type shown struct {
	text  string
	width int // characters that are seen
}

func (s Style) name(runs []lookalike.Run, d mail.Domain) shown {
	var n shown
	roomless := strings.HasPrefix(s.Open, "\x1b")
	plain := ""
	for _, r := range runs {
		text := policy.Plain(r.Text, maxShown)
		plain += text
		n.width += utf8.RuneCountInString(text)
		if r.Differs {
			text = s.Open + text + s.Close
			if !roomless {
				n.width += utf8.RuneCountInString(s.Open + s.Close)
			}
		}
		n.text += text
	}
	if travels := policy.Plain(string(d), maxShown); plain != travels {
		travels = " (" + travels + ")"
		n.text, n.width = n.text+travels, n.width+utf8.RuneCountInString(travels)
	}
	return n
}
