package mail

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Limits of RFC 1035, Section 2.3.4, without the root label.
const (
	maxDomainOctets = 253
	maxLabelOctets  = 63
)

// ErrBadDomain says that a text cannot be a domain name in mail.
var ErrBadDomain = errors.New("mail: not a domain name")

// Domain is a domain name as A-labels, lower case, without a trailing dot:
// "xn--bcher-kva.example". The zero Domain is "no domain".
type Domain string

// lookup maps U-labels as RFC 5891, Section 5 does, with the length checks that
// idna.Lookup leaves out.
var lookup = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.VerifyDNSLength(true), idna.StrictDomainName(false))

// ParseDomain reads a domain name written with A-labels or U-labels.
//
// Letters, digits, hyphen and underscore are allowed in a label; one trailing
// dot is dropped. Invisible characters are refused rather than mapped away:
// a reader of the message does not see that they are gone.
func ParseDomain(s string) (Domain, error) {
	if d := readDomain(s); d != "" {
		return d, nil
	}
	return "", fmt.Errorf("%w: %.80q", ErrBadDomain, s)
}

// readDomain is ParseDomain with "" for what is no domain: a field may hold
// thousands of those, and an error costs more than finding it.
func readDomain(s string) Domain {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 4*maxDomainOctets {
		return ""
	}
	if len(s) <= maxDomainOctets && validLabels(s) { // most are as they are kept
		return Domain(s)
	}
	if !isASCII(s) {
		if s = aLabels(s); s == "" {
			return ""
		}
	}
	s = strings.ToLower(s)
	if len(s) > maxDomainOctets || !validLabels(s) {
		return ""
	}
	return Domain(s)
}

// aLabels maps U-labels to A-labels; "" if that cannot be. Punycode is quadratic
// in a label and does not ask how long it is.
func aLabels(s string) string {
	// idna takes octets that are no UTF-8 for U+FFFD and encodes that.
	if !utf8.ValidString(s) || strings.IndexFunc(s, refused) >= 0 {
		return ""
	}
	for label := range strings.FieldsFuncSeq(s, isDot) {
		if overlong(label) {
			return ""
		}
	}
	a, err := lookup.ToASCII(s)
	if err != nil {
		return ""
	}
	return a
}

func refused(r rune) bool { return r >= 0x80 && unicode.In(r, unicode.Cf, unicode.Cc, unicode.Zs) }

// isDot knows the label separators of RFC 3490, Section 3.1, which UTS #46 kept.
func isDot(r rune) bool { return r == '.' || r == '\u3002' || r == '\uff0e' || r == '\uff61' }

// maxComposed is how many characters become one at most when a label is normalised.
const maxComposed = 4

// overlong reports whether no A-label can hold a label: an encoded character
// takes an octet or more.
func overlong(label string) bool {
	if len(label) <= maxLabelOctets {
		return false
	}
	n := utf8.RuneCountInString(label)
	return n > maxComposed*maxLabelOctets || n > maxLabelOctets && utf8.RuneCountInString(norm.NFKC.String(label)) > maxLabelOctets
}

// validLabels reports whether s is labels in lower case with dots between them.
func validLabels(s string) bool {
	start := 0 // of the label
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_':
		case c == '-':
			if i == start || i+1 == len(s) || s[i+1] == '.' {
				return false
			}
		case c == '.':
			if i == start || i-start > maxLabelOctets {
				return false
			}
			start = i + 1
		default:
			return false
		}
	}
	return start < len(s) && len(s)-start <= maxLabelOctets
}

// Unicode returns d with U-labels, for display only. A label that is not valid
// IDNA stays an A-label, and so do all where the text would not read back as d:
// what is shown must name the domain that was meant.
func (d Domain) Unicode() string {
	if !strings.Contains(string(d), "xn--") {
		return string(d)
	}
	labels := strings.Split(string(d), ".")
	for i, label := range labels {
		if u, err := lookup.ToUnicode(label); err == nil {
			labels[i] = u
		}
	}
	shown := strings.Join(labels, ".")
	if again, err := ParseDomain(shown); err != nil || again != d {
		return string(d) // U-labels side by side that break the rule for right-to-left text
	}
	return shown
}

// Within reports whether d is parent or a name below it, on label boundaries.
func (d Domain) Within(parent Domain) bool {
	if parent == "" {
		return false
	}
	return d == parent || strings.HasSuffix(string(d), "."+string(parent))
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
