package providers

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// maxExchangers bounds the mail exchangers of a domain that are looked at.
const maxExchangers = 20

// Exchanger is a host that takes mail for a domain.
type Exchanger struct {
	dns.MX
	Implicit bool         // there is no MX record: the domain takes its mail itself
	Addrs    []netip.Addr // those that could be learned
}

// exchangersOf asks where the mail of a domain goes. A domain without MX records
// takes its mail itself if it has an address (RFC 5321, Section 5.1); one with a
// null MX takes none. Addresses that cannot be learned are left out: names tell more.
func exchangersOf(ctx context.Context, r dns.Resolver, domain mail.Domain) ([]Exchanger, error) {
	answer, err := r.MX(ctx, string(domain))
	implicit := false
	switch {
	case errors.Is(err, dns.ErrNoSuchName):
		return nil, err
	case errors.Is(err, dns.ErrNotFound):
		answer.Records, implicit = []dns.MX{{Host: string(domain)}}, true
	case err != nil:
		return nil, err
	}
	var all []Exchanger
	for _, mx := range answer.Records[:min(len(answer.Records), maxExchangers)] {
		if mx.Host == "" {
			continue
		}
		four, err4 := r.A(ctx, mx.Host)
		six, err6 := r.AAAA(ctx, mx.Host)
		if implicit && errors.Is(err4, dns.ErrNotFound) && errors.Is(err6, dns.ErrNotFound) {
			continue
		}
		all = append(all, Exchanger{mx, implicit, slices.Concat(four.Records, six.Records)})
	}
	slices.SortStableFunc(all, func(a, b Exchanger) int { return int(a.Preference) - int(b.Preference) })
	return all, nil
}

// isOf reports whether mail for x goes to source s: by the provider that the name
// of x belongs to, by a name that s has in the configuration, or by an address.
func (x Exchanger) isOf(s provider.Source) bool {
	if match, ok := provider.OfMX(x.Host); ok && match.Entry.ID == s.Provider {
		return true
	}
	for _, suffix := range s.ReceivedBy {
		if x.Host == suffix || strings.HasSuffix(x.Host, "."+suffix) {
			return true
		}
	}
	return slices.ContainsFunc(x.Addrs, func(a netip.Addr) bool {
		return slices.ContainsFunc(s.Ranges, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
	})
}
