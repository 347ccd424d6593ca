package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"mxgate/policy/mail"
)

const (
	// keepAliveInterval is when a waiting next hop is told that we are still
	// there, and maxNoops for how long: a session ends within the hour.
	keepAliveInterval = 60 * time.Second
	maxNoops          = 60
	// shortTimeout is for NOOP and RSET, whose replies nobody needs.
	shortTimeout = 10 * time.Second
)

// Delivery is one message on its way to a next hop. It is used by one goroutine
// at a time, and ends with Send or Abort.
//
// While it waits for its caller it sends NOOP every 60 s. If the connection is
// lost between two calls, the next one makes a new connection, maybe to another
// host of the route, and replays MAIL and the accepted recipients on it, once.
type Delivery struct {
	pool   *Pool
	route  *Route
	client introduction
	from   sender

	mu        sync.Mutex  // held against noop
	host      *host       // of conn, or of the last one
	conn      *conn       // nil: lost
	mailed    bool        // MAIL was accepted on conn, and not used up
	accepted  []recipient // by the next hop
	inFlight  []recipient // RCPT was sent on conn, and its reply is not read
	oneByOne  bool        // nobody is asked for ahead any more
	refused   *Failure    // of MAIL: the answer to every RCPT
	broke     *host       // the last one that was found to break this transaction
	ended     bool
	keepAlive *time.Timer
	noops     int
	fault     error // a panic in noop
}

// Host is the host in use, or the last one that was: of Route.Hosts.
func (d *Delivery) Host() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.host.addr
}

// oneRecipient is our answer to more recipients than LMTP can give one answer
// for. SMTP-DUTIES X4.
var oneRecipient = Reply{Code: 452, Enhanced: "4.5.3", Text: "one recipient at a time"}

// Rcpt puts one forward-path, and what was asked for it, to the next hop and
// returns its reply: positive, or a 4xx or 5xx about this recipient. Over LMTP
// one recipient is accepted; the others get 452 4.5.3 of ours.
//
// ahead are recipients of Rcpt calls that will follow, in their order. They may be
// asked for in the same round trip; each answer is read by its own Rcpt, and has
// its own time. A message never goes to one whose own Rcpt did not come.
//
// If MAIL was refused, each call fails with that Failure, whose Reply is the
// answer. Other errors are a *Failure, ErrAddress or ErrEnded; a Failure is the
// answer to this recipient and leaves those accepted before.
func (d *Delivery) Rcpt(ctx context.Context, forwardPath mail.Address, dsn mail.RecipientDSN, ahead ...mail.Recipient) (Reply, error) {
	to, err := newRecipient(forwardPath, dsn, d.from.env.UTF8)
	if err != nil {
		return Reply{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return Reply{}, err
	}
	switch {
	case d.refused != nil:
		return d.refused.Reply, d.refused
	case d.route.LMTP && len(d.accepted) > 0:
		return oneRecipient, nil
	}
	d.keepAlive.Stop()
	defer d.keepAlive.Reset(keepAliveInterval)
	if len(d.inFlight) > 0 && d.inFlight[0] != to {
		d.forget()
	}
	reply, err := d.attempt(ctx, func() (Reply, error) { return d.rcpt(ctx, to, ahead) })
	if f, ok := errors.AsType[*Failure](err); ok && f.Class == MailRefused {
		d.refused = f
		return f.Reply, f
	}
	switch {
	case err != nil:
	case takesRecipient(reply):
		d.accepted = append(d.accepted, to)
	default:
		d.conn.refusals++
	}
	return reply, err
}

// forget gives the connection up if the next hop was asked on it for recipients
// whom our caller did not ask for after all. What follows replays the others.
func (d *Delivery) forget() {
	if len(d.inFlight) > 0 {
		d.drop()
	}
}

// Send hands over content, each reader from its start to its end and all as one,
// and returns the final reply: positive, or a 4xx or 5xx to DATA or to the
// content. The Delivery is over then.
//
// The content must be complete lines; it is refused with ErrUnclean where it is
// not CRLF text, and an error of a reader is returned as it is. In both cases the
// next hop got no final dot. Other errors are a *Failure, ErrNoRecipient or
// ErrEnded. ctx must not end because the client went away: R12.
func (d *Delivery) Send(ctx context.Context, content ...io.ReadSeeker) (Reply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return Reply{}, err
	}
	if len(d.accepted) == 0 {
		return Reply{}, ErrNoRecipient
	}
	d.keepAlive.Stop()
	defer d.end()
	d.forget()
	reply, err := d.attempt(ctx, func() (Reply, error) { return d.data(ctx, content) })
	if err != nil || reply.Code != 354 {
		return reply, err
	}
	reply, err = d.content(ctx, content)
	f, failed := errors.AsType[*Failure](err)
	switch {
	case err == nil || failed && f.Class == Refused:
		d.pool.answered(d.host)
	case d.mailed: // before the dot
		d.blame(ctx, err)
	}
	return reply, err
}

// Abort ends the Delivery without a message: the next hop forgets it and the
// connection is kept. After Send it does nothing. It takes at most 20 s.
func (d *Delivery) Abort() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ended {
		d.end()
	}
}

func (d *Delivery) usable() error {
	if d.ended {
		return ErrEnded
	}
	return d.fault
}

// end gives the connection back, with no transaction open on it.
func (d *Delivery) end() {
	d.ended = true
	d.keepAlive.Stop()
	d.forget()
	c := d.conn
	d.conn = nil
	if c == nil {
		return
	}
	if d.mailed && !c.dead {
		reply, err := c.exchange(context.Background(), min(shortTimeout, d.pool.cfg.CommandTimeout), nil, "RSET")
		if err != nil || reply.Code != 250 {
			c.close()
		}
	}
	if d.mailed && !c.dead && d.broke != c.host {
		d.pool.unbroken(c.host)
	}
	d.pool.release(c)
}

// connect makes d.conn stand, without a transaction.
func (d *Delivery) connect(ctx context.Context, reuse bool) error {
	c, err := d.pool.connect(ctx, d.route, d.client, reuse)
	if err == nil {
		d.conn, d.host = c, c.host
	}
	return err
}

// drop gives the connection up. If replies were in flight on it, asking ahead has
// failed or was in vain: what follows is asked one by one.
func (d *Delivery) drop() {
	d.oneByOne = d.oneByOne || len(d.inFlight) > 0
	d.inFlight = nil
	if d.conn != nil {
		d.conn.close()
	}
	d.conn, d.mailed = nil, false
}

// noop keeps the connection alive while nothing else is said on it. It ends with
// its one exchange, and is called again by its timer.
func (d *Delivery) noop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer func() {
		if r := recover(); r != nil {
			d.drop()
			d.fault = fmt.Errorf("relay: panic: %v\n%s", r, debug.Stack())
		}
	}()
	if d.ended || d.conn == nil || d.noops == maxNoops || len(d.inFlight) > 0 {
		return
	}
	d.noops++
	if !d.conn.stands() {
		d.drop()
		return
	}
	if _, err := d.conn.exchange(context.Background(), min(shortTimeout, d.pool.cfg.CommandTimeout), nil, "NOOP"); err != nil {
		d.drop()
		return
	}
	d.keepAlive.Reset(keepAliveInterval)
}
