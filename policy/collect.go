package policy

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"mxgate/policy/arc"
	"mxgate/policy/dkim"
	"mxgate/policy/dmarc"
	"mxgate/policy/dns"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/spf"
)

// Collector gathers Evidence. Its fields are set once; it is safe for
// concurrent use.
type Collector struct {
	Resolver  dns.Resolver
	Own       []mail.Domain // what is ours
	Lookalike *lookalike.Index
	Protected []mail.Domain // own and protected domains: whom a sender may want to be taken for
	People    []Person

	Memory Memory          // what the site remembers; nil: nothing
	Groups [][]mail.Domain // domains of one owner each, which may resemble each other

	// AuthservIDs are the names under which a source states its results, by the
	// name of the source; without an entry those of the catalogue count.
	AuthservIDs map[string][]string
}

// Collect examines one message that came from src. It asks the resolver and
// keeps to ctx; what could not be asked in time is a temperror in the Evidence.
// The error is an inability of ours and never says anything about the message.
func (c *Collector) Collect(ctx context.Context, tx *mail.Transaction, src provider.Source, given Given) (*Evidence, error) {
	e := &Evidence{
		Source:       src.Name,
		ReversePath:  tx.Envelope.ReversePath.String(),
		ForwardPaths: make([]string, len(tx.Envelope.ForwardPaths)),
		ReceivedAt:   tx.ReceivedAt,
		DKIM:         []DKIM{},
		Lookalike:    []Lookalike{},
	}
	for i, p := range tx.Envelope.ForwardPaths {
		e.ForwardPaths[i] = p.String()
	}
	author := mail.ParseAuthor(tx.Message)
	e.author(author)
	e.Author.showFrom(tx.Message)
	o := e.origin(tx, src, given)
	err := recovered(func() error {
		found := c.settle(ctx, tx, src, &o, e)
		e.path(tx, src, given, o)
		return c.check(ctx, tx, src, author, o, found, e)
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// check runs the checks, each of which writes its own part of e: side by side
// those that have to wait for DNS, and one after the other the rest.
//
// The policy of the author domain is asked for beside the others and remembered:
// names that the sender chose for SPF and DKIM must not use up the time for it.
func (c *Collector) check(ctx context.Context, tx *mail.Transaction, src provider.Source, author mail.Author, o origin, found evidenced, e *Evidence) error {
	// Each is tried first with what the resolver holds in memory. Most mail is
	// judged by records that are, and then nothing has to wait beside another.
	var waiting []func()
	past := dns.FromMemory(ctx)
	held := watched{r: c.Resolver}
	try := func(limit func(dns.Resolver) dns.Resolver, check func(context.Context, dns.Resolver)) {
		held.missing = false
		if check(past, limit(&held)); held.missing {
			waiting = append(waiting, func() { check(ctx, limit(c.Resolver)) })
		}
	}
	var asked *dmarc.Author
	try(limited, func(ctx context.Context, r dns.Resolver) {
		if author.Ambiguous == "" {
			asked = dmarc.Ask(ctx, r, author.Address.Domain)
		}
	})
	try(limitedSPF, func(ctx context.Context, r dns.Resolver) {
		e.spf(spf.Check(ctx, r, o.ip, o.helo, tx.Envelope.ReversePath))
	})
	var helo Helo
	try(limited, func(ctx context.Context, r dns.Resolver) { helo = heloFact(ctx, r, tx, o) })
	body, chain := found.body, found.chain
	if !found.verified && sealed(tx.Message) {
		waiting = append(waiting, func() { chain = arc.VerifyBody(ctx, limited(c.Resolver), tx.Message, body, tx.ReceivedAt) })
	}
	err := besides(waiting, func() error {
		e.dkim(dkim.VerifyBody(ctx, limited(c.Resolver), tx.Message, body, author.Address.Domain, tx.ReceivedAt))
		c.pretence(e, tx.Message, author)
		return c.scan(e, tx.Message, author)
	})
	if err != nil {
		return err
	}
	e.SPF.Helo = helo
	e.alignment(ctx, asked)
	entry, _ := provider.Lookup(src.Provider)
	c.statements(e, tx.Message, src, o, e.arc(ctx, asked, chain, &entry, o.border))
	c.borrowedSender(e)
	if e.Unscannable != "" { // it is held, and reading it costs what the limits are for
		return nil
	}
	return c.conversation(ctx, e, tx, author)
}

// maxQuestions bounds the look-ups of one check, so that a message cannot make
// us ask without end. SPF for the reverse-path may ask more: a record that RFC
// 7208, Section 4.6.4 allows needs 111, for ten mx terms of ten hosts each, 11
// for %{p} and one for exp=. Nothing is decided on SPF for the HELO name.
const (
	maxQuestions    = 60
	maxSPFQuestions = 130
)

func limited(r dns.Resolver) dns.Resolver    { return dns.Limited(r, maxQuestions) }
func limitedSPF(r dns.Resolver) dns.Resolver { return dns.Limited(r, maxSPFQuestions) }

// besides runs here while the others run beside it, and waits for all. Recovery
// does not cross goroutines, so each recovers for itself.
func besides(others []func(), here func() error) error {
	errs := make([]error, len(others)+1)
	var wg sync.WaitGroup
	for i, other := range others {
		wg.Go(func() {
			errs[i] = recovered(func() error { other(); return nil })
		})
	}
	errs[len(others)] = recovered(here)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// recovered runs check and hands a panic back as an error.
func recovered(check func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("policy: panic in a check: %v\n%s", p, debug.Stack())
		}
	}()
	return check()
}

func (e *Evidence) author(a mail.Author) {
	e.Author = Author{Domain: a.Address.Domain, Display: a.Display, Candidates: a.Candidates, Ambiguous: a.Ambiguous}
	if !a.Address.IsNull() {
		e.Author.Address = a.Address.String()
	}
	if e.Author.Candidates == nil {
		e.Author.Candidates = []mail.Domain{}
	}
}

func (e *Evidence) spf(r spf.Result) {
	e.SPF = SPF{Result: r.Status, Domain: r.Domain, Identity: string(r.Identity), Why: r.Why, Term: r.Term, Explanation: r.Explanation}
	if e.Origin.IP == "" {
		e.SPF.Why = "not evaluated, the origin is not known: " + e.Origin.Why
	}
}

// maxHeloTime bounds the wait for a fact on which nothing is decided.
const maxHeloTime = 5 * time.Second

// heloFact checks the HELO name where it is not the identity anyway.
func heloFact(ctx context.Context, r dns.Resolver, tx *mail.Transaction, o origin) Helo {
	name, err := mail.ParseDomain(o.helo)
	if tx.Envelope.ReversePath.IsNull() || !o.ip.IsValid() || err != nil {
		return Helo{}
	}
	if ctx.Err() == nil { // otherwise it takes no time
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, maxHeloTime)
		defer cancel()
	}
	found := spf.CheckHelo(ctx, r, o.ip, string(name))
	return Helo{Result: found.Status, Domain: found.Domain, Why: found.Why}
}

func (e *Evidence) dkim(rs []dkim.Result) {
	for _, r := range rs {
		e.DKIM = append(e.DKIM, DKIM{Result: r.Status, Domain: r.Domain, Selector: r.Selector, Algorithm: r.Algorithm, B: r.B, Why: r.Why,
			Breakage: string(r.Breakage), Testing: r.Testing})
	}
}

// alignment evaluates DMARC once SPF and DKIM are known.
func (e *Evidence) alignment(ctx context.Context, author *dmarc.Author) {
	if e.Author.Ambiguous != "" {
		// RFC 9989, Section 4.9 leaves this to us; never "DMARC none": F8.
		e.DMARC = DMARC{Result: mail.PermError, Why: "no single author domain"}
		return
	}
	id := dmarc.Identifiers{SPFDomain: mail.Domain(e.SPF.Domain), SPF: e.SPF.Result}
	for _, s := range e.DKIM {
		id.DKIM = append(id.DKIM, dmarc.Signature{Domain: s.Domain, Status: s.Result})
	}
	d := author.Evaluate(ctx, id)
	e.DMARC = DMARC{Result: d.Status, Domain: d.Domain, Policy: d.Policy, SPFAligned: d.SPFAligned, DKIMAligned: d.DKIMAligned, Why: d.Why,
		Organizational: d.Organizational, DKIMDomain: d.DKIMDomain, Lowered: d.Lowered, Evaluated: d.Disposition(), Faults: d.Faults}
	p := d.Published
	e.DMARC.Published = Published{P: p.P, SP: p.SP, NP: p.NP, ADKIM: p.ADKIM, ASPF: p.ASPF, T: p.T, PSD: p.PSD, FO: p.FO, RUA: p.RUA}
}

// scan walks the MIME structure within its limits.
func (c *Collector) scan(e *Evidence, m *mail.Message, author mail.Author) error {
	headers, err := mail.WalkMIME(m)
	if err == nil {
		if len(headers) > 0 {
			c.insideSigned(e, m, author, headers)
		}
		return nil
	}
	text, ok := strings.CutPrefix(err.Error(), mail.ErrUnscannable.Error()+": ")
	if !ok {
		return fmt.Errorf("policy: %w", err)
	}
	if e.Unscannable == "" {
		e.Unscannable = text
	}
	return nil
}
