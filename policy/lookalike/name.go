package lookalike

import (
	"slices"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"mxgate/policy/mail"
)

// Limits of a name, RFC 1035, Section 2.3.4. A name beyond them is not looked
// at: mail cannot have come from it.
const (
	maxNameOctets  = 253
	maxLabelOctets = 63
)

// name is a domain taken apart at its public suffix.
type name struct {
	domain      mail.Domain
	registrable string   // label and suffix, as A-labels
	suffix      string   // public suffix, as A-labels
	labels      []string // what precedes the suffix, as U-labels; the last is the label
	glyphs      []glyph  // of the label
}

// parse takes d apart. It reports false for what has no label of its own: a
// public suffix, a single label, an address literal, a malformed name.
//
// The private part of the public suffix list counts: a customer's name below
// a hoster is a registration, and below one of shared. The hoster's own name is one
// too.
func parse(d mail.Domain) (name, bool) {
	s := strings.ToLower(string(d))
	if len(s) > maxNameOctets || strings.Trim(s, "0123456789.") == "" || strings.ContainsFunc(s, outsideName) {
		return name{}, false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabelOctets {
			return name{}, false
		}
	}
	suffix, icann := publicsuffix.PublicSuffix(s)
	if suffix == s {
		_, rest, dotted := strings.Cut(s, ".")
		if icann || !dotted {
			return name{}, false
		}
		suffix = rest
	}
	front := s[:len(s)-len(suffix)-1]
	registrable := s[strings.LastIndexByte(front, '.')+1:]
	for at := strings.IndexByte(s, '.') + 1; at > 0 && len(s)-at >= len(registrable); at += strings.IndexByte(s[at:], '.') + 1 {
		if !shared[s[at:]] {
			continue
		}
		if own := s[strings.LastIndexByte(s[:at-1], '.')+1 : at-1]; !ownHosts[own] || shared[own+"."+s[at:]] {
			suffix = s[at:]
			front = s[:at-1]
			registrable = s[len(front)-len(own):]
		}
		break
	}
	n := name{
		domain:      mail.Domain(s),
		registrable: registrable,
		suffix:      suffix,
		labels:      strings.Split(front, "."),
	}
	for i, label := range n.labels {
		n.labels[i] = unicodeLabel(label)
	}
	n.glyphs = glyphsOf(n.labels[len(n.labels)-1])
	return n, slices.ContainsFunc(n.glyphs, func(g glyph) bool { return g.c != '-' })
}

// outsideName reports what is in no mail.Domain. The sentence repeats the name,
// so that nothing else may pass.
func outsideName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
}

// unicodeLabel decodes an A-label without judging it: a label that IDNA
// forbids is still shown decoded by some clients.
func unicodeLabel(label string) string {
	if !strings.HasPrefix(label, "xn--") {
		return label
	}
	u, err := idna.Punycode.ToUnicode(label)
	if err != nil {
		return label
	}
	return u
}
