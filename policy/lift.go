package policy

import (
	"fmt"
	"slices"
	"time"

	"mxgate/policy/mail"
)

// Forwarder is a mailing list or a forwarding service that the operator knows by
// name. It breaks what proves its authors; a rule believes it instead, for mail
// on which it proves itself. Whoever can make it forward is believed with it.
type Forwarder struct {
	Name      string        // for people
	DKIM      []mail.Domain // proven by a valid signature of one of these, exactly (d=)
	Sealers   []mail.Domain // or by an ARC seal of one of these, exactly
	Authors   []mail.Domain // optional: only for authors in these domains or below
	Recipient string        // optional: only for this recipient address or domain
	Reasons   []Reason      // of ForwarderReasons; empty: dmarc-fail and dmarc-none-weak
	Owner     string
	Why       string
	Expires   time.Time // zero: no end
}

// ForwarderReasons returns what a Forwarder may lift: the reasons that say no
// more than that nothing proves the author.
func ForwarderReasons() []Reason {
	return []Reason{OwnDomainSpoof, Impersonated, DMARCFail, DMARCNoneWeak}
}

// Lift tells why a reason that applies does not count.
type Lift struct {
	Reason   Reason   `json:"reason"`
	By       LiftedBy `json:"by"`
	Name     string   `json:"name"` // the sealer's domain, or the forwarder's name
	Sentence string   `json:"sentence"`
}

// LiftedBy says what sort of rule was applied.
type LiftedBy string

// The sorts.
const (
	BySealer    LiftedBy = "sealer"
	ByForwarder LiftedBy = "forwarder"
)

// lifts reports whether somebody is believed who makes reason moot.
func (r *Rules) lifts(reason Reason, e *Evidence) (Lift, bool) {
	if e.Author.Ambiguous != "" {
		return Lift{}, false // there is nobody to vouch for
	}
	for i := range r.Forwarders {
		f := &r.Forwarders[i]
		if !f.lifts(reason, e) {
			continue
		}
		if by := r.proofOf(f, e); by != "" {
			through := fmt.Sprintf("it came through %q, a forwarder of our rules, which proves itself by %s.", f.Name, by)
			if e.Aligned() {
				return Lift{reason, ByForwarder, f.Name, "The mail is excused: " + through}, true
			}
			claim := named(e.Author.Domain)
			if e.OwnDomain != "" {
				claim = "to come from our own domain " + claim
			}
			s := fmt.Sprintf("The mail claims %s, and nothing proves it: %s. But ", claim, e.proof())
			return Lift{reason, ByForwarder, f.Name, s + through}, true
		}
	}
	switch reason {
	case DMARCFail, DMARCNoneWeak, AuthUnavailable:
		return r.vouched(reason, e)
	}
	return Lift{}, false
}

// lifts reports whether f is meant for this message and reason.
func (f *Forwarder) lifts(reason Reason, e *Evidence) bool {
	switch {
	case !f.meant(e):
		return false
	case reason == AuthUnavailable:
		// What DNS would say does not matter if the worst of it would be lifted.
		return f.names(DMARCFail) && (e.OwnDomain == "" || f.names(OwnDomainSpoof))
	}
	return f.names(reason)
}

// meant reports whether f is for this author, these recipients and this day.
func (f *Forwarder) meant(e *Evidence) bool {
	return !over(f.Expires, e) && (len(f.Authors) == 0 || withinAny(e.Author.Domain, f.Authors)) && (f.Recipient == "" || allTo(e.ForwardPaths, f.Recipient))
}

func (f *Forwarder) names(reason Reason) bool {
	if len(f.Reasons) == 0 {
		return reason == DMARCFail || reason == DMARCNoneWeak
	}
	return slices.Contains(f.Reasons, reason) && slices.Contains(ForwarderReasons(), reason)
}

// proofOf says by what f proves that the message came through it, or "".
func (r *Rules) proofOf(f *Forwarder, e *Evidence) string {
	if f.denied(e) {
		return ""
	}
	for _, s := range e.DKIM {
		if s.Result == mail.Pass && !s.Testing && slices.Contains(f.DKIM, s.Domain) {
			return "the DKIM signature of " + named(s.Domain)
		}
	}
	for i := len(e.ARC.Sets) - 1; i >= 0; i-- {
		s := &e.ARC.Sets[i]
		if !s.Testing && slices.Contains(f.Sealers, s.Sealer) && r.stands(i, e) {
			return "the ARC seal of " + named(s.Sealer)
		}
	}
	return ""
}

// vouched looks for a believed sealer to whom the author was proven.
func (r *Rules) vouched(reason Reason, e *Evidence) (Lift, bool) {
	if e.OwnDomain != "" {
		return Lift{}, false // who may write as us is not for others to say
	}
	for i := len(e.ARC.Sets) - 1; i >= 0; i-- {
		s := &e.ARC.Sets[i]
		if !r.believes(i, e) || !r.stands(i, e) || !s.Claim.vouches() {
			continue
		}
		who := "a sealer of our rules"
		if !slices.Contains(r.Sealers, s.Sealer) {
			who = fmt.Sprintf("the sealer of the provider of source %q", e.Source)
		}
		text := fmt.Sprintf("The mail claims %s, and nothing that reached us proves it: %s. But %s, %s, sealed that %s.",
			named(e.Author.Domain), e.proof(), named(s.Sealer), who, s.Claim.words(named(e.Author.Domain)))
		return Lift{reason, BySealer, string(s.Sealer), text}, true
	}
	return Lift{}, false
}

// believes reports whether the sealer of set i is one whose word counts: one of
// the operator's, or the provider's where it is the last and the mail came in
// over the provider's border. An older seal of the provider, or one on mail that
// another tenant sends out, states what that tenant likes.
func (r *Rules) believes(i int, e *Evidence) bool {
	s := &e.ARC.Sets[i]
	return !s.Testing && (slices.Contains(r.Sealers, s.Sealer) || s.Provider && i == len(e.ARC.Sets)-1 && e.Origin.IP != "" && !e.Path.otherTenant() && !r.NoProviderSealer)
}

// stands reports whether what set i says still holds for the message: the chain
// holds, and the message is as it was when set i was made, or was changed since
// only by those who are believed. A seal alone does not cover the message:
// anybody may take a sealed one, change it, and seal it again.
func (r *Rules) stands(i int, e *Evidence) bool {
	if e.ARC.Result != mail.Pass {
		return false
	}
	if e.ARC.OldestPass <= e.ARC.Sets[i].Instance {
		return true
	}
	for newer := i + 1; newer < len(e.ARC.Sets); newer++ {
		if !r.believes(newer, e) {
			return false
		}
	}
	return true
}

// mayBeVouched reports whether DNS trouble hides a seal that would be believed. A
// sealer who is not believed can cause such trouble for its own seal, and with
// it a delay of its mail, no more.
func (r *Rules) mayBeVouched(e *Evidence) bool {
	return e.ARC.Result == mail.TempError && e.OwnDomain == "" && len(e.ARC.Sets) > 0 && r.believes(len(e.ARC.Sets)-1, e)
}

// mayBeForwarded reports whether DNS trouble hides what proves a forwarder that would
// excuse the author. Anybody may write its name: it is waited for, and where nobody
// waits it counts for nothing.
func (r *Rules) mayBeForwarded(e *Evidence) bool {
	return r.defers(e) && slices.ContainsFunc(r.Forwarders, func(f Forwarder) bool {
		return f.lifts(AuthUnavailable, e) && f.mayProve(e)
	})
}

// mayProve reports whether proofOf may find something once DNS answers.
func (f *Forwarder) mayProve(e *Evidence) bool {
	return !f.denied(e) &&
		(slices.ContainsFunc(e.DKIM, func(s DKIM) bool { return s.Result == mail.TempError && slices.Contains(f.DKIM, s.Domain) }) ||
			e.ARC.Result == mail.TempError && slices.ContainsFunc(e.ARC.Sets, func(s ARCSet) bool { return slices.Contains(f.Sealers, s.Sealer) }))
}

// denied reports whether f sealed that the author was not proven: then it does not
// excuse him, however often it sealed.
func (f *Forwarder) denied(e *Evidence) bool {
	return slices.ContainsFunc(e.ARC.Sets, func(s ARCSet) bool {
		return s.Claim.denies() && (slices.Contains(f.Sealers, s.Sealer) || slices.Contains(f.DKIM, s.Sealer))
	})
}

// vouches reports whether the author was proven to the sealer. What it says of
// DMARC counts before what it says of SPF and DKIM.
func (c *Claim) vouches() bool {
	return c.DMARC == mail.Pass || c.DMARC == "" && (c.SPFAligned || c.DKIMAligned)
}

// denies reports whether the sealer itself found that the author was not proven.
func (c *Claim) denies() bool { return c.DMARC == mail.Fail }

// words says what the author was proven by.
func (c *Claim) words(author string) string {
	switch {
	case c.DMARC == mail.Pass:
		return fmt.Sprintf("DMARC of %s passed when the mail came there", author)
	case c.DKIMAligned:
		return fmt.Sprintf("a DKIM signature aligned with %s held when the mail came there", author)
	}
	return fmt.Sprintf("SPF aligned with %s passed when the mail came there", author)
}
