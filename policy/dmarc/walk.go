package dmarc

import (
	"context"
	"errors"
	"slices"
	"strings"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// walkNames lists the names whose _dmarc record the DNS Tree Walk asks for,
// longest first: d, then its parents.
//
// d has A-labels and no trailing dot: "mail.example.com". The result has at
// most 8 names, whatever the number of labels. RFC 9989, Section 4.10.
func walkNames(d mail.Domain) []mail.Domain {
	names := append(make([]mail.Domain, 0, 8), d)
	above := string(d)
	for labels := strings.Count(above, "."); labels > 0; labels-- {
		_, above, _ = strings.Cut(above, ".")
		// Long names jump to seven labels: a client must not be able to choose
		// how many questions we ask.
		if labels <= 7 {
			names = append(names, mail.Domain(above))
		}
	}
	return names
}

// found is a record and where it was found.
type found struct {
	at mail.Domain
	*record
}

// walk is what a DNS Tree Walk brought: records longest name first, the names
// that have more than one, the error that ended it too early, if one did, and
// the names that it was not asked for then.
type walk struct {
	start   mail.Domain
	records []found
	several []mail.Domain
	err     error
	rest    []mail.Domain
}

// questions asks for DMARC records and remembers the answers, so that the walks
// for one message do not ask for their common parents again. That nothing may be
// asked any more is not remembered: it costs nothing, and there is no end of such
// names.
type questions struct {
	r    dns.Resolver
	seen []asked // few: a search is cheaper than a map
}

// asked is a name with its answer.
type asked struct {
	name mail.Domain
	answer
}

// answer holds the one DMARC record of a name; nil if there is none, or more
// than one: RFC 9989, Section 4.10, steps 2 and 6.
type answer struct {
	record  *record
	several bool
	err     error // temporary, or the limit on questions
}

// record returns the answer for d, and asks for it the first time only.
func (q *questions) record(ctx context.Context, d mail.Domain) answer {
	for i := range q.seen {
		if q.seen[i].name == d {
			return q.seen[i].answer
		}
	}
	a := q.ask(ctx, d)
	if !errors.Is(a.err, dns.ErrLimit) {
		q.seen = append(q.seen, asked{d, a})
	}
	return a
}

func (q *questions) ask(ctx context.Context, d mail.Domain) (a answer) {
	txt, err := q.r.TXT(ctx, "_dmarc."+string(d))
	switch {
	case err == nil, errors.Is(err, dns.ErrNotFound):
	case errors.Is(err, dns.ErrLimit):
		a.err = err
	case errors.Is(err, dns.ErrPermanent):
		// A name too long to be asked has no record, and the walk goes on: else
		// a long subdomain would escape the policy of its parent.
	default:
		a.err = err
	}
	for _, t := range txt.Records {
		rec := parseRecord(t)
		if rec == nil {
			continue
		}
		if a.record != nil {
			return answer{several: true}
		}
		a.record = rec
	}
	return a
}

// walk performs a DNS Tree Walk from d upwards.
func (q *questions) walk(ctx context.Context, d mail.Domain) walk {
	w := walk{start: d}
	names := walkNames(d)
	for i, name := range names {
		a := q.record(ctx, name)
		switch {
		case a.err != nil:
			w.err, w.rest = a.err, names[i+1:]
			return w
		case a.several:
			w.several = append(w.several, name)
		case a.record != nil:
			w.records = append(w.records, found{name, a.record})
			if a.record.says.PSD != "u" {
				return w
			}
		}
	}
	return w
}

// maxFailures bounds the further questions without answer behind a walk that an
// error ended: each may cost the whole time of a question.
const maxFailures = 2

// mayApply returns the records of which one may apply, longest name first, when
// an error ended w: those that were met, and those of the names above.
//
// It asks from the top. A name that is delegated to nobody keeps all below it
// from answering, and the sender chooses how many those are; what is above it he
// cannot keep from answering.
func (q *questions) mayApply(ctx context.Context, w walk) []found {
	var above []found
	failures := 0
	for _, name := range slices.Backward(w.rest) {
		a := q.record(ctx, name)
		if a.record != nil {
			above = append(above, found{name, a.record})
		}
		if a.err == nil {
			continue
		}
		if failures++; failures == maxFailures {
			break
		}
	}
	slices.Reverse(above)
	all := slices.Concat(w.records, above)
	if end := slices.IndexFunc(all, func(f found) bool { return f.says.PSD != "u" }); end >= 0 {
		return all[:end+1] // the walk ends there
	}
	return all
}

// organizational returns the organizational domain: RFC 9989, Section 4.10.2.
// declared says that its own record calls it one (psd=n).
func (w walk) organizational() (d mail.Domain, declared bool) {
	for _, f := range w.records {
		switch {
		case f.says.PSD == "n":
			return f.at, true
		case f.says.PSD == "y" && f.at != w.start:
			return oneBelow(f.at, w.start), false
		}
	}
	if n := len(w.records); n > 0 {
		return w.records[n-1].at, false
	}
	return w.start, false
}

// oneBelow returns the ancestor of d that is one label below parent.
func oneBelow(parent, d mail.Domain) mail.Domain {
	above := strings.TrimSuffix(string(d), "."+string(parent))
	return mail.Domain(above[strings.LastIndexByte(above, '.')+1:] + "." + string(parent))
}

// policyRecord returns the record to apply: of the author domain, else of its
// organizational domain, else of its public suffix domain. RFC 9989, Section
// 4.10.1.
func (w walk) policyRecord() (found, bool) {
	organizational, _ := w.organizational()
	for _, f := range w.records {
		if f.at == w.start || f.at == organizational || f.says.PSD == "y" {
			return f, true
		}
	}
	return found{}, false
}
