package smtptest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Turn is what a scripted client says at once, and how many replies it reads
// before it goes on: more than one for a pipelined group, none to talk on.
type Turn struct {
	Say     string // with its CRLFs
	Replies int
	Content bool // it is said only after a 354; without one the client hangs up
}

// Letter is one message of a scripted client.
type Letter struct {
	ReversePath  string
	ForwardPaths []string
	Content      []byte // not dot-stuffed; complete lines
}

// Turns is a whole session that delivers l and says QUIT.
func (l Letter) Turns(pipelined bool) []Turn {
	turns := []Turn{{Say: "EHLO mx1.provider.example\r\n", Replies: 1}, {Say: "MAIL FROM:<" + l.ReversePath + ">\r\n", Replies: 1}}
	for _, path := range l.ForwardPaths {
		turns = append(turns, Turn{Say: "RCPT TO:<" + path + ">\r\n", Replies: 1})
	}
	turns = append(turns, Turn{Say: "DATA\r\n", Replies: 1})
	if pipelined { // RFC 2920: MAIL, RCPT and DATA in one group
		group := Turn{}
		for _, turn := range turns[1:] {
			group.Say += turn.Say
			group.Replies++
		}
		turns = []Turn{turns[0], group}
	}
	return append(turns, Turn{Say: Stuff(l.Content) + ".\r\n", Replies: 1, Content: true}, Turn{Say: "QUIT\r\n", Replies: 1})
}

// Stuff doubles the dots at the start of the lines of content.
func Stuff(content []byte) string {
	text := strings.ReplaceAll(string(content), "\r\n.", "\r\n..")
	if strings.HasPrefix(text, ".") {
		text = "." + text
	}
	return text
}

// Octets is how much a client says in turns.
func Octets(turns []Turn) (n int) {
	for _, turn := range turns {
		n += len(turn.Say)
	}
	return n
}

// End is how a client goes.
type End string

// The ends of a session.
const (
	HangUp    End = "close"      // nothing is read any more
	HalfClose End = "half-close" // it says no more and reads to the end
	Abandon   End = "reset"      // a TCP reset
)

// Cut says where and how a scripted client goes. The zero Cut is a client that
// stays to the end of its turns and hangs up.
type Cut struct {
	After int // octets that it says first; 0: all
	End   End // "" is HangUp
	// Slow are the octets at the end that go one by one, Pause apart.
	Slow  int
	Pause time.Duration
	// Ready, if not nil, is waited for before the End: whatever must have
	// happened by then has happened when it is closed.
	Ready <-chan struct{}
}

// Heard is what a client was told.
type Heard struct {
	Replies []string // the last line of each, without CRLF; the greeting first
	Said    int      // octets that went out
	// Content is the reply to the final dot; "" if it was not read.
	Content string
}

// Answer is the last word about the message: the reply to the final dot, or the
// first that refused the transaction; "" if there was neither.
func (h Heard) Answer() string {
	if h.Content != "" {
		return h.Content
	}
	for _, reply := range h.Replies {
		if reply[:min(1, len(reply))] > "3" {
			return reply
		}
	}
	return ""
}

// Play has a client talk to addr, "host:port" or "unix:/path", until it has said
// all, is cut, or the server ends the session. That a session does not go as far
// as it should is for the caller to see: errors are those of the caller's, a
// server that cannot be reached or ctx.
func Play(ctx context.Context, addr string, turns []Turn, cut Cut) (Heard, error) {
	network, where := "tcp", addr
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, where = "unix", path
	}
	nc, err := new(net.Dialer).DialContext(ctx, network, where)
	if err != nil {
		return Heard{}, fmt.Errorf("smtptest: %w", err)
	}
	defer nc.Close()
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()
	p := &player{nc: nc, r: bufio.NewReader(nc), cut: cut, left: cut.After}
	if cut.After == 0 {
		p.left = Octets(turns)
	}
	err = p.play(turns)
	if err == nil || errors.Is(err, errCut) {
		p.end()
	}
	if ctx.Err() != nil {
		return p.heard, fmt.Errorf("smtptest: %w", ctx.Err())
	}
	return p.heard, nil
}

var errCut = errors.New("cut")

// player is one client.
type player struct {
	nc    net.Conn
	r     *bufio.Reader
	cut   Cut
	left  int // octets to say
	heard Heard
	// inContent says that the next reply answers the final dot.
	inContent bool
}

func (p *player) play(turns []Turn) error {
	if err := p.hear(1); err != nil {
		return err
	}
	for _, turn := range turns {
		if turn.Content && !p.inContent {
			return nil
		}
		if err := p.say(turn.Say); err != nil {
			return err
		}
		if p.left == 0 && (p.cut.After > 0 || p.cut.End != "") {
			return errCut
		}
		if err := p.hear(turn.Replies); err != nil {
			return err
		}
	}
	return nil
}

// say says text, or what the cut leaves of it.
func (p *player) say(text string) error {
	text = text[:min(len(text), p.left)]
	quick := min(len(text), max(0, p.left-p.cut.Slow))
	n, err := io.WriteString(p.nc, text[:quick])
	p.heard.Said += n
	p.left -= len(text)
	for i := quick; i < len(text) && err == nil; i++ {
		pause(p.cut.Pause)
		n, err = p.nc.Write([]byte{text[i]})
		p.heard.Said += n
	}
	return err
}

// hear reads n replies.
func (p *player) hear(n int) error {
	for range n {
		for {
			line, err := p.r.ReadString('\n')
			if err != nil {
				return err
			}
			if len(line) > 3 && line[3] == '-' {
				continue
			}
			line = strings.TrimRight(line, "\r\n")
			p.heard.Replies = append(p.heard.Replies, line)
			if p.inContent {
				p.heard.Content = line
			}
			p.inContent = strings.HasPrefix(line, "354")
			break
		}
	}
	return nil
}

// end goes as the cut says.
func (p *player) end() {
	if p.cut.Ready != nil {
		<-p.cut.Ready
	}
	switch p.cut.End {
	case HalfClose:
		if half, ok := p.nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			for p.hear(1) == nil { // until the server ends it
			}
		}
	case Abandon:
		if tcp, ok := p.nc.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // it is closed next, at worst in the usual way
		}
	}
}
