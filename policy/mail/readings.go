package mail

import "strings"

// onlyShown reports whether the domains in value other than the author's are
// mere text to all mail clients: part of a name, quoted or encoded. value is an
// address list of RFC 5322 with that one author domain, which c has collected.
//
// Names with an address are common in honest mail ("a@example.com via Docs").
// But not all clients know quoted strings, comments and groups, and some decode
// encoded words before they parse: what one of them would take for an address
// makes the field ambiguous.
func (c *candidates) onlyShown(value string) bool {
	value = toUTF8(value)
	shape := outline(value)
	if strings.Contains(shape, ":") {
		return false // a group: its name may show anybody
	}
	other := candidates{most: 2, author: c.author, foreign: c.foreign}
	other.scanBare(unquoted(value, shape))
	for _, s := range []string{value, DecodeWords(value)} {
		shape, ok := blank(s, true, true)
		if !ok {
			return false // what was decoded opens quotes or a comment
		}
		other.scanEntries(unquoted(s, shape))
		plain := withoutQuotes(s)
		rest, open := withoutComments(plain, false)
		if open {
			return false // the address is part of the comment
		}
		for _, s := range []string{plain, rest} {
			other.scanEntries(s)
			other.scanEntries(strings.Map(seen, s))
		}
	}
	for _, d := range other.domains {
		if d != c.author {
			return false
		}
	}
	return !other.more
}

// unquoted returns value with the inside of quoted strings blanked out, and
// comments as they are; shape is its outline.
func unquoted(value, shape string) string {
	out := []byte(value)
	for i := range out {
		if shape[i] == 'q' {
			out[i] = 'q'
		}
	}
	return string(out)
}

// scanEntries adds the domains that a reader without regard to quotes takes for
// addresses: those inside brackets, and all of an entry without any.
func (c *candidates) scanEntries(s string) {
	c.scanBrackets(s) // to one who does not split lists
	for entry := range strings.FieldsFuncSeq(s, endsEntry) {
		if !c.scanBrackets(entry) {
			c.scan(entry)
		}
	}
}

// scanBrackets reports whether there are any.
func (c *candidates) scanBrackets(s string) bool {
	_, inside, found := strings.Cut(s, "<")
	for more := found; more; {
		inside, s, _ = strings.Cut(inside, ">")
		c.scan(inside)
		_, inside, more = strings.Cut(s, "<")
	}
	return found
}

// endsEntry reports whether r ends an entry of an address list, or a line.
func endsEntry(r rune) bool {
	switch r {
	case ',', ';', '\r', '\n', '\v', '\f', '\u0085', '\u2028', '\u2029':
		return true
	}
	return false
}

// outline returns s with the inside of quoted strings and comments blanked out,
// octet for octet: "q" for what is quoted, a space for comments. A kind of
// bracket that is not closed everywhere stands for itself everywhere.
func outline(s string) string {
	for _, try := range []struct{ quotes, comments bool }{{true, true}, {false, true}, {true, false}} {
		if shape, ok := blank(s, try.quotes, try.comments); ok {
			return shape
		}
	}
	return s
}

func blank(s string, quotes, comments bool) (string, bool) {
	out := []byte(s)
	quoted, depth := false, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		inside := quoted || depth > 0
		if inside && c == '\\' && i+1 < len(s) {
			out[i], out[i+1] = blankFor(quoted), blankFor(quoted)
			i++
			continue
		}
		switch {
		case quotes && c == '"' && depth == 0:
			quoted = !quoted
		case comments && c == '(' && !quoted:
			depth++
			out[i] = ' '
		case comments && c == ')' && depth > 0:
			depth--
			out[i] = ' '
		case quoted:
			out[i] = 'q'
		case depth > 0:
			out[i] = ' '
		}
	}
	return string(out), !quoted && depth == 0
}

func blankFor(quoted bool) byte {
	if quoted {
		return 'q'
	}
	return ' '
}
