package spf

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"mxgate/policy/memo"
)

// maxRecordOctets bounds a record. RFC 7208, Section 3.4 advises 450 octets;
// what fits into a DNS message is far more than a person maintains.
const maxRecordOctets = 16 << 10

// errSyntax is the cause of a recordError.
var errSyntax = errors.New("spf: syntax error in record")

// recordError says whose record is wrong, and where.
type recordError struct {
	domain string
	cause  error
}

func (e *recordError) Error() string {
	return fmt.Sprintf("the SPF record of %s has a syntax error: %v", printable(e.domain), e.cause)
}

func (e *recordError) Unwrap() error { return errSyntax }

// The grammar of RFC 7208, Sections 7.1 and 12. Section 7.2 allows the macro
// letters c, r and t in explanations only.
const (
	macroExpand = `%(?:\{[slodiphvSLODIPHV](?:[0-9]*[1-9][0-9]*)?[rR]?[-.+,/_=]*\}|[%_-])`
	macroString = `(?:` + macroExpand + `|[!-$&-~])*`
	topLabel    = `(?:[0-9A-Za-z]*[A-Za-z][0-9A-Za-z]*|[0-9A-Za-z]+-[0-9A-Za-z-]*[0-9A-Za-z])`
	domainSpec  = macroString + `(?:\.` + topLabel + `\.?|` + macroExpand + `)`
	cidr4       = `(?:/(?:[0-9]|[12][0-9]|3[0-2]))`
	cidr6       = `(?:/(?:[0-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))`
	dualCIDR    = cidr4 + `?(?:/` + cidr6 + `)?`
)

var (
	mechanismForm = regexp.MustCompile(`^[-+?~]?(?i:all|(?:include|exists):` + domainSpec +
		`|(?:a|mx)(?::` + domainSpec + `)?` + dualCIDR + `|ptr(?::` + domainSpec + `)?` + `)$`)
	ip4Form       = regexp.MustCompile(`^[-+?~]?(?i:ip4):([0-9.]+)` + cidr4 + `?$`)
	ip6Form       = regexp.MustCompile(`^[-+?~]?(?i:ip6):([0-9A-Fa-f:.]+)` + cidr6 + `?$`)
	referenceForm = regexp.MustCompile(`^(?i:redirect|exp)=` + domainSpec + `$`)
	modifierForm  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]*=` + macroString + `$`)
)

// isRecord reports whether txt is an SPF record: RFC 7208, Section 4.5.
func isRecord(txt string) bool {
	const version = "v=spf1"
	return len(txt) >= len(version) && strings.EqualFold(txt[:len(version)], version) &&
		(len(txt) == len(version) || txt[len(version)] == ' ')
}

// checked remembers what checkSyntax said of records: the same few are met again
// and again, a provider's with nearly every message.
var checked = memo.New[string, error](1 << 20)

// checkSyntax checks a whole record, of which isRecord is true. RFC 7208,
// Section 4.6 wants this before any term is evaluated; the library would find an
// error only when it comes to it, after a match never.
func checkSyntax(record string) error {
	if len(record) > maxRecordOctets {
		return fmt.Errorf("it is longer than %d octets", maxRecordOctets)
	}
	return checked.Of(record, len(record), checkTerms)
}

func checkTerms(record string) error {
	once := map[string]bool{}
	for term := range strings.SplitSeq(record[len("v=spf1"):], " ") {
		if term == "" {
			continue
		}
		if !isTerm(term) {
			return fmt.Errorf("%+.80q", term)
		}
		name, _, ok := strings.Cut(strings.ToLower(term), "=")
		if !ok || name != "redirect" && name != "exp" {
			continue
		}
		if once[name] { // RFC 7208, Section 6
			return fmt.Errorf("%s= stands there twice", name)
		}
		once[name] = true
	}
	return nil
}

func isTerm(term string) bool {
	if mechanismForm.MatchString(term) {
		return true
	}
	if m := ip4Form.FindStringSubmatch(term); m != nil {
		ip, err := netip.ParseAddr(m[1])
		return err == nil && ip.Is4()
	}
	if m := ip6Form.FindStringSubmatch(term); m != nil {
		ip, err := netip.ParseAddr(m[1])
		return err == nil && ip.Is6()
	}
	name, _, _ := strings.Cut(strings.ToLower(term), "=")
	if name == "redirect" || name == "exp" {
		return referenceForm.MatchString(term)
	}
	return modifierForm.MatchString(term)
}
