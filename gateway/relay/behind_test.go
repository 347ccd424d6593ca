package relay

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
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

// together sends lines in one segment, under TLS each in a record of its own; of the
// last one less octets are on their way still.
func (s *segment) together(to io.Writer, less int, lines ...string) {
	s.holds = true
	for _, line := range lines {
		io.WriteString(to, line+"\r\n")
	}
	s.holds = false
	s.Conn.Write(s.held.Bytes()[:s.held.Len()-less])
	s.held.Reset()
}

// behind is a next hop that says second right behind its answer to verb, less some
// octets, and refuses each message; with config it offers STARTTLS.
func behind(t *testing.T, config *tls.Config, verb, second string, less int) string {
	return scripted(t, func(raw net.Conn, r *bufio.Reader) {
		wire := &segment{Conn: raw}
		var c io.Writer = wire
		answer := func(to, first string) {
			if to == verb {
				wire.together(c, less, first, second)
			} else {
				wire.together(c, 0, first)
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

// eachWay runs a test in clear and under TLS, with all of second there and with a part.
func eachWay(t *testing.T, verb, second string, test func(*testing.T, *Pool, *Route)) {
	config, roots := serverTLS(t)
	for _, c := range []*tls.Config{nil, config} {
		for _, less := range []int{0, len(second) - 1} {
			t.Run(fmt.Sprintf("tls=%t, less %d", c != nil, less), func(t *testing.T) {
				addr := behind(t, c, verb, second, less)
				r := &Route{Name: addr, Hosts: []string{addr}}
				if c != nil {
					r.TLS = TLSPolicy{Mode: TLSVerified, ServerName: "mail.example.com", Roots: roots}
				}
				test(t, pool(t, nil), r)
			})
		}
	}
}

func TestWhatStandsBehind354IsNoAnswerToContent(t *testing.T) {
	eachWay(t, "DATA", "250 2.0.0 queued", func(t *testing.T, p *Pool, r *Route) {
		err := sendOver(t, p, r, text(strings.Repeat(strings.Repeat("x", 76)+"\r\n", 4000)))
		if f, ok := errors.AsType[*Failure](err); !ok || f.AfterDot || f.Class != Garbage && f.Class != Lost {
			t.Errorf("%v", err)
		}
	})
}

// A kept connection that has said more than it was asked is not used again: each of its
// replies would be taken for that to the command before.
func TestWhatStandsBehindTheFinalReplyIsNoAnswerToTheNextMessage(t *testing.T) {
	eachWay(t, smtptest.Dot, "250 2.0.0 once more", func(t *testing.T, p *Pool, r *Route) {
		for i := range 3 {
			if reply, err := deliverOver(t, p, r, mail.Client{}); err != nil || reply.Code != 550 {
				t.Errorf("message %d: %+v, %v", i, reply, err)
			}
		}
	})
}
