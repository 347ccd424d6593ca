package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mxgate/policy/provider"
	"mxgate/policy/provider/ranges"
)

// Errors of Build. The text that wraps them names what is meant.
var (
	ErrEmpty   = errors.New("firewall: nobody would be admitted")
	ErrTooWide = errors.New("firewall: range is too wide")
	ErrPorts   = errors.New("firewall: not usable ports")
)

// Shortest prefixes on a list: a wider one is a slip of the pen that opens the
// port to a large part of the Internet. TRACE.md, Section 9.
const (
	minBits4 = 11
	minBits6 = 29
)

// maxPorts is what one match of iptables holds. iptables-extensions(8), multiport.
const maxPorts = 15

// keptOpen are the ports by which administrators come in.
var keptOpen = map[uint16]string{22: "SSH", 3389: "remote desktop", 5985: "WinRM", 5986: "WinRM"}

// Options say what a list is for.
type Options struct {
	Now   time.Time
	Ports []uint16 // TCP ports that are closed to all others, 1 to 15 of them
	Wide  bool     // admit ranges shorter than /11 (IPv4) or /29 (IPv6)
}

// Entry is one range that is admitted, with where it comes from.
type Entry struct {
	Range    netip.Prefix
	Source   string    // name of the source
	Provider string    // id in the catalogue; may be empty
	Stated   string    // what the catalogue says of the range: "vendor-json 2026-08-11"
	Until    time.Time // last day, inclusive, UTC; zero: no end
}

// List is who may connect. Build makes it.
type List struct {
	Entries []Entry // sorted by address, IPv4 first; no two share an address
	Ports   []uint16
	// Over and Coming are the sources that are not on the list, because their
	// last day is over, or because their first is to come.
	Over, Coming []provider.Source
}

// Build makes the list of the sources that are admitted at o.Now.
//
// Ranges that touch become one where source, last day and what the catalogue
// states are the same. An address of two sources counts for the one that ends
// later. A list without a range is ErrEmpty, whatever the options say: who wants
// to close the port to everybody needs no list. A range that is too wide is
// ErrTooWide, unless o.Wide.
func Build(sources []provider.Source, o Options) (*List, error) {
	l := &List{Ports: slices.Clone(o.Ports)}
	slices.Sort(l.Ports)
	l.Ports = slices.Compact(l.Ports)
	if n := len(l.Ports); n == 0 || n > maxPorts || l.Ports[0] == 0 {
		return nil, fmt.Errorf("%w: %d of them: expected 1 to %d ports from 1 to 65535", ErrPorts, n, maxPorts)
	}
	for _, p := range l.Ports {
		if name := keptOpen[p]; name != "" {
			return nil, fmt.Errorf("%w: %d (%s): closing it would keep you out", ErrPorts, p, name)
		}
	}
	var groups []group
	for _, s := range sources {
		switch {
		case s.Expired(o.Now):
			l.Over = append(l.Over, s)
		case s.NotYet(o.Now):
			l.Coming = append(l.Coming, s)
		default:
			groups = append(groups, groupsOf(s)...)
		}
	}
	// Who has no end comes first, so that a shorter-lived source never takes
	// an address away from it.
	slices.SortStableFunc(groups, func(a, b group) int { return laterFirst(a.Until, b.Until) })
	var taken []netip.Prefix
	for _, g := range groups {
		all := ranges.Join(g.ranges)
		// Before another source takes its part: that would cut the range smaller.
		if wide := slices.IndexFunc(all, tooWide); wide >= 0 && !o.Wide {
			return nil, fmt.Errorf("%w: %s of source %.80q: expected at least /%d for IPv4 and /%d for IPv6", ErrTooWide, all[wide], g.Source, minBits4, minBits6)
		}
		for _, p := range ranges.Subtract(all, taken) {
			e := g.Entry
			e.Range = p
			l.Entries, taken = append(l.Entries, e), append(taken, p)
		}
	}
	if len(l.Entries) == 0 {
		return nil, fmt.Errorf("%w: no source is admitted today (over: %s; to come: %s): expected at least one", ErrEmpty, names(l.Over), names(l.Coming))
	}
	slices.SortFunc(l.Entries, func(a, b Entry) int { return a.Range.Addr().Compare(b.Range.Addr()) })
	return l, nil
}

func tooWide(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() < minBits4
	}
	return p.Bits() < minBits6
}

// laterFirst orders ends; no end is the latest.
func laterFirst(a, b time.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return -1
	case b.IsZero():
		return 1
	}
	return b.Compare(a)
}

func names(sources []provider.Source) string {
	if len(sources) == 0 {
		return "none"
	}
	var all []string
	for _, s := range sources {
		all = append(all, fmt.Sprintf("%.80q", s.Name))
	}
	return strings.Join(all, ", ")
}

// group is the ranges of one source of which the catalogue says the same.
type group struct {
	Entry  // Range is not set
	ranges []netip.Prefix
}

func groupsOf(s provider.Source) []group {
	var groups []group
	for i, p := range s.Ranges {
		if slices.ContainsFunc(s.Ranges[:i], func(q netip.Prefix) bool { return covers(q, p) }) ||
			slices.ContainsFunc(s.Ranges[i+1:], func(q netip.Prefix) bool { return q != p && covers(q, p) }) {
			continue // a wider range of the same source has it
		}
		said := stated(s.Provider, p)
		at := slices.IndexFunc(groups, func(g group) bool { return g.Stated == said })
		if at < 0 {
			at = len(groups)
			groups = append(groups, group{Entry: Entry{Source: s.Name, Provider: s.Provider, Stated: said, Until: s.ValidUntil}})
		}
		groups[at].ranges = append(groups[at].ranges, p)
	}
	return groups
}

// covers reports whether all of p is in q.
func covers(q, p netip.Prefix) bool { return q.Bits() <= p.Bits() && q.Contains(p.Addr()) }

// statuses of the catalogue, the best first.
var statuses = []string{"vendor-doc", "vendor-json", "vendor-mirror", "spf-snapshot", "third-party"}

// stated is the best that the catalogue says of range p of a provider.
func stated(id string, p netip.Prefix) string {
	entry, ok := provider.Lookup(id)
	if !ok {
		return "written by hand"
	}
	part := ""
	for _, status := range statuses {
		for _, s := range entry.Ranges {
			if s.Status != status {
				continue
			}
			what := s.Status + " " + s.AsOf
			if len(ranges.Subtract([]netip.Prefix{p}, s.List)) == 0 {
				return what
			}
			if part == "" && slices.ContainsFunc(s.List, p.Overlaps) {
				part = "in part " + what
			}
		}
	}
	if part == "" {
		return "not in the catalogue"
	}
	return part
}

// maxLabel bounds a name in a comment: nftables takes 128 octets of comment.
const maxLabel = 40

// label is a name as it stands in a file: letters, digits and a few signs that no
// firewall's language and no shell knows. Nothing in it reads as an address, so
// that Read finds none in a comment.
func label(name string) string {
	plain := func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == ' ':
			return r
		}
		return '-'
	}
	name = strings.Map(plain, name)
	return name[:min(len(name), maxLabel)]
}

// Comment says in one line where e comes from; it needs no quoting anywhere.
func (e Entry) Comment() string {
	text := label(e.Source)
	if e.Provider != "" {
		text += " (" + label(e.Provider) + ")"
	}
	text += ", " + e.Stated
	if !e.Until.IsZero() {
		text += ", until " + e.Until.UTC().Format(time.DateOnly)
	}
	return text
}

// of returns the entries of one family.
func (l *List) of(four bool) []Entry {
	var some []Entry
	for _, e := range l.Entries {
		if e.Range.Addr().Is4() == four {
			some = append(some, e)
		}
	}
	return some
}

// ports writes the ports with a separator between them.
func (l *List) ports(separator string) string {
	var all []string
	for _, p := range l.Ports {
		all = append(all, fmt.Sprint(p))
	}
	return strings.Join(all, separator)
}
