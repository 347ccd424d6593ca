package mail

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// Limits of RFC 5321, Section 4.5.3.1, on the unquoted octets.
const (
	maxLocalOctets = 64
	maxPathOctets  = 256
)

// ErrBadAddress says that a text is not a mailbox or path of RFC 5321.
var ErrBadAddress = errors.New("mail: not an address")

// Address is a mailbox of the envelope or of a header field.
//
// Local holds the local part without quoting. Exactly one of Domain and Literal
// is set, except for the null reverse-path (the zero Address) and for the
// domain-less "postmaster" of RFC 5321, Section 4.5.1.
type Address struct {
	Local   string
	Domain  Domain
	Literal netip.Addr // of an address literal: user@[192.0.2.1]
}

// IsNull reports whether a is the null reverse-path "<>".
func (a Address) IsNull() bool { return a.Local == "" && a.Domain == "" && !a.Literal.IsValid() }

// String serialises a in our own form, quoting the local part where RFC 5321
// needs it; the null reverse-path is "". The result never contains CR, LF or NUL.
func (a Address) String() string {
	local := a.Local
	if !isDotString(local) && !a.IsNull() {
		local = quote(local)
	}
	switch {
	case a.Literal.Is4():
		return local + "@[" + a.Literal.String() + "]"
	case a.Literal.IsValid():
		return local + "@[IPv6:" + a.Literal.String() + "]"
	case a.Domain != "":
		return local + "@" + string(a.Domain)
	}
	return local
}

// IsASCII reports whether a can be written without SMTPUTF8.
func (a Address) IsASCII() bool { return isASCII(a.Local) }

// ParsePath reads a path with its angle brackets from the start of s and
// returns what follows it. A source route is parsed and dropped (RFC 5321,
// Appendix C). "<>" gives the null Address. Non-ASCII local parts are accepted;
// whether SMTPUTF8 allows them is the caller's question.
func ParsePath(s string) (a Address, rest string, err error) {
	end := pathEnd(s)
	if end < 0 || end > maxPathOctets+2 {
		return Address{}, "", fmt.Errorf("%w: path %.80q", ErrBadAddress, s)
	}
	inner, rest := s[1:end], s[end+1:]
	if inner == "" {
		return Address{}, rest, nil
	}
	if inner[0] == '@' {
		if inner, err = dropRoute(inner); err != nil {
			return Address{}, "", err
		}
	}
	if a, err = ParseMailbox(inner); err != nil {
		return Address{}, "", err
	}
	// U-labels grow: what is passed on must fit as well as what came in.
	if len(a.String()) > maxPathOctets+1 {
		return Address{}, "", fmt.Errorf("%w: path %.80q too long with A-labels", ErrBadAddress, s)
	}
	return a, rest, nil
}

// pathEnd finds the ">" that closes the path at the start of s, skipping quoted
// strings; -1 if there is none.
func pathEnd(s string) int {
	if s == "" || s[0] != '<' {
		return -1
	}
	quoted := false
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '>' && !quoted:
			return i
		}
	}
	return -1
}

// dropRoute removes "@a,@b:" from the start of a path.
func dropRoute(s string) (string, error) {
	route, mailbox, ok := strings.Cut(s, ":")
	if !ok {
		return "", fmt.Errorf("%w: source route without mailbox", ErrBadAddress)
	}
	for hop := range strings.SplitSeq(route, ",") {
		if len(hop) < 2 || hop[0] != '@' {
			return "", fmt.Errorf("%w: source route %.80q", ErrBadAddress, route)
		}
		if _, err := ParseDomain(hop[1:]); err != nil {
			return "", fmt.Errorf("%w: source route %.80q", ErrBadAddress, route)
		}
	}
	return mailbox, nil
}

// ParseMailbox reads local-part "@" domain, or the bare word "postmaster".
func ParseMailbox(s string) (Address, error) {
	local, domain, err := splitLocal(s)
	if err != nil {
		return Address{}, err
	}
	if len(local) > maxLocalOctets || !utf8.ValidString(local) {
		return Address{}, fmt.Errorf("%w: local part %.80q", ErrBadAddress, local)
	}
	if domain == "" {
		if strings.EqualFold(local, "postmaster") && !strings.Contains(s, "@") {
			return Address{Local: local}, nil
		}
		return Address{}, fmt.Errorf("%w: no domain in %.80q", ErrBadAddress, s)
	}
	if domain[0] == '[' {
		ip, err := parseLiteral(domain)
		if err != nil {
			return Address{}, err
		}
		return Address{Local: local, Literal: ip}, nil
	}
	if strings.HasSuffix(domain, ".") {
		return Address{}, fmt.Errorf("%w: trailing dot in %.80q", ErrBadAddress, s)
	}
	d, err := ParseDomain(domain)
	if err != nil {
		return Address{}, fmt.Errorf("%w: %w", ErrBadAddress, err)
	}
	return Address{Local: local, Domain: d}, nil
}

// splitLocal takes the local part, unquoted, from the front of a mailbox.
func splitLocal(s string) (local, domain string, err error) {
	bad := func() (string, string, error) { return "", "", fmt.Errorf("%w: %.80q", ErrBadAddress, s) }
	if !strings.HasPrefix(s, `"`) {
		local, domain, _ = strings.Cut(s, "@")
		if !isDotString(local) {
			return bad()
		}
		return local, domain, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			if b.Len() == 0 || i+1 >= len(s) || s[i+1] != '@' {
				return bad()
			}
			return b.String(), s[i+2:], nil
		case c == '\\' && i+1 < len(s) && s[i+1] >= ' ' && s[i+1] < 0x7f:
			i++
			b.WriteByte(s[i])
		case c < ' ' || c == 0x7f || c == '\\':
			return bad()
		default:
			b.WriteByte(c)
		}
	}
	return bad()
}

// parseLiteral reads "[192.0.2.1]" or "[IPv6:2001:db8::1]". RFC 5321, Section 4.1.3.
func parseLiteral(s string) (netip.Addr, error) {
	inner, ok := strings.CutSuffix(strings.TrimPrefix(s, "["), "]")
	if ok {
		want6 := len(inner) > 5 && strings.EqualFold(inner[:5], "IPv6:")
		if want6 {
			inner = inner[5:]
		}
		if ip, err := netip.ParseAddr(inner); err == nil && ip.Zone() == "" && ip.Is4() != want6 {
			return ip, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%w: address literal %.80q", ErrBadAddress, s)
}

// isDotString reports whether s is a Dot-string of RFC 5321, Section 4.1.2,
// extended by RFC 6531 with non-ASCII characters.
func isDotString(s string) bool {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c == 0x7f || strings.IndexByte(`()<>[]:;@\,"`, c) >= 0 {
			return false
		}
	}
	return true
}

func quote(local string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(local); i++ {
		c := local[i]
		if c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		if c < ' ' || c == 0x7f {
			c = '?' // never parsed into an Address; kept out of lines all the same
		}
		b.WriteByte(c)
	}
	b.WriteByte('"')
	return b.String()
}
