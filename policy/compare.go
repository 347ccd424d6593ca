package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"mxgate/policy/dkim"
	"mxgate/policy/mail"
)

// The functions below hold a result of the provider against ours.

// judge says whether theirs and ours agree; cause is why they do not.
func (s *Statement) judge(ours mail.Status, cause Cause, why string) {
	s.Ours = ours
	switch {
	case s.Result == mail.TempError:
		s.Why = "DNS did not answer the provider"
	case ours == mail.TempError:
		s.Why = "DNS did not answer us"
	case (s.Result == mail.Pass) == (ours == mail.Pass):
		s.Agreement = Agrees
	default:
		s.Agreement, s.Cause, s.Why = Differs, cause, why
	}
}

// compareSPF compares results for one name. client is the address that the provider
// saw; zero if it does not say.
func (e *Evidence) compareSPF(s *Statement, client netip.Addr) {
	ours, err := netip.ParseAddr(e.Origin.IP)
	switch {
	case err != nil && client.IsValid():
		s.judge(e.SPF.Result, CauseOrigin, fmt.Sprintf("the provider saw %s, and we know no origin", client))
	case err != nil:
		s.judge(e.SPF.Result, CauseOrigin, "we do not know the address that the provider saw")
	case s.Domain != "" && s.Domain != mail.Domain(e.SPF.Domain):
		s.Why = fmt.Sprintf("the provider checked another name than we did, %s", or(e.SPF.Domain, "none"))
	case !client.IsValid():
		s.judge(e.SPF.Result, CauseOrigin, fmt.Sprintf("perhaps the provider, which does not show it, saw another address than %s, which we take for the origin", ours))
	case client != ours.Unmap():
		s.judge(e.SPF.Result, CauseOrigin, fmt.Sprintf("the provider saw %s, and we take %s for the origin", client, ours))
	default:
		cause, why := e.otherRecord(s)
		s.judge(e.SPF.Result, cause, why)
	}
}

// otherRecord says why SPF ends otherwise for the same address.
func (e *Evidence) otherRecord(s *Statement) (Cause, string) {
	const same = "the provider saw the same address; "
	switch {
	case s.Domain == "":
		return CauseUnknown, same + "it does not say whose record it read"
	case e.SPF.Result == mail.PermError:
		return CauseUnknown, same + "to us the record is broken: " + e.SPF.Why
	case s.Result == mail.PermError:
		return CauseUnknown, same + "to it the record is broken"
	}
	return CauseDNS, same + "the record it read is not the one we read"
}

func (e *Evidence) compareDKIM(s *Statement) {
	if s.Result == mail.None && len(e.DKIM) == 0 {
		s.judge(mail.None, "", "")
		return
	}
	ours := e.signature(s.Domain, s.Selector)
	switch {
	case ours == nil && s.Result == mail.None && s.Domain == "":
		s.Why = "the provider names no signature, and we looked at some"
	case ours == nil:
		s.Why = "no such signature is among those that we looked at"
	case ours.Result == mail.Pass:
		s.judge(ours.Result, CauseUnknown, "for us the signature holds")
	default:
		s.judge(ours.Result, causeOf(dkim.Breakage(ours.Breakage)), ours.Why)
	}
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

// compareDMARC compares results for the author.
func (e *Evidence) compareDMARC(s *Statement) {
	switch {
	case e.Author.Ambiguous != "":
		s.Why = "it cannot be said who the author is"
		return
	case s.Domain != "" && s.Domain != e.Author.Domain:
		s.Why = "the provider took somebody else for the author"
		return
	}
	cause, why := e.causeOfDMARC(s.Result)
	s.judge(e.DMARC.Result, cause, why)
}

// causeOfDMARC finds the cause of a difference in the record, or among the results
// that DMARC is made of: one that differs the same way, else a signature of the
// author that broke and of which the provider is silent, else the origin.
func (e *Evidence) causeOfDMARC(theirs mail.Status) (Cause, string) {
	switch {
	case e.DMARC.Result == mail.None && strings.HasPrefix(e.DMARC.Why, "no "):
		return CauseDNS, "we find " + e.DMARC.Why
	case e.DMARC.Result == mail.None:
		return CauseDNS, "we find no DMARC record that counts: " + or(e.DMARC.Why, "it is not known why")
	case theirs == mail.None || theirs == mail.PermError:
		return CauseDNS, "the provider found no DMARC record that counts"
	}
	if s := e.sameDifference(theirs); s != nil {
		return s.Cause, fmt.Sprintf("%s differs, too: %s", strings.ToUpper(s.Method), s.Why)
	}
	if theirs != mail.Pass {
		return CauseUnknown, "what the provider says of SPF and DKIM does not explain it; here " + or(e.DMARC.Why, "it passed")
	}
	for i := range e.DKIM {
		d := &e.DKIM[i]
		if cause := causeOf(dkim.Breakage(d.Breakage)); cause != CauseUnknown && e.near(d.Domain) && !e.stated("dkim", d) {
			return cause, d.Why
		}
	}
	if e.Origin.IP == "" && !e.stated("spf", nil) {
		return CauseOrigin, "we do not know the address that the provider saw"
	}
	return CauseUnknown, "what the provider says of SPF and DKIM does not explain it; here " + or(e.DMARC.Why, "nothing passed")
}

// sameDifference finds a result of SPF or DKIM, of a name that may be aligned, that
// differs from ours as the provider's DMARC result theirs does: nil if none does.
// One whose cause is known goes before the others.
func (e *Evidence) sameDifference(theirs mail.Status) *Statement {
	var found *Statement
	for i := range e.Provider {
		s := &e.Provider[i]
		about := s.Domain
		if s.Method == "spf" {
			about = mail.Domain(e.SPF.Domain)
		}
		if s.Method == "dmarc" || s.Agreement != Differs || (s.Result == mail.Pass) != (theirs == mail.Pass) || !e.near(about) {
			continue
		}
		if found == nil || found.Cause == CauseUnknown && s.Cause != CauseUnknown {
			found = s
		}
	}
	return found
}

// near reports whether d may be aligned with the author domain.
func (e *Evidence) near(d mail.Domain) bool {
	return e.related(d) || d.Within(e.DMARC.Organizational)
}

// stated reports whether the provider states a result of the method; if about is
// not nil, of that signature.
func (e *Evidence) stated(method string, about *DKIM) bool {
	return slices.ContainsFunc(e.Provider, func(s Statement) bool {
		return s.Method == method && (about == nil || s.isOf(about))
	})
}

// isOf reports whether s is about that signature.
func (s *Statement) isOf(d *DKIM) bool {
	return s.Domain == d.Domain && (s.Selector == "" || strings.EqualFold(s.Selector, d.Selector))
}

// sawHold reports whether the provider found that a signature held which does
// not any more.
func (e *Evidence) sawHold(d *DKIM) bool {
	return slices.ContainsFunc(e.Provider, func(s Statement) bool {
		return s.Method == "dkim" && s.Result == mail.Pass && s.isOf(d)
	})
}
