package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mxgate/policy/provider"
)

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

func source(name, id string, until string, ranges ...string) provider.Source {
	s := provider.Source{Name: name, Provider: id}
	if until != "" {
		s.ValidUntil = day(until)
	}
	for _, r := range ranges {
		s.Ranges = append(s.Ranges, netip.MustParsePrefix(r))
	}
	return s
}

func build(t *testing.T, sources ...provider.Source) *List {
	t.Helper()
	l, err := Build(sources, Options{Now: now, Ports: []uint16{25}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// shownAs is the list in short: a line for each entry.
func shownAs(l *List) string {
	var b strings.Builder
	for _, e := range l.Entries {
		fmt.Fprintf(&b, "%s %s\n", e.Range, e.Comment())
	}
	return b.String()
}

func TestTheListIsAggregatedSortedAndSaysWhereItComesFrom(t *testing.T) {
	l := build(t,
		source("six first", "", "", "2001:db8:1::/48", "2001:db8::/48"),
		source("current", "microsoft365", "", "40.92.0.0/16", "40.93.0.0/16", "40.93.7.0/24", "52.101.0.0/16", "198.51.100.0/25", "2a01:111:f000::/36", "40.92.0.0/16"),
		source("leaving", "proofpoint", "2026-11-22", "192.0.2.0/25", "192.0.2.128/25"),
		source("left", "", "2026-11-21", "203.0.113.0/24"),
	)
	want := `40.92.0.0/15 current (microsoft365), vendor-json 2026-08-11
52.101.0.0/16 current (microsoft365), third-party 2025-10-16
192.0.2.0/24 leaving (proofpoint), not in the catalogue, until 2026-11-22
198.51.100.0/25 current (microsoft365), not in the catalogue
2001:db8::/47 six first, written by hand
2a01:111:f000::/36 current (microsoft365), in part vendor-json 2026-08-11
`
	if got := shownAs(l); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if len(l.Over) != 1 || l.Over[0].Name != "left" {
		t.Errorf("over: %v", l.Over)
	}
}

// Two sources with the same address are refused elsewhere today. If that changes
// the longer stay decides, and no address stands twice: nft refuses such a set.
func TestAnAddressOfTwoSourcesStaysAsLongAsTheLonger(t *testing.T) {
	l := build(t,
		source("short", "", "2026-12-31", "192.0.2.0/24", "198.51.100.0/24"),
		source("endless", "", "", "192.0.2.64/26"),
		source("longer", "", "2027-12-31", "198.51.100.0/24"),
	)
	want := `192.0.2.0/26 short, written by hand, until 2026-12-31
192.0.2.64/26 endless, written by hand
192.0.2.128/25 short, written by hand, until 2026-12-31
198.51.100.0/24 longer, written by hand, until 2027-12-31
`
	if got := shownAs(l); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestAnUnsafeListIsRefused(t *testing.T) {
	fine := source("fine", "", "", "192.0.2.0/24")
	for _, c := range []struct {
		name    string
		sources []provider.Source
		ports   []uint16
		wide    bool
		want    error
		says    string
	}{
		{"nobody", nil, []uint16{25}, true, ErrEmpty, "over: none; to come: none"},
		{"all over, even by force", []provider.Source{source("old", "", "2026-11-21", "192.0.2.0/24")}, []uint16{25}, true, ErrEmpty, `over: "old"`},
		{"everybody, IPv4", []provider.Source{fine, source("all", "", "", "0.0.0.0/0")}, []uint16{25}, false, ErrTooWide, `0.0.0.0/0 of source "all"`},
		{"everybody, IPv6", []provider.Source{fine, source("all", "", "", "::/0")}, []uint16{25}, false, ErrTooWide, "::/0"},
		{"/10", []provider.Source{source("wide", "", "", "100.64.0.0/10")}, []uint16{25}, false, ErrTooWide, "100.64.0.0/10"},
		{"/11", []provider.Source{source("wide", "", "", "100.64.0.0/11")}, []uint16{25}, false, nil, ""},
		{"two /11 that touch", []provider.Source{source("wide", "", "", "100.64.0.0/11", "100.96.0.0/11")}, []uint16{25}, false, ErrTooWide, "100.64.0.0/10"},
		{"/28", []provider.Source{source("wide", "", "", "2001:db0::/28")}, []uint16{25}, false, ErrTooWide, "2001:db0::/28"},
		{"/29", []provider.Source{source("wide", "", "", "2001:db8::/29")}, []uint16{25}, false, nil, ""},
		{"everybody, by force", []provider.Source{source("all", "", "", "0.0.0.0/0")}, []uint16{25}, true, nil, ""},
		{"no port", []provider.Source{fine}, nil, false, ErrPorts, "0 of them"},
		{"port 0", []provider.Source{fine}, []uint16{25, 0}, false, ErrPorts, "1 to 65535"},
		{"the way in", []provider.Source{fine}, []uint16{22, 25}, true, ErrPorts, "22 (SSH): closing it would keep you out"},
		{"16 ports", []provider.Source{fine}, []uint16{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, false, ErrPorts, "16 of them"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := Build(c.sources, Options{Now: now, Ports: c.ports, Wide: c.wide})
			if !errors.Is(err, c.want) || err != nil && (l != nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v, %v, want %v with %q", l, err, c.want, c.says)
			}
		})
	}
}

func TestPortsAreSortedAndStandOnce(t *testing.T) {
	l, err := Build([]provider.Source{source("a", "", "", "192.0.2.0/24")}, Options{Now: now, Ports: []uint16{465, 25, 465}})
	if err != nil || l.ports(",") != "25,465" {
		t.Errorf("%v, %v", l, err)
	}
}

// hostile is a name that would be a command, a rule or an address.
const hostile = "x\"; $(reboot) `id` %PATH% 10.9.9.9/32 ::1\nadd rule inet mxgate smtp accept\r\nEND\n'"

func TestANameCannotLeaveItsComment(t *testing.T) {
	l := build(t, source(hostile, "", "", "192.0.2.0/24"))
	comment := l.Entries[0].Comment()
	if strings.ContainsAny(comment, "\"'`$%;\n\r\\/:.&|<>") || !strings.HasPrefix(comment, "x--") {
		t.Errorf("%q", comment)
	}
	if longest := build(t, source(strings.Repeat("ü", 300), "cloudflare-email-security", "2026-12-31", "192.0.2.0/24")); len(longest.Entries[0].Comment()) > 128 {
		t.Errorf("%d octets; nft takes 128", len(longest.Entries[0].Comment()))
	}
}

func TestASourceToComeIsNotOnTheList(t *testing.T) {
	s := source("to come", "", "", "192.0.2.0/24")
	s.ValidFrom = day("2026-11-23")
	l := build(t, source("current", "", "", "198.51.100.0/24"), s)
	if len(l.Entries) != 1 || l.Entries[0].Source != "current" || len(l.Coming) != 1 {
		t.Errorf("%s%v", shownAs(l), l.Coming)
	}
	if s.ValidFrom = day("2026-11-22"); len(build(t, s).Entries) != 1 {
		t.Error("a source is missing on its first day")
	}
	if notes := strings.Join(formats[0].Notes(l), "\n"); !strings.Contains(notes, `source "to come" begins on 2026-11-23 and is not on the list`) {
		t.Error(notes)
	}
	if changes := Compare([]netip.Prefix{s.Ranges[0], l.Entries[0].Range}, l); len(changes) != 1 || changes[0].Who != "to come, which begins on 2026-11-23" {
		t.Errorf("%v", changes)
	}
}
