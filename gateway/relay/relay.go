package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"mxgate/policy/dns"
)

// Reply is an answer of the next hop, RFC 5321, Section 4.2.
type Reply struct {
	Code     int    // 200 to 599; 0: no reply
	Enhanced string // "5.1.1", its class that of Code; "" if the reply had none
	Text     string // printable ASCII, one line, at most 400 octets, without Enhanced
}

// Positive reports whether r, from Rcpt or Send, is acceptance. Other 2xx replies
// do not come from there: they are Garbage.
func (r Reply) Positive() bool { return r.Code >= 200 && r.Code < 300 }

// negative reports whether r is a 4xx or 5xx.
func (r Reply) negative() bool { return r.Code >= 400 && r.Code < 600 }

// Class says which row of the reply table a Failure belongs to.
type Class string

// The classes of a Failure. SMTP-DUTIES, Section 7.
const (
	Refused     Class = "refused"      // R4: the next hop refuses us, not the message
	Closing     Class = "closing"      // R3: 421 at any point
	Connect     Class = "connect"      // R5: refused, unreachable, too slow, or marked down
	Resolve     Class = "resolve"      // R6: the name of the next hop has no address
	Garbage     Class = "garbage"      // R8: what came is no reply, or none that may stand there
	Lost        Class = "lost"         // R9: lost or silent before the final dot was sent
	Uncertain   Class = "uncertain"    // R10: lost or silent after the final dot was sent
	Replay      Class = "replay"       // R11: on a new connection, refused what was accepted before
	MailRefused Class = "mail-refused" // R2: Reply answers MAIL, and so each RCPT
	EightBit    Class = "eight-bit"    // X-8BIT: the content is 8-bit and 8BITMIME is not offered
	TLS         Class = "tls"          // R7: the TLS that the policy demands is not to be had
	UTF8Lost    Class = "utf8-lost"    // X-UTF8: the message needs SMTPUTF8 and it is not offered
	TLSLost     Class = "tls-lost"     // X-RTLS: REQUIRETLS is not offered, or not over verified TLS
)

// Failure says why there is no reply to pass on.
type Failure struct {
	Class    Class
	Host     string // that was asked, of Route.Hosts; "" if none was
	Reply    Reply  // what the next hop said, if that was a reply
	AfterDot bool   // the next hop may have the message: outcome uncertain
	Err      error  // what happened otherwise; may quote the next hop with %q
}

func (f *Failure) Error() string {
	text := "relay: " + string(f.Class)
	if f.Host != "" {
		text += ": " + f.Host
	}
	if f.Reply.Code != 0 {
		text += fmt.Sprintf(": %d %s %q", f.Reply.Code, f.Reply.Enhanced, f.Reply.Text)
	}
	if f.Err != nil {
		text += ": " + f.Err.Error()
	}
	return text
}

func (f *Failure) Unwrap() error { return f.Err }

// Faults of ours or of our caller, never of the next hop.
var (
	// ErrUnclean says that content has a bare CR, a bare LF or a NUL. The
	// connection is closed; the next hop has no message.
	ErrUnclean = errors.New("relay: bare CR, bare LF or NUL in content")
	// ErrAddress says that an address, or what was asked of it, cannot be written
	// into a command.
	ErrAddress = errors.New("relay: address cannot be sent")
	// ErrEnded says that the Delivery or the Pool is over.
	ErrEnded = errors.New("relay: ended")
	// ErrNoRecipient says that Send was called before a recipient was accepted.
	ErrNoRecipient = errors.New("relay: no recipient accepted")
)

// Config holds what all connections of a Pool share. A zero value means the
// default, which follows SMTP-DUTIES M2 and M3.
type Config struct {
	Hostname string // argument of EHLO
	// Dial connects; nil is a net.Dialer, which tries all addresses of a name and
	// whose connections have TCP_NODELAY set.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Resolver is asked for DANE, and must be told to trust what its servers
	// say about DNSSEC; nil: hosts with a DANE policy fail.
	Resolver dns.TLSAResolver

	// OnHost is told when a host begins to fail, whether or not mail goes to
	// another one, and with nil when it works again. It must not block, nor call
	// the Pool.
	OnHost func(host string, failure *Failure)

	ConnectTimeout time.Duration // of one host: 30 s
	CommandTimeout time.Duration // banner, EHLO, MAIL, RCPT: 300 s; DATA at most 120 s
	DataTimeout    time.Duration // each write of content: 180 s
	FinalTimeout   time.Duration // final dot to its reply: 540 s

	MaxIdle     int           // kept connections per host: 64
	IdleTimeout time.Duration // how long one is kept, which may be one of few processes there: 15 s
	MaxPerConn  int           // messages on one connection: 100

	ProbeInterval time.Duration // how long a host marked down is left alone: 5 s
}

func (c Config) withDefaults() Config {
	if c.OnHost == nil {
		c.OnHost = func(string, *Failure) {}
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&c.ConnectTimeout, 30 * time.Second},
		{&c.CommandTimeout, 300 * time.Second},
		{&c.DataTimeout, 180 * time.Second},
		{&c.FinalTimeout, 540 * time.Second},
		{&c.IdleTimeout, 15 * time.Second},
		{&c.ProbeInterval, 5 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	if c.MaxIdle <= 0 {
		c.MaxIdle = 64
	}
	if c.MaxPerConn <= 0 {
		c.MaxPerConn = 100
	}
	return c
}
