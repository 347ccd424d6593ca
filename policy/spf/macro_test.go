package spf

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// strongBad is the evaluation of the examples of RFC 7208, Section 7.4.
func strongBad(t testing.TB, client string) *evaluation {
	t.Helper()
	zone := dns.MustSnapshot(t, `
		3.2.0.192.in-addr.arpa  PTR  elsewhere.example.net
		3.2.0.192.in-addr.arpa  PTR  a.email.example.com
		3.2.0.192.in-addr.arpa  PTR  b.email.example.com
		3.2.0.192.in-addr.arpa  PTR  lies.email.example.com
		elsewhere.example.net   A    192.0.2.3
		a.email.example.com     A    192.0.2.3
		b.email.example.com     A    192.0.2.3
		lies.email.example.com  A    192.0.2.4
		4.2.0.192.in-addr.arpa  PTR  TIMEOUT
	`)
	return &evaluation{dns: zone, client: netip.MustParseAddr(client), local: "strong-bad", domain: "email.example.com", helo: "mx.example.org"}
}

func TestMacros(t *testing.T) {
	const v4, v6, domain = "192.0.2.3", "2001:db8::cb01", "email.example.com"
	for _, c := range []struct{ client, domain, text, want string }{
		{v4, domain, "%{s}", "strong-bad@email.example.com"},
		{v4, domain, "%{o} %{d} %{h}", "email.example.com email.example.com mx.example.org"},
		{v4, "other.example", "%{o} %{d}", "email.example.com other.example"},
		{v4, domain, "%{d4} %{d3} %{d2} %{d1}", "email.example.com email.example.com example.com com"},
		{v4, domain, "%{dr} %{d2r}", "com.example.email example.email"},
		{v4, domain, "%{l} %{l-} %{lr} %{lr-} %{l1r-}", "strong-bad strong.bad strong-bad bad.strong strong"},
		{v4, domain, "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
		{v4, domain, "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
		{v4, domain, "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
		{v6, domain, "%{ir}.%{v}._spf.%{d2}", "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com"},
		{v4, domain, "%{c} %{r} %{t}", "192.0.2.3 unknown unknown"},
		{v6, domain, "%{c}", "2001:db8::cb01"},
		{v4, domain, "a%%b%_c%-d", "a%b c%20d"},
		{v4, domain, "%{S}", "strong-bad%40email.example.com"},
		{v4, domain, "%{d18446744073709551617}", domain},
		{v4, domain, "%{d0002}", "example.com"},
		{v4, domain, "%{s1@}", ""}, // "@" is no delimiter
		{v4, domain, "%{l+-}", "strong.bad"},
		{v4, domain, "%{o1-}", domain}, // split on "-" alone

		{v4, domain, "%{p}", "a.email.example.com"}, // below the domain
		{v4, "a.email.example.com", "%{p}", "a.email.example.com"},
		{v4, "b.email.example.com", "%{p}", "b.email.example.com"}, // the domain itself
		{v4, "lies.email.example.com", "%{p}", "elsewhere.example.net"},
		{v4, "other.example", "%{p}", "elsewhere.example.net"}, // any
		{"192.0.2.4", domain, "%{p}", "unknown"},               // DNS does not answer
		{v6, domain, "%{p}", "unknown"},

		{v4, domain, "%", ""}, {v4, domain, "%a", ""}, {v4, domain, "%{", ""}, {v4, domain, "%{}", ""}, {v4, domain, "%{d", ""},
		{v4, domain, "%{x}", ""}, {v4, domain, "%{d0}", ""}, {v4, domain, "%{d2x}", ""}, {v4, domain, "%{dr2}", ""}, {v4, domain, "%{\u00e4}", ""},
	} {
		got, ok := strongBad(t, c.client).expand(t.Context(), c.text, c.domain, true)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s of %s: %q, %t, want %q", c.text, c.domain, got, ok, c.want)
		}
	}
	for _, text := range []string{"%{c}", "%{r}", "%{T}"} {
		if got, ok := strongBad(t, v4).expand(t.Context(), text, domain, false); ok {
			t.Errorf("%s stands for %q outside an explanation", text, got)
		}
	}
}

// Nothing is dropped where delimiters stand side by side or at an end: a local
// part must not be able to name the list entry of another.
func TestPartsMayBeEmpty(t *testing.T) {
	for _, c := range []struct{ local, macro, want string }{
		{"a..b", "%{l}", "a..b"}, {"a..b", "%{lr}", "b..a"}, {".a", "%{lr}", "a."}, {".a", "%{l1}", "a"}, {"a.", "%{l1}", ""},
		{"a--b", "%{l-}", "a..b"}, {"-", "%{lr-}", "."}, {"--", "%{l2-}", "."}, {"x-+y", "%{l+-}", "x..y"},
	} {
		e := strongBad(t, "192.0.2.3")
		e.local = c.local
		if got, ok := e.expand(t.Context(), c.macro, "example.com", false); got != c.want || !ok {
			t.Errorf("%s of %q: %q, %t, want %q", c.macro, c.local, got, ok, c.want)
		}
	}
}

func TestNamesAreCutOnTheLeft(t *testing.T) {
	e := strongBad(t, "192.0.2.3")
	label := strings.Repeat("x", 60)
	for _, c := range []struct{ spec, want string }{
		{label + "." + label + "." + label + "." + label + ".example.com", label + "." + label + "." + label + ".example.com"},
		{"a." + label + "." + label + "." + label + "." + label[:56] + ".example.com", "a." + label + "." + label + "." + label + "." + label[:56] + ".example.com"}, // 253 octets
		{"ab." + label + "." + label + "." + label + "." + label[:56] + ".example.com", label + "." + label + "." + label + "." + label[:56] + ".example.com"},
		{"MAIL.Example.COM.", "mail.example.com"},
		{strings.Repeat("x", 300), ""}, {strings.Repeat("x", 64) + ".example.com", ""}, {"a..example.com", ""}, {".", ""}, {"", ""},
		{"%{l}.example.com", "strong-bad.example.com"}, {"%%%_x/y.example.com", "% x/y.example.com"},
		{strings.Repeat("%{s}.", 400) + "example.com", ""},
	} {
		if got := e.name(t.Context(), c.spec, "email.example.com"); got != c.want {
			t.Errorf("%.60s (%d octets): %q", c.spec, len(c.spec), got)
		}
	}
	for _, local := range []string{"\u212a", "\u0130", "k\u0308", `a"b`, `a\b`, "a\x00b", "a\tb", "\xff"} { // U+212A has the lower case "k"
		e.local = local
		if got := e.name(t.Context(), "%{l}.example.com", "email.example.com"); got != "" {
			t.Errorf("%q leads to %q", local, got)
		}
	}
}

// RFC 7208, Section 4.6.4: only the first ten names count.
func TestTheNamesOfAClientAreBounded(t *testing.T) {
	for n, want := range map[int]string{9: "last.example.com", 10: "unknown"} {
		zone := &counting{Snapshot: dns.MustSnapshot(t, "last.example.com A 192.0.2.7")}
		for i := range n {
			zone.Add("7.2.0.192.in-addr.arpa", "PTR", fmt.Sprintf("n%d.example.net", i))
		}
		zone.Add("7.2.0.192.in-addr.arpa", "PTR", "last.example.com")
		e := &evaluation{dns: zone, client: netip.MustParseAddr("192.0.2.7")}
		if got := e.validated(t.Context(), "example.com"); got != want || len(zone.asked) != 10 {
			t.Errorf("behind %d: %q after %d questions", n, got, len(zone.asked))
		}
		e.validated(t.Context(), "example.com")
		if len(zone.asked) != 10 {
			t.Errorf("%d questions for the second %%{p}", len(zone.asked))
		}
	}
}

func FuzzExpand(f *testing.F) {
	for _, text := range []string{"%{l1r-}.%{ir}.%{v}._spf.%{d2}", "%{S}%%%_%-", "%{p}", "%{C} of %{R} at %{T}", "%{l2r-.+,/_=}", "%{d4294967297}"} {
		f.Add(text, "strong-bad", true)
	}
	f.Add("%{L}", "\u212a\xff\r\n", false)
	f.Fuzz(func(t *testing.T, text, local string, explains bool) {
		e := strongBad(t, "192.0.2.3")
		e.local = local
		got, ok := e.expand(t.Context(), text, "email.example.com", explains)
		if !ok && got != "" || len(got) > maxExpandedOctets && strings.Contains(text, "%") {
			t.Fatalf("%q: %d octets, %t", text, len(got), ok)
		}
		if _, within := e.expand(t.Context(), text, "email.example.com", false); within && !ok {
			t.Fatalf("%q: read in a record but not in an explanation", text)
		}
		if name := e.name(t.Context(), text, "email.example.com"); name != "" && (dns.CheckName(name) != nil || name != strings.ToLower(name)) {
			t.Fatalf("%q: the name %q", text, name)
		}
		if shown := printable(got, maxExplanationOctets); !isPrintable(shown) || len(shown) > maxExplanationOctets {
			t.Fatalf("%q: %q", text, shown)
		}
	})
}

// A record that is as costly as one can be must not hold up a message.
func TestACostlyRecordIsCheap(t *testing.T) {
	zone := dns.MustSnapshot(t, "")
	for name, record := range map[string]string{
		"delimiters.example": "exists:%{l" + strings.Repeat("-", 15000) + "}.example.com",
		"macros.example":     "exists:" + strings.Repeat("%{S}", 3500) + ".example.com",
		"terms.example":      strings.Repeat("ptr:%{d} ", 1700),
		"values.example":     "exp=" + strings.Repeat("%{S}", 3500) + ".example.com -all",
	} {
		zone.Add(name, "TXT", "v=spf1 "+record)
		from := mail.Address{Local: strings.Repeat("a.-+", 16), Domain: mail.Domain(name)}
		start := time.Now()
		Check(t.Context(), zone, netip.MustParseAddr("192.0.2.7"), "h.example", from)
		if took := time.Since(start); took > time.Second { // some milliseconds, on a machine with nothing else to do
			t.Errorf("%s takes %v", name, took)
		} else {
			t.Logf("%s takes %v", name, took)
		}
	}
}
