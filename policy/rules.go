package policy

import (
	"time"

	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// Rules are the operator's: dispositions, whom he believes, and narrow exceptions.
type Rules struct {
	Dispositions map[Reason]Disposition // reasons not named here keep their default
	Exceptions   []Exception
	DeferAtMost  time.Duration // how long a message waits for DNS before it is tagged instead

	// AsReject lists author domains, with all below them, whose mail is treated
	// as if they asked to reject what fails, though they publish less. Our own
	// need not be listed: OwnDomainSpoof does not ask what they publish.
	AsReject []mail.Domain

	// Sealers are the signing domains of ARC seals that are believed, besides
	// that which the catalogue names for the source; NoProviderSealer takes the
	// latter away. They lift a DMARC failure, never a spoof of our own domains.
	Sealers          []mail.Domain
	NoProviderSealer bool

	Forwarders []Forwarder

	// Weights are the points for what speaks for an impostor; those not named
	// here keep their default.
	Weights score.Weights
}

// policyFor is what the author domain asks for, or what stands in its place.
func (r *Rules) policyFor(e *Evidence) string {
	if withinAny(e.Author.Domain, r.AsReject) {
		return "reject"
	}
	return e.DMARC.Policy
}

// strict reports whether mail of the author domain that fails is acted upon.
func (r *Rules) strict(e *Evidence) bool {
	p := r.policyFor(e)
	return p == "quarantine" || p == "reject"
}

// pending reports whether the verdict depends on DNS that did not answer.
func (r *Rules) pending(e *Evidence) bool {
	if e.DMARC.Result == mail.TempError {
		return true
	}
	acted := r.strict(e) || e.OwnDomain != "" || e.Hurried // to be hurried is no fault of a domain without a policy
	return acted && r.mayBeProven(e)
}

// mayBeProven reports whether DNS trouble hides what would prove the author, or excuse
// him.
func (r *Rules) mayBeProven(e *Evidence) bool {
	return e.mayStillAlign() || r.mayBeVouched(e) || r.mayBeForwarded(e)
}

// disposition is what reason leads to: def, unless the operator has chosen. Who was
// hurried comes again, whatever is done with those whom DNS fails.
func (r *Rules) disposition(reason Reason, def Disposition, e *Evidence) Disposition {
	if d, chosen := r.Dispositions[reason]; chosen && !(reason == AuthUnavailable && e.Hurried) {
		return d
	}
	return def
}

// defers reports whether the message waits if it depends on DNS that did not answer.
func (r *Rules) defers(e *Evidence) bool {
	return r.disposition(AuthUnavailable, Defer, e) == Defer && !r.excepts(AuthUnavailable, e)
}

// waited reports whether the message has been deferred for DNS long enough, and DNS had
// its time now, too.
func (r *Rules) waited(e *Evidence) bool {
	return r.DeferAtMost > 0 && e.WaitedFor >= r.DeferAtMost && !e.Hurried
}
