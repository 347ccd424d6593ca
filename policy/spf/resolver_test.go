package spf

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// hostile answers with names that zone text cannot hold.
type hostile struct {
	*counting
	names []string
	hosts []dns.MX
}

func (h hostile) PTR(context.Context, netip.Addr) (dns.Answer[string], error) {
	return dns.Answer[string]{Records: h.names}, nil
}

func (h hostile) MX(context.Context, string) (dns.Answer[dns.MX], error) {
	return dns.Answer[dns.MX]{Records: h.hosts}, nil
}

// A zone must not be able to write a mark: the library would ask for the term of
// another record.
func TestAZoneCannotWriteAMark(t *testing.T) {
	marks := []string{`"0"0`, `"0"1`, `"`, `"0`, `"0"`, `"9"9`, `"-1"0`, `"0"-1`, `"0"9`, `""`, "", ".", "a b\r\n", "\x00", "\u00fc.example"}
	var hosts []dns.MX
	for _, m := range marks[:10] {
		hosts = append(hosts, dns.MX{Host: m})
	}
	for _, record := range []string{"a:mail.example.com mx -all", "a:mail.example.com ptr -all", "include:example.net mx ptr:example.com -all", "exists:%{p} -all"} {
		zone := &counting{Snapshot: dns.MustSnapshot(t, "mail.example.com A 192.0.2.8\nexample.net TXT \"v=spf1 -all\"")}
		zone.Add("example.com", "TXT", "v=spf1 "+record)
		got := Check(t.Context(), hostile{zone, marks, hosts}, netip.MustParseAddr("192.0.2.7"), "h.example", address(t, "a@example.com"))
		if got.Status != mail.Fail || got.Term != "-all" {
			t.Errorf("%s: %+v", record, got)
		}
		for _, q := range zone.asked {
			if !slices.Contains([]string{"TXT example.com", "TXT example.net", "A mail.example.com", "A unknown"}, q) {
				t.Errorf("%s: asked %q", record, q)
			}
		}
	}
	from := mail.Address{Local: "a", Domain: `"0"0`} // no parser gives such a Domain
	if got := Check(t.Context(), dns.MustSnapshot(t, ""), netip.MustParseAddr("192.0.2.7"), "h.example", from); got.Status != mail.None {
		t.Errorf("%+v", got)
	}
}

// What was not asked was no void look-up: RFC 7208, Section 4.6.4.
func TestWhatIsVoid(t *testing.T) {
	zone := dns.MustSnapshot(t, `
		four.example   A     192.0.2.9
		six.example    AAAA  2001:db8::9
		text.example   TXT   "no address"
		slow4.example  A     TIMEOUT
		slow4.example  AAAA  2001:db8::9
		only6.example  AAAA  2001:db8::9
		null.example   MX    0 .
		3.2.0.192.in-addr.arpa PTR TIMEOUT
	`)
	const v4, v6 = "192.0.2.7", "2001:db8::7"
	for _, c := range []struct {
		name, client, term string
		status             mail.Status
	}{
		{"names that do not exist", v4, "a:n#.example", mail.PermError},
		{"hosts without address", v4, "a:text.example", mail.PermError},
		{"a host with IPv6 alone, for an IPv4 client", v4, "a:six.example", mail.PermError},
		{"a host with IPv4 alone, for an IPv6 client", v6, "a:four.example", mail.Fail},
		{"a host without address, for an IPv6 client", v6, "a:text.example", mail.PermError},
		{"exists wants A", v6, "exists:six.example", mail.PermError},
		{"a local part that no name can hold", v4, "exists:%{l}.example", mail.Fail},
		{"the same for a", v6, "a:%{l}.example", mail.Fail},
		{"the same for mx", v4, "mx:%{l}.example", mail.Fail},
		{"the same for ptr, whose own look-up is void once", v4, "ptr:%{l}.example", mail.Fail},
		{"the same for include", v4, "include:%{l}.example", mail.PermError},
		{"a null MX is an answer", v4, "mx:null.example", mail.Fail},
		{"a slow question nobody has to ask", v6, "a:slow4.example", mail.Fail},
		{"DNS trouble is not void", v4, "a:slow4.example", mail.TempError},
		{"DNS trouble of the client's zone matches nothing", "192.0.2.3", "ptr:example.com", mail.Fail},
	} {
		t.Run(c.name, func(t *testing.T) {
			var record strings.Builder
			for i := range 3 {
				record.WriteString(" " + strings.ReplaceAll(c.term, "#", fmt.Sprint(i)))
			}
			over := overlay{&counting{Snapshot: zone}, "v=spf1" + record.String() + " -all"}
			got := Check(t.Context(), over, netip.MustParseAddr(c.client), "h.example", mail.Address{Local: "\u00fc", Domain: "limit.example"})
			if got.Status != c.status {
				t.Errorf("%s: %+v", record.String(), got)
			}
		})
	}
}

// For an IPv6 client A is asked only where it makes a difference.
func TestAnIPv6ClientAsksForAAAA(t *testing.T) { // P6
	for _, c := range []struct{ record, want string }{
		{"a:mail.soft.example", "AAAA mail.soft.example"},
		{"mx:mx.example", "AAAA mail.soft.example"},
		{"a:open.example", "AAAA open.example A open.example"}, // has no address: void?
		{"exists:mail.soft.example", "A mail.soft.example"},
	} {
		zone := &counting{Snapshot: dns.MustSnapshot(t, zoneText)}
		Check(t.Context(), overlay{zone, "v=spf1 " + c.record}, netip.MustParseAddr("2001:db8::1"), "h.example", address(t, "a@limit.example"))
		if got := strings.Join(zone.asked, " "); got != c.want {
			t.Errorf("%s: asked %s, want %s", c.record, got, c.want)
		}
	}
}

// A budget that ends before the record does says nothing about the client: what
// was not asked might have matched.
func TestASpentBudgetIsNeverAVerdict(t *testing.T) {
	zone := dns.MustSnapshot(t, `
		big.example   MX  1 h1.big.example
		big.example   MX  2 h2.big.example
		big.example   MX  3 h3.big.example
		h1.big.example A  192.0.2.1
		h2.big.example A  192.0.2.2
		h3.big.example A  192.0.2.3
		3.2.0.192.in-addr.arpa PTR h3.big.example
		in.example    TXT "v=spf1 ip4:192.0.2.3"
		all.example   TXT "v=spf1 -mx:big.example +all"
		mx.example    TXT "v=spf1 mx:big.example -all"
		a.example     TXT "v=spf1 a:h1.big.example a:h2.big.example a:h3.big.example -all"
		ptr.example   TXT "v=spf1 ptr:big.example ~all"
		inc.example   TXT "v=spf1 include:in.example -all"
		p.example     TXT "v=spf1 exists:%{p} ?all"
	`)
	for domain, want := range map[mail.Domain]mail.Status{"all.example": mail.Fail, "mx.example": mail.Pass, "a.example": mail.Pass, "ptr.example": mail.Pass, "inc.example": mail.Pass, "p.example": mail.Pass} {
		for most := range 10 {
			got := Check(t.Context(), dns.Limited(zone, most), netip.MustParseAddr("192.0.2.3"), "h.example", mail.Address{Local: "a", Domain: domain})
			if got.Status != mail.PermError && got.Status != want {
				t.Errorf("%s with %d questions: %+v", domain, most, got)
			}
			if most == 9 && got.Status != want || most == 0 && got.Status != mail.PermError {
				t.Errorf("%s with %d questions: %+v", domain, most, got)
			}
		}
	}
}

// A local part must not become part of the record that the library reads.
func TestALocalPartCannotAddATerm(t *testing.T) {
	zone := dns.MustSnapshot(t, `
		7.2.0.192.in-addr.arpa PTR mail.example.net
		mail.example.net       A   192.0.2.7
	`)
	for _, record := range []string{"ptr:%{l}.example.net -all", "a:%{l}.example.net -all", "exists:%{l}.example.net -all", "mx:%{l} -all"} {
		for _, local := range []string{"mail", "x +all y", " +all ", "x/0", "%{x}", "%%", `"0"0`, `"`} {
			over := overlay{&counting{Snapshot: zone}, "v=spf1 " + record}
			got := Check(t.Context(), over, netip.MustParseAddr("192.0.2.7"), "h.example", mail.Address{Local: local, Domain: "limit.example"})
			if lists := local == "mail" && !strings.HasPrefix(record, "mx"); lists != (got.Status == mail.Pass) || !lists && got.Term != "-all" {
				t.Errorf("%s for %q: %+v", record, local, got)
			}
		}
	}
}
