package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"mxgate/policy/mail"
)

// inert replaces control and invisible characters.
func inert(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0xfeff {
			return '?'
		}
		return r
	}, s)
}

// Plain makes text from a message fit for one line of a terminal: at most most
// characters, nothing a terminal obeys.
func Plain(s string, most int) string {
	runes := []rune(inert(s))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}

// Bounds of what is kept of From fields that name no single author.
const (
	maxFromShown  = 3
	maxFromLength = 300 // characters of each
)

// showFrom keeps what the From fields of m hold if they do not name one author,
// for whoever has to find out who it is.
func (a *Author) showFrom(m *mail.Message) {
	if a.Ambiguous == "" {
		return
	}
	fields := m.Named("From")
	hasAddress := len(a.Candidates) > 0
	for i, f := range fields {
		value := mail.DecodeWords(f.Value())
		hasAddress = hasAddress || strings.ContainsAny(value, "@＠﹫")
		if i < maxFromShown {
			a.From = append(a.From, Plain(strings.ToValidUTF8(value, "?"), maxFromLength))
		}
	}
	if len(fields) == 1 && !hasAddress && strings.TrimSpace(a.From[0]) != "" {
		a.Ambiguous = "From holds no address"
	}
}

// Shape of a labelled line.
const (
	lineWidth  = 100
	labelWidth = 14 // two spaces, the label, a space
)

// Labelled is one labelled line as Explain writes them: text of a message made
// plain, wrapped, the further lines indented below the first.
func Labelled(label, text string) string {
	lines := Wrap(inert(text), lineWidth-labelWidth)
	if len(lines) == 0 {
		lines = []string{"-"}
	}
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "  %-*s%s\n", labelWidth-2, label, line)
		label = ""
	}
	return b.String()
}

// Wrap breaks text at white space into lines of at most width characters; a
// longer word is a line of its own. Without a word there is no line.
func Wrap(text string, width int) []string {
	var lines []string
	line, used := strings.Builder{}, 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case used == 0:
		case used+1+n > width:
			lines = append(lines, line.String())
			line.Reset()
			used = 0
		default:
			line.WriteByte(' ')
			used++
		}
		line.WriteString(word)
		used += n
	}
	if used > 0 {
		lines = append(lines, line.String())
	}
	return lines
}
