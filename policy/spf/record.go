package spf

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
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
	return fmt.Sprintf("the SPF record of %s has a syntax error: %v", printable(e.domain, maxShownOctets), e.cause)
}

func (e *recordError) Unwrap() error { return errSyntax }

// term is one mechanism or modifier: RFC 7208, Section 4.6.1.
type term struct {
	text      string // as published, with its qualifier
	qualifier string // "+", "-", "~", "?", or "" if none is written
	name      string // of the mechanism or modifier, lower case; "" for one to be ignored
	spec      string // the domain-spec with its macros, "" if there is none
	rest      string // of ip4 and ip6 what follows the name, of a and mx the prefix lengths

	network netip.Prefix // of ip4 and ip6
}

// The grammar of RFC 7208, Sections 7.1 and 12. Section 7.2 allows the macro
// letters c, r and t in explanations only.
const (
	macroExpand = `%(?:\{[slodiphvSLODIPHV](?:[0-9]*[1-9][0-9]*)?[rR]?[-.+,/_=]*\}|[%_-])`
	macroString = `(?:` + macroExpand + `|[!-$&-~])*`
	topLabel    = `(?:[0-9A-Za-z]*[A-Za-z][0-9A-Za-z]*|[0-9A-Za-z]+-[0-9A-Za-z-]*[0-9A-Za-z])`
	domainSpec  = `(` + macroString + `(?:\.` + topLabel + `\.?|` + macroExpand + `))`
	cidr4       = `(?:/(?:[0-9]|[12][0-9]|3[0-2]))`
	cidr6       = `(?:/(?:[0-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))`
	dualCIDR    = `(` + cidr4 + `?(?:/` + cidr6 + `)?)`
)

// The forms of a term by its name, of what follows the name. The first group is
// the domain-spec or address, the second the prefix lengths.
var (
	targetForm   = regexp.MustCompile(`^:` + domainSpec + `()$`)                    // include, exists
	ptrForm      = regexp.MustCompile(`^(?::` + domainSpec + `)?()$`)               // ptr
	hostForm     = regexp.MustCompile(`^(?::` + domainSpec + `)?` + dualCIDR + `$`) // a, mx
	ip4Form      = regexp.MustCompile(`^:([0-9.]+)(` + cidr4 + `?)$`)
	ip6Form      = regexp.MustCompile(`^:([0-9A-Fa-f:.]+)(` + cidr6 + `?)$`)
	referForm    = regexp.MustCompile(`^=` + domainSpec + `()$`)                       // redirect, exp
	modifierForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]*=` + macroString + `$`) // a whole modifier that nobody here knows
)

var forms = map[string]*regexp.Regexp{
	"include": targetForm, "exists": targetForm, "ptr": ptrForm, "a": hostForm, "mx": hostForm,
	"ip4": ip4Form, "ip6": ip6Form, "redirect": referForm, "exp": referForm,
}

// isRecord reports whether txt is an SPF record: RFC 7208, Section 4.5.
func isRecord(txt string) bool {
	const version = "v=spf1"
	return len(txt) >= len(version) && strings.EqualFold(txt[:len(version)], version) &&
		(len(txt) == len(version) || txt[len(version)] == ' ')
}

// parsed is a record with its terms, or what is wrong with it.
type parsed struct {
	terms []term
	err   error
}

// known remembers records: the same few are met again and again, a provider's
// with nearly every message.
var known = memo.New[string, parsed](1<<20, nil)

// perTerm is what a term takes in memory besides its text, about.
const perTerm = 120

// parseRecord reads a whole record, of which isRecord is true. RFC 7208,
// Section 4.6 wants its syntax checked before any term is evaluated; the library
// would find an error only when it comes to it, after a match never.
func parseRecord(record string) ([]term, error) {
	if len(record) > maxRecordOctets {
		return nil, fmt.Errorf("it is longer than %d octets", maxRecordOctets)
	}
	p := known.Of(record, len(record)+perTerm*strings.Count(record, " "), parseTerms)
	return p.terms, p.err
}

func parseTerms(record string) parsed {
	var terms []term
	once := map[string]bool{}
	for text := range strings.SplitSeq(record[len("v=spf1"):], " ") {
		if text == "" {
			continue
		}
		t, ok := parseTerm(text)
		if !ok {
			return parsed{err: fmt.Errorf("%+.80q", text)}
		}
		if t.name == "redirect" || t.name == "exp" {
			if once[t.name] { // RFC 7208, Section 6
				return parsed{err: fmt.Errorf("%s= stands there twice", t.name)}
			}
			once[t.name] = true
		}
		terms = append(terms, t)
	}
	return parsed{terms: terms}
}

// parseTerm reads one term, which is not empty.
func parseTerm(text string) (term, bool) {
	t := term{text: text}
	body := text
	if strings.IndexByte("+-~?", text[0]) >= 0 {
		t.qualifier, body = text[:1], text[1:]
	}
	end := strings.IndexAny(body, ":/=")
	if end < 0 {
		end = len(body)
	}
	t.name, t.rest = strings.ToLower(body[:end]), body[end:]
	form := forms[t.name]
	switch {
	case t.name == "all" && t.rest == "":
		return t, true
	case strings.HasPrefix(t.rest, "=") && form != referForm: // also "a=": no mechanism has a "="
		t.name = ""
		return t, modifierForm.MatchString(text)
	case form == nil || form == referForm && t.qualifier != "":
		return t, false
	}
	m := form.FindStringSubmatch(t.rest)
	if m == nil {
		return t, false
	}
	if form != ip4Form && form != ip6Form {
		t.spec, t.rest = m[1], m[2]
		return t, true
	}
	ip, err := netip.ParseAddr(m[1])
	if err != nil || ip.Is4() != (form == ip4Form) {
		return t, false
	}
	bits := ip.BitLen()
	if m[2] != "" {
		bits, err = strconv.Atoi(m[2][1:])
	}
	t.network = netip.PrefixFrom(ip, bits)
	return t, err == nil && t.network.IsValid()
}
