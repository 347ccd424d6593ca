package providers

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// maxTerms bounds the terms of an SPF record that Detect looks at.
const maxTerms = 200

// How a provider was known.
const (
	ByName    = "name"       // of the mail exchanger
	ByHearsay = "hearsay"    // by a name of which the catalogue is not sure
	ByAddress = "address"    // of the mail exchanger, in a range of the catalogue
	BySPF     = "spf record" // of the domain: it sends, or once sent, through the provider
)

// Found is a provider that a domain has to do with.
type Found struct {
	Preference uint16 // of the mail exchanger
	Implicit   bool   // there is no MX record: the host is the domain itself
	Host       string // the mail exchanger, or what the SPF record includes
	Provider   string // id in the catalogue, "" for none that is known
	Name       string // of the provider
	How        string // "" without a provider
}

// Detection is what DNS tells of a domain's providers.
type Detection struct {
	Domain mail.Domain
	MX     []Found // by preference; empty: it takes no mail
	// Traces are providers that the SPF record names and MX does not: those it
	// sends through, and those that nobody took out when they were left.
	Traces []Found
}

// Detect names the providers of a domain. It fails if the domain does not exist
// or MX cannot be learned.
func Detect(ctx context.Context, r dns.Resolver, domain mail.Domain) (Detection, error) {
	d := Detection{Domain: domain}
	exchangers, err := exchangersOf(ctx, r, domain)
	if err != nil {
		if errors.Is(err, dns.ErrNoSuchName) {
			return Detection{}, fmt.Errorf("%s does not exist in DNS: %w", domain, err)
		}
		return Detection{}, fmt.Errorf("MX of %s: %w", domain, err)
	}
	for _, x := range exchangers {
		f := Found{Preference: x.Preference, Implicit: x.Implicit, Host: x.Host}
		if match, ok := provider.OfMX(x.Host); ok {
			f.Provider, f.Name, f.How = match.Entry.ID, match.Entry.Name, ByName
			if match.Unverified {
				f.How = ByHearsay
			}
		} else if e, ok := ofAddress(x.Addrs); ok {
			f.Provider, f.Name, f.How = e.ID, e.Name, ByAddress
		}
		d.MX = append(d.MX, f)
	}
	answer, err := r.TXT(ctx, string(domain))
	if err != nil && !errors.Is(err, dns.ErrNotFound) {
		return d, nil // the traces are a hint, no more
	}
	for _, txt := range answer.Records {
		if version, terms, _ := strings.Cut(txt, " "); strings.EqualFold(version, "v=spf1") {
			d.Traces = append(d.Traces, d.traces(terms)...)
		}
	}
	return d, nil
}

// traces looks for providers in the terms of an SPF record.
func (d Detection) traces(terms string) []Found {
	var found []Found
	for i, term := range strings.Fields(terms) {
		if i == maxTerms {
			break
		}
		name, ok := strings.CutPrefix(strings.ToLower(strings.TrimLeft(term, "+?~-")), "include:")
		if !ok {
			continue
		}
		e, ok := ofInclude(name)
		known := func(f Found) bool { return f.Provider == e.ID }
		if ok && !slices.ContainsFunc(d.MX, known) && !slices.ContainsFunc(found, known) {
			found = append(found, Found{Host: name, Provider: e.ID, Name: e.Name, How: BySPF})
		}
	}
	return found
}

// ofInclude returns the provider whose SPF record name is.
func ofInclude(name string) (provider.Entry, bool) {
	for _, id := range provider.IDs() {
		if e, _ := provider.Lookup(id); slices.Contains(e.SPFIncludes, name) {
			return e, true
		}
	}
	match, ok := provider.OfMX(name)
	return match.Entry, ok
}

// ofAddress returns the provider in whose catalogue ranges an address lies.
func ofAddress(addrs []netip.Addr) (provider.Entry, bool) {
	for _, id := range provider.IDs() {
		e, _ := provider.Lookup(id)
		for _, s := range e.Ranges {
			for _, p := range s.List {
				if slices.ContainsFunc(addrs, func(a netip.Addr) bool { return p.Contains(a.Unmap()) }) {
					return e, true
				}
			}
		}
	}
	return provider.Entry{}, false
}
