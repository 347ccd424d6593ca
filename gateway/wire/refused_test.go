package wire_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"mxgate/gateway/wire"
)

// A client whose MAIL is refused here goes away with its message; whoever looks for
// that hears of it, and how large it was said to be.
func TestEachMAILThatIsRefusedForTheMessageIsTold(t *testing.T) {
	var mu sync.Mutex
	var told []string
	note := func(m wire.MailRefused) {
		mu.Lock()
		defer mu.Unlock()
		why := map[error]string{wire.ErrTooLarge: "too large", wire.ErrSpool: "no room", wire.ErrNoTLS: "no TLS"}[m.Why]
		told = append(told, fmt.Sprintf("%s %s of %d, %d: %s, %d %s", m.Client.Helo, m.ReversePath, m.Declared, m.Limit, why, m.Code, m.Enhanced))
	}
	for _, tc := range []struct {
		name, mail, reply string
		change            func(*wire.Config)
		full              bool
		want              string
	}{
		{"too large", "MAIL FROM:<a@client.example> BODY=8BITMIME SIZE=1000001", "552 5.3.4", func(c *wire.Config) { c.MaxMessageOctets = 1e6 }, false,
			"client.example a@client.example of 1000001, 1000000: too large, 552 5.3.4"},
		{"no room", "MAIL FROM:<a@client.example> SIZE=20000000", "452 4.3.1", nil, true, "client.example a@client.example of 20000000, 52428800: no room, 452 4.3.1"},
		{"in clear", "MAIL FROM:<a@client.example> SIZE=7", "530 5.7.0", func(c *wire.Config) { c.RequireTLS = true }, false,
			"client.example a@client.example of 7, 52428800: no TLS, 530 5.7.0"},
		{"in clear, and unreadable", "MAIL FROM:<a@client.example", "530 5.7.0", func(c *wire.Config) { c.RequireTLS = true }, false,
			"client.example  of 0, 52428800: no TLS, 530 5.7.0"},
		{"bad syntax", "MAIL FROM:<a@client.example", "553 5.1.7", nil, false, ""},
		{"an unknown parameter behind", "MAIL FROM:<a@client.example> SIZE=9 X=Y", "555 5.5.4", nil, false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, func(cfg *wire.Config) {
				cfg.OnMailRefused = note
				if tc.change != nil {
					tc.change(cfg)
				}
			})
			if tc.full {
				s.l.SetSpace(func(string) (uint64, error) { return 0, nil })
			}
			told = nil
			c := s.open(t)
			c.send(tc.mail + "\r\n")
			c.expect(tc.reply)
			mu.Lock()
			defer mu.Unlock()
			if got := strings.Join(told, "; "); got != tc.want {
				t.Errorf("told %q, want %q", got, tc.want)
			}
		})
	}
}

func TestContentThatIsNotTakenSaysHowMuchCame(t *testing.T) {
	s := start(t, func(cfg *wire.Config) { cfg.MaxMessageOctets = 1000 })
	whys := make(chan error, 1)
	s.untaken = func(why error) { whys <- why }
	line := strings.Repeat("x", 98) + "\r\n"
	for _, tc := range []struct {
		content string
		octets  int64
		cut     bool
		err     error
	}{
		{strings.Repeat(line, 15) + ".\r\n", 1500, false, wire.ErrTooLarge},
		{"line\r\na\nb\r\n.\r\n", 11, false, wire.ErrBadFraming},
		{strings.Repeat(line, 9), 900, true, wire.ErrCut},
	} {
		c := s.open(t)
		c.mail()
		c.send(tc.content)
		if tc.cut {
			c.Close()
		}
		u, ok := errors.AsType[*wire.Untaken](<-whys)
		if !ok || !errors.Is(u, tc.err) || u.Octets != tc.octets || u.Limit != 1000 || u.Cut != tc.cut {
			t.Errorf("%v: %+v", tc.err, u)
		}
	}
	c := s.open(t)
	c.mail()
	go c.Write([]byte(strings.Repeat(line, 100))) // as far as it is read
	u, ok := errors.AsType[*wire.Untaken](<-whys)
	if !ok || !errors.Is(u, wire.ErrTooLarge) || !u.Cut || u.Octets <= 2000 {
		t.Errorf("far too large: %+v", u)
	}
}

// Whatever panics, and whoever has the client then, it costs one session, which hears
// 421, and is counted once.
func TestAPanicOfACallbackCostsOneSession(t *testing.T) {
	for _, tc := range []struct{ name, before, command, left string }{
		{"of OnMailRefused", "", "MAIL FROM:<a@client.example> SIZE=5000", ""},
		{"of Offer", "", "EHLO again.example", ""},
		{"of MayXclient", "", "XCLIENT HELO=origin.example", ""},
		{"of MayXclient in a transaction", "MAIL FROM:<a@client.example>", "XCLIENT HELO=origin.example", "ABORT error"},
		{"of Offer in a transaction", "MAIL FROM:<a@client.example>", "EHLO again.example", "ABORT EHLO"},
	} {
		for _, lent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, lent %t", tc.name, lent), func(t *testing.T) {
				var armed atomic.Bool
				s := start(t, func(cfg *wire.Config) {
					panics := func() {
						if armed.Load() {
							panic("asked to")
						}
					}
					cfg.MaxMessageOctets = 1000
					cfg.OnMailRefused = func(wire.MailRefused) { panics() }
					cfg.Offer = func() wire.Offer { panics(); return wire.Offer{} }
					cfg.MayXclient = func(string) bool { panics(); return false }
				})
				c, other := s.open(t), s.open(t)
				if lent {
					c.mail()
					c.send(".\r\n")
					c.expect("250")
				}
				if tc.before != "" {
					c.send(tc.before + "\r\n")
					c.expect("250")
				}
				armed.Store(true)
				c.send("NOOP\r\n" + tc.command + "\r\n")
				c.expect("250 2.0.0 OK", "421 4.3.0", "EOF")
				armed.Store(false)
				if <-s.panics; len(s.panics) > 0 {
					t.Errorf("counted %d times more", len(s.panics))
				}
				if got := s.seen(); tc.left != "" && got[len(got)-1] != tc.left {
					t.Errorf("at the gate %q", got)
				}
				other.mail()
				other.send(".\r\n")
				other.expect("250")
			})
		}
	}
}
