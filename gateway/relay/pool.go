package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"mxgate/policy/mail"
)

// maxFailures is how many connects in a row may fail before a next hop is marked
// down. SMTP-DUTIES R5.
const maxFailures = 3

// quitTimeout is how long a connection that we end may take to say goodbye.
const quitTimeout = 2 * time.Second

// Pool keeps the connections to all next hops. It is safe for concurrent use.
type Pool struct {
	cfg Config

	mu     sync.Mutex
	routes map[string]*route // by next hop, as many as the configuration names
	reaper *time.Timer       // nil: no connection is idle
	closed bool
	quits  sync.WaitGroup // connections being ended
}

// route is what the pool knows about one next hop.
type route struct {
	idle     []*conn // longest idle first
	failures int     // connects in a row
	lastErr  error   // of the last of them
	probeAt  time.Time
}

// NewPool returns a Pool without connections.
func NewPool(cfg Config) *Pool {
	return &Pool{cfg: cfg.withDefaults(), routes: map[string]*route{}}
}

// Close ends the idle connections and waits until they are gone. Deliveries
// under way go on; their connections are closed when they end.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.reaper != nil {
		p.reaper.Stop()
		p.reaper = nil
	}
	for _, r := range p.routes {
		for _, c := range r.idle {
			p.quits.Go(c.quit)
		}
		r.idle = nil
	}
	p.closed = true
	p.mu.Unlock()
	p.quits.Wait()
}

// Open takes an idle connection to nextHop ("mail.example.com:25") or makes one,
// for one message with the given reverse-path, body kind and declared size.
//
// MAIL is sent with the first RCPT, so that both cost one round trip. The caller
// must end the Delivery with Send or Abort. Errors are a *Failure, ErrAddress or
// ErrEnded.
func (p *Pool) Open(ctx context.Context, nextHop string, env mail.Envelope) (*Delivery, error) {
	reversePath, err := path(env.ReversePath)
	if err != nil {
		return nil, err
	}
	c, err := p.take(nextHop)
	if err == nil && c == nil {
		c, err = p.dial(ctx, nextHop)
	}
	if err != nil {
		return nil, err
	}
	d := &Delivery{pool: p, nextHop: nextHop, reversePath: reversePath, body: env.Body, sizeOctets: env.SizeOctets, conn: c}
	d.mu.Lock() // the timer must not find d without itself
	defer d.mu.Unlock()
	d.keepAlive = time.AfterFunc(keepAliveInterval, d.noop)
	return d, nil
}

// Probe connects to nextHop and returns what it offers. Errors as of Open.
func (p *Pool) Probe(ctx context.Context, nextHop string) (Capabilities, error) {
	c, err := p.dial(ctx, nextHop)
	if err != nil {
		return Capabilities{}, err
	}
	caps := c.caps
	p.release(nextHop, c)
	return caps, nil
}

// take returns the connection to nextHop that was used last, or nil if none is
// idle. Whether it still stands shows when it is used.
func (p *Pool) take(nextHop string) (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrEnded
	}
	r := p.routeTo(nextHop)
	last := len(r.idle) - 1
	if last < 0 {
		return nil, nil
	}
	c := r.idle[last]
	r.idle = r.idle[:last]
	return c, nil
}

// routeTo is called with p.mu held.
func (p *Pool) routeTo(nextHop string) *route {
	r := p.routes[nextHop]
	if r == nil {
		r = &route{}
		p.routes[nextHop] = r
	}
	return r
}

// release keeps c for the next message, if it is fit for one. The next message
// starts with MAIL: after the end of data or RSET there is nothing to reset.
// RFC 5321, Section 4.1.1.4.
func (p *Pool) release(nextHop string, c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case c.dead || p.closed:
		c.close()
		return
	case c.messages >= p.cfg.MaxPerConn:
		p.quits.Go(c.quit)
		return
	}
	c.used = true
	c.idle = time.Now()
	r := p.routeTo(nextHop)
	r.idle = append(r.idle, c)
	if len(r.idle) > p.cfg.MaxIdle {
		p.quits.Go(r.idle[0].quit)
		r.idle = r.idle[1:]
	}
	if p.reaper == nil {
		p.reaper = time.AfterFunc(p.cfg.IdleTimeout, p.reap)
	}
}

// reap ends the connections that have been idle for too long, and comes back
// when the next one will have been.
func (p *Pool) reap() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.reaper = nil
	now, next := time.Now(), time.Duration(0)
	for _, r := range p.routes {
		for len(r.idle) > 0 && now.Sub(r.idle[0].idle) >= p.cfg.IdleTimeout {
			p.quits.Go(r.idle[0].quit)
			r.idle = r.idle[1:]
		}
		if len(r.idle) > 0 {
			left := p.cfg.IdleTimeout - now.Sub(r.idle[0].idle)
			if next == 0 || left < next {
				next = left
			}
		}
	}
	if next > 0 {
		p.reaper = time.AfterFunc(next, p.reap)
	}
}

// quit ends c politely. It takes at most quitTimeout. RFC 5321, Section 4.1.1.10.
func (c *conn) quit() {
	c.exchange(context.Background(), quitTimeout, nil, "QUIT")
	c.close()
}

// dial makes a new connection and greets on it.
func (p *Pool) dial(ctx context.Context, nextHop string) (*conn, error) {
	if err := p.mayDial(nextHop); err != nil {
		return nil, err
	}
	connectCtx, cancel := context.WithTimeout(ctx, p.cfg.ConnectTimeout)
	nc, err := p.cfg.Dial(connectCtx, "tcp", nextHop)
	cancel()
	if _, unresolved := errors.AsType[*net.DNSError](err); unresolved {
		return nil, &Failure{Class: Resolve, Err: err}
	}
	if !errors.Is(err, context.Canceled) { // which says nothing about the next hop
		p.connected(nextHop, err)
	}
	if err != nil {
		return nil, &Failure{Class: Connect, Err: err}
	}
	c := newConn(nc)
	if err := c.greet(ctx, p.cfg); err != nil {
		return nil, err
	}
	return c, nil
}

// mayDial fails at once while nextHop is marked down. When the probe interval is
// over one caller may try, and the others wait for the next interval.
func (p *Pool) mayDial(nextHop string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrEnded
	}
	r := p.routeTo(nextHop)
	if r.failures < maxFailures {
		return nil
	}
	now := time.Now()
	if now.Before(r.probeAt) {
		return &Failure{Class: Connect, Err: fmt.Errorf("marked down after %d failures, the last: %w", r.failures, r.lastErr)}
	}
	r.probeAt = now.Add(p.cfg.ProbeInterval)
	return nil
}

// connected notes how an attempt to connect went.
func (p *Pool) connected(nextHop string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.routeTo(nextHop)
	if err == nil {
		r.failures, r.lastErr = 0, nil
		return
	}
	r.failures++
	r.lastErr = err
	r.probeAt = time.Now().Add(p.cfg.ProbeInterval)
}
