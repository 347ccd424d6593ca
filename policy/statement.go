package policy

import (
	"fmt"
	"slices"
	"strings"

	"mxgate/policy/authres"
	"mxgate/policy/dkim"
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

// The agreements. The zero Agreement is "cannot be compared". Only pass and not
// pass are told apart: in the rest, programs that are right differ.
const (
	Agrees  Agreement = "agrees"
	Differs Agreement = "differs"
)

// Cause says why we differ, as far as that can be told.
type Cause string

// The causes.
const (
	CauseOrigin  Cause = "origin"  // we do not know the address that the provider saw, or take another one for it
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
		for _, f := range authres.Trusted(m, border, c.authservIDs(src)) {
			e.states(f, ViaField)
		}
	}
	e.states(sealed, ViaSeal)
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

// states adds the results of f that are of a kind with ours.
func (e *Evidence) states(f authres.Field, via Via) {
	for _, m := range f.Methods {
		if len(e.Provider) == maxStatements {
			return
		}
		if m.Version > 1 {
			continue // nobody knows yet what it would mean: RFC 8601, Section 2.6
		}
		s := Statement{ID: f.ID, Via: via, Method: m.Name, Result: m.Status, Domain: domainOf(m)}
		switch m.Name {
		case "spf":
			e.compareSPF(&s)
		case "dkim":
			for _, p := range m.Properties {
				if p.Type == "header" && p.Name == "s" {
					s.Selector = p.Value
				}
			}
			e.compareDKIM(&s)
		case "dmarc":
			e.compareDMARC(&s)
		default:
			continue
		}
		e.Provider = append(e.Provider, s)
	}
}

// judge says whether theirs and ours agree; cause is why they do not.
func (s *Statement) judge(ours mail.Status, cause Cause, why string) {
	s.Ours = ours
	switch {
	case s.Result == mail.TempError || ours == mail.TempError:
		s.Why = "DNS did not answer one of us"
	case (s.Result == mail.Pass) == (ours == mail.Pass):
		s.Agreement = Agrees
	default:
		s.Agreement, s.Cause, s.Why = Differs, cause, why
	}
}

func (e *Evidence) compareSPF(s *Statement) {
	switch {
	case e.Origin.IP == "":
		s.judge(e.SPF.Result, CauseOrigin, "we do not know the address that the provider saw")
	case s.Domain != "" && s.Domain != mail.Domain(e.SPF.Domain):
		s.Why = fmt.Sprintf("the provider checked another name than we did, %s", or(e.SPF.Domain, "none"))
	default:
		s.judge(e.SPF.Result, CauseOrigin, fmt.Sprintf("the provider may have seen another address than %s, which we take for the origin", e.Origin.IP))
	}
}

func (e *Evidence) compareDKIM(s *Statement) {
	if s.Result == mail.None && len(e.DKIM) == 0 {
		s.judge(mail.None, "", "")
		return
	}
	ours := e.signature(s.Domain, s.Selector)
	if ours == nil {
		s.Why = "no such signature is among those that we looked at"
		return
	}
	s.judge(ours.Result, causeOf(dkim.Breakage(ours.Breakage)), ours.Why)
}

// signature finds the signature that a provider tells of: of several, one that
// holds. Without a selector any of the domain will do.
func (e *Evidence) signature(d mail.Domain, selector string) *DKIM {
	var found *DKIM
	for i := range e.DKIM {
		s := &e.DKIM[i]
		if d == "" || s.Domain != d || selector != "" && !strings.EqualFold(selector, s.Selector) {
			continue
		}
		if found == nil || s.Result == mail.Pass && found.Result != mail.Pass {
			found = s
		}
	}
	return found
}

func causeOf(b dkim.Breakage) Cause {
	switch b {
	case dkim.BodyChanged:
		return CauseBody
	case dkim.HeaderChanged, dkim.HeaderAndBodyChanged, dkim.HeaderOrKey:
		return CauseHeader
	case dkim.OtherKey, dkim.KeyGone:
		return CauseKey
	}
	return CauseUnknown
}

// compareDMARC finds the cause of a difference among the results that DMARC is
// made of: a signature of the author that broke, else the origin.
func (e *Evidence) compareDMARC(s *Statement) {
	if e.Author.Ambiguous != "" || s.Domain != "" && s.Domain != e.Author.Domain {
		s.Why = "the provider took somebody else for the author"
		return
	}
	if s.Result != mail.Pass {
		s.judge(e.DMARC.Result, CauseUnknown, "")
		return
	}
	for i := range e.DKIM {
		d := &e.DKIM[i]
		if cause := causeOf(dkim.Breakage(d.Breakage)); cause != CauseUnknown && e.related(d.Domain) {
			s.judge(e.DMARC.Result, cause, d.Why)
			return
		}
	}
	differs := func(o Statement) bool { return o.Method == "spf" && o.Agreement == Differs }
	if e.Origin.IP == "" || slices.ContainsFunc(e.Provider, differs) {
		s.judge(e.DMARC.Result, CauseOrigin, "the provider saw the address that the mail came from, and we may not")
		return
	}
	s.judge(e.DMARC.Result, CauseUnknown, "")
}

// sawHold reports whether the provider found that a signature held which does
// not any more.
func (e *Evidence) sawHold(s *DKIM) bool {
	return slices.ContainsFunc(e.Provider, func(p Statement) bool {
		return p.Method == "dkim" && p.Result == mail.Pass && p.Domain == s.Domain && (p.Selector == "" || strings.EqualFold(p.Selector, s.Selector))
	})
}
