package wire_test

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mxgate/gateway/wire"
)

// nearMisses makes every stranger one of provider.example, and passes on what is
// told of them.
func nearMisses(told chan<- string) func(*wire.Config) {
	return func(cfg *wire.Config) {
		cfg.Admit = turnAllAway
		cfg.NearMiss = func(context.Context, netip.Addr) (string, bool) { return "provider", true }
		cfg.OnNearMiss = func(addr netip.Addr, source, helo, reversePath string) {
			told <- addr.String() + " " + source + " " + helo + " " + reversePath
		}
	}
}

func TestDuty_A3(t *testing.T) {
	told := make(chan string, 1)
	s := start(t, nearMisses(told))
	c := s.dial(t)
	for _, step := range []struct{ command, reply string }{
		{"", "220 " + hostname + " ESMTP"},
		{"MAIL FROM:<", "451 4.7.1 "},
		{"EHLO out.provider.example", "250 " + hostname}, // one line: no extension
		{"HELO second.example", "250 " + hostname},
		{"STARTTLS", "451 4.7.1 "},
		{"MAIL FROM: <news@sender.example> SIZE=1000", "451 4.7.1 Your address is not known yet, try again later"},
		{"RCPT TO:<b@example.com>", "451 4.7.1 "}, // a 503 would bounce what was pipelined
		{"DATA", "451 4.7.1 "},
		{"MAIL FROM:<second@sender.example>", "451 4.7.1 "},
		{"RSET", "250 2.0.0"},
		{"NOOP", "250 2.0.0"},
		{"QUIT", "221 2.0.0"},
		{"", "EOF"},
	} {
		if step.command != "" {
			c.send(step.command + "\r\n")
		}
		c.expect(step.reply)
	}
	if got, want := <-told, "127.0.0.1 provider out.provider.example news@sender.example"; got != want {
		t.Errorf("told of %q, want %q", got, want)
	}
	if st := s.l.Stats(); st.Strangers != 1 || len(s.strangers) > 0 || len(s.seen()) > 0 {
		t.Errorf("counted %+v, %d strangers, at the gate %q", st, len(s.strangers), s.seen())
	}
}

func TestDuty_A3_TheLookUpHasTwoSecondsAndTheRestTen(t *testing.T) {
	told := make(chan string, 1)
	var near, sure atomic.Bool
	sure.Store(true) // though it had no time to be
	change := func(cfg *wire.Config) {
		nearMisses(told)(cfg)
		cfg.NearMiss = func(ctx context.Context, _ netip.Addr) (string, bool) {
			<-ctx.Done()
			if !near.Load() {
				return "", sure.Load()
			}
			return "provider", sure.Load()
		}
	}
	inTime(t, change, func(t *testing.T, s *server, p *pipes) {
		begin := time.Now()
		p.dial(t).expect("421 "+hostname+" Busy, try again later", "EOF")
		after(t, begin, 2*time.Second)

		near.Store(true)
		sure.Store(false)
		begin = time.Now()
		p.dial(t).expect("220 ", "EOF")
		after(t, begin, 12*time.Second)
		if got := <-told; got != "192.0.2.1 provider  " {
			t.Errorf("told of %q", got)
		}
	})
}

// A stranger of which it is not sure that it is no source may be one: its mail must
// not bounce.
func TestDuty_A3_NotSureIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name, source string
		sure         bool
		banner       string
	}{
		{"sure that it is none", "", true, "554 " + hostname},
		{"not sure", "", false, "421 " + hostname + " Busy, try again later"},
		{"a source, and sure", "provider", true, "220 "},
		{"a source, and not sure", "provider", false, "220 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			near := make(chan string, 1)
			s := start(t, func(cfg *wire.Config) {
				nearMisses(near)(cfg)
				cfg.NearMiss = func(context.Context, netip.Addr) (string, bool) { return c.source, c.sure }
			})
			cl := s.dial(t)
			cl.expect(c.banner)
			if strings.HasPrefix(c.banner, "421") {
				cl.expect("EOF")
			} else {
				cl.send("QUIT\r\n")
				cl.expect("221", "EOF")
			}
			told, want := s.strangers, "127.0.0.1 "
			if c.source != "" {
				told, want = near, "127.0.0.1 provider  "
			}
			if got := <-told; got != want {
				t.Errorf("told of %q, want %q", got, want)
			}
			if st := s.l.Stats(); st.Strangers != 1 || st.Dropped != 0 || len(s.strangers)+len(near) > 0 {
				t.Errorf("counted %+v, %d strangers, %d near misses told", st, len(s.strangers), len(near))
			}
		})
	}
}

func TestDuty_A3_SixteenAreLookedUpAtOnce(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	s := start(t, func(cfg *wire.Config) {
		cfg.Admit = turnAllAway
		cfg.NearMiss = func(context.Context, netip.Addr) (string, bool) {
			begun <- struct{}{}
			<-end
			return "provider", true
		}
	})
	var waiting []*client
	for range 16 {
		waiting = append(waiting, s.dial(t))
		<-begun
	}
	s.dial(t).expect("421 "+hostname+" Busy, try again later", "EOF")
	if got := <-s.strangers; got != "127.0.0.1 " {
		t.Errorf("told of %q", got)
	}
	close(end)
	for _, c := range waiting {
		c.expect("220 ")
	}
}

func TestDuty_A3_DrainDoesNotWaitForALookUp(t *testing.T) {
	begun := make(chan struct{})
	s := start(t, func(cfg *wire.Config) {
		cfg.Admit = turnAllAway
		cfg.NearMiss = func(ctx context.Context, _ netip.Addr) (string, bool) {
			close(begun)
			<-ctx.Done()
			if _, late := ctx.Deadline(); context.Cause(ctx) != context.Canceled || !late {
				t.Errorf("ended by %v", context.Cause(ctx))
			}
			return "", true // wrongly
		}
	})
	c := s.dial(t)
	<-begun
	if err := s.l.Drain(t.Context()); err != nil {
		t.Errorf("Drain: %v", err)
	}
	for line := c.line(); line != "EOF"; line = c.line() {
		if !strings.HasPrefix(line, "421 ") { // a 5xx would bounce the mail of a source
			t.Errorf("told %q", line)
		}
	}
}

func TestAPanicOfALookUpCostsOneStranger(t *testing.T) {
	var rule verdicts
	s := start(t, func(cfg *wire.Config) {
		cfg.Admit = rule.admit
		cfg.NearMiss = func(context.Context, netip.Addr) (string, bool) { panic("asked to") }
	})
	s.dial(t).expect("EOF")
	<-s.strangers
	rule.set(wire.Admission{Source: "provider", Verdict: wire.Admitted})
	s.open(t)
	<-s.panics
	if st := s.l.Stats(); st.ActiveStrangers != 0 || len(s.panics) > 0 {
		t.Errorf("counted %+v, and %d more panics", st, len(s.panics))
	}
}
