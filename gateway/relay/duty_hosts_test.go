package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

func TestDuty_R5_Relay_the_next_host_is_tried(t *testing.T) {
	ways := []smtptest.Fault{
		{Step: smtptest.Connect, Kind: smtptest.Refuse},
		{Step: smtptest.Connect, Kind: smtptest.Close},
		{Step: smtptest.Banner, Kind: smtptest.Temporary},
		{Step: smtptest.Banner, Kind: smtptest.Permanent}, // R4
		{Step: smtptest.Banner, Kind: smtptest.Closing},
		{Step: smtptest.Banner, Kind: smtptest.Garbage},
		{Step: smtptest.Banner, Kind: smtptest.Mute},
		{Step: smtptest.Hello, Kind: smtptest.Temporary},
		{Step: smtptest.Hello, Kind: smtptest.Permanent},
		{Step: smtptest.Hello, Kind: smtptest.Reset},
	}
	for _, way := range ways {
		t.Run(fmt.Sprint(way.Step, " ", way.Kind), func(t *testing.T) {
			first := sinkWith(t, smtptest.Options{Faults: []smtptest.Fault{way}})
			second := sink(t, nil)
			p := pool(t, func(c *Config) {
				c.ProbeInterval = time.Hour
				if way.Kind == smtptest.Mute { // of the others none is waited for
					c.ConnectTimeout = time.Second
				}
			})
			r := &Route{Hosts: []string{first.Target(), second.Target()}}
			for range maxFailures + 1 {
				d, err := p.Open(t.Context(), r, mail.Client{}, envelope(t))
				if err != nil {
					t.Fatal(err)
				}
				if d.Host() != second.Target() {
					t.Errorf("host %s", d.Host())
				}
				if _, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil {
					t.Fatal(err)
				}
				if reply, err := d.Send(t.Context(), text(content)); err != nil || !reply.Positive() {
					t.Fatalf("%v, %v", reply, err)
				}
			}
			if second.Count() != maxFailures+1 || first.Count() != 0 {
				t.Errorf("%d and %d messages", first.Count(), second.Count())
			}
			if n := first.Connections(); n > maxFailures {
				t.Errorf("%d connections to a host that is down", n)
			}
		})
	}
}

func TestDuty_R5_Relay_the_failure_of_a_host_that_was_asked_counts_most(t *testing.T) {
	down := &Failure{Class: Connect, Host: "down:25", Err: errDown}
	asked, last := &Failure{Class: TLS, Host: "asked:25"}, &Failure{Class: Refused, Host: "last:25", Err: errSelf}
	for _, tt := range []struct {
		failures []*Failure
		want     Class
	}{
		{[]*Failure{down}, Connect},
		{[]*Failure{asked, down}, TLS},
		{[]*Failure{down, asked}, TLS},
		{[]*Failure{down, asked, last, down}, Refused},
	} {
		err := worst(tt.failures)
		f := wantClass(t, err, tt.want)
		for _, other := range tt.failures {
			if !strings.Contains(err.Error(), other.Host) {
				t.Errorf("%v: %s is missing", err, other.Host)
			}
		}
		if f.Class != Connect && errors.Is(err, errDown) {
			t.Errorf("%v passes for one that was not asked", err)
		}
	}
}

func TestDuty_R6_Relay_the_next_host_is_tried(t *testing.T) {
	s := sink(t, nil)
	p := pool(t, func(c *Config) {
		c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if strings.HasPrefix(addr, "gone.") {
				return nil, &net.DNSError{Err: "no such host", Name: addr, IsNotFound: true}
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
	})
	if reply, err := deliverOver(t, p, &Route{Hosts: []string{"gone.example.com:25", s.Target()}}, mail.Client{}); err != nil || !reply.Positive() {
		t.Errorf("%v, %v", reply, err)
	}
}

func TestDuty_R5_Relay_all_hosts_fail(t *testing.T) {
	first := sinkWith(t, smtptest.Options{Faults: []smtptest.Fault{{Step: smtptest.Connect, Kind: smtptest.Refuse}}})
	second := sinkWith(t, smtptest.Options{Faults: []smtptest.Fault{{Step: smtptest.Banner, Kind: smtptest.Permanent}}})
	p := pool(t, nil)
	r := &Route{Hosts: []string{first.Target(), second.Target()}}
	for range maxFailures + 1 { // marked down, it answers as it did
		_, err := p.Open(t.Context(), r, mail.Client{}, envelope(t))
		f := wantClass(t, err, Refused)
		if f.Host != second.Target() || f.Reply.Code != 554 || !strings.Contains(err.Error(), first.Target()) {
			t.Errorf("%v", err)
		}
	}
	if n := second.Connections(); n != maxFailures {
		t.Errorf("%d connections", n)
	}
	_, err := p.Open(t.Context(), &Route{}, mail.Client{}, envelope(t))
	if err == nil {
		t.Error("a route without a host")
	}
}

func TestDuty_R5_Relay_the_first_host_is_preferred_again(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dialled []string
		up := false
		var s *smtptest.Sink
		s, p := inMemory(t, smtptest.Options{}, func(c *Config) {
			c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				dialled = append(dialled, addr)
				if addr == "a:25" && !up {
					return nil, errors.New("connection refused")
				}
				return s.Dial(ctx, network, addr)
			}
		})
		r := &Route{Hosts: []string{"a:25", "b:25"}}
		try := func(want ...string) {
			t.Helper()
			dialled = nil
			if _, err := deliverOver(t, p, r, mail.Client{}); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(dialled, want) {
				t.Errorf("dialled %q, want %q", dialled, want)
			}
		}
		try("a:25", "b:25")
		try("a:25") // and the idle one to b
		try("a:25") // the third time
		try()
		time.Sleep(5 * time.Second)
		try("a:25") // the probe
		try()
		up = true
		time.Sleep(5 * time.Second)
		try("a:25")
		try() // the idle one to a
		if d, err := p.Open(t.Context(), r, mail.Client{}, envelope(t)); err != nil || d.Host() != "a:25" {
			t.Errorf("%v", err)
		} else {
			d.Abort()
		}
	})
}

// The client waits at its first RCPT: 300 s at least, RFC 5321, Section 4.5.3.2.3.
func TestDuty_M2_Relay_looking_for_a_host_is_bounded(t *testing.T) {
	tests := []struct {
		name  string
		hosts []string
		fault smtptest.Fault
		dials bool // succeed
		want  time.Duration
	}{
		{"one that cannot be reached", []string{"a:25"}, smtptest.Fault{}, false, 30 * time.Second},
		{"three that cannot be reached", []string{"a:25", "b:25", "c:25"}, smtptest.Fault{}, false, 60 * time.Second},
		{"one that is silent", []string{"a:25"}, smtptest.Fault{Step: smtptest.Banner, Kind: smtptest.Mute}, true, 300 * time.Second},
		{"three that are silent", []string{"a:25", "b:25", "c:25"}, smtptest.Fault{Step: smtptest.Banner, Kind: smtptest.Mute}, true, 330 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s *smtptest.Sink
				s, p := inMemory(t, smtptest.Options{Faults: []smtptest.Fault{tt.fault}}, func(c *Config) {
					c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
						if tt.dials {
							return s.Dial(ctx, network, addr)
						}
						<-ctx.Done()
						return nil, ctx.Err()
					}
				})
				start := time.Now()
				_, err := p.Open(t.Context(), &Route{Hosts: tt.hosts}, mail.Client{}, envelope(t))
				if took := time.Since(start); err == nil || took != tt.want {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
}

// A host that is marked down does not shorten the time of the one before it.
func TestDuty_M2_Relay_the_last_host_that_is_up_has_all_the_time(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := inMemory(t, smtptest.Options{}, nil)
		r := &Route{Hosts: []string{"a:25", "b:25"}}
		hosts, err := p.hosts(r)
		if err != nil {
			t.Fatal(err)
		}
		if share := p.share(hosts, 0); share != 30*time.Second {
			t.Errorf("%v", share)
		}
		for range maxFailures {
			p.connected(hosts[1], &Failure{Class: Connect})
		}
		if share := p.share(hosts, 0); share != 0 {
			t.Errorf("%v, although b is down", share)
		}
		time.Sleep(5 * time.Second)
		if share := p.share(hosts, 0); share == 0 {
			t.Error("b may be probed")
		}
	})
}

func TestDuty_R11_Relay_replay_on_another_host(t *testing.T) {
	first, second := sink(t, nil), sink(t, nil)
	p := pool(t, nil)
	r := &Route{Hosts: []string{first.Target(), second.Target()}}
	d, err := p.Open(t.Context(), r, mail.Client{}, envelope(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"b@example.net", "c@example.net"} {
		if _, err := d.Rcpt(t.Context(), address(t, to), noDSN); err != nil {
			t.Fatal(err)
		}
	}
	first.Close()
	if reply, err := d.Send(t.Context(), text(content)); err != nil || !reply.Positive() {
		t.Fatalf("%v, %v", reply, err)
	}
	if m := second.Messages(); len(m) != 1 || !slices.Equal(m[0].ForwardPaths, []string{"b@example.net", "c@example.net"}) {
		t.Errorf("%+v", m)
	}
	if d.Host() != second.Target() || first.Count() != 0 {
		t.Errorf("host %s, %d messages at the first", d.Host(), first.Count())
	}
}

func TestPool_speaks_over_unix_sockets(t *testing.T) {
	s, err := smtptest.Start("unix:"+filepath.Join(t.TempDir(), "s"), smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := pool(t, nil)
	for range 2 {
		if reply, err := deliver(t, p, s.Target()); err != nil || !reply.Positive() {
			t.Fatalf("%v, %v", reply, err)
		}
	}
	if s.Count() != 2 || s.Connections() != 1 {
		t.Errorf("%d messages on %d connections", s.Count(), s.Connections())
	}
}

func TestPool_Probe_asks_every_host(t *testing.T) {
	up := sinkWith(t, smtptest.Options{Extensions: []string{"DSN"}})
	down := sinkWith(t, smtptest.Options{Faults: []smtptest.Fault{{Step: smtptest.Connect, Kind: smtptest.Refuse}}})
	p := pool(t, nil)
	probed, err := p.Probe(t.Context(), &Route{Hosts: []string{down.Target(), up.Target()}})
	if err != nil || len(probed) != 2 {
		t.Fatalf("%+v, %v", probed, err)
	}
	wantClass(t, probed[0].Err, Connect)
	if probed[1].Err != nil || !probed[1].Capabilities.DSN || probed[1].Host != up.Target() {
		t.Errorf("%+v", probed[1])
	}
	probed, err = p.Probe(t.Context(), &Route{Hosts: []string{down.Target()}})
	wantClass(t, err, Connect)
	if len(probed) != 1 {
		t.Errorf("%+v", probed)
	}
	p.Close()
	if _, err := p.Probe(t.Context(), routeTo(up.Target())); !errors.Is(err, ErrEnded) {
		t.Errorf("after Close: %v", err)
	}
}

func TestDuty_R5_Relay_a_next_hop_that_is_down_is_left_alone(t *testing.T) {
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
		if _, err := p.Open(t.Context(), routeTo(nextHop), mail.Client{}, envelope(t)); !errors.Is(err, ErrEnded) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestDuty_R5_Relay_one_caller_at_a_time_probes(t *testing.T) {
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

func TestDuty_R5_Relay_a_caller_who_leaves_does_not_mark_it_down(t *testing.T) {
	p := pool(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := sink(t, nil)
	for range maxFailures {
		_, err := p.Open(ctx, routeTo(s.Addr().String()), mail.Client{}, envelope(t))
		wantClass(t, err, Connect)
	}
	if _, err := deliver(t, p, s.Addr().String()); err != nil {
		t.Error(err)
	}
}
