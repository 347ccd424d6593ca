package relay

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

var noDSN mail.RecipientDSN

const content = "From: a@example.com\r\n\r\nhello\r\n"

// sink starts a next hop that replies as given by verb; other verbs succeed.
func sink(t *testing.T, replies map[string]string) *smtptest.Sink {
	t.Helper()
	return sinkWith(t, smtptest.Options{Reply: func(verb, _ string) (string, bool) {
		reply, ok := replies[verb]
		return reply, ok
	}})
}

func sinkWith(t *testing.T, opts smtptest.Options) *smtptest.Sink {
	t.Helper()
	s, err := smtptest.Start("127.0.0.1:0", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, v := range s.Violations() {
			t.Errorf("the client broke the protocol: %s", v)
		}
	})
	return s
}

// pool makes a Pool for tests on loopback: silence is noticed soon.
func pool(t *testing.T, change func(*Config)) *Pool {
	t.Helper()
	cfg := Config{
		Hostname:       "gate.example.com",
		ConnectTimeout: 5 * time.Second,
		CommandTimeout: 10 * time.Second,
		DataTimeout:    10 * time.Second,
		FinalTimeout:   10 * time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	p := NewPool(cfg)
	t.Cleanup(p.Close)
	return p
}

func impatient(c *Config) {
	c.CommandTimeout, c.DataTimeout, c.FinalTimeout = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
}

// patient is for tests that must not end by a time-out of ours.
func patient(c *Config) { c.CommandTimeout, c.FinalTimeout = time.Hour, time.Hour }

func address(t testing.TB, s string) mail.Address {
	t.Helper()
	a, rest, err := mail.ParsePath("<" + s + ">")
	if err != nil || rest != "" {
		t.Fatalf("address %q: %v", s, err)
	}
	return a
}

// routes holds one Route for each address: a Pool knows a route by its address.
var routes sync.Map

func routeTo(addr string) *Route {
	r, _ := routes.LoadOrStore(addr, &Route{Name: addr, Hosts: []string{addr}})
	return r.(*Route)
}

func envelope(t testing.TB) mail.Envelope {
	return mail.Envelope{ReversePath: address(t, "a@example.com")}
}

func text(s string) io.ReadSeeker { return strings.NewReader(s) }

// deliver sends one message to one recipient and returns the first reply that is
// not positive, or the final one.
func deliver(t testing.TB, p *Pool, nextHop string) (Reply, error) {
	t.Helper()
	return deliverOver(t, p, routeTo(nextHop), mail.Client{})
}

func deliverOver(t testing.TB, p *Pool, r *Route, client mail.Client) (Reply, error) {
	t.Helper()
	d, err := p.Open(t.Context(), r, client, envelope(t))
	if err != nil {
		return Reply{}, err
	}
	defer d.Abort()
	if reply, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil || !reply.Positive() {
		return reply, err
	}
	return d.Send(t.Context(), text(content))
}

// wantClass fails unless err is a Failure of that class.
func wantClass(t *testing.T, err error, want Class) *Failure {
	t.Helper()
	f, ok := errors.AsType[*Failure](err)
	if !ok || f.Class != want {
		t.Fatalf("error %v, want class %s", err, want)
	}
	return f
}

// openWith opens a Delivery to s with the given recipients accepted.
func openWith(t testing.TB, p *Pool, s *smtptest.Sink, to ...string) *Delivery {
	t.Helper()
	d, err := p.Open(t.Context(), routeTo(s.Addr().String()), mail.Client{}, envelope(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range to {
		if reply, err := d.Rcpt(t.Context(), address(t, to), noDSN); err != nil || !reply.Positive() {
			t.Fatalf("%s: %v, %v", to, reply, err)
		}
	}
	return d
}

// sendLarge sends more than the buffers between us and s can hold.
func sendLarge(t *testing.T, p *Pool, s *smtptest.Sink) error {
	t.Helper()
	_, err := openWith(t, p, s, "b@example.net").Send(t.Context(), bytes.NewReader(large()))
	return err
}

func large() []byte { return bytes.Repeat([]byte(strings.Repeat("x", 76)+"\r\n"), 32<<20/78) }

func count(commands []string, verb string) int {
	n := 0
	for _, c := range commands {
		if strings.HasPrefix(c, verb) {
			n++
		}
	}
	return n
}

// idle is the number of connections the pool keeps.
func idle(p *Pool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, hosts := range p.routes {
		for _, h := range hosts {
			n += len(h.idle)
		}
	}
	return n
}

// scripted is a next hop that does what serve says with each connection.
func scripted(t testing.TB, serve func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends when the listener is closed
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			serve(nc, bufio.NewReader(nc))
			nc.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}
