package spf

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// afresh is Check without what was done before.
func afresh(ctx context.Context, r dns.Resolver, ip netip.Addr, helo string, from mail.Address) Result {
	result, local := identify(helo, from)
	if result.Status != "" {
		return result
	}
	return (&evaluation{dns: r, client: ip, local: local, domain: result.Domain, helo: heloName(helo)}).check(ctx, result)
}

// asking counts the questions for addresses and records.
type asking struct {
	dns.Resolver
	txt, others int
}

func (a *asking) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	a.txt++
	return a.Resolver.TXT(ctx, name)
}

func (a *asking) A(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	a.others++
	return a.Resolver.A(ctx, name)
}

// Whatever changes between two checks, the second says what one says that was
// never made before.
func TestARepeatedCheckSaysWhatANewOneSays(t *testing.T) {
	const zone = `
		in.example TXT "v=spf1 ip4:192.0.2.0/28 ?all"
		more.example TXT "v=spf1 include:in.example -all"
		host.example A 192.0.2.7
		mx.example A 192.0.2.7
		other.example A 192.0.2.200
		six.example AAAA 2001:db8::7
		two.example TXT "v=spf1 include:in.example include:more.example a:host.example mx:changed.example -all"
		changed.example MX 10 mx.example
		why.example TXT "it is not ours"
		mine.example TXT "%{s} is not ours"
		7.2.0.192.in-addr.arpa PTR host.example
	`
	changes := []string{
		"", "in.example TXT \"v=spf1 -all\"\n", "host.example A 192.0.2.200\n", "mx.example A 192.0.2.200\n", "changed.example MX 10 other.example\n",
		"why.example TXT \"ask us\"\n", "in.example TXT SERVFAIL\n", "nowhere.example A 192.0.2.7\n", "nowhere.example A SERVFAIL\n", "host.example TXT \"x\"\n", "six.example AAAA 2001:db8::8\n",
	}
	records := []string{
		"v=spf1 ip4:192.0.2.7 -all", "v=spf1 include:in.example -all", "v=spf1 redirect=more.example", "v=spf1 a:host.example ~all", "v=spf1 a:six.example ~all",
		"v=spf1 mx:changed.example -all", "v=spf1 include:two.example ?all", "v=spf1 exists:%{l}.example -all", "v=spf1 include:%{h} -all", "v=spf1 ptr -all",
		"v=spf1 -all exp=why.example", "v=spf1 -all exp=mine.example", "v=spf1 a:nowhere.example a:host.example -all", "v=spf1 a:nowhere.example a:no.where.example a:not.here.example ?all", "v=spf1 bad", "no record",
	}
	clients := []string{"192.0.2.7", "192.0.2.99", "2001:db8::7"}
	senders := []struct{ local, helo string }{{"host", "in.example"}, {"nobody", "why.example"}}
	differ := 0
	for _, record := range records {
		for i, change := range changes {
			before := dns.MustSnapshot(t, zone)
			before.Add("example.com", "TXT", record)
			after := dns.MustSnapshot(t, change+without(zone, change))
			after.Add("example.com", "TXT", record)
			for _, client := range clients {
				ip := netip.MustParseAddr(client)
				first := Check(t.Context(), before, ip, senders[0].helo, mail.Address{Local: senders[0].local, Domain: "example.com"})
				for _, s := range senders {
					from := mail.Address{Local: s.local, Domain: "example.com"}
					want := afresh(t.Context(), after, ip, s.helo, from)
					if got := Check(t.Context(), after, ip, s.helo, from); got != want {
						t.Errorf("%s, change %d, %s, %s: %+v, afresh %+v", record, i, client, s.local, got, want)
					}
					if want != first {
						differ++
					}
				}
				for _, r := range []dns.Resolver{dns.Limited(after, 1), dns.Limited(after, 0)} {
					from := mail.Address{Local: "x", Domain: "example.com"}
					if got := Check(t.Context(), r, ip, "x.example", from); got.Status == mail.Pass && record != records[0] {
						t.Errorf("%s, %s: passes with too few questions: %+v", record, client, got)
					}
				}
			}
		}
	}
	if differ < 40 {
		t.Errorf("only %d changes made a difference", differ)
	}
}

// without takes the line out of zone that change replaces.
func without(zone, change string) string {
	left := ""
	for line := range strings.Lines(zone) {
		if name := strings.Fields(line + "-")[0]; change == "" || name != strings.Fields(change)[0] {
			left += line
		}
	}
	return left
}

func TestARepeatedCheckAsksTheSameAndEvaluatesNothing(t *testing.T) {
	zone := dns.MustSnapshot(t, `
		again.example TXT "v=spf1 a:host.again.example include:in.again.example -all"
		host.again.example A 198.51.100.1
		in.again.example TXT "v=spf1 ip4:192.0.2.0/28 -all"
	`)
	from := mail.Address{Local: "a", Domain: "again.example"}
	ip := netip.MustParseAddr("192.0.2.3")
	for i := range 3 {
		r := &asking{Resolver: zone}
		if got := Check(t.Context(), r, ip, "h.example", from); got.Status != mail.Pass || r.txt != 2 || r.others != 1 {
			t.Errorf("check %d: %+v with %d questions for TXT and %d for A", i, got, r.txt, r.others)
		}
	}
	new := testing.AllocsPerRun(100, func() { afresh(t.Context(), zone, ip, "h.example", from) })
	if n := testing.AllocsPerRun(100, func() { Check(t.Context(), zone, ip, "h.example", from) }); n > new/4 {
		t.Errorf("a repeated check takes %v allocations, a new one %v", n, new)
	}
}
