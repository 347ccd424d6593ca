package mail

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxCandidates bounds the domains that are remembered of one message. More
// than one is trouble; the rest would only repeat it.
const maxCandidates = 32

// candidates gathers every domain that a From field shows to anyone.
type candidates struct{ domains []Domain }

func (c *candidates) add(d Domain) {
	if d != "" && len(c.domains) < maxCandidates && !slices.Contains(c.domains, d) {
		c.domains = append(c.domains, d)
	}
}

// collect adds what follows an "@" anywhere in value: in addresses, names,
// comments and quoted strings, before and after decoding, and with comments
// taken out of the middle of an address.
func (c *candidates) collect(value string) {
	value = toUTF8(value[:min(len(value), maxFromOctets)])
	c.scan(value)
	decoded := decodeWords(value)
	if decoded != value {
		decoded = toUTF8(decoded)
		c.scan(decoded)
	}
	if strings.Contains(decoded, "(") {
		c.scan(withoutComments(decoded))
	}
}

// scan is linear in s: what it reads behind one "@" ends before the next.
func (c *candidates) scan(s string) {
	for i, r := range s {
		if r != '@' && r != '\uff20' && r != '\ufe6b' { // the wide and the small form look like it
			continue
		}
		rest := strings.TrimLeft(s[i+utf8.RuneLen(r):], " \t")
		end := strings.IndexFunc(rest, notInDomain)
		if end < 0 {
			end = len(rest)
		}
		c.add(shownDomain(rest[:end]))
	}
}

func notInDomain(r rune) bool {
	switch {
	case r < 0x80:
		return !(r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	case r == '\u3002', r == '\uff0e', r == '\uff61': // dots, to IDNA
		return false
	}
	return !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.Cf)
}

// shownDomain reads a run of domain characters; "" if no client would take it
// for a domain: without a dot, or ending in a number.
func shownDomain(run string) Domain {
	run = strings.Trim(run, ".-_")
	d, err := ParseDomain(run)
	if err != nil {
		// Invisible characters make it no domain; it looks like one all the same.
		d, err = ParseDomain(strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Cf, r) {
				return -1
			}
			return r
		}, run))
	}
	dot := strings.LastIndexByte(string(d), '.')
	if err != nil || dot < 0 || strings.Trim(string(d[dot:]), ".0123456789") == "" {
		return ""
	}
	return d
}

// withoutComments removes comments, nested ones too, without regard to quotes.
func withoutComments(s string) string {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}
