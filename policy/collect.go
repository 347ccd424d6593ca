package policy

import (
	"context"
	"fmt"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"mxgate/policy/dkim"
	"mxgate/policy/dmarc"
	"mxgate/policy/dns"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
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
}

// Person is somebody whose display name is protected.
type Person struct {
	Name      string
	Addresses []mail.Address // theirs
}

// Given overrides what the trace would tell, for messages that are examined
// outside a session.
type Given struct {
	Origin netip.Addr // the origin's address; zero: recover it
	Helo   string
	// Peerless says that Transaction.Client is not known: the message was read
	// from a file, so only the provider's role in the trace can be used.
	Peerless bool
}

// maxHeaderDomains bounds how many domains of To and Cc are compared: a message
// must not choose how much work it is.
const maxHeaderDomains = 50

// Collect examines one message that came from src. It asks the resolver and
// keeps to ctx; what could not be asked in time is a temperror in the Evidence.
// The error is an inability of ours and never says anything about the message.
func (c *Collector) Collect(ctx context.Context, tx *mail.Transaction, src provider.Source, given Given) (Evidence, error) {
	e := Evidence{
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
	e.ARC = arcState(tx.Message)
	ip, helo := e.origin(tx, src, given)

	if err := recovered(func() error { return c.check(ctx, tx, author, origin{ip, helo}, &e) }); err != nil {
		return Evidence{}, err
	}
	return e, nil
}

// origin is who handed the message to the provider.
type origin struct {
	ip   netip.Addr
	helo string
}

// check runs the checks, each of which writes its own part of e: side by side
// those that have to wait for DNS, and one after the other the rest.
//
// The policy of the author domain is asked for beside the others and remembered:
// names that the sender chose for SPF and DKIM must not use up the time for it.
func (c *Collector) check(ctx context.Context, tx *mail.Transaction, author mail.Author, o origin, e *Evidence) error {
	sender := func(ctx context.Context, r dns.Resolver) {
		e.spf(spf.Check(ctx, r, o.ip, o.helo, tx.Envelope.ReversePath))
	}
	policy := func(ctx context.Context, r dns.Resolver) {
		if author.Ambiguous == "" {
			dmarc.Evaluate(ctx, r, dmarc.Identifiers{Author: author.Address.Domain})
		}
	}
	// Each is tried first with what the resolver holds in memory. Most mail is
	// judged by records that are, and then nothing has to wait beside another.
	var waiting []func()
	past, over := context.WithCancel(ctx)
	over()
	held := memory{r: c.Resolver}
	dmarcDNS := dns.Remembering(dns.Limited(&held, maxQuestions))
	if policy(past, dmarcDNS); held.missing {
		dmarcDNS = dns.Remembering(dns.Limited(c.Resolver, maxQuestions))
		waiting = append(waiting, func() { policy(ctx, dmarcDNS) })
	}
	held.missing = false
	if sender(past, dns.Limited(&held, maxQuestions)); held.missing {
		waiting = append(waiting, func() { sender(ctx, dns.Limited(c.Resolver, maxQuestions)) })
	}
	err := besides(waiting, func() error {
		e.dkim(dkim.Verify(ctx, dns.Limited(c.Resolver, maxQuestions), tx.Message, author.Address.Domain, tx.ReceivedAt))
		c.pretence(e, tx.Message, author)
		return c.scan(e, tx.Message, author)
	})
	if err != nil {
		return err
	}
	e.alignment(ctx, dmarcDNS)
	return nil
}

// maxQuestions bounds the look-ups of one check, so that a message cannot make
// us ask without end: SPF alone allows ten terms with ten hosts each.
const maxQuestions = 60

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

// origin finds who handed the message to the provider. TRACE, Section 7.
func (e *Evidence) origin(tx *mail.Transaction, src provider.Source, given Given) (netip.Addr, string) {
	switch {
	case given.Origin.IsValid():
		e.Origin = Origin{IP: given.Origin.String(), Helo: given.Helo, Method: "given", Confidence: "high", Why: "the address was given by whoever asked"}
		return given.Origin, given.Helo
	case tx.Client.Origin.IsValid() && !given.Peerless && !ownHost(src, tx.Client.Origin):
		told := tx.Client.Origin.Unmap()
		e.Origin = Origin{IP: told.String(), Helo: tx.Client.OriginHelo, Method: "given", Confidence: "high",
			Why: fmt.Sprintf("source %q told the address with XCLIENT or XFORWARD", src.Name)}
		return told, tx.Client.OriginHelo
	case src.Origin == provider.OriginPeer && !given.Peerless:
		e.Origin = Origin{IP: tx.Client.Addr.String(), Helo: tx.Client.Helo, Method: "peer", Confidence: "high",
			Why: fmt.Sprintf("source %q delivers its own mail: the client is the origin", src.Name)}
		return tx.Client.Addr, tx.Client.Helo
	}
	boundary := boundaryOf(src)
	hops := received.Hops(tx.Message)
	o := received.Walk(hops, boundary, tx.ReceivedAt)
	e.Origin = Origin{Helo: o.Helo, Method: o.Method, Confidence: string(o.Confidence), Why: o.Why}
	if o.IP.IsValid() {
		e.Origin.IP = o.IP.String()
		return o.IP, o.Helo
	}
	named := len(boundary.Ingress)+len(boundary.Inner)+len(boundary.ReceivedBy) > 0
	e.Origin.HopMissing = named && (len(hops) == 0 || !boundary.Believes(hops[0].By))
	return netip.Addr{}, ""
}

// ownHost reports whether a told address is one of the source's own hosts: what
// stands before us took the mail from the provider, and not from the sender.
func ownHost(src provider.Source, addr netip.Addr) bool {
	return slices.ContainsFunc(src.Ranges, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
}

// boundaryOf joins what the operator wrote with the catalogue's roles.
func boundaryOf(src provider.Source) received.Boundary {
	b := received.Boundary{ReceivedBy: src.ReceivedBy}
	if entry, ok := provider.Lookup(src.Provider); ok {
		b.Ingress, b.Inner, b.Chained = entry.Ingress, entry.Inner, entry.IngressChained
		if len(b.ReceivedBy) == 0 {
			b.ReceivedBy = entry.ReceivedBySuffixes
		}
	}
	if len(src.Ranges) > 0 {
		b.Ranges = func(a netip.Addr) bool {
			return slices.ContainsFunc(src.Ranges, func(p netip.Prefix) bool { return p.Contains(a) })
		}
	}
	return b
}

func (e *Evidence) spf(r spf.Result) {
	e.SPF = SPF{Result: r.Status, Domain: r.Domain, Identity: string(r.Identity), Why: r.Why}
	if e.Origin.IP == "" {
		e.SPF.Why = "not evaluated, the origin is not known: " + e.Origin.Why
	}
}

func (e *Evidence) dkim(rs []dkim.Result) {
	for _, r := range rs {
		e.DKIM = append(e.DKIM, DKIM{Result: r.Status, Domain: r.Domain, Selector: r.Selector, Algorithm: r.Algorithm, B: r.B, Why: r.Why})
	}
}

// alignment asks DMARC once SPF and DKIM are known.
func (e *Evidence) alignment(ctx context.Context, r dns.Resolver) {
	if e.Author.Ambiguous != "" {
		// RFC 9989, Section 4.9 leaves this to us; never "DMARC none": F8.
		e.DMARC = DMARC{Result: mail.PermError, Why: "no single author domain"}
		return
	}
	id := dmarc.Identifiers{Author: e.Author.Domain, SPFDomain: mail.Domain(e.SPF.Domain), SPF: e.SPF.Result}
	for _, s := range e.DKIM {
		id.DKIM = append(id.DKIM, dmarc.Signature{Domain: s.Domain, Status: s.Result})
	}
	d := dmarc.Evaluate(ctx, r, id)
	e.DMARC = DMARC{Result: d.Status, Domain: d.Domain, Policy: d.Policy, SPFAligned: d.SPFAligned, DKIMAligned: d.DKIMAligned, Why: d.Why}
}

// pretence asks whom the message pretends to be.
func (c *Collector) pretence(e *Evidence, m *mail.Message, author mail.Author) {
	for _, own := range c.Own {
		if author.Address.Domain.Within(own) {
			e.OwnDomain = own
		}
	}
	for _, d := range author.Candidates {
		c.compare(e, d, "author")
	}
	for _, where := range []string{"reply-to", "to", "cc"} {
		domains, more := mail.HeaderDomains(m, where, maxHeaderDomains)
		for _, d := range domains {
			c.compare(e, d, where)
		}
		if more && where == "reply-to" { // nobody replies to so many
			e.Unscannable = fmt.Sprintf("more than %d domains in Reply-To", maxHeaderDomains)
		}
	}
	e.Impersonated = c.impersonation(author)
}

// compare adds the best look-alike of d, once for each place.
func (c *Collector) compare(e *Evidence, d mail.Domain, where string) {
	if c.Lookalike == nil {
		return
	}
	matches := c.Lookalike.Check(d)
	if len(matches) == 0 {
		return
	}
	m := matches[0]
	e.Lookalike = append(e.Lookalike, Lookalike{Domain: m.Domain, Target: m.Target, Class: string(m.Class), Confidence: m.Confidence,
		Why: m.Why, Where: where, Own: m.Tier == lookalike.Own, Alone: m.Alone})
}

// impersonation reports a protected name with an address that is not theirs, or
// an address of an own or protected domain that is shown but is not the author's.
func (c *Collector) impersonation(a mail.Author) *Impersonation {
	if a.Ambiguous != "" {
		return nil // a reason of its own
	}
	shown := foldName(a.Display)
	for _, p := range c.People {
		theirs := slices.ContainsFunc(p.Addresses, func(own mail.Address) bool {
			return strings.EqualFold(own.Local, a.Address.Local) && own.Domain == a.Address.Domain
		})
		if shown != "" && foldName(p.Name) == shown && !theirs && !withinAny(a.Address.Domain, c.Own) { // own domains: the spoof check
			return &Impersonation{Name: p.Name, Address: a.Address.String()}
		}
	}
	for _, d := range a.Candidates {
		if d != a.Address.Domain && withinAny(d, c.Protected) && !withinAny(a.Address.Domain, []mail.Domain{d}) && !d.Within(a.Address.Domain) {
			return &Impersonation{Name: a.Display, Domain: d, Address: a.Address.String()}
		}
	}
	return nil
}

func withinAny(d mail.Domain, parents []mail.Domain) bool {
	return slices.ContainsFunc(parents, d.Within)
}

// foldName makes "Mustermann, Erika" and "Erika  MUSTERMANN" the same.
func foldName(s string) string {
	if last, first, ok := strings.Cut(s, ","); ok {
		s = first + " " + last
	}
	return strings.Join(strings.Fields(strings.ToLower(s)), " ")
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

// maxARCSets is the longest chain there may be. RFC 8617, Section 5.2.
const maxARCSets = 50

func arcState(m *mail.Message) ARC {
	seals := len(m.Named("ARC-Seal"))
	switch {
	case seals > maxARCSets:
		return ARC{Result: mail.Fail, Why: fmt.Sprintf("the message carries more than %d ARC sets", maxARCSets)}
	case seals > 0:
		return ARC{Result: mail.None, Why: "the message carries an ARC chain; chains are not verified yet"}
	}
	return ARC{Result: mail.None}
}

// FileTransaction makes a transaction of a message that was read from a file:
// reverse-path from Return-Path, recipient unknown.
func FileTransaction(m *mail.Message, at time.Time) *mail.Transaction {
	tx := &mail.Transaction{Message: m, ReceivedAt: at}
	path := strings.TrimSpace(m.First("Return-Path"))
	if !strings.HasPrefix(path, "<") {
		path = "<" + path + ">"
	}
	a, _, err := mail.ParsePath(path)
	if i := strings.LastIndexByte(path, '@'); err != nil && i > 0 {
		// Return-Path of real archives holds local parts with an "@", unquoted.
		if d, err := mail.ParseDomain(strings.TrimSuffix(path[i+1:], ">")); err == nil {
			a = mail.Address{Local: path[1:i], Domain: d}
		}
	}
	tx.Envelope.ReversePath = a
	return tx
}
