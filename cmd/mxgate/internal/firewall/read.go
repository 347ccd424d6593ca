package firewall

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mxgate/policy/provider/ranges"
)

// MaxReadOctets bounds a text that Read reads, maxReadRanges what is in it.
const (
	MaxReadOctets = 16 << 20
	maxReadRanges = 100_000
)

// ErrUnreadable is wrapped by what Read says of a text.
var ErrUnreadable = errors.New("firewall: rules cannot be read")

// Read finds the addresses in rules: in a file of any format of this package, or
// in what a firewall shows of one list, as `nft list set`, `ipset list`, `pfctl -T
// show` and Get-NetFirewallAddressFilter do.
//
// It knows no rule from another: each address, each range (192.0.2.0/24,
// 192.0.2.0/255.255.255.0) and each run (192.0.2.1-192.0.2.9) outside a comment
// (#, rem) counts as admitted. So it is for a list, not for a whole configuration.
// A range with host bits counts as the network. What begins as a range and is
// none is an error with its line: it must not go missing in a comparison.
func Read(text []byte) ([]netip.Prefix, error) {
	if len(text) > MaxReadOctets {
		return nil, fmt.Errorf("%w: %d octets: expected at most %d", ErrUnreadable, len(text), MaxReadOctets)
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("%w: a NUL octet: expected text in UTF-8 (PowerShell: Out-File -Encoding utf8)", ErrUnreadable)
	}
	var list []netip.Prefix
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line, _, _ = strings.Cut(line, "#")
		if first, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.EqualFold(first, "rem") {
			continue
		}
		for word := range strings.FieldsFuncSeq(line, isNoAddress) {
			found, err := readWord(word)
			if err != nil {
				return nil, fmt.Errorf("%w: line %d: %.80q: %w", ErrUnreadable, number, word, err)
			}
			if list = append(list, found...); len(list) > maxReadRanges {
				return nil, fmt.Errorf("%w: line %d: expected at most %d ranges", ErrUnreadable, number, maxReadRanges)
			}
		}
	}
	return list, nil
}

// isNoAddress reports whether r ends what may be an address, a range or a run.
func isNoAddress(r rune) bool {
	switch {
	case r >= '0' && r <= '9', r >= 'a' && r <= 'f', r >= 'A' && r <= 'F', r == '.', r == ':', r == '/', r == '-':
		return false
	}
	return true
}

// readWord returns the ranges of one word; none, if it is no address at all.
func readWord(word string) ([]netip.Prefix, error) {
	word = strings.TrimRight(word, ".:") // of a sentence
	if first, last, ok := strings.Cut(word, "-"); ok {
		return readRun(first, last)
	}
	host, bits, isRange := strings.Cut(word, "/")
	addr, err := netip.ParseAddr(host)
	if err != nil || !isRange && addr.IsUnspecified() { // "::" alone is syntax of many languages
		return nil, nil
	}
	if !isRange {
		addr = addr.Unmap()
		return []netip.Prefix{netip.PrefixFrom(addr, addr.BitLen())}, nil
	}
	if p, err := netip.ParsePrefix(word); err == nil && !addr.Is4In6() {
		return []netip.Prefix{p.Masked()}, nil
	}
	if mask, err := netip.ParseAddr(bits); err == nil && mask.Is4() && addr.Is4() {
		for n := range 33 {
			if p := netip.PrefixFrom(addr, n); maskOf(n) == mask.As4() {
				return []netip.Prefix{p.Masked()}, nil
			}
		}
	}
	return nil, errors.New("expected a range such as 192.0.2.0/24 or 2001:db8::/32")
}

// maskOf is the netmask of n bits.
func maskOf(n int) [4]byte {
	mask := uint32(0xffffffff) << (32 - n)
	return [4]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)}
}

// readRun reads "192.0.2.1-192.0.2.9". Words with a hyphen that are no run, such
// as dates, are nothing.
func readRun(first, last string) ([]netip.Prefix, error) {
	a, err := netip.ParseAddr(first)
	if err != nil {
		return nil, nil
	}
	b, err := netip.ParseAddr(last)
	if err != nil || a.Unmap().Is4() != b.Unmap().Is4() || b.Unmap().Less(a.Unmap()) {
		return nil, errors.New("expected a run such as 192.0.2.1-192.0.2.9")
	}
	return run(a.Unmap(), b.Unmap()), nil
}

// run is the addresses from a to b, which is not less, as the fewest ranges.
func run(a, b netip.Addr) []netip.Prefix {
	beyond := b.Next() // not valid behind the last address of a family
	var list []netip.Prefix
	for {
		p := netip.PrefixFrom(a, a.BitLen())
		for p.Bits() > 0 {
			wider := netip.PrefixFrom(a, p.Bits()-1)
			if wider.Masked().Addr() != a || wider.Contains(beyond) {
				break
			}
			p = wider
		}
		list = append(list, p)
		if p.Contains(b) {
			return list
		}
		a = behind(p)
	}
}

// behind is the address behind the last of p: p's bits, counted up by one.
func behind(p netip.Prefix) netip.Addr {
	octets := p.Addr().AsSlice()
	for bit := p.Bits() - 1; bit >= 0; bit-- {
		octets[bit/8] ^= 1 << (7 - bit%8)
		if octets[bit/8]&(1<<(7-bit%8)) != 0 {
			break // no carry
		}
	}
	addr, _ := netip.AddrFromSlice(octets)
	return addr
}

// Change is one range in which rules and list differ.
type Change struct {
	Range netip.Prefix
	Added bool   // the list admits it, the rules do not; otherwise the reverse
	Who   string // the entry of the list, or whose range it was
}

// Compare tells what loading l in place of rules with the given ranges changes,
// by address: the same addresses cut into other ranges are no change. Additions
// come first, both in the order of their addresses.
func Compare(before []netip.Prefix, l *List) []Change {
	var is []netip.Prefix
	var changes []Change
	for _, e := range l.Entries {
		is = append(is, e.Range)
		var there []netip.Prefix
		for _, p := range before {
			if p.Overlaps(e.Range) {
				there = append(there, p)
			}
		}
		for _, p := range ranges.Subtract([]netip.Prefix{e.Range}, there) {
			changes = append(changes, Change{Range: p, Added: true, Who: e.Comment()})
		}
	}
	for _, p := range ranges.Subtract(before, is) {
		changes = append(changes, Change{Range: p, Who: l.whose(p)})
	}
	return changes
}

// whose names the source that a range no longer on the list belongs to.
func (l *List) whose(p netip.Prefix) string {
	for _, s := range l.Over {
		if slices.ContainsFunc(s.Ranges, p.Overlaps) {
			return label(s.Name) + ", over since " + s.OverSince().Format(time.DateOnly)
		}
	}
	for _, s := range l.Coming {
		if slices.ContainsFunc(s.Ranges, p.Overlaps) {
			return label(s.Name) + ", which begins on " + s.ValidFrom.UTC().Format(time.DateOnly)
		}
	}
	return "no source of the configuration"
}
