package spf

import (
	"net/netip"
	"strings"
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// What a message costs when DNS answers from memory: the record of a host's own
// domain, a provider's tree of includes, and terms that ask for addresses.
func BenchmarkCheck(b *testing.B) {
	networks := strings.Repeat(" ip4:198.51.100.0/28 ip6:2001:db8:1::/48", 20)
	zone := dns.MustSnapshot(b, `
		own.example        TXT "v=spf1 ip4:192.0.2.0/24 -all"
		big.example        TXT "v=spf1 include:_spf.provider.example ~all"
		_spf.provider.example   TXT "v=spf1 include:_n1.provider.example include:_n2.provider.example include:_n3.provider.example ~all"
		_n3.provider.example    TXT "v=spf1 ip4:192.0.2.0/24 ~all"
		hosts.example      TXT "v=spf1 a mx include:own.example a:other.hosts.example exists:%{ir}.list.hosts.example -all"
		hosts.example      A 198.51.100.1
		hosts.example      MX 10 mx.hosts.example
		mx.hosts.example   A 198.51.100.2
		other.hosts.example A 198.51.100.3
	`)
	zone.Add("_n1.provider.example", "TXT", "v=spf1"+networks+" ~all")
	zone.Add("_n2.provider.example", "TXT", "v=spf1"+networks+" ~all")
	for _, c := range []struct{ name, domain, client string }{
		{"own network", "own.example", "192.0.2.7"},
		{"provider", "big.example", "192.0.2.7"},
		{"hosts", "hosts.example", "198.51.100.3"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			from := mail.Address{Local: "a", Domain: mail.Domain(c.domain)}
			for b.Loop() {
				if got := Check(b.Context(), zone, netip.MustParseAddr(c.client), "h.example", from); got.Status != mail.Pass {
					b.Fatalf("%+v", got)
				}
			}
		})
	}
}
