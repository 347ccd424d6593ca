package relay

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/gateway/smtptest"
)

const nextHop = "mail.example.com:25" // reached through memory

// inMemory makes a sink and a pool that share a bubble of testing/synctest.
func inMemory(t *testing.T, opts smtptest.Options, change func(*Config)) (*smtptest.Sink, *Pool) {
	s := smtptest.New(opts)
	cfg := Config{Hostname: "gate.example.com", Dial: s.Dial}
	if change != nil {
		change(&cfg)
	}
	p := NewPool(cfg)
	t.Cleanup(func() { p.Close(); s.Close() })
	return s, p
}

func TestRelay_R5_a_next_hop_that_is_down_is_left_alone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials, up := 0, false
		var s *smtptest.Sink
		s, p := inMemory(t, smtptest.Options{}, func(c *Config) {
			c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				dials++
				if !up {
					return nil, errors.New("connection refused")
				}
				return s.Dial(ctx, network, addr)
			}
		})
		try := func(wantDials int, want Class) {
			t.Helper()
			_, err := deliver(t, p, nextHop)
			if want == "" && err != nil {
				t.Fatal(err)
			}
			if want != "" {
				wantClass(t, err, want)
			}
			if dials != wantDials {
				t.Fatalf("%d dials, want %d", dials, wantDials)
			}
		}
		for i := range 10 {
			try(min(i+1, 3), Connect) // the third failure marks it down
		}
		time.Sleep(5*time.Second - time.Millisecond)
		try(3, Connect)
		time.Sleep(time.Millisecond)
		try(4, Connect) // the probe
		try(4, Connect)
		up = true
		time.Sleep(5 * time.Second)
		try(5, "")
		try(5, "") // reused
		busy := openInMemory(t, p)
		try(6, "") // up again for good, not only for a probe
		busy.Abort()
		p.Close()
		if _, err := p.Open(t.Context(), nextHop, envelope(t)); !errors.Is(err, ErrEnded) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestRelay_R5_one_caller_at_a_time_probes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := false
		_, p := inMemory(t, smtptest.Options{}, func(c *Config) {
			c.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
				if slow {
					<-ctx.Done()
				}
				return nil, errors.New("no answer")
			}
		})
		for range maxFailures {
			_, err := deliver(t, p, nextHop)
			wantClass(t, err, Connect)
		}
		slow = true
		time.Sleep(5 * time.Second)
		go deliver(t, p, nextHop) // the probe; ends after ConnectTimeout
		synctest.Wait()
		start := time.Now()
		_, err := deliver(t, p, nextHop)
		wantClass(t, err, Connect)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %v", waited)
		}
		time.Sleep(time.Minute)
	})
}

func TestConn_is_quiet_although_its_last_deadline_is_over(t *testing.T) {
	s := sink(t, nil)
	d := openWith(t, pool(t, nil), s)
	defer d.Abort()
	d.conn.arm(t.Context(), -time.Second)
	if !d.conn.quiet() {
		t.Error("taken for lost")
	}
	s.Drop()
	for d.conn.quiet() { // the end is on its way
		runtime.Gosched()
	}
}

func TestConn_is_not_used_again_once_its_deadline_was_cut(t *testing.T) {
	d := openWith(t, pool(t, nil), sink(t, nil))
	defer d.Abort()
	ctx, cancel := context.WithCancel(t.Context())
	unwatch := d.conn.watch(ctx)
	cancel()
	unwatch()
	if d.conn.quiet() {
		t.Error("still in use")
	}
}

func TestRelay_R5_a_caller_who_leaves_does_not_mark_it_down(t *testing.T) {
	p := pool(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := sink(t, nil)
	for range maxFailures {
		_, err := p.Open(ctx, s.Addr().String(), envelope(t))
		wantClass(t, err, Connect)
	}
	if _, err := deliver(t, p, s.Addr().String()); err != nil {
		t.Error(err)
	}
}

func TestPool_sends_NOOP_while_a_delivery_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := inMemory(t, smtptest.Options{}, nil)
		d, err := p.Open(t.Context(), nextHop, envelope(t))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute + time.Second)
		d.Rcpt(t.Context(), address(t, "b@example.net"))
		time.Sleep(3*time.Minute + time.Second)
		if reply, err := d.Send(t.Context(), text(content)); err != nil || !reply.Positive() {
			t.Fatalf("%v, %v", reply, err)
		}
		if n := count(s.Commands(), "NOOP"); n != 4 {
			t.Errorf("%d times", n)
		}
		time.Sleep(5 * time.Minute)
		if n := count(s.Commands(), "NOOP"); n != 4 {
			t.Error("went on after the end")
		}
	})
}

func TestPool_a_forgotten_delivery_is_not_kept_alive_for_ever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := inMemory(t, smtptest.Options{}, nil)
		d, err := p.Open(t.Context(), nextHop, envelope(t))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour)
		if n := count(s.Commands(), "NOOP"); n != maxNoops {
			t.Errorf("%d times", n)
		}
		d.Abort()
	})
}

func TestPool_a_panic_while_waiting_is_an_error_of_the_next_call(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := inMemory(t, smtptest.Options{}, nil)
		d, err := p.Open(t.Context(), nextHop, envelope(t))
		if err != nil {
			t.Fatal(err)
		}
		d.mu.Lock()
		d.conn.peek = func() bool { panic("boom") }
		d.mu.Unlock()
		time.Sleep(2 * time.Minute)
		if _, err := d.Rcpt(t.Context(), address(t, "b@example.net")); err == nil || !strings.Contains(err.Error(), "boom") {
			t.Errorf("%v", err)
		}
		d.Abort()
	})
}

func TestPool_a_connection_lost_while_waiting_is_replayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := inMemory(t, smtptest.Options{}, nil)
		d, err := p.Open(t.Context(), nextHop, envelope(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{"b@example.net", "c@example.net"} {
			if _, err := d.Rcpt(t.Context(), address(t, to)); err != nil {
				t.Fatal(err)
			}
			s.Drop()
			time.Sleep(2 * time.Minute) // NOOP finds out
		}
		if reply, err := d.Send(t.Context(), text(content)); err != nil || !reply.Positive() {
			t.Fatalf("%v, %v", reply, err)
		}
		if m := s.Messages(); len(m) != 1 || len(m[0].ForwardPaths) != 2 {
			t.Errorf("%+v", m)
		}
		if n := s.Connections(); n != 3 {
			t.Errorf("%d connections", n)
		}
	})
}

// Next hops that idle out say 421 and close. What is said before it was asked is
// no answer to what is asked next.
func TestPool_an_unasked_421_is_not_an_answer(t *testing.T) {
	idledOut := make(chan bool)
	first := true
	addr := scripted(t, func(nc net.Conn, r *bufio.Reader) {
		io.WriteString(nc, "220 hi\r\n")
		serveSimply(nc, r, func() bool {
			if first {
				first = false
				io.WriteString(nc, "421 4.4.2 idle\r\n")
				idledOut <- true
				return false
			}
			return true
		})
	})
	p := pool(t, nil)
	d, err := p.Open(t.Context(), addr, envelope(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Rcpt(t.Context(), address(t, "b@example.net")); err != nil {
		t.Fatal(err)
	}
	<-idledOut
	if reply, err := d.Send(t.Context(), text(content)); err != nil || !reply.Positive() {
		t.Errorf("%v, %v", reply, err)
	}
}

// serveSimply answers EHLO, MAIL, RCPT, DATA and content; afterRcpt says whether
// to go on after a RCPT.
func serveSimply(nc net.Conn, r *bufio.Reader, afterRcpt func() bool) {
	for inContent := false; ; {
		line, err := r.ReadString('\n')
		switch {
		case err != nil:
			return
		case inContent && line != ".\r\n":
		case strings.HasPrefix(line, "DATA"):
			inContent = true
			io.WriteString(nc, "354 go\r\n")
		case strings.HasPrefix(line, "RCPT"):
			io.WriteString(nc, "250 ok\r\n")
			if !afterRcpt() {
				return
			}
		default:
			inContent = false
			io.WriteString(nc, "250 ok\r\n")
		}
	}
}

func TestPool_a_stale_connection_is_retried_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in memory nothing shows that it is stale
		var dead atomic.Bool
		s, p := inMemory(t, smtptest.Options{Reply: func(verb, _ string) (string, bool) {
			return smtptest.Hangup, verb == "MAIL" && dead.Load()
		}}, nil)
		for range 2 {
			if _, err := deliver(t, p, nextHop); err != nil {
				t.Fatal(err)
			}
			s.Drop()
		}
		if n := s.Connections(); n != 2 {
			t.Errorf("%d connections", n)
		}
		dead.Store(true)
		_, err := deliver(t, p, nextHop)
		wantClass(t, err, Lost)
		if n := s.Connections(); n != 3 {
			t.Errorf("%d connections", n)
		}
	})
}

func TestPool_drops_connections_over_sockets_that_were_closed(t *testing.T) {
	s := sink(t, nil)
	p := pool(t, nil)
	for i := range 3 {
		if _, err := deliver(t, p, s.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if n := s.Connections(); n != i+1 {
			t.Errorf("%d connections, want %d", n, i+1)
		}
		s.Drop()
	}
}

func TestPool_ends_idle_connections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := inMemory(t, smtptest.Options{}, nil)
		early := openInMemory(t, p)
		late := openInMemory(t, p)
		early.Abort()
		time.Sleep(30 * time.Second)
		late.Abort()
		for _, step := range []struct{ idle, quits int }{{2, 0}, {1, 1}, {0, 2}} {
			synctest.Wait()
			if n := idle(p); n != step.idle {
				t.Errorf("%d idle, want %d", n, step.idle)
			}
			if n := count(s.Commands(), "QUIT"); n != step.quits {
				t.Errorf("%d times QUIT, want %d", n, step.quits)
			}
			time.Sleep(30*time.Second + time.Millisecond)
		}
	})
}

func openInMemory(t *testing.T, p *Pool) *Delivery {
	t.Helper()
	d, err := p.Open(t.Context(), nextHop, envelope(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPool_limits(t *testing.T) {
	t.Run("messages on one connection", func(t *testing.T) {
		s := sink(t, nil)
		p := pool(t, func(c *Config) { c.MaxPerConn = 2 })
		for range 5 {
			if _, err := deliver(t, p, s.Addr().String()); err != nil {
				t.Fatal(err)
			}
		}
		if n := s.Connections(); n != 3 {
			t.Errorf("%d connections", n)
		}
	})
	t.Run("idle connections", func(t *testing.T) {
		s := sink(t, nil)
		p := pool(t, func(c *Config) { c.MaxIdle = 2 })
		var open []*Delivery
		for range 4 {
			open = append(open, openWith(t, p, s))
		}
		for _, d := range open {
			d.Abort()
		}
		if n := idle(p); n != 2 {
			t.Errorf("%d idle", n)
		}
	})
}

func TestPool_Abort_forgets_the_transaction(t *testing.T) {
	s := sink(t, nil)
	p := pool(t, nil)
	openWith(t, p, s, "b@example.net").Abort()
	openWith(t, p, s).Abort() // nothing to forget
	if _, err := deliver(t, p, s.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if n := count(s.Commands(), "RSET"); n != 1 || s.Connections() != 1 {
		t.Errorf("%d times RSET on %d connections", n, s.Connections())
	}

	stubborn := sink(t, map[string]string{"RSET": "500 what?"})
	openWith(t, p, stubborn, "b@example.net").Abort()
	if _, err := deliver(t, p, stubborn.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if n := stubborn.Connections(); n != 2 {
		t.Errorf("%d connections: one with an open transaction was kept", n)
	}
}

func TestPool_Probe_tells_what_is_offered(t *testing.T) {
	for _, tt := range []struct {
		extensions []string
		want       Capabilities
	}{
		{[]string{"size 5000", "Pipelining"}, Capabilities{Size: true, MaxOctets: 5000, Pipelining: true}},
		{[]string{"SIZE", "8BITMIME"}, Capabilities{Size: true, EightBitMIME: true}},
		{[]string{"SIZE 99999999999999999999"}, Capabilities{Size: true}},
		{[]string{"SIZE -1"}, Capabilities{Size: true}},
		{[]string{"XSIZE 5", "8BITMIMEX"}, Capabilities{}},
	} {
		s := sinkWith(t, smtptest.Options{Extensions: tt.extensions})
		caps, err := pool(t, nil).Probe(t.Context(), s.Addr().String())
		if err != nil || caps != tt.want {
			t.Errorf("%q: %+v, %v", tt.extensions, caps, err)
		}
	}
}

func TestPool_many_at_once_lose_and_mix_up_nothing(t *testing.T) {
	s := sink(t, nil)
	p := pool(t, func(c *Config) { c.MaxIdle, c.MaxPerConn = 3, 7 })
	const workers, each = 8, 20
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := range each {
				d, err := p.Open(t.Context(), s.Addr().String(), envelope(t))
				if err != nil {
					t.Error(err)
					return
				}
				local := string(rune('a'+w)) + string(rune('a'+i))
				if _, err := d.Rcpt(t.Context(), address(t, local+"@example.net")); err != nil {
					t.Error(err)
				}
				if _, err := d.Send(t.Context(), text(local+"\r\n")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	seen := map[string]bool{}
	for _, m := range s.Messages() {
		body := strings.TrimSpace(string(m.Content))
		if len(m.ForwardPaths) != 1 || m.ForwardPaths[0] != body+"@example.net" || seen[body] {
			t.Errorf("mixed up or doubled: %q for %q", body, m.ForwardPaths)
		}
		seen[body] = true
	}
	if len(seen) != workers*each {
		t.Errorf("%d messages", len(seen))
	}
}
