package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"mxgate/policy/mail"
)

const (
	// sizeRoom is what our header block may add to the declared size, F5.
	sizeRoom = 16 << 10
	// maxFlight is how many commands go out before their replies are read. More
	// could fill both directions, RFC 2920, Section 3.1.
	maxFlight = 100
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
// lost between two calls, the next one makes a new connection and replays MAIL
// and the accepted recipients on it, once.
type Delivery struct {
	pool        *Pool
	nextHop     string
	reversePath string
	body        mail.Body
	sizeOctets  int64

	mu        sync.Mutex // held against noop
	conn      *conn      // nil: lost
	mailed    bool       // MAIL was accepted on conn, and not used up
	accepted  []string   // forward-paths
	refused   *Failure   // of MAIL: the answer to every RCPT
	ended     bool
	keepAlive *time.Timer
	noops     int
	fault     error // a panic in noop
}

// Rcpt puts one forward-path to the next hop and returns its reply: positive, or
// a 4xx or 5xx about this recipient.
//
// If MAIL was refused, each call fails with that Failure, whose Reply is the
// answer. Other errors are a *Failure, ErrAddress or ErrEnded; a Failure is the
// answer to this recipient and leaves those accepted before.
func (d *Delivery) Rcpt(ctx context.Context, forwardPath mail.Address) (Reply, error) {
	to, err := path(forwardPath)
	if err == nil && to == "" {
		err = ErrAddress
	}
	if err != nil {
		return Reply{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return Reply{}, err
	}
	if d.refused != nil {
		return d.refused.Reply, d.refused
	}
	d.keepAlive.Stop()
	defer d.keepAlive.Reset(keepAliveInterval)
	reply, err := d.attempt(ctx, func() (Reply, error) { return d.rcpt(ctx, to) })
	if f, ok := errors.AsType[*Failure](err); ok && f.Class == MailRefused {
		d.refused = f
		return f.Reply, f
	}
	if err == nil && takesRecipient(reply) {
		d.accepted = append(d.accepted, to)
	}
	return reply, err
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
	reply, err := d.attempt(ctx, func() (Reply, error) { return d.data(ctx, content) })
	if err != nil || reply.Code != 354 {
		return reply, err
	}
	return d.content(ctx, content)
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
	d.pool.release(d.nextHop, c)
}

// drop gives the connection up.
func (d *Delivery) drop() {
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
	if d.ended || d.conn == nil || d.noops == maxNoops {
		return
	}
	d.noops++
	if !d.conn.quiet() {
		d.drop()
		return
	}
	if _, err := d.conn.exchange(context.Background(), min(shortTimeout, d.pool.cfg.CommandTimeout), nil, "NOOP"); err != nil {
		d.drop()
		return
	}
	d.keepAlive.Reset(keepAliveInterval)
}

// attempt runs step, which needs a connection with the envelope so far. If the
// connection was lost since it last answered, a new one is made, once: nothing
// that counts has been sent on the old one.
func (d *Delivery) attempt(ctx context.Context, step func() (Reply, error)) (Reply, error) {
	defer func() {
		if d.conn != nil && d.conn.dead {
			d.drop()
		}
	}()
	if d.conn != nil && !d.conn.quiet() {
		d.drop()
	}
	if d.conn == nil {
		if err := d.replay(ctx); err != nil {
			return Reply{}, err
		}
		return step()
	}
	stood := d.conn.used || d.mailed
	reply, err := step()
	if err == nil || !stood || !gone(err) {
		return reply, err
	}
	if err := d.replay(ctx); err != nil {
		return Reply{}, err
	}
	return step()
}

// replay makes a new connection and brings it to where the old one was. R11.
func (d *Delivery) replay(ctx context.Context) error {
	d.drop()
	c, err := d.pool.dial(ctx, d.nextHop)
	if err != nil {
		return err
	}
	d.conn = c
	if len(d.accepted) == 0 {
		return nil // MAIL goes with the first RCPT
	}
	replies, err := d.envelope(ctx, d.accepted)
	if f, ok := errors.AsType[*Failure](err); ok && f.Class == MailRefused {
		err = &Failure{Class: Replay, Reply: f.Reply, Err: errors.New("MAIL is refused now")}
	}
	for _, reply := range replies {
		switch {
		case err != nil || takesRecipient(reply):
		case reply.negative():
			err = &Failure{Class: Replay, Reply: reply, Err: errors.New("a recipient is refused now")}
		default:
			err = c.unexpected(reply)
		}
	}
	if err != nil {
		d.drop()
	}
	return err
}

// rcpt sends one RCPT, behind MAIL if that is due.
func (d *Delivery) rcpt(ctx context.Context, to string) (Reply, error) {
	replies, err := d.envelope(ctx, []string{to})
	if err != nil {
		return Reply{}, err
	}
	switch reply := replies[0]; {
	case takesRecipient(reply):
		return reply, nil
	case !reply.negative():
		return Reply{}, d.conn.unexpected(reply)
	case refusesUs(reply):
		return Reply{}, &Failure{Class: Refused, Reply: reply}
	default:
		return reply, nil
	}
}

// envelope sends MAIL, unless this connection has had it, and RCPT for each of
// paths: in one flight where the next hop offers PIPELINING, else one by one.
// Without an error there is one reply for each path.
func (d *Delivery) envelope(ctx context.Context, paths []string) ([]Reply, error) {
	c := d.conn
	defer c.watch(ctx)()
	commands := make([]string, 0, 1+len(paths))
	if !d.mailed {
		commands = append(commands, d.mailCommand())
	}
	for _, p := range paths {
		commands = append(commands, "RCPT TO:<"+p+">")
	}
	group := 1
	if c.caps.Pipelining {
		group = maxFlight
	}
	replies := make([]Reply, 0, len(paths))
	var refusal *Failure
	for flight := range slices.Chunk(commands, group) {
		if err := c.send(ctx, d.pool.cfg.CommandTimeout, flight); err != nil {
			return nil, err
		}
		for range flight {
			reply, err := c.receive(nil)
			switch {
			case refusal != nil: // the rest of the flight means nothing
			case err != nil:
				return nil, err
			case d.mailed:
				replies = append(replies, reply)
			case reply.Code == 250:
				d.mailed = true
			default:
				refusal = mailRefusal(c, reply)
			}
		}
		if refusal != nil {
			return nil, refusal
		}
	}
	return replies, nil
}

// mailRefusal says what a reply to MAIL other than 250 means.
func mailRefusal(c *conn, reply Reply) *Failure {
	switch {
	case !reply.negative():
		return c.unexpected(reply)
	case refusesUs(reply):
		return c.refused(reply)
	}
	return &Failure{Class: MailRefused, Reply: reply}
}

func (d *Delivery) mailCommand() string {
	command := "MAIL FROM:<" + d.reversePath + ">"
	if d.conn.caps.Size && d.sizeOctets > 0 {
		command += " SIZE=" + strconv.FormatUint(uint64(d.sizeOctets)+sizeRoom, 10)
	}
	if d.conn.caps.EightBitMIME && d.body == mail.Body8BitMIME {
		command += " BODY=8BITMIME"
	}
	return command
}
