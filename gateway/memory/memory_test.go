package memory

import (
	"slices"
	"testing"

	"mxgate/gateway/calendar"
	"mxgate/policy"
	"mxgate/policy/mail"
)

func TestADomainIsEstablishedByThreeMessagesOnThreeDaysOverFourteen(t *testing.T) {
	for name, tt := range map[string]struct {
		days []int
		want policy.State
	}{
		"never wrote":             {nil, policy.Unseen},
		"once":                    {[]int{0}, policy.Seen},
		"thrice in a day":         {[]int{0, 0, 0}, policy.Seen},
		"on two days":             {[]int{0, 20, 20}, policy.Seen},
		"on three days over 13":   {[]int{0, 5, 13}, policy.Seen},
		"on three days over 14":   {[]int{0, 5, 14}, policy.Established},
		"read backwards":          {[]int{14, 5, 0}, policy.Established},
		"the clock went back":     {[]int{3, 2, 3, 2, 3}, policy.Seen},
		"on four days, then long": {[]int{0, 1, 2, 90}, policy.Established},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, n := range tt.days {
				w.learn(w.from(n, "a@partner.example"))
			}
			for range 2 {
				if got := w.state(100, "a@partner.example"); got != tt.want {
					t.Errorf("%q, want %q", got, tt.want)
				}
				w.again()
			}
		})
	}
}

func TestOnlyAlignedMailTeachesWhoIsWho(t *testing.T) {
	w := newWorld(t)
	for n := range 30 {
		o := w.from(n, "a@partner.example")
		o.Aligned, o.ID = false, "planted@partner.example"
		o.Name, o.Accounts, o.Parties = "Jo", []string{"DE89370400440532013000"}, []mail.Domain{"third.example"}
		w.learn(o)
	}
	r, err := w.Recall(t.Context(), policy.Question{At: day(30), Author: address(t, "a@partner.example"), Name: "Jo", Recipients: []mail.Address{address(t, "erika@example.org")},
		Cited: []string{"planted@partner.example"}, Accounts: []string{"DE89370400440532013000"}, Domains: []mail.Domain{"third.example"}})
	if err != nil || r.Author.State != policy.Unseen || r.Thread.Wrote || !slices.Equal(r.Thread.Participants, []mail.Domain{"example.org"}) ||
		r.Thread.Accounts != 0 || len(r.Thread.NewAccounts) != 1 || len(r.Named) != 0 || r.Domains[0].State != policy.Unseen || r.Author.ToUs != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if r.Thread.Number == 0 {
		t.Error("the thread is not remembered at all")
	}
}

func TestAnAnswerMakesAnEstablishedDomainTwoWay(t *testing.T) {
	w := newWorld(t)
	w.learn(w.from(0, "a@partner.example", "made-up@mail.example.org"))
	if s := w.state(0, "a@partner.example"); s != policy.Seen {
		t.Errorf("first message: %q", s)
	}
	w.establish(1, "a@partner.example")
	w.learn(w.from(16, "a@partner.example", "elsewhere@other.example"))
	if s := w.state(16, "a@partner.example"); s != policy.Established {
		t.Errorf("%q", s)
	}
	w.learn(w.from(16, "a@partner.example", "ours@mail.example.org"))
	for range 2 {
		if s := w.state(16, "a@partner.example"); s != policy.TwoWay {
			t.Errorf("%q", s)
		}
		w.again()
	}
}

func (w *world) outbound(n int, to string, id string, cited ...string) policy.Observation {
	return policy.Observation{At: day(n), ID: id, Author: address(w, "erika@example.org"), Recipients: []mail.Address{address(w, to)}, Cited: cited, Outbound: true}
}

func TestWhereOurMailIsTaughtACitationMustNameIt(t *testing.T) {
	w := newWorld(t)
	w.learn(w.outbound(0, "x@elsewhere.example", "real@example.org"))
	w.establish(1, "a@partner.example")
	w.learn(w.from(16, "a@partner.example", "made-up@example.org"))
	if s := w.state(16, "a@partner.example"); s != policy.Established {
		t.Errorf("an id made up: %q", s)
	}
	w.learn(w.from(16, "a@partner.example", "real@example.org"))
	if s := w.state(16, "a@partner.example"); s != policy.TwoWay {
		t.Errorf("an id of ours: %q", s)
	}
}

func TestWhoWeWriteToIsEstablishedByOurMail(t *testing.T) {
	w := newWorld(t)
	for _, n := range []int{0, 7, 14} {
		w.learn(w.outbound(n, "a@partner.example", ""))
	}
	if s := w.state(14, "a@partner.example"); s != policy.TwoWay {
		t.Errorf("%q", s)
	}
	stranger := w.outbound(14, "b@other.example", "")
	stranger.Author = address(t, "x@stranger.example")
	w.learn(stranger)
	if s := w.state(14, "b@other.example"); s != policy.Unseen {
		t.Errorf("what none of ours wrote: %q", s)
	}
}

func TestAThreadRemembersWhoWroteInIt(t *testing.T) {
	w := newWorld(t)
	first := w.from(0, "a@partner.example")
	first.Accounts, first.Parties = []string{"DE89370400440532013000"}, []mail.Domain{"third.example", "example.org"}
	reply := w.from(3, "a@partner.example", first.ID, "reply@example.org")
	w.learn(first, reply)
	for range 2 {
		for _, cited := range []string{first.ID, reply.ID, "reply@example.org"} {
			r, err := w.Recall(t.Context(), policy.Question{At: day(4), Author: address(t, "b@sub.partner.example"), Cited: []string{"unknown@x.example", cited},
				Accounts: []string{"DE89370400440532013000", "NO9386011117947"}})
			th := r.Thread
			if err != nil || th.Number == 0 || th.Cited != 1 || th.Messages != 2 || !th.Wrote || th.Accounts != 1 || !slices.Equal(th.NewAccounts, []string{"NO9386011117947"}) ||
				!th.First.Equal(calendar.TimeOf(calendar.DayOf(day(0)))) || !th.Last.Equal(calendar.TimeOf(calendar.DayOf(day(3)))) {
				t.Errorf("%s: %+v, %v", cited, th, err)
			}
			slices.Sort(th.Participants)
			if !slices.Equal(th.Participants, []mail.Domain{"example.org", "partner.example", "third.example"}) {
				t.Errorf("participants %v", th.Participants)
			}
		}
		if th := w.ask(4, "x@third.example", first.ID).Thread; th.Wrote {
			t.Error("who was only named has written")
		}
		if th := w.ask(4, "a@partner.example", "unknown@x.example").Thread; th.Number != 0 || th.Participants != nil {
			t.Errorf("%+v", th)
		}
		w.again()
	}
}

func TestNamesAndEdges(t *testing.T) {
	w := newWorld(t)
	o := w.from(0, "a@partner.example")
	o.Name = "Jo Doe"
	w.learn(o, w.from(1, "a@partner.example"))
	for range 2 {
		q := policy.Question{At: day(1), Author: address(t, "j@elsewhere.example"), Name: "Jo Doe", Recipients: []mail.Address{address(t, "x@example.org"), address(t, "Erika@example.org")},
			Domains: []mail.Domain{"nobody.example", "mail.partner.example"}}
		r, err := w.Recall(t.Context(), q)
		if err != nil || !slices.Equal(r.Named, []mail.Domain{"partner.example"}) || len(r.Domains) != 2 || r.Domains[1].ToUs != 2 || r.Domains[1].Messages != 2 || r.Domains[0].State != policy.Unseen {
			t.Errorf("%+v, %v", r, err)
		}
		if q.Recipients = q.Recipients[:1]; true {
			if r, _ := w.Recall(t.Context(), q); len(r.Named) != 0 || r.Domains[1].ToUs != 0 {
				t.Errorf("another recipient: %+v", r)
			}
		}
		w.again()
	}
}

func TestADirectoryMayBeNamedFromHere(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := Open(Config{Dir: "data/memory"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
