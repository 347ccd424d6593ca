package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"

	"mxgate/policy/dns"
)

const (
	// udpOctets is the answer size we offer: it passes every path unfragmented,
	// and fragments can be forged. RFC 9715, Section 3.2.
	udpOctets = 1232

	// maxRounds is how often a silent server is asked: a datagram may get lost.
	maxRounds = 2

	// maxStrays is how many datagrams that do not answer the question are
	// ignored. Beyond, someone is guessing ids: TCP leaves him nothing to guess.
	maxStrays = 8

	// benchTime is how long a silent server stands behind the others, so that
	// one dead server does not slow every question.
	benchTime = 30 * time.Second

	// failureTTL is how long a failed question is not asked again: the
	// shortest that RFC 9520, Section 3.2 allows.
	failureTTL = time.Second
)

var (
	errSilent  = fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	errStray   = errors.New("does not answer the question")
	errStrays  = errors.New("too many datagrams that do not answer the question")
	errTC      = errors.New("truncated")
	errGarbage = errors.New("answer that cannot be read")
	errOther   = errors.New("a referral, or records of other names")
	errLinks   = fmt.Errorf("more than %d CNAME records", maxLinks)
)

// server is one recursive server.
type server struct {
	addr   string
	benchd atomic.Pointer[time.Time] // when it last stayed silent; nil: it answers
}

// ask asks the servers until one gives an answer, and returns that or a
// temporary failure. A server that says no is not asked again, a silent one is.
func (r *Resolver) ask(ctx context.Context, q question) *entry {
	r.counters.questions.Add(1)
	began := r.now()
	defer func() { r.counters.waited.Add(int64(r.now().Sub(began))) }()
	failed := &entry{class: dns.ErrTemporary, ttl: failureTTL}
	candidates, answered := r.order(began), false
	for range maxRounds {
		var silent []*server
		for _, s := range candidates {
			e, err := r.try(ctx, s, q)
			if err == nil {
				r.counters.failingSince.Store(nil)
				return e
			}
			if !errors.Is(failed.cause, dns.ErrBogus) { // which says more than what came after it
				failed.cause = fmt.Errorf("resolve: server %s: %w", s.addr, err)
			}
			answered = answered || errors.Is(err, errServFail)
			if errors.Is(err, context.DeadlineExceeded) {
				silent = append(silent, s)
			}
			if ctx.Err() != nil {
				break
			}
		}
		candidates = silent
		if ctx.Err() != nil {
			break
		}
	}
	if errors.Is(context.Cause(ctx), errBusy) {
		return r.busy() // nobody failed: it was not waited for
	}
	r.counters.failures.Add(1)
	if answered {
		r.counters.failingSince.Store(nil)
	} else {
		r.counters.failingSince.CompareAndSwap(nil, &began)
	}
	return failed
}

// order returns the servers as configured, those that were silent of late last.
func (r *Resolver) order(now time.Time) []*server {
	ordered := slices.Clone(r.servers)
	slices.SortStableFunc(ordered, func(a, b *server) int {
		return cmp.Compare(a.bench(now), b.bench(now))
	})
	return ordered
}

// bench is 1 for a server that was silent of late, else 0.
func (s *server) bench(now time.Time) int {
	if at := s.benchd.Load(); at != nil && now.Sub(*at) < benchTime {
		return 1
	}
	return 0
}

// try asks one server, over UDP and then TCP where UDP cannot tell. Any error
// says that the server was of no help, not that the name is wrong.
func (r *Resolver) try(ctx context.Context, s *server, q question) (*entry, error) {
	msg, err := r.exchange(ctx, "udp", s.addr, q, validated)
	if err == nil && msg.Truncated || errors.Is(err, errStrays) || errors.Is(err, errGarbage) {
		r.counters.tcpRetries.Add(1)
		msg, err = r.exchange(ctx, "tcp", s.addr, q, validated)
		if err == nil && msg.Truncated {
			err = errTC
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		r.counters.timeouts.Add(1)
		now := r.now()
		s.benchd.Store(&now)
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	s.benchd.Store(nil)
	e, err := read(msg, q)
	if errors.Is(err, errServFail) {
		r.counters.servFails.Add(1)
		if r.bogus(ctx, s, q) {
			err = fmt.Errorf("%w: %w", err, dns.ErrBogus)
		}
	}
	if err != nil {
		return nil, err
	}
	e.authentic = r.trustAD && msg.AuthenticatedData
	return e, nil
}

// bogus finds out whether s failed because what it got for q did not pass
// validation: then it gives it to those who do not ask for validation. RFC 4035,
// Section 3.2.2. A cut-off answer tells it as well as a whole one.
func (r *Resolver) bogus(ctx context.Context, s *server, q question) bool {
	if !r.trustAD {
		return false // nobody validates, or nobody we would believe
	}
	msg, err := r.exchange(ctx, "udp", s.addr, q, unchecked)
	return err == nil && (msg.Rcode == mdns.RcodeSuccess || msg.Rcode == mdns.RcodeNameError)
}

// checking says whether the server is to validate what it finds: the CD bit.
type checking bool

const (
	validated checking = true
	unchecked checking = false
)

// exchange sends q on a socket of its own and waits for what answers it, at
// most r.tryTimeout. The end of ctx ends it at once, deadline or not: the
// library's own exchange looks at deadlines only.
func (r *Resolver) exchange(ctx context.Context, network, addr string, q question, c checking) (*mdns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, r.tryTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, orEnd(ctx, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	sent := r.message(q, c)
	packets := &mdns.Conn{Conn: conn, UDPSize: udpOctets}
	if err := packets.WriteMsg(sent); err != nil {
		return nil, orEnd(ctx, err)
	}
	for range maxStrays {
		packet, err := packets.ReadMsgHeader(nil)
		if err != nil && !(network == "udp" && errors.Is(err, mdns.ErrShortRead)) {
			return nil, orEnd(ctx, err)
		}
		msg, err := accept(packet, sent.Id, q)
		if network == "udp" && errors.Is(err, errStray) {
			r.counters.strays.Add(1)
			continue
		}
		return msg, err
	}
	return nil, errStrays
}

// orEnd returns the reason in ctx when that is why err happened. A time-out
// becomes context.DeadlineExceeded whatever the socket calls it.
func orEnd(ctx context.Context, err error) error {
	switch ended := ctx.Err(); {
	case errors.Is(ended, context.DeadlineExceeded):
		return errSilent
	case ended != nil:
		return ended
	}
	return err
}

// message is the question as sent: recursion desired, EDNS0, a random id. The AD
// bit asks whether the answer was validated, without the signatures that DO
// would bring (RFC 6840, Section 5.7): only where we would believe the result.
func (r *Resolver) message(q question, c checking) *mdns.Msg {
	m := new(mdns.Msg)
	m.Id = mdns.Id()
	m.RecursionDesired = true
	m.Question = []mdns.Question{{Name: mdns.Fqdn(q.name), Qtype: q.typ, Qclass: mdns.ClassINET}}
	m.AuthenticatedData = r.trustAD
	m.CheckingDisabled = c == unchecked
	m.SetEdns0(udpOctets, false)
	return m
}
