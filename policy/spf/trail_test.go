package spf

import (
	"net/netip"
	"strings"
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

func TestTheTermThatDecided(t *testing.T) {
	zone := dns.MustSnapshot(t, zoneText+`
		case.example      TXT "v=spf1 IP4:192.0.2.7 -ALL"
		plus.example      TXT "v=spf1 +A:Mail.Soft.Example/31 +mx -all"
		bare.example      TXT "v=spf1 a/24 -all"
		bare.example      A   192.0.2.250
		twice.alike.example TXT "v=spf1 ~ip4:192.0.2.7 +ip4:192.0.2.7 -all"
		stale.example     TXT "v=spf1 include:inner.stale.example ip4:192.0.2.7 -all"
		inner.stale.example TXT "v=spf1 ~ip4:192.0.2.7 -all"
		tworoads.example  TXT "v=spf1 include:inner.stale.example include:road.tworoads.example -all"
		road.tworoads.example TXT "v=spf1 ?include:inner.stale.example redirect=plus.example"
		not.example       TXT "v=spf1 ?include:open.example -all"
		empty.example     TXT "v=spf1"
		macro.example     TXT "v=spf1 exists:%{l}.%{d}/x.example -all"
		mapped.example    TXT "v=spf1 ip6:::ffff:192.0.2.0/120 -all"
		six.example       TXT "v=spf1 ip4:0.0.0.0/0 ip6:2001:db8::/32 -all"
		slash.example     TXT "v=spf1 a:odd:name/x.example.com/31 -all"
		odd:name/x.example.com A 192.0.2.6
	`)
	for _, c := range []struct {
		ip, domain, term, why string
		status                mail.Status
	}{
		{"192.0.2.7", "example.com", "ip4:192.0.2.0/24", "192.0.2.7 matched ip4:192.0.2.0/24", mail.Pass},
		{"198.51.100.7", "example.com", "-all", "-all: 198.51.100.7 is not listed", mail.Fail},
		{"192.0.2.7", "case.example", "IP4:192.0.2.7", "192.0.2.7 matched IP4:192.0.2.7", mail.Pass},
		{"192.0.2.8", "case.example", "-ALL", "-ALL: 192.0.2.8 is not listed", mail.Fail},
		{"192.0.2.9", "plus.example", "+A:Mail.Soft.Example/31", "192.0.2.9 matched +A:Mail.Soft.Example/31", mail.Pass},
		{"192.0.2.7", "bare.example", "a/24", "192.0.2.7 matched a/24", mail.Pass},
		{"192.0.2.7", "twice.alike.example", "~ip4:192.0.2.7", "192.0.2.7 matched ~ip4:192.0.2.7", mail.SoftFail},
		{"192.0.2.7", "stale.example", "ip4:192.0.2.7", "192.0.2.7 matched ip4:192.0.2.7", mail.Pass},
		{"192.0.2.9", "tworoads.example", "+A:Mail.Soft.Example/31", "192.0.2.9 matched +A:Mail.Soft.Example/31 (through include:road.tworoads.example, redirect=plus.example)", mail.Pass},
		{"192.0.2.7", "open.example", "+all", "all: every address may send", mail.Pass},
		{"192.0.2.7", "not.example", "+all", "192.0.2.7 matched +all (through ?include:open.example)", mail.Neutral},
		{"198.51.100.7", "loose.example", "", "no term of the record matches 198.51.100.7", mail.Neutral},
		{"192.0.2.7", "empty.example", "", "no term of the record matches 192.0.2.7", mail.Neutral},
		{"192.0.2.7", "late.example", "", `the SPF record of late.example has a syntax error: "bogus"`, mail.PermError},
		{"192.0.2.7", "mapped.example", "-all", "-all: 192.0.2.7 is not listed", mail.Fail},
		{"2001:db8::1", "six.example", "ip6:2001:db8::/32", "2001:db8::1 matched ip6:2001:db8::/32", mail.Pass},
		{"2001:db9::1", "six.example", "-all", "-all: 2001:db9::1 is not listed", mail.Fail},
		{"192.0.2.7", "slash.example", "a:odd:name/x.example.com/31", "192.0.2.7 matched a:odd:name/x.example.com/31", mail.Pass},
	} {
		got := Check(t.Context(), zone, netip.MustParseAddr(c.ip), "h.example", address(t, "a@"+c.domain))
		if got.Status != c.status || got.Term != c.term || got.Why != c.why {
			t.Errorf("%s from %s:\n got %+v\nwant %s, %q, %q", c.domain, c.ip, got, c.status, c.term, c.why)
		}
	}
}

func TestALongTermIsCut(t *testing.T) {
	zone := dns.MustSnapshot(t, "")
	long := "a:" + strings.Repeat("%{d}.", 50) + "example.com"
	zone.Add("example.com", "TXT", "v=spf1 "+long+" -all")
	zone.Add(strings.TrimPrefix(strings.Repeat("example.com.", 21), "example.com.")+"example.com", "A", "192.0.2.7")
	got := Check(t.Context(), zone, netip.MustParseAddr("192.0.2.7"), "h.example", address(t, "a@example.com"))
	if got.Status != mail.Pass || got.Term != long[:100] || got.Why != "192.0.2.7 matched "+long[:100] {
		t.Errorf("%+v", got)
	}
}

func TestCheckHelo(t *testing.T) {
	zone := dns.MustSnapshot(t, zoneText)
	for _, c := range []struct {
		helo string
		want Result
	}{
		{"example.com", Result{Status: mail.Pass, Domain: "example.com", Identity: Helo, Why: "192.0.2.7 matched ip4:192.0.2.0/24", Term: "ip4:192.0.2.0/24"}},
		{"helo.user.example", Result{Status: mail.Pass, Domain: "helo.user.example", Identity: Helo, Why: "192.0.2.7 matched exists:%{l}.list.user.example", Term: "exists:%{l}.list.user.example"}},
		{"absent.example", Result{Status: mail.None, Domain: "absent.example", Identity: Helo, Why: "absent.example publishes no SPF record"}},
		{"[192.0.2.7]", Result{Status: mail.None, Domain: "[192.0.2.7]", Identity: Helo, Why: `the HELO name "[192.0.2.7]" is not a domain name`}},
		{"", Result{Status: mail.None, Identity: Helo, Why: `the HELO name "" is not a domain name`}},
	} {
		if got := CheckHelo(t.Context(), zone, netip.MustParseAddr("192.0.2.7"), c.helo); got != c.want {
			t.Errorf("\n got %+v\nwant %+v", got, c.want)
		}
	}
}
