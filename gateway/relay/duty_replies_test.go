package relay

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

func TestDuty_R1_Relay_positive_answers_are_passed_on(t *testing.T) {
	s := sink(t, map[string]string{"RCPT": "250 2.1.5 fine", ".": "250 2.0.0 queued as 17"})
	p := pool(t, nil)
	d, err := p.Open(t.Context(), routeTo(s.Addr().String()), mail.Client{}, envelope(t))
	if err != nil {
		t.Fatal(err)
	}
	reply, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN)
	if want := (Reply{250, "2.1.5", "fine"}); err != nil || reply != want {
		t.Errorf("RCPT: %v, %v", reply, err)
	}
	reply, err = d.Send(t.Context(), text("Received: x\r\n"), text(content))
	if want := (Reply{250, "2.0.0", "queued as 17"}); err != nil || reply != want {
		t.Errorf("final: %v, %v", reply, err)
	}
	m := s.Messages()
	if len(m) != 1 || string(m[0].Content) != "Received: x\r\n"+content || m[0].ReversePath != "a@example.com" ||
		!slices.Equal(m[0].ForwardPaths, []string{"b@example.net"}) {
		t.Errorf("messages %+v", m)
	}
	if _, err := d.Send(t.Context(), text(content)); !errors.Is(err, ErrEnded) {
		t.Errorf("a second Send: %v", err)
	}
	if _, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); !errors.Is(err, ErrEnded) {
		t.Errorf("RCPT after Send: %v", err)
	}
}

func TestDuty_R2_Relay_refusals_of_this_message_are_passed_on(t *testing.T) {
	tests := []struct {
		name, verb, reply string
		want              Reply
	}{
		{"recipient unknown", "RCPT", "550 5.1.1 no such user", Reply{550, "5.1.1", "no such user"}},
		{"recipient over quota", "RCPT", "452-4.2.2 mailbox\r\n452 4.2.2 full", Reply{452, "4.2.2", "mailbox full"}},
		{"no enhanced code", "RCPT", "550 no such user", Reply{550, "", "no such user"}},
		{"code above the grammar", "RCPT", "571 5.7.1 not you", Reply{571, "5.7.1", "not you"}},
		{"DATA refused", "DATA", "451 4.3.0 later", Reply{451, "4.3.0", "later"}},
		{"content refused", ".", "554 5.7.1 spam", Reply{554, "5.7.1", "spam"}},
		{"content deferred", ".", "451 4.7.1 greylisted", Reply{451, "4.7.1", "greylisted"}},
		{"C10: no text at all", ".", "451", Reply{451, "", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sink(t, map[string]string{tt.verb: tt.reply})
			p := pool(t, nil)
			for range 2 { // the connection survives a refusal
				reply, err := deliver(t, p, s.Addr().String())
				if err != nil || reply != tt.want {
					t.Fatalf("%+v, %v; want %+v", reply, err, tt.want)
				}
			}
			if n := s.Connections(); n != 1 {
				t.Errorf("%d connections", n)
			}
			if len(s.Messages()) != 0 {
				t.Error("a refused message was recorded")
			}
		})
	}
}

func TestDuty_R2_Relay_a_refusal_of_MAIL_answers_every_RCPT(t *testing.T) {
	for _, extensions := range [][]string{{"PIPELINING"}, {"8BITMIME"}} {
		s := sinkWith(t, smtptest.Options{Extensions: extensions, Reply: func(verb, _ string) (string, bool) {
			return "553 5.1.8 sender domain", verb == "MAIL"
		}})
		d, err := pool(t, nil).Open(t.Context(), routeTo(s.Addr().String()), mail.Client{}, envelope(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{"b@example.net", "c@example.net"} {
			reply, err := d.Rcpt(t.Context(), address(t, to), noDSN)
			f := wantClass(t, err, MailRefused)
			if want := (Reply{553, "5.1.8", "sender domain"}); reply != want || f.Reply != want {
				t.Errorf("%v: %v, %v", extensions, reply, f.Reply)
			}
		}
		if _, err := d.Send(t.Context(), text(content)); !errors.Is(err, ErrNoRecipient) {
			t.Errorf("Send: %v", err)
		}
		d.Abort()
		if mails := count(s.Commands(), "MAIL"); mails != 1 {
			t.Errorf("%v: MAIL was asked %d times", extensions, mails)
		}
	}
}

func TestDuty_R3_Relay_421_is_closing_at_any_point(t *testing.T) {
	for _, verb := range []string{smtptest.Greeting, "EHLO", "MAIL", "RCPT", "DATA", "."} {
		t.Run(verb, func(t *testing.T) {
			s := sink(t, map[string]string{verb: "421 4.3.2 going down" + smtptest.ThenHangup})
			_, err := deliver(t, pool(t, nil), s.Addr().String())
			f := wantClass(t, err, Closing)
			if want := (Reply{421, "4.3.2", "going down"}); f.Reply != want || f.AfterDot || f.Host != s.Target() {
				t.Errorf("%+v", f)
			}
			if n := s.Connections(); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

func TestDuty_R4_Relay_what_refuses_the_gateway_is_not_about_the_message(t *testing.T) {
	tests := []struct{ verb, reply string }{
		{smtptest.Greeting, "554 no service for you"},
		{smtptest.Greeting, "450 not now"},
		{"EHLO", "451 4.3.0 not now"},
		{"MAIL", "530 5.7.0 Must issue a STARTTLS command first"},
		{"MAIL", "503 5.5.1 bad sequence"},
		{"RCPT", "554 5.7.1 <b@example.net>: Relay access denied"},
		{"RCPT", "550 5.7.1 <b@example.net>... Relaying denied"},
		{"RCPT", "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain"},
		{"RCPT", "550 relay not permitted"},
		{"RCPT", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"},
		{"DATA", "530 5.7.0 authentication required"},
		{".", "550 5.7.64 TenantAttribution; Relay Access Denied"},
	}
	for _, tt := range tests {
		t.Run(tt.verb+" "+tt.reply, func(t *testing.T) {
			s := sink(t, map[string]string{tt.verb: tt.reply})
			_, err := deliver(t, pool(t, nil), s.Addr().String())
			if f := wantClass(t, err, Refused); f.Reply.Code == 0 {
				t.Error("the reply is missing")
			}
		})
	}
	t.Run("EHLO and HELO", func(t *testing.T) {
		s := sink(t, map[string]string{"EHLO": "550 no", "HELO": "550 no"})
		_, err := deliver(t, pool(t, nil), s.Addr().String())
		wantClass(t, err, Refused)
	})
	t.Run("a client cannot say it through its address", func(t *testing.T) {
		s := sink(t, map[string]string{"RCPT": `550 5.1.1 <"relay access denied"@example.net> unknown`})
		reply, err := deliver(t, pool(t, nil), s.Addr().String())
		if err != nil || reply.Code != 550 {
			t.Errorf("%v, %v", reply, err)
		}
	})
}

func TestDuty_R5_Relay_no_connection(t *testing.T) {
	slow := pool(t, func(c *Config) {
		c.ConnectTimeout = 10 * time.Millisecond
		c.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	})
	_, err := deliver(t, slow, "192.0.2.1:25")
	wantClass(t, err, Connect)

	l, err := net.Listen("tcp", "127.77.0.6:0") // where nobody else is given the port meanwhile
	if err != nil {
		t.Skipf("this machine has no 127.77.0.6: %v", err)
	}
	l.Close() // nobody listens there now
	_, err = deliver(t, pool(t, nil), l.Addr().String())
	wantClass(t, err, Connect)
}

func TestDuty_R6_Relay_no_address(t *testing.T) {
	p := pool(t, func(c *Config) {
		c.Dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "mail.example.com", IsNotFound: true}}
		}
	})
	for range maxFailures + 1 { // a name server that fails does not mark the next hop down
		_, err := deliver(t, p, "mail.example.com:25")
		wantClass(t, err, Resolve)
	}
}

func TestDuty_R8_Relay_garbage_drops_the_connection(t *testing.T) {
	long := strings.Repeat("x", 600)
	garbage := map[string]string{
		"no reply at all":        "hello there",
		"over-long line":         "250 " + long,
		"over-long, no line end": "250-" + strings.Repeat(long, 100),
		"too many lines":         strings.Repeat("250-x\r\n", 50) + "250 x",
		"codes differ":           "250-one\r\n251 two",
		"bare LF":                "250-one\n250 two",
		"code out of range":      "199 x",
		"no separator":           "250x",
		"unexpected 3xx":         "354 go ahead",
	}
	for name, reply := range garbage {
		for _, verb := range []string{smtptest.Greeting, "EHLO", "MAIL", "RCPT", "DATA", "."} {
			if name == "unexpected 3xx" && verb == "DATA" {
				reply = "334 go on"
			}
			t.Run(verb+" "+name, func(t *testing.T) {
				s := sink(t, map[string]string{verb: reply})
				p := pool(t, nil)
				_, err := deliver(t, p, s.Addr().String())
				f := wantClass(t, err, Garbage)
				if f.AfterDot != (verb == ".") {
					t.Errorf("AfterDot %v", f.AfterDot)
				}
				if n := idle(p); n != 0 {
					t.Errorf("%d connections kept", n)
				}
			})
		}
	}
	t.Run("a 250 to DATA", func(t *testing.T) {
		s := sink(t, map[string]string{"DATA": "250 ok"})
		_, err := deliver(t, pool(t, nil), s.Addr().String())
		wantClass(t, err, Garbage)
	})
}

func TestDuty_R9_Relay_lost_or_silent_before_the_final_dot(t *testing.T) {
	for _, verb := range []string{smtptest.Greeting, "EHLO", "MAIL", "RCPT", "DATA"} {
		for name, reply := range map[string]string{"lost": smtptest.Hangup, "silent": smtptest.Silence} {
			t.Run(verb+" "+name, func(t *testing.T) {
				s := sinkWith(t, smtptest.Options{
					Extensions: []string{"8BITMIME"}, // one by one: silence of the sink is of one command
					Reply:      func(v, _ string) (string, bool) { return reply, v == verb },
				})
				change := impatient
				if name == "lost" {
					change = patient
				}
				_, err := deliver(t, pool(t, change), s.Addr().String())
				if f := wantClass(t, err, Lost); f.AfterDot {
					t.Error("said to be uncertain")
				}
				want := 1
				if name == "lost" && verb == "DATA" {
					want = 2 // it stood before, so it may have idled out
				}
				if n := s.Connections(); n != want {
					t.Errorf("%d connections, want %d", n, want)
				}
			})
		}
	}
	t.Run("in mid content", func(t *testing.T) {
		s := sinkWith(t, smtptest.Options{MidContent: func(int) (string, bool) { return smtptest.Hangup, true }})
		err := sendLarge(t, pool(t, nil), s)
		wantClass(t, err, Lost)
	})
}

func TestDuty_R10_Relay_lost_or_silent_after_the_final_dot(t *testing.T) {
	for name, reply := range map[string]string{"lost": smtptest.Hangup, "silent": smtptest.Silence} {
		t.Run(name, func(t *testing.T) {
			s := sink(t, map[string]string{".": reply})
			p := pool(t, func(c *Config) { c.FinalTimeout = 50 * time.Millisecond })
			_, err := deliver(t, p, s.Addr().String())
			if f := wantClass(t, err, Uncertain); !f.AfterDot {
				t.Error("not said to be uncertain")
			}
			if n := count(s.Commands(), "DATA"); n != 1 {
				t.Errorf("the message was sent %d times", n)
			}
		})
	}
	t.Run("the caller's time is up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := sinkWith(t, smtptest.Options{Reply: func(verb, _ string) (string, bool) {
			if verb == "." {
				cancel()
			}
			return smtptest.Silence, verb == "."
		}})
		d := openWith(t, pool(t, patient), s, "b@example.net")
		_, err := d.Send(ctx, text(content))
		wantClass(t, err, Uncertain)
	})
}

func TestDuty_R11_Relay_replay_on_a_new_connection(t *testing.T) {
	tests := []struct {
		name   string
		second map[string]string // replies on the second connection
		class  Class             // "": delivered
	}{
		{"as before", nil, ""},
		{"recipient refused now", map[string]string{"RCPT": "550 5.1.1 gone"}, Replay},
		{"sender refused now", map[string]string{"MAIL": "450 4.1.8 later"}, Replay},
		{"closing now", map[string]string{"RCPT": "421 4.3.2 bye" + smtptest.ThenHangup}, Closing},
		{"lost again", map[string]string{"DATA": smtptest.Hangup}, Lost},
	}
	for _, extensions := range [][]string{{"PIPELINING"}, {"8BITMIME"}} {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				var connections atomic.Int32
				s := sinkWith(t, smtptest.Options{Extensions: extensions, Reply: func(verb, _ string) (string, bool) {
					if verb == smtptest.Greeting {
						connections.Add(1)
					}
					if connections.Load() < 2 {
						return smtptest.Hangup, verb == "DATA"
					}
					reply, ok := tt.second[verb]
					return reply, ok
				}})
				d := openWith(t, pool(t, nil), s, "b@example.net", "c@example.net")
				_, err := d.Send(t.Context(), text(content))
				if n := s.Connections(); n != 2 {
					t.Errorf("%d connections", n)
				}
				if tt.class != "" {
					wantClass(t, err, tt.class)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if m := s.Messages(); len(m) != 1 || !slices.Equal(m[0].ForwardPaths, []string{"b@example.net", "c@example.net"}) {
					t.Errorf("messages %+v", m)
				}
			})
		}
	}
}

func TestDuty_R13_Relay_the_rest_is_sent_to_those_accepted(t *testing.T) {
	s := sinkWith(t, smtptest.Options{Reply: func(verb, arg string) (string, bool) {
		return "550 5.1.1 no", verb == "RCPT" && strings.Contains(arg, "nobody")
	}})
	d, err := pool(t, nil).Open(t.Context(), routeTo(s.Addr().String()), mail.Client{}, envelope(t))
	if err != nil {
		t.Fatal(err)
	}
	for to, code := range map[string]int{"nobody@example.net": 550, "b@example.net": 250} {
		if reply, err := d.Rcpt(t.Context(), address(t, to), noDSN); err != nil || reply.Code != code {
			t.Errorf("%s: %v, %v", to, reply, err)
		}
	}
	if reply, err := d.Send(t.Context(), text(content)); err != nil || reply.Code != 250 {
		t.Errorf("%v, %v", reply, err)
	}
	if m := s.Messages(); len(m) != 1 || !slices.Equal(m[0].ForwardPaths, []string{"b@example.net"}) {
		t.Errorf("messages %+v", m)
	}
}
