package memory

import (
	"fmt"
	"slices"
	"testing"

	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// Names that an attacker makes of a known one, and that resemble it too little to
// be its Shadow to all.
var ofHartmann = []string{
	"hartmann-group.example", "my-hartmann.example", "hartmanngroup.example", "myhartmann.example", "my-hartmann-group.example", "hartmann-services.com",
	"hartmann-fjord.example", "fjordhartmann.example", "falcon-hartmann-fjord.example", "hartrnann-group.example", "hatrmann-group.example", "hartmann-group-intl.example",
}

// warm has a look-alike write for months, and be answered, to one of ours.
func (w *world) warm(author, recipient string) {
	w.Helper()
	for i := range 60 {
		o := w.to(20+i, author, recipient, "ours@example.org")
		w.learn(o, w.outbound(20+i, author, "", o.ID))
	}
}

func TestAWordAddedToAKnownNameIsAShadowToThoseWhoKnowIt(t *testing.T) {
	for _, fake := range ofHartmann {
		t.Run(fake, func(t *testing.T) {
			w := newWorld(t)
			w.establish(0, "a@hartmann.example")
			genuine := w.from(15, "a@hartmann.example")
			w.learn(genuine)
			author, other := "x@"+fake, "max@example.org"
			w.warm(author, "erika@example.org")
			w.learn(w.to(20, author, other), w.to(40, author, other))
			for range 2 {
				r := w.ask(81, author)
				if r.Author.State != policy.Shadow || r.Author.ShadowOf != "hartmann.example" || r.Author.Messages != 62 {
					t.Errorf("to one who knows hartmann.example: %+v", r.Author)
				}
				if len(r.Near) != 0 {
					t.Errorf("told on ordinary mail: %+v", r.Near)
				}
				if k := w.askedBy(81, author, other).Author; k.State != policy.TwoWay || k.ShadowOf != "" {
					t.Errorf("to one who does not: %+v", k)
				}
				r = w.askedBy(81, author, other, genuine.ID)
				if r.Author.State != policy.Shadow || r.Thread.Wrote || !slices.Contains(r.Thread.Participants, "hartmann.example") {
					t.Errorf("in a conversation of hartmann.example: %+v", r)
				}
				if s := w.state(81, "a@hartmann.example"); s != policy.Established {
					t.Errorf("the older one: %q", s)
				}
				w.again()
			}
		})
	}
}

func TestALetterInAShortNameIsAShadowToThoseWhoKnowIt(t *testing.T) {
	w := newWorld(t)
	for _, d := range []string{"velda.example", "okso.example", "abb.example"} {
		w.establish(0, "a@"+d)
	}
	for fake, of := range map[string]mail.Domain{"vleda.example": "velda.example", "velde.example": "velda.example", "okzo.example": "okso.example", "abc.example": "abb.example"} {
		w.warm("x@"+fake, "erika@example.org")
		r := w.ask(81, "x@"+fake)
		if r.Author.State != policy.Shadow || r.Author.ShadowOf != of {
			t.Errorf("%s: %+v", fake, r.Author)
		}
	}
}

func TestWhoIsFreedIsNoShadowOfHisKin(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Protected = []mail.Domain{"hartmann-europe.example"}
		c.Groups = [][]mail.Domain{{"hartmann.example", "hartmann-group.example"}}
	})
	w.establish(0, "a@hartmann.example")
	for _, d := range []string{"hartmann-europe.example", "hartmann-group.example", "hartmann-digital.example", "hartmann-services.example"} {
		w.warm("x@"+d, "erika@example.org")
	}
	for n := range 3 {
		o := w.from(82+n, "x@hartmann-services.example")
		o.SignedBy = []mail.Domain{"hartmann.example", "other.example"}
		w.learn(o)
	}
	if err := w.Allow(t.Context(), policy.Decision{Sender: "hartmann-digital.example", Target: "hartmann.example", Allow: true, At: day(81), Expires: day(90)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, d := range []string{"hartmann-europe.example", "hartmann-group.example", "hartmann-digital.example", "hartmann-services.example"} {
			if k := w.ask(86, "x@"+d).Author; k.State != policy.TwoWay {
				t.Errorf("%+v", k)
			}
		}
		if k := w.ask(86, "x@hartmann-services.example").Author; !slices.Equal(k.ProvenFor, []mail.Domain{"hartmann.example"}) {
			t.Errorf("%+v", k)
		}
		if s := w.state(91, "x@hartmann-digital.example"); s != policy.Shadow {
			t.Errorf("after the decision has ended: %q", s)
		}
		w.again()
	}
}

func TestTwoThatAnAdministratorListedAreNoShadowsOfEachOther(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Import(t.Context(), []Imported{{Domain: "hartmann.example", First: day(-900), Established: true}, {Domain: "hartmann-group.example", First: day(-800), Established: true}}); err != nil {
		t.Fatal(err)
	}
	genuine := w.from(0, "a@hartmann.example")
	w.learn(genuine)
	if s := w.ask(1, "a@hartmann-group.example", genuine.ID).Author.State; s != policy.Established {
		t.Errorf("%q", s)
	}
}

func TestWhatIsForgottenHasNoKin(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	w.warm("x@hartmann-group.example", "erika@example.org")
	if s := w.state(81, "x@hartmann-group.example"); s != policy.Shadow {
		t.Fatalf("%q", s)
	}
	if err := w.Forget(t.Context(), Forgotten{Recipient: "erika@example.org"}); err != nil {
		t.Fatal(err)
	}
	if s := w.state(81, "x@hartmann-group.example"); s != policy.TwoWay {
		t.Errorf("whom the recipient knows is forgotten: %q", s)
	}
	w.learn(w.from(82, "a@hartmann.example"))
	if s := w.state(83, "x@hartmann-group.example"); s != policy.Shadow {
		t.Errorf("known again: %q", s)
	}
	if err := w.Forget(t.Context(), Forgotten{Domain: "hartmann.example"}); err != nil {
		t.Fatal(err)
	}
	if s := w.state(84, "x@hartmann-group.example"); s != policy.TwoWay {
		t.Errorf("the older one is forgotten: %q", s)
	}
}

func TestWhoCameFirstIsNobodysKin(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "x@hartmann-group.example")
	w.establish(20, "a@hartmann.example")
	for _, d := range []string{"hartmann-group.example", "hartmann.example"} {
		if k := w.ask(40, "x@"+d).Author; k.State != policy.Established {
			t.Errorf("%+v", k)
		}
	}
}

// An honest house of the vendor's is somebody who can be imitated.
func TestKinTakePartInTheirOwnConversations(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	w.warm("x@hartmann-group.example", "erika@example.org")
	own := w.from(81, "x@hartmann-group.example")
	own.Name, own.Accounts = "Bea", []string{"DE89370400440532013000"}
	w.learn(own)
	for range 2 {
		r, err := w.Recall(t.Context(), policy.Question{At: day(82), Author: own.Author, Name: "Bea", Recipients: own.Recipients, Cited: []string{own.ID}, Accounts: own.Accounts})
		if err != nil || !r.Thread.Wrote && r.Author.State != policy.Shadow || !slices.Contains(r.Thread.Participants, "hartmann-group.example") ||
			r.Thread.Accounts != 1 || len(r.Thread.NewAccounts) != 0 || !slices.Equal(r.Named, []mail.Domain{"hartmann-group.example"}) {
			t.Errorf("%+v, %v", r, err)
		}
		if !r.Thread.Wrote {
			t.Error("it wrote in its own conversation")
		}
		r = w.ask(82, "x@hartmann-gruop.example", own.ID)
		if !slices.Contains(r.Thread.Participants, "hartmann-group.example") {
			t.Errorf("an imitator of it: %+v", r)
		}
		q := policy.Question{At: day(82), Author: address(t, "x@stranger.example"), Recipients: own.Recipients, Domains: []mail.Domain{"hartmann-group.example"}}
		if r, err := w.Recall(t.Context(), q); err != nil || r.Domains[0].State != policy.TwoWay {
			t.Errorf("quoted by an imitator: %+v, %v", r.Domains, err)
		}
		w.again()
	}
}

func TestKinAreShadowsInCcBesideTheOlderOne(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	genuine := w.from(15, "a@hartmann.example")
	w.learn(genuine)
	w.warm("x@hartmann-group.example", "max@example.org")
	for name, q := range map[string]policy.Question{
		"the author's":           {Author: address(t, "a@hartmann.example"), Domains: []mail.Domain{"hartmann-group.example"}},
		"in Cc, too":             {Author: address(t, "a@stranger.example"), Domains: []mail.Domain{"hartmann.example", "hartmann-group.example"}},
		"in its conversation":    {Author: address(t, "a@stranger.example"), Domains: []mail.Domain{"hartmann-group.example"}, Cited: []string{genuine.ID}},
		"nothing of it is there": {Author: address(t, "a@stranger.example"), Domains: []mail.Domain{"hartmann-group.example"}},
	} {
		want := policy.Shadow
		if name == "nothing of it is there" {
			want = policy.TwoWay
		}
		q.At, q.Recipients = day(82), []mail.Address{address(t, "max@example.org")}
		r, err := w.Recall(t.Context(), q)
		if err != nil || r.Domains[len(r.Domains)-1].State != want {
			t.Errorf("%s: %+v, %v", name, r.Domains, err)
		}
	}
}

// The older one wrote once, and is established to nobody: in its own conversation
// that is enough.
func TestInAConversationItIsEnoughToHaveBeenFirst(t *testing.T) {
	w := newWorld(t)
	genuine := w.from(0, "a@hartmann.example")
	w.learn(genuine)
	w.warm("x@hartmann-group.example", "erika@example.org")
	if s := w.state(82, "x@hartmann-group.example"); s != policy.TwoWay {
		t.Errorf("on its own: %q", s)
	}
	if k := w.ask(82, "x@hartmann-group.example", genuine.ID).Author; k.State != policy.Shadow || k.ShadowOf != "hartmann.example" {
		t.Errorf("%+v", k)
	}
}

func TestTwoLettersOfALongNameAreAShadowInItsConversation(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@maridonia.example")
	genuine := w.from(15, "a@maridonia.example")
	w.learn(genuine)
	w.warm("x@maradonya.example", "erika@example.org")
	if k := w.ask(82, "x@maradonya.example", genuine.ID).Author; k.State != policy.Shadow || k.ShadowOf != "maridonia.example" {
		t.Errorf("%+v", k)
	}
	if s := w.state(82, "x@maradonya.example"); s != policy.TwoWay {
		t.Errorf("on its own: %q", s)
	}
}

func TestWordsInAnotherOrderAreAShadowInTheirConversation(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann-castings.example")
	genuine := w.from(15, "a@hartmann-castings.example")
	w.learn(genuine)
	joins := w.from(16, "a@hartmann-castings.example", genuine.ID)
	joins.Parties = []mail.Domain{"castings-hartmann.com", "unlike.example"}
	w.learn(joins)
	if th := w.ask(17, "x@stranger.example", joins.ID).Thread; slices.Contains(th.Participants, "castings-hartmann.com") || !slices.Contains(th.Participants, "unlike.example") {
		t.Errorf("brought in: %+v", th)
	}
	w.warm("x@castings-hartmann.com", "erika@example.org")
	if k := w.ask(82, "x@castings-hartmann.com", genuine.ID).Author; k.State != policy.Shadow || k.ShadowOf != "hartmann-castings.example" {
		t.Errorf("%+v", k)
	}
	if s := w.state(82, "x@castings-hartmann.com"); s != policy.TwoWay {
		t.Errorf("on its own: %q", s)
	}
}

// Somebody brings a name into his conversation that never wrote here, and the honest
// one whom it resembles answers.
func TestWhoWasOnlyNamedMakesNoShadow(t *testing.T) {
	w := newWorld(t)
	w.warm("x@hartmann-group.example", "erika@example.org")
	o := w.from(82, "a@stranger.example")
	o.Parties = []mail.Domain{"hartmann.example"}
	w.learn(o)
	r := w.ask(83, "x@hartmann-group.example", o.ID)
	if !slices.Contains(r.Thread.Participants, "hartmann.example") || r.Author.State != policy.TwoWay {
		t.Errorf("%+v", r)
	}
}

func TestAThreadOfHisOwnGivesNobodyAPartInAnother(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	genuine := w.from(15, "a@hartmann.example")
	own := w.from(16, "x@unlike.example")
	w.learn(genuine, own)
	r := w.ask(17, "x@unlike.example", own.ID, genuine.ID)
	if r.Thread.Wrote || slices.Contains(r.Thread.Participants, "unlike.example") || !slices.Contains(r.Thread.Participants, "hartmann.example") {
		t.Errorf("both cited: %+v", r.Thread)
	}
	if r := w.ask(17, "x@unlike.example", own.ID); !r.Thread.Wrote || !slices.Contains(r.Thread.Participants, "unlike.example") {
		t.Errorf("his own: %+v", r.Thread)
	}
}

// Of real domains a few are kin of somebody by chance, or for a reason. It is a
// bound on those who count as strangers in a conversation of their elders.
func TestFewRealDomainsAreKinOfThoseWithWhomAMailboxCorresponds(t *testing.T) {
	all := popular(t)
	domains := newDomains(Config{})
	for i, name := range all[:500] {
		domains.settle(domains.enter(&domain{name: name, first: uint16(i + 1), established: true}), noon)
	}
	kin, byClass := 0, map[lookalike.Class]int{}
	for _, name := range all[500:20_500] {
		found := domains.kin(name)
		if len(found) == 0 {
			continue
		}
		m, _ := lookalike.Compare(name, found[0].name)
		byClass[m.Class]++
		if kin++; kin%40 == 0 {
			t.Logf("%s: %s", name, m.Why)
		}
	}
	t.Logf("of 20,000: %d kin of 500 (%.1f per 10,000) %v", kin, float64(kin)/2, byClass)
	if kin > 200 {
		t.Errorf("%d of 20,000", kin)
	}
}

func TestNewKinCrowdNobodyOut(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	for i := range 120 {
		d := domainOfMany(i)
		for _, n := range []int{20, 30, 40} {
			w.learn(w.to(n, "x@"+d, "max@example.org"))
		}
	}
	w.learn(w.from(50, "x@group-hartmann.example"))
	if n := len(w.ram.kin("group-hartmann.example")); n != maxKin {
		t.Fatalf("%d kin", n)
	}
	if all := w.ram.kin("group-hartmann.example"); all[0].name != "hartmann.example" {
		t.Errorf("%v", all[0].name)
	}
}

// domainOfMany is one of many that stand within group-hartmann.
func domainOfMany(i int) string {
	labels := []string{"grouphartmann", "group-hart", "group-hartm", "group-hartma", "group-hartman", "hartman", "artmann", "rtmann"}
	return fmt.Sprintf("%s.%s", labels[i%len(labels)], []string{"com", "net", "org", "de", "at", "ch", "nl", "be", "dk", "se", "no", "fi", "pl", "it", "es"}[i/len(labels)])
}

func TestAWordOfItsOwnMakesAShortNameAnother(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@velda.example")
	for fake, want := range map[string]policy.State{"veldafjord.example": policy.TwoWay, "velda-fjord.example": policy.Shadow, "veldagroup.example": policy.Shadow} {
		w.warm("x@"+fake, "erika@example.org")
		if s := w.state(81, "x@"+fake); s != want {
			t.Errorf("%s: %q", fake, s)
		}
	}
}

func TestWhoCameFirstIsNoShadowInAConversationOfTheLater(t *testing.T) {
	w := newWorld(t)
	w.warm("x@hartmann-group.example", "max@example.org")
	later := w.from(82, "a@hartmann.example")
	w.learn(later)
	if s := w.ask(83, "x@hartmann-group.example", later.ID).Author.State; s != policy.TwoWay {
		t.Errorf("%q", s)
	}
}

// What was found among the known domains is found again when they change.
func TestKinAreThoseOfToday(t *testing.T) {
	w := newWorld(t)
	known := func(i int, tld string) {
		to := fmt.Sprintf("max%d@example.org", i)
		w.learn(w.to(i, "x@hartmann."+tld, to), w.to(i+7, "x@hartmann."+tld, to), w.to(i+14, "x@hartmann."+tld, to))
	}
	for i, tld := range []string{"at", "be", "ch", "cz", "dk", "es", "fi", "fr", "gr", "hu", "ie", "it", "lt", "lu", "lv", "nl", "no"} {
		if n := len(w.ram.kin("hartmann-group.example")); n != i {
			t.Fatalf("%d kin of %d", n, i)
		}
		known(i, tld)
	}
	oldest := func() mail.Domain { return w.ram.kin("hartmann-group.example")[0].name }
	if got := oldest(); got != "hartmann.at" || len(w.ram.kin("hartmann-group.example")) != maxTwins {
		t.Errorf("%s", got)
	}
	if err := w.Forget(t.Context(), Forgotten{Domain: "hartmann.at"}); err != nil {
		t.Fatal(err)
	}
	if got := oldest(); got != "hartmann.be" || len(w.ram.kin("hartmann-group.example")) != maxTwins {
		t.Errorf("%s", got)
	}
}
