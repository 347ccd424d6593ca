package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"mxgate/policy/provider/ranges"
)

func TestReadFindsWhatFirewallsShow(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":         {"", "[]"},
		"plain":           {"192.0.2.0/24\n2001:db8::/32\r\n198.51.100.7\n", "[192.0.2.0/24 2001:db8::/32 198.51.100.7/32]"},
		"comments":        {"# 192.0.2.1\n192.0.2.2 # not 192.0.2.3\nREM 192.0.2.4\n  rem 192.0.2.5\nremote 192.0.2.6\n", "[192.0.2.2/32 192.0.2.6/32]"},
		"nft list set":    {"elements = { 192.0.2.0-192.0.2.2, 198.51.100.1 comment \"a\",\n 2001:db8::-2001:db8::1 }", "[192.0.2.0/31 192.0.2.2/32 198.51.100.1/32 2001:db8::/127]"},
		"ipset list":      {"Name: x\nRevision: 7\nMembers:\n192.0.2.0/24 comment \"our-provider, 2026-08-11\"\n", "[192.0.2.0/24]"},
		"iptables -S":     {"-A X -s 192.0.2.0/24 -p tcp -m tcp --dport 25 -j ACCEPT", "[192.0.2.0/24]"},
		"PowerShell":      {"RemoteAddress : {192.0.2.0/255.255.255.0, 198.51.100.1}", "[192.0.2.0/24 198.51.100.1/32]"},
		"netsh":           {"RemoteIP:      192.0.2.0/24,198.51.100.7/32\r\n", "[192.0.2.0/24 198.51.100.7/32]"},
		"host bits":       {"192.0.2.9/24", "[192.0.2.0/24]"},
		"mapped":          {"::ffff:192.0.2.1", "[192.0.2.1/32]"},
		"end of sentence": {"from 192.0.2.1.", "[192.0.2.1/32]"},
		"no addresses":    {"11/08/2026 10:11:12 1.2.3 v1.0.6 dead:beef :: [std]::x 2026-11-22 -- face-off 0.0.0.0", "[]"},
		"everybody":       {"0.0.0.0/0 ::/0", "[0.0.0.0/0 ::/0]"},
		"run of all":      {"0.0.0.0-255.255.255.255 ::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "[0.0.0.0/0 ::/0]"},
		"odd run":         {"192.0.2.255-192.0.4.2", "[192.0.2.255/32 192.0.3.0/24 192.0.4.0/31 192.0.4.2/32]"},
		"run to the end":  {"255.255.255.254-255.255.255.255", "[255.255.255.254/31]"},
	} {
		got, err := Read([]byte(c.text))
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, %v, want %s", name, got, err, c.want)
		}
	}
}

func TestReadRefusesWhatItWouldMiss(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.0/24\n192.0.2.0/33": "line 2",
		"192.0.2.0/255.0.255.0":      "expected a range",
		"::ffff:192.0.2.0/120":       "expected a range",
		"192.0.2.9-192.0.2.1":        "expected a run",
		"192.0.2.9-2001:db8::":       "expected a run",
		"1\x009\x002\x00":            "UTF-8",
	} {
		if got, err := Read([]byte(text)); !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", text, got, err, want)
		}
	}
	if _, err := Read(make([]byte, MaxReadOctets+1)); !errors.Is(err, ErrUnreadable) {
		t.Errorf("too long: %v", err)
	}
	if _, err := Read([]byte(strings.Repeat("192.0.2.1\n", maxReadRanges+1))); !errors.Is(err, ErrUnreadable) {
		t.Errorf("too many: %v", err)
	}
}

func TestCompareTellsAddressesNotRanges(t *testing.T) {
	l := build(t,
		source("current", "", "", "192.0.2.0/24", "2001:db8::/32"),
		source("old", "", "2026-10-31", "198.51.100.0/24"),
	)
	before := func(ranges ...string) []netip.Prefix {
		got, err := Read([]byte(strings.Join(ranges, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, c := range []struct {
		before []netip.Prefix
		want   string
	}{
		{before("192.0.2.128/25", "192.0.2.0/25", "2001:db8::/32"), "[]"},
		{before("192.0.2.0/25", "2001:db8::/32", "198.51.100.0/24", "203.0.113.9"), "[{192.0.2.128/25 true current, written by hand} {198.51.100.0/24 false old, over since 2026-11-01} {203.0.113.9/32 false no source of the configuration}]"},
		{nil, "[{192.0.2.0/24 true current, written by hand} {2001:db8::/32 true current, written by hand}]"},
	} {
		if got := fmt.Sprint(Compare(c.before, l)); got != c.want {
			t.Errorf("%v:\n got %s\nwant %s", c.before, got, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"192.0.2.0/24 # a", "elements = { 192.0.2.0-192.0.2.2 }", "2001:db8::/32\n::1-::2", "rem x\r\n10.0.0.0/255.0.0.0", "::ffff:1.2.3.4", "0.0.0.0/0-", "::/0 ::1", "192.0.2.3-192.0.3.7"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := Read(text)
		if err != nil {
			return
		}
		for _, p := range list {
			if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
				t.Fatalf("%q: %v", text, p)
			}
		}
		// Written as ranges and read again it is the same addresses.
		again, err := Read([]byte(strings.Trim(fmt.Sprint(list), "[]")))
		if err != nil || len(ranges.Subtract(list, again))+len(ranges.Subtract(again, list)) > 0 {
			t.Fatalf("%q: %v, %v is not %v", text, err, again, list)
		}
		joined := ranges.Join(list)
		for i, p := range joined {
			if i > 0 && joined[i-1].Overlaps(p) {
				t.Fatalf("%q: %v", text, joined)
			}
		}
	})
}
