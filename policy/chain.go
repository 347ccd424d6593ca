package policy

import (
	"context"
	"slices"
	"strings"

	"mxgate/policy/arc"
	"mxgate/policy/authres"
	"mxgate/policy/dmarc"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// maxSets bounds how many sets of a chain are kept and read, the newest: each may
// have us ask for the organizational domains of what it names.
const maxSets = 10

// sealed reports whether m carries any part of an ARC set.
func sealed(m *mail.Message) bool {
	return slices.ContainsFunc(m.Fields, func(f mail.Field) bool {
		return len(f.Name) >= 4 && strings.EqualFold(f.Name[:4], "ARC-")
	})
}

// arc records the chain, and returns what the provider sealed last, if it did and
// the chain holds. border is the index of the field in which the provider wrote
// down who handed it the message, -1 if not known: what the provider sealed on this
// way stands above it, what stands below came with the message and may be the seal
// of another one. What the sealers found out about the author is read if the
// chain holds and nothing else proves him; that he was not proven, in any case, also
// where the fields do not even make a chain.
func (e *Evidence) arc(ctx context.Context, author *dmarc.Author, chain arc.Result, entry *provider.Entry, border int) (byProvider authres.Field) {
	e.ARC = ARC{Result: chain.Status, Why: chain.Why, OldestPass: chain.OldestPass}
	if chain.Status == mail.None {
		e.ARC.Why = ""
	}
	sets := chain.Sets
	if len(sets) == 0 {
		sets = chain.Loose
	}
	sets = sets[max(0, len(sets)-maxSets):]
	for i, s := range sets {
		set := ARCSet{Instance: s.Instance, Sealer: s.Sealer, Selector: s.Selector, SealedAt: s.SealedAt, CV: s.CV, Testing: s.Testing}
		field, err := authres.Parse(s.Results)
		if err == nil {
			set.ID = field.ID
			set.Provider = s.Lowest < border && slices.Contains(entry.ARCDomains, string(s.Sealer)) && sealsAs(entry, field.ID)
		}
		asked := err == nil && e.Author.Ambiguous == "" && !e.Aligned()
		switch {
		case asked && chain.Status == mail.Pass:
			set.Claim = claimOf(ctx, author, e.Author.Domain, field)
		case asked && denies(field): // that needs no proof, and a set below can break any chain
			set.Claim.DMARC = mail.Fail
		}
		if err == nil && chain.Status == mail.Pass && i == len(sets)-1 && set.Provider {
			byProvider = field
		}
		e.ARC.Sets = append(e.ARC.Sets, set)
	}
	return byProvider
}

// sealsAs reports whether the provider states results in its seals under id, as
// far as the catalogue knows the names it uses: "<n>" in one stands for anything.
func sealsAs(entry *provider.Entry, id string) bool {
	if len(entry.AARAuthservIDs) == 0 {
		return true
	}
	return slices.ContainsFunc(entry.AARAuthservIDs, func(known string) bool {
		return strings.Contains(known, "<") || strings.EqualFold(known, id)
	})
}

// denies reports whether field says that DMARC failed.
func denies(field authres.Field) bool {
	return slices.ContainsFunc(field.Methods, func(m authres.Method) bool { return m.Name == "dmarc" && m.Status == mail.Fail })
}

// claimOf is what field says about the author, of domain. Of DMARC it must say so
// once, and for him; only where it is silent on DMARC its SPF and DKIM are looked at.
func claimOf(ctx context.Context, author *dmarc.Author, domain mail.Domain, field authres.Field) Claim {
	if denies(field) {
		return Claim{DMARC: mail.Fail} // whatever else it says
	}
	if slices.ContainsFunc(field.Methods, func(m authres.Method) bool { return m.Name == "dmarc" }) {
		m, sole := field.Sole("dmarc")
		switch about := domainOf(m); {
		case !sole, about != domain && about != "", about == "" && m.Status == mail.Pass:
			return Claim{}
		case m.Status != mail.None:
			return Claim{DMARC: m.Status}
		}
	}
	var id dmarc.Identifiers
	if m, sole := field.Sole("spf"); sole {
		id.SPFDomain, id.SPF = domainOf(m), m.Status
	}
	for _, m := range field.Methods {
		if m.Name == "dkim" && m.Version < 2 {
			id.DKIM = append(id.DKIM, dmarc.Signature{Domain: domainOf(m), Status: m.Status})
		}
	}
	d := author.Evaluate(ctx, id)
	return Claim{SPFAligned: d.SPFAligned, DKIMAligned: d.DKIMAligned}
}

// domainOf is the domain that a result is about; "" if it does not say, or says
// so twice.
func domainOf(m authres.Method) mail.Domain {
	for _, name := range aboutOf[m.Name] {
		value, n := "", 0
		for _, p := range m.Properties {
			if p.Type+"."+p.Name == name {
				value, n = p.Value, n+1
			}
		}
		if n == 0 {
			continue
		}
		d, err := mail.ParseDomain(value[strings.LastIndexByte(value, '@')+1:])
		if n > 1 || err != nil {
			return ""
		}
		return d
	}
	return ""
}

// aboutOf lists the properties that name the domain, the better first. RFC 8601,
// Section 2.7.
var aboutOf = map[string][]string{
	"spf":   {"smtp.mailfrom"},
	"dkim":  {"header.d", "header.i"},
	"dmarc": {"header.from"},
}
