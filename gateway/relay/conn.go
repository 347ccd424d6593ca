package relay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Capabilities is what a next hop offered in its reply to EHLO.
type Capabilities struct {
	Size         bool  // RFC 1870
	MaxOctets    int64 // of a message; 0: none given
	EightBitMIME bool  // RFC 6152
	Pipelining   bool  // RFC 2920
}

// conn is one connection to a next hop, used by one goroutine at a time. After
// an error of any method it is closed.
type conn struct {
	nc       net.Conn
	r        *bufio.Reader
	out      []byte // one flight of commands, reused
	peek     func() bool
	cut      func() // makes reads and writes fail at once; any goroutine may call it
	dead     bool
	caps     Capabilities
	used     bool // by a transaction before this one
	messages int  // sent on it
	idle     time.Time
}

func newConn(nc net.Conn) *conn {
	return &conn{
		nc:   nc,
		r:    bufio.NewReaderSize(nc, maxReplyLine),
		peek: newPeek(nc),
		cut:  func() { nc.SetDeadline(time.Unix(1, 0)) },
	}
}

// greet reads the banner and says EHLO, or HELO where EHLO is refused.
func (c *conn) greet(ctx context.Context, cfg Config) error {
	banner, err := c.exchange(ctx, cfg.CommandTimeout, nil)
	if err != nil {
		return err
	}
	if banner.Code != 220 {
		return c.refused(banner)
	}
	if name, _, _ := strings.Cut(banner.Text, " "); strings.EqualFold(name, cfg.Hostname) {
		return c.fail(&Failure{Class: Refused, Err: errSelf}) // the mail would come back to us
	}
	reply, err := c.exchange(ctx, cfg.CommandTimeout, c.caps.add, "EHLO "+cfg.Hostname)
	if err == nil && reply.Code >= 500 { // RFC 5321, Section 4.1.4
		c.caps = Capabilities{}
		reply, err = c.exchange(ctx, cfg.CommandTimeout, nil, "HELO "+cfg.Hostname)
	}
	if err != nil {
		return err
	}
	if reply.Code != 250 {
		return c.refused(reply)
	}
	return nil
}

var errSelf = errors.New("the next hop greets with our own host name: mail would loop")

// refused is the failure of a next hop that does not want us. R4.
func (c *conn) refused(r Reply) *Failure {
	if r.negative() {
		return c.fail(&Failure{Class: Refused, Reply: r})
	}
	return c.unexpected(r)
}

// unexpected is the failure of a reply that may not stand where it does. R8.
func (c *conn) unexpected(r Reply) *Failure {
	return c.fail(&Failure{Class: Garbage, Reply: r, Err: errors.New("unexpected reply")})
}

// add notes one line of an EHLO reply. The first line, the name of the server,
// is harmless: no keyword has a dot. RFC 5321, Section 4.1.1.1.
func (p *Capabilities) add(line string) {
	keyword, value, _ := strings.Cut(line, " ")
	switch strings.ToUpper(keyword) { // C6: some servers answer in lower case
	case "SIZE":
		p.Size = true
		if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil && n > 0 {
			p.MaxOctets = n
		}
	case "8BITMIME":
		p.EightBitMIME = true
	case "PIPELINING":
		p.Pipelining = true
	}
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
// written without it; C1: a next hop that stops reading must not hold us.
func (c *conn) arm(ctx context.Context, timeout time.Duration) error {
	c.nc.SetDeadline(time.Now().Add(timeout))
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

// quiet reports whether c is open and the next hop has not spoken unasked. What
// comes unasked is no answer to anything: most often 421 after a long wait.
func (c *conn) quiet() bool {
	c.nc.SetReadDeadline(time.Time{}) // one in the past would hide what is there
	return !c.dead && c.r.Buffered() == 0 && c.peek()
}

// fail closes c and returns f.
func (c *conn) fail(f *Failure) *Failure {
	c.close()
	return f
}

func (c *conn) close() {
	c.dead = true
	c.nc.Close()
}

// gone reports whether err means that the connection no longer stood, rather
// than that the next hop was silent on it.
func gone(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Class == Lost && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}
