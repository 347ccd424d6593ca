package relay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

// A host may greet well and be of no use.
func TestDuty_R5_Relay_a_host_that_breaks_transactions_is_left(t *testing.T) {
	for _, step := range []smtptest.Step{smtptest.Mail, smtptest.Rcpt, smtptest.Data, smtptest.InContent} {
		for _, kind := range []smtptest.Kind{smtptest.Closing, smtptest.Close, smtptest.Garbage} {
			t.Run(fmt.Sprint(step, " ", kind), func(t *testing.T) {
				first, second := sink(t, nil), sink(t, nil)
				p := pool(t, func(c *Config) { c.ProbeInterval = time.Hour })
				r := &Route{Hosts: []string{first.Target(), second.Target()}}
				var spare []*Delivery
				for range maxFailures {
					spare = append(spare, openOver(t, p, r))
				}
				if _, err := deliverOver(t, p, r, mail.Client{}); err != nil {
					t.Fatal(err)
				}
				for _, d := range spare {
					d.Abort() // one more connection is kept than will break
				}
				first.Fail(smtptest.Fault{Step: step, Kind: kind})
				for i := range maxFailures {
					body := io.ReadSeeker(text(content))
					if step == smtptest.InContent {
						body = strings.NewReader(string(large()))
					}
					if err := sendOver(t, p, r, body); err == nil {
						t.Fatalf("message %d went", i)
					}
				}
				known := first.Connections()
				for range 2 {
					if err := sendOver(t, p, r, text(content)); err != nil {
						t.Error(err)
					}
				}
				if first.Count() != 1 || second.Count() != 2 || first.Connections() != known {
					t.Errorf("%d and %d messages, %d more connections to a host that is down", first.Count(), second.Count(), first.Connections()-known)
				}
			})
		}
	}
}

func openOver(t *testing.T, p *Pool, r *Route) *Delivery {
	t.Helper()
	d, err := p.Open(t.Context(), r, mail.Client{}, envelope(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// sendOver sends body to one recipient.
func sendOver(t *testing.T, p *Pool, r *Route, body io.ReadSeeker) error {
	t.Helper()
	d := openOver(t, p, r)
	defer d.Abort()
	if _, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil {
		return err
	}
	reply, err := d.Send(t.Context(), body)
	if err == nil && !reply.Positive() {
		return fmt.Errorf("%v", reply)
	}
	return err
}

// In every case the transaction breaks twice, then something happens, then it
// breaks once more.
func TestDuty_R5_Relay_what_counts_as_a_transaction_that_breaks(t *testing.T) {
	tests := []struct {
		name  string
		fault smtptest.Fault // of what happens in between
		down  bool
	}{
		{"taken", smtptest.Fault{}, false},
		{"content refused", smtptest.Fault{Step: smtptest.FinalDot, Kind: smtptest.Permanent}, false},
		{"content deferred", smtptest.Fault{Step: smtptest.FinalDot, Kind: smtptest.Temporary}, false},
		{"RCPT refused", smtptest.Fault{Step: smtptest.Rcpt, Kind: smtptest.Permanent}, true},
		{"MAIL refused", smtptest.Fault{Step: smtptest.Mail, Kind: smtptest.Temporary}, true},
		{"lost after the dot", smtptest.Fault{Step: smtptest.FinalDone, Kind: smtptest.Close}, true},
		{"421 to the dot", smtptest.Fault{Step: smtptest.FinalDot, Kind: smtptest.Closing}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sink(t, nil)
			p := pool(t, func(c *Config) { c.ProbeInterval = time.Hour })
			broken := smtptest.Fault{Step: smtptest.Rcpt, Kind: smtptest.Closing}
			for _, f := range []smtptest.Fault{broken, broken, tt.fault, tt.fault, broken} {
				s.Fail(f)
				deliver(t, p, s.Target())
			}
			s.Fail()
			_, err := deliver(t, p, s.Target())
			if !tt.down && err != nil {
				t.Error(err)
			}
			if tt.down && !errors.Is(err, errDown) {
				t.Errorf("%v, want that it is down", err)
			}
			if tt.down {
				wantClass(t, err, Closing)
			}
		})
	}
}

func TestDuty_R5_Relay_what_comes_after_the_dot_breaks_nothing(t *testing.T) {
	for _, kind := range []smtptest.Kind{smtptest.Closing, smtptest.Close, smtptest.Garbage} {
		s := sinkWith(t, smtptest.Options{Faults: []smtptest.Fault{{Step: smtptest.FinalDot, Kind: kind}}})
		p := pool(t, nil)
		for range maxFailures + 1 {
			if _, err := deliver(t, p, s.Target()); err == nil || errors.Is(err, errDown) {
				t.Errorf("%s: %v", kind, err)
			}
		}
	}
}

// It breaks on the connection that replaces a lost one, too.
func TestDuty_R5_Relay_a_replay_that_breaks_counts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := inMemory(t, smtptest.Options{}, nil)
		for range maxFailures {
			s.Fail()
			d := openWithin(t, p)
			s.Fail(smtptest.Fault{Step: smtptest.Mail, Kind: smtptest.Garbage})
			s.Drop()
			_, err := d.Send(t.Context(), text(content))
			wantClass(t, err, Garbage)
		}
		_, err := deliver(t, p, nextHop)
		if wantClass(t, err, Garbage); !errors.Is(err, errDown) {
			t.Error(err)
		}
	})
}

// The connections that are kept to a host that is down leave the one before it all
// its time.
func TestDuty_M2_Relay_a_host_that_breaks_transactions_takes_no_share(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := inMemory(t, smtptest.Options{}, nil)
		r := &Route{Hosts: []string{"b:25"}}
		openOver(t, p, r).Abort()
		hosts := []*host{{addr: "a:25"}, p.routes[r][0]}
		for range maxFailures {
			p.broken(hosts[1], &Failure{Class: Closing})
		}
		if share := p.share(hosts, 0); share != 0 {
			t.Errorf("%v", share)
		}
	})
}

// One transaction counts once, however many recipients it fails for; and one whose
// kept connection had ended counts not at all.
func TestDuty_R5_Relay_a_transaction_counts_once(t *testing.T) {
	s := sink(t, map[string]string{"RCPT": "421 4.3.2 bye" + smtptest.ThenHangup})
	p := pool(t, nil)
	d := openWith(t, p, s)
	for range maxFailures + 1 {
		_, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN)
		if f := wantClass(t, err, Closing); errors.Is(f, errDown) {
			t.Fatal(err)
		}
	}
	d.Abort()

	synctest.Test(t, func(t *testing.T) { // in memory nothing shows that it is stale
		s, p := inMemory(t, smtptest.Options{}, nil)
		for range maxFailures + 1 {
			if _, err := deliver(t, p, nextHop); err != nil {
				t.Fatal(err)
			}
			s.Drop()
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if h := p.routes[routeTo(nextHop)][0]; h.broken != 0 {
			t.Errorf("%d transactions broke", h.broken)
		}
	})
}

func TestDuty_R5_Relay_a_caller_who_leaves_breaks_nothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := inMemory(t, smtptest.Options{Faults: []smtptest.Fault{{Step: smtptest.Data, Kind: smtptest.Mute}}}, nil)
		for range maxFailures {
			d := openWithin(t, p)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := d.Send(ctx, text(content))
			cancel()
			wantClass(t, err, Lost)
		}
		s.Fail()
		if _, err := deliver(t, p, nextHop); err != nil {
			t.Error(err)
		}
	})
}

func TestDuty_R5_Relay_one_transaction_at_a_time_probes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := inMemory(t, smtptest.Options{}, nil)
		s.Fail(smtptest.Fault{Step: smtptest.Mail, Kind: smtptest.Closing})
		try := func(connections int, want Class) {
			t.Helper()
			_, err := deliver(t, p, nextHop)
			if want != "" {
				wantClass(t, err, want)
			} else if err != nil {
				t.Fatal(err)
			}
			if n := s.Connections(); n != connections {
				t.Fatalf("%d connections, want %d", n, connections)
			}
		}
		for i := range 6 {
			try(min(i+1, maxFailures), Closing)
		}
		time.Sleep(5 * time.Second)
		try(4, Closing) // the probe: it greets, and breaks
		try(4, Closing)
		s.Fail(smtptest.Fault{Step: smtptest.Rcpt, Kind: smtptest.Permanent})
		time.Sleep(5 * time.Second)
		try(5, "") // a refusal proves nothing, but that it is worth another try
		s.Fail(smtptest.Fault{Step: smtptest.Mail, Kind: smtptest.Closing})
		try(6, Closing) // on the connection that was kept, and on a new one
		try(6, Closing)
		time.Sleep(5 * time.Second)
		s.Fail()
		try(7, "")
		try(7, "") // up for good
	})
}

// An answer too many, behind that to the last message, is no answer to the next.
func TestPool_a_late_reply_on_a_kept_connection_answers_nothing(t *testing.T) {
	say, over := make(chan bool), false // over: the first message is
	addr := scripted(t, func(nc net.Conn, r *bufio.Reader) {
		io.WriteString(nc, "220 hi\r\n")
		for inContent := false; ; {
			line, err := r.ReadString('\n')
			reply := "250 ok\r\n"
			switch {
			case err != nil:
				return
			case inContent && line != ".\r\n":
				continue
			case strings.HasPrefix(line, "EHLO"):
				reply = "250-hi\r\n250 PIPELINING\r\n"
			case strings.HasPrefix(line, "DATA"):
				reply = "354 go\r\n"
			case strings.HasPrefix(line, "RCPT") && over:
				reply = "550 5.1.1 nobody\r\n"
			}
			inContent = reply == "354 go\r\n"
			io.WriteString(nc, reply)
			if line == ".\r\n" {
				over = true
				<-say
				io.WriteString(nc, reply)
			}
		}
	})
	p := pool(t, nil)
	if reply, err := deliver(t, p, addr); err != nil || reply.Code != 250 {
		t.Fatal(reply, err)
	}
	p.mu.Lock()
	c := p.routes[routeTo(addr)][0].idle[0]
	p.mu.Unlock()
	say <- true
	for c.quiet() { // it is on its way
		runtime.Gosched()
	}
	if reply, err := deliver(t, p, addr); err != nil || reply.Code != 550 {
		t.Errorf("%v, %v", reply, err)
	}
}
