package spf

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"mxgate/policy/dns"
	"mxgate/policy/memo"
)

// The same client sends for the same domain again and again. A check that met no
// macro rests on the client, the domain and the answers of DNS: where these are
// still the same, so is the result. What is remembered is no answer of DNS: each
// is asked for again, so that none is used beyond its time.
var replays = memo.New[subject, replay](1<<20, func(k subject) subject {
	k.domain = strings.Clone(k.domain)
	return k
})

// subject is what is checked; domain as Result has it.
type subject struct {
	client   netip.Addr
	domain   string
	identity Identity
}

// replay is a check that was done, with the answers it rests on.
type replay struct {
	asked  []asked
	result Result
}

// asked is a question with its answer.
type asked struct {
	typ, name string
	txt       []string
	addrs     []netip.Addr
	mx        []dns.MX
	err       error
}

// ask asks r a question for records that no address leads to.
func ask(ctx context.Context, r dns.Resolver, typ, name string) asked {
	q := asked{typ: typ, name: name}
	switch typ {
	case "TXT":
		answer, err := r.TXT(ctx, name)
		q.txt, q.err = answer.Records, err
	case "A":
		answer, err := r.A(ctx, name)
		q.addrs, q.err = answer.Records, err
	case "AAAA":
		answer, err := r.AAAA(ctx, name)
		q.addrs, q.err = answer.Records, err
	case "MX":
		answer, err := r.MX(ctx, name)
		q.mx, q.err = answer.Records, err
	}
	return q
}

// says reports whether a and b are the same answer, where it may rest on a.
func (a *asked) says(b *asked) bool {
	if a.err != nil || b.err != nil {
		return nothing(a.err) != nil && nothing(a.err) == nothing(b.err)
	}
	return slices.Equal(a.txt, b.txt) && slices.Equal(a.addrs, b.addrs) && slices.Equal(a.mx, b.mx)
}

// nothing is the class of an error that is an answer: there is no such name, or no
// such record. Nil for others.
func nothing(err error) error {
	switch {
	case errors.Is(err, dns.ErrNoSuchName):
		return dns.ErrNoSuchName
	case errors.Is(err, dns.ErrNoData):
		return dns.ErrNoData
	}
	return nil
}

// recall returns the result of a check of s that rests on what r says now. If
// there is none it returns what r was asked for that.
func recall(ctx context.Context, r dns.Resolver, s subject) (result Result, ok bool, now []asked) {
	past, ok := replays.Get(s)
	if !ok {
		return Result{}, false, nil
	}
	for i := range past.asked {
		was := &past.asked[i]
		if is := ask(ctx, r, was.typ, was.name); !was.says(&is) {
			return Result{}, false, append(slices.Clip(past.asked[:i]), is)
		}
	}
	return past.result, true, nil
}

// recorder asks for an evaluation, and keeps what a replay has to ask for again.
type recorder struct {
	dns.Resolver
	now   []asked // for recall; nobody is asked for it a second time
	asked []asked
	more  bool // a question was not answered, or the result may rest on something else
}

func (r *recorder) ask(ctx context.Context, typ, name string) asked {
	var q asked
	if i := slices.IndexFunc(r.now, func(q asked) bool { return q.typ == typ && q.name == name }); i >= 0 {
		q = r.now[i]
	} else {
		q = ask(ctx, r.Resolver, typ, name)
	}
	r.more = r.more || q.err != nil && nothing(q.err) == nil || slices.ContainsFunc(q.txt, func(txt string) bool { return strings.Contains(txt, "%") })
	if !r.more {
		r.asked = append(r.asked, q)
	}
	return q
}

func (r *recorder) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	q := r.ask(ctx, "TXT", name)
	return dns.Answer[string]{Records: q.txt}, q.err
}

func (r *recorder) A(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	q := r.ask(ctx, "A", name)
	return dns.Answer[netip.Addr]{Records: q.addrs}, q.err
}

func (r *recorder) AAAA(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	q := r.ask(ctx, "AAAA", name)
	return dns.Answer[netip.Addr]{Records: q.addrs}, q.err
}

func (r *recorder) MX(ctx context.Context, name string) (dns.Answer[dns.MX], error) {
	q := r.ask(ctx, "MX", name)
	return dns.Answer[dns.MX]{Records: q.mx}, q.err
}

// PTR is asked for by what nobody should publish any more (RFC 7208, Section 5.5):
// that is evaluated each time.
func (r *recorder) PTR(ctx context.Context, addr netip.Addr) (dns.Answer[string], error) {
	r.more = true
	return r.Resolver.PTR(ctx, addr)
}

// remember keeps the result of a check of s for recall.
func (r *recorder) remember(s subject, result Result) {
	if r.more {
		return
	}
	octets := 2*len(s.domain) + len(result.Why) + len(result.Term) + len(result.Explanation)
	for i := range r.asked {
		q := &r.asked[i]
		q.name = strings.Clone(q.name) // it may be a piece of a command
		octets += questionOctets + len(q.name) + addrOctets*len(q.addrs)
		for _, txt := range q.txt {
			octets += textOctets + len(txt)
		}
		for _, mx := range q.mx {
			octets += mxOctets + len(mx.Host)
		}
	}
	result.Domain = strings.Clone(result.Domain)
	replays.Put(s, replay{r.asked, result}, octets)
}

// What a question and each of its records take besides their texts.
const (
	questionOctets = 128
	textOctets     = 16
	addrOctets     = 24
	mxOctets       = 24
)
