package spf

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"mxgate/policy/dns"
)

// Limits of expansion. A domain-spec may expand to more than a name can hold,
// because its left side is cut off: RFC 7208, Section 7.3.
const (
	maxExpandedOctets = 8 << 10
	maxPTRNames       = 10 // RFC 7208, Section 4.6.4
)

// expand replaces the macros of text: RFC 7208, Section 7. domain is the
// <domain> of the record. In an explanation c, r and t are allowed too. It
// returns false for a syntax error and for a result beyond maxExpandedOctets.
func (e *evaluation) expand(ctx context.Context, text, domain string, explains bool) (string, bool) {
	if strings.IndexByte(text, '%') < 0 {
		return text, true
	}
	var b strings.Builder
	for text != "" {
		plain, macro, found := strings.Cut(text, "%")
		b.WriteString(plain)
		if !found {
			break
		}
		kind, end := byte(0), 1
		if macro != "" {
			kind = macro[0]
		}
		switch kind {
		case '%':
			b.WriteByte('%')
		case '_':
			b.WriteByte(' ')
		case '-':
			b.WriteString("%20")
		case '{':
			end = strings.IndexByte(macro, '}') + 1
			if end == 0 {
				return "", false
			}
			value, ok := e.macro(ctx, macro[1:end-1], domain, explains)
			if !ok {
				return "", false
			}
			b.WriteString(value)
		default:
			return "", false
		}
		if b.Len() > maxExpandedOctets {
			return "", false
		}
		text = macro[end:]
	}
	return b.String(), true
}

// macro returns what stands for the macro whose braces hold body.
func (e *evaluation) macro(ctx context.Context, body, domain string, explains bool) (string, bool) {
	if body == "" {
		return "", false
	}
	how, ok := parseTransformer(body[1:])
	if !ok {
		return "", false
	}
	letter := body[0] | 0x20
	value, ok := e.value(ctx, letter, domain, explains)
	if !ok {
		return "", false
	}
	value = how.apply(value)
	if body[0] != letter { // an upper-case letter
		value = urlEscape(value)
	}
	return value, true
}

// value is what a macro letter stands for: RFC 7208, Section 7.2.
func (e *evaluation) value(ctx context.Context, letter byte, domain string, explains bool) (string, bool) {
	switch letter {
	case 's':
		return e.local + "@" + e.domain, true
	case 'l':
		return e.local, true
	case 'o':
		return e.domain, true
	case 'd':
		return domain, true
	case 'h':
		return e.helo, true
	case 'i':
		return dotted(e.client), true
	case 'p':
		return e.validated(ctx, domain), true
	case 'v':
		if e.client.Is4() {
			return "in-addr", true
		}
		return "ip6", true
	case 'c':
		return e.client.String(), explains
	case 'r', 't':
		// Section 7.3 has "unknown" for the name of a receiver that does not
		// tell it.
		// Deviation: so is the time. This room reads no clock, and the moment
		// means nothing to the author who reads an explanation.
		return unknown, explains
	}
	return "", false
}

// unknown stands for what is not known: RFC 7208, Section 7.3.
const unknown = "unknown"

// dotted returns ip as %{i} shows it: an IPv6 address as its 32 digits.
func dotted(ip netip.Addr) string {
	if ip.Is4() {
		return ip.String()
	}
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, 4*16)
	for _, b := range ip.As16() {
		out = append(out, digits[b>>4], '.', digits[b&15], '.')
	}
	return string(out[:len(out)-1])
}

// validated returns the name of the client that %{p} shows: domain itself if it
// is one, or a name below it, or any. DNS trouble gives "unknown", as RFC 7208,
// Section 7.3 wants: the reverse zone is the client's, and its failure must not
// become a way to be deferred instead of refused.
func (e *evaluation) validated(ctx context.Context, domain string) string {
	if e.names == nil {
		e.names = e.askNames(ctx)
	}
	best := unknown
	for _, name := range e.names {
		switch {
		case strings.EqualFold(name, domain):
			return name
		case hasSuffixFold(name, "."+domain) && !hasSuffixFold(best, "."+domain), best == unknown:
			best = name
		}
	}
	return best
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// askNames returns the validated names of the client, never nil: RFC 7208,
// Section 5.5.
func (e *evaluation) askNames(ctx context.Context) []string {
	names := []string{}
	answer, err := e.dns.PTR(ctx, e.client)
	if err != nil {
		return names
	}
	for _, name := range answer.Records[:min(len(answer.Records), maxPTRNames)] {
		name = strings.TrimSuffix(name, ".")
		if dns.CheckName(name) != nil {
			continue
		}
		addrs, err := e.ask(ctx, name, e.client.Is6())
		if err == nil && slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Unmap() == e.client }) {
			names = append(names, name)
		}
	}
	return names
}

// transformer says which parts of a value to take: RFC 7208, Section 7.1.
type transformer struct {
	parts      int // right-hand parts to keep, 0 for all
	reverse    bool
	delimiters string // "" for "."
}

// parseTransformer reads what follows the letter of a macro.
func parseTransformer(s string) (t transformer, ok bool) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	for _, c := range []byte(s[:digits]) {
		t.parts = min(10*t.parts+int(c-'0'), maxExpandedOctets) // more parts than a value can have are all
	}
	if digits > 0 && t.parts == 0 {
		return t, false
	}
	s = s[digits:]
	if s != "" && s[0]|0x20 == 'r' {
		t.reverse, s = true, s[1:]
	}
	for _, c := range []byte(s) {
		if strings.IndexByte("-.+,/_=", c) < 0 {
			return t, false
		}
		if strings.IndexByte(t.delimiters, c) < 0 {
			t.delimiters += string(rune(c))
		}
	}
	return t, true
}

// apply splits value and joins what is to be kept with dots. Delimiters side by
// side have an empty part between them: RFC 7208, Section 7.3.
func (t transformer) apply(value string) string {
	if t == (transformer{}) {
		return value
	}
	if t.delimiters != "" && t.delimiters != "." {
		// The other delimiters become the first one.
		value = strings.Map(func(c rune) rune {
			if strings.ContainsRune(t.delimiters, c) {
				return rune(t.delimiters[0])
			}
			return c
		}, value)
	}
	parts := strings.Split(value, cmp.Or(t.delimiters, ".")[:1])
	if t.reverse {
		slices.Reverse(parts)
	}
	if t.parts > 0 {
		parts = parts[max(len(parts)-t.parts, 0):]
	}
	return strings.Join(parts, ".")
}

// urlEscape escapes all but the unreserved characters of RFC 3986, Section 2.3.
func urlEscape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// name returns the name that a domain-spec leads to: lower case, without a
// trailing dot, and cut on the left to what a name can hold. It is "" if that is
// no name that can be asked. RFC 7208, Section 7.3.
func (e *evaluation) name(ctx context.Context, spec, domain string) string {
	name, ok := e.expand(ctx, spec, domain, false)
	name = strings.TrimSuffix(name, ".")
	for ok && len(name) > dns.MaxNameOctets {
		_, name, ok = strings.Cut(name, ".")
	}
	if !ok || dns.CheckName(name) != nil {
		return ""
	}
	return strings.ToLower(name) // only now: a letter outside ASCII may have a lower case within
}
