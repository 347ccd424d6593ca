package provider

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// describe returns the text of err, with the position and key for TOML.
func describe(err error) string {
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		return strict.String()
	}
	return err.Error()
}

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, s := range texts {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

func TestNewSetRefusesWhatAnOperatorCannotMean(t *testing.T) {
	good := Source{Name: "ours", Ranges: prefixes("192.0.2.0/24")}
	with := func(change func(*Source)) []Source {
		s := good
		change(&s)
		return []Source{s}
	}
	for _, c := range []struct {
		name    string
		sources []Source
		is      error
		want    []string // parts of the text
	}{
		{"no name", with(func(s *Source) { s.Name = " " }), ErrBadSource, []string{"name", "expected a short name"}},
		{"no range", with(func(s *Source) { s.Ranges = nil }), ErrBadSource, []string{`"ours"`, "ranges is empty", "192.0.2.0/24"}},
		{"no range, although the catalogue has some", with(func(s *Source) { s.Ranges, s.Provider = nil, "microsoft365" }), ErrBadSource, []string{"admit nobody"}},
		{"a range that is none", with(func(s *Source) { s.Ranges = append(s.Ranges, netip.Prefix{}) }), ErrBadSource, []string{"invalid Prefix"}},
		{"host bits", with(func(s *Source) { s.Ranges = prefixes("192.0.2.1/24") }), ErrBadSource, []string{"192.0.2.1/24"}},
		{"an IPv4-mapped range", with(func(s *Source) { s.Ranges = []netip.Prefix{netip.MustParsePrefix("::ffff:192.0.2.0/120")} }), ErrBadSource, []string{"::ffff:192.0.2.0/120"}},
		{"the whole Internet with a trace", with(func(s *Source) { s.Ranges = prefixes("0.0.0.0/0") }), ErrBadSource, []string{"0.0.0.0/0", "at least /8", `"peer"`}},
		{"half of IPv6 with a trace", with(func(s *Source) { s.Ranges = prefixes("8000::/1") }), ErrBadSource, []string{"8000::/1", "at least /16"}},
		{"unknown provider", with(func(s *Source) { s.Provider = "profpoint" }), ErrBadSource, []string{`"ours"`, `provider is "profpoint"`, "proofpoint-essentials"}},
		{"unknown mode", with(func(s *Source) { s.Origin = "header" }), ErrBadSource, []string{`origin is "header"`, `"trace" or "peer"`}},
		{"a name twice", []Source{good, {Name: "ours", Ranges: prefixes("198.51.100.0/24")}}, ErrBadSource, []string{`name "ours" is used twice`}},
		{"an overlap", []Source{good, {Name: "old", Ranges: prefixes("198.51.100.0/24", "192.0.2.128/25")}}, ErrOverlap,
			[]string{`192.0.2.0/24 of source "ours"`, `192.0.2.128/25 of source "old"`}},
		{"the same range", []Source{good, {Name: "old", Ranges: prefixes("192.0.2.0/24")}}, ErrOverlap, []string{`"ours"`, `"old"`}},
		{"an overlap behind a nested range", []Source{{Name: "ours", Ranges: prefixes("192.0.2.0/24", "192.0.2.0/28")}, {Name: "old", Ranges: prefixes("192.0.2.64/28")}}, ErrOverlap,
			[]string{`192.0.2.0/24 of source "ours"`, `192.0.2.64/28 of source "old"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewSet(c.sources)
			if !errors.Is(err, c.is) {
				t.Fatalf("error %v, want %v", err, c.is)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in: %v", part, err)
				}
			}
		})
	}
}

func TestMatchFindsTheSourceOfAnAddress(t *testing.T) {
	set, err := NewSet([]Source{
		{Name: "one", Ranges: prefixes("192.0.2.0/25", "192.0.2.16/28", "2001:db8:1::/48")},
		{Name: "two", Ranges: prefixes("192.0.2.128/25", "203.0.113.9/32")},
		{Name: "rest", Ranges: prefixes("2001:db8:2::/47"), Origin: OriginPeer},
	})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"192.0.2.0": "one", "192.0.2.20": "one", "192.0.2.127": "one", "192.0.2.128": "two", "192.0.2.255": "two", "192.0.3.0": "", "192.0.1.255": "",
		"203.0.113.8": "", "203.0.113.9": "two", "203.0.113.10": "", "255.255.255.255": "", "0.0.0.0": "",
		"::ffff:192.0.2.1": "one", "::ffff:203.0.113.9": "two", "::192.0.2.1": "",
		"2001:db8:1::": "one", "2001:db8:1:ffff:ffff:ffff:ffff:ffff": "one", "2001:db8:2::1": "rest", "2001:db8:3:ffff::": "rest", "2001:db8:4::": "", "::": "",
		"2001:db8:1::1%eth0": "",
	} {
		s, ok := set.Match(netip.MustParseAddr(addr))
		if s.Name != want || ok != (want != "") {
			t.Errorf("Match(%s) = %q, %v, want %q", addr, s.Name, ok, want)
		}
	}
	if _, ok := set.Match(netip.Addr{}); ok {
		t.Error("the zero address belongs to somebody")
	}
	if _, ok := new(Set).Match(netip.MustParseAddr("192.0.2.1")); ok {
		t.Error("an empty set admits somebody")
	}
}

func TestNewSetCompletesFromTheCatalogueAndKeepsTheOrder(t *testing.T) {
	given := []Source{
		{Name: "b", Provider: "mimecast", Ranges: prefixes("192.0.2.0/24")},
		{Name: "a", Provider: "mimecast", Ranges: prefixes("198.51.100.0/24"), ReceivedBy: []string{"mx.example.net"}, Origin: OriginPeer},
	}
	set, err := NewSet(given)
	if err != nil {
		t.Fatal(err)
	}
	all := set.All()
	if len(all) != 2 || all[0].Name != "b" || all[1].Name != "a" {
		t.Fatalf("got %+v", all)
	}
	if b, _ := set.Named("b"); b.Origin != OriginTrace || len(b.ReceivedBy) != 3 || b.ReceivedBy[0] != "relay.mimecast.com" {
		t.Errorf("b: %+v", b)
	}
	if a, _ := set.Named("a"); a.Origin != OriginPeer || len(a.ReceivedBy) != 1 {
		t.Errorf("a: %+v", a)
	}
	if _, ok := set.Named("c"); ok {
		t.Error("a source nobody configured has a name")
	}
	if given[0].Origin != "" || given[0].ReceivedBy != nil {
		t.Error("NewSet changed its argument")
	}
}

func TestASourceExpiresAfterItsLastDay(t *testing.T) {
	s := Source{ValidUntil: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)}
	for now, want := range map[string]bool{
		"2027-01-30T23:59:59Z": false, "2027-01-31T00:00:00Z": false, "2027-01-31T23:59:59Z": false, "2027-02-01T00:00:00Z": true,
		"2027-02-01T00:30:00+01:00": false, "2027-01-31T23:30:00-01:00": true,
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Expired(at); got != want {
			t.Errorf("Expired(%s) = %v", now, got)
		}
	}
	if (Source{}).Expired(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Error("a source without end has ended")
	}
}

func TestParseRangeReadsNetworksAndAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.0/24": "192.0.2.0/24", "192.0.2.1": "192.0.2.1/32", "2001:db8::/32": "2001:db8::/32", "2001:db8::1": "2001:db8::1/128", "0.0.0.0/0": "0.0.0.0/0",
	} {
		if p, err := ParseRange(text); err != nil || p.String() != want {
			t.Errorf("ParseRange(%q) = %s, %v", text, p, err)
		}
	}
	for text, expected := range map[string]string{
		"": "a network such as", "example.com": "a network such as", "192.0.2.0/33": "a network such as", "192.0.2.0-192.0.2.9": "a network such as",
		"192.0.2.1/24": "192.0.2.0/24, or one address as 192.0.2.1", "::ffff:192.0.2.1": "the IPv4 form", "fe80::1%eth0": "a network such as",
	} {
		if _, err := ParseRange(text); !errors.Is(err, ErrBadRange) || !strings.Contains(err.Error(), expected) {
			t.Errorf("ParseRange(%q): %v, want %q in it", text, err, expected)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"192.0.2.0/24", "2001:db8::/32", "192.0.2.1", "::ffff:192.0.2.1/120", "fe80::1%eth0", "1.2.3.4/-1"} {
		f.Add(s, "192.0.2.1")
	}
	f.Fuzz(func(t *testing.T, text, address string) {
		p, err := ParseRange(text)
		if err != nil {
			return
		}
		set, err := NewSet([]Source{{Name: "a", Ranges: []netip.Prefix{p}, Origin: OriginPeer}})
		if err != nil {
			t.Fatalf("ParseRange(%q) gave %s, which NewSet refuses: %v", text, p, err)
		}
		addr, err := netip.ParseAddr(address)
		if err != nil {
			return
		}
		want := addr.Zone() == "" && p.Contains(addr.Unmap())
		if _, ok := set.Match(addr); ok != want {
			t.Errorf("%s in %s: %v, want %v", addr, p, ok, want)
		}
	})
}

func FuzzCatalogue(f *testing.F) {
	f.Add([]byte("[meta]\nschema = 1\n[[provider]]\nid = \"a\"\ningress_by = [\"*.a.example\"]\n[[provider.cidrs]]\nlist = [\"192.0.2.0/24\"]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		byID, err := parse(text)
		if err != nil {
			return
		}
		for id, e := range byID {
			if id == "" || id != e.ID {
				t.Errorf("id %q of %q", id, e.ID)
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	var sources []Source
	for i := range 16 {
		s := Source{Name: string(rune('a' + i))}
		for j := range 32 {
			s.Ranges = append(s.Ranges, netip.PrefixFrom(netip.AddrFrom4([4]byte{192, byte(i), byte(8 * j), 0}), 24))
		}
		sources = append(sources, s)
	}
	set, err := NewSet(sources)
	if err != nil {
		b.Fatal(err)
	}
	addr := netip.MustParseAddr("::ffff:192.9.200.7")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := set.Match(addr); !ok {
			b.Fatal("not found")
		}
	}
}
