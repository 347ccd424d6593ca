package provider

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"mxgate/policy/provider/ranges"
)

// Errors of NewSet and ParseRange. The text that wraps them names the source,
// the value and what was expected.
var (
	ErrBadRange  = errors.New("provider: not a usable range")
	ErrBadSource = errors.New("provider: not a usable source")
	ErrOverlap   = errors.New("provider: sources overlap")
)

// Shortest prefixes of a source whose Received fields we believe. A wider one
// is a slip of the pen that would let strangers write their own trace.
const (
	minTraceBits4 = 8
	minTraceBits6 = 16
)

// OriginMode says who the origin of a source's messages is.
type OriginMode string

// The modes. The zero OriginMode is OriginTrace.
const (
	OriginTrace OriginMode = "trace" // whoever handed the message to the provider
	OriginPeer  OriginMode = "peer"  // the peer itself: a partner, or use as the MX
)

// Source is a party that may deliver to us, as the operator configured it.
type Source struct {
	Name       string
	Provider   string // id in the catalogue; may be empty
	Ranges     []netip.Prefix
	ReceivedBy []string // suffixes of the hosts whose Received fields we believe
	// ValidFrom and ValidUntil are the first and the last day, inclusive, UTC,
	// on which the source is admitted; zero: no begin, no end.
	ValidFrom, ValidUntil time.Time
	Origin                OriginMode
	// Tenant is the name under which the provider knows us, as it stands in the
	// fields that the catalogue's TenantDiscriminators name; may be empty.
	Tenant string
	// Bind tells our tenant from the provider's other customers, who deliver
	// from the same ranges: each kind once, and a message must meet all.
	Bind []Binding
	// Published is where the provider publishes the ranges it delivers from,
	// the best place first. They are compared with Ranges and admit nobody.
	Published []ranges.Place
}

// NotYet reports whether the first day of s is still to come at now.
func (s Source) NotYet(now time.Time) bool {
	return !s.ValidFrom.IsZero() && now.Before(midnight(s.ValidFrom, 0))
}

// OverSince is the first day on which s is not admitted any more: the one behind
// ValidUntil, 00:00 UTC. It has no meaning without that.
func (s Source) OverSince() time.Time { return midnight(s.ValidUntil, 1) }

// Expired reports whether the last day of s is over at now.
func (s Source) Expired(now time.Time) bool {
	return !s.ValidUntil.IsZero() && !now.Before(s.OverSince())
}

// midnight is when the UTC day of t, or one some days later, begins.
func midnight(t time.Time, days int) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d+days, 0, 0, 0, 0, time.UTC)
}

// ParseRange reads "192.0.2.0/24", "2001:db8::/32" or a single address.
//
// Host bits, a zone and an IPv4-mapped address are refused with ErrBadRange:
// each of them means that the operator had another range in mind.
func ParseRange(text string) (netip.Prefix, error) {
	bad := func(expected string) (netip.Prefix, error) {
		return netip.Prefix{}, fmt.Errorf("%w: %.80q: expected %s", ErrBadRange, text, expected)
	}
	const example = "a network such as 192.0.2.0/24 or 2001:db8::/32"
	p, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return bad(example)
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	switch {
	case p.Addr().Is4In6():
		return bad("the IPv4 form, such as 192.0.2.0/24")
	case p != p.Masked():
		return bad(fmt.Sprintf("no bits behind the prefix: %s, or one address as %s", p.Masked(), p.Addr()))
	}
	return p, nil
}

// bad says which value of s cannot be used, and what was expected.
func (s *Source) bad(key, value, expected string) error {
	return fmt.Errorf("%w: source %q: %s is %s: expected %s", ErrBadSource, s.Name, key, value, expected)
}

// complete checks one source on its own and fills in its defaults.
func complete(s *Source) error {
	if strings.TrimSpace(s.Name) == "" {
		return s.bad("name", fmt.Sprintf("%q", s.Name), "a short name for logs and reports")
	}
	switch s.Origin {
	case "":
		s.Origin = OriginTrace
	case OriginTrace, OriginPeer:
	default:
		return s.bad("origin", fmt.Sprintf("%q", s.Origin), `"trace" or "peer"`)
	}
	if s.Provider != "" {
		e, ok := Lookup(s.Provider)
		if !ok {
			return s.bad("provider", fmt.Sprintf("%q", s.Provider), "none, or one of "+strings.Join(IDs(), ", "))
		}
		if len(s.ReceivedBy) == 0 {
			s.ReceivedBy = e.ReceivedBySuffixes
		}
		if len(s.Published) == 0 {
			s.Published = e.Published()
		}
	}
	if !s.ValidFrom.IsZero() && s.Expired(midnight(s.ValidFrom, 0)) {
		return s.bad("valid_until", s.ValidUntil.UTC().Format(time.DateOnly), "a day not before valid_from, "+s.ValidFrom.UTC().Format(time.DateOnly))
	}
	if err := s.checkRanges(); err != nil {
		return err
	}
	return s.checkBindings()
}

// checkRanges refuses what nobody can mean.
func (s *Source) checkRanges() error {
	if len(s.Ranges) == 0 {
		return s.bad("ranges", "empty", "at least one network, such as 192.0.2.0/24; the catalogue's ranges admit nobody until they are written here")
	}
	for _, p := range s.Ranges {
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
			return s.bad("ranges", p.String(), "a network such as 192.0.2.0/24 or 2001:db8::/32")
		}
		least := minTraceBits6
		if p.Addr().Is4() {
			least = minTraceBits4
		}
		if s.Origin == OriginTrace && p.Bits() < least {
			return s.bad("ranges", p.String(), fmt.Sprintf(`at least /%d where the trace is believed, or origin = "peer"`, least))
		}
	}
	return nil
}
