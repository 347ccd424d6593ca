package dmarc

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/net/publicsuffix"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// maxSignatures bounds the DKIM results that are looked at, of those that can
// matter, and with it the walks they can cause.
const maxSignatures = 16

// Signature is the result of one DKIM signature.
type Signature struct {
	Domain mail.Domain // d=
	Status mail.Status
}

// Identifiers are the names a message uses and what is known of them.
type Identifiers struct {
	Author    mail.Domain // of RFC5322.From
	SPFDomain mail.Domain // of RFC5321.MailFrom, or of HELO for the null reverse-path: RFC 7208, Section 2.4
	SPF       mail.Status
	DKIM      []Signature
}

// Result is the outcome of an evaluation.
//
// SPFAligned and DKIMAligned mean: passed, and aligned with the author domain.
// They are told without a record too, when Status is None or TempError.
//
// When it is not known which record applies (TempError, Record is ""), Policy is
// the strictest that those above the author domain ask for below them, Domain is
// where it stands, and both are "" if none asks for action.
type Result struct {
	Status         mail.Status // Pass, Fail, None, TempError, PermError
	Domain         mail.Domain // whose record applies; "" without record
	Organizational mail.Domain // of the author domain; "" if not known
	Policy         string      // "none", "quarantine" or "reject" for the author domain; "" without record
	Lowered        bool        // Policy is one step less than published: its owner tests it (t=y)
	SPFAligned     bool
	DKIMAligned    bool
	DKIMDomain     mail.Domain // d= of the first signature that is aligned; "" if none
	Record         string      // as published: octets of whoever published it
	Published      Published   // what the record that applies says
	Why            string

	// Faults are what the owner of the domain should mend: at most nine short
	// texts, printable ASCII, as the "error" of an aggregate report may have
	// them (RFC 9990, Section 3.1.1). Not to be changed: it is shared.
	Faults []string
}

// Author is an author domain with what DNS says of its policy. It is for one message:
// no question is asked twice, and what was learned at its start is not lost because
// another check used up the time. It is used by one goroutine at a time.
type Author struct {
	domain  mail.Domain
	q       questions
	walk    walk
	applied found                            // the record that applies; without one if none does
	unknown error                            // why it is not known whether the domain exists
	aligned func(author, d mail.Domain) bool // without a record that applies; nil: of no domain
	told    Result                           // of every message of it
}

// Ask asks for the policy of an author domain, with at most 8 TXT questions, and one
// for the existence of the domain.
func Ask(ctx context.Context, r dns.Resolver, domain mail.Domain) *Author {
	a := &Author{domain: domain, q: questions{r: r, seen: make([]asked, 0, 4)}}
	res := &a.told
	if domain == "" {
		res.Status, res.Why = mail.None, "no author domain"
		return a
	}
	if d, err := mail.ParseDomain(string(domain)); err != nil || d != domain {
		res.Status, res.Why = mail.PermError, fmt.Sprintf("author domain %.80q is not a domain name", string(domain))
		return a
	}
	a.walk = a.q.walk(ctx, domain)
	applied, ok := a.walk.policyRecord()
	res.Faults = a.walk.faults(applied)
	if a.walk.err == nil {
		res.Organizational, _ = a.walk.organizational()
	}
	// Deviation: RFC 9989 has no alignment without a record of the author domain.
	// The check for spoofs of our own domains needs one even where we publish no
	// policy; the public suffix list then stands in for the walk, as in RFC 7489,
	// Section 3.2.
	a.aligned = SameSuffix
	switch {
	case a.walk.err != nil && (!ok || applied.at != domain):
		// A record higher up might be the one to apply.
		res.Status, res.Why = mail.TempError, "DNS gave no answer on the policy"
		res.provisional(a.q.mayApply(ctx, a.walk))
		a.aligned = same
	case !ok:
		res.Status, res.Why = mail.None, "no DMARC record"
	case applied.unusable:
		res.Status, res.Record = mail.None, applied.raw
		res.Why = "p, sp or np of the record is not valid and it has no valid rua"
	default:
		below := applied.at != domain
		exists, err := a.q.exists(ctx, domain, applied)
		a.applied, a.unknown = applied, err
		res.Domain, res.Record, res.Published = applied.at, applied.raw, applied.says
		res.Policy = applied.policyFor(below, exists)
		res.Lowered = res.Policy != applied.asks(below, exists)
	}
	return a
}

// Evaluate applies RFC 9989, Section 5.3 to a message with exactly one author
// domain.
//
// It asks at most 8 TXT questions for the author domain, 8 for each identity
// below the same organizational domain, and one for the existence of the
// author domain. TempError means that the answer would depend on DNS that could
// not be asked; names of an attacker's own choice cannot bring it about.
func Evaluate(ctx context.Context, r dns.Resolver, id Identifiers) Result {
	return Ask(ctx, r, id.Author).Evaluate(ctx, id)
}

// Evaluate is the package's Evaluate for a message of a, who is its author whatever
// id says.
func (a *Author) Evaluate(ctx context.Context, id Identifiers) Result {
	res := a.told
	id = normalised(id)
	switch {
	case a.applied.record != nil:
		a.judge(ctx, &res, id)
	case a.aligned != nil:
		res.align(a.domain, id, a.aligned)
	}
	return res
}

// provisional takes the strictest policy of records of which one may apply: a
// name below a domain that never answers is no way around the policy of that
// domain.
func (res *Result) provisional(records []found) {
	for _, f := range records {
		if p := f.policyFor(true, true); strictness(p) > strictness(res.Policy) {
			res.Domain, res.Policy, res.Lowered = f.at, p, p != f.asks(true, true)
		}
	}
}

// judge evaluates against the record that applies.
func (a *Author) judge(ctx context.Context, res *Result, id Identifiers) {
	var open error // an identity that would be aligned could not be checked
	check := func(d mail.Domain, status mail.Status, strict bool) bool {
		if status != mail.Pass && status != mail.TempError || open != nil && status == mail.TempError {
			return false
		}
		aligned, err := a.q.aligned(ctx, a.walk, d, strict)
		switch {
		case err != nil:
			open = err
		case aligned && status == mail.TempError:
			open = fmt.Errorf("no answer yet for %s, which is aligned", d)
		}
		return aligned && status == mail.Pass
	}
	for _, s := range id.DKIM {
		if check(s.Domain, s.Status, a.applied.says.ADKIM == "s") {
			res.DKIMAligned, res.DKIMDomain = true, s.Domain
			break
		}
	}
	res.SPFAligned = check(id.SPFDomain, id.SPF, a.applied.says.ASPF == "s")

	switch {
	case res.SPFAligned || res.DKIMAligned:
		res.Status, res.Why = mail.Pass, res.passed()
	case open != nil: // RFC 9989, Section 5.3.6
		res.Status, res.Why = mail.TempError, "DNS gave no answer on the organizational domain of an identity that passed"
	case a.unknown != nil:
		res.Status, res.Why = mail.TempError, "DNS gave no answer on whether the author domain exists"
	default:
		res.Status, res.Why = mail.Fail, "neither SPF nor DKIM passed for an aligned domain"
	}
}

func (res *Result) passed() string {
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
		if !SameSuffix(author.start, d) {
			return false, nil
		}
		return false, author.err
	}
	organizational, declared := author.organizational()
	if !d.Within(organizational) {
		return false, nil // no walk: an attacker's zone is not asked for its opinion
	}
	// Deviation: the owner of a public suffix that sells names below it must
	// say psd=y (RFC 9989, Section 5.2). Where he publishes a record and forgets
	// it, all his customers would be one organization. So names of different
	// registrants are aligned only upwards, where d could change what the author
	// domain publishes anyway, or if the organization is declared with psd=n.
	if !declared && !author.start.Within(d) && !SameSuffix(author.start, d) {
		return false, nil
	}
	w := q.walk(ctx, d)
	switch {
	case errors.Is(w.err, dns.ErrLimit): // the message cost too much: nobody's DNS is to blame
		return false, nil
	case w.err != nil:
		return false, w.err
	}
	theirs, _ := w.organizational()
	return theirs == organizational, nil
}

// align tells alignment where no record applies, without DNS.
func (res *Result) align(author mail.Domain, id Identifiers, aligned func(author, d mail.Domain) bool) {
	res.SPFAligned = id.SPF == mail.Pass && aligned(author, id.SPFDomain)
	for _, s := range id.DKIM {
		if s.Status == mail.Pass && aligned(author, s.Domain) {
			res.DKIMAligned, res.DKIMDomain = true, s.Domain
			return
		}
	}
}

// same is the alignment that every policy allows: while the policy cannot be
// read, nothing more is known to be aligned.
func same(author, d mail.Domain) bool { return author == d }

// SameSuffix reports whether a and b are equal or have the same registrable
// domain in the public suffix list. Names that are not in it may be sold to
// strangers all the same: it is a hint, no proof.
func SameSuffix(a, b mail.Domain) bool {
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
// come as its sender wrote it. What is no domain is aligned with nothing. Of the
// signatures only those are left that can matter.
func normalised(id Identifiers) Identifiers {
	if id.SPFDomain != "" {
		id.SPFDomain, _ = mail.ParseDomain(string(id.SPFDomain))
	}
	signatures := make([]Signature, 0, min(len(id.DKIM), maxSignatures))
	for _, s := range id.DKIM {
		if s.Status != mail.Pass && s.Status != mail.TempError || len(signatures) == maxSignatures {
			continue
		}
		s.Domain, _ = mail.ParseDomain(string(s.Domain))
		signatures = append(signatures, s)
	}
	id.DKIM = signatures
	return id
}

// faults tells what is wrong with the records that were met on the way, and in
// the one that applies, if one does.
func (w walk) faults(applied found) []string {
	var own []string
	if applied.record != nil {
		own = applied.record.faults
	}
	if len(w.several) == 0 {
		return own
	}
	return append([]string{fmt.Sprintf("_dmarc.%.80s holds several DMARC records, so that none of them counts", w.several[0])}, own...)
}
