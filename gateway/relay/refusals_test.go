package relay

import (
	"fmt"
	"strings"
	"testing"

	"mxgate/gateway/smtptest"
)

// wrongly puts n recipients to the next hop that do not exist, and gives up.
func wrongly(t *testing.T, p *Pool, r *Route, n int) (last error) {
	t.Helper()
	d := openOver(t, p, r)
	defer d.Abort()
	for i := range n {
		reply, err := d.Rcpt(t.Context(), address(t, fmt.Sprintf("gone%d@example.net", i)), noDSN)
		if last = err; err == nil && reply.Code != 550 {
			t.Errorf("%+v", reply)
		}
	}
	return last
}

// noSuchUser refuses recipients that begin with gone; at the most-th in a session it
// says 421, as Postfix does.
func noSuchUser(most int) smtptest.Options {
	n := 0
	return smtptest.Options{Reply: func(verb, arg string) (string, bool) {
		switch {
		case verb == "EHLO":
			n = 0
		case verb == "RCPT" && strings.Contains(arg, "<gone"):
			if n++; n >= most {
				return "421 4.7.0 too many errors" + smtptest.ThenHangup, true
			}
			return "550 5.1.1 no such user", true
		}
		return "", false
	}}
}

// Who guesses names does not make a host one that fails.
func TestAHostThatSendsGuessersAwayIsNotMarkedDown(t *testing.T) {
	p := pool(t, nil)
	s := sinkWith(t, noSuchUser(20))
	r := routeTo(s.Addr().String())
	for range maxFailures + 1 {
		wantClass(t, wrongly(t, p, r, 20), Closing)
	}
	if err := sendOver(t, p, r, text(content)); err != nil {
		t.Error(err)
	}
}

// A connection on which many were refused answers the next message late, or with 421.
func TestAConnectionWithManyRefusalsIsNotKept(t *testing.T) {
	for _, c := range []struct{ refused, kept int }{{maxRefusals - 1, 1}, {maxRefusals, 0}} {
		p := pool(t, nil)
		r := routeTo(sinkWith(t, noSuchUser(20)).Addr().String())
		if err := wrongly(t, p, r, c.refused); err != nil {
			t.Error(err)
		}
		if n := idle(p); n != c.kept {
			t.Errorf("%d refused: %d connections kept, want %d", c.refused, n, c.kept)
		}
	}
	p, s := pool(t, nil), sinkWith(t, noSuchUser(20))
	r := routeTo(s.Addr().String())
	for range maxRefusals + 1 { // one now and then beside mail that is taken is usual
		wrongly(t, p, r, 1)
		if err := sendOver(t, p, r, text(content)); err != nil {
			t.Error(err)
		}
	}
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// A recipient that does not exist beside one that does excuses no host that fails.
func TestARefusedRecipientHidesNoFailingHost(t *testing.T) {
	opts := func(data string) smtptest.Options {
		return smtptest.Options{Reply: func(verb, arg string) (string, bool) {
			switch {
			case verb == "RCPT" && strings.Contains(arg, "<gone"):
				return "550 5.1.1 no such user", true
			case verb == "DATA" && data != "":
				return data, true
			}
			return "", false
		}}
	}
	full, good := sinkWith(t, opts("421 4.3.1 disk full"+smtptest.ThenHangup)), sinkWith(t, opts(""))
	p := pool(t, nil)
	r := &Route{Name: "two", Hosts: []string{full.Addr().String(), good.Addr().String()}}
	for i := range maxFailures + 1 {
		d := openOver(t, p, r)
		if _, err := d.Rcpt(t.Context(), address(t, "gone@example.net"), noDSN); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil {
			t.Fatal(err)
		}
		reply, err := d.Send(t.Context(), text(content))
		d.Abort()
		if taken := err == nil && reply.Positive(); taken != (i == maxFailures) {
			t.Errorf("message %d: %v, %v", i, reply, err)
		}
	}
}
