package memory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mxgate/policy"
	"mxgate/policy/mail"
)

// asks is a question of a stranger's, or whoever it is, to max@example.org, who
// corresponds with nobody.
func (w *world) asks(n int, author string, shown []mail.Domain, cited ...string) policy.Recollection {
	w.Helper()
	r, err := w.Recall(w.Context(), policy.Question{At: day(n), Author: address(w, author), Recipients: []mail.Address{address(w, "max@example.org")}, Domains: shown, Cited: cited})
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// Mail of one with forty in Cc with whom we correspond, and its ids cited beside
// the stolen one.
func TestWhoWroteOrIsResembledIsNotCrowdedOutByWhoIsKnownBetter(t *testing.T) {
	const crowd = 40
	w := newWorld(t)
	var refs []string
	for i := range crowd {
		author := "x@" + domainName(i*977)
		for _, n := range []int{0, 7, 14} {
			w.learn(w.from(n, author), w.outbound(n, author, ""))
		}
	}
	for i := 0; i < crowd; i += 8 {
		o := w.from(30, "x@unlike.example")
		for j := range 8 {
			o.Parties = append(o.Parties, mail.Domain(domainName((i+j)*977)))
		}
		w.learn(o)
		refs = append(refs, o.ID)
	}
	w.establish(15, "a@knownvendor.example")
	known, fresh := w.from(31, "a@knownvendor.example"), w.from(31, "a@hartmann.example")
	fresh.Parties = []mail.Domain{"maridonia.example", "alderwood.example"} // who never wrote here
	w.learn(known, fresh)
	refs = append(refs, known.ID, fresh.ID)
	for range 2 {
		for author, want := range map[string]mail.Domain{
			"x@stranger.example": "knownvendor.example", "x@hartrnann.example": "hartmann.example", "x@hartmann-group.com": "hartmann.example",
			"x@maradonya.example": "maridonia.example", "x@alderwood.docs-share.com": "alderwood.example", "x@alderwood.com": "alderwood.example", "x@knownvendor-invoice.com": "knownvendor.example",
		} {
			th := w.ask(32, author, refs...).Thread
			if len(th.Participants) != 32 || !slices.Contains(th.Participants, want) {
				t.Errorf("%s: %q is not among the %d participants", author, want, len(th.Participants))
			}
		}
		w.again()
	}
}

func TestWhoIsShownTheOlderOneNeedNotKnowIt(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	for _, fake := range []string{"x@hartmann-group.example", "x@hartmann.com"} {
		w.warm(fake, "max@example.org")
		for range 2 {
			if k := w.asks(82, fake, nil).Author; k.State != policy.TwoWay {
				t.Errorf("%s on its own: %+v", fake, k)
			}
			if k := w.asks(82, fake, []mail.Domain{"hartmann.example"}).Author; k.State != policy.Shadow || k.ShadowOf != "hartmann.example" {
				t.Errorf("%s beside hartmann.example: %+v", fake, k)
			}
			if k := w.asks(82, "a@hartmann.example", []mail.Domain{"hartmann.com"}); k.Author.State == policy.Shadow || k.Domains[0].State == policy.Shadow {
				t.Errorf("a twin in Cc of the older one: %+v", k)
			}
			w.again()
		}
	}
}

// To show an older twin of somebody who takes part does not put that one out of his
// conversation.
func TestWhatAMessageShowsTakesNobodyOutOfAConversation(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	w.warm("x@hartmann.com", "max@example.org")
	genuine := w.to(81, "x@hartmann.com", "max@example.org")
	w.learn(genuine)
	th := w.asks(82, "x@stranger.example", []mail.Domain{"hartmann.example", "hartmann.com"}, genuine.ID).Thread
	if !slices.Contains(th.Participants, "hartmann.com") {
		t.Errorf("%+v", th)
	}
}

// A vendor writes once a month, and the look-alike is established before him.
func TestWhoIsEstablishedBeforeAnOlderOneIsContestedWithIt(t *testing.T) {
	w := newWorld(t)
	first := w.from(0, "a@hartmann.example")
	w.learn(first, w.from(1, "x@hartrnann.example"), w.from(8, "x@hartrnann.example"), w.from(16, "x@hartrnann.example"))
	if k := w.ask(17, "x@hartrnann.example").Author; k.State != policy.Established || len(k.Contested) != 0 {
		t.Errorf("beside one of whom there was one mail: %+v", k)
	}
	w.learn(w.from(30, "a@hartmann.example"), w.from(60, "a@hartmann.example"))
	for range 2 {
		if k := w.ask(61, "x@hartrnann.example").Author; k.State != policy.Established || !slices.Equal(k.Contested, []mail.Domain{"hartmann.example"}) {
			t.Errorf("%+v", k)
		}
		if k := w.ask(61, "a@hartmann.example").Author; len(k.Contested) != 0 {
			t.Errorf("the older one: %+v", k)
		}
		if k := w.ask(61, "x@hartrnann.example", first.ID).Author; k.State != policy.Shadow || len(k.Contested) != 0 {
			t.Errorf("in its conversation: %+v", k)
		}
		w.again()
	}
	if err := w.Allow(t.Context(), policy.Decision{Sender: "hartrnann.example", Target: "hartmann.example", Allow: true, At: day(61)}); err != nil {
		t.Fatal(err)
	}
	if k := w.ask(62, "x@hartrnann.example").Author; len(k.Contested) != 0 {
		t.Errorf("allowed: %+v", k)
	}
}

// An administrator lists a vendor when its look-alike is answered already.
func TestWhoIsListedLaterPutsItsLookalikesInTheShade(t *testing.T) {
	w := newWorld(t)
	for _, fake := range []string{"hartrnann.example", "hartmann-group.example", "hartmann.com"} {
		w.warm("x@"+fake, "erika@example.org")
	}
	if _, err := w.Import(t.Context(), []Imported{{Domain: "hartmann.example", Established: true}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, fake := range []string{"hartrnann.example", "hartmann-group.example", "hartmann.com"} {
			k := w.ask(82, "x@"+fake).Author
			if k.State != policy.TwoWay || len(k.Contested) > 0 != (fake == "hartrnann.example") {
				t.Errorf("%s to one who does not know it: %+v", fake, k)
			}
			if k := w.asks(82, "x@"+fake, []mail.Domain{"hartmann.example"}).Author; k.State != policy.Shadow || k.ShadowOf != "hartmann.example" {
				t.Errorf("%s where it is shown: %+v", fake, k)
			}
		}
		w.again()
	}
	w.learn(w.from(83, "a@hartmann.example"))
	if k := w.ask(84, "x@hartrnann.example").Author; k.State != policy.Shadow {
		t.Errorf("to one who knows it: %+v", k)
	}
	if _, err := w.Import(t.Context(), []Imported{{Domain: "hartrnann.example", Established: true}}); err != nil {
		t.Fatal(err)
	}
	if k := w.ask(84, "x@hartrnann.example").Author; k.State != policy.TwoWay || len(k.Contested) > 0 {
		t.Errorf("listed itself: %+v", k)
	}
}

// corresponds has a house write every fortnight, and us answer or not.
func (w *world) corresponds(from, letters int, author string, answered bool) {
	w.Helper()
	for i := range letters {
		o := w.from(from+14*i, author)
		if w.learn(o); answered {
			w.learn(w.outbound(from+14*i, author, "", o.ID))
		}
	}
}

// Its elder brother is listed, without a day, when we have answered it for long. What
// it may not do as his Shadow it may not do as his rival: policy asks for money.
func TestWhomWeAnswerForLongIsNoShadowOfOneThatIsListedLater(t *testing.T) {
	const later = 4000 // days: an import is of today, or of what was learned last
	for _, c := range []struct {
		name           string
		before, after  int // letters
		answered, free bool
	}{
		{"for long", 14, 0, true, true},
		{"for weeks", 4, 0, true, false},
		{"for long, but in hardly any letters", 1, 0, true, false},
		{"for weeks, and then for long", 4, 14, true, false},
		{"for long, and nobody answered", 14, 0, false, false},
	} {
		w := newWorld(t)
		if c.before == 1 {
			w.establish(later-180, "x@hartrnann.example")
		}
		w.corresponds(later-14*c.before, c.before, "x@hartrnann.example", c.answered)
		if _, err := w.Import(t.Context(), []Imported{{Domain: "hartmann.example", Established: true}}); err != nil {
			t.Fatal(err)
		}
		w.corresponds(later+1, c.after, "x@hartrnann.example", c.answered)
		genuine := w.from(later+300, "a@hartmann.example")
		w.learn(genuine)
		for range 2 {
			want := policy.KnownDomain{State: policy.Shadow, ShadowOf: "hartmann.example"}
			if c.free {
				want = policy.KnownDomain{State: policy.TwoWay, Contested: []mail.Domain{"hartmann.example"}}
			}
			for where, k := range map[string]policy.KnownDomain{
				"to one who knows the other": w.ask(later+301, "x@hartrnann.example").Author,
				"where the other is shown":   w.asks(later+301, "x@hartrnann.example", []mail.Domain{"hartmann.example"}).Author,
			} {
				if k.State != want.State || k.ShadowOf != want.ShadowOf || !slices.Equal(k.Contested, want.Contested) {
					t.Errorf("%s, %s: %+v", c.name, where, k)
				}
			}
			if k := w.ask(later+301, "x@hartrnann.example", genuine.ID).Author; k.State != policy.Shadow {
				t.Errorf("%s, in the other's conversation: %+v", c.name, k)
			}
			w.again()
		}
	}
}

func TestAnAccountOfWhoeverJoinsIsNoneOfTheConversation(t *testing.T) {
	const ours, theirs, his = "DE89370400440532013000", "GB29NWBK60161331926819", "NO9386011117947"
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	w.establish(0, "x@helper.example")
	w.learn(w.outbound(20, "a@hartmann.example", "order@example.org"))
	bill := w.from(21, "a@hartmann.example", "order@example.org")
	bill.Accounts = []string{theirs}
	join := w.from(22, "x@helper.example", "order@example.org", bill.ID)
	join.Accounts = []string{his}
	back := w.outbound(23, "a@hartmann.example", "paid@example.org", bill.ID)
	back.Accounts = []string{ours}
	w.learn(bill, join, back)
	r, err := w.Recall(t.Context(), policy.Question{At: day(24), Author: address(t, "x@stranger.example"), Cited: []string{bill.ID}, Accounts: []string{ours, theirs, his}})
	if err != nil || r.Thread.Accounts != 2 || !slices.Equal(r.Thread.NewAccounts, []string{his}) {
		t.Errorf("%+v, %v", r.Thread, err)
	}
}

func TestWhatFollowsAPlusSignIsTheSameMailbox(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	w.warm("x@hartmann-group.example", "max@example.org")
	for to, want := range map[string]policy.State{"erika+bills@example.org": policy.Shadow, "Erika+a+b@example.org": policy.Shadow, "max+bills@example.org": policy.TwoWay, "+erika@example.org": policy.TwoWay} {
		if s := w.askedBy(82, "x@hartmann-group.example", to).Author.State; s != want {
			t.Errorf("%s: %q", to, s)
		}
	}
	if err := w.Forget(t.Context(), Forgotten{Recipient: "erika+x@example.org"}); err != nil {
		t.Fatal(err)
	}
	if s := w.state(82, "x@hartmann-group.example"); s != policy.TwoWay {
		t.Errorf("forgotten: %q", s)
	}
}

func TestWhoResemblesAParticipantFaintlyIsNotBroughtIntoItsConversation(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "x@helper.example")
	genuine := w.from(20, "a@maridonia.example")
	join := w.from(21, "x@helper.example", genuine.ID)
	join.Parties = []mail.Domain{"maradonya.example", "maridonia.docs-share.com", "harmless.example"}
	w.learn(genuine, join)
	if th := w.ask(22, "x@maradonya.example", genuine.ID).Thread; slices.Contains(th.Participants, "maradonya.example") || slices.Contains(th.Participants, "docs-share.com") || !slices.Contains(th.Participants, "harmless.example") {
		t.Errorf("%+v", th)
	}
}

// We are in every conversation, and have names below services ourselves.
func TestOurOwnNameBelowAServiceMayJoin(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "x@helper.example")
	genuine := w.from(20, "a@maridonia.example")
	ours := w.outbound(21, "a@maridonia.example", "21@example.org", genuine.ID)
	join := w.from(22, "x@helper.example", genuine.ID, ours.ID)
	join.Parties = []mail.Domain{"example.docs-share.com"}
	w.learn(genuine, ours, join)
	if th := w.ask(23, "a@maridonia.example", genuine.ID).Thread; !slices.Contains(th.Participants, "docs-share.com") {
		t.Errorf("%+v", th)
	}
}

// BenchmarkRecallOfAHostileMessage asks what costs most: known domains of his own
// with long names, each made of others, in Cc; ids of as many threads as are looked up,
// of members of his, too; and somebody established since, so that nothing is remembered.
//
//	go test -run xxx -bench Hostile ./gateway/memory
func BenchmarkRecallOfAHostileMessage(b *testing.B) {
	for _, threads := range []int{1, 100} {
		for shape, name := range map[string]func(i int) string{
			"words": func(i int) string {
				return "my-group-" + words[i%16] + words[i/16%16] + "-invoice-online-service-billing-" + string(rune('a'+i/256)) + ".com"
			},
			"alike": func(i int) string { return strings.Repeat("rnvvcl", 9) + fmt.Sprintf("%03d.com", i) },
			"joined": func(i int) string {
				return words[i%16] + words[i/2%16] + words[i/3%16] + words[i/5%16] + words[i/7%16] + words[i/11%16] + words[i/256%16] + ".com"
			},
			"short": func(i int) string {
				return "q" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + ".com"
			},
		} {
			b.Run(fmt.Sprintf("%s/%d", shape, threads), func(b *testing.B) { hostile(b, threads, name) })
		}
	}
}

func hostile(b *testing.B, threads int, name func(int) string) {
	w := newWorld(b, func(c *Config) {
		c.Limits.NewDomains, c.Limits.FromKnown = 100_000, 100_000
	})
	known := func(n string, first uint16) {
		if w.ram.byName[mail.Domain(n)] == nil {
			w.ram.settle(w.ram.enter(&domain{name: mail.Domain(n), first: first, established: true, answered: true}), noon)
		}
	}
	for i := range 256 {
		for _, tld := range []string{"com", "net", "org", "de", "at", "ch", "nl", "be"} {
			known(words[i%16]+words[i/16]+"."+tld, uint16(100+i))
			known(words[i%16]+"-"+words[i/16]+"-group."+tld, uint16(100+i))
		}
	}
	q := policy.Question{At: day(50), Author: address(b, "x@"+name(3500)), Recipients: []mail.Address{address(b, "erika@example.org")}}
	known(name(3500), 20_000)
	for i := range maxAsked {
		known(name(3600+i), uint16(20_000-i))
		q.Domains = append(q.Domains, mail.Domain(name(3600+i)))
	}
	for i := range 32 * threads {
		known(name(i), uint16(15_000+i))
	}
	for i := range threads {
		o := w.from(20, fmt.Sprintf("x@%s", name(i*32)))
		for j := range 4 { // eight at a time
			o.At, o.Parties = o.At.AddDate(0, 0, 1), nil
			for k := range 8 {
				o.Parties = append(o.Parties, mail.Domain(name(i*32+8*j+k)))
			}
			w.Learn(o)
			o.Cited, o.ID = append(o.Cited, o.ID), fmt.Sprintf("%d.%d", i, j)
		}
		q.Cited = append(q.Cited, o.Cited[0])
	}
	w.flush()
	for b.Loop() {
		w.ram.listed++
		if _, err := w.Recall(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
	r, _ := w.Recall(b.Context(), q)
	b.ReportMetric(float64(len(r.Thread.Participants)), "participants")
}
