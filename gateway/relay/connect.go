package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"mxgate/gateway/fault"
)

// maxFailures is how many connects in a row may fail, or transactions in a row
// break, before a host is marked down. SMTP-DUTIES R5.
const maxFailures = 3

// host is what the pool knows about one host of a route. Its fields are guarded
// by Pool.mu.
type host struct {
	addr     string   // of Route.Hosts
	idle     []*conn  // longest idle first
	failures int      // connects in a row
	broken   int      // transactions in a row, whatever became of the connects
	last     *Failure // of the last of them all
	probeAt  time.Time

	// ipv4Only: it does not know IPv6 addresses in XFORWARD, as a Postfix with
	// inet_protocols = ipv4 does not. Not guarded.
	ipv4Only atomic.Bool
}

// errDown says that a host was not asked.
var errDown = errors.New("marked down")

// hosts returns what is known about the hosts of r.
func (p *Pool) hosts(r *Route) ([]*host, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrEnded
	}
	hosts := p.routes[r]
	if hosts == nil {
		for _, addr := range r.Hosts {
			hosts = append(hosts, &host{addr: addr})
		}
		p.routes[r] = hosts
	}
	return hosts, nil
}

// connect returns a connection over r for a message of client: to the first of
// its hosts that is up, and with reuse an idle one if there is one. The failure
// is that of the host tried last, and tells what the others said.
func (p *Pool) connect(ctx context.Context, r *Route, client introduction, reuse bool) (*conn, error) {
	hosts, err := p.hosts(r)
	if err != nil {
		return nil, err
	}
	var failures []*Failure
	for i, h := range hosts {
		c, err := p.connectTo(ctx, r, h, client, reuse, p.share(hosts, i))
		f, failed := errors.AsType[*Failure](err)
		if !failed || ctx.Err() != nil {
			return c, err
		}
		failures = append(failures, f)
	}
	return nil, worst(failures)
}

// worst is the last failure of a host that was asked, or the last one if none
// was, with the others in its text.
func worst(failures []*Failure) error {
	if len(failures) == 0 {
		return errors.New("relay: route without a host")
	}
	chosen := failures[len(failures)-1]
	for _, f := range failures {
		if !errors.Is(f, errDown) {
			chosen = f
		}
	}
	all := *chosen
	for _, f := range failures {
		switch {
		case f == chosen:
		case all.Err == nil:
			all.Err = fmt.Errorf("and %v", f)
		default:
			all.Err = fmt.Errorf("%w; and %v", all.Err, f)
		}
	}
	return &all
}

// share is how long host i may take until it has greeted: those that have
// another one behind them get ConnectTimeout together, so that the client's
// patience at its first RCPT is enough for all. 0: there is no other.
func (p *Pool) share(hosts []*host, i int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range hosts[i+1:] {
		if !h.down() || h.broken < maxFailures && len(h.idle) > 0 || !time.Now().Before(h.probeAt) {
			return p.cfg.ConnectTimeout / time.Duration(len(hosts)-1)
		}
	}
	return 0
}

// connectTo returns a connection to h on which the next hop knows who client is.
func (p *Pool) connectTo(ctx context.Context, r *Route, h *host, client introduction, reuse bool, share time.Duration) (*conn, error) {
	if reuse {
		c := p.take(r, h, client)
		for c != nil && !c.quiet() { // there are at most MaxIdle
			c.close()
			c = p.take(r, h, client)
		}
		if c != nil && (r.Client != Replace || c.replaceClient(ctx, p.cfg, client) == nil) {
			return c, nil
		}
	}
	c, err := p.dial(ctx, r, h, share)
	if err == nil && r.Client == Replace {
		// Not a failure of the host: it may only refuse this client.
		err = c.replaceClient(ctx, p.cfg, client)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// dial makes a new connection to h and greets on it, within share if that is
// not 0. A failure counts against h, whatever its class, unless the caller left:
// the next message shall not wait for it again.
func (p *Pool) dial(ctx context.Context, r *Route, h *host, share time.Duration) (*conn, error) {
	if err := p.mayDial(h); err != nil {
		return nil, err
	}
	hurried := ctx
	if share > 0 {
		var cancel func()
		hurried, cancel = context.WithTimeout(ctx, share)
		defer cancel()
	}
	c, err := p.greeted(hurried, r, h)
	f, failed := errors.AsType[*Failure](err)
	if failed && f.Host == "" {
		f.Host = h.addr
	}
	if ctx.Err() == nil && (failed || err == nil) {
		p.connected(h, f)
	}
	return c, err
}

// greeted connects to h and greets on the connection, with as much TLS as the
// route demands.
func (p *Pool) greeted(ctx context.Context, r *Route, h *host) (*conn, error) {
	lookup, cancel := context.WithTimeout(ctx, p.cfg.ConnectTimeout)
	plan, err := p.cfg.secure(lookup, h.addr, r.TLS)
	cancel()
	if err != nil {
		return nil, err
	}
	c, err := p.reach(ctx, h)
	if err != nil {
		return nil, err
	}
	if err = c.greet(ctx, p.cfg, r.LMTP, plan); err == nil {
		return c, nil
	}
	plan, ok := plan.withoutTLS(err)
	if !ok || !c.upgrading || ctx.Err() != nil {
		return nil, err
	}
	if c, err = p.reach(ctx, h); err != nil {
		return nil, err
	}
	if err := c.greet(ctx, p.cfg, r.LMTP, plan); err != nil {
		return nil, err
	}
	return c, nil
}

// reach connects to h and says nothing.
func (p *Pool) reach(ctx context.Context, h *host) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.ConnectTimeout)
	defer cancel()
	network, addr := "tcp", h.addr
	if socket, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", socket
	}
	fault.At(fault.NextHopConnect)
	nc, err := p.cfg.Dial(ctx, network, addr)
	if _, unresolved := errors.AsType[*net.DNSError](err); unresolved {
		return nil, &Failure{Class: Resolve, Err: err}
	}
	if err != nil {
		return nil, &Failure{Class: Connect, Err: err}
	}
	return newConn(nc, h), nil
}

// mayDial fails at once while h is marked down. When the probe interval is over
// one caller may try, and the others wait for the next interval.
func (p *Pool) mayDial(h *host) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrEnded
	}
	if !h.down() {
		return nil
	}
	now := time.Now()
	if now.Before(h.probeAt) {
		err := fmt.Errorf("%w after %d failures, the last: %w", errDown, max(h.failures, h.broken), h.last)
		return &Failure{Class: h.last.Class, Host: h.addr, Reply: h.last.Reply, Err: err}
	}
	h.probeAt = now.Add(p.cfg.ProbeInterval)
	return nil
}

// connected notes how an attempt to connect went; failure is nil if well.
func (p *Pool) connected(h *host, failure *Failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if failure == nil {
		h.mended(p, &h.failures)
		return
	}
	h.failed(p, &h.failures, failure)
}

// failed counts a failure in a row and tells of the first. It is called with
// Pool.mu held.
func (h *host) failed(p *Pool, count *int, failure *Failure) {
	if *count++; *count == 1 {
		p.cfg.OnHost(h.addr, failure)
	}
	h.last = failure
	h.probeAt = time.Now().Add(p.cfg.ProbeInterval)
}

// mended ends a count of failures in a row, and tells if h works again: it can be
// reached, and does not break what it is given. It is called with Pool.mu held.
func (h *host) mended(p *Pool, count *int) {
	failed := *count > 0
	*count = 0
	if failed && h.failures == 0 && h.broken == 0 {
		p.cfg.OnHost(h.addr, nil)
	}
}

// broken notes that a transaction broke on h before its final dot. A greeting does
// not make up for it: a host whose queue is full or whose disk is gone may greet
// well for hours.
func (p *Pool) broken(h *host, failure *Failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h.failed(p, &h.broken, failure)
}

// answered notes that h had its say about a whole message.
func (p *Pool) answered(h *host) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h.mended(p, &h.broken)
}

// unbroken notes that a transaction on h ended without breaking, whether or not there
// was a message: none that is held, and none without a recipient, shows that h takes
// mail again. So it stays down, but the next message need not wait for the next probe.
func (p *Pool) unbroken(h *host) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.down() {
		h.probeAt = time.Now()
	}
}

// down reports whether h is marked down. It is called with Pool.mu held.
func (h *host) down() bool { return h.failures >= maxFailures || h.broken >= maxFailures }
