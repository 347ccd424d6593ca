package spf

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

const zoneText = `
	example.com           TXT  "v=spf1 ip4:192.0.2.0/24 -all"
	soft.example          TXT  "v=spf1 a:mail.soft.example ~all"
	mail.soft.example     A    192.0.2.8
	mail.soft.example     AAAA 2001:db8::8
	mx.example            TXT  "v=spf1 -ip4:192.0.2.66 mx ?all"
	mx.example            MX   10 mail.soft.example
	outer.example         TXT  "v=spf1 include:example.com -include:soft.example -all"
	hop.example           TXT  "v=spf1 redirect=example.com"
	open.example          TXT  "v=spf1 +all"
	loose.example         TXT  "v=spf1 include:example.com"
	exists.example        TXT  "v=spf1 exists:%{ir}.list.exists.example -all"
	1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.list.exists.example A 127.0.0.2
	late.example          TXT  "v=spf1 ip4:192.0.2.7 bogus -all"
	twice.example         TXT  "v=spf1 -all"
	twice.example         TXT  "v=spf1 +all"
	lost.example          TXT  "v=spf1 include:absent.example -all"
	badinc.example        TXT  "v=spf1 include:late.example -all"
	void.example          TXT  "v=spf1 a:a.void.example a:b.void.example a:c.void.example -all"
	deep.example          TXT  "v=spf1 include:deep.example -all"
	slow.example          TXT  TIMEOUT
	fails.example         TXT  SERVFAIL
	slowa.example         TXT  "v=spf1 a:x.slowa.example -all"
	x.slowa.example       A    TIMEOUT
	x.slowa.example       AAAA TIMEOUT
	slowinc.example       TXT  "v=spf1 include:slow.example -all"
	user.example          TXT  "v=spf1 exists:%{l}.list.user.example -all"
	"b.list.user.example  A    127.0.0.2
	b.list.user.example   A    127.0.0.2
	postmaster.list.user.example  A 127.0.0.2
	helo.user.example     TXT  "v=spf1 exists:%{l}.list.user.example -all"
	other.example         TXT  "hello"
	ptr.example           TXT  "v=spf1 ptr -all"
	7.2.0.192.in-addr.arpa PTR www.ptr.example.
	www.ptr.example       A    192.0.2.7
	none.example          MX   0 .
	nomx.example          TXT  "v=spf1 mx:none.example -all"
`

func address(t *testing.T, s string) mail.Address {
	t.Helper()
	a, _, err := mail.ParsePath("<" + s + ">")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestWhy(t *testing.T) {
	tests := []struct {
		name, ip, helo, from string
		status               mail.Status
		identity             Identity
		domain, why          string
	}{
		{"a listed network passes", "192.0.2.7", "h.example", "a@example.com", mail.Pass, MailFrom, "example.com", "192.0.2.7 matched ip4:192.0.2.0/24"},
		{"an IPv4-mapped address is IPv4", "::ffff:192.0.2.7", "h.example", "a@example.com", mail.Pass, MailFrom, "example.com", "192.0.2.7 matched ip4:192.0.2.0/24"},
		{"an unlisted address fails", "198.51.100.7", "h.example", "a@example.com", mail.Fail, MailFrom, "example.com", "-all: 198.51.100.7 is not listed"},
		{"softfail keeps its sign", "198.51.100.7", "h.example", "a@soft.example", mail.SoftFail, MailFrom, "soft.example", "~all: 198.51.100.7 is not listed"},
		{"an AAAA record counts for an IPv6 client", "2001:db8::8", "h.example", "a@soft.example", mail.Pass, MailFrom, "soft.example", "2001:db8::8 matched a:mail.soft.example"},
		{"mx", "192.0.2.8", "h.example", "a@mx.example", mail.Pass, MailFrom, "mx.example", "192.0.2.8 matched mx"},
		{"a denied address", "192.0.2.66", "h.example", "a@mx.example", mail.Fail, MailFrom, "mx.example", "192.0.2.66 matched -ip4:192.0.2.66"},
		{"neutral all", "192.0.2.67", "h.example", "a@mx.example", mail.Neutral, MailFrom, "mx.example", "?all: 192.0.2.67 is not listed"},
		{"an include names both", "192.0.2.7", "h.example", "a@outer.example", mail.Pass, MailFrom, "outer.example", "192.0.2.7 matched ip4:192.0.2.0/24 (through include:example.com)"},
		{"an include with a sign", "2001:db8::8", "h.example", "a@outer.example", mail.Fail, MailFrom, "outer.example", "2001:db8::8 matched a:mail.soft.example (through -include:soft.example)"},
		{"a fail inside an include does not decide", "198.51.100.7", "h.example", "a@loose.example", mail.Neutral, MailFrom, "loose.example", "no term of the record matches 198.51.100.7"},
		{"the fail of a redirect is the fail", "198.51.100.7", "h.example", "a@hop.example", mail.Fail, MailFrom, "hop.example", "-all: 198.51.100.7 is not listed (through redirect=example.com)"},
		{"everybody may", "198.51.100.7", "h.example", "a@open.example", mail.Pass, MailFrom, "open.example", "all: every address may send"},
		{"exists asks A for an IPv6 client", "2001:db8::1", "h.example", "a@exists.example", mail.Pass, MailFrom, "exists.example", "2001:db8::1 matched exists:%{ir}.list.exists.example"},
		{"ptr", "192.0.2.7", "h.example", "a@ptr.example", mail.Pass, MailFrom, "ptr.example", "192.0.2.7 matched ptr"},
		{"a null MX is nobody", "192.0.2.7", "h.example", "a@nomx.example", mail.Fail, MailFrom, "nomx.example", "-all: 192.0.2.7 is not listed"},

		{"P1: an error behind a match", "192.0.2.7", "h.example", "a@late.example", mail.PermError, MailFrom, "late.example", `the SPF record of late.example has a syntax error: "bogus"`},
		{"P1: an error inside an include", "192.0.2.7", "h.example", "a@badinc.example", mail.PermError, MailFrom, "badinc.example", `the SPF record of late.example has a syntax error: "bogus"`},
		{"two records", "192.0.2.7", "h.example", "a@twice.example", mail.PermError, MailFrom, "twice.example", "twice.example publishes several SPF records"},
		{"an include of nothing", "192.0.2.7", "h.example", "a@lost.example", mail.PermError, MailFrom, "lost.example", "absent.example, which the record refers to, publishes no SPF record"},
		{"three look-ups without answer", "192.0.2.7", "h.example", "a@void.example", mail.PermError, MailFrom, "void.example", "more than 2 DNS look-ups had no answer"},
		{"a loop", "192.0.2.7", "h.example", "a@deep.example", mail.PermError, MailFrom, "deep.example", "the record needs more than 10 DNS look-ups"},

		{"P5: a time-out is temporary", "192.0.2.7", "h.example", "a@slow.example", mail.TempError, MailFrom, "slow.example", "DNS did not answer in time or failed at TXT slow.example"},
		{"SERVFAIL is temporary", "192.0.2.7", "h.example", "a@fails.example", mail.TempError, MailFrom, "fails.example", "DNS did not answer in time or failed at TXT fails.example"},
		{"a time-out on A", "192.0.2.7", "h.example", "a@slowa.example", mail.TempError, MailFrom, "slowa.example", "DNS did not answer in time or failed at A x.slowa.example"},
		{"a time-out inside an include", "192.0.2.7", "h.example", "a@slowinc.example", mail.TempError, MailFrom, "slowinc.example", "DNS did not answer in time or failed at TXT slow.example"},

		{"P3: an @ in a quoted local part names nothing", "192.0.2.7", "h.example", `"a@b"@user.example`, mail.Fail, MailFrom, "user.example", "-all: 192.0.2.7 is not listed"},
		{"P3: the domain stays the domain", "192.0.2.7", "h.example", `"x@open.example"@example.com`, mail.Pass, MailFrom, "example.com", "192.0.2.7 matched ip4:192.0.2.0/24"},
		{"P4: the null reverse-path is postmaster at HELO", "192.0.2.7", "helo.user.example", "", mail.Pass, Helo, "helo.user.example", "192.0.2.7 matched exists:%{l}.list.user.example"},
		{"a reverse-path of postmaster alone", "192.0.2.7", "helo.user.example", "Postmaster", mail.Pass, Helo, "helo.user.example", "192.0.2.7 matched exists:%{l}.list.user.example"},
		{"a HELO literal", "192.0.2.7", "[192.0.2.7]", "", mail.None, Helo, "[192.0.2.7]", `the HELO name "[192.0.2.7]" is not a domain name`},
		{"a HELO of one label", "192.0.2.7", "localhost", "", mail.None, Helo, "localhost", `"localhost" is not a name of several labels`},
		{"a hostile HELO", "192.0.2.7", "a b\r\n(c", "", mail.None, Helo, "a?b??(c", `the HELO name "a b\r\n(c" is not a domain name`},
		{"a literal in the reverse-path", "192.0.2.7", "h.example", "a@[192.0.2.9]", mail.None, MailFrom, "[192.0.2.9]", "the reverse-path names an address, not a domain"},
		{"no record", "192.0.2.7", "h.example", "a@other.example", mail.None, MailFrom, "other.example", "other.example publishes no SPF record"},
		{"no such domain", "192.0.2.7", "h.example", "a@absent.example", mail.None, MailFrom, "absent.example", "absent.example publishes no SPF record"},
	}
	zone := dns.MustSnapshot(t, zoneText)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Check(t.Context(), zone, netip.MustParseAddr(test.ip), test.helo, address(t, test.from))
			got.Term, got.Explanation = "", ""
			if want := (Result{Status: test.status, Domain: test.domain, Identity: test.identity, Why: test.why}); got != want {
				t.Errorf("\n got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestWithoutAnAddressThereIsNothingToCheck(t *testing.T) {
	got := Check(t.Context(), dns.MustSnapshot(t, zoneText), netip.Addr{}, "h.example", address(t, "a@open.example"))
	if got.Status != mail.None || got.Domain != "open.example" || !strings.Contains(got.Why, "not known") {
		t.Errorf("%+v", got)
	}
}

func TestACancelledCheckIsTemporary(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := Check(ctx, dns.MustSnapshot(t, zoneText), netip.MustParseAddr("192.0.2.7"), "h.example", address(t, "a@example.com"))
	if got.Status != mail.TempError {
		t.Errorf("%+v", got)
	}
}

// counting counts questions and can fail all of them with a bare error.
type counting struct {
	*dns.Snapshot
	asked []string
	bare  error
	never string // a name whose addresses cannot be asked for
}

func (c *counting) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	c.asked = append(c.asked, "TXT "+name)
	if c.bare != nil {
		return dns.Answer[string]{}, c.bare
	}
	return c.Snapshot.TXT(ctx, name)
}

func (c *counting) A(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	c.asked = append(c.asked, "A "+name)
	if name == c.never {
		return dns.Answer[netip.Addr]{}, &dns.Error{Type: "A", Name: name, Class: dns.ErrPermanent}
	}
	return c.Snapshot.A(ctx, name)
}

func (c *counting) AAAA(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	c.asked = append(c.asked, "AAAA "+name)
	return c.Snapshot.AAAA(ctx, name)
}

func TestABareErrorOfTheResolverIsTemporary(t *testing.T) { // P5
	for _, err := range []error{context.DeadlineExceeded, context.Canceled, errors.New("no route")} {
		zone := &counting{Snapshot: dns.MustSnapshot(t, zoneText), bare: err}
		got := Check(t.Context(), zone, netip.MustParseAddr("192.0.2.7"), "h.example", address(t, "a@example.com"))
		if got.Status != mail.TempError {
			t.Errorf("%v: %+v", err, got)
		}
	}
}

func TestANameThatCannotBeAskedMatchesNothing(t *testing.T) {
	zone := &counting{Snapshot: dns.MustSnapshot(t, zoneText), never: "mail.soft.example"}
	for _, ip := range []string{"192.0.2.8", "2001:db8::9"} {
		got := Check(t.Context(), zone, netip.MustParseAddr(ip), "h.example", address(t, "a@mx.example"))
		if got.Status != mail.Neutral {
			t.Errorf("%+v", got)
		}
	}
	zone.Add("reverse.example", "TXT", "v=spf1 include:gone.example -all")
	zone.never = "gone.example"
	if got := Check(t.Context(), neverTXT{zone}, netip.MustParseAddr("192.0.2.8"), "h.example", address(t, "a@reverse.example")); got.Status != mail.PermError {
		t.Errorf("%+v", got)
	}
	if got := Check(t.Context(), neverTXT{zone}, netip.MustParseAddr("192.0.2.8"), "h.example", address(t, "a@gone.example")); got.Status != mail.None {
		t.Errorf("%+v", got)
	}
}

// neverTXT cannot be asked for the records of one name either.
type neverTXT struct{ *counting }

func (z neverTXT) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	if name == z.never {
		return dns.Answer[string]{}, &dns.Error{Type: "TXT", Name: name, Class: dns.ErrPermanent}
	}
	return z.counting.TXT(ctx, name)
}

func TestAnIPv4ClientCostsNoAAAAQuestion(t *testing.T) { // P6
	zone := &counting{Snapshot: dns.MustSnapshot(t, zoneText)}
	Check(t.Context(), zone, netip.MustParseAddr("198.51.100.1"), "h.example", address(t, "a@mx.example"))
	if got, want := fmt.Sprint(zone.asked), "[TXT mx.example A mail.soft.example]"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}

func TestAMacroCannotMakeANameThatIsNone(t *testing.T) {
	zone := &counting{Snapshot: dns.MustSnapshot(t, zoneText)}
	for _, from := range []string{`"a\\b"@user.example`, "\u212a@user.example", `"` + strings.Repeat("x", 64) + `"@user.example`, "\u00fc@user.example", `"a..b"@user.example`} {
		got := Check(t.Context(), zone, netip.MustParseAddr("192.0.2.7"), "h.example", address(t, from))
		if got.Status != mail.Fail {
			t.Errorf("%s: %+v", from, got)
		}
	}
	for _, q := range zone.asked {
		if q != "TXT user.example" {
			t.Errorf("asked %q", q)
		}
	}
}
