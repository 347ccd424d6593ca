package provider

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
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
	// ValidUntil is the last day, inclusive, UTC, on which the source is
	// admitted; zero: no end.
	ValidUntil time.Time
	Origin     OriginMode
}

// Expired reports whether the last day of s is over at now.
func (s Source) Expired(now time.Time) bool {
	if s.ValidUntil.IsZero() {
		return false
	}
	y, m, d := s.ValidUntil.UTC().Date()
	return !now.Before(time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC))
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

// Set is a checked list of sources that finds the one an address belongs to.
// It does not change after NewSet and may be used from many goroutines.
type Set struct {
	sources []Source
	spans   []span // sorted, disjoint
}

// span is a run of addresses of one source, both ends included.
type span struct {
	first, last netip.Addr
	source      int
}

// NewSet checks sources and completes what the catalogue knows: Origin becomes
// OriginTrace where it is empty, and ReceivedBy that of the provider.
//
// It refuses a source without name or range, a name used twice, an unknown
// provider or mode, a range that is none, and ranges of two sources that
// overlap, because the order of the file must not decide who somebody is.
func NewSet(sources []Source) (*Set, error) {
	set := &Set{sources: slices.Clone(sources)}
	seen := make(map[string]bool, len(sources))
	for i := range set.sources {
		s := &set.sources[i]
		if err := complete(s); err != nil {
			return nil, err
		}
		if seen[s.Name] {
			return nil, fmt.Errorf("%w: name %q is used twice: expected a name of its own for each source", ErrBadSource, s.Name)
		}
		seen[s.Name] = true
		for _, p := range s.Ranges {
			set.spans = append(set.spans, span{p.Addr(), lastAddr(p), i})
		}
	}
	if err := set.join(); err != nil {
		return nil, err
	}
	return set, nil
}

// complete checks one source on its own and fills in its defaults.
func complete(s *Source) error {
	bad := func(key, value, expected string) error {
		return fmt.Errorf("%w: source %q: %s is %s: expected %s", ErrBadSource, s.Name, key, value, expected)
	}
	if strings.TrimSpace(s.Name) == "" {
		return bad("name", fmt.Sprintf("%q", s.Name), "a short name for logs and reports")
	}
	switch s.Origin {
	case "":
		s.Origin = OriginTrace
	case OriginTrace, OriginPeer:
	default:
		return bad("origin", fmt.Sprintf("%q", s.Origin), `"trace" or "peer"`)
	}
	if s.Provider != "" {
		e, ok := Lookup(s.Provider)
		if !ok {
			return bad("provider", fmt.Sprintf("%q", s.Provider), "none, or one of "+strings.Join(IDs(), ", "))
		}
		if len(s.ReceivedBy) == 0 {
			s.ReceivedBy = e.ReceivedBySuffixes
		}
	}
	if len(s.Ranges) == 0 {
		return bad("ranges", "empty", "at least one network, such as 192.0.2.0/24; the catalogue's ranges admit nobody until they are written here")
	}
	for _, p := range s.Ranges {
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
			return bad("ranges", p.String(), "a network such as 192.0.2.0/24 or 2001:db8::/32")
		}
		least := minTraceBits6
		if p.Addr().Is4() {
			least = minTraceBits4
		}
		if s.Origin == OriginTrace && p.Bits() < least {
			return bad("ranges", p.String(), fmt.Sprintf(`at least /%d where the trace is believed, or origin = "peer"`, least))
		}
	}
	return nil
}

// join sorts the spans and merges those of one source; spans of two sources
// that share an address are an error that names both.
func (x *Set) join() error {
	slices.SortFunc(x.spans, func(a, b span) int { return a.first.Compare(b.first) })
	joined := x.spans[:0]
	for _, s := range x.spans {
		if len(joined) == 0 || joined[len(joined)-1].last.Less(s.first) {
			joined = append(joined, s)
			continue
		}
		before := &joined[len(joined)-1]
		if before.source != s.source {
			return x.overlap(before.source, s.source)
		}
		if before.last.Less(s.last) {
			before.last = s.last
		}
	}
	x.spans = joined
	return nil
}

// overlap names the first two ranges of sources i and j that meet.
func (x *Set) overlap(i, j int) error {
	a, b := x.sources[min(i, j)], x.sources[max(i, j)]
	for _, p := range a.Ranges {
		for _, q := range b.Ranges {
			if p.Overlaps(q) {
				return fmt.Errorf("%w: %s of source %q and %s of source %q: expected each address in one source only",
					ErrOverlap, p, a.Name, q, b.Name)
			}
		}
	}
	panic("provider: overlapping spans without overlapping ranges")
}

// lastAddr returns the highest address of p.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := range b {
		if free := 8*(i+1) - p.Bits(); free >= 8 {
			b[i] = 0xff
		} else if free > 0 {
			b[i] |= 1<<free - 1
		}
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// Match returns the source that addr belongs to. An IPv4-mapped address is
// taken as the IPv4 address it is; one with a zone belongs to nobody.
func (x *Set) Match(addr netip.Addr) (Source, bool) {
	if !addr.IsValid() || addr.Zone() != "" {
		return Source{}, false
	}
	addr = addr.Unmap()
	low, high := 0, len(x.spans)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if x.spans[mid].last.Less(addr) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == len(x.spans) || addr.Less(x.spans[low].first) {
		return Source{}, false
	}
	return x.sources[x.spans[low].source], true
}

// Named returns the source with the given name.
func (x *Set) Named(name string) (Source, bool) {
	for _, s := range x.sources {
		if s.Name == name {
			return s, true
		}
	}
	return Source{}, false
}

// All returns the sources in the order in which they were given.
func (x *Set) All() []Source { return slices.Clone(x.sources) }
