package spf

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"mxgate/policy/dns"
)

// evaluation is one run of check_host(). It is the resolver of the library.
//
// The library gets every record rewritten. Where a term has a domain-spec it sees
// a mark instead, and asks for that mark when it comes to the term. So it is
// known here which term asks and from which record, a macro is expanded only when
// its term is reached, and by our own code: the library refuses a "/" in a
// domain-spec, does not know %{p}, drops empty parts and never cuts a name.
//
// Every error is a *net.DNSError, because the library takes anything else for
// permanent, a deadline too.
type evaluation struct {
	dns           dns.Resolver
	client        netip.Addr // never IPv4-mapped
	local, domain string     // of the <sender>
	helo          string     // as %{h} shows it

	visited    []visit  // the records met, that of the identity first
	noted      []string // what the library matched: see note
	names      []string // of the client, once asked: see validated
	lastTXT    string   // the domain whose record was asked for last
	lastFailed string   // type and name of the last question that failed for a time
	badRecord  error    // why a record was refused before evaluation
	spent      bool     // the budget of questions was not enough
}

// visit is one record on the way.
type visit struct {
	domain string   // whose record it is: <domain>
	terms  []term   // as published
	bodies []string // what the library sees of each, without its qualifier; "" if nothing
	from   place    // what led here; of no meaning for the first
}

// place is a term of a visited record.
type place struct{ visit, term int }

// A mark is a name that DNS cannot hold, so that none of a zone is taken for one.
const (
	markSign = `"`
	nobody   = markSign // the mark of no term
)

func (p place) writeMark(b *strings.Builder) {
	b.WriteString(markSign)
	b.WriteString(strconv.Itoa(p.visit))
	b.WriteString(markSign)
	b.WriteString(strconv.Itoa(p.term))
}

// meant returns the name that the library means and the term that asks for it;
// nil if it is the name of the identity, of a mail exchanger or of the client.
// The name is "" if it is none that can be asked.
func (e *evaluation) meant(ctx context.Context, name string) (string, place, *term) {
	if strings.HasPrefix(name, markSign) {
		visit, index, _ := strings.Cut(name[len(markSign):], markSign)
		v, err := strconv.Atoi(visit)
		i, err2 := strconv.Atoi(index)
		if err != nil || err2 != nil || v >= len(e.visited) {
			return "", place{}, nil
		}
		t := &e.visited[v].terms[i]
		if t.spec == "" {
			return e.visited[v].domain, place{v, i}, t
		}
		return e.name(ctx, t.spec, e.visited[v].domain), place{v, i}, t
	}
	if dns.CheckName(name) != nil {
		return "", place{}, nil
	}
	return strings.TrimSuffix(name, "."), place{}, nil
}

// LookupTXT returns the SPF records at name. If there is exactly one and its
// syntax is wrong, it fails for good: RFC 7208, Section 4.6.
func (e *evaluation) LookupTXT(ctx context.Context, name string) ([]string, error) {
	domain, from, _ := e.meant(ctx, name)
	e.lastTXT = domain
	if domain == "" {
		return nil, notFound(name)
	}
	answer, err := e.dns.TXT(ctx, domain)
	if err != nil {
		return nil, e.failed("TXT", err)
	}
	var records []string
	for _, txt := range answer.Records {
		if isRecord(txt) {
			records = append(records, txt)
		}
	}
	if len(records) != 1 {
		return records, nil
	}
	terms, err := parseRecord(records[0])
	if err != nil {
		e.badRecord = &recordError{domain: domain, cause: err}
		return nil, e.badRecord
	}
	e.visited = append(e.visited, visit{domain: domain, terms: terms, from: from})
	return []string{e.rewrite(ctx, len(e.visited)-1)}, nil
}

// rewrite returns the visited record n as the library is to see it.
func (e *evaluation) rewrite(ctx context.Context, n int) string {
	v := &e.visited[n]
	v.bodies = make([]string, len(v.terms))
	size := len("v=spf1")
	for i := range v.terms {
		size += len(v.terms[i].text) + len(` :"99"9999`)
	}
	var b strings.Builder
	b.Grow(size)
	b.WriteString("v=spf1")
	for i := range v.terms {
		if !e.matters(&v.terms[i]) {
			continue
		}
		b.WriteByte(' ')
		b.WriteString(v.terms[i].qualifier)
		start := b.Len()
		e.writeBody(ctx, &b, place{n, i})
		v.bodies[i] = b.String()[start:]
	}
	return b.String()
}

// matters reports whether the library has to see a term. It need not see a network
// without the client, which is most of what big providers publish; one of the
// other kind it must not: it would let ip6 with an IPv4-mapped address match an
// IPv4 client. What "exp=" asks for comes later, and other modifiers are to be
// ignored.
func (e *evaluation) matters(t *term) bool {
	switch t.name {
	case "ip4", "ip6":
		return t.network.Contains(e.client)
	}
	return t.name != "" && t.name != "exp"
}

// writeBody writes a term, without its qualifier, as the library is to see it.
func (e *evaluation) writeBody(ctx context.Context, b *strings.Builder, at place) {
	v := &e.visited[at.visit]
	t := &v.terms[at.term]
	b.WriteString(t.name)
	switch t.name {
	case "all":
	case "ip4", "ip6":
		b.WriteString(t.rest)
	case "ptr":
		target := v.domain
		if t.spec != "" {
			target = e.name(ctx, t.spec, v.domain)
		}
		if target == "" || strings.ContainsAny(target, " %/") { // what the library would read otherwise
			target = nobody
		}
		b.WriteString(":" + target)
	case "redirect":
		b.WriteByte('=')
		at.writeMark(b)
	default: // a, mx, include, exists
		b.WriteByte(':')
		at.writeMark(b)
		b.WriteString(t.rest)
	}
}

// LookupMX returns the mail exchangers of name. One that cannot be asked for
// keeps its place, a null MX too: the answer was not void.
func (e *evaluation) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	domain, _, _ := e.meant(ctx, name)
	if domain == "" {
		return []*net.MX{{Host: nobody}}, nil
	}
	answer, err := e.dns.MX(ctx, domain)
	if err != nil {
		if notAsked(err) {
			return []*net.MX{{Host: nobody}}, nil
		}
		return nil, e.failed("MX", err)
	}
	hosts := make([]*net.MX, len(answer.Records))
	for i, mx := range answer.Records {
		hosts[i] = &net.MX{Host: mx.Host, Pref: mx.Preference}
		if dns.CheckName(mx.Host) != nil {
			hosts[i].Host = nobody
		}
	}
	return hosts, nil
}

// LookupIPAddr returns the addresses of host. Only those of the client's kind
// can matter, and for "exists" A alone: RFC 7208, Sections 5 and 5.7.
//
// A name that cannot be asked for matches nothing, but was no void look-up.
//
// Deviation: neither is it one when an IPv6 client meets a host that has IPv4
// only. The limit is there against names that do not exist, and a domain must
// not fail for the clients with IPv6 alone.
func (e *evaluation) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	domain, _, t := e.meant(ctx, host)
	v6 := e.client.Is6() && (t == nil || t.name != "exists")
	if domain == "" {
		return otherKind(v6), nil
	}
	addrs, err := e.ask(ctx, domain, v6)
	switch {
	case err == nil:
		return netAddrs(addrs), nil
	case t != nil && v6 && errors.Is(err, dns.ErrNoData):
		if _, err := e.ask(ctx, domain, false); err == nil {
			return otherKind(v6), nil
		}
	case notAsked(err):
		return otherKind(v6), nil
	}
	typ := "A"
	if v6 {
		typ = "AAAA"
	}
	return nil, e.failed(typ, err)
}

func netAddrs(addrs []netip.Addr) []net.IPAddr {
	list := make([]net.IPAddr, len(addrs))
	for i, a := range addrs {
		list[i].IP = net.IP(a.Unmap().AsSlice())
	}
	return list
}

// otherKind is an answer that matches neither a client of the kind nor "exists".
func otherKind(v6 bool) []net.IPAddr {
	if v6 {
		return []net.IPAddr{{IP: net.IPv4zero}}
	}
	return []net.IPAddr{{IP: net.IPv6zero}}
}

// ask asks for the addresses of host, of one kind.
func (e *evaluation) ask(ctx context.Context, host string, v6 bool) ([]netip.Addr, error) {
	if v6 {
		answer, err := e.dns.AAAA(ctx, host)
		return answer.Records, err
	}
	answer, err := e.dns.A(ctx, host)
	return answer.Records, err
}

// LookupAddr returns the names of the client; what cannot be one keeps its place.
func (e *evaluation) LookupAddr(ctx context.Context, _ string) ([]string, error) {
	answer, err := e.dns.PTR(ctx, e.client)
	if err != nil {
		return nil, e.failed("PTR", err)
	}
	names := make([]string, len(answer.Records))
	for i, name := range answer.Records {
		names[i] = nobody
		if dns.CheckName(name) == nil {
			names[i] = name
		}
	}
	return names, nil
}

// failed turns a failure of the resolver into the error the library classifies.
func (e *evaluation) failed(typ string, err error) error {
	n := dns.NetError(err)
	switch {
	case errors.Is(err, dns.ErrLimit):
		e.spent, n.IsNotFound = true, true
	case errors.Is(err, dns.ErrPermanent):
		n.IsNotFound = true
	case n.IsTemporary:
		e.lastFailed = typ
		if n.Name != "" {
			e.lastFailed += " " + n.Name
		}
	}
	return n
}

// notAsked reports whether err says that the name cannot be asked for.
func notAsked(err error) bool {
	return errors.Is(err, dns.ErrPermanent) && !errors.Is(err, dns.ErrLimit)
}

func notFound(name string) *net.DNSError {
	return &net.DNSError{Err: "not a name", Name: name, IsNotFound: true}
}
