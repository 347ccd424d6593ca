package lookalike

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/bidi"
)

// sentence says in one sentence what the evidence shows; shown is the name as
// written gives it.
func (e *evidence) sentence(n name, shown string) string {
	return shown + " looks like " + string(e.target.Domain) + ": " + strings.Join(e.reasons(n), ", ")
}

// written shows the name as it travels and, when that differs and can be shown
// without confusing the line, as it is read.
func written(n name) string {
	u := strings.Join(n.labels, ".") + "." + n.suffix
	if u == string(n.domain) || strings.ContainsFunc(u, func(r rune) bool { return !showable(r) && r != '.' && r != '-' }) {
		return string(n.domain)
	}
	return string(n.domain) + " (" + u + ")"
}

// showable reports whether a character can stand in a left-to-right line.
func showable(r rune) bool {
	if !unicode.In(r, unicode.L, unicode.Nd) {
		return false
	}
	p, _ := bidi.LookupRune(r)
	return p.Class() != bidi.R && p.Class() != bidi.AL
}

// shown joins words, with the code of what would confuse the line.
func shown(words []string) string {
	var b strings.Builder
	for i, word := range words {
		if i > 0 {
			b.WriteString(" and ")
		}
		for _, r := range word {
			if showable(r) || r < 0x80 {
				b.WriteRune(r)
			} else {
				fmt.Fprintf(&b, "U+%04X", r)
			}
		}
	}
	return b.String()
}

// reasons lists what differs, the letters first.
func (e *evidence) reasons(n name) []string {
	all := make([]string, 0, len(e.steps)+2)
	for _, s := range e.steps {
		all = append(all, e.reason(s))
	}
	all = counted(all)
	if e.unseen() {
		all = append(all, "invisible characters or marks added")
	}
	target := string(e.target.Domain)
	switch e.form {
	case Combo:
		noun := "word"
		if len(e.words) > 1 {
			noun = "words"
		}
		all = append(all, fmt.Sprintf("%s with the %s %s added", target, noun, shown(e.words)))
	case Embedding:
		if e.below {
			all = append(all, fmt.Sprintf("%s used as a name below %s", target, n.registrable))
		} else {
			all = append(all, fmt.Sprintf("%s written into the name %s", target, n.registrable))
		}
	case Split:
		all = append(all, "a dot put into the name")
	}
	if e.otherSuffix && (e.form == "" || e.form == Split) {
		all = append(all, "other ending: ."+n.suffix+" instead of ."+e.target.suffix)
	}
	return all
}

// counted says once what happened several times.
func counted(reasons []string) []string {
	if len(reasons) < 2 {
		return reasons
	}
	var once []string
	times := map[string]int{}
	for _, r := range reasons {
		if times[r]++; times[r] == 1 {
			once = append(once, r)
		}
	}
	for i, r := range once {
		if times[r] > 1 {
			once[i] = fmt.Sprintf("%s (%d times)", r, times[r])
		}
	}
	return once
}

// reason says what one step did.
func (d *difference) reason(s step) string {
	q, t := d.q[s.qi:s.qi+s.qn], d.t[s.ti:s.ti+s.tn]
	switch s.act {
	case foreign:
		for i := s.qi + 1; i < len(d.q) && d.q[i].src == continued && s.ti+len(t) < len(d.t); i++ {
			t = d.t[s.ti : s.ti+len(t)+1] // æ stands for both of ae
		}
		return letters(q) + " for " + letters(t)
	case imitated, spelledOut:
		return letters(q) + " for " + letters(t)
	case hyphenAdded:
		return "a hyphen added"
	case hyphenLeft:
		return "a hyphen left out"
	case doubled:
		return letters(q) + " doubled"
	case undoubled:
		return letters(t) + " not doubled"
	case swapped:
		return letters(t[:1]) + " and " + letters(t[1:]) + " swapped"
	case pluralised, added:
		return letters(q) + " added"
	case leftOut:
		return letters(t) + " left out"
	}
	return letters(q) + " instead of " + letters(t)
}

// letters spells what was written, with the script of a letter that hides it.
func letters(glyphs []glyph) string {
	if len(glyphs) == 1 && glyphs[0].src == glyphs[0].c && glyphs[0].c < 0x80 {
		return string(glyphs[0].c)
	}
	var b strings.Builder
	for _, g := range glyphs {
		switch r := g.src; {
		case r == continued:
			b.WriteRune(g.c)
		case r < 0x80:
			b.WriteRune(r)
		case !showable(r):
			fmt.Fprintf(&b, "U+%04X", r)
		case unicode.In(r, unicode.Latin, unicode.Common):
			b.WriteRune(r)
		default:
			b.WriteString(scriptOf(r) + " " + string(r))
		}
	}
	return b.String()
}

func scriptOf(r rune) string {
	switch { // most disguises; all scripts are looked through for the others
	case unicode.Is(unicode.Cyrillic, r):
		return "Cyrillic"
	case unicode.Is(unicode.Greek, r):
		return "Greek"
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return strings.ReplaceAll(name, "_", " ")
		}
	}
	return "foreign"
}
