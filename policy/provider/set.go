package provider

import (
	"fmt"
	"net/netip"
	"slices"
)

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
