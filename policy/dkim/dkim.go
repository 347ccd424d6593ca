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

	// maxTime is for one Verify: whoever signs chooses whose name servers we
	// wait for, and all that a message may take is shared with SPF and DMARC.
	maxTime = 10 * time.Second

	// maxLibraryBody is the size of a body up to which the library verifies:
	// there it costs less than the check of an RSA signature. It takes 14 us more
	// than verifyExact, and 3 us more for each KB, because it copies every octet
	// twice. It also holds a run of line ends until something follows, and copies
	// the run with every 4 KB: the time for a body of nothing else grows with its
	// square.
	maxLibraryBody = 2 << 10
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
//
// The keys are asked for side by side, and each signature is evaluated when its
// key is there, so that none waits for another's. After maxTime what is missing
// is TempError. So TempError may be the sender's doing: names that he chose were
// slow, or used up the questions that a message may cost. Of a domain that is
// not aligned it must not count for more than Fail; to be slow for an aligned
// one, he needs its name servers.
func Verify(ctx context.Context, r dns.Resolver, m *mail.Message, author mail.Domain, now time.Time) []Result {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	var results []Result
	chosen := choose(m, author, now)
	for _, sig := range chosen {
		results = append(results, Result{
			Status: sig.refused, Why: sig.why,
			Domain: sig.domain, Selector: string(sig.selector), Algorithm: sig.algorithm, B: sig.prefix(),
		})
	}
	body := newBody(ctx, m)
	for i, a := range fetchKeys(ctx, r, chosen) {
		if a.status == "" {
			a.status, a.why = evaluate(m, body, chosen[i], a.key)
		}
		results[i].Status, results[i].Why = a.status, a.why
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

// evaluate verifies a signature with its key. RFC 6376, Section 6.1.3.
func evaluate(m *mail.Message, b *body, sig *signature, key key) (status mail.Status, why string) {
	judged := false
	if b.octets <= maxLibraryBody {
		status, why, judged = verifyLibrary(m, sig, key, b)
	}
	if !judged {
		status, why = verifyExact(m, sig, key, b)
	}
	if status == mail.Pass && key.testing {
		why += "; the domain says that it is testing (t=y)"
	}
	return status, why
}
