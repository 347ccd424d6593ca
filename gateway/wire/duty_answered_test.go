package wire_test

import (
	"context"
	"net"
	"slices"
	"testing"

	"mxgate/gateway/wire"
)

// TestDuty_R12_Wire lets clients go while their message is being worked on: the
// work goes on, and the session is told whether the answer could be read.
func TestDuty_R12_Wire(t *testing.T) {
	for _, tc := range []struct {
		name    string
		tls     bool
		content string
		leave   func(*client)
		read    bool
	}{
		{"stays", false, "taken\r\n.\r\n", func(*client) {}, true},
		{"has sent its next command", false, "taken\r\n.\r\nNOOP\r\n", func(*client) {}, true},
		{"closes", false, "taken\r\n.\r\n", func(c *client) { c.Close() }, false},
		{"closes behind another command", false, "taken\r\n.\r\nQUIT\r\n", func(c *client) { c.Close() }, false},
		{"closes its half", false, "taken\r\n.\r\n", func(c *client) { _ = c.Conn.(*net.TCPConn).CloseWrite() }, false},
		{"resets", false, "taken\r\n.\r\n", func(c *client) {
			_ = c.Conn.(*net.TCPConn).SetLinger(0)
			c.Close()
		}, false},
		{"stays, with TLS", true, "taken\r\n.\r\nNOOP\r\n", func(*client) {}, true},
		{"closes TLS", true, "taken\r\n.\r\n", func(c *client) { c.Close() }, false},
		{"resets before the answer to a panic", false, "panic\r\n.\r\n", func(c *client) { c.Close() }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, func(cfg *wire.Config) { cfg.TLSConfig = serverTLS() })
			began, end := make(chan struct{}), make(chan struct{})
			s.handling = func(ctx context.Context) {
				close(began)
				<-end
				if ctx.Err() != nil {
					s.note("CONTENT CUT")
				}
			}
			c := s.open(t)
			if tc.tls {
				c.send("STARTTLS\r\n")
				c.expect("220")
				c.startTLS()
				c.ehlo()
			}
			c.mail()
			c.send(tc.content)
			<-began
			tc.leave(c)
			close(end)
			if tc.read {
				c.expect("250 2.0.0 Taken")
				c.send("QUIT\r\n")
			}
			if err := s.l.Drain(t.Context()); err != nil {
				t.Errorf("Drain: %v", err)
			}
			want := []string{"CONTENT 7 eightbit=false"}
			if tc.content[0] == 'p' {
				want[0] = "ABORT panic"
			}
			if !tc.read {
				want = append(want, "UNREAD")
			}
			if got := s.seen()[2:]; !slices.Equal(got, want) {
				t.Errorf("at the gate %q, want %q", got, want)
			}
			if n := s.answers.Load(); n != 1 {
				t.Errorf("told %d times", n)
			}
		})
	}
}

// TestDuty_R12_Wire_AnUnwritableAnswer has a client that reads nothing: the
// answer does not fit into a pipe, and is given up in its time.
func TestDuty_R12_Wire_AnUnwritableAnswer(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
		c := p.open(t)
		c.mail()
		c.send("taken\r\n.\r\n")
		if err := s.l.Drain(t.Context()); err != nil {
			t.Errorf("Drain: %v", err)
		}
		if got, want := s.seen()[2:], []string{"CONTENT 7 eightbit=false", "UNREAD"}; !slices.Equal(got, want) {
			t.Errorf("at the gate %q, want %q", got, want)
		}
	})
}
