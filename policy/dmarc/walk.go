package dmarc

import (
	"context"
	"errors"
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
	record
}

// walk is what a DNS Tree Walk brought: records longest name first, and the
// temporary error that ended it too early, if one did.
type walk struct {
	start   mail.Domain
	records []found
	err     error
}

// questions asks for DMARC records and remembers the answers, so that the walks
// of one evaluation do not ask for their common parents again.
type questions struct {
	r    dns.Resolver
	seen []asked // few: a search is cheaper than a map
}

// asked is a name with its answer.
type asked struct {
	name mail.Domain
	answer
}

type answer struct {
	record record
	ok     bool
	err    error // temporary
}

// record returns the one DMARC record of d; ok is false if there is none, or
// more than one: RFC 9989, Section 4.10, steps 2 and 6.
func (q *questions) record(ctx context.Context, d mail.Domain) answer {
	for i := range q.seen {
		if q.seen[i].name == d {
			return q.seen[i].answer
		}
	}
	a := q.ask(ctx, d)
	q.seen = append(q.seen, asked{d, a})
	return a
}

func (q *questions) ask(ctx context.Context, d mail.Domain) (a answer) {
	txt, err := q.r.TXT(ctx, "_dmarc."+string(d))
	if err != nil {
		// A name too long to be asked has no record, and the walk goes on:
		// else a long subdomain would escape the policy of its parent.
		if !errors.Is(err, dns.ErrNotFound) && !errors.Is(err, dns.ErrPermanent) {
			a.err = err
		}
		return a
	}
	n := 0
	for _, t := range txt.Records {
		if rec, ok := parseRecord(t); ok {
			a.record = rec
			n++
		}
	}
	a.ok = n == 1
	return a
}

// walk performs a DNS Tree Walk from d upwards.
func (q *questions) walk(ctx context.Context, d mail.Domain) walk {
	w := walk{start: d}
	for _, name := range walkNames(d) {
		a := q.record(ctx, name)
		if a.err != nil {
			w.err = a.err
			return w
		}
		if a.ok {
			w.records = append(w.records, found{name, a.record})
			if a.record.psd != 'u' {
				return w
			}
		}
	}
	return w
}

// organizational returns the organizational domain: RFC 9989, Section 4.10.2.
func (w walk) organizational() mail.Domain {
	for _, f := range w.records {
		switch {
		case f.psd == 'n':
			return f.at
		case f.psd == 'y' && f.at != w.start:
			return oneBelow(f.at, w.start)
		}
	}
	if n := len(w.records); n > 0 {
		return w.records[n-1].at
	}
	return w.start
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
	organizational := w.organizational()
	for _, f := range w.records {
		if f.at == w.start || f.at == organizational || f.psd == 'y' {
			return f, true
		}
	}
	return found{}, false
}
