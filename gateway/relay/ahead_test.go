package relay

import (
	"slices"
	"strings"
	"testing"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

// aheadOf makes recipients of addresses.
func aheadOf(t *testing.T, to ...string) (all []mail.Recipient) {
	t.Helper()
	for _, a := range to {
		all = append(all, mail.Recipient{Path: address(t, a)})
	}
	return all
}

// refusingB is a next hop that does not know b.
func refusingB(t *testing.T) *smtptest.Sink {
	return sinkWith(t, smtptest.Options{Reply: func(verb, arg string) (string, bool) {
		return "550 5.1.1 no such user", verb == "RCPT" && strings.Contains(arg, "<b@")
	}})
}

func TestDuty_E6_Relay_RecipientsAheadAreAskedInOneFlight(t *testing.T) {
	s := refusingB(t)
	p := pool(t, nil)
	d, err := p.Open(t.Context(), routeTo(s.Addr().String()), mail.Client{}, envelope(t))
	if err != nil {
		t.Fatal(err)
	}
	ahead := aheadOf(t, "b@example.org", "c@example.org")
	var codes []int
	for i, to := range aheadOf(t, "a@example.org", "b@example.org", "c@example.org") {
		r, err := d.Rcpt(t.Context(), to.Path, noDSN, ahead[min(i, 2):]...)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, r.Code)
		if n := count(s.Commands(), "RCPT"); n != 3 {
			t.Errorf("after recipient %d the next hop has heard %d RCPT, want 3", i, n)
		}
	}
	if !slices.Equal(codes, []int{250, 550, 250}) {
		t.Errorf("answers %d", codes)
	}
	if r, err := d.Send(t.Context(), text(content)); err != nil || !r.Positive() {
		t.Fatal(r, err)
	}
	if m := s.Messages(); len(m) != 1 || !slices.Equal(m[0].ForwardPaths, []string{"a@example.org", "c@example.org"}) {
		t.Errorf("at the next hop: %v", m)
	}
	if s.Connections() != 1 {
		t.Errorf("%d connections", s.Connections())
	}
}

// Whoever was asked for ahead and never by the client gets nothing.
func TestRecipientsAheadThatDoNotComeGetNothing(t *testing.T) {
	for _, test := range []struct {
		name string
		then []string // the client's own further recipients
		want []string
	}{
		{"none comes", nil, []string{"a@example.org"}},
		{"another comes", []string{"x@example.org"}, []string{"a@example.org", "x@example.org"}},
		{"one comes", []string{"b@example.org"}, []string{"a@example.org", "b@example.org"}},
		{"the second comes first", []string{"c@example.org", "b@example.org"}, []string{"a@example.org", "c@example.org", "b@example.org"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := sink(t, nil)
			d, err := pool(t, nil).Open(t.Context(), routeTo(s.Addr().String()), mail.Client{}, envelope(t))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Rcpt(t.Context(), address(t, "a@example.org"), noDSN, aheadOf(t, "b@example.org", "c@example.org")...); err != nil {
				t.Fatal(err)
			}
			for _, to := range test.then {
				if r, err := d.Rcpt(t.Context(), address(t, to), noDSN); err != nil || !r.Positive() {
					t.Fatal(r, err)
				}
			}
			if r, err := d.Send(t.Context(), text(content)); err != nil || !r.Positive() {
				t.Fatal(r, err)
			}
			if m := s.Messages(); len(m) != 1 || !slices.Equal(m[0].ForwardPaths, test.want) {
				t.Errorf("at the next hop: %v", m)
			}
		})
	}
}

// A connection that is lost while answers are kept takes nobody away, and an
// answer that is none is not taken for one.
func TestAnswersAheadOutliveTheirConnection(t *testing.T) {
	s := sink(t, nil)
	d, err := pool(t, nil).Open(t.Context(), routeTo(s.Addr().String()), mail.Client{}, envelope(t))
	if err != nil {
		t.Fatal(err)
	}
	ahead := aheadOf(t, "b@example.org")
	if _, err := d.Rcpt(t.Context(), address(t, "a@example.org"), noDSN, ahead...); err != nil {
		t.Fatal(err)
	}
	s.Drop()
	if r, err := d.Rcpt(t.Context(), ahead[0].Path, noDSN); err != nil || !r.Positive() {
		t.Fatal(r, err)
	}
	if r, err := d.Send(t.Context(), text(content)); err != nil || !r.Positive() {
		t.Fatal(r, err)
	}
	if m := s.Messages(); len(m) != 1 || !slices.Equal(m[0].ForwardPaths, []string{"a@example.org", "b@example.org"}) {
		t.Errorf("at the next hop: %v", m)
	}
}

func TestAnOddAnswerAheadIsTheFailureOfItsOwnRecipient(t *testing.T) {
	s := sinkWith(t, smtptest.Options{Reply: func(verb, arg string) (string, bool) {
		return "354 go on", verb == "RCPT" && strings.Contains(arg, "<b@")
	}})
	d, err := pool(t, nil).Open(t.Context(), routeTo(s.Addr().String()), mail.Client{}, envelope(t))
	if err != nil {
		t.Fatal(err)
	}
	ahead := aheadOf(t, "b@example.org")
	if r, err := d.Rcpt(t.Context(), address(t, "a@example.org"), noDSN, ahead...); err != nil || !r.Positive() {
		t.Fatal(r, err)
	}
	_, err = d.Rcpt(t.Context(), ahead[0].Path, noDSN)
	wantClass(t, err, Garbage)
	if r, err := d.Send(t.Context(), text(content)); err != nil || !r.Positive() {
		t.Fatal(r, err)
	}
	if m := s.Messages(); len(m) != 1 || !slices.Equal(m[0].ForwardPaths, []string{"a@example.org"}) {
		t.Errorf("at the next hop: %v", m)
	}
}

// Where the next hop takes one command at a time, or one recipient, nobody is
// asked for ahead.
func TestNobodyIsAskedForAheadOneByOne(t *testing.T) {
	for _, opts := range []smtptest.Options{{Extensions: []string{"8BITMIME"}}, {LMTP: true}} {
		s := sinkWith(t, opts)
		r := routeTo(s.Addr().String())
		r.LMTP = opts.LMTP
		d, err := pool(t, nil).Open(t.Context(), r, mail.Client{}, envelope(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Rcpt(t.Context(), address(t, "a@example.org"), noDSN, aheadOf(t, "b@example.org")...); err != nil {
			t.Fatal(err)
		}
		if n := count(s.Commands(), "RCPT"); n != 1 {
			t.Errorf("%+v: %d RCPT", opts, n)
		}
		d.Abort()
	}
}
