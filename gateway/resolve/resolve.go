package resolve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	mdns "github.com/miekg/dns"
	"golang.org/x/sync/singleflight"

	"mxgate/policy/dns"
)

const (
	defaultTimeout      = 5 * time.Second
	defaultCacheEntries = 50_000

	// maxLinks is how many CNAME records are followed for one look-up.
	maxLinks = 8
)

// ErrBudget is the cause of a failed look-up whose Budget is used up.
var ErrBudget = errors.New("resolve: budget spent")

// Config says whom to ask.
type Config struct {
	Servers      []netip.AddrPort // recursive servers, best first; at least one
	Timeout      time.Duration    // for one question, all servers and tries together; 0: 5 s. A look-up ends within twice that
	CacheEntries int              // answers kept, in all; 0: 50,000
	TrustAD      bool             // the servers validate DNSSEC and nobody sits between us and them: set it for loopback only, or a path as safe
	Now          func() time.Time // clock of the cache, safe for concurrent use; nil: time.Now
}

// Resolver is a dns.Resolver that asks servers and remembers what they said.
//
// Questions in flight are shared and outlive a caller that gives up, at most by
// Config.Timeout: the answer is then there for the client's next try.
type Resolver struct {
	servers    []*server
	timeout    time.Duration // one question
	tryTimeout time.Duration // one exchange with one server
	trustAD    bool
	now        func() time.Time
	cache      *cache
	flights    singleflight.Group
	lanes      lanes // a slot per question in flight
	counters   counters
}

var (
	_ dns.Resolver     = (*Resolver)(nil)
	_ dns.TLSAResolver = (*Resolver)(nil)
)

// New checks the configuration; it asks nothing yet.
func New(c Config) (*Resolver, error) {
	if len(c.Servers) == 0 {
		return nil, errors.New("resolve: no DNS server configured")
	}
	if c.Timeout < 0 || c.CacheEntries < 0 {
		return nil, fmt.Errorf("resolve: time-out %v, cache entries %d: want neither below zero", c.Timeout, c.CacheEntries)
	}
	r := &Resolver{timeout: c.Timeout, trustAD: c.TrustAD, now: c.Now, lanes: newLanes()}
	for _, addr := range c.Servers {
		if !addr.IsValid() || addr.Port() == 0 {
			return nil, fmt.Errorf("resolve: server %v: want address and port", addr)
		}
		r.servers = append(r.servers, &server{addr: addr.String()})
	}
	if r.timeout == 0 {
		r.timeout = defaultTimeout
	}
	// Two whole tries and the start of a third fit into a question: 2 s each
	// by default, as resolvers do it since 4.3BSD.
	r.tryTimeout = r.timeout * 2 / 5
	if r.now == nil {
		r.now = time.Now
	}
	entries := c.CacheEntries
	if entries == 0 {
		entries = defaultCacheEntries
	}
	r.cache = newCache(entries)
	return r, nil
}

// TXT implements dns.Resolver.
func (r *Resolver) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	return find(ctx, r, name, mdns.TypeTXT, func(e *entry) []string { return e.texts })
}

// A implements dns.Resolver.
func (r *Resolver) A(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	return find(ctx, r, name, mdns.TypeA, func(e *entry) []netip.Addr { return e.addrs })
}

// AAAA implements dns.Resolver.
func (r *Resolver) AAAA(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	return find(ctx, r, name, mdns.TypeAAAA, func(e *entry) []netip.Addr { return e.addrs })
}

// MX implements dns.Resolver. Hosts are lower case; a name that no host can have
// is kept, so that the domain is not taken for one without MX: asking for its
// addresses then fails with dns.ErrPermanent, or finds none.
func (r *Resolver) MX(ctx context.Context, name string) (dns.Answer[dns.MX], error) {
	return find(ctx, r, name, mdns.TypeMX, func(e *entry) []dns.MX { return e.exchanges })
}

// PTR implements dns.Resolver. Names that are not valid host names are left
// out; when none remains the answer is dns.ErrNoData.
func (r *Resolver) PTR(ctx context.Context, addr netip.Addr) (dns.Answer[string], error) {
	if !addr.IsValid() {
		return dns.Answer[string]{}, &dns.Error{Type: "PTR", Class: dns.ErrPermanent, Cause: errors.New("no address")}
	}
	return find(ctx, r, dns.ReverseName(addr), mdns.TypePTR, func(e *entry) []string { return e.texts })
}

// TLSA implements dns.TLSAResolver.
func (r *Resolver) TLSA(ctx context.Context, name string) (dns.Answer[dns.TLSA], error) {
	a, err := find(ctx, r, name, mdns.TypeTLSA, func(e *entry) []dns.TLSA { return e.tlsas })
	for i := range a.Records {
		a.Records[i].Data = bytes.Clone(a.Records[i].Data) // the cache keeps its own
	}
	return a, err
}

// CNAME implements dns.TLSAResolver. The target is lower case and may hold what
// a host name must not; asking for its records then fails with dns.ErrPermanent,
// or finds none.
func (r *Resolver) CNAME(ctx context.Context, name string) (dns.Answer[string], error) {
	return find(ctx, r, name, mdns.TypeCNAME, func(e *entry) []string { return e.texts })
}

// question is what is asked: a name as the library presents it, lower case, and
// a type.
type question struct {
	name string
	typ  uint16
}

func (q question) key() string { return q.name + " " + mdns.TypeToString[q.typ] }

// entry is what one exchange said about a question. It is shared by all who
// asked and must not be changed.
type entry struct {
	texts     []string // TXT, or the names of PTR and CNAME
	addrs     []netip.Addr
	exchanges []dns.MX
	tlsas     []dns.TLSA

	alias     string // no records: the answer ended at this alias, ask on
	links     int    // CNAME records followed inside the answer
	authentic bool
	class     error // nil: records or alias
	cause     error
	ttl       time.Duration // 0: not to be kept
}

// find looks q up and follows aliases that lead out of the answer, so that each
// part of a chain is kept for its own TTL.
func find[T any](ctx context.Context, r *Resolver, name string, typ uint16, records func(*entry) []T) (dns.Answer[T], error) {
	fail := func(class, cause error) (dns.Answer[T], error) {
		return dns.Answer[T]{}, &dns.Error{Type: mdns.TypeToString[typ], Name: name, Class: class, Cause: cause}
	}
	if err := dns.CheckName(name); err != nil {
		return fail(dns.ErrPermanent, err)
	}
	at, authentic, links, began := presented(name), true, 0, r.now()
	for {
		e, err := r.lookup(ctx, question{at, typ})
		if err != nil {
			return fail(dns.ErrTemporary, err)
		}
		authentic = authentic && e.authentic
		links += e.links
		switch {
		case links > maxLinks:
			return fail(dns.ErrTemporary, errLinks)
		case e.class != nil:
			return fail(e.class, e.cause)
		case e.alias == "" && len(records(e)) == 0:
			// Records there were, but none that can be used: PTR to nonsense.
			return fail(dns.ErrNoData, nil)
		case e.alias == "":
			return dns.Answer[T]{Records: slices.Clone(records(e)), Authentic: authentic}, nil
		case r.now().Sub(began) >= r.timeout:
			// Each link has the time of a question: a chain must not have
			// the sum of them.
			return fail(dns.ErrTemporary, errSilent)
		}
		at = e.alias
	}
}

// lookup answers from the cache or asks. The error is the caller's own: its
// context ended, or its time to wait, or its budget is spent.
func (r *Resolver) lookup(ctx context.Context, q question) (*entry, error) {
	if e := r.cache.get(q, r.now()); e != nil {
		r.counters.hits.Add(1)
		return e, nil // also when the time is up: it costs none
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !spend(ctx) {
		r.counters.overBudget.Add(1)
		return nil, ErrBudget
	}
	// The question runs on its own time, not on that of the caller who came
	// first: when he gives up, the others still get their answer.
	flight := r.flights.DoChan(q.key(), func() (any, error) { return r.fly(q), nil })
	over, stop := patience(ctx)
	defer stop()
	var err error
	select {
	case result := <-flight:
		return landed(ctx, result)
	case <-over:
		err = errNoWait
	case <-ctx.Done():
		err = ctx.Err()
	}
	select {
	case result := <-flight: // both came while this machine did something else
		return landed(ctx, result)
	default:
	}
	if errors.Is(err, errNoWait) || r.lanes.full() {
		noteOurs(ctx)
	}
	return nil, err
}

// landed is the answer of a flight for who waited under ctx.
func landed(ctx context.Context, result singleflight.Result) (*entry, error) {
	e := result.Val.(*entry)
	if errors.Is(e.cause, errBusy) {
		noteOurs(ctx)
	}
	return e, nil
}

// fly asks q for all who wait, within r.timeout.
func (r *Resolver) fly(q question) (e *entry) {
	defer func() {
		// singleflight would end the process: what a server sent must not.
		if p := recover(); p != nil {
			e = &entry{class: dns.ErrTemporary, cause: fmt.Errorf("resolve: panic: %v", p)}
		}
	}()
	// The flight before this one may have landed after our caller looked.
	if e := r.cache.get(q, r.now()); e != nil {
		return e
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
	defer cancel()
	ctx, leave, ok := r.lanes.enter(ctx)
	if !ok {
		return r.busy()
	}
	defer leave()
	e = r.ask(ctx, q)
	r.cache.put(q, e, r.now())
	return e
}

// busy is what is said where no slot was free. It is not kept: it says nothing of the
// name.
func (r *Resolver) busy() *entry {
	r.counters.busy.Add(1)
	return &entry{class: dns.ErrTemporary, cause: errBusy}
}
