package wire_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/gateway/wire"
)

// pipes is a net.Listener whose connections are net.Pipes, for tests in the
// time of testing/synctest.
type pipes struct {
	conns chan net.Conn
	errs  chan error
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), errs: make(chan error), done: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case err := <-p.errs:
		return nil, err
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// from is a connection with an address.
type from struct {
	net.Conn
	addr string
}

func (f from) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.addr)) }

func (p *pipes) dial(t *testing.T) *client {
	ours, theirs := net.Pipe()
	p.conns <- from{theirs, "192.0.2.1:50000"}
	return newClient(t, ours)
}

// open brings a session to where MAIL may be sent.
func (p *pipes) open(t *testing.T) *client {
	c := p.dial(t)
	c.expect("220")
	c.ehlo()
	return c
}

// inTime runs f with the clock of synctest against a server on pipes.
func inTime(t *testing.T, change func(*wire.Config), f func(*testing.T, *server, *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		f(t, start(t, change, p), p)
	})
}

// after fails unless so much time has passed since begin.
func after(t *testing.T, begin time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(begin); got != want {
		t.Errorf("after %v, want %v", got, want)
	}
}

// mail sends an envelope and DATA and reads the replies.
func (c *client) mail() {
	c.t.Helper()
	c.send("MAIL FROM:<a@client.example>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
	c.expect("250 2.1.0", "250 2.1.5", "354 ")
}

func TestDuty_M1_WaitingForACommand(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
		c := p.open(t)
		begin := time.Now()
		c.send("MAIL FROM:<a@client.example>\r\n")
		c.expect("250")
		for range 3 { // octet by octet does not help: the limit is on the line
			time.Sleep(90 * time.Second)
			c.send("R")
		}
		c.expect("421 4.4.2", "EOF")
		after(t, begin, 300*time.Second)
		if got := s.seen(); got[len(got)-1] != "ABORT time-out" {
			t.Errorf("at the gate %q", got)
		}
	})
}

func TestDuty_M1_ContentStalls_S1_S18(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
		c := p.open(t)
		c.mail()
		begin := time.Now()
		c.send("Subject: a stall\r\n\r\nfirst line\r\n")
		c.expect("421 4.4.2")
		after(t, begin, 60*time.Second)
		_, err := io.WriteString(c, "MAIL FROM:<forged@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nforged\r\n.\r\n")
		c.expect("EOF")
		if err == nil {
			t.Error("the rest of the content was read")
		}
		want := []string{"REFUSED wire: content came too slowly"}
		if got := s.seen()[2:]; !slices.Equal(got, want) {
			t.Errorf("at the gate %q, want %q", got, want)
		}
	})
}

func TestDuty_M1_IdleInsideLargeContent(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
		c := p.open(t)
		c.mail()
		c.send(strings.Repeat(strings.Repeat("x", 98)+"\r\n", 10000))
		begin := time.Now()
		c.expect("421 4.4.2", "EOF")
		after(t, begin, 180*time.Second)
	})
}

func TestDuty_M1_MinimumRate(t *testing.T) {
	line := strings.Repeat("x", 398) + "\r\n"
	inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
		c := p.open(t)
		c.mail()
		begin := time.Now()
		for {
			if _, err := io.WriteString(c, line); err != nil {
				t.Fatal("cut before the answer")
			}
			time.Sleep(time.Second)
			if time.Since(begin) >= 60*time.Second {
				break
			}
		}
		c.expect("421 4.4.2", "EOF")
		if d := time.Since(begin); d > 61*time.Second {
			t.Errorf("400 octets/s were taken for %v", d)
		}
	})
}

// What came fast buys no time for dripping.
func TestDuty_M1_FastAndThenTooSlow(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fast   int // octets at once
		perSec int
		want   time.Duration // after them; 0: taken
	}{
		{"nothing fast, too slow", 0, 400, 60 * time.Second},
		{"a window, then too slow", 30_000, 400, 180 * time.Second},
		{"40 MB, then too slow", 40_000_000, 400, 180 * time.Second},
		{"40 MB, then nothing", 40_000_000, 0, 180 * time.Second},
		{"40 MB, then not too slow", 40_000_000, 510, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
				c := p.open(t)
				c.mail()
				c.send("Subject: a drip\r\n" + strings.Repeat(strings.Repeat("x", 98)+"\r\n", tc.fast/100))
				begin := time.Now()
				drip := strings.Repeat("x", max(tc.perSec-2, 0)) + "\r\n"
				for tc.perSec > 0 && time.Since(begin) < 600*time.Second {
					if _, err := io.WriteString(c, drip); err != nil {
						break
					}
					time.Sleep(time.Second)
					if tc.want > 0 && time.Since(begin) >= tc.want {
						break
					}
				}
				if tc.want > 0 {
					c.expect("421 4.4.2", "EOF")
					after(t, begin, tc.want)
					return
				}
				c.send(".\r\n")
				c.expect("250 2.0.0 Taken")
			})
		})
	}
}

// Each window begins where the one before was complete.
func TestDuty_M1_AWindowForEach(t *testing.T) {
	change := func(cfg *wire.Config) {
		cfg.RateGrace, cfg.ContentTimeout, cfg.MinOctetsPerSec = 10*time.Second, 10*time.Second, 10
	}
	inTime(t, change, func(t *testing.T, s *server, p *pipes) {
		c := p.open(t)
		c.mail()
		for range 5 {
			time.Sleep(9 * time.Second)
			c.send(strings.Repeat("x", 98) + "\r\n") // the 100 octets of a window
		}
		begin := time.Now()
		time.Sleep(9 * time.Second)
		c.send(strings.Repeat("x", 97) + "\r\n") // one too few
		c.expect("421 4.4.2", "EOF")
		after(t, begin, 10*time.Second)
	})
}

func TestS9_SlowButSteadyContentIsTaken(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
		c := p.open(t)
		c.mail()
		for range 40 { // 33 minutes
			c.send(strings.Repeat("a line of text\r\n", 2000))
			time.Sleep(50 * time.Second)
		}
		c.send(".\r\n")
		c.expect("250 2.0.0 Taken")
	})
}

func TestDuty_M1_SessionEndsBetweenTransactions(t *testing.T) {
	change := func(cfg *wire.Config) { cfg.CommandTimeout = 3000 * time.Second }
	inTime(t, change, func(t *testing.T, s *server, p *pipes) {
		c := p.open(t)
		begin := time.Now()
		time.Sleep(2000 * time.Second)
		c.send("MAIL FROM:<a@client.example>\r\nRCPT TO:<b@example.com>\r\n")
		c.expect("250", "250")
		time.Sleep(2000 * time.Second)
		c.send("DATA\r\n")
		c.expect("354")
		c.send("late\r\n.\r\n")
		c.expect("250 2.0.0 Taken", "421 4.4.2", "EOF")
		after(t, begin, 4000*time.Second)

		c = p.open(t)
		begin = time.Now()
		time.Sleep(1000 * time.Second)
		c.send("NOOP\r\n")
		c.expect("250", "421 4.4.2", "EOF")
		after(t, begin, 3600*time.Second)
	})
}

func TestDuty_A2_AStrangerHasTenSeconds(t *testing.T) {
	change := func(cfg *wire.Config) { cfg.Admit = func(netip.Addr) wire.Admission { return wire.Admission{} } }
	inTime(t, change, func(t *testing.T, s *server, p *pipes) {
		c := p.dial(t)
		begin := time.Now()
		c.expect("554 " + hostname)
		c.send("EHLO attacker.example\r\n")
		c.expect("503 5.5.1")
		time.Sleep(9 * time.Second)
		c.send("MAIL FROM:<a@client.example>\r\n")
		c.expect("503 5.5.1", "EOF")
		after(t, begin, 10*time.Second)
		if got := <-s.strangers; got != "192.0.2.1 attacker.example" {
			t.Errorf("told of %q", got)
		}
		if len(s.seen()) > 0 {
			t.Errorf("at the gate %q", s.seen())
		}
	})
}

func TestAFailingAcceptIsTriedAgainMoreAndMoreSlowly(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
		begin := time.Now()
		for range 10 {
			p.errs <- errors.New("too many open files")
		}
		p.open(t)
		if d := time.Since(begin); d < time.Second || d > 10*time.Second {
			t.Errorf("ten failures took %v", d)
		}
	})
}

func TestDuty_M1_TLSHandshakeHasThirtySeconds(t *testing.T) {
	change := func(cfg *wire.Config) { cfg.TLSConfig = serverTLS() }
	inTime(t, change, func(t *testing.T, s *server, p *pipes) {
		c := p.open(t)
		c.send("STARTTLS\r\n")
		c.expect("220")
		begin := time.Now()
		c.expect("EOF")
		after(t, begin, 30*time.Second)
		synctest.Wait()
		if n := s.l.Stats().TLSFailed; n != 1 {
			t.Errorf("%d failures counted", n)
		}
	})
}

func TestAClientThatDoesNotReadIsGivenUp(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
		p.open(t).send("NOOP\r\n")
		for _, after := range []struct {
			wait   time.Duration
			active int64
		}{{59 * time.Second, 1}, {2 * time.Second, 0}} {
			time.Sleep(after.wait)
			synctest.Wait()
			if n := s.l.Stats().Active; n != after.active {
				t.Errorf("%d sessions, want %d", n, after.active)
			}
		}
	})
}

// writable fails the test where something is read while nothing could be written, or
// for longer than a read and a write have: TLS answers by itself when it is read from.
type writable struct {
	from
	t      *testing.T
	secure atomic.Bool
	until  atomic.Pointer[[2]time.Time] // the deadlines of reads and writes
	reads  atomic.Int64
}

func (w *writable) SetDeadline(d time.Time) error {
	return errors.Join(w.SetReadDeadline(d), w.SetWriteDeadline(d))
}

func (w *writable) SetReadDeadline(d time.Time) error {
	w.until.Store(&[2]time.Time{d, w.until.Load()[1]})
	return w.from.SetReadDeadline(d)
}

func (w *writable) SetWriteDeadline(d time.Time) error {
	w.until.Store(&[2]time.Time{w.until.Load()[0], d})
	return w.from.SetWriteDeadline(d)
}

func (w *writable) Read(p []byte) (int, error) {
	n, err := w.from.Read(p)
	if w.secure.Load() && n > 0 {
		w.reads.Add(1)
		read, write := w.until.Load()[0], w.until.Load()[1]
		if left := write.Sub(read); time.Now().After(write) || left < 0 || left > writeTimeout {
			w.t.Errorf("%d octets were read with %v left to write, %v after the read", n, time.Until(write), left)
		}
	}
	return n, err
}

const writeTimeout = 5 * time.Second

// crypto/tls answers a client that asks for new keys under the deadline that is set:
// it must not be that of our last reply.
func TestUnderTLSADeadlineForWritesGoesWithEachRead(t *testing.T) {
	change := func(cfg *wire.Config) { cfg.TLSConfig, cfg.WriteTimeout = serverTLS(), writeTimeout }
	inTime(t, change, func(t *testing.T, s *server, p *pipes) {
		ours, theirs := net.Pipe()
		w := &writable{from: from{theirs, "192.0.2.1:50000"}, t: t}
		w.until.Store(&[2]time.Time{})
		p.conns <- w
		c := newClient(t, ours)
		c.expect("220")
		c.ehlo()
		c.send("STARTTLS\r\n")
		c.expect("220")
		c.startTLS()
		synctest.Wait() // the handshake has times of its own
		w.secure.Store(true)
		time.Sleep(2 * writeTimeout)
		c.ehlo()
		for range 2 { // the second is of a client that go-smtp has
			c.mail()
			c.send("first line\r\n")
			time.Sleep(2 * writeTimeout)
			c.send(".\r\n")
			c.expect("250")
			time.Sleep(500 * time.Millisecond)
		}
		time.Sleep(2 * writeTimeout)
		c.send("NOOP\r\n")
		c.expect("250")
		if n := w.reads.Load(); n < 8 {
			t.Errorf("%d reads", n)
		}
	})
}
