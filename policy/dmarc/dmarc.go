package dmarc

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/net/publicsuffix"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// maxSignatures bounds the DKIM results that are looked at, and with it the
// walks they can cause.
const maxSignatures = 16

// Signature is the result of one DKIM signature.
type Signature struct {
	Domain mail.Domain // d=
	Status mail.Status
}

// Identifiers are the names a message uses and what is known of them.
type Identifiers struct {
	Author    mail.Domain // of RFC5322.From
	SPFDomain mail.Domain // of RFC5321.MailFrom, or of HELO for the null reverse-path
	SPF       mail.Status
	DKIM      []Signature
}

// Result is the outcome of an evaluation.
//
// SPFAligned and DKIMAligned mean: passed, and aligned with the author domain.
// They are told without a record too, when Status is None or TempError.
type Result struct {
	Status      mail.Status // Pass, Fail, None, TempError, PermError
	Domain      mail.Domain // whose record applies; "" without record
	Policy      string      // "none", "quarantine" or "reject" for the author domain; "" without record
	SPFAligned  bool
	DKIMAligned bool
	Record      string // as published
	Why         string
}

// Evaluate applies RFC 9989, Section 5.3 to a message with exactly one author
// domain.
//
// It asks at most 8 TXT questions for the author domain, 8 for each identity
// below the same organizational domain, and one for the existence of the
// author domain. TempError means that the answer would depend on DNS that could
// not be asked; names of an attacker's own choice cannot bring it about.
func Evaluate(ctx context.Context, r dns.Resolver, id Identifiers) Result {
	if id.Author == "" {
		return Result{Status: mail.None, Why: "no author domain"}
	}
	if d, err := mail.ParseDomain(string(id.Author)); err != nil || d != id.Author {
		return Result{Status: mail.PermError, Why: fmt.Sprintf("author domain %.80q is not a domain name", string(id.Author))}
	}
	id = normalised(id)
	q := &questions{r: r}
	author := q.walk(ctx, id.Author)
	applied, ok := author.policyRecord()
	switch {
	case author.err != nil && (!ok || applied.at != id.Author):
		// A record higher up might be the one to apply.
		res := alignedBySuffix(id)
		res.Status, res.Why = mail.TempError, "DNS gave no answer on the policy"
		return res
	case !ok:
		res := alignedBySuffix(id)
		res.Status, res.Why = mail.None, "no DMARC record"
		return res
	case applied.unusable:
		res := alignedBySuffix(id)
		res.Status, res.Record = mail.None, applied.raw
		res.Why = "p, sp or np of the record is not valid and it has no valid rua"
		return res
	}
	return q.judge(ctx, id, author, applied)
}

// judge evaluates against the record that applies.
func (q *questions) judge(ctx context.Context, id Identifiers, author walk, applied found) Result {
	res := Result{Domain: applied.at, Record: applied.raw}
	exists, err := q.exists(ctx, id.Author, applied)
	res.Policy = applied.policyFor(applied.at != id.Author, exists)

	var open error // an identity that would be aligned could not be checked
	check := func(d mail.Domain, status mail.Status, strict bool) bool {
		if status != mail.Pass && status != mail.TempError || open != nil && status == mail.TempError {
			return false
		}
		aligned, err := q.aligned(ctx, author, d, strict)
		switch {
		case err != nil:
			open = err
		case aligned && status == mail.TempError:
			open = fmt.Errorf("no answer yet for %s, which is aligned", d)
		}
		return aligned && status == mail.Pass
	}
	for _, s := range id.DKIM {
		if !res.DKIMAligned {
			res.DKIMAligned = check(s.Domain, s.Status, applied.strictDKIM)
		}
	}
	res.SPFAligned = check(id.SPFDomain, id.SPF, applied.strictSPF)

	switch {
	case res.SPFAligned || res.DKIMAligned:
		res.Status, res.Why = mail.Pass, passed(res)
	case open != nil: // RFC 9989, Section 5.3.6
		res.Status, res.Why = mail.TempError, "DNS gave no answer on the organizational domain of an identity that passed"
	case err != nil:
		res.Status, res.Why = mail.TempError, "DNS gave no answer on whether the author domain exists"
	default:
		res.Status, res.Why = mail.Fail, "neither SPF nor DKIM passed for an aligned domain"
	}
	return res
}

func passed(res Result) string {
	switch {
	case res.SPFAligned && res.DKIMAligned:
		return "SPF and DKIM passed and are aligned"
	case res.SPFAligned:
		return "SPF passed and is aligned"
	}
	return "DKIM passed and is aligned"
}

// exists reports whether the author domain exists, asking only when that can
// change the policy. RFC 9989, Section 3.2.13: NXDOMAIN, in the sense of RFC
// 8020, and nothing else, means that it does not.
func (q *questions) exists(ctx context.Context, author mail.Domain, applied found) (bool, error) {
	if applied.at == author || applied.policyFor(true, true) == applied.policyFor(true, false) {
		return true, nil
	}
	_, err := q.r.A(ctx, string(author))
	switch {
	case errors.Is(err, dns.ErrNoSuchName), errors.Is(err, dns.ErrPermanent):
		return false, nil
	case err != nil && !errors.Is(err, dns.ErrNotFound):
		return true, err
	}
	return true, nil
}

// aligned reports whether d is aligned with the author domain, or why that
// cannot be known now. RFC 9989, Section 4.10.2.
func (q *questions) aligned(ctx context.Context, author walk, d mail.Domain, strict bool) (bool, error) {
	if d == author.start || d == "" || strict {
		return d == author.start && d != "", nil
	}
	if author.err != nil {
		// The organizational domain is not known. A domain of another
		// registrant cannot be below it.
		if !sameSuffix(author.start, d) {
			return false, nil
		}
		return false, author.err
	}
	organizational := author.organizational()
	if !d.Within(organizational) {
		return false, nil // no walk: an attacker's zone is not asked for its opinion
	}
	w := q.walk(ctx, d)
	if w.err != nil {
		return false, w.err
	}
	return w.organizational() == organizational, nil
}

// alignedBySuffix tells alignment where no policy is known, without DNS.
//
// Deviation: RFC 9989 has no alignment without a record of the author domain.
// The check for spoofs of our own domains needs one even where we publish no
// policy; the public suffix list then stands in for the walk, as in RFC 7489,
// Section 3.2.
func alignedBySuffix(id Identifiers) Result {
	res := Result{SPFAligned: id.SPF == mail.Pass && sameSuffix(id.Author, id.SPFDomain)}
	for _, s := range id.DKIM {
		if s.Status == mail.Pass && sameSuffix(id.Author, s.Domain) {
			res.DKIMAligned = true
		}
	}
	return res
}

// sameSuffix reports whether a and b are equal or have the same registrable
// domain in the public suffix list.
func sameSuffix(a, b mail.Domain) bool {
	if a == b {
		return a != ""
	}
	x, err := publicsuffix.EffectiveTLDPlusOne(string(a))
	if err != nil {
		return false
	}
	y, err := publicsuffix.EffectiveTLDPlusOne(string(b))
	return err == nil && x == y
}

// normalised returns id with domains that compare: a HELO name or a d= tag may
// come as its sender wrote it. What is no domain is aligned with nothing.
func normalised(id Identifiers) Identifiers {
	id.SPFDomain, _ = mail.ParseDomain(string(id.SPFDomain))
	signatures := make([]Signature, min(len(id.DKIM), maxSignatures))
	for i := range signatures {
		signatures[i].Status = id.DKIM[i].Status
		signatures[i].Domain, _ = mail.ParseDomain(string(id.DKIM[i].Domain))
	}
	id.DKIM = signatures
	return id
}
