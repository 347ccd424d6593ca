package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxRecipientOctets bounds how much of the fields of one name HeaderDomains
// reads: some two hundred addresses. With From, and what is read inside signed
// mail, it keeps what is read of one message within 64 KiB.
const maxRecipientOctets = 8 << 10

// HeaderDomains returns the domains that the fields of that name (Reply-To, To,
// Cc) show to anyone, in order and without repeats: those of the addresses, and
// those in names, comments and encoded words, as ParseAuthor finds them.
//
// There are at most most of them, out of the first 8 KiB of these fields; more
// says that something was left out. Time is linear in what is read.
func HeaderDomains(m *Message, name string, most int) (domains []Domain, more bool) {
	found := candidates{most: most}
	left := maxRecipientOctets
	for _, f := range m.Fields {
		if seen := f.VisibleName(); len(seen) != len(name) || !strings.EqualFold(seen, name) {
			continue
		}
		value := f.Value()
		if len(value) > left {
			// Half a domain is another domain.
			value = value[:max(0, strings.LastIndexAny(value[:left], " \t,;<>"))]
			found.collectAll(value)
			return found.domains, true
		}
		left -= len(value)
		found.collectAll(value)
		if found.more {
			break
		}
	}
	return found.domains, found.more
}

// collectAll also adds domains that are written with gaps.
func (c *candidates) collectAll(value string) {
	c.collect(value)
	if whole := withoutGaps(value); whole != value {
		c.collect(whole)
	}
}

// withoutGaps returns s without what RFC 5322, Section 4.4 allows between the atoms of
// a domain: comments, also with quoted pairs in them, and white space behind an "@"
// and around the dots behind it.
func withoutGaps(s string) string {
	if strings.IndexByte(s, '(') >= 0 {
		if rest, open := withoutComments(s, true); !open {
			s = rest
		}
	}
	if !gapped(s) {
		return s
	}
	var b strings.Builder
	inside, last, blanks := false, ' ', -1 // in a domain; behind that rune of it; where white space begins
	for i, r := range s {
		switch {
		case unicode.IsSpace(r):
			if blanks < 0 {
				blanks = i
			}
			continue
		case blanks >= 0 && !(inside && (r == '.' || last == '.' || last == '@')):
			b.WriteString(s[blanks:i])
			inside = false
		}
		blanks = -1
		inside = r == '@' || inside && !notInDomain(r)
		last = r
		b.WriteRune(r)
	}
	return b.String()
}

// gapped reports whether white space stands beside a dot or behind an "@", or may.
func gapped(s string) bool {
	last := byte(0) // that is no blank
	blank := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf: // some of those are white space
			return true
		case c == ' ' || '\t' <= c && c <= '\r':
			blank = true
		case blank && (c == '.' || last == '.' || last == '@'):
			return true
		default:
			last, blank = c, false
		}
	}
	return false
}
