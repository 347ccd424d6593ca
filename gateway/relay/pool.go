package relay

import (
	"context"
	"errors"
	"sync"
	"time"

	"mxgate/policy/mail"
)

// quitTimeout is how long a connection that we end may take to say goodbye.
const quitTimeout = 2 * time.Second

// Pool keeps the connections of all routes. It is safe for concurrent use.
type Pool struct {
	cfg Config

	mu     sync.Mutex
	routes map[*Route][]*host // in the order of Route.Hosts, as many as the configuration names
	reaper *time.Timer        // nil: no connection is idle
	closed bool
	quits  sync.WaitGroup // connections being ended
}

// NewPool returns a Pool without connections.
func NewPool(cfg Config) *Pool {
	return &Pool{cfg: cfg.withDefaults(), routes: map[*Route][]*host{}}
}

// Close ends the idle connections and waits until they are gone. Deliveries
// under way go on; their connections are closed when they end.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.reaper != nil {
		p.reaper.Stop()
		p.reaper = nil
	}
	for _, hosts := range p.routes {
		for _, h := range hosts {
			for _, c := range h.idle {
				p.quits.Go(c.quit)
			}
			h.idle = nil
		}
	}
	p.closed = true
	p.mu.Unlock()
	p.quits.Wait()
}

// Open takes an idle connection over r or makes one, to the first host that is
// up, for one message of client with the given envelope. Recipients of env do
// not count.
//
// MAIL is sent with the first RCPT, so that both cost one round trip. The caller
// must end the Delivery with Send or Abort. Errors are a *Failure, ErrAddress or
// ErrEnded. All hosts but the last together get ConnectTimeout to greet; the last
// one has the times of Config.
func (p *Pool) Open(ctx context.Context, r *Route, client mail.Client, env mail.Envelope) (*Delivery, error) {
	from, err := newSender(env)
	if err != nil {
		return nil, err
	}
	d := &Delivery{pool: p, route: r, client: introduce(client), from: from}
	d.mu.Lock() // the timer must not find d without itself
	defer d.mu.Unlock()
	if err := d.connect(ctx, true); err != nil {
		return nil, err
	}
	d.keepAlive = time.AfterFunc(keepAliveInterval, d.noop)
	return d, nil
}

// Probed is what one host of a route said to Probe.
type Probed struct {
	Host         string
	Capabilities Capabilities // if Err is nil
	Err          error        // as of Open
}

// Probe connects to every host of r, all at once, and returns what each offers,
// in their order. There is an error only if none answered: that of the first.
func (p *Pool) Probe(ctx context.Context, r *Route) ([]Probed, error) {
	hosts, err := p.hosts(r)
	if err != nil {
		return nil, err
	}
	probed := make([]Probed, len(hosts))
	var all sync.WaitGroup
	for i, h := range hosts {
		all.Go(func() { // ends within the times of Config, or with ctx
			c, err := p.dial(ctx, r, h, 0)
			if err == nil {
				probed[i].Capabilities = c.caps
				p.release(c)
				if r.Client == Replace && len(c.caps.XClient) == 0 {
					err = &Failure{Class: Refused, Host: h.addr, Err: errNoXclient}
				}
			}
			probed[i].Host, probed[i].Err = h.addr, err
		})
	}
	all.Wait()
	for _, one := range probed {
		if one.Err == nil {
			return probed, nil
		}
	}
	if len(probed) == 0 {
		return nil, errors.New("relay: route without a host")
	}
	return probed, probed[0].Err
}

// take returns the connection to h that was used last, or nil if none is idle or
// transactions break on h: who probes shall not wear out a connection for that.
// One on which the next hop takes us for another client comes last, and is of use
// only if we can introduce ourselves again. It may no longer stand.
func (p *Pool) take(r *Route, h *host, client introduction) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.broken >= maxFailures {
		return nil
	}
	found := -1
	for i, c := range h.idle {
		if r.Client != Replace || c.client == client {
			found = i
		}
	}
	for i := 0; found < 0 && i < len(h.idle); i++ {
		if h.idle[i].caps.replacesClient() {
			found = i
		}
	}
	if found < 0 {
		return nil
	}
	c := h.idle[found]
	h.idle = append(h.idle[:found], h.idle[found+1:]...)
	return c
}

// maxRefusals is how many recipients may have been refused on a connection that is
// kept. From ten on a Postfix waits a second before each answer, and at twenty it says
// 421; a message that it takes begins the count anew.
const maxRefusals = 5

// release keeps c for the next message, if it is fit for one. The next message
// starts with MAIL: after the end of data or RSET there is nothing to reset.
// RFC 5321, Section 4.1.1.4.
func (p *Pool) release(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case c.dead || p.closed:
		c.close()
		return
	case c.messages >= p.cfg.MaxPerConn, c.refusals >= maxRefusals:
		p.quits.Go(c.quit)
		return
	}
	c.used = true
	c.idle = time.Now()
	h := c.host
	h.idle = append(h.idle, c)
	if len(h.idle) > p.cfg.MaxIdle {
		p.quits.Go(h.idle[0].quit)
		h.idle = h.idle[1:]
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
	for _, hosts := range p.routes {
		for _, h := range hosts {
			left := p.reapHost(h, now)
			if left > 0 && (next == 0 || left < next) {
				next = left
			}
		}
	}
	if next > 0 {
		p.reaper = time.AfterFunc(next, p.reap)
	}
}

// reapHost returns when the connection that is idle longest will have been so
// for too long; 0 if none is left. It is called with p.mu held.
func (p *Pool) reapHost(h *host, now time.Time) time.Duration {
	for len(h.idle) > 0 && now.Sub(h.idle[0].idle) >= p.cfg.IdleTimeout {
		p.quits.Go(h.idle[0].quit)
		h.idle = h.idle[1:]
	}
	if len(h.idle) == 0 {
		return 0
	}
	return p.cfg.IdleTimeout - now.Sub(h.idle[0].idle)
}

// quit ends c politely. It takes at most quitTimeout. RFC 5321, Section 4.1.1.10.
func (c *conn) quit() {
	c.exchange(context.Background(), quitTimeout, nil, "QUIT")
	c.close()
}
