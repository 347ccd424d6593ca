package wire_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mxgate/gateway/wire"
)

// verdicts is an admission rule that a test changes while the server runs.
type verdicts struct {
	mu sync.Mutex
	a  wire.Admission
}

func (v *verdicts) set(a wire.Admission) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.a = a
}

func (v *verdicts) admit(netip.Addr) wire.Admission {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.a
}

func turnAllAway(netip.Addr) wire.Admission { return wire.Admission{} }

// dropped fails unless a new connection is closed without a word.
func (s *server) dropped(t *testing.T) {
	t.Helper()
	before := s.l.Stats().Dropped
	conn, err := net.Dial("tcp", s.l.Addr().String())
	if err == nil {
		newClient(t, conn).expect("EOF")
	} else if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	if n := s.l.Stats().Dropped - before; n != 1 {
		t.Errorf("%d counted as dropped", n)
	}
}

func TestDuty_A1(t *testing.T) {
	var rule verdicts
	var asked, lookedUp atomic.Int64
	s := start(t, func(cfg *wire.Config) {
		cfg.TLSConfig = serverTLS()
		cfg.Admit = func(a netip.Addr) wire.Admission {
			asked.Add(1)
			if a != netip.MustParseAddr("127.0.0.1") {
				t.Errorf("asked about %v", a)
			}
			return rule.admit(a)
		}
		cfg.NearMiss = func(context.Context, netip.Addr) (string, bool) {
			lookedUp.Add(1)
			return "", true
		}
	})
	rule.set(wire.Admission{Verdict: wire.Drop})
	s.dropped(t)
	rule.set(wire.Admission{Source: "provider", Verdict: wire.Admitted})
	c := s.open(t)
	c.send("STARTTLS\r\n")
	c.expect("220")
	c.startTLS()
	c.ehlo()
	if asked.Load() != 2 || lookedUp.Load() != 0 {
		t.Errorf("asked %d times, looked up %d times", asked.Load(), lookedUp.Load())
	}
	rule.set(wire.Admission{})
	c = s.dial(t)
	c.expect("554 " + hostname)
	c.send("STARTTLS\r\n")
	c.expect("503 5.5.1")
	c.send("\x16\x03\x01\x00\x05hello\r\n")
	c.expect("EOF")
	if asked.Load() != 3 || lookedUp.Load() != 1 || s.l.Stats().TLSHandshakes != 1 {
		t.Errorf("asked %d times, looked up %d times, %d handshakes", asked.Load(), lookedUp.Load(), s.l.Stats().TLSHandshakes)
	}
}

func TestDuty_A2_Stranger_S11(t *testing.T) {
	s := start(t, func(cfg *wire.Config) {
		cfg.Admit = turnAllAway
		cfg.MaxStrangers = 1
	})
	c := s.dial(t)
	c.expect("554 " + hostname)
	for _, command := range []string{"EHLO <bad>", "HELO attacker.example", "EHLO second.example", "STARTTLS", "RCPT TO:<b@example.com>", "DATA"} {
		c.send(command + "\r\n")
		c.expect("503 5.5.1")
	}
	s.dropped(t) // strangers have few slots
	if got := <-s.strangers; got != "127.0.0.1 " {
		t.Errorf("told of %q", got)
	}
	c.send("QUIT\r\n")
	c.expect("221 2.0.0", "EOF")
	if got := <-s.strangers; got != "127.0.0.1 attacker.example" {
		t.Errorf("told of %q", got)
	}
	if len(s.seen()) > 0 {
		t.Errorf("at the gate %q", s.seen())
	}
	if st := s.l.Stats(); st.Strangers != 1 || st.Connections != 2 {
		t.Errorf("counted %+v", st)
	}
}

func TestDuty_A2_Drop(t *testing.T) {
	s := start(t, func(cfg *wire.Config) {
		cfg.Admit = func(netip.Addr) wire.Admission { return wire.Admission{Verdict: wire.Drop} }
	})
	s.dropped(t)
	if got := <-s.strangers; got != "127.0.0.1 " {
		t.Errorf("told of %q", got)
	}
}

func TestDuty_A4_ConnectionsOfOneSourceAndOfAll_S20(t *testing.T) {
	for _, limit := range []func(*wire.Config){
		func(cfg *wire.Config) { cfg.MaxConns = 2 },
		func(cfg *wire.Config) { cfg.MaxConnsPerSource = 2 },
	} {
		s := start(t, limit)
		first, second := s.open(t), s.open(t)
		s.dial(t).expect("421 "+hostname+" Too many", "EOF")
		first.send("QUIT\r\n")
		first.expect("221", "EOF")
		s.open(t)
		second.send("NOOP\r\n")
		second.expect("250")
		if n := s.l.Stats().OverLimit; n != 1 {
			t.Errorf("%d counted over the limit", n)
		}
	}
}

func TestDuty_A4_RateOfASource(t *testing.T) {
	var rule verdicts
	rule.set(wire.Admission{Source: "provider", Verdict: wire.Admitted, RatePerMinute: 3})
	inTime(t, func(cfg *wire.Config) { cfg.Admit = rule.admit }, func(t *testing.T, s *server, p *pipes) {
		burst := func(most int) {
			t.Helper()
			for range most {
				c := p.dial(t)
				c.expect("220")
				c.Close()
			}
			p.dial(t).expect("421 "+hostname+" Too many", "EOF")
		}
		burst(3)
		time.Sleep(19 * time.Second)
		burst(0)
		time.Sleep(time.Second)
		burst(1)
		time.Sleep(time.Hour)
		burst(3)
		rule.set(wire.Admission{Source: "other", Verdict: wire.Admitted, RatePerMinute: 1})
		burst(1)
		rule.set(wire.Admission{Source: "other", Verdict: wire.Admitted})
		for range 10 {
			p.dial(t).expect("220")
		}
	})
}

// late is a listener that was accepting when it was closed: it gives one more.
type late struct {
	net.Listener
	ready chan net.Conn
}

func (l late) Accept() (net.Conn, error) {
	if conn, ok := <-l.ready; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (l late) Close() error {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.ready <- conn
	}
	close(l.ready)
	return errors.Join(err, l.Listener.Close())
}

func TestDuty_A4_Draining(t *testing.T) {
	for _, verdict := range []wire.Verdict{wire.Admitted, wire.Stranger} {
		in := late{loopback(t), make(chan net.Conn, 1)}
		s := start(t, func(cfg *wire.Config) {
			cfg.Admit = func(netip.Addr) wire.Admission { return wire.Admission{Source: "provider", Verdict: verdict} }
		}, in)
		c := s.dial(t)
		if err := s.l.Drain(t.Context()); err != nil {
			t.Errorf("Drain: %v", err)
		}
		if verdict == wire.Admitted {
			c.expect("421 " + hostname + " Shutting down")
		}
		c.expect("EOF")
	}
}

func TestOneSourceCannotTakeTheSlotsOfAnother(t *testing.T) {
	var rule verdicts
	s := start(t, func(cfg *wire.Config) {
		cfg.MaxConnsPerSource = 1
		cfg.Admit = rule.admit
	})
	rule.set(wire.Admission{Source: "one", Verdict: wire.Admitted})
	s.open(t)
	s.dial(t).expect("421", "EOF")
	rule.set(wire.Admission{Source: "other", Verdict: wire.Admitted})
	s.open(t)
}

func TestSixHundredStrangersDoNotKeepTheProviderOut(t *testing.T) {
	var rule verdicts
	s := start(t, func(cfg *wire.Config) {
		cfg.MaxConns = 1
		cfg.Admit = rule.admit
	})
	heard := 0
	for range 600 {
		conn, err := net.Dial("tcp", s.l.Addr().String())
		if err != nil {
			continue
		}
		switch got := newClient(t, conn).line(); {
		case strings.HasPrefix(got, "554"):
			heard++
		case got != "EOF":
			t.Fatalf("reply %q", got)
		}
	}
	if heard != 25 {
		t.Errorf("%d of one network were heard, want a quarter of the slots", heard)
	}
	rule.set(wire.Admission{Source: "provider", Verdict: wire.Admitted})
	s.open(t)
}

func TestOneNetworkOfStrangersLeavesSlotsToOthers(t *testing.T) {
	s := proxied(t, func(cfg *wire.Config) {
		cfg.Admit = turnAllAway
		cfg.MaxStrangers = 8
	})
	from := func(addr string) *client {
		t.Helper()
		c := s.dial(t)
		c.send("PROXY TCP" + map[bool]string{true: "6 ", false: "4 "}[strings.Contains(addr, ":")] + addr + " " + addr + " 1 25\r\n")
		return c
	}
	first := from("192.0.2.1")
	first.expect("554")
	from("192.0.2.2").expect("554")
	from("192.0.2.3").expect("EOF")
	from("2001:db8::1").expect("554")
	from("2001:db8::2").expect("554")
	from("2001:db8::ffff:3").expect("EOF")
	from("2001:db8:0:1::1").expect("554")
	from("198.51.100.1").expect("554")
	first.send("QUIT\r\n")
	first.expect("221", "EOF")
	<-s.strangers
	for s.l.Stats().ActiveStrangers > 5 { // it is told of before its slot is given back
		time.Sleep(time.Millisecond)
	}
	from("192.0.2.4").expect("554")
	for range 2 {
		from("203.0.113.1").expect("554")
	}
	from("198.51.100.2").expect("EOF") // no slot is left at all
	if st := s.l.Stats(); st.Dropped != 3 || st.ActiveStrangers != 8 {
		t.Errorf("counted %+v", st)
	}
}

func TestASlowStrangerCostsNobodyElseTime(t *testing.T) {
	var rule verdicts
	s := start(t, func(cfg *wire.Config) { cfg.Admit = rule.admit })
	for range 10 {
		c := s.dial(t)
		c.expect("554")
		_, _ = io.WriteString(c, "EHL")
	}
	rule.set(wire.Admission{Source: "provider", Verdict: wire.Admitted})
	s.open(t)
}

// One connection cannot end the process, whatever comes of its address.
func TestAPanicOfAdmissionCostsOneConnection(t *testing.T) {
	var rule verdicts
	panics := func() { panic("asked to") }
	p := newPipes()
	s := start(t, func(cfg *wire.Config) {
		cfg.Admit = func(addr netip.Addr) wire.Admission {
			a := rule.admit(addr)
			if a.Source == "panic" {
				panics()
			}
			return a
		}
		cfg.OnStranger = func(netip.Addr, string) { panics() }
	}, p)
	for _, a := range []wire.Admission{{Source: "panic"}, {Verdict: wire.Drop}} {
		rule.set(a)
		p.dial(t).expect("EOF")
		<-s.panics
	}
	rule.set(wire.Admission{Source: "provider", Verdict: wire.Admitted})
	p.open(t)
}
