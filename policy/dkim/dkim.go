package dkim

import (
	"context"
	"slices"
	"time"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// Limits: what a signed message may cost. An honest message has one or two
// signatures over some twenty fields.
const (
	maxEvaluated    = 5
	maxHeaderOctets = 256 << 10
	maxHeaderFields = 1000
)

// Result is the outcome for one signature.
type Result struct {
	Status    mail.Status // Pass, Fail, Policy, TempError or PermError
	Domain    mail.Domain // d=; "" if it is no domain name
	Selector  string      // s=, A-labels; "" if it is no name
	Algorithm string      // a=; "" if it is not a word of letters, digits and hyphens
	B         string      // the first 8 characters of b=: RFC 6008
	Why       string      // for a person; printable ASCII
}

// Verify evaluates the DKIM signatures of m and returns one Result for each, at
// most five, in the order of evaluation: those whose domain is the author's, or
// above or below it, come first, then the newest. Without a signature it
// returns nil.
//
// now is when the message arrived; signatures that had expired then, or were
// made later, do not pass. Trouble of the resolver, of ctx or of reading the
// content is TempError. RFC 6376, Section 6.
func Verify(ctx context.Context, r dns.Resolver, m *mail.Message, author mail.Domain, now time.Time) []Result {
	var results []Result
	for _, sig := range choose(m, author, now) {
		status, why := sig.refused, sig.why
		if status == "" {
			status, why = evaluate(ctx, r, m, sig)
		}
		results = append(results, Result{
			Status: status, Why: why,
			Domain: sig.domain, Selector: string(sig.selector), Algorithm: sig.algorithm, B: sig.prefix(),
		})
	}
	return results
}

// choose reads the signatures of m and returns those to report on, in order.
// Among the aligned and among the others, one that may still pass goes before
// one that was refused already: somebody on the way may have added refusals.
func choose(m *mail.Message, author mail.Domain, now time.Time) []*signature {
	tooLarge := m.HeaderOctets > maxHeaderOctets || len(m.Fields) > maxHeaderFields
	var found []*signature
	for i, f := range m.Fields {
		if !f.Is(fieldName) {
			continue
		}
		sig := parseSignature(f, now)
		sig.field = i
		if tooLarge && sig.refused == "" {
			sig.refuse(mail.PermError, "the header section is too large for its signatures to be checked")
		}
		found = append(found, sig)
	}
	rank := func(s *signature) int {
		rank := 0
		if !s.domain.Within(author) && !author.Within(s.domain) {
			rank = 2
		}
		if s.refused != "" {
			rank++
		}
		return rank
	}
	slices.SortStableFunc(found, func(a, b *signature) int { return rank(a) - rank(b) })
	return found[:min(len(found), maxEvaluated)]
}

// evaluate fetches the key and verifies a signature that was not refused.
// RFC 6376, Sections 6.1.2 and 6.1.3.
func evaluate(ctx context.Context, r dns.Resolver, m *mail.Message, sig *signature) (mail.Status, string) {
	key, status, why := fetchKey(ctx, r, sig)
	if status != "" {
		return status, why
	}
	body := until(ctx, m.Body())
	status, why, judged := verifyLibrary(m, sig, key, body)
	if !judged {
		status, why = verifyExact(m, sig, key, body)
	}
	if status == mail.Pass && key.testing {
		why += "; the domain says that it is testing (t=y)"
	}
	return status, why
}
