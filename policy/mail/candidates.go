package mail

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxCandidates bounds the domains of one From field. More than one is trouble;
// more than this is ambiguous.
const maxCandidates = 32

// candidates gathers the domains that a field shows to anyone.
type candidates struct {
	most    int // how many are remembered
	domains []Domain
	more    bool              // there are more
	author  Domain            // known already; then what follows an "@" is read in ASCII too
	seen    map[Domain]bool   // from fewDomains on
	foreign map[string]Domain // what the runs that are no ASCII are, "" for no domain: each is met in most readings
}

// maxForeign bounds the names that are no ASCII in one field, valid or not: to
// read one costs as much as a hundred others.
const maxForeign = 256

func (c *candidates) add(d Domain) {
	switch {
	case d == "" || c.has(d):
	case len(c.domains) >= c.most:
		c.more = true
	default:
		c.domains = append(c.domains, d)
		if len(c.domains) < fewDomains {
			return
		}
		if c.seen == nil {
			c.seen = map[Domain]bool{}
		}
		for _, d := range c.domains[len(c.seen):] {
			c.seen[d] = true
		}
	}
}

// fewDomains are found faster by looking at each than in a map.
const fewDomains = 8

func (c *candidates) has(d Domain) bool {
	if c.seen == nil {
		return slices.Contains(c.domains, d)
	}
	return c.seen[d]
}

// collect adds what follows an "@" anywhere in value: in addresses, names,
// comments and quoted strings, before and after decoding, with comments taken
// out of the middle of an address, and with what is not shown taken out.
func (c *candidates) collect(value string) {
	value = toUTF8(value)
	readings := []string{value}
	if decoded := DecodeWords(value); decoded != value {
		readings = append(readings, decoded)
	}
	for _, s := range readings {
		c.scanBare(s)
		if strings.Contains(s, "(") {
			rest, _ := withoutComments(s, false)
			c.scanBare(rest)
		}
	}
}

// scanBare scans s as it stands, without quotes, and also without what a reader
// does not see.
func (c *candidates) scanBare(s string) {
	c.scan(s)
	plain := withoutQuotes(s)
	if plain != s {
		c.scan(plain)
	}
	if shown := strings.Map(seen, plain); shown != plain {
		c.scan(shown)
	}
}

// withoutQuotes returns s without quotes and the backslashes of quoted pairs.
func withoutQuotes(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' {
			return -1
		}
		return r
	}, s)
}

func seen(r rune) rune {
	if Invisible(r) {
		return -1
	}
	return r
}

// atSigns are "@", and its wide and small form, which look like it.
const atSigns = "@\uff20\ufe6b"

// scan is linear in s: what it reads behind one "@" ends before the next.
func (c *candidates) scan(s string) {
	for i, r := range s {
		if !strings.ContainsRune(atSigns, r) {
			continue
		}
		if c.more {
			return
		}
		rest := strings.TrimLeft(s[i+utf8.RuneLen(r):], " \t")
		end := strings.IndexFunc(rest, notInDomain)
		if end < 0 {
			end = len(rest)
		}
		run := strings.Trim(rest[:end], ".-_")
		d := c.shownDomain(run)
		c.add(d)
		if cut := strings.IndexFunc(run, Invisible); cut >= 0 {
			c.add(c.shownDomain(strings.TrimRight(run[:cut], ".-_")))
		}
		if d == "" || c.author != "" && d != c.author && !isASCII(run) {
			c.add(c.shownDomain(strings.TrimRight(validStart(run), ".-_")))
		}
	}
}

func notInDomain(r rune) bool {
	switch {
	case r < 0x80:
		return !(r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	case isDot(r):
		return false
	}
	return !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.Cf)
}

// shownDomain reads a run of domain characters; "" if no client would take it
// for a domain: without a dot, or ending in a number.
func (c *candidates) shownDomain(run string) Domain {
	if strings.IndexFunc(run, isDot) < 0 {
		return ""
	}
	if isASCII(run) {
		return withSuffix(readDomain(run))
	}
	d, known := c.foreign[run]
	switch {
	case known:
		return d
	case len(c.foreign) == maxForeign:
		c.more = true // nobody knows what
		return ""
	case c.foreign == nil:
		c.foreign = map[string]Domain{}
	}
	d = withSuffix(readDomain(run))
	c.foreign[run] = d
	return d
}

// withSuffix returns d, or "" if it has one label only or ends in a number.
func withSuffix(d Domain) Domain {
	dot := strings.LastIndexByte(string(d), '.')
	if dot < 0 || strings.Trim(string(d[dot:]), ".0123456789") == "" {
		return ""
	}
	return d
}

// validStart returns the longest start of a run of domain characters that is a
// domain name in ASCII: what is shown to someone who takes only that for a name,
// behind whatever was appended so that the whole is none, or another.
func validStart(run string) string {
	end := 0
	for label := range strings.SplitSeq(run, ".") {
		ascii := len(label) - len(strings.TrimLeft(label, ldh))
		if ascii < len(label) || !validLabels(strings.ToLower(label)) {
			if ascii <= maxLabelOctets {
				end += ascii
			}
			break
		}
		end += len(label) + len(".")
	}
	return run[:min(end, len(run))]
}

const ldh = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// withoutComments removes comments, nested ones too, without regard to quotes; pairs
// says that quoted pairs in them are known. open says that the last one has no end.
func withoutComments(s string, pairs bool) (rest string, open bool) {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case pairs && c == '\\' && depth > 0:
			i++
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String(), depth > 0
}
