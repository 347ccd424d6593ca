package relay

import (
	"bufio"
	"context"
	"io"
	"net"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
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

func TestPool_sends_NOOP_while_a_delivery_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := inMemory(t, smtptest.Options{}, nil)
		d, err := p.Open(t.Context(), routeTo(nextHop), mail.Client{}, envelope(t))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute + time.Second)
		d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN)
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
		d, err := p.Open(t.Context(), routeTo(nextHop), mail.Client{}, envelope(t))
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
		d, err := p.Open(t.Context(), routeTo(nextHop), mail.Client{}, envelope(t))
		if err != nil {
			t.Fatal(err)
		}
		d.mu.Lock()
		d.conn.peek = func() bool { panic("boom") }
		d.mu.Unlock()
		time.Sleep(2 * time.Minute)
		if _, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err == nil || !strings.Contains(err.Error(), "boom") {
			t.Errorf("%v", err)
		}
		d.Abort()
	})
}

func TestPool_a_connection_lost_while_waiting_is_replayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := inMemory(t, smtptest.Options{}, nil)
		d, err := p.Open(t.Context(), routeTo(nextHop), mail.Client{}, envelope(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{"b@example.net", "c@example.net"} {
			if _, err := d.Rcpt(t.Context(), address(t, to), noDSN); err != nil {
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
	d, err := p.Open(t.Context(), routeTo(addr), mail.Client{}, envelope(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil {
		t.Fatal(err)
	}
	<-idledOut
	d.conn.armed = d.conn.armed.Add(-lookAfter) // as if it had waited
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

// A kept connection may end with 421 when it is used again: so many messages
// are enough for some. A new connection that says so is a next hop that says so.
func TestPool_a_kept_connection_that_says_421_is_replaced(t *testing.T) {
	var say atomic.Int32 // so many MAIL are answered 421
	s := sinkWith(t, smtptest.Options{Reply: func(verb, _ string) (string, bool) {
		return "421 4.7.0 enough" + smtptest.ThenHangup, verb == "MAIL" && say.Add(-1) >= 0
	}})
	p := pool(t, nil)
	for range 3 {
		if reply, err := deliver(t, p, s.Target()); err != nil || !reply.Positive() {
			t.Fatalf("%v, %v", reply, err)
		}
		say.Store(1)
	}
	if n := s.Connections(); n != 3 {
		t.Errorf("%d connections", n)
	}
	say.Store(2)
	_, err := deliver(t, p, s.Target())
	wantClass(t, err, Closing)
	if n := s.Connections(); n != 4 {
		t.Errorf("%d connections", n)
	}
}

// A look costs a system call. A message on a busy route costs two: before MAIL and
// before the content.
func TestConn_is_looked_at_only_after_a_while(t *testing.T) {
	p := pool(t, nil)
	s := sink(t, nil)
	looks := 0
	for i := range 3 {
		d := openWith(t, p, s)
		if kept := min(i, 1); looks != kept {
			t.Errorf("%d looks at a kept connection, want %d", looks, kept)
		}
		looks = 0
		d.conn.peek = func() bool { looks++; return true }
		if _, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil {
			t.Fatal(err)
		}
		if looks != 0 {
			t.Errorf("%d looks", looks)
		}
		if _, err := d.Send(t.Context(), text(content)); err != nil {
			t.Fatal(err)
		}
		if looks != 1 { // between 354 and the content
			t.Errorf("%d looks", looks)
		}
		looks = 0
	}
	d := openWith(t, p, s)
	looks = 0
	d.conn.armed = d.conn.armed.Add(-lookAfter)
	if _, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil || looks != 1 {
		t.Errorf("%d looks after a while, %v", looks, err)
	}
	d.Abort()
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
		time.Sleep(7 * time.Second)
		late.Abort()
		for _, step := range []struct{ idle, quits int }{{2, 0}, {1, 1}, {0, 2}} {
			synctest.Wait()
			if n := idle(p); n != step.idle {
				t.Errorf("%d idle, want %d", n, step.idle)
			}
			if n := count(s.Commands(), "QUIT"); n != step.quits {
				t.Errorf("%d times QUIT, want %d", n, step.quits)
			}
			time.Sleep(8*time.Second + time.Millisecond)
		}
	})
}

func openInMemory(t *testing.T, p *Pool) *Delivery {
	t.Helper()
	d, err := p.Open(t.Context(), routeTo(nextHop), mail.Client{}, envelope(t))
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
		{[]string{"DSN", "smtputf8", "RequireTLS", "ENHANCEDSTATUSCODES"}, Capabilities{DSN: true, SMTPUTF8: true, RequireTLS: true, EnhancedStatusCodes: true}},
		{[]string{"xforward name addr", "XCLIENT", "STARTTLS"}, Capabilities{XForward: []string{"NAME", "ADDR"}, XClient: []string{}, StartTLS: true}},
	} {
		s := sinkWith(t, smtptest.Options{Extensions: tt.extensions})
		probed, err := pool(t, nil).Probe(t.Context(), routeTo(s.Addr().String()))
		if err != nil || len(probed) != 1 || !reflect.DeepEqual(probed[0].Capabilities, tt.want) {
			t.Errorf("%q: %+v, %v", tt.extensions, probed, err)
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
				d, err := p.Open(t.Context(), routeTo(s.Addr().String()), mail.Client{}, envelope(t))
				if err != nil {
					t.Error(err)
					return
				}
				local := string(rune('a'+w)) + string(rune('a'+i))
				if _, err := d.Rcpt(t.Context(), address(t, local+"@example.net"), noDSN); err != nil {
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
