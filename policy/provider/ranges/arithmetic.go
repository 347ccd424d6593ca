package ranges

import (
	"math"
	"net/netip"
	"slices"
)

// span is a run of addresses of one family, both ends included.
type span struct{ first, last netip.Addr }

// Join writes the addresses of list as the fewest ranges, sorted.
func Join(list []netip.Prefix) []netip.Prefix { return prefixesOf(spansOf(list)) }

// Subtract returns what is in a and not in b, as the fewest ranges, sorted.
func Subtract(a, b []netip.Prefix) []netip.Prefix {
	var left []span
	without := spansOf(b)
	for _, s := range spansOf(a) {
		for len(without) > 0 && without[0].last.Less(s.first) {
			without = without[1:]
		}
		whole := false // the rest of s is in b
		for _, t := range without {
			if s.last.Less(t.first) {
				break
			}
			if s.first.Less(t.first) {
				left = append(left, span{s.first, t.first.Prev()})
			}
			if whole = !t.last.Less(s.last); whole {
				break
			}
			s.first = t.last.Next()
		}
		if !whole {
			left = append(left, s)
		}
	}
	return prefixesOf(left)
}

// size counts the addresses of the ranges of one family that share none.
func size(list []netip.Prefix, four bool) float64 {
	sum := 0.0
	for _, p := range list {
		if p.Addr().Is4() == four {
			sum += math.Exp2(float64(p.Addr().BitLen() - p.Bits()))
		}
	}
	return sum
}

// spansOf returns the addresses of list as sorted runs that neither overlap nor
// touch.
func spansOf(list []netip.Prefix) []span {
	spans := make([]span, 0, len(list))
	for _, p := range list {
		spans = append(spans, span{p.Masked().Addr(), lastAddr(p)})
	}
	slices.SortFunc(spans, func(a, b span) int { return a.first.Compare(b.first) })
	joined := spans[:0]
	for _, s := range spans {
		n := len(joined) - 1
		if n < 0 || joined[n].before(s) {
			joined = append(joined, s)
		} else if joined[n].last.Less(s.last) {
			joined[n].last = s.last
		}
	}
	return joined
}

// before reports whether an address, or the border of the families, lies between
// s and a t that does not begin before s.
func (s span) before(t span) bool {
	return s.first.Is4() != t.first.Is4() || s.last.Less(t.first) && s.last.Next() != t.first
}

// prefixesOf writes spans as the fewest ranges.
func prefixesOf(spans []span) []netip.Prefix {
	var list []netip.Prefix
	for _, s := range spans {
		for first := s.first; first.IsValid() && !s.last.Less(first); {
			p := netip.PrefixFrom(first, first.BitLen())
			for p.Bits() > 0 {
				wider := netip.PrefixFrom(first, p.Bits()-1)
				if wider.Masked().Addr() != first || s.last.Less(lastAddr(wider)) {
					break
				}
				p = wider
			}
			list = append(list, p)
			first = lastAddr(p).Next()
		}
	}
	return list
}

// lastAddr returns the highest address of p.
func lastAddr(p netip.Prefix) netip.Addr {
	octets := p.Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(octets); bit++ {
		octets[bit/8] |= 1 << (7 - bit%8)
	}
	last, _ := netip.AddrFromSlice(octets)
	return last
}
