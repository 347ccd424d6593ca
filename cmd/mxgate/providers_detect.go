package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"mxgate/cmd/mxgate/internal/providers"
	"mxgate/policy"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// detectLine is one line of `mxgate providers detect -json`. Its names are a
// contract: added, never renamed.
type detectLine struct {
	Domain mail.Domain  `json:"domain"`
	MX     []detectHost `json:"mx"`
	Traces []detectHost `json:"traces"`
}

type detectHost struct {
	Preference uint16 `json:"preference"`
	Host       string `json:"host"`
	Provider   string `json:"provider"`           // id in the catalogue, "" for none that is known
	How        string `json:"how"`                // "name", "hearsay", "address", "spf record" or ""
	Implicit   bool   `json:"implicit,omitempty"` // there is no MX record: the host is the domain itself
}

func (p *providing) detect(ctx context.Context, names []string) int {
	if len(names) == 0 {
		return misused(p.flags, "expected DOMAIN...")
	}
	var domains []mail.Domain
	for _, name := range names {
		domain, err := mail.ParseDomain(name)
		if err != nil {
			return misused(p.flags, fmt.Sprintf("%q: expected a domain such as example.com", name))
		}
		domains = append(domains, domain)
	}
	fetcher, err := p.fetcher()
	if err != nil {
		return failed("providers detect", p.errOut, err)
	}
	code := exitFine
	for i, domain := range domains {
		d, err := providers.Detect(ctx, fetcher.Resolver, domain)
		if err != nil {
			p.lines("detect", err)
			code = worse(code, exitCouldNot)
			continue
		}
		if i > 0 && !p.json {
			fmt.Fprintln(p.out)
		}
		found, err := p.printDetection(d)
		if err != nil {
			return failed("providers detect", p.errOut, err)
		}
		if !found {
			code = worse(code, exitFindings)
		}
	}
	return code
}

// printDetection shows what was found and, of a provider, what to configure.
func (p *providing) printDetection(d providers.Detection) (found bool, err error) {
	var ids []string
	for _, f := range d.MX {
		if f.Provider != "" && !slices.Contains(ids, f.Provider) {
			ids = append(ids, f.Provider)
		}
	}
	if p.json {
		return len(ids) > 0, json.NewEncoder(p.out).Encode(detectLine{d.Domain, detectHosts(d.MX), detectHosts(d.Traces)})
	}
	t := table{}
	t.add("", "DOMAIN", "", "HOST", "PROVIDER", "KNOWN BY")
	for _, f := range d.MX {
		kind := fmt.Sprintf("MX %d", f.Preference)
		if f.Implicit {
			kind = "no MX"
		}
		t.add("", string(d.Domain), kind, shown(f.Host, 80), cmp.Or(f.Provider, "not known"), howShown(f.How))
	}
	for _, f := range d.Traces {
		t.add("", string(d.Domain), "SPF", shown(f.Host, 80), f.Provider, f.How+": sends through it, or did")
	}
	if len(d.MX) == 0 {
		t.add("", string(d.Domain), "MX", "-", "takes no mail", "")
	}
	if err := t.print(p.out); err != nil {
		return false, err
	}
	if len(ids) == 0 && len(d.MX) > 0 {
		fmt.Fprint(p.out, "\nno provider is known by these names: they are servers of the domain's own, or a provider\nthat the catalogue does not have; for that, write a [[source]] with received_by\n")
	}
	for _, id := range ids {
		printSource(p, id)
	}
	return len(ids) > 0, nil
}

func howShown(how string) string {
	switch how {
	case "":
		return "-"
	case providers.ByHearsay:
		return "name, by hearsay"
	case providers.ByAddress:
		return "address, in a range of the catalogue"
	}
	return how
}

func detectHosts(all []providers.Found) []detectHost {
	hosts := []detectHost{}
	for _, f := range all {
		hosts = append(hosts, detectHost{f.Preference, policy.Plain(f.Host, 300), f.Provider, f.How, f.Implicit})
	}
	return hosts
}

// printSource proposes a [[source]]. Ranges that the provider itself states are
// proposed; those that others state are shown.
func printSource(p *providing, id string) {
	e, _ := provider.Lookup(id)
	fmt.Fprintf(p.out, "\n# %s\n[[source]]\nname = %q\nprovider = %q\n", e.Name, id, id)
	var own []netip.Prefix
	for _, s := range e.Ranges {
		asOf := s.AsOf
		if asOf == "unknown" {
			asOf = "of an unknown date"
		}
		said := fmt.Sprintf("%s, %s: %s", s.Status, asOf, policy.Plain(s.Source, 200))
		if s.Status == "vendor-doc" || s.Status == "vendor-json" {
			own = append(own, s.List...)
			fmt.Fprintf(p.out, "# in ranges by %s\n", said)
			continue
		}
		fmt.Fprintf(p.out, "# not in ranges, ask the provider: %s, by %s\n", quotedRanges(s.List), said)
	}
	if own == nil {
		fmt.Fprintln(p.out, "# ranges are yours to fill in: ask the provider from where it delivers to you")
	}
	fmt.Fprintf(p.out, "ranges = [%s]\n", quotedRanges(own))
	for _, place := range e.Published() {
		fmt.Fprintf(p.out, "# it publishes ranges at %s: compare them with `mxgate providers refresh`\n", place)
	}
}
