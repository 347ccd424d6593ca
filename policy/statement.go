package policy

import (
	"net/netip"
	"strings"

	"mxgate/policy/authres"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
)

// maxStatements bounds what is kept of a provider's results.
const maxStatements = 16

// Via says how we know a result of the provider.
type Via string

// The ways. The fields count above the provider's border only: below it they may
// have come with the message. A provider who writes them below its own Received
// field (Google does) is heard through its seal.
const (
	ViaField Via = "authentication-results"
	ViaSeal  Via = "arc" // the newest set of a chain that holds, by a sealer whom the catalogue names for the source
)

// Agreement says whether the provider found what we did.
type Agreement string

// The agreements: both pass, or neither does. In the words for "not", programs that
// are right differ. The zero Agreement is "cannot be compared".
const (
	Agrees  Agreement = "agrees"
	Differs Agreement = "differs"
)

// Cause says why we differ, as far as that can be told.
type Cause string

// The causes.
const (
	CauseOrigin  Cause = "origin"  // we take another address than the provider saw for the origin, or none; or perhaps so, if it does not show it
	CauseDNS     Cause = "dns"     // the provider read another record of SPF or DMARC than we do, or found none, or we do not
	CauseBody    Cause = "body"    // the body was changed on the way from the provider to us
	CauseHeader  Cause = "header"  // header fields were, or both
	CauseKey     Cause = "key"     // the key is not what the provider found
	CauseUnknown Cause = "unknown" // none of these
)

// statements records what the provider found, beside what we did. sealed is what
// it stated in its seal.
func (c *Collector) statements(e *Evidence, m *mail.Message, src provider.Source, o origin, sealed authres.Field) {
	if src.Origin == provider.OriginPeer {
		return // a partner's opinion of its own mail
	}
	if border := borderOf(e, m, src, o); border > 0 {
		fields := authres.Trusted(m, border, c.authservIDs(src))
		var client netip.Addr
		if len(fields) > 0 {
			client = receivedSPF(m, border)
		}
		for _, f := range fields {
			e.states(f, ViaField, client)
		}
	}
	e.states(sealed, ViaSeal, netip.Addr{})
}

// receivedSPF is the client that Received-SPF above the border names; zero if none does.
func receivedSPF(m *mail.Message, border int) netip.Addr {
	w, _ := received.Boundary{Witnesses: []string{"Received-SPF"}}.Witness(m, received.Origin{Field: border})
	return w.IP
}

// longComment is as much of a comment as authres keeps: one so long may be cut.
const longComment = 200

// clientOf is the client that the provider names with a result: as Microsoft,
// Google and Hornetsecurity do in a comment, or as RFC 8617, Section 10.2 has it.
// It is otherwise if the result names none, and zero if it names two.
func clientOf(m authres.Method, otherwise netip.Addr) netip.Addr {
	for _, p := range m.Properties {
		if addr, err := netip.ParseAddr(p.Value); err == nil && p.Type == "smtp" && p.Name == "remote-ip" {
			return addr.Unmap()
		}
	}
	comment := m.Comment
	if len(comment) >= longComment {
		comment = comment[:strings.LastIndexByte(comment, ' ')+1]
	}
	if w, ok := received.Sealed(comment, -1); ok {
		return w.IP
	}
	return otherwise
}

// authservIDs lists the names under which a source states its results.
func (c *Collector) authservIDs(src provider.Source) []string {
	if ids, ok := c.AuthservIDs[src.Name]; ok {
		return ids
	}
	entry, _ := provider.Lookup(src.Provider)
	return entry.AuthservIDs
}

// borderOf is the index of the field that the provider's border wrote, -1 if it
// is not known. Where the origin was told, the trace has not been read yet.
func borderOf(e *Evidence, m *mail.Message, src provider.Source, o origin) int {
	if o.border >= 0 || m.First("Authentication-Results") == "" {
		return o.border
	}
	if walked := received.Walk(received.Hops(m), boundaryOf(src), e.ReceivedAt); walked.IP.IsValid() {
		return walked.Field
	}
	return -1
}

// states adds the results of f that are of a kind with ours. client is the address
// that the provider saw, as it says elsewhere.
func (e *Evidence) states(f authres.Field, via Via, client netip.Addr) {
	first := len(e.Provider)
	for _, m := range f.Methods {
		if len(e.Provider) == maxStatements {
			break
		}
		if m.Version > 1 {
			continue // nobody knows yet what it would mean: RFC 8601, Section 2.6
		}
		s := Statement{ID: f.ID, Via: via, Method: m.Name, Result: m.Status, Domain: domainOf(m)}
		if s.Domain == "none" { // Microsoft's word for no domain
			s.Domain = ""
		}
		switch m.Name {
		case "spf":
			e.compareSPF(&s, clientOf(m, client))
		case "dkim":
			for _, p := range m.Properties {
				if p.Type == "header" && p.Name == "s" {
					s.Selector = p.Value
				}
			}
			e.compareDKIM(&s)
		case "dmarc": // compared below, when it is known how the others compare
		default:
			continue
		}
		e.Provider = append(e.Provider, s)
	}
	for i := first; i < len(e.Provider); i++ {
		if s := &e.Provider[i]; s.Method == "dmarc" {
			e.compareDMARC(s)
		}
	}
}
