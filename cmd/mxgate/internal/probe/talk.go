package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"syscall"
	"time"

	"mxgate/policy/mail"
)

// implicitTLS is the port where TLS begins at once. RFC 8314, Section 3.3.
const implicitTLS = 465

// leaveTimeout bounds RSET and QUIT: nothing is learned from them.
const leaveTimeout = 5 * time.Second

// certificateRequired is how package tls tells the alert of a server that knows its
// clients by their certificates: RFC 8446, Section 6.2. The type is not exported.
const certificateRequired = "tls: certificate required"

// Answer is what one port of an address said.
type Answer struct {
	Port      uint16  `json:"port"`
	Verdict   Verdict `json:"verdict"`
	Step      Step    `json:"step"`                // the last one
	Recipient string  `json:"recipient,omitempty"` // asked for last
	TLS       bool    `json:"tls"`
	Reply     Reply   `json:"reply"` // to that step; Code 0: none
	Why       string  `json:"why"`

	hungUp bool // it took the connection and closed it without a word
	// silence, if set, is the verdict if this network is known to let us out that
	// way; Verdict is then to be judged.
	silence Verdict
}

// talk is one conversation.
type talk struct {
	p        *Prober
	conn     net.Conn
	text     *textproto.Reader
	left     *io.LimitedReader // below end
	end      *end              // below text
	host     string            // name for TLS; may be an address
	secure   bool
	offered  []string // keywords of the last EHLO
	greeted  bool
	envelope bool // a reverse-path was accepted: there is something to take back
}

// talkTo has one conversation on conn, which it closes, and returns its outcome
// without Port.
func (p *Prober) talkTo(ctx context.Context, conn net.Conn, host string, secure bool) Answer {
	t := &talk{p: p, conn: conn, host: host}
	t.listen()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer t.leave()
	a := t.run(ctx, secure)
	a.TLS = t.secure
	switch err := context.Cause(ctx); {
	case err == nil || a.Reply.Code != 0: // what was said counts
	case errors.Is(err, errSlow):
		a.Verdict, a.Why, a.hungUp = Unclear, errSlow.Error(), false
	default:
		a.Verdict, a.Why, a.hungUp = Unknown, stopped, false
	}
	return a
}

// listen begins to read from conn, and forgets what was read before.
func (t *talk) listen() {
	t.left = &io.LimitedReader{R: t.conn, N: maxTalkOctets}
	t.end = &end{from: t.left}
	t.text = textproto.NewReader(bufio.NewReader(t.end))
}

func (t *talk) run(ctx context.Context, secure bool) Answer {
	if secure {
		if err := t.handshake(ctx); err != nil {
			a := failed(TLS, err)
			a.hungUp = ended(err)
			return a
		}
	}
	if a := t.hear(Greeting); a.Verdict != "" {
		t.greeted = a.Reply.Code != 0
		return a
	}
	t.greeted = true
	if a := t.hello(); a.Verdict != "" {
		return a
	}
	a := t.ask()
	if t.secure || !slices.Contains(t.offered, "STARTTLS") || !wantsTLS(a.Reply) {
		return a
	}
	if s := t.say(TLS, "STARTTLS"); s.Reply.Code != 220 {
		return a
	}
	t.greeted = false // in clear there is nothing more to say
	if err := t.handshake(ctx); err != nil {
		return failed(TLS, err)
	}
	t.greeted = true
	if a := t.hello(); a.Verdict != "" {
		return a
	}
	return t.ask()
}

// wantsTLS reports whether a command was refused because it came in clear.
// RFC 3207, Section 4.
func wantsTLS(r Reply) bool {
	text := strings.ToLower(r.Text)
	return r.Code == 530 || r.Code >= 400 && strings.Contains(text, "tls")
}

// handshake does what a stranger does: it believes any certificate and takes any
// version.
func (t *talk) handshake(ctx context.Context) error {
	config := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}
	if _, err := netip.ParseAddr(t.host); err != nil {
		config.ServerName = t.host
	}
	if err := t.conn.SetDeadline(time.Now().Add(t.p.ReplyTimeout)); err != nil {
		return err
	}
	secure := tls.Client(t.conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return err
	}
	t.conn, t.secure = secure, true
	t.listen() // RFC 3207, Section 4.2: what was said in clear is forgotten
	return nil
}

// hello greets with EHLO, or with HELO whom does not know that.
func (t *talk) hello() Answer {
	name := t.p.Hello
	if name == "" {
		name = literal(t.conn.LocalAddr())
	}
	a := t.say(EHLO, "EHLO "+name)
	if a.Reply.Code == 500 || a.Reply.Code == 502 {
		a = t.say(EHLO, "HELO "+name)
	}
	return a
}

// literal is the address of our end as EHLO names it. RFC 5321, Section 4.1.3.
func literal(addr net.Addr) string {
	at, err := netip.ParseAddrPort(addr.String())
	switch a := at.Addr().Unmap().WithZone(""); {
	case err != nil:
		return "[127.0.0.1]"
	case a.Is4():
		return "[" + a.String() + "]"
	default:
		return "[IPv6:" + a.String() + "]"
	}
}

// ask names the reverse-path and the recipients, until one is accepted, and
// returns the worst answer.
func (t *talk) ask() Answer {
	if a := t.say(MAIL, "MAIL FROM:<"+t.p.ReversePath.String()+">"); a.Verdict != "" {
		return a
	}
	t.envelope = true
	var worst Answer
	for _, r := range t.p.Recipients[:min(len(t.p.Recipients), MaxRecipients)] {
		a := t.recipient(r)
		if a.Verdict.Worse(worst.Verdict) {
			worst = a
		}
		if a.Verdict == Open || a.Reply.Code == 0 || a.Reply.Code == 421 {
			break
		}
	}
	return worst
}

func (t *talk) recipient(r mail.Address) Answer {
	a := t.say(RCPT, "RCPT TO:<"+r.String()+">")
	a.Recipient = r.String()
	return a
}

// say sends a command and hears the answer.
func (t *talk) say(step Step, command string) Answer {
	err := t.conn.SetDeadline(time.Now().Add(t.p.ReplyTimeout))
	if err == nil {
		_, err = io.WriteString(t.conn, command+"\r\n")
	}
	if err != nil {
		return failed(step, err)
	}
	return t.hear(step)
}

// hear reads a reply and judges it.
func (t *talk) hear(step Step) Answer {
	var reply Reply
	var keywords []string
	err := t.conn.SetDeadline(time.Now().Add(t.p.ReplyTimeout))
	if err == nil {
		reply, keywords, err = readReply(t.text)
	}
	if err == nil && t.text.R.Buffered() == 0 {
		err = t.end.cut()
	}
	if err != nil {
		a := failed(step, err)
		a.hungUp = step == Greeting && ended(err) && t.left.N == maxTalkOctets // not a word
		return a
	}
	if step == EHLO {
		t.offered = keywords
	}
	a := Answer{Step: step, Reply: reply}
	a.Verdict, a.Why = judge(step, reply)
	return a
}

// failed is the answer of a server that gave none.
func failed(step Step, err error) Answer {
	a := Answer{Verdict: Unclear, Step: step}
	garbage, isGarbage := errors.AsType[textproto.ProtocolError](err)
	timeout, isTimeout := errors.AsType[net.Error](err)
	at, isAt := errors.AsType[*net.OpError](err)
	switch {
	case isAt && at.Op == "remote error" && at.Err.Error() == certificateRequired:
		a.Verdict, a.Why = Refused, "strangers have no certificate that it takes"
	case isTimeout && timeout.Timeout():
		a.Why = "it took the connection, and gave no answer in time"
	case isGarbage:
		a.Why = fmt.Sprintf("what answers does not speak SMTP: %.100q", string(garbage))
	case step == TLS:
		a.Why = fmt.Sprintf("TLS could not be agreed on: %.200q", err.Error())
	default:
		a.Why = "it closed the connection without an answer"
	}
	return a
}

// ended reports whether the other side closed the connection.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, syscall.ECONNRESET)
}

// leave takes the envelope back and says goodbye. Nothing is pending, so errors
// mean nothing.
func (t *talk) leave() {
	if t.conn.SetDeadline(time.Now().Add(leaveTimeout)) == nil && t.greeted {
		commands := []string{"QUIT"}
		if t.envelope {
			commands = []string{"RSET", "QUIT"}
		}
		for _, c := range commands {
			if _, err := io.WriteString(t.conn, c+"\r\n"); err != nil {
				break
			}
			if _, _, err := readReply(t.text); err != nil {
				break
			}
		}
	}
	_ = t.conn.Close()
}
