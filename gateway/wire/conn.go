package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"mxgate/gateway/wire/framing"
	"mxgate/gateway/wire/syntax"
	"mxgate/policy/mail"
)

// phase is where a Conn stands between DATA and its answer.
type phase uint8

const (
	inCommands phase = iota
	inContent        // 354 is written; the session must call Content
	inAnswer         // the content is taken; go-smtp owes the answer
)

// maxOutOctets bounds the replies that wait for the end of a pipelined group.
const maxOutOctets = 4 << 10

// Conn is what go-smtp reads commands from and writes replies to. Read, Write,
// Command, Client and Content belong to go-smtp's goroutine; Close, Context and
// Ended may be used from any.
type Conn struct {
	*link
	sock net.Conn // the link's, or TLS over it
	tls  *tls.ConnectionState
	// vouched has the names of the client's certificate that a CA vouches for.
	vouched []string
	ctx     context.Context // net.Conn has no place to pass it; ends with Close
	cancel  context.CancelFunc

	turn    atomic.Bool // taken, and not given back
	next    *Conn       // after STARTTLS; under link.mu
	why     string      // why it is over; under link.mu
	resting bool        // go-smtp is done with it, but it is not over; under link.mu

	in       framing.Input
	line     []byte    // for go-smtp, not yet read by it
	deadline time.Time // of the command that is awaited
	out      []byte    // for the client, not yet written
	writable time.Time // the deadline of writes
	replies  replies
	over     bool // Read gives EOF for ever

	// Where the session stands, as go-smtp's replies say.
	lent      bool   // to go-smtp
	silent    bool   // for restAfter, while lent
	wanted    bool   // is the turn that it gave back
	unheard   int    // answers of go-smtp that are not for the client
	pending   string // verb whose reply go-smtp owes
	helo      string
	terms     terms
	origin    syntax.Origin  // by XCLIENT
	forwarded *syntax.Origin // by XFORWARD, of the next MAIL that is judged and what follows it; nil: not told
	mailOpen  bool
	utf8      bool  // MAIL had SMTPUTF8
	declared  int64 // octets of content, with MAIL
	rcpts     int   // accepted in this transaction
	tried     int   // RCPT commands in this transaction
	phase     phase
	lastOne   bool // the connection ends with the answer to this content
	onAnswer  func(read bool)
	cmd       Command
}

func newConn(k *link, sock net.Conn) *Conn {
	c := &Conn{link: k, sock: sock}
	c.ctx, c.cancel = context.WithCancel(k.l.ctx)
	return c
}

// Command returns the command that go-smtp is working on.
func (c *Conn) Command() Command { return c.cmd }

// Client returns what is known of the client now.
func (c *Conn) Client() mail.Client {
	from := c.origin
	if c.forwarded != nil {
		from = *c.forwarded
	}
	client := mail.Client{Addr: c.addr, Listener: c.at, Certificate: c.vouched, Source: c.source, Helo: c.helo, Extended: c.terms.extended,
		Origin: from.Addr, OriginHelo: from.Helo}
	if c.tls != nil {
		client.TLS = true
		client.TLSCipher = tls.CipherSuiteName(c.tls.CipherSuite)
	}
	return client
}

// ID numbers the connection, for logs.
func (c *Conn) ID() uint64 { return c.id }

// Context ends when the connection is closed.
func (c *Conn) Context() context.Context { return c.ctx }

// ServerContext ends when the Listener is closed, or its drain has run out of
// time. Work on a message that was taken whole belongs to it: it is finished
// though the client has gone.
func (c *Conn) ServerContext() context.Context { return c.l.ctx }

// Ended says why the connection is over: "quit", "cut", "time-out", "drain",
// "starttls" or "error"; "" if it is not over, or was closed from our side.
func (c *Conn) Ended() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

// end notes why the connection is over; the first reason stands.
func (c *Conn) end(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == "" {
		c.why = why
	}
}

// Close implements net.Conn. After STARTTLS it closes nothing: the session is
// over, and the next one may begin.
func (c *Conn) Close() error {
	if c.rested() { // the first Close; if it was not go-smtp's, that one follows and closes
		c.l.serve(c.raw, c.attend)
		return nil
	}
	c.giveTurn()
	c.cancel()
	owned, next := c.disown(c)
	switch {
	case next != nil:
		c.l.serve(next.raw, next.attend)
	case owned:
		defer c.l.live.Done()
		c.l.forget(c.link) // first, so that who sees the end finds the slot free
		return c.sock.Close()
	}
	return nil
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.sock.LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.sock.RemoteAddr() }

// SetDeadline does nothing: the timers are ours.
func (c *Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing. go-smtp sets one deadline for a whole content.
func (c *Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// Read gives one command line, or the line that ends content, or io.EOF for
// ever. Commands that are not go-smtp's business are answered inside.
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.line) == 0 && !c.advance() {
		c.flush()
		if !c.over {
			c.rest() // last: whoever closes now lets attend begin
		}
		return 0, io.EOF
	}
	n := copy(p, c.line)
	c.line = c.line[n:]
	return n, nil
}

// advance sets c.line. It reports false if there is no more for go-smtp: the
// session is over, or attend is to go on with it. It contains a panic, for go-smtp
// recovers from those of its own commands only.
func (c *Conn) advance() (more bool) {
	defer func() {
		if c.l.contain(recover()) && !c.over {
			c.stop(internalDisorder, "error")
		}
	}()
	if !c.over && c.phase == inAnswer {
		c.line = []byte(framing.EndOfData)
		return true
	}
	if c.phase == inContent {
		c.finish("error") // no content is read as commands, whoever forgot to take it
	}
	for !c.over && len(c.line) == 0 {
		if c.wanted || c.silent {
			c.wanted = false
			return false
		}
		c.step()
	}
	return !c.over
}

// step reads one command line and answers it or makes it c.line.
func (c *Conn) step() {
	now := time.Now()
	if !c.silent { // or the same line is still awaited
		c.deadline = now.Add(c.l.cfg.CommandTimeout)
	}
	c.silent = false
	if !c.mailOpen {
		end := c.opened.Add(c.l.cfg.SessionTimeout)
		if !now.Before(end) {
			c.stop(idleTooLong, timedOut)
			return
		}
		if end.Before(c.deadline) {
			c.deadline = end
		}
		if c.draining() {
			c.stop(shuttingDown, "drain")
			return
		}
	}
	line, err := c.in.Line(c.more)
	switch {
	case c.over: // flush failed
	case err == nil:
		c.count(line)
	case errors.Is(err, framing.ErrLineTooLong):
		c.say(lineTooLong)
	case errors.Is(err, framing.ErrBadOctet):
		c.say(badLine)
	case errors.Is(err, framing.ErrEndlessLine):
		c.stop(lineTooLong, "error")
	case errors.Is(err, errSilent):
		c.silent = true
	case errors.Is(err, errDrained):
		c.stop(shuttingDown, "drain")
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.stop(idleTooLong, timedOut)
	default:
		c.finish("cut")
	}
}

var (
	errDrained = errors.New("wire: drained")
	errSilent  = errors.New("wire: the client is silent")
)

// more waits for input in the middle of commands. Replies that were held for
// the end of a pipelined group go out first: RFC 2920, Section 3.2.
func (c *Conn) more() error {
	if err := c.flush(); err != nil {
		return err
	}
	c.in.Shrink()
	deadline := c.deadline
	if c.lent && !c.mailOpen {
		if soon := time.Now().Add(restAfter); soon.Before(deadline) {
			deadline = soon
		}
	}
	if !c.await(deadline, !c.mailOpen) {
		return errDrained
	}
	err := c.fill()
	c.awaited()
	switch {
	case !errors.Is(err, os.ErrDeadlineExceeded) || c.mailOpen:
		return err
	case c.draining():
		return errDrained
	case deadline.Before(c.deadline):
		return errSilent
	}
	return err
}

// await is that of the link. Under TLS a read may write, too: a client that asks for
// new keys is answered, and the deadline of our last reply may have passed long ago.
func (c *Conn) await(deadline time.Time, idle bool) bool {
	if c.tls != nil && c.writable.Before(deadline) {
		c.writable = deadline.Add(c.l.cfg.WriteTimeout)
		_ = c.sock.SetWriteDeadline(c.writable) // as in the link's
	}
	return c.link.await(deadline, idle)
}

// fill reads once from the socket, under the deadline that was set.
func (c *Conn) fill() error {
	n, err := c.in.Fill(c.sock)
	c.l.stats.octetsIn.Add(int64(n))
	return err
}

// Write takes go-smtp's replies. It never fails: a client that cannot be
// written to is found out by the next Read.
func (c *Conn) Write(p []byte) (int, error) {
	if !c.hear(p) {
		c.stop(internalDisorder, "error")
		c.deliver()
	}
	return len(p), nil
}

// hear reports whether p could be made sense of. It contains a panic: go-smtp
// would, too, but its buffer would hold p still and write it again before 421.
func (c *Conn) hear(p []byte) bool {
	defer func() { c.l.contain(recover()) }()
	return c.replies.take(p, c.relay)
}

// say answers the client.
func (c *Conn) say(r *reply) {
	c.out = r.appendTo(c.out)
	if r.last {
		c.finish("error")
		return
	}
	if r.code >= 500 {
		c.faults++
		if c.faults >= c.l.cfg.MaxErrors {
			c.stop(tooManyErrors, "error")
		}
	}
	if len(c.out) >= maxOutOctets {
		c.flush()
	}
}

// stop answers for the last time.
func (c *Conn) stop(r *reply, why string) {
	c.out = r.appendTo(c.out)
	c.finish(why)
}

// finish makes the connection over for go-smtp, which then closes it.
func (c *Conn) finish(why string) {
	c.over = true
	c.line = nil
	c.end(why)
}

// flush writes the replies that wait. An error ends the connection.
func (c *Conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	c.writable = time.Now().Add(c.l.cfg.WriteTimeout)
	err := c.sock.SetWriteDeadline(c.writable)
	if err == nil {
		_, err = c.sock.Write(c.out)
	}
	c.out = c.out[:0]
	if err != nil {
		c.finish("cut")
	}
	return err
}
