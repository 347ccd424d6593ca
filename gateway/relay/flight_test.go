package relay

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

// fortyTo are recipients r1@example.org to r40@example.org.
func fortyTo(t *testing.T) []mail.Recipient {
	t.Helper()
	var all []string
	for i := range 40 {
		all = append(all, fmt.Sprintf("r%d@example.org", i+1))
	}
	return aheadOf(t, all...)
}

// outcome is what became of a message to forty.
type outcome struct {
	answers     []string // of each recipient: a code or a class
	delivered   []string // whom the next hop has it for
	connections int
}

// toForty sends a message to forty recipients, told of ahead or not, to a next hop
// that behaves as opts say.
func toForty(t *testing.T, opts smtptest.Options, ahead bool) (o outcome) {
	synctest.Test(t, func(t *testing.T) {
		s, p := inMemory(t, opts, nil)
		d := openInMemory(t, p)
		forty := fortyTo(t)
		for i, to := range forty {
			var rest []mail.Recipient
			if ahead {
				rest = forty[i+1:]
			}
			reply, err := d.Rcpt(t.Context(), to.Path, noDSN, rest...)
			answer := fmt.Sprint(reply.Code)
			if f, ok := err.(*Failure); ok {
				answer = string(f.Class)
			}
			o.answers = append(o.answers, answer)
		}
		if reply, err := d.Send(t.Context(), text(content)); err != nil || !reply.Positive() {
			t.Errorf("%v, %v", reply, err)
		}
		for _, m := range s.Messages() {
			o.delivered = append(o.delivered, m.ForwardPaths...)
		}
		o.connections = s.Connections()
	})
	return o
}

// A recipient fares no worse for having been asked for in a flight, however the
// connection breaks under it.
func TestDuty_E6_Relay_AFlightThatBreaksFailsItsOwnRecipientOnly(t *testing.T) {
	ways := map[string]string{
		"421": "421 4.3.2 bye" + smtptest.ThenHangup, "close": smtptest.Hangup, "garbage": "banana", "354": "354 go on",
	}
	for _, nth := range []int{1, 2, 20, 40} {
		for way, reply := range ways {
			victim := fmt.Sprintf("<r%d@", nth)
			compareForty(t, fmt.Sprint(way, " each time, ", nth), smtptest.Options{Reply: func(verb, arg string) (string, bool) {
				return reply, verb == "RCPT" && strings.Contains(arg, victim)
			}})
		}
		for _, kind := range []smtptest.Kind{smtptest.Closing, smtptest.Close, smtptest.Garbage, smtptest.Mute, smtptest.HalfReply, smtptest.LongLine} {
			compareForty(t, fmt.Sprint(kind, " once, ", nth), smtptest.Options{Faults: []smtptest.Fault{{Step: smtptest.Rcpt, Kind: kind, Nth: nth}}})
		}
	}
}

func compareForty(t *testing.T, name string, opts smtptest.Options) {
	t.Run(name, func(t *testing.T) {
		single, ahead := toForty(t, opts, false), toForty(t, opts, true)
		var want []string
		for i, answer := range ahead.answers {
			if answer != "250" && answer != single.answers[i] {
				t.Errorf("recipient %d: %s, one by one %s", i+1, answer, single.answers[i])
			}
			if answer == "250" {
				want = append(want, fmt.Sprintf("r%d@example.org", i+1))
			}
		}
		if len(want) < 39 || !slices.Equal(ahead.delivered, want) {
			t.Errorf("answered 250: %q\ndelivered: %q", want, ahead.delivered)
		}
		if ahead.connections > single.connections+1 {
			t.Errorf("%d connections, one by one %d", ahead.connections, single.connections)
		}
	})
}

// A next hop that is lost under a flight may stand one RCPT at a time.
func TestDuty_E6_Relay_AFlightThatIsLostAtOnceIsSentOneByOne(t *testing.T) {
	s := sinkWith(t, smtptest.Options{Faults: []smtptest.Fault{{Step: smtptest.Rcpt, Kind: smtptest.Close, Nth: 1}}})
	d := openWith(t, pool(t, nil), s)
	ahead := aheadOf(t, "a@example.org", "b@example.org", "c@example.org")
	for i, to := range ahead {
		if reply, err := d.Rcpt(t.Context(), to.Path, noDSN, ahead[i+1:]...); err != nil || reply.Code != 250 {
			t.Fatal(reply, err)
		}
		if n := count(s.Commands(), "RCPT"); n != 1+i+1 { // the Sink hung up at the first
			t.Errorf("%d RCPT after recipient %d", n, i+1)
		}
	}
	d.Abort()
	if n := s.Connections(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// pipeHop is a next hop in memory that answers each command as soon as it can.
func pipeHop(answer func(line string) string) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() { // ends with the connection
			defer theirs.Close()
			r := bufio.NewReader(theirs)
			_, err := io.WriteString(theirs, "220 hi\r\n")
			for err == nil {
				var line string
				if line, err = r.ReadString('\n'); err == nil {
					_, err = io.WriteString(theirs, answer(line))
				}
			}
		}()
		return ours, nil
	}
}

func TestDuty_M2_Relay_EachReplyOfAFlightHasItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := inMemory(t, smtptest.Options{}, func(c *Config) {
			c.Dial = pipeHop(func(line string) string {
				switch verb, _, _ := strings.Cut(line, " "); verb {
				case "EHLO":
					return "250-hi\r\n250 PIPELINING\r\n"
				case "RCPT":
					time.Sleep(8 * time.Second)
				}
				return "250 ok\r\n"
			})
		})
		d := openInMemory(t, p)
		forty, start := fortyTo(t), time.Now()
		for i, to := range forty {
			if reply, err := d.Rcpt(t.Context(), to.Path, noDSN, forty[i+1:]...); err != nil || reply.Code != 250 {
				t.Fatalf("recipient %d: %v, %v", i+1, reply, err)
			}
			if took := time.Since(start); took != time.Duration(i+1)*8*time.Second {
				t.Errorf("recipient %d is answered after %v", i+1, took)
			}
		}
		d.Abort()
	})
}

func TestDelivery_says_nothing_while_replies_are_in_flight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := inMemory(t, smtptest.Options{}, nil)
		d := openInMemory(t, p)
		ahead := aheadOf(t, "b@example.org")
		if _, err := d.Rcpt(t.Context(), address(t, "a@example.org"), noDSN, ahead...); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Minute)
		if n := count(s.Commands(), "NOOP"); n != 0 {
			t.Errorf("%d NOOP", n)
		}
		if reply, err := d.Rcpt(t.Context(), ahead[0].Path, noDSN); err != nil || reply.Code != 250 {
			t.Errorf("%v, %v", reply, err)
		}
		time.Sleep(3*time.Minute + time.Second)
		if n := count(s.Commands(), "NOOP"); n != 3 {
			t.Errorf("%d NOOP once there was no more to come", n)
		}
		if reply, err := d.Send(t.Context(), text(content)); err != nil || !reply.Positive() {
			t.Errorf("%v, %v", reply, err)
		}
		if n := s.Connections(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

func TestDelivery_does_not_look_at_replies_in_flight(t *testing.T) {
	s := sink(t, nil)
	d := openWith(t, pool(t, nil), s)
	ahead := aheadOf(t, "b@example.org")
	if _, err := d.Rcpt(t.Context(), address(t, "a@example.org"), noDSN, ahead...); err != nil {
		t.Fatal(err)
	}
	d.conn.armed = d.conn.armed.Add(-lookAfter)
	if reply, err := d.Rcpt(t.Context(), ahead[0].Path, noDSN); err != nil || reply.Code != 250 || s.Connections() != 1 {
		t.Errorf("%v, %v on %d connections", reply, err, s.Connections())
	}
	d.Abort()
}

// No reply is left behind for the next message.
func TestPool_keeps_no_connection_with_replies_in_flight(t *testing.T) {
	s := sink(t, nil)
	p := pool(t, nil)
	d := openWith(t, p, s)
	if _, err := d.Rcpt(t.Context(), address(t, "a@example.org"), noDSN, aheadOf(t, "b@example.org", "c@example.org")...); err != nil {
		t.Fatal(err)
	}
	d.Abort()
	if n := idle(p); n != 0 {
		t.Errorf("%d connections kept", n)
	}
}

func TestDuty_R2_Relay_AConnectionOutlivesARefusalOfMAILUnderAFlight(t *testing.T) {
	refuse := true
	s := sinkWith(t, smtptest.Options{Reply: func(verb, _ string) (string, bool) {
		if verb == "MAIL" && refuse {
			refuse = false
			return "553 5.1.8 sender domain", true
		}
		return "550 5.1.1 nobody", verb == "RCPT"
	}})
	p := pool(t, nil)
	d := openWith(t, p, s)
	ahead := aheadOf(t, "b@example.org", "c@example.org")
	for i, to := range append(aheadOf(t, "a@example.org"), ahead...) {
		_, err := d.Rcpt(t.Context(), to.Path, noDSN, ahead[min(i, 2):]...)
		wantClass(t, err, MailRefused)
	}
	d.Abort()
	if reply, err := deliver(t, p, s.Target()); err != nil || reply.Code != 550 {
		t.Errorf("%v, %v", reply, err)
	}
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
