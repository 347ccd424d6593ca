package probe

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mxgate/policy"
	"mxgate/policy/mail"
)

// tape is a connection that plays what a server says and keeps what it hears.
type tape struct {
	io.Reader
	heard strings.Builder
}

func (c *tape) Write(b []byte) (int, error)      { return c.heard.Write(b) }
func (c *tape) Close() error                     { return nil }
func (c *tape) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv6loopback, Port: 1} }
func (c *tape) RemoteAddr() net.Addr             { return c.LocalAddr() }
func (c *tape) SetDeadline(time.Time) error      { return nil }
func (c *tape) SetReadDeadline(time.Time) error  { return nil }
func (c *tape) SetWriteDeadline(time.Time) error { return nil }

// Whatever a server says: the verdict is one of ours, open and refused rest on
// words that were said, what is shown is plain, and DATA is never said.
func FuzzConversation(f *testing.F) {
	for _, seed := range []string{
		"220 a\r\n250-a\r\n250 SIZE\r\n250 ok\r\n250 2.1.5 ok\r\n250 ok\r\n221 bye\r\n",
		"220-a\n220 b\n502 x\n250 a\n250 ok\n450 4.7.1 later\n",
		"554 no\r\n", "", "220 x", "SSH-2.0-x\r\n", "220 a\r\n250-a\r\n250 STARTTLS\r\n530 5.7.0 tls\r\n220 go\r\n\x15\x03\x01\x00\x02\x02\x28",
		"220 a\r\n250 a\r\n250 ok\r\n550 5.1.1 \x1b[31m\u202e no\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, said string) {
		c := &tape{Reader: strings.NewReader(said)}
		p := &Prober{
			Recipients: []mail.Address{{Local: "a", Domain: "example.com"}, {Local: "b", Domain: "example.com"}}, Ports: []uint16{25}, ReplyTimeout: time.Second,
			Source: func(netip.Addr) (string, bool) { return "", false },
			Dial:   func(context.Context, string, string) (net.Conn, error) { return c, nil },
		}
		r := p.Ask(t.Context(), at(origin))[0]
		a := r.Ports[0]
		switch {
		case len(r.Ports) != 1 || r.Verdict != a.Verdict || a.Why == "":
			t.Fatalf("%+v", r)
		case a.Verdict == Open && (a.Step != RCPT || a.Reply.Code < 250 || a.Reply.Code > 252),
			a.Verdict == Deferred && a.Reply.Code/100 != 4,
			a.Verdict == Refused && a.Reply.Code/100 != 5 && a.Why != "strangers have no certificate that it takes",
			a.Verdict == Closed || a.Verdict == Provider, a.Verdict == Unknown && said != "":
			t.Fatalf("%q: %+v", said, a)
		case len([]rune(a.Reply.Text)) > maxReplyText || policy.Plain(a.Reply.Text, maxReplyText) != a.Reply.Text || policy.Plain(a.Why, 1000) != a.Why:
			t.Fatalf("%q", a.Reply.Text+a.Why)
		case strings.Contains(strings.ToUpper(c.heard.String()), "\nDATA"):
			t.Fatal("DATA was said")
		}
	})
}
