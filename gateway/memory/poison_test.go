package memory

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"mxgate/gateway/calendar"
	"mxgate/gateway/memory/digest"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// The poisoning attack of the issue: a look-alike with aligned mail, warmed up
// for 60 days, whose 200 messages are answered.
func TestAWarmedUpLookalikeStaysAShadow(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "billing@hartmann.example")
	for i := range 200 {
		n := 20 + i*60/200
		o := w.from(n, "billing@hartrnann.example", fmt.Sprintf("answer%d@example.org", i))
		o.SignedBy = []mail.Domain{"hartrnann.example"}
		w.learn(o, w.outbound(n, "billing@hartrnann.example", fmt.Sprintf("answer%d@example.org", i+1), o.ID))
	}
	for range 2 {
		r := w.ask(81, "billing@hartrnann.example", "answer7@example.org")
		if r.Author.State != policy.Shadow || r.Author.ShadowOf != "hartmann.example" || r.Author.Messages != 200 || r.Thread.Wrote {
			t.Errorf("%+v", r)
		}
		if len(r.Near) != 1 || r.Near[0].Target != "hartmann.example" || r.Near[0].Known.State != policy.Established || r.Near[0].Known.Messages != 3 {
			t.Errorf("Near %+v", r.Near)
		}
		if slices.Contains(r.Thread.Participants, "hartrnann.example") {
			t.Error("the shadow is a participant")
		}
		if r := w.ask(81, "billing@hartmann.example"); len(r.Near) != 0 || r.Author.State != policy.Established {
			t.Errorf("a shadow counts as neighbour: %+v", r)
		}
		w.again()
	}
	// Freed, it begins as one that was never answered.
	if err := w.Allow(t.Context(), policy.Decision{Sender: "hartrnann.example", Target: "hartmann.example", Allow: true, At: day(82)}); err != nil {
		t.Fatal(err)
	}
	w.learn(w.from(82, "billing@hartrnann.example"))
	if s := w.state(82, "billing@hartrnann.example"); s != policy.Established {
		t.Errorf("freed: %q", s)
	}
	if err := w.Withdraw(t.Context(), policy.Decision{Sender: "hartrnann.example", Target: "hartmann.example"}); err != nil {
		t.Fatal(err)
	}
	if r := w.ask(82, "billing@hartmann.example"); w.state(82, "billing@hartrnann.example") != policy.Shadow || len(r.Near) != 0 {
		t.Errorf("revoked: %+v", r)
	}
	// A third name beside the shadow: the shadow shields it from nothing, and
	// throws none itself.
	w.learn(w.from(82, "x@hartmanm.example"))
	if k := w.ask(82, "x@hartmanm.example").Author; k.ShadowOf == "hartrnann.example" {
		t.Errorf("%+v", k)
	}
}

func TestALookalikeOfOurOwnDomainIsAShadowAtOnce(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Own, c.Protected = []mail.Domain{"muellerbau.example"}, []mail.Domain{"sparkassenbund.example"}
	})
	for author, of := range map[string]mail.Domain{"x@muel1erbau.example": "muellerbau.example", "x@sparkasenbund.example": "sparkassenbund.example"} {
		w.learn(w.from(0, author), w.from(10, author), w.from(20, author))
		if k := w.ask(20, author).Author; k.State != policy.Shadow || k.ShadowOf != of {
			t.Errorf("%+v", k)
		}
	}
	w.establish(0, "x@sparkassenbund.example")
}

// The genuine domain is established while the look-alike warms up beside it.
func TestPromotionLooksAgainForAnOlderDomain(t *testing.T) {
	w := newWorld(t)
	own := w.from(3, "b@hartrnann.example")
	w.learn(w.from(0, "a@hartmann.example"), own, w.from(7, "a@hartmann.example"), w.from(10, "b@hartrnann.example"))
	if s := w.state(10, "b@hartrnann.example"); s != policy.Seen {
		t.Fatalf("%q", s)
	}
	w.learn(w.from(14, "a@hartmann.example"), w.from(20, "b@hartrnann.example"))
	if k := w.ask(20, "b@hartrnann.example").Author; k.State != policy.Shadow || k.ShadowOf != "hartmann.example" {
		t.Errorf("%+v", k)
	}
	if s := w.state(20, "a@hartmann.example"); s != policy.Established {
		t.Errorf("the older one: %q", s)
	}
	if th := w.ask(20, "b@hartrnann.example", own.ID).Thread; th.Wrote || !slices.Equal(th.Participants, []mail.Domain{"example.org"}) {
		t.Errorf("in the thread that it began before: %+v", th)
	}
}

// Who sees a partner's first mail, and writes under a look-alike at once, is no
// older for that.
func TestALookalikeThatFirstWritesTheSameDayIsTheYoungerOne(t *testing.T) {
	w := newWorld(t)
	later := w.from(0, "x@hartrnann.example")
	later.At = later.At.Add(time.Minute)
	w.learn(w.from(0, "a@hartmann.example"), later)
	w.again() // the order is on the disk
	w.learn(w.from(7, "a@hartmann.example"), w.from(14, "a@hartmann.example"), w.from(30, "x@hartrnann.example"), w.from(31, "x@hartrnann.example"))
	for range 2 {
		if k := w.ask(40, "x@hartrnann.example").Author; k.State != policy.Shadow || k.ShadowOf != "hartmann.example" {
			t.Errorf("%+v", k)
		}
		if s := w.state(40, "a@hartmann.example"); s != policy.Established {
			t.Errorf("the older one: %q", s)
		}
		w.again()
	}
}

func TestAnEarlierMailFoundInAnArchiveMovesTheFirstContact(t *testing.T) {
	w := newWorld(t)
	at := func(hour int, author string) policy.Observation {
		o := w.from(0, author)
		o.At = o.At.Add(time.Duration(hour) * time.Hour)
		return o
	}
	w.learn(at(2, "a@hartmann.example"), at(1, "x@hartrnann.example"))
	w.learn(at(-3, "a@hartmann.example")) // when its row is written already
	w.again()
	w.learn(w.from(7, "a@hartmann.example"), w.from(14, "a@hartmann.example"), w.from(30, "x@hartrnann.example"), w.from(31, "x@hartrnann.example"))
	if s := w.state(40, "x@hartrnann.example"); s != policy.Shadow {
		t.Errorf("%q", s)
	}
}

func TestTwoOfTheSameMomentExemptEachOther(t *testing.T) {
	w := newWorld(t)
	for _, n := range []int{0, 7, 14} {
		w.learn(w.from(n, "a@hartmann.example"), w.from(n, "b@hartmanm.example"))
	}
	for _, a := range []string{"a@hartmann.example", "b@hartmanm.example"} {
		if k := w.ask(14, a).Author; k.State != policy.Established {
			t.Errorf("%s: %+v", a, k)
		}
	}
	if _, err := w.Import(t.Context(), []Imported{{Domain: "weber-stahl.example", Established: true, First: day(-900)}, {Domain: "weber-stahI.example", Established: true},
		{Domain: "weberstahl.example", First: day(-10), Established: true}, {Domain: "example.org"}, {Domain: "example"}}); err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{"a@weber-stahl.example", "a@weberstahl.example"} {
		if k := w.ask(14, a).Author; k.State != policy.Established {
			t.Errorf("%s: %+v", a, k)
		}
	}
	if k := w.ask(14, "a@weber-stahl.example").Author; !k.First.Equal(calendar.TimeOf(calendar.DayOf(day(-900)))) {
		t.Errorf("%+v", k)
	}
	// A list does not make a look-alike of what was known before it.
	if _, err := w.Import(t.Context(), []Imported{{Domain: "hartrnann.example", First: day(5), Established: true}}); err != nil {
		t.Fatal(err)
	}
	if k := w.ask(14, "a@hartrnann.example").Author; k.State != policy.Shadow {
		t.Errorf("%+v", k)
	}
}

func TestAGroupFreesFromTheShadow(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Groups = [][]mail.Domain{{"hartmann.example", "hartmanns.example"}} })
	w.establish(0, "a@hartmann.example")
	w.establish(20, "a@hartmanns.example")
	w.learn(w.from(20, "a@hartmanm.example"))
	if s := w.state(20, "a@hartmanm.example"); s != policy.Shadow {
		t.Errorf("one that is in no group: %q", s)
	}
}

func TestSignaturesOfTheTargetFreeFromTheShadow(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	for i := range 3 {
		if s := w.state(20+i, "a@hartmanns.example"); i > 0 && s != policy.Shadow {
			t.Errorf("after %d signatures: %q", i, s)
		}
		o := w.from(20+i, "a@hartmanns.example")
		o.SignedBy = []mail.Domain{"mail.other.example", "mail.hartmann.example"}
		w.learn(o)
	}
	for range 2 {
		if k := w.ask(23, "a@hartmanns.example").Author; k.State != policy.Seen || !slices.Equal(k.ProvenFor, []mail.Domain{"hartmann.example"}) || k.ShadowOf != "" {
			t.Errorf("%+v", k)
		}
		w.again()
	}
	w.learn(w.from(40, "a@hartmanns.example"))
	if s := w.state(40, "a@hartmanns.example"); s != policy.Established {
		t.Errorf("%q", s)
	}
}

func TestADecisionFreesFromTheShadowOfItsTargetAlone(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	w.establish(0, "a@hartmans.example")
	w.learn(w.from(20, "x@hartmanns.example"))
	first := w.ask(20, "x@hartmanns.example").Author
	if first.State != policy.Shadow {
		t.Fatalf("no look-alike: %+v", first)
	}
	allow := func(target mail.Domain, recipient string) {
		t.Helper()
		if err := w.Allow(t.Context(), policy.Decision{Sender: "hartmanns.example", Target: target, Recipient: recipient, Allow: true, Who: "admin", Why: "asked", At: day(20), Expires: day(50)}); err != nil {
			t.Fatal(err)
		}
	}
	allow(first.ShadowOf, "erika@example.org")
	if s := w.state(21, "x@hartmanns.example"); s != policy.Shadow {
		t.Errorf("a decision for one mailbox: %q", s)
	}
	allow(first.ShadowOf, "")
	second := w.ask(21, "x@hartmanns.example").Author
	if second.State != policy.Shadow || second.ShadowOf == first.ShadowOf {
		t.Errorf("still one more: %+v", second)
	}
	allow(second.ShadowOf, "")
	w.again()
	if s := w.state(21, "x@hartmanns.example"); s != policy.Seen {
		t.Errorf("free of both: %q", s)
	}
	w.learn(w.from(30, "x@hartmanns.example"), w.from(40, "x@hartmanns.example"))
	if s := w.state(40, "x@hartmanns.example"); s != policy.Established {
		t.Errorf("%q", s)
	}
	if s := w.state(51, "x@hartmanns.example"); s != policy.Shadow {
		t.Errorf("after the decision has ended: %q", s)
	}
	if err := w.Sweep(day(51)); err != nil { // twice: the clock may have jumped
		t.Fatal(err)
	}
	if err := w.Withdraw(t.Context(), policy.Decision{Sender: "hartmanns.example", Target: second.ShadowOf}); err != nil {
		t.Fatal(err)
	}
	if s := w.state(41, "x@hartmanns.example"); s != policy.Shadow {
		t.Errorf("after it was revoked: %q", s)
	}
}

// An attacker with a stolen id wants to be one of those who wrote.
func TestAStolenIDMakesNobodyAParticipant(t *testing.T) {
	w := newWorld(t)
	genuine := w.from(0, "a@hartmann.example")
	w.learn(genuine)
	join := w.from(1, "a@hartrnann.example", genuine.ID)
	join.Parties = []mail.Domain{"hartmanm.example", "harmless.example"}
	w.learn(join, w.from(2, "a@hartrnann.example", join.ID))
	if th := w.ask(3, "a@hartrnann.example", genuine.ID).Thread; th.Wrote || !slices.Equal(th.Participants, []mail.Domain{"hartmann.example", "example.org"}) {
		t.Errorf("%+v", th)
	}
	stranger := w.from(3, "new@colleague.example", genuine.ID)
	stranger.Parties = []mail.Domain{"planted.example"}
	w.learn(stranger)
	if th := w.ask(3, "x@planted.example", genuine.ID).Thread; slices.Contains(th.Participants, "planted.example") {
		t.Errorf("a stranger brings others into a thread that he joins: %+v", th)
	}
	if th := w.ask(3, "new@colleague.example", genuine.ID).Thread; !th.Wrote {
		t.Errorf("who resembles nobody may join: %+v", th)
	}
	// He brings a thread of his own in which he wrote.
	own := w.from(3, "b@hartmanm.example")
	w.learn(own, w.from(3, "b@hartmanm.example", own.ID))
	if th := w.ask(4, "b@hartmanm.example", own.ID, genuine.ID).Thread; th.Wrote || !slices.Contains(th.Participants, "hartmann.example") {
		t.Errorf("two threads: %+v", th)
	}
	w.learn(w.from(4, "b@hartmanm.example", own.ID, genuine.ID))
	if th := w.ask(4, "b@hartmanm.example", genuine.ID).Thread; th.Wrote {
		t.Errorf("the thread he carried himself into: %+v", th)
	}
	// He uses the id itself.
	again := w.from(5, "c@unrelated.example")
	again.ID = genuine.ID
	w.learn(again)
	if th := w.ask(5, "c@unrelated.example", genuine.ID).Thread; th.Wrote || th.Messages != 5 {
		t.Errorf("an id used twice: %+v", th)
	}
}

func TestAThreadOfHisOwnCrowdsNobodyOut(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	genuine := w.from(20, "a@hartmann.example")
	own := w.from(19, "x@crowd.example")
	w.learn(own)
	for i := range 5 {
		o := w.from(19, fmt.Sprintf("x@%s", domainName(i)), own.ID)
		w.learn(o)
	}
	for i := range 40 {
		w.learn(w.from(19, "x@"+domainName(100+i*7), own.ID))
	}
	w.learn(genuine)
	if th := w.ask(20, "x@crowd.example", own.ID, genuine.ID).Thread; len(th.Participants) != 32 || !slices.Contains(th.Participants, "hartmann.example") {
		t.Errorf("%+v", th)
	}
}

func TestAFloodOfIDsInOneMessageIsCut(t *testing.T) {
	w := newWorld(t)
	o := w.from(0, "a@partner.example")
	for i := range 10_000 {
		o.Cited = append(o.Cited, fmt.Sprintf("flood%d@partner.example", i))
		o.Recipients = append(o.Recipients, address(t, fmt.Sprintf("u%d@example.org", i)))
		o.Parties = append(o.Parties, mail.Domain(fmt.Sprintf("p%d.example", i)))
	}
	w.learn(o)
	st, err := w.Stats(t.Context())
	if err != nil || st.IDs != digest.MaxCited+1 || st.Edges != digest.MaxRecipients || len(w.ram.byName) > digest.MaxParties+2 {
		t.Errorf("%+v, %d domains, %v", st, len(w.ram.byName), err)
	}
	if _, err := w.Recall(t.Context(), policy.Question{At: day(0), Author: o.Author, Cited: o.Cited, Recipients: o.Recipients, Domains: o.Parties, Accounts: make([]string, 1000)}); err != nil {
		t.Error(err)
	}
}

// What 100,000 aligned throw-away domains achieve: they take each other's room.
func TestAFloodOfAlignedDomainsDoesNotEvictWhatIsKnown(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Limits = Limits{IDs: 4000, Threads: 4000, Edges: 2000, Names: 2000, Domains: 1000, NewDomains: 300, NewIDs: 1500, FromNew: 20, FromKnown: 500, Queue: 100_000}
	})
	w.establish(0, "a@hartmann.example")
	known := w.from(20, "a@hartmann.example")
	known.Name = "Jo"
	w.learn(known)
	for n := range 10 {
		for i := range 2000 {
			o := w.from(30+n, "x@"+domainName(n*2000+i))
			o.Name = "Jo"
			w.Learn(o)
		}
		for range 200 {
			w.Learn(w.from(30+n, "y@"+domainName(n*2000)))
		}
		w.flush()
	}
	w.again()
	r, err := w.Recall(t.Context(), policy.Question{At: day(40), Author: known.Author, Name: "Jo", Recipients: known.Recipients, Cited: []string{known.ID}})
	if err != nil || r.Author.State != policy.Established || !r.Thread.Wrote || r.Author.ToUs != 4 || !slices.Contains(r.Named, "hartmann.example") {
		t.Errorf("%+v, %v", r, err)
	}
	st, err := w.Stats(context.Background())
	if err != nil || st.IDs > 4000 || st.Threads > 4000 || st.Edges > 2000 || st.Names > 2000 || len(w.ram.byName) > 1001 {
		t.Errorf("%+v, %v", st, err)
	}
	if got := w.state(40, "x@"+domainName(9*2000)); got != policy.Seen {
		t.Errorf("the flood of the last day is not among what is remembered: %q", got)
	}
}

func TestANameBornFirstByAnotherIsNotSharedWithAStranger(t *testing.T) {
	w := newWorld(t)
	named := func(n int, author string) policy.Observation {
		o := w.from(n, author)
		o.Name = "Erika Muster"
		return o
	}
	w.learn(named(0, "e@hartmann.example"), named(1, "e@stranger.example"))
	ask := func() []mail.Domain {
		r, err := w.Recall(t.Context(), policy.Question{At: day(1), Name: "Erika Muster", Recipients: []mail.Address{address(t, "erika@example.org")}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Named
	}
	if got := ask(); !slices.Equal(got, []mail.Domain{"hartmann.example"}) {
		t.Errorf("%v", got)
	}
	w.establish(2, "e@second.example")
	w.learn(named(20, "e@second.example"))
	if got := ask(); !slices.Equal(got, []mail.Domain{"hartmann.example", "second.example"}) {
		t.Errorf("%v", got)
	}
}

func TestTheLimitsOfADay(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Limits = Limits{FromNew: 5, FromKnown: 8, NewDomains: 3, Promotions: 1, NewIDs: 12}
	})
	ids := func() int {
		st, err := w.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st.IDs
	}
	for range 10 {
		w.learn(w.from(0, "a@"+domainName(0)))
	}
	if n := ids(); n != 5 {
		t.Errorf("%d ids of one new domain", n)
	}
	for range 10 {
		w.learn(w.from(0, "a@"+domainName(1)), w.from(0, "a@"+domainName(2)))
	}
	if n := ids(); n != 12 {
		t.Errorf("%d ids of all new domains", n)
	}
	if k := w.ask(0, "a@"+domainName(0)).Author; k.Messages != 10 {
		t.Errorf("contact is counted beyond the limit: %+v", k)
	}
	w.learn(w.from(0, "a@"+domainName(3)))
	if s := w.state(0, "a@"+domainName(3)); s != policy.Unseen {
		t.Errorf("the fourth new domain: %q", s)
	}
	w.learn(w.outbound(0, "a@"+domainName(4), ""))
	if s := w.state(0, "a@"+domainName(4)); s != policy.Seen {
		t.Errorf("one that we write to: %q", s)
	}
	for _, n := range []int{7, 14} {
		w.learn(w.from(n, "a@"+domainName(0)), w.from(n, "a@"+domainName(1)))
	}
	if a, b := w.state(14, "a@"+domainName(0)), w.state(14, "a@"+domainName(1)); a != policy.Established || b != policy.Seen {
		t.Errorf("promoted on one day: %q, %q", a, b)
	}
	w.learn(w.from(15, "a@"+domainName(1)))
	if s := w.state(15, "a@"+domainName(1)); s != policy.Established {
		t.Errorf("on the next: %q", s)
	}
	before := ids()
	for range 20 {
		w.learn(w.from(16, "a@"+domainName(0)))
	}
	if n := ids() - before; n != 8 {
		t.Errorf("%d ids of an established domain", n)
	}
}
