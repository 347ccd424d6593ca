package trace

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
)

// defaultGrace is how long after its last day, and before its first, a provider
// is taken to be in force: mail is under way while an MX record changes.
const defaultGrace = 72 * time.Hour

// Config is what is known about our side. It is shared and must not be changed.
type Config struct {
	Domains    []mail.Domain
	Hosts      []string // ends of the names of our servers, lower case; those in Domains are meant, too
	Networks   []netip.Prefix
	AuthservID []string // of results that our servers write; empty: Hosts and Domains
	Grace      time.Duration
	Mailboxes  []Mailbox
	Sources    []Source // providers and other parties that our MX records named
	Permitted  []Permit // who may deliver past them
}

// Mailbox is a service that holds mailboxes of ours, behind or beside our servers.
type Mailbox struct {
	Provider string
	Tenant   string // what the service calls us; "": not known
	entry    provider.Entry
	boundary received.Boundary
}

// Source is one provider over one period.
type Source struct {
	Name     string
	Provider string // id in the catalogue; may be empty
	Period
	Ranges []Range
	Tenant string // stands in the names of the hops that the provider writes for us; "": not known
	// Complete says that no host outside Ranges can be the provider's: they are
	// the operator's, or made from what the provider publishes for machines.
	Complete bool
	// Egress are ends of the names of the hosts that deliver for it.
	Egress   []string
	entry    provider.Entry
	boundary received.Boundary
}

// Range is one network with who said that it is the provider's.
type Range struct {
	netip.Prefix
	Said       string // "the configuration", or the status and date of the catalogue
	Firm       bool   // said by the operator or the vendor
	Configured bool   // said by the operator
}

// Permit is somebody who may deliver to us directly.
type Permit struct {
	Name string
	Period
	Ranges []netip.Prefix
}

// Period is a time from the first to the end of the last day, both UTC; a zero
// end is open.
type Period struct{ From, Until time.Time }

// covers reports whether t is in p, widened by grace at both ends. A zero t is
// taken as now would be: in p if it has not ended.
func (p Period) covers(t time.Time, grace time.Duration) bool {
	if t.IsZero() {
		return p.Until.IsZero()
	}
	return (p.From.IsZero() || !t.Before(p.From.Add(-grace))) && (p.Until.IsZero() || t.Before(p.Until.Add(grace)))
}

// over reports whether p had ended at t, grace included.
func (p Period) over(t time.Time, grace time.Duration) bool {
	if p.Until.IsZero() {
		return false
	}
	return t.IsZero() || !t.Before(p.Until.Add(grace))
}

// holds returns the range of s that ip is in.
func (s *Source) holds(ip netip.Addr) (Range, bool) {
	for _, r := range s.Ranges {
		if r.Contains(ip) {
			return r, true
		}
	}
	return Range{}, false
}

// delivers reports whether name, which our server has verified, is that of a
// host which delivers for s.
func (s *Source) delivers(name string) bool { return withinAny(s.Egress, name) }

// complete fills in what follows from the catalogue.
func (s *Source) complete(receivedBy []string) {
	s.entry, _ = provider.Lookup(s.Provider)
	s.Complete = len(s.Ranges) > 0
	if len(s.Ranges) == 0 {
		for _, statement := range s.entry.Ranges {
			firm := strings.HasPrefix(statement.Status, "vendor-") && statement.Status != "vendor-mirror"
			s.Complete = s.Complete || statement.Status == "vendor-json"
			for _, p := range statement.List {
				s.Ranges = append(s.Ranges, Range{Prefix: p, Said: statement.Status + " " + statement.AsOf, Firm: firm})
			}
		}
	}
	s.Egress = append(slices.Clone(s.entry.EgressSuffixes), receivedBy...)
	s.boundary = received.Boundary{
		Ingress: s.entry.Ingress, Inner: s.entry.Inner, ReceivedBy: receivedBy, Chained: s.entry.IngressChained,
		Ranges:    func(ip netip.Addr) bool { _, ok := s.holds(ip); return ok },
		Witnesses: s.entry.OriginalIPHeaders, Tenant: s.Tenant, TenantFields: tenantFields(s.entry),
		Shared: true, Own: slices.DeleteFunc(slices.Clone(receivedBy), func(name string) bool { return slices.Contains(s.entry.ReceivedBySuffixes, name) }),
	}
	if len(receivedBy) == 0 {
		s.boundary.ReceivedBy = s.entry.ReceivedBySuffixes
	}
	if len(s.Ranges) == 0 {
		s.boundary.Ranges = nil
	}
}

// tenantFields are the names of fields that say whose a message is.
func tenantFields(e provider.Entry) []string {
	return slices.DeleteFunc(slices.Clone(e.TenantDiscriminators), func(text string) bool { return strings.ContainsAny(text, " :=") })
}

// complete fills in what follows from the catalogue. Its hops may show a client
// in its own ranges: other customers of it write to us, too.
func (b *Mailbox) complete() {
	b.entry, _ = provider.Lookup(b.Provider)
	b.boundary = received.Boundary{
		Ingress: b.entry.Ingress, Inner: b.entry.Inner, ReceivedBy: b.entry.ReceivedBySuffixes, Chained: true, MaxHops: maxOwnHops,
		Ranges: b.holds,
	}
}

func (b *Mailbox) holds(ip netip.Addr) bool {
	for _, statement := range b.entry.Ranges {
		for _, p := range statement.List {
			if p.Contains(ip) {
				return true
			}
		}
	}
	return false
}

// ours is the boundary of our own servers.
func (c *Config) ours() received.Boundary {
	return received.Boundary{ReceivedBy: append(c.names(), "localhost"), Ranges: c.inNetworks, MaxHops: maxOwnHops}
}

// names are the ends of the names of our servers.
func (c *Config) names() []string {
	names := slices.Clone(c.Hosts)
	for _, d := range c.Domains {
		names = append(names, string(d))
	}
	return names
}

func (c *Config) inNetworks(ip netip.Addr) bool {
	return slices.ContainsFunc(c.Networks, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// nearer reports whether a network of ours says of ip what r says, and more exactly, or
// as exactly: then ip is ours.
func (c *Config) nearer(ip netip.Addr, r Range) bool {
	return slices.ContainsFunc(c.Networks, func(p netip.Prefix) bool { return p.Contains(ip) && p.Bits() >= r.Bits() })
}

// ownDomain reports whether d is one of our domains or below one.
func (c *Config) ownDomain(d mail.Domain) bool {
	return slices.ContainsFunc(c.Domains, d.Within)
}

// authservIDs are the names under which our servers write results.
func (c *Config) authservIDs() []string {
	if len(c.AuthservID) > 0 {
		return c.AuthservID
	}
	return c.names()
}

// withinAny reports whether host is one of suffixes or a name below one.
func withinAny(suffixes []string, host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return slices.ContainsFunc(suffixes, func(s string) bool { return s != "" && (host == s || strings.HasSuffix(host, "."+s)) })
}
