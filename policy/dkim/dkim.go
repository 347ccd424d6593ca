package dkim

import (
	"context"
	"slices"
	"strings"
	"time"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/sig"
)

// Limits: what a signed message may cost. An honest message has one or two
// signatures over some twenty fields.
const (
	maxEvaluated    = 5
	maxHeaderOctets = 256 << 10
	maxHeaderFields = 1000

	// maxTime is for the keys of one Verify: whoever signs chooses whose name servers we
	// wait for, and all that a message may take is shared with SPF and DMARC.
	maxTime = 10 * time.Second

	// maxLibraryBody is the size of a body up to which the library verifies:
	// there it costs less than the check of an RSA signature. It takes 14 us more
	// than verifyExact, and 3 us more for each KB, because it copies every octet
	// twice. It also holds a run of line ends until something follows, and copies
	// the run with every 4 KB: the time for a body of nothing else grows with its
	// square.
	maxLibraryBody = 2 << 10

	// maxLibraryHeader is the size of a signature with the fields that it covers up
	// to which the library verifies: it copies a field with every folded line of
	// it, so that 109 KB of folds take 100 ms for one signature.
	maxLibraryHeader = 4 << 10

	// maxDiagnosedOctets is the length of a signature (a key of 4096 bits) beyond
	// which only the first of a message is diagnosed: that takes about as long as to
	// verify it, 2 ms with 8192 bits.
	maxDiagnosedOctets = 512
)

// Result is the outcome for one signature.
type Result struct {
	Status    mail.Status // Pass, Fail, Policy, TempError or PermError
	Domain    mail.Domain // d=; "" if it is no domain name
	Selector  string      // s=, A-labels; "" if it is no name
	Algorithm string      // a=; "" if it is not a word of letters, digits and hyphens
	B         string      // the first 8 characters of b=: RFC 6008
	Why       string      // for a person; printable ASCII
	Breakage  Breakage    // what is broken, if that can be told

	// Testing is t=y of the key: the domain says that it is testing. Deviation:
	// RFC 6376, Section 3.6.1 wants such mail treated as if unsigned; many domains
	// have left the flag on for years, and a signature that holds proves no less.
	Testing bool
}

// Verify evaluates the DKIM signatures of m and returns one Result for each, at
// most five, in the order of evaluation: those whose domain may be aligned with
// the author's come first, then the newest. Without a signature it returns nil.
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
	return VerifyBody(ctx, r, m, sig.NewBody(m), author, now)
}

// VerifyBody is Verify with the body of m from the caller, who wants it hashed
// once for ARC as well.
func VerifyBody(ctx context.Context, r dns.Resolver, m *mail.Message, body *sig.Body, author mail.Domain, now time.Time) []Result {
	chosen := choose(m, author, now)
	if len(chosen) == 0 {
		return nil
	}
	results := make([]Result, 0, len(chosen))
	shared := make([]*sig.Signature, 0, len(chosen))
	large := false // one by a large key is there
	for _, s := range chosen {
		if s.Refused == "" && len(s.Octets) > maxDiagnosedOctets {
			s.undiagnosed, large = large, true
		}
		shared = append(shared, s.Signature)
		results = append(results, Result{
			Status: s.Refused, Why: s.Why,
			Domain: s.Domain, Selector: string(s.Selector), Algorithm: s.Algorithm, B: s.Prefix(),
		})
	}
	for i, a := range sig.FetchKeys(ctx, r, shared, maxTime) {
		evaluate(ctx, m, body, chosen[i], a, &results[i])
	}
	return results
}

// choose reads the signatures of m and returns those to report on, in order: those
// that may be aligned before the others, the nearest domain first. Among both, one
// that may still pass goes before one that was refused already: somebody on the
// way may have added refusals.
//
// Of a header section that is too large nothing is read: the newest are reported.
func choose(m *mail.Message, author mail.Domain, now time.Time) []*signature {
	tooLarge := m.HeaderOctets > maxHeaderOctets || len(m.Fields) > maxHeaderFields
	var found []*signature
	var repeated sig.Repeated
	for i, f := range m.Fields {
		switch {
		case !f.Is(fieldName):
			continue
		case tooLarge:
			unread := new(sig.Signature)
			unread.Refuse(mail.PermError, "the header section is too large for its signatures to be checked")
			if found = append(found, &signature{Signature: unread, field: i}); len(found) == maxEvaluated {
				return found
			}
			continue
		case found == nil:
			repeated = sig.FindRepeated(m)
		}
		s := &signature{Signature: sig.Parse(f.Raw), field: i}
		s.screen(now, repeated)
		found = append(found, s)
	}
	slices.SortStableFunc(found, func(a, b *signature) int { return a.rank(author) - b.rank(author) })
	return found[:min(len(found), maxEvaluated)]
}

// rank is less for a signature that is to be evaluated before others.
func (s *signature) rank(author mail.Domain) int {
	n := near(s.Domain, author)
	rank := -2 * n // a name has less than 128 labels
	if s.Domain == author {
		rank--
	}
	if s.Refused != "" {
		rank += 1000
	}
	if n == 0 {
		rank += 2000
	}
	return rank
}

// near returns how many labels d and author have in common at their ends, 0 for
// fewer than two: an organizational domain has two. A sibling may be aligned as
// well as a parent; which are, DMARC says.
func near(d, author mail.Domain) int {
	n, a, b := 0, string(d), string(author)
	for a != "" && b != "" {
		i, j := strings.LastIndexByte(a, '.'), strings.LastIndexByte(b, '.')
		if a[i+1:] != b[j+1:] {
			break
		}
		n, a, b = n+1, a[:max(i, 0)], b[:max(j, 0)]
	}
	if n < 2 && d != author {
		return 0
	}
	return n
}

// evaluate judges a signature once it is known what is published for its key, and
// completes its result. RFC 6376, Sections 6.1.2 and 6.1.3.
func evaluate(ctx context.Context, m *mail.Message, b *sig.Body, s *signature, a sig.KeyAnswer, result *Result) {
	result.Status, result.Why, result.Testing = a.Status, a.Why, a.Key.Testing
	switch {
	case a.Gone:
		result.Breakage = KeyGone
		return
	case a.Status != "":
		return
	case a.Key.Strict && s.identity != s.Domain: // RFC 6376, Section 3.6.1, t=s
		result.Status, result.Why = mail.PermError, "the key at "+s.KeyName()+" forbids subdomains in i= (t=s)"
		return
	}
	judged := false
	if b.Octets <= maxLibraryBody {
		result.Status, result.Why, judged = verifyLibrary(ctx, m, s, a.Key, b)
	}
	if !judged {
		result.Status, result.Why = verifyExact(ctx, m, s, a.Key, b)
	}
	switch {
	case result.Status == mail.Fail && s.undiagnosed:
		result.Why = whyUndiagnosed
	case result.Status == mail.Fail:
		result.Breakage, result.Why = diagnose(ctx, m, b, s, a.Key)
	case result.Status == mail.Pass && a.Key.Testing:
		result.Why += "; the domain says that it is testing (t=y)"
	}
}
