package relay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// lookAfter is for how long a connection that has answered is taken to stand
// without a look at it, within a message. What a next hop says unasked it says
// after a long wait, or behind the answer to a message: before the next one there
// is always a look.
const lookAfter = time.Second

// conn is one connection to a next hop, used by one goroutine at a time. After
// an error of any method it is closed.
type conn struct {
	host      *host
	nc        net.Conn // raw, or TLS over it
	raw       net.Conn
	r         *bufio.Reader
	out       []byte // one flight of commands, reused
	peek      func() bool
	cut       func() // makes reads and writes fail at once; any goroutine may call it
	dead      bool
	lmtp      bool
	caps      Capabilities
	tls       *TLSState    // nil: clear text
	upgrading bool         // STARTTLS was sent and did not succeed
	client    introduction // whom the next hop takes us for since XCLIENT
	armed     time.Time    // when it was armed last
	deadline  time.Time    // in force; zero: none, or one that arm did not set
	used      bool         // by a transaction before this one
	messages  int          // sent on it
	refusals  int          // of recipients, since it took the last message
	idle      time.Time
}

func newConn(nc net.Conn, h *host) *conn {
	return &conn{
		host: h,
		nc:   nc,
		raw:  nc,
		r:    bufio.NewReaderSize(nc, maxReplyLine),
		peek: newPeek(nc),
		cut:  func() { nc.SetDeadline(time.Unix(1, 0)) },
	}
}

// greet reads the banner, says EHLO, and makes the connection as secure as plan
// demands.
func (c *conn) greet(ctx context.Context, cfg Config, lmtp bool, plan tlsPlan) error {
	banner, err := c.exchange(ctx, cfg.CommandTimeout, nil)
	if err != nil {
		return err
	}
	if banner.Code != 220 {
		return c.refused(banner)
	}
	if name, _, _ := strings.Cut(banner.Text, " "); strings.EqualFold(name, cfg.Hostname) && !lmtp {
		return c.fail(&Failure{Class: Refused, Err: errSelf}) // the mail would come back to us
	}
	c.lmtp, c.tls = lmtp, plan.clear
	if err := c.hello(ctx, cfg, cfg.Hostname); err != nil {
		return err
	}
	start, err := plan.wants(c.caps.StartTLS)
	if err != nil {
		c.close()
		return err
	}
	if !start {
		return nil
	}
	c.upgrading = true
	if err := c.startTLS(ctx, cfg, plan); err != nil {
		return err
	}
	c.upgrading = false
	return c.hello(ctx, cfg, cfg.Hostname) // what was said in clear is forgotten: RFC 3207, Section 4.2
}

var errSelf = errors.New("the next hop greets with our own host name: mail would loop")

// hello says EHLO, or HELO where EHLO is refused, or LHLO, with name. It is said
// again when the next hop has forgotten it.
func (c *conn) hello(ctx context.Context, cfg Config, name string) error {
	verb := "EHLO "
	if c.lmtp {
		verb = "LHLO " // RFC 2033, Section 4.1
	}
	c.caps = Capabilities{TLS: c.tls}
	reply, err := c.exchange(ctx, cfg.CommandTimeout, c.caps.add, verb+name)
	if err == nil && reply.Code >= 500 && !c.lmtp { // RFC 5321, Section 4.1.4
		c.caps = Capabilities{TLS: c.tls}
		reply, err = c.exchange(ctx, cfg.CommandTimeout, nil, "HELO "+name)
	}
	if err != nil {
		return err
	}
	if reply.Code != 250 {
		return c.refused(reply)
	}
	return nil
}

// startTLS upgrades the connection. RFC 3207.
func (c *conn) startTLS(ctx context.Context, cfg Config, plan tlsPlan) error {
	reply, err := c.exchange(ctx, cfg.CommandTimeout, nil, "STARTTLS")
	if err != nil {
		return err
	}
	if reply.Code != 220 {
		return c.refused(reply)
	}
	if c.r.Buffered() > 0 { // in clear: it must not pass for a reply under TLS
		return c.fail(&Failure{Class: Garbage, Err: errors.New("input behind the reply to STARTTLS")})
	}
	c.raw.SetDeadline(time.Time{}) // the handshake has its own
	c.deadline = time.Time{}
	nc, state, err := plan.handshake(ctx, c.raw)
	if err != nil {
		c.close()
		return err
	}
	c.nc, c.tls = nc, state
	c.r.Reset(nc)
	return nil
}

// replaceClient makes the next hop take us for client. It forgets all else then,
// so that the greeting is repeated, in the name of client: the HELO attribute does
// not outlive EHLO. Postfix, XCLIENT_README.
func (c *conn) replaceClient(ctx context.Context, cfg Config, client introduction) error {
	if c.client == client {
		return nil
	}
	if !c.caps.replacesClient() {
		return c.fail(&Failure{Class: Refused, Err: errNoXclient})
	}
	reply, err := c.exchange(ctx, cfg.CommandTimeout, nil, client.replace(c.caps.XClient))
	if err != nil {
		return err
	}
	if reply.Code != 220 {
		return c.refused(reply)
	}
	if err := c.hello(ctx, cfg, client.hello(cfg.Hostname)); err != nil {
		return err
	}
	c.client = client
	return nil
}

// refused is the failure of a next hop that does not want us. R4.
func (c *conn) refused(r Reply) *Failure {
	if r.negative() {
		return c.fail(&Failure{Class: Refused, Reply: r})
	}
	return c.unexpected(r)
}

var errNoXclient = errors.New("XCLIENT is not offered")

var errUnexpected = errors.New("unexpected reply")

// unexpected is the failure of a reply that may not stand where it does. R8.
func (c *conn) unexpected(r Reply) *Failure {
	return c.fail(&Failure{Class: Garbage, Reply: r, Err: errUnexpected})
}

// exchange sends commands in one write and reads one reply; without a command it
// only reads. each gets the lines of the reply.
func (c *conn) exchange(ctx context.Context, timeout time.Duration, each func(string), commands ...string) (Reply, error) {
	defer c.watch(ctx)()
	if err := c.send(ctx, timeout, commands); err != nil {
		return Reply{}, err
	}
	return c.receive(each)
}

// answer reads one reply to what was sent before. The caller watches ctx.
func (c *conn) answer(ctx context.Context, timeout time.Duration) (Reply, error) {
	if err := c.send(ctx, timeout, nil); err != nil {
		return Reply{}, err
	}
	return c.receive(nil)
}

// send writes commands at once and sets the deadline that their replies, too,
// have to keep.
func (c *conn) send(ctx context.Context, timeout time.Duration, commands []string) error {
	if err := c.arm(ctx, timeout); err != nil {
		return c.fail(&Failure{Class: Lost, Err: err})
	}
	if len(commands) == 0 {
		return nil
	}
	c.out = c.out[:0]
	for _, command := range commands {
		c.out = append(append(c.out, command...), "\r\n"...)
	}
	if _, err := c.nc.Write(c.out); err != nil {
		return c.fail(&Failure{Class: Lost, Err: fmt.Errorf("write: %w", err)})
	}
	return nil
}

// receive reads one reply. A 421 is a failure: the next hop is about to close,
// whatever it was asked. RFC 5321, Section 3.8.
func (c *conn) receive(each func(string)) (Reply, error) {
	reply, err := readReply(c.r, each)
	switch {
	case errors.Is(err, errGarbage):
		return Reply{}, c.fail(&Failure{Class: Garbage, Err: err})
	case err != nil:
		return Reply{}, c.fail(&Failure{Class: Lost, Err: err})
	case reply.Code == 421:
		return Reply{}, c.fail(&Failure{Class: Closing, Reply: reply})
	}
	return reply, nil
}

// arm sets the deadline of everything that follows on c. Nothing is read or
// written without it; C1: a next hop that stops reading must not hold us. One
// that was set for as long a moment ago stays: it may be early by a 64th.
func (c *conn) arm(ctx context.Context, timeout time.Duration) error {
	c.armed = time.Now()
	by := c.armed.Add(timeout)
	if early := by.Sub(c.deadline); early < 0 || early > timeout/64 {
		c.raw.SetDeadline(by)
		c.deadline = by
	}
	return ctx.Err() // looked at last: if ctx ended before, cut has met the old deadline
}

// watch lets the end of ctx end what happens on c, until the returned function
// is called.
func (c *conn) watch(ctx context.Context) func() {
	if ctx.Done() == nil {
		return func() {}
	}
	stop := context.AfterFunc(ctx, c.cut)
	return func() {
		if !stop() {
			c.dead = true // cut may still run: no deadline of c can be trusted
		}
	}
}

// stands reports whether c may be used for what is next. The socket is looked at only
// after a while: the next read, too, finds out that a connection is gone.
func (c *conn) stands() bool {
	return !c.dead && !c.spoke() && (time.Since(c.armed) < lookAfter || c.look())
}

// quiet reports whether c is open and the next hop has not spoken unasked. What
// comes unasked is no answer to anything: most often 421 after a long wait.
func (c *conn) quiet() bool { return !c.dead && !c.spoke() && c.look() }

// look is peek, whatever the deadline: one in the past would hide what is there.
func (c *conn) look() bool {
	if time.Until(c.deadline) < time.Second {
		c.raw.SetReadDeadline(time.Time{})
		c.deadline = time.Time{}
	}
	return c.peek()
}

// spoke reports whether something is here already that the next hop said unasked: it
// came with a reply. Under TLS it may be part of a record that crypto/tls has not given
// to anybody yet; it is asked for it with no time to read more. Of the next record
// nothing is read, and any counts in look: without resumption there are no tickets, and
// what else may come is rare.
func (c *conn) spoke() bool {
	if c.nc == c.raw || c.r.Buffered() > 0 {
		return c.r.Buffered() > 0
	}
	c.raw.SetReadDeadline(time.Unix(1, 0))
	_, err := c.r.Peek(1)
	c.raw.SetReadDeadline(time.Time{})
	c.deadline = time.Time{}
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// fail closes c and returns f.
func (c *conn) fail(f *Failure) *Failure {
	f.Host = c.host.addr
	c.close()
	return f
}

func (c *conn) close() {
	c.dead = true
	c.raw.Close() // closing TLS could wait for a next hop that does not read
}

// gone reports whether err means that the connection no longer stood, rather
// than that the next hop was silent on it.
func gone(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Class == Lost && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// isClosing reports whether err is the next hop's 421.
func isClosing(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Class == Closing
}
