package memory

import (
	"slices"
	"testing"
	"time"

	"mxgate/policy"
	"mxgate/policy/mail"
)

// What a dot does is seen in the whole name alone, and held against it alone.
func TestALookalikeBelowItsDomainIsAShadow(t *testing.T) {
	for fake, of := range map[string]mail.Domain{"quo.rvista.example": "quorvista.example", "acmefirm.com.evil.example": "acmefirm.com"} {
		w := newWorld(t)
		w.establish(0, "a@"+string(of))
		for n := 20; n < 80; n++ {
			o := w.from(n, "a@"+fake)
			w.learn(o, w.outbound(n, "a@"+fake, "", o.ID))
		}
		for range 2 {
			r := w.ask(80, "a@"+fake)
			if r.Author.State != policy.Shadow || r.Author.ShadowOf != of || !slices.ContainsFunc(r.Near, func(n policy.Neighbour) bool { return n.Target == of }) {
				t.Errorf("%s: %+v", fake, r)
			}
			_, registrable, _ := cutRegistrable(fake)
			if s := w.state(80, "a@"+registrable); s != policy.Seen {
				t.Errorf("%s itself: %q", registrable, s)
			}
			w.again()
		}
	}
}

// cutRegistrable cuts off the last two labels.
func cutRegistrable(name string) (below, registrable string, ok bool) {
	dots := 0
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' {
			if dots++; dots == 2 {
				return name[:i], name[i+1:], true
			}
		}
	}
	return "", name, false
}

// He warms up under the harmless name, and steals under the other.
func TestAnEstablishedDomainIsAShadowWhereItWritesBelowAsAnother(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@quorvista.example")
	genuine := w.from(20, "a@quorvista.example")
	w.learn(genuine)
	w.establish(20, "a@rvista.example")
	theft := w.from(40, "a@quo.rvista.example", genuine.ID, "ours@example.org")
	w.learn(theft, w.outbound(40, "a@quo.rvista.example", "answer@example.org", theft.ID))
	for range 2 {
		if r := w.ask(41, "a@quo.rvista.example", genuine.ID, theft.ID); r.Author.State != policy.Shadow || r.Author.ShadowOf != "quorvista.example" || r.Thread.Wrote ||
			slices.Contains(r.Thread.Participants, "rvista.example") {
			t.Errorf("%+v", r)
		}
		if s := w.state(41, "a@www.rvista.example"); s != policy.Established {
			t.Errorf("under an innocent name: %q", s)
		}
		q := policy.Question{At: day(41), Author: address(t, "x@else.example"), Domains: []mail.Domain{"quo.rvista.example", "mail.quorvista.example", "rvista.example"}}
		r, err := w.Recall(t.Context(), q)
		if err != nil || len(r.Domains) != 3 || r.Domains[0].State != policy.Shadow || r.Domains[0].Domain != "rvista.example" ||
			r.Domains[1].State != policy.Established || r.Domains[1].Domain != "quorvista.example" || r.Domains[2].State != policy.Established {
			t.Errorf("%+v, %v", r.Domains, err)
		}
		w.again()
	}
	// One who answers all names him.
	o := w.from(42, "a@quorvista.example", genuine.ID)
	o.Parties = []mail.Domain{"quo.rvista.example", "quorvi.sta.example", "harmless.example"}
	w.learn(o)
	if th := w.ask(42, "x@rvista.example", genuine.ID).Thread; slices.Contains(th.Participants, "rvista.example") || slices.Contains(th.Participants, "sta.example") || !slices.Contains(th.Participants, "harmless.example") {
		t.Errorf("%+v", th)
	}
	if err := w.Allow(t.Context(), policy.Decision{Sender: "rvista.example", Target: "quorvista.example", Allow: true, At: day(42)}); err != nil {
		t.Fatal(err)
	}
	if s := w.state(43, "a@quo.rvista.example"); s != policy.Established {
		t.Errorf("allowed: %q", s)
	}
}

// told is mail that was tagged for whom its author resembles.
func (w *world) told(n int, author string, of mail.Domain) policy.Observation {
	o := w.from(n, author)
	o.ID, o.Resembles = "", of
	return o
}

func TestWhatWasJudgedToResembleAKnownDomainIsAShadow(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Protected = []mail.Domain{"brand.example"}
		c.Groups = [][]mail.Domain{{"group.example", "sister.example"}}
	})
	w.establish(0, "a@genuine.example")
	w.establish(0, "a@known.example")
	w.establish(0, "a@group.example")
	w.learn(w.told(20, "a@unlike.example", "genuine.example"), w.told(20, "a@other.example", "brand.example"))
	for n := 21; n < 60; n += 5 {
		w.learn(w.from(n, "a@unlike.example"), w.from(n, "a@other.example"))
	}
	for range 2 {
		for author, of := range map[string]mail.Domain{"a@unlike.example": "genuine.example", "a@other.example": "brand.example"} {
			if k := w.ask(60, author).Author; k.State != policy.Shadow || k.ShadowOf != of {
				t.Errorf("%+v", k)
			}
		}
		w.again()
	}
	unaligned := w.told(20, "a@spoofed.example", "genuine.example")
	unaligned.Aligned = false
	w.learn(w.from(20, "a@spoofed.example"), unaligned, w.from(20, "a@sister.example"))
	w.learn(w.told(21, "a@known.example", "genuine.example"), w.told(21, "a@sister.example", "group.example"))
	w.learn(w.from(0, "a@older.example"), w.told(22, "a@older.example", "genuine.example"))
	w.learn(w.told(22, "a@fourth.example", "unlike.example")) // a shadow throws none
	for author, want := range map[string]policy.State{"spoofed": policy.Seen, "known": policy.Established, "sister": policy.Seen, "older": policy.Seen, "fourth": policy.Seen} {
		if s := w.state(40, "a@"+author+".example"); s != want {
			t.Errorf("%s: %q", author, s)
		}
	}
	if err := w.Allow(t.Context(), policy.Decision{Sender: "unlike.example", Target: "genuine.example", Allow: true, At: day(60), Expires: day(80)}); err != nil {
		t.Fatal(err)
	}
	w.learn(w.from(61, "a@unlike.example"))
	if s := w.state(62, "a@unlike.example"); s != policy.Established {
		t.Errorf("allowed: %q", s)
	}
	w.again()
	if s := w.state(81, "a@unlike.example"); s != policy.Shadow {
		t.Errorf("when that has ended: %q", s)
	}
}

// A stranger writes once, or is quoted only, before an honest newcomer whose name
// is near his: one tagged message must not keep that one down for good.
func TestWhatHardlyAnybodyKnowsMakesNoShadow(t *testing.T) {
	for target, before := range map[mail.Domain]bool{"hartmanm.example": true, "unheard.example": false} {
		w := newWorld(t)
		if before {
			w.learn(w.from(0, "x@hartmanm.example"))
		}
		w.learn(w.told(1, "a@hartmann.example", target))
		for _, n := range []int{1, 8, 15} {
			if s := w.state(n, "a@hartmann.example"); s != policy.Seen {
				t.Errorf("%s, day %d: %q", target, n, s)
			}
			w.learn(w.from(n, "a@hartmann.example"))
		}
		w.learn(w.from(16, "x@"+string(target)), w.from(30, "x@"+string(target)), w.from(31, "x@"+string(target)))
		if s := w.state(40, "a@hartmann.example"); s != policy.Established {
			t.Errorf("%s: %q", target, s)
		}
	}
}

func TestAShadowThatWasToldEndsWithWhatItResembled(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@genuine.example")
	w.learn(w.told(20, "a@unlike.example", "genuine.example"), w.from(27, "a@unlike.example"))
	if err := w.Forget(t.Context(), Forgotten{Domain: "genuine.example"}); err != nil {
		t.Fatal(err)
	}
	w.learn(w.from(34, "a@unlike.example"))
	if k := w.ask(35, "a@unlike.example").Author; k.State != policy.Established || k.ShadowOf != "" {
		t.Errorf("%+v", k)
	}
}

// customer.example sells mailboxes below it: what one tenant does is not held
// against the others, nor against the service.
func TestOneTenantMakesNoShadowOfAMailService(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@acmefirm.com")
	w.learn(w.from(20, "a@acmefirm.com.customer.example"), w.told(20, "a@acmefirm.com.customer.example", "acmefirm.com"))
	for _, n := range []int{21, 28, 35} {
		w.learn(w.from(n, "b@customer.example"), w.from(n, "c@other.customer.example"))
	}
	for range 2 {
		for author, want := range map[string]policy.State{"b@customer.example": policy.Established, "c@other.customer.example": policy.Established, "a@acmefirm.com.customer.example": policy.Shadow} {
			if s := w.state(40, author); s != want {
				t.Errorf("%s: %q", author, s)
			}
		}
		w.again()
	}
	// Where the service is a look-alike itself, no name below it hides that.
	w.learn(w.told(40, "a@www.acmefirrn.com", "acmefirm.com"))
	if s := w.state(41, "a@acmefirrn.com"); s != policy.Shadow {
		t.Errorf("acmefirrn.com: %q", s)
	}
}

// to is from to another of ours.
func (w *world) to(n int, author, recipient string, cited ...string) policy.Observation {
	o := w.from(n, author, cited...)
	o.Recipients = []mail.Address{address(w, recipient)}
	return o
}

func (w *world) askedBy(n int, author, recipient string, cited ...string) policy.Recollection {
	w.Helper()
	r, err := w.Recall(w.Context(), policy.Question{At: day(n), Author: address(w, author), Recipients: []mail.Address{address(w, recipient)}, Cited: cited})
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func TestATwinIsAShadowToThoseWhoKnowTheOlderOne(t *testing.T) {
	w := newWorld(t)
	for _, d := range []string{"maridonia.ch", "maridonia.se", "maridonia.de"} { // the index tells but one
		w.establish(0, "x@"+d)
		if d != "maridonia.de" { // known to others
			if err := w.Forget(t.Context(), Forgotten{Recipient: "erika@example.org"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for n := 20; n < 80; n++ {
		o := w.from(n, "x@maridonia.com", "ours@example.org")
		o.Name = "Jo"
		w.learn(o, w.outbound(n, "x@maridonia.com", "", o.ID))
	}
	if s := w.askedBy(80, "x@maridonia.com", "max@example.org").Author.State; s != policy.Seen {
		t.Errorf("established by those to whom it is a shadow: %q", s)
	}
	named, err := w.Recall(t.Context(), policy.Question{At: day(80), Name: "Jo", Recipients: []mail.Address{address(t, "erika@example.org")}})
	if err != nil || len(named.Named) != 0 {
		t.Errorf("%v, %v", named.Named, err)
	}
	for _, n := range []int{80, 81, 82} { // and with one who knows none of them
		w.learn(w.to(n, "x@maridonia.com", "max@example.org"))
	}
	for range 2 {
		r := w.ask(80, "x@maridonia.com")
		if r.Author.State != policy.Shadow || r.Author.ShadowOf != "maridonia.de" ||
			!slices.ContainsFunc(r.Near, func(n policy.Neighbour) bool { return n.Target == "maridonia.de" }) {
			t.Errorf("to one who knows maridonia.de: %+v", r)
		}
		if k := w.askedBy(80, "x@maridonia.com", "max@example.org").Author; k.State != policy.Established || k.ShadowOf != "" {
			t.Errorf("to one who does not: %+v", k)
		}
		if k := w.ask(80, "x@maridonia.de").Author; k.State != policy.Established {
			t.Errorf("the older one: %+v", k)
		}
		q := policy.Question{At: day(80), Author: address(t, "x@else.example"), Recipients: []mail.Address{address(t, "erika@example.org")}, Domains: []mail.Domain{"maridonia.com"}}
		if r, err := w.Recall(t.Context(), q); err != nil || r.Domains[0].State != policy.Shadow {
			t.Errorf("in Cc: %+v, %v", r.Domains, err)
		}
		w.again()
	}
	if err := w.Allow(t.Context(), policy.Decision{Sender: "maridonia.com", Target: "maridonia.de", Allow: true, At: day(80)}); err != nil {
		t.Fatal(err)
	}
	if s := w.state(81, "x@maridonia.com"); s != policy.Established {
		t.Errorf("allowed: %q", s)
	}
}

func TestATwinIsAShadowInAConversationOfTheOlderOne(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "x@maridonia.de")
	genuine := w.from(20, "x@maridonia.de")
	w.learn(genuine)
	for _, n := range []int{20, 30, 40} {
		w.learn(w.to(n, "x@maridonia.com", "max@example.org"))
	}
	w.learn(w.to(41, "x@maridonia.com", "max@example.org", genuine.ID))
	own := w.to(41, "x@maridonia.com", "max@example.org")
	w.learn(own)
	if !w.askedBy(42, "x@maridonia.com", "max@example.org", own.ID).Thread.Wrote || w.askedBy(42, "x@maridonia.com", "erika@example.org", own.ID).Thread.Wrote {
		t.Error("in its own conversation: expected that it wrote, but not to one who knows the older one")
	}
	r := w.askedBy(42, "x@maridonia.com", "max@example.org", genuine.ID)
	if r.Author.State != policy.Shadow || r.Thread.Wrote || !slices.Contains(r.Thread.Participants, "maridonia.de") || slices.Contains(r.Thread.Participants, "maridonia.com") {
		t.Errorf("%+v", r)
	}
}

func TestNewTwinsCrowdNobodyOut(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "x@maridonia.de")
	for _, tld := range []string{"at", "be", "ch", "cz", "dk", "es", "fi", "fr", "gr", "hu", "ie", "it", "lt", "lu", "lv", "nl", "no", "pl", "pt", "ro", "se"} {
		for _, n := range []int{20, 30, 40} {
			w.learn(w.to(n, "x@maridonia."+tld, "max@example.org"))
		}
	}
	w.learn(w.from(50, "x@maridonia.com"))
	if k := w.ask(51, "x@maridonia.com").Author; k.State != policy.Shadow || k.ShadowOf != "maridonia.de" {
		t.Errorf("%+v", k)
	}
}

func TestSignaturesOfATwinProveIt(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "x@maridonia.de")
	for n := range 3 {
		o := w.from(20+n, "x@maridonia.com")
		o.SignedBy = []mail.Domain{"maridonia.de"}
		w.learn(o)
	}
	if k := w.ask(30, "x@maridonia.com").Author; k.State != policy.Seen || !slices.Equal(k.ProvenFor, []mail.Domain{"maridonia.de"}) {
		t.Errorf("%+v", k)
	}
}

func TestDecisionsOnOtherDomainsOfTheMessageAreTold(t *testing.T) {
	w := newWorld(t)
	for i, d := range []policy.Decision{
		{Sender: "author.example", Target: "a.example"}, {Sender: "hartmanns.example", Target: "hartmann.example", Allow: true},
		{Sender: "hartmanns.example", Target: "other.example", Recipient: "max@example.org"}, {Sender: "not-shown.example", Target: "a.example"},
	} {
		d.At = day(i)
		if err := w.Allow(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	q := policy.Question{At: day(10), Author: address(t, "x@author.example"), Recipients: []mail.Address{address(t, "erika@example.org")},
		Domains: []mail.Domain{"mail.hartmanns.example", "hartmanns.example", "author.example"}}
	r, err := w.Recall(t.Context(), q)
	if err != nil || len(r.Decisions) != 2 || r.Decisions[0].Sender != "author.example" || r.Decisions[1].Target != "hartmann.example" {
		t.Errorf("%+v, %v", r.Decisions, err)
	}
}

func TestWhatWasDoneToDecisionsIsKept(t *testing.T) {
	w := newWorld(t)
	d := policy.Decision{Sender: "a.example", Target: "b.example", Allow: true, Who: "eve", Why: "asked", At: day(0)}
	if err := w.Allow(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	d.Who, d.Why, d.At = "jo", "a fraud", day(1)
	if err := w.Withdraw(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := w.Withdraw(t.Context(), d); err != ErrNotFound {
		t.Error(err)
	}
	d.Allow, d.At = false, day(2)
	if err := w.Allow(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := w.Withdraw(t.Context(), policy.Decision{Sender: d.Sender, Target: d.Target}); err != nil {
		t.Fatal(err)
	}
	w.again()
	all, err := w.Changes(t.Context(), 10)
	if err != nil || len(all) != 4 || all[0].Act != Revoked || all[0].At.IsZero() || all[1].Act != Blocked || all[1].Who != "jo" || all[3].Act != Allowed || all[3].Who != "eve" ||
		all[2] != (Change{day(1), Revoked, "jo", "a fraud", "a.example", "b.example", ""}) {
		t.Errorf("%+v, %v", all, err)
	}
	if all, err := w.Changes(t.Context(), 1); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestAnAllowanceThatDoesNotMatterFor400DaysEnds(t *testing.T) {
	w := newWorld(t)
	for i, sender := range []mail.Domain{"unused.example", "used.example", "blocked.example"} {
		if err := w.Allow(t.Context(), policy.Decision{Sender: sender, Target: "hartmann.example", Allow: i < 2, At: day(0)}); err != nil {
			t.Fatal(err)
		}
	}
	left := func() (senders []mail.Domain) {
		all, err := w.Decisions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range all {
			senders = append(senders, d.Sender)
		}
		return senders
	}
	w.sweepTo(0, 99)
	w.ask(100, "x@used.example")
	w.sweepTo(100, 100)
	w.again() // the day is on the disk
	w.sweepTo(101, 400)
	if got := left(); len(got) != 3 {
		t.Errorf("after 400 days: %v", got)
	}
	w.sweepTo(401, 402)
	if got := left(); !slices.Equal(got, []mail.Domain{"blocked.example", "used.example"}) {
		t.Errorf("after 402 days: %v", got)
	}
	w.sweepTo(403, 502)
	if got := left(); !slices.Equal(got, []mail.Domain{"blocked.example"}) {
		t.Errorf("after 502 days: %v", got)
	}
	if r := w.ask(502, "x@used.example"); len(r.Decisions) != 0 {
		t.Errorf("%+v", r.Decisions)
	}
	if all, err := w.Changes(t.Context(), 1); err != nil || len(all) != 1 || all[0].Act != Expired || all[0].Sender != "used.example" {
		t.Errorf("%+v, %v", all, err)
	}
}

// Two strangers who write on one day are told apart by the second.
func TestWhoWroteFirstIsToldToTheSecond(t *testing.T) {
	w := newWorld(t)
	first, second := w.from(0, "a@maridonia.de"), w.from(0, "a@rnaridonia.de")
	second.At = second.At.Add(time.Second)
	w.learn(first, second)
	for range 2 {
		one, two := w.ask(1, "a@maridonia.de").Author, w.ask(1, "a@rnaridonia.de").Author
		if !one.First.Equal(first.At) || !two.First.Equal(second.At) || one.State != policy.Seen || two.State != policy.Seen {
			t.Errorf("%+v, %+v", one, two)
		}
		w.again()
	}
}

func TestWhoIsVouchedForIsTold(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Import(t.Context(), []Imported{{Domain: "maridonia.de", Established: true, First: day(-900)}, {Domain: "undated.example", Established: true}, {Domain: "named.example"}}); err != nil {
		t.Fatal(err)
	}
	w.learn(w.from(0, "a@written.example"))
	for d, want := range map[string]bool{"maridonia.de": true, "undated.example": true, "named.example": false, "written.example": false, "unheard.example": false} {
		if k := w.ask(1, "a@"+d).Author; k.Imported != want || d == "undated.example" && !k.First.IsZero() {
			t.Errorf("%s: %+v", d, k)
		}
	}
	if near := w.ask(1, "a@rnaridonia.de").Near; len(near) != 1 || !near[0].Known.Imported {
		t.Errorf("%+v", near)
	}
	// A list without days takes none back.
	if _, err := w.Import(t.Context(), []Imported{{Domain: "maridonia.de", Established: true}}); err != nil {
		t.Fatal(err)
	}
	if k := w.ask(1, "a@maridonia.de").Author; k.First.Format(time.DateOnly) != day(-900).Format(time.DateOnly) {
		t.Errorf("since %v", k.First)
	}
}
