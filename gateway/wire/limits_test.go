package wire_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"mxgate/gateway/wire"
)

func TestDuty_C7_Errors_S10(t *testing.T) {
	s := start(t, nil)
	c := s.open(t)
	for range 19 {
		c.send("FOO\r\n")
		c.expect("500 5.5.1")
	}
	c.mail()
	c.send(".\r\n")
	c.expect("250") // a finished transaction pays for all
	for range 20 {
		c.send("FOO\r\n")
		c.expect("500 5.5.1")
	}
	c.expect("421 4.7.0", "EOF")
}

func TestDuty_C7_Commands_S10(t *testing.T) {
	for _, command := range []string{"NOOP", "VRFY a", "HELP", "RSET", "MAIL FROM:<refuse@client.example>"} {
		t.Run(command, func(t *testing.T) {
			c := start(t, nil).open(t)
			for range 99 { // EHLO was one
				c.send(command + "\r\n")
				if got := c.line(); strings.HasPrefix(got, "421") {
					t.Fatalf("reply %q too early", got)
				}
			}
			c.send(command + "\r\n")
			c.expect("421 4.7.0", "EOF")
		})
	}
}

func TestDuty_C7_RecipientsAreNotCharged_E8(t *testing.T) {
	s := start(t, nil)
	c := s.open(t)
	c.send("MAIL FROM:<a@client.example>\r\n")
	c.expect("250")
	for i := range 100 {
		c.send(fmt.Sprintf("RCPT TO:<u%d@example.com>\r\n", i))
		c.expect("250 2.1.5")
	}
	c.send("RCPT TO:<more@example.com>\r\n")
	c.expect("452 4.5.3")
	c.send("DATA\r\n")
	c.expect("354")
	c.send("x\r\n.\r\n")
	c.expect("250")
}

func TestDuty_A4_Limits_S20(t *testing.T) {
	s := start(t, func(cfg *wire.Config) {
		cfg.MaxConns, cfg.MaxConnsPerSource = 2, 2
	})
	first, second := s.open(t), s.open(t)
	c := s.dial(t)
	c.expect("421 "+hostname, "EOF")
	first.send("QUIT\r\n")
	first.expect("221", "EOF")
	s.open(t)
	second.send("NOOP\r\n")
	second.expect("250")
	if n := s.l.Stats().OverLimit; n != 1 {
		t.Errorf("%d counted over the limit", n)
	}
}

func TestOneSourceCannotTakeTheSlotsOfAnother(t *testing.T) {
	var mu sync.Mutex
	source := "one"
	s := start(t, func(cfg *wire.Config) {
		cfg.MaxConnsPerSource = 1
		cfg.Admit = func(netip.Addr) wire.Admission {
			mu.Lock()
			defer mu.Unlock()
			return wire.Admission{Source: source, Verdict: wire.Admitted}
		}
	})
	s.open(t)
	s.dial(t).expect("421", "EOF")
	mu.Lock()
	source = "other"
	mu.Unlock()
	s.open(t)
}

func TestDuty_A2_Stranger_S11(t *testing.T) {
	s := start(t, func(cfg *wire.Config) {
		cfg.Admit = func(netip.Addr) wire.Admission { return wire.Admission{} }
		cfg.MaxStrangers = 1
	})
	c := s.dial(t)
	c.expect("554 " + hostname)
	for _, command := range []string{"EHLO <bad>", "HELO attacker.example", "EHLO second.example", "STARTTLS", "RCPT TO:<b@example.com>", "DATA"} {
		c.send(command + "\r\n")
		c.expect("503 5.5.1")
	}
	s.dial(t).expect("EOF") // strangers have few slots
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
}

func TestDuty_A2_Drop(t *testing.T) {
	s := start(t, func(cfg *wire.Config) {
		cfg.Admit = func(netip.Addr) wire.Admission { return wire.Admission{Verdict: wire.Drop} }
	})
	s.dial(t).expect("EOF")
	if got := <-s.strangers; got != "127.0.0.1 " {
		t.Errorf("told of %q", got)
	}
	if n := s.l.Stats().Dropped; n != 1 {
		t.Errorf("%d counted as dropped", n)
	}
}

func TestSixHundredStrangersDoNotKeepTheProviderOut(t *testing.T) {
	var mu sync.Mutex
	verdict := wire.Stranger
	s := start(t, func(cfg *wire.Config) {
		cfg.MaxConns = 1
		cfg.Admit = func(netip.Addr) wire.Admission {
			mu.Lock()
			defer mu.Unlock()
			return wire.Admission{Source: "provider", Verdict: verdict}
		}
	})
	var all []*client
	for range 600 {
		all = append(all, s.dial(t))
	}
	for _, c := range all { // each was looked at
		if got := c.line(); got != "EOF" && !strings.HasPrefix(got, "554") {
			t.Fatalf("reply %q", got)
		}
	}
	mu.Lock()
	verdict = wire.Admitted
	mu.Unlock()
	s.open(t)
}

func TestS19_DrainSendsIdleSessionsAwayAndFinishesTransactions_A7(t *testing.T) {
	s := start(t, func(cfg *wire.Config) { cfg.TLSConfig = serverTLS() })
	idle, busy, secure, stranger := s.open(t), s.open(t), s.open(t), s.dial(t)
	stranger.expect("220")
	secure.send("STARTTLS\r\n")
	secure.expect("220")
	secure.startTLS()
	secure.ehlo()
	busy.mail()

	drained := make(chan error)
	go func() { drained <- s.l.Drain(t.Context()) }()
	idle.expect("421 4.3.2", "EOF")
	secure.expect("421 4.3.2", "EOF")
	stranger.expect("421 4.3.2", "EOF")
	if _, err := net.Dial("tcp", s.l.Addr().String()); err == nil {
		t.Error("a new connection was accepted")
	}
	busy.send("still\r\n.\r\nMAIL FROM:<new@client.example>\r\n")
	busy.expect("250 2.0.0 Taken", "421 4.3.2", "EOF")
	if err := <-drained; err != nil {
		t.Errorf("Drain: %v", err)
	}
	if err := <-s.served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	s.served <- nil // for the clean-up
	if got := s.seen(); len(got) != 3 {
		t.Errorf("at the gate %q", got)
	}
}

func TestDrainCutsWhatDoesNotEndInTime(t *testing.T) {
	s := start(t, nil)
	c, handled := s.open(t), s.open(t)
	began := make(chan struct{})
	s.handling = func(ctx context.Context) {
		close(began)
		<-ctx.Done()
	}
	handled.mail()
	handled.send("slow\r\n.\r\n")
	<-began
	c.send("MAIL FROM:<a@client.example>\r\n")
	c.expect("250")
	ctx, cancel := context.WithCancel(t.Context())
	drained := make(chan error)
	go func() { drained <- s.l.Drain(ctx) }()
	cancel()
	if err := <-drained; !errors.Is(err, context.Canceled) {
		t.Errorf("Drain: %v", err)
	}
	c.expect("EOF")
	got := s.seen()
	slices.Sort(got)
	if want := []string{"ABORT cut", "CONTENT 6 eightbit=false"}; !slices.Equal(got[:2], want) {
		t.Errorf("at the gate %q, want %q first", got, want)
	}
}

func TestDuty_R12_AClientThatLeavesDoesNotStopItsMessage(t *testing.T) {
	s := start(t, nil)
	c := s.open(t)
	began, end := make(chan struct{}), make(chan struct{})
	s.handling = func(ctx context.Context) {
		close(began)
		<-end
		if ctx.Err() != nil {
			s.note("CONTENT CUT")
		}
	}
	c.mail()
	c.send("taken whole\r\n.\r\n")
	<-began
	c.Close()
	close(end)
	if err := s.l.Drain(t.Context()); err != nil {
		t.Errorf("Drain: %v", err)
	}
	if got := s.seen(); got[len(got)-1] != "CONTENT 13 eightbit=false" {
		t.Errorf("at the gate %q", got)
	}
}

func TestTicketsAreOffAndOldTLSIsRefused(t *testing.T) {
	s := start(t, func(cfg *wire.Config) { cfg.TLSConfig = serverTLS() })
	cache := tls.NewLRUClientSessionCache(1)
	for range 2 {
		c := s.open(t)
		c.send("STARTTLS\r\n")
		c.expect("220")
		conn := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true, ServerName: hostname, ClientSessionCache: cache})
		inside := newClient(t, conn)
		inside.ehlo()
		if conn.ConnectionState().DidResume {
			t.Error("a session was resumed")
		}
	}
	c := s.open(t)
	c.send("STARTTLS\r\n")
	c.expect("220")
	old := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if err := tls.Client(c.Conn, old).HandshakeContext(t.Context()); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
	c.expect("EOF")
	if st := s.l.Stats(); st.TLSHandshakes != 2 || st.TLSFailed != 1 {
		t.Errorf("counted %+v", st)
	}
}
