package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Disbelief tells why somebody who speaks for a message is not believed, although
// a reason stands that he could lift. Nothing is decided on it.
type Disbelief struct {
	Set  int    // instance of the ARC set that says that the author was proven; 0: a forwarder
	Name string // the sealer's domain, or the forwarder's name
	Why  string // for people
}

// disbeliefs lists who is not believed against the findings.
func (r *Rules) disbeliefs(found []Finding, e *Evidence) []Disbelief {
	var out []Disbelief
	if slices.ContainsFunc(found, func(f Finding) bool {
		return slices.Contains([]Reason{OwnDomainSpoof, DMARCFail, DMARCNoneWeak, AuthUnavailable}, f.Reason)
	}) {
		for i := range e.ARC.Sets {
			if s := &e.ARC.Sets[i]; s.Claim.vouches() {
				out = append(out, Disbelief{s.Instance, string(s.Sealer), r.whyNotBelieved(i, e)})
			}
		}
	}
	for i := range r.Forwarders {
		f := &r.Forwarders[i]
		why := f.whyNotApplied(found, e)
		if why == "" {
			continue
		}
		if by := r.proofOf(f, e); by != "" {
			out = append(out, Disbelief{Name: f.Name, Why: fmt.Sprintf("it proves itself by %s, but %s", by, why)})
		}
	}
	return out
}

// whyNotBelieved says why what set i says of the author does not count.
func (r *Rules) whyNotBelieved(i int, e *Evidence) string {
	s := &e.ARC.Sets[i]
	switch {
	case e.OwnDomain != "":
		return "who may write as our own domain is not for others to say"
	case s.Testing:
		return "the sealer says that it is testing its key (t=y)"
	case r.believes(i, e):
		return "the message was changed after it"
	case !s.Provider:
		return named(s.Sealer) + " is not in policy.sealers"
	case r.NoProviderSealer:
		return named(s.Sealer) + ", the sealer of the provider, is not in policy.sealers, and policy.provider_sealer is false"
	case i < len(e.ARC.Sets)-1:
		return "it is not the newest seal: any customer of the provider can have one like it"
	case e.Path.otherTenant():
		return "nothing proves that the mail came through our tenant of the provider"
	}
	return "it is not known that the mail came in over the provider's border"
}

// whyNotApplied says why f lifts nothing of what was found; "" if there is nothing
// that a forwarder may lift.
func (f *Forwarder) whyNotApplied(found []Finding, e *Evidence) string {
	var reasons []string
	for _, finding := range found {
		switch {
		case finding.Reason == AuthUnavailable && !f.names(DMARCFail):
			reasons = append(reasons, string(DMARCFail))
		case finding.Reason == AuthUnavailable:
			reasons = append(reasons, string(OwnDomainSpoof))
		case slices.Contains(ForwarderReasons(), finding.Reason):
			reasons = append(reasons, string(finding.Reason))
		}
	}
	switch {
	case len(reasons) == 0:
		return ""
	case over(f.Expires, e):
		return "it expired on " + f.Expires.UTC().Format("2006-01-02 15:04 MST")
	case len(f.Authors) > 0 && !withinAny(e.Author.Domain, f.Authors):
		return "it is for authors in " + joinDomains(f.Authors)
	case f.Recipient != "" && !allTo(e.ForwardPaths, f.Recipient):
		return "it is for mail to " + f.Recipient
	}
	return "it does not lift " + strings.Join(reasons, ", ")
}
