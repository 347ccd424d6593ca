package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// Limits of what is found by name.
const (
	MaxHosts      = 64 // given
	maxAddresses  = 16 // of one host
	maxPointers   = 4  // names of an address that are looked at
	maxDomains    = 5  // whose MX hosts serve for comparison
	maxExchangers = 12 // addresses of these
)

// ErrForeign says that nothing in the configuration names a host.
var ErrForeign = errors.New("not named by the configuration")

// Own is what the configuration says is the operator's.
type Own struct {
	Domains []mail.Domain
	Hosts   []string // names and addresses, without ports: the gateway's, the next hops'
}

// Takes reports whether a recipient is in one of the domains.
func (o Own) Takes(recipient mail.Address) bool {
	return recipient.Domain != "" && slices.Contains(o.Domains, recipient.Domain)
}

// within reports whether name is in one of the domains or is one of the hosts.
func (o Own) within(name mail.Domain) bool {
	return slices.ContainsFunc(o.Domains, name.Within) || slices.ContainsFunc(o.Hosts, func(host string) bool {
		d, err := mail.ParseDomain(host)
		return err == nil && d == name
	})
}

// Target is one address to ask.
type Target struct {
	Hosts []string // as given, those that lead here
	Addr  netip.Addr
}

// Find returns the addresses of the hosts, names or addresses, in their order,
// each once. An error for each host that must not be asked (ErrForeign) or that
// has no address stands beside the targets of the others.
func Find(ctx context.Context, r dns.Resolver, own Own, hosts []string) (targets []Target, faults []error) {
	for _, host := range hosts[:min(len(hosts), MaxHosts)] {
		addrs, err := own.addresses(ctx, r, host)
		if err != nil {
			faults = append(faults, fmt.Errorf("%q: %w", host, err))
		}
		for _, addr := range addrs {
			i := slices.IndexFunc(targets, func(t Target) bool { return t.Addr == addr })
			if i < 0 {
				i = len(targets)
				targets = append(targets, Target{Addr: addr})
			}
			if !slices.Contains(targets[i].Hosts, host) {
				targets[i].Hosts = append(targets[i].Hosts, host)
			}
		}
	}
	if len(hosts) > MaxHosts {
		faults = append(faults, fmt.Errorf("%d hosts: only the first %d are asked", len(hosts), MaxHosts))
	}
	return targets, faults
}

// addresses returns those of one host. With an error there may be some all the same.
func (o Own) addresses(ctx context.Context, r dns.Resolver, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		addr = addr.Unmap()
		switch {
		case !usable(addr):
			return nil, errors.New("no address that a server can have")
		case !o.named(ctx, r, addr):
			return nil, fmt.Errorf("%w: give a name below one of your domains that leads there, or name it in [[next_hop]]", ErrForeign)
		}
		return []netip.Addr{addr}, nil
	}
	name, err := mail.ParseDomain(host)
	if err != nil {
		return nil, errors.New("expected a host name or an address, without a port")
	}
	if !o.within(name) {
		return nil, fmt.Errorf("%w: expected a name below one of your domains, or a host of [[next_hop]]", ErrForeign)
	}
	all, err := lookup(ctx, r, string(name))
	addrs := slices.DeleteFunc(all, func(a netip.Addr) bool { return !usable(a) })
	switch {
	case err == nil && len(addrs) < len(all):
		err = errors.New("has addresses that no server can have")
	case err == nil && len(addrs) > maxAddresses:
		err = fmt.Errorf("has %d addresses: only the first %d are asked", len(addrs), maxAddresses)
	}
	return addrs[:min(len(addrs), maxAddresses)], err
}

// noHosts are what no host may have: RFC 1122, Section 3.2.1.3, and RFC 1112, Section 4.
var noHosts = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("240.0.0.0/4")}

// usable leaves out what is no address of one host, and the zone of a link.
// Private addresses and this machine are asked: a resolver inside answers with
// them, and what they say has a note.
func usable(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsMulticast() && !a.IsLinkLocalUnicast() && a.Zone() == "" &&
		!slices.ContainsFunc(noHosts, func(p netip.Prefix) bool { return p.Contains(a) })
}

// named reports whether the configuration names addr, or a name of it that leads
// back to it is ours.
func (o Own) named(ctx context.Context, r dns.Resolver, addr netip.Addr) bool {
	for _, host := range o.Hosts {
		if a, err := netip.ParseAddr(host); err == nil && a.Unmap() == addr {
			return true
		}
	}
	pointers, err := r.PTR(ctx, addr)
	if err != nil {
		return false
	}
	for _, text := range pointers.Records[:min(len(pointers.Records), maxPointers)] {
		name, err := mail.ParseDomain(text)
		if err != nil || !o.within(name) {
			continue
		}
		if addrs, _ := lookup(ctx, r, string(name)); slices.Contains(addrs, addr) { // who owns the address wrote the name
			return true
		}
	}
	return false
}

// lookup returns the addresses of a name, IPv4 first. With an error there may be
// those of one family.
func lookup(ctx context.Context, r dns.Resolver, name string) ([]netip.Addr, error) {
	four, err4 := r.A(ctx, name)
	six, err6 := r.AAAA(ctx, name)
	addrs := slices.Concat(four.Records, six.Records)
	for i, a := range addrs {
		addrs[i] = a.Unmap()
	}
	for _, err := range []error{err4, err6} {
		if err != nil && (!errors.Is(err, dns.ErrNotFound) || len(addrs) == 0) {
			return addrs, err
		}
	}
	return addrs, nil
}

// Exchanger is an address that the MX of our domains leads to.
type Exchanger struct {
	Host   string
	Domain mail.Domain
	Addr   netip.Addr
}

// Exchangers returns where the MX records of the first domains lead. What cannot
// be found is left out: it serves for comparison only.
func Exchangers(ctx context.Context, r dns.Resolver, domains []mail.Domain) (all []Exchanger) {
	asked := map[string]bool{}
	for _, d := range domains[:min(len(domains), maxDomains)] {
		answer, err := r.MX(ctx, string(d))
		if err != nil {
			continue
		}
		for _, mx := range answer.Records {
			if mx.Host == "" || asked[mx.Host] || len(all) >= maxExchangers {
				continue
			}
			asked[mx.Host] = true
			addrs, _ := lookup(ctx, r, mx.Host)
			for _, a := range addrs[:min(len(addrs), maxExchangers-len(all))] {
				all = append(all, Exchanger{mx.Host, d, a})
			}
		}
	}
	return all
}

// carrier is shared by the customers of a carrier: RFC 6598.
var carrier = netip.MustParsePrefix("100.64.0.0/10")

// outside reports whether addr is reached through the Internet.
func outside(addr netip.Addr) bool {
	return !addr.IsPrivate() && !addr.IsLoopback() && !carrier.Contains(addr)
}

// place is addr with a port, as it is dialled.
func place(addr netip.Addr, port uint16) string {
	return net.JoinHostPort(addr.String(), fmt.Sprint(port))
}
