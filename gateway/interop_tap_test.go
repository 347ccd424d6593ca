//go:build interop

package gateway_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// tap stands between the provider and the gateway and writes down every octet:
// what the gateway received is known without asking the gateway.
type tap struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup
	mu       sync.Mutex
	open     []net.Conn
	sessions []*tapped
}

// tapped are the two directions of one connection.
type tapped struct{ up, down bytes.Buffer }

func startTap(t *testing.T, target string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{listener: l, target: target}
	p.running.Go(p.accept) // ends when close closes the listener
	t.Cleanup(p.close)
	return p
}

func (p *tap) addr() string { return p.listener.Addr().String() }

// close ends all connections. Afterwards the sessions do not change.
func (p *tap) close() {
	p.listener.Close()
	p.mu.Lock()
	for _, nc := range p.open {
		nc.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *tap) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		gateway, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		s := &tapped{}
		p.mu.Lock()
		p.open = append(p.open, client, gateway)
		p.sessions = append(p.sessions, s)
		p.mu.Unlock()
		forward := func(to, from net.Conn, record io.Writer) { // ends with either connection
			_, _ = io.Copy(io.MultiWriter(record, to), from) // its end is all there is to know
			to.(*net.TCPConn).CloseWrite()
		}
		p.running.Go(func() { forward(gateway, client, &s.up) })
		p.running.Go(func() { forward(client, gateway, &s.down) })
	}
}

// exchange is one transaction as both sides saw it.
type exchange struct {
	reversePath string
	forwardPath string // the last one given
	refusal     string // the first reply that refused; "" if none did
	content     []byte // dot-unstuffed, as the gateway received it; nil if it was never sent
	final       string // the reply to the content
}

// id is what the test put into the forward-path: <bob+ID@example.com>.
func (x *exchange) id() string {
	local, _, _ := strings.Cut(x.forwardPath, "@")
	_, id, _ := strings.Cut(local, "+")
	return id
}

// transaction is the id that mxgate ends every reply to a transaction with.
func transaction(reply string) string {
	open := strings.LastIndexByte(reply, '(')
	if open < 0 || !strings.HasSuffix(reply, ")") {
		return ""
	}
	return reply[open+1 : len(reply)-1]
}

func (p *tap) exchanges(t *testing.T) []exchange {
	t.Helper()
	var all []exchange
	for _, s := range p.sessions {
		all = append(all, s.read(t)...)
	}
	return all
}

// read replays a connection: replies come in the order of the commands, content
// follows a DATA that was answered 354.
func (s *tapped) read(t *testing.T) []exchange {
	t.Helper()
	replies := splitReplies(s.down.String())
	next := func() string {
		if len(replies) == 0 {
			return ""
		}
		r := replies[0]
		replies = replies[1:]
		return r
	}
	next() // greeting
	var all []exchange
	rest := s.up.Bytes()
	for len(rest) > 0 {
		line, behind, ok := bytes.Cut(rest, []byte("\r\n"))
		if !ok {
			t.Errorf("tap: a command without end: %.80q", rest)
			break
		}
		rest = behind
		reply := next()
		verb := strings.ToUpper(string(line[:min(4, len(line))]))
		if verb == "MAIL" {
			all = append(all, exchange{reversePath: angle(string(line))})
		}
		if len(all) == 0 {
			continue
		}
		x := &all[len(all)-1]
		if verb == "RCPT" {
			x.forwardPath = angle(string(line))
		}
		if verb == "DATA" && strings.HasPrefix(reply, "354") {
			x.content, rest = unstuff(rest)
			reply = next()
			x.final = reply
		}
		if x.refusal == "" && reply != "" && reply[0] >= '4' {
			x.refusal = reply
		}
	}
	return all
}

// splitReplies joins the lines of each reply.
func splitReplies(s string) []string {
	var all []string
	reply := ""
	for line := range strings.SplitSeq(s, "\r\n") {
		reply += line
		if len(line) > 3 && line[3] == '-' {
			reply += "\n"
			continue
		}
		if reply != "" {
			all = append(all, reply)
		}
		reply = ""
	}
	return all
}

func angle(command string) string {
	_, path, _ := strings.Cut(command, "<")
	path, _, _ = strings.Cut(path, ">")
	return path
}

// unstuff takes content up to CRLF "." CRLF. RFC 5321, Section 4.5.2.
func unstuff(b []byte) (content, rest []byte) {
	content = []byte{}
	for len(b) > 0 {
		line := b
		if end := bytes.Index(b, []byte("\r\n")); end >= 0 {
			line = b[:end+2]
		}
		b = b[len(line):]
		if string(line) == ".\r\n" {
			return content, b
		}
		content = append(content, bytes.TrimPrefix(line, []byte("."))...)
	}
	return content, nil
}
