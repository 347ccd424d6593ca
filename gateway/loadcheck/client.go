package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// provider is the address of the admitted source.
const provider = "127.0.0.1"

// patience bounds every answer: whoever needs it all is stuck.
const patience = 120 * time.Second

// client is one session.
type client struct {
	nc net.Conn
	r  *bufio.Reader
}

// greeted opens a session and says EHLO, under TLS if wanted.
func (w *world) greeted(secure bool) (*client, error) {
	nc, err := w.dialFrom(provider)
	if err != nil {
		return nil, err
	}
	c := &client{nc, bufio.NewReaderSize(nc, 512)}
	if err := c.hello(secure); err != nil {
		nc.Close()
		return nil, err
	}
	return c, nil
}

func (c *client) hello(secure bool) error {
	if err := c.expect("220"); err != nil {
		return err
	}
	if err := c.ask("EHLO client.load.example", "250"); err != nil || !secure {
		return err
	}
	if err := c.ask("STARTTLS", "220"); err != nil {
		return err
	}
	// The certificate is our own of a moment ago, and nobody is between.
	under := tls.Client(c.nc, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	c.nc.SetDeadline(time.Now().Add(patience))
	if err := under.Handshake(); err != nil {
		return err
	}
	c.nc, c.r = under, bufio.NewReaderSize(under, 512)
	return c.ask("EHLO client.load.example", "250")
}

func (c *client) ask(line, want string) error {
	c.nc.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c.nc, line+"\r\n"); err != nil {
		return err
	}
	return c.expect(want)
}

// expect reads one reply, whose code must be want.
func (c *client) expect(want string) error {
	c.nc.SetReadDeadline(time.Now().Add(patience))
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", want, err)
		}
		if !strings.HasPrefix(line, want) {
			return fmt.Errorf("answered %q, want %s", strings.TrimSpace(line), want)
		}
		if len(line) > 3 && line[3] == ' ' {
			return nil
		}
	}
}

// begin opens a transaction and sends DATA.
func (c *client) begin() error {
	if err := c.ask("MAIL FROM:<a@load.example>", "250"); err != nil {
		return err
	}
	if err := c.ask("RCPT TO:<b@dest.example>", "250"); err != nil {
		return err
	}
	return c.ask("DATA", "354")
}

const head = "From: a@load.example\r\nTo: b@dest.example\r\nSubject: load\r\nMessage-ID: <1@load.example>\r\n\r\n"

var letter = head + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 56)

// deliver sends one message of 4 KB.
func (c *client) deliver() error {
	if err := c.begin(); err != nil {
		return err
	}
	return c.ask(letter+".", "250")
}

// live delivers one message after the other in sessions of ten until stop is
// closed, 50 in a second, and returns how long each took.
type live struct {
	stop chan struct{}
	done sync.WaitGroup
	took []time.Duration
	err  error
}

func (w *world) keepDelivering(secure bool) *live {
	l := &live{stop: make(chan struct{})}
	l.done.Go(func() { // ends with stop
		for l.err == nil {
			l.err = l.session(w, secure)
			select {
			case <-l.stop:
				return
			default:
			}
		}
	})
	return l
}

func (l *live) session(w *world, secure bool) error {
	began := time.Now() // the first message pays for the connection
	c, err := w.greeted(secure)
	if err != nil {
		return err
	}
	defer c.nc.Close()
	for range 10 {
		if err := c.deliver(); err != nil {
			return err
		}
		l.took = append(l.took, time.Since(began))
		select {
		case <-l.stop:
			return nil
		case <-time.After(20 * time.Millisecond):
		}
		began = time.Now()
	}
	return nil
}

// end stops and returns the median and the 99th percentile in ms.
func (l *live) end() (p50, p99 float64, err error) {
	close(l.stop)
	l.done.Wait()
	if l.err != nil || len(l.took) == 0 {
		return 0, 0, fmt.Errorf("live mail (%d delivered): %w", len(l.took), l.err)
	}
	slices.Sort(l.took)
	ms := func(q int) float64 { return float64(l.took[len(l.took)*q/100].Microseconds()) / 1000 }
	return ms(50), ms(99), nil
}
