package relay

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

// segment gathers what is written while it holds, and sends it at once.
type segment struct {
	net.Conn
	held  bytes.Buffer
	holds bool
}

func (s *segment) Write(p []byte) (int, error) {
	if s.holds {
		return s.held.Write(p)
	}
	return s.Conn.Write(p)
}

// together sends lines in one segment, under TLS each in a record of its own.
func (s *segment) together(to io.Writer, lines ...string) {
	s.holds = true
	for _, line := range lines {
		io.WriteString(to, line+"\r\n")
	}
	s.holds = false
	s.Conn.Write(s.held.Bytes())
	s.held.Reset()
}

// behind is a next hop that says second right behind its answer to verb, and refuses
// each message; with config it offers STARTTLS.
func behind(t *testing.T, config *tls.Config, verb, second string) string {
	return scripted(t, func(raw net.Conn, r *bufio.Reader) {
		wire := &segment{Conn: raw}
		var c io.Writer = wire
		answer := func(to, first string) {
			if to == verb {
				wire.together(c, first, second)
			} else {
				wire.together(c, first)
			}
		}
		answer("", "220 hop")
		content := false
		for {
			line, err := r.ReadString('\n')
			switch command := strings.TrimSpace(line); {
			case err != nil:
				return
			case content && command == ".":
				content = false
				answer(smtptest.Dot, "550 5.7.1 the true answer")
			case content:
			case command == "DATA":
				content = true
				answer("DATA", "354 go")
			case command == "STARTTLS":
				answer("", "220 go")
				s := tls.Server(wire, config)
				c, r = s, bufio.NewReader(s)
			case config != nil && c == io.Writer(wire):
				answer("", "250-hop\r\n250 STARTTLS")
			default:
				answer("", "250 hop")
			}
		}
	})
}

// bothWays runs a test in clear and under TLS, where crypto/tls has read more than it
// has given.
func bothWays(t *testing.T, verb, second string, test func(*testing.T, *Pool, *Route)) {
	config, roots := serverTLS(t)
	for _, c := range []*tls.Config{nil, config} {
		t.Run(fmt.Sprintf("tls=%t", c != nil), func(t *testing.T) {
			r := routeTo(behind(t, c, verb, second))
			if c != nil {
				r.TLS = TLSPolicy{Mode: TLSVerified, ServerName: "mail.example.com", Roots: roots}
			}
			test(t, pool(t, nil), r)
		})
	}
}

func TestWhatStandsBehind354IsNoAnswerToContent(t *testing.T) {
	bothWays(t, "DATA", "250 2.0.0 queued", func(t *testing.T, p *Pool, r *Route) {
		wantClass(t, sendOver(t, p, r, text(strings.Repeat(strings.Repeat("x", 76)+"\r\n", 4000))), Garbage)
	})
}

// A kept connection that has said more than it was asked is not used again: each of its
// replies would be taken for that to the command before.
func TestWhatStandsBehindTheFinalReplyIsNoAnswerToTheNextMessage(t *testing.T) {
	bothWays(t, smtptest.Dot, "250 2.0.0 once more", func(t *testing.T, p *Pool, r *Route) {
		for i := range 3 {
			if reply, err := deliverOver(t, p, r, mail.Client{}); err != nil || reply.Code != 550 {
				t.Errorf("message %d: %+v, %v", i, reply, err)
			}
		}
	})
}
