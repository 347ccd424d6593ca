package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// lines are the rows of a score as "row+points".
func rows(s *Score) []score.Row {
	var out []score.Row
	if s != nil {
		for _, l := range s.Lines {
			out = append(out, l.Row)
		}
	}
	return out
}

func total(s *Score) int {
	if s == nil {
		return 0
	}
	return s.Total
}

// TestTheTableOfLookalike5 works its examples out from whole messages.
func TestTheTableOfLookalike5(t *testing.T) {
	for _, c := range []struct {
		name   string
		l      letter
		memory bool
		total  int
		want   Disposition
		reason Reason
	}{
		{"he1se.de answers in a conversation of heise.de", letter{from: "a@he1se.de", cites: stolen}, true, 135, Quarantine, StolenThread},
		{"heise.co instead", letter{from: "a@heise.co", cites: stolen}, true, 85, Tag, Impostor},
		{"heise.co and payment", letter{from: "a@heise.co", cites: stolen, body: paying}, true, 100, Quarantine, Impostor},
		{"heise.co and another account", letter{from: "a@heise.co", cites: stolen, body: "Pay to " + otherAccount + "\r\n"}, true, 110, Quarantine, Impostor},
		{"a pasted conversation, corroborated", letter{from: "a@he1se.de", body: "Hello." + pasted}, true, 120, Quarantine, Impostor},
		{"a pasted conversation of a stranger", letter{from: "a@plusmy-com-my.cc", body: "Hello." + strings.ReplaceAll(pasted, "heise.de", "plusmy.com.my")}, true, 97, Tag, Impostor},
		{"the same, and payment", letter{from: "a@plusmy-com-my.cc", body: paying + strings.ReplaceAll(pasted, "heise.de", "plusmy.com.my")}, true, 112, Quarantine, Impostor},
		{"the same without a memory", letter{from: "a@plusmy-com-my.cc", body: paying + strings.ReplaceAll(pasted, "heise.de", "plusmy.com.my")}, false, 97, Tag, Impostor},
		{"python.net in a list of python.org", letter{from: "a@python.net", to: "list@python.org", cites: "<q2@example.com>", list: "<list.python.org>"}, true, 85, Tag, Impostor},
		{"a new neighbour of a correspondent", letter{from: "a@logostik.net"}, true, 60, Tag, Impostor},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := tell(t, c.l, func(col *Collector) {
				if c.memory {
					col.Memory = correspondence()
				}
			})
			v := decideAgain(t, Rules{}, e)
			if v.Disposition != c.want || v.Reason != c.reason || total(v.Score) != c.total {
				t.Errorf("got %v %s: %s\n%+v\n%+v", v.Disposition, v.Reason, v.Sentence, v.Score, e.Thread)
			}
		})
	}
}

// Each row, from the message that shows it.
func TestEachRowHasItsMessage(t *testing.T) {
	gmailer := "Anna Berg <anna.berg@gmail.com>"
	changed := func(change func(*remembering)) *remembering { r := correspondence(); change(r); return r }
	for _, c := range []struct {
		row score.Row
		l   letter
		r   *remembering
	}{
		{score.Likeness, letter{from: "a@he1se.de"}, correspondence()},
		{score.UnseenDomain, letter{from: "a@he1se.de"}, correspondence()},
		{score.UnseenDomain, letter{from: "a@he1se.de"}, changed(func(r *remembering) {
			r.known["he1se.de"] = KnownDomain{State: Shadow, First: days(60), Messages: 200, ShadowOf: "heise.de"}
		})},
		{score.NewDomain, letter{from: "a@he1se.de"}, changed(func(r *remembering) { r.known["he1se.de"] = KnownDomain{State: Seen, First: days(3)} })},
		{score.Intrusion, letter{from: "a@he1se.de", cites: stolen}, correspondence()},
		{score.ShownTarget, letter{from: "a@he1se.de", cites: "<x@mail.heise.de>"}, correspondence()},
		{score.AddedLookalike, letter{from: "a@he1se.de", cc: "b@hei5e.de", cites: stolen}, correspondence()},
		{score.SameName, letter{from: "Anna Berg <x@he1se.de>", body: pasted}, correspondence()},
		{score.SameName, letter{from: "anna@he1se.de", body: pasted}, correspondence()},
		{score.SameName, letter{from: "Anna Berg <x@he1se.de>"}, correspondence()},
		{score.ReplyToFreeMail, letter{from: "Anna Berg <anna@he1se.de>", replyTo: gmailer, body: pasted}, correspondence()},
		{score.ReplyToLookalike, letter{from: "a@he1se.de", replyTo: "a@hiese.de", body: pasted}, correspondence()},
		{score.ReplyToUnknown, letter{from: "a@he1se.de", replyTo: "a@unheard.net"}, correspondence()},
		{score.PaymentWords, letter{from: "a@he1se.de", body: paying}, correspondence()},
		{score.PaymentWords, letter{from: "a@he1se.de", body: firstAccount + "\r\n"}, correspondence()},
		{score.ChangedAccount, letter{from: "a@he1se.de", cites: stolen, body: otherAccount + "\r\n"}, correspondence()},
		{score.ChangedAccount, letter{from: "a@he1se.de", body: otherAccount + "\r\n" + pasted + "> " + firstAccount + "\r\n"}, correspondence()},
		{score.ProtectedPerson, letter{from: "Erika Mustermann <a@he1se.de>"}, correspondence()},
		{score.EstablishedDomain, letter{from: "a@he1se.de"}, changed(func(r *remembering) { r.known["he1se.de"] = KnownDomain{State: Established, First: days(90)} })},
		{score.OlderDomain, letter{from: "a@he1se.de", body: paying + pasted}, changed(func(r *remembering) { r.known["he1se.de"] = KnownDomain{State: TwoWay, First: days(179)} })},
		{score.Block, letter{from: "a@he1se.de"}, changed(func(r *remembering) {
			r.decisions = []Decision{{Sender: "he1se.de", Target: "heise.de", Who: "eve", Why: "fraud", At: days(1)}}
		})},
		{score.Block, letter{from: "a@unlike.net"}, changed(func(r *remembering) {
			r.decisions = []Decision{{Sender: "unlike.net", Target: "heise.de", Who: "eve", Why: "fraud", At: days(1)}}
		})},
	} {
		e := tell(t, c.l, with(c.r))
		if v := decideAgain(t, Rules{}, e); !slices.Contains(rows(v.Score), c.row) {
			t.Errorf("%s is missing for %+v: %+v\n%+v", c.row, c.l, v.Score, e.Thread)
		} else if !strings.HasSuffix(v.Sentence, ".") {
			t.Errorf("no sentence: %s", v.Sentence)
		}
		v := Decide(&Rules{Weights: score.Weights{c.row: 0, score.Likeness80: 0, score.Likeness65: 0, score.LogAt: -100}}, &e)
		if slices.Contains(rows(v.Score), c.row) {
			t.Errorf("%s counts though it weighs nothing: %+v", c.row, v.Score)
		}
	}
}

// found lists the reasons of a verdict.
func found(v Verdict) []Reason {
	var out []Reason
	for _, f := range v.Findings {
		out = append(out, f.Reason)
	}
	return out
}

// The hard rules, and what stands against each.
func TestTheHardRules(t *testing.T) {
	changed := func(change func(*remembering)) *remembering { r := correspondence(); change(r); return r }
	for _, c := range []struct {
		name   string
		l      letter
		r      *remembering
		want   Disposition
		reason Reason // "": it must not be StolenThread or AddedLookalikes
	}{
		{"(a) our own domain, not aligned", letter{from: "bob@example.com", forged: true, cites: stolen}, correspondence(), Quarantine, OwnDomainSpoof},
		{"(b) a look-alike of ours", letter{from: "bob@examp1e.com"}, correspondence(), Quarantine, LookalikeDomain},
		{"(b) a look-alike of a protected partner", letter{from: "bob@bundesbamk.de"}, correspondence(), Quarantine, LookalikeDomain},
		{"(c) a thief", letter{from: "a@he1se.de", cites: stolen}, correspondence(), Quarantine, StolenThread},
		{"(c) through a mailing list", letter{from: "a@he1se.de", cites: stolen, list: "<x.list.example>", to: "l@list.example"}, correspondence(), Quarantine, StolenThread},
		{"(c) after a warm-up", letter{from: "a@he1se.de", cites: stolen}, changed(func(r *remembering) {
			r.known["he1se.de"] = KnownDomain{State: Shadow, First: days(60), Messages: 200, ToUs: 200, ShadowOf: "heise.de"}
		}), Quarantine, StolenThread},
		{"(c) not for another ending", letter{from: "a@heise.co", cites: stolen}, correspondence(), Tag, Impostor},
		{"(c) not for who is known for long", letter{from: "a@he1se.de", cites: stolen}, changed(func(r *remembering) { r.known["he1se.de"] = KnownDomain{State: Established, First: days(90)} }), Tag, Impostor},
		{"(c) not for who had part in it", letter{from: "a@he1se.de", cites: stolen}, changed(func(r *remembering) {
			r.threads["q1@example.com"] = RememberedThread{Number: 7, Participants: []mail.Domain{"heise.de", "he1se.de"}}
			r.known["he1se.de"] = KnownDomain{State: TwoWay, First: days(179)}
		}), Relay, Clean},
		{"(d) a look-alike beside a genuine author", letter{from: "a@heise.de", cites: stolen, cc: "b@he1se.de"}, correspondence(), Tag, AddedLookalikes},
		{"(d) and payment", letter{from: "a@heise.de", cites: stolen, cc: "b@he1se.de", body: paying}, correspondence(), Quarantine, AddedLookalikes},
		{"(d) and an account", letter{from: "a@heise.de", cc: "b@he1se.de", body: firstAccount + "\r\n"}, correspondence(), Quarantine, AddedLookalikes},
		{"(d) without a memory", letter{from: "a@heise.de", cc: "b@he1se.de", body: paying}, nil, Quarantine, AddedLookalikes},
		{"(d) a look-alike of ours", letter{from: "a@heise.de", cc: "carol@examp1e.com", body: paying}, correspondence(), Quarantine, AddedLookalikes},
		{"(d) not for who is known", letter{from: "a@heise.de", cc: "b@he1se.de", body: paying}, changed(func(r *remembering) { r.known["he1se.de"] = KnownDomain{State: Seen, First: days(90)} }), Relay, Clean},
		{"(d) not for another ending", letter{from: "a@heise.de", cc: "b@heise.com", body: paying}, nil, Relay, Clean},
		{"(d) but told in a conversation that we remember", letter{from: "a@heise.de", cc: "b@heise.com", cites: stolen, body: paying}, correspondence(), Tag, AddedLookalikes},
		{"(d) not held for the account that we know", letter{from: "a@heise.de", cc: "b@he1se.de", cites: stolen, body: firstAccount + "\r\n"}, correspondence(), Tag, AddedLookalikes},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := tell(t, c.l, func(col *Collector) {
				if c.r != nil {
					col.Memory = c.r
				}
			})
			v := decideAgain(t, Rules{}, e)
			if v.Disposition != c.want || v.Reason != c.reason {
				t.Errorf("got %v %s: %s\n%v %+v\n%+v", v.Disposition, v.Reason, v.Sentence, found(v), v.Score, e.Thread)
			}
		})
	}
}

// Nothing of this is refused at SMTP time, whatever the operator chose, and
// neither forwarders nor sealers lift it.
func TestALikenessIsHeldAndNotRefused(t *testing.T) {
	rules := Rules{Dispositions: map[Reason]Disposition{LookalikeDomain: Reject, StolenThread: Reject, Impostor: Reject, AddedLookalikes: Reject, ReplyDiversion: Reject}}
	for _, l := range []letter{{from: "a@he1se.de", cites: stolen}, {from: "a@heise.co", cites: stolen, body: paying}, {from: "a@heise.de", cc: "b@he1se.de", body: paying}, {from: "a@heise.de", replyTo: "b@he1se.de"}} {
		e := tell(t, l, with(correspondence()))
		if v := Decide(&rules, &e); v.Disposition != Quarantine {
			t.Errorf("%+v: %v %s", l, v.Disposition, v.Reason)
		}
	}
	e := tell(t, letter{from: "a@he1se.de", cites: stolen}, with(correspondence()))
	e.DKIM = []DKIM{{Result: mail.Pass, Domain: "list.example", Selector: "s"}}
	forwarder := Rules{Forwarders: []Forwarder{{Name: "list", DKIM: []mail.Domain{"list.example"}, Reasons: ForwarderReasons()}}}
	if v := Decide(&forwarder, &e); v.Disposition != Quarantine || v.Reason != StolenThread {
		t.Errorf("a forwarder lifts a hard rule: %v %s", v.Disposition, v.Reason)
	}
	e = tell(t, letter{from: "a@heise.co", cites: stolen, body: paying}, with(correspondence()))
	e.DKIM = []DKIM{{Result: mail.Pass, Domain: "list.example", Selector: "s"}}
	if v := Decide(&forwarder, &e); v.Disposition != Tag || v.Reason != Impostor || !strings.Contains(v.Sentence, `It is not held, as it came through "list", a forwarder of our rules.`) {
		t.Errorf("through a known forwarder: %v %s: %s", v.Disposition, v.Reason, v.Sentence)
	}
	other := forwarder.Forwarders[0]
	other.Authors = []mail.Domain{"logistik.net"}
	if v := Decide(&Rules{Forwarders: []Forwarder{other}}, &e); v.Disposition != Quarantine {
		t.Errorf("through a forwarder of other authors: %v %s: %s", v.Disposition, v.Reason, v.Sentence)
	}
	except := Rules{Exceptions: []Exception{{Author: "a@heise.co", Require: "aligned", Reasons: []Reason{Impostor}}}}
	if v := Decide(&except, &e); v.Reason != Clean || !slices.Contains(v.Excepted, Impostor) {
		t.Errorf("an exception does not count: %v %s", v.Disposition, v.Reason)
	}
}

// Who may resemble whom.
func TestWhoIsExcused(t *testing.T) {
	theft := letter{from: "a@he1se.de", cites: stolen, body: paying}
	decided := func(d Decision) func(*Collector) {
		r := correspondence()
		d.Sender, d.Target, d.Who = or1(d.Sender, "he1se.de"), or1(d.Target, "heise.de"), "eve"
		r.decisions = []Decision{d}
		return with(r)
	}
	signedBy := func(d mail.Domain) func(*Evidence) {
		return func(e *Evidence) { e.DKIM = append(e.DKIM, DKIM{Result: mail.Pass, Domain: d, Selector: "s"}) }
	}
	for _, c := range []struct {
		name    string
		l       letter
		collect func(*Collector)
		change  func(*Evidence)
		excused bool
	}{
		{"nobody", theft, with(correspondence()), nil, false},
		{"an administrator allowed it", theft, decided(Decision{Allow: true}), nil, true},
		{"for somebody else", theft, decided(Decision{Allow: true, Target: "logistik.net"}), nil, false},
		{"for this recipient", theft, decided(Decision{Allow: true, Recipient: "bob@example.com"}), nil, true},
		{"for another recipient", theft, decided(Decision{Allow: true, Recipient: "carol@example.com"}), nil, false},
		{"no more", theft, decided(Decision{Allow: true, Expires: at.Add(-1)}), nil, false},
		{"in another's name", theft, decided(Decision{Allow: true, Sender: "other.net"}), nil, false},
		{"the target signed it, and it broke", theft, with(correspondence()), func(e *Evidence) {
			e.DKIM = append(e.DKIM, DKIM{Result: mail.Fail, Domain: "heise.de", Selector: "s"})
		}, false},
		{"the target signed it, as a test", theft, with(correspondence()), func(e *Evidence) {
			e.DKIM = append(e.DKIM, DKIM{Result: mail.Pass, Domain: "heise.de", Selector: "s", Testing: true})
		}, false},
		{"ours has one owner with it", letter{from: "a@examp1e.com"}, func(c *Collector) { c.Groups = [][]mail.Domain{{"example.com", "examp1e.com"}} }, nil, true},
		{"added, of one owner", letter{from: "a@heise.de", cc: "b@he1se.de", body: paying}, func(c *Collector) {
			c.Memory, c.Groups = correspondence(), [][]mail.Domain{{"heise.de", "he1se.de"}}
		}, nil, true},
		{"one owner", theft, func(c *Collector) {
			c.Memory, c.Groups = correspondence(), [][]mail.Domain{{"x.example", "y.example"}, {"heise.de", "he1se.de"}}
		}, nil, true},
		{"the target signed it", theft, with(correspondence()), signedBy("heise.de"), true},
		{"below the target", theft, with(correspondence()), signedBy("mail.heise.de"), true},
		{"the target signed it and added one", letter{from: "a@heise.de", cc: "b@he1se.de", body: paying}, with(correspondence()), signedBy("heise.de"), false},
		{"somebody else did", theft, with(correspondence()), signedBy("logistik.net"), false},
		{"a list of the target did", letter{from: "a@he1se.de", cites: stolen, list: "<x.heise.de>"}, with(correspondence()), signedBy("heise.de"), false},
		{"a provider of mailboxes did", letter{from: "a@gmall.com", cites: "<q3@example.com>"}, with(correspondence()), signedBy("gmail.com"), false},
		{"the target signed often", theft, func(c *Collector) {
			r := correspondence()
			r.known["he1se.de"] = KnownDomain{State: Seen, First: days(2), ProvenFor: []mail.Domain{"heise.de"}}
			c.Memory = r
		}, nil, true},
		{"we answered often", theft, func(c *Collector) {
			r := correspondence()
			r.known["he1se.de"] = KnownDomain{State: Shadow, First: days(60), ToUs: 200, Messages: 200, ShadowOf: "heise.de"}
			c.Memory = r
		}, nil, false},
		{"a look-alike of ours is allowed", letter{from: "a@examp1e.com"}, decided(Decision{Allow: true, Sender: "examp1e.com", Target: "example.com"}), nil, true},
		{"an allowed pair says nothing of a spoof", letter{from: "bob@example.com", forged: true}, decided(Decision{Allow: true, Sender: "example.com", Target: "example.com"}), nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := tell(t, c.l, c.collect)
			if c.change != nil {
				c.change(&e)
			}
			if v := decideAgain(t, Rules{}, e); (v.Reason == Clean) != c.excused {
				t.Errorf("got %v %s: %s\n%+v", v.Disposition, v.Reason, v.Sentence, e.Thread)
			} else if c.excused && !strings.Contains(flat(explained(t, &e)), "Excused:") && len(e.Thread.Similar) > 0 {
				t.Errorf("it is not told:\n%s", explained(t, &e))
			}
		})
	}
}

func or1(d, otherwise mail.Domain) mail.Domain { return mail.Domain(or(string(d), string(otherwise))) }

// The domain of a free mailbox is nobody's, and still worth imitating.
func TestFreeMailIsNobodysDomain(t *testing.T) {
	for _, c := range []struct {
		name string
		l    letter
		want Reason
	}{
		{"two users of one", letter{from: "eve@gmail.com", cites: "<q3@example.com>", cc: "anna@gmail.com"}, Clean},
		{"one that resembles another", letter{from: "eve@mail.com", cites: "<q3@example.com>"}, Clean},
		{"one that resembles a correspondent", letter{from: "eve@gmx.net", cites: stolen, body: strings.ReplaceAll(pasted, "heise.de", "gmx-service.net")}, Clean},
		{"a look-alike of one in a conversation", letter{from: "eve@gmall.com", cites: "<q3@example.com>"}, StolenThread},
		{"a neighbour of one without", letter{from: "eve@gmaili.com"}, Clean},
	} {
		e := tell(t, c.l, with(correspondence()))
		if v := Decide(&Rules{}, &e); v.Reason != c.want {
			t.Errorf("%s: %v %s: %s\n%+v", c.name, v.Disposition, v.Reason, v.Sentence, e.Thread)
		}
	}
	for d := range freeMail {
		if parsed, err := mail.ParseDomain(string(d)); err != nil || parsed != d || lookalike.Registrable(d) != d {
			t.Errorf("%q is no registrable domain", d)
		}
	}
}

// For two weeks a memory knows nobody for long: what only the site's other
// correspondents resemble is not told.
func TestAYoungMemoryLearnsOnly(t *testing.T) {
	neighbour := letter{from: "a@nordw1nd.org"}
	for _, c := range []struct {
		name  string
		l     letter
		since int
		want  Reason
	}{
		{"the site's, after half a year", neighbour, 180, Impostor},
		{"the site's, on day 13", neighbour, 13, Clean},
		{"the site's, before anything was learned", letter{from: "a@nordw1nd.org", body: paying}, -1, Clean},
		{"the recipient's, on day 13", letter{from: "a@logostik.net"}, 13, Impostor},
		{"ours, on day 1", letter{from: "a@examp1e.com"}, 1, LookalikeDomain},
		{"in a conversation, on day 1", letter{from: "a@he1se.de", cites: stolen}, 1, StolenThread},
		{"in one message, on day 1", letter{from: "a@he1se.de", body: paying + pasted}, 1, Impostor},
	} {
		r := correspondence()
		if r.since = days(c.since); c.since < 0 {
			r.since = time.Time{}
		}
		e := tell(t, c.l, with(r))
		if v := Decide(&Rules{}, &e); v.Reason != c.want {
			t.Errorf("%s: %v %s: %s\n%+v", c.name, v.Disposition, v.Reason, v.Sentence, v.Score)
		}
	}
}

// Nor is there a wait for whom the operator named, or for who is already known as
// a look-alike.
func TestAYoungMemoryProtectsWhomTheOperatorNamed(t *testing.T) {
	neighbour := letter{from: "a@nordw1nd.org", body: paying}
	for name, change := range map[string]func(*remembering, *Collector){
		"imported":  func(r *remembering, _ *Collector) { r.know("nordwind.org", func(k *KnownDomain) { k.Imported = true }) },
		"protected": func(_ *remembering, c *Collector) { c.Protected = append(c.Protected, "nordwind.org") },
		"its shadow": func(r *remembering, _ *Collector) {
			r.known["nordw1nd.org"] = KnownDomain{State: Shadow, First: days(1), ShadowOf: "nordwind.org"}
		},
	} {
		for _, since := range []time.Time{{}, days(0), days(13), days(180)} {
			r := correspondence()
			r.since = since
			e := tell(t, neighbour, func(c *Collector) { c.Memory = r; change(r, c) })
			if v := decideAgain(t, Rules{}, e); v.Disposition != Tag || v.Reason != Impostor || strings.Contains(v.Sentence, "who wrote to us before") == (name != "its shadow") {
				t.Errorf("%s, since %v: %v %s: %s", name, since, v.Disposition, v.Reason, v.Sentence)
			}
		}
	}
	r := correspondence()
	r.since = days(13)
	r.known["nordw1nd.org"] = KnownDomain{State: Shadow, First: days(1), ShadowOf: "logistik.net"}
	if e := tell(t, neighbour, with(r)); Decide(&Rules{}, &e).Reason != Clean {
		t.Error("the shadow of another is not waited for")
	}
}

func (r *remembering) know(d mail.Domain, change func(*KnownDomain)) {
	k := r.known[d]
	change(&k)
	r.known[d] = k
}

// heise.de wrote first, then he1se.de did, and neither is known well. Anna warns
// Bob, and quotes the thief.
func TestWhoWroteFirstIsNotHeldForALikeness(t *testing.T) {
	warning := letter{from: "Anna Berg <anna@heise.de>", body: paying + strings.ReplaceAll(pasted, "heise.de", "he1se.de"), cites: "<z2@he1se.de>"}
	theft := letter{from: "Anna Berg <anna@he1se.de>", body: paying + pasted, cites: "<z1@heise.de>"}
	both := func(partner, thief KnownDomain) *remembering {
		return &remembering{since: days(40), known: map[mail.Domain]KnownDomain{"heise.de": partner, "he1se.de": thief}, threads: map[string]RememberedThread{
			"z1@heise.de": {Number: 1, Messages: 1, First: days(0), Last: days(0), Participants: []mail.Domain{"heise.de", "example.com"}},
			"z2@he1se.de": {Number: 2, Messages: 1, First: days(0), Last: days(0), Participants: []mail.Domain{"he1se.de", "example.com"}},
		}}
	}
	seen := func(since time.Time) KnownDomain { return KnownDomain{State: Seen, First: since, Messages: 1, ToUs: 1} }
	second := func(n int) time.Time { return days(0).Add(time.Duration(n) * time.Second) }
	for _, c := range []struct {
		name   string
		l      letter
		r      *remembering
		change func(*Evidence)
		want   Disposition
		says   string
	}{
		{"a second before", warning, both(seen(second(-9)), seen(second(-8))), nil, Tag, "we knew heise.de first, he1se.de after it, from "},
		{"forty days before", warning, both(seen(days(40)), seen(second(-8))), nil, Tag, "we knew heise.de first"},
		{"no sooner and no later", warning, both(seen(second(-8)), seen(second(-8))), nil, Tag, "we have known both since "},
		{"a second after", warning, both(seen(second(-7)), seen(second(-8))), nil, Quarantine, "he1se.de"},
		{"the thief", theft, both(seen(second(-9)), seen(second(-8))), nil, Quarantine, "but it is from another domain"},
		{"the thief's first mail", theft, both(seen(second(-9)), KnownDomain{}), nil, Quarantine, "he1se.de"},
		{"the thief, who is a shadow", theft, both(seen(second(-8)), KnownDomain{State: Shadow, First: days(9), ShadowOf: "heise.de"}), nil, Quarantine, "he1se.de"},
		{"the thief wrote first, the partner is established", theft, both(KnownDomain{State: Established, First: days(3), ToUs: 4}, seen(days(6))), nil, Quarantine, "he1se.de"},
		{"the thief wrote first, the partner is vouched for", theft, both(KnownDomain{State: Seen, First: days(3), ToUs: 4, Imported: true}, seen(days(6))), nil, Quarantine, "he1se.de"},
		{"blocked", warning, both(seen(second(-9)), seen(second(-8))), func(e *Evidence) {
			e.Thread.Decisions = []Decision{{Sender: "heise.de", Target: "he1se.de", Who: "eve", At: days(1)}}
		}, Quarantine, "impostor of he1se.de"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.r
			e := tell(t, c.l, with(r))
			if c.change != nil {
				c.change(&e)
			}
			v := decideAgain(t, Rules{}, e)
			if v.Disposition != c.want || v.Disposition == Quarantine && v.Reason != Impostor && v.Reason != StolenThread || !strings.Contains(v.Sentence, c.says) {
				t.Errorf("got %v %s: %s\n%+v\n%+v", v.Disposition, v.Reason, v.Sentence, v.Score, e.Thread)
			}
			if blames := strings.Contains(v.Sentence, "an impostor of he1se.de"); c.want == Tag && (blames || !e.Thread.Similar[0].Undecided()) {
				t.Errorf("%s", v.Sentence)
			}
		})
	}
	e := tell(t, letter{from: "anna@heise.de", cites: "<z2@he1se.de>"}, with(both(seen(days(9)), seen(days(8)))))
	if v := Decide(&Rules{Weights: score.Weights{score.QuarantineAt: 1000}}, &e); !strings.Contains(v.Sentence, "Nothing but the names tells which of the two imitates the other; we knew heise.de first") {
		t.Errorf("%s", v.Sentence)
	}
}

// Who is established here answers in his own conversation, and quotes a look-alike of
// his own name that came after him: he is told of, not held.
func TestWhoIsEstablishedIsNotHeldForALookAlikeThatHeQuotes(t *testing.T) {
	quote := strings.ReplaceAll(pasted, "heise.de", "he1se.de")
	warning := letter{from: "Anna Berg <anna@heise.de>", subject: "Fwd: Invoice", cites: stolen, body: "Do not pay to the new IBAN " + otherAccount + ", our bank details have not changed.\r\n" + quote}
	with1 := func(change func(*letter)) letter { l := warning; change(&l); return l }
	established := func(n int) KnownDomain { return KnownDomain{State: Established, First: days(n), Messages: 9, ToUs: 9} }
	twoWay := func(n int) KnownDomain { return KnownDomain{State: TwoWay, First: days(n), Messages: 9, ToUs: 9} }
	seen := func(n int) KnownDomain { return KnownDomain{State: Seen, First: days(n), Messages: 2, ToUs: 2} }
	for _, c := range []struct {
		name           string
		l              letter
		author, target KnownDomain
		want           Disposition
		says           string
	}{
		{"never seen", warning, established(90), KnownDomain{}, Tag, "we know heise.de, and remember no proven mail from he1se.de."},
		{"never seen, of a two-way partner", warning, twoWay(90), KnownDomain{}, Tag, "we know heise.de, and remember no proven mail from he1se.de."},
		{"seen", warning, established(90), seen(8), Tag, "we knew heise.de first"},
		{"established after him", warning, established(90), established(20), Tag, "It is not held, as we knew heise.de first, he1se.de after it, from "},
		{"established after a two-way partner", warning, twoWay(90), established(20), Tag, "we knew heise.de first"},
		{"known as a look-alike", warning, established(90), KnownDomain{State: Shadow, First: days(20), ShadowOf: "heise.de"}, Relay, ""},

		{"established before him", warning, established(20), established(90), Quarantine, "impostor of he1se.de"},
		{"known better than he", warning, established(90), twoWay(20), Quarantine, "impostor of he1se.de"},
		{"he is hardly known", warning, seen(9), KnownDomain{}, Quarantine, "impostor of he1se.de"},
		{"the look-alike quotes the genuine one", with1(func(l *letter) { l.from, l.cites = "Anna Berg <anna@heise.de>", "<z@he1se.de>" }), KnownDomain{}, established(90), Quarantine, "impostor of he1se.de"},
		{"answers go elsewhere", with1(func(l *letter) { l.replyTo = "x@unheard.net" }), established(90), established(20), Quarantine, "impostor of he1se.de"},
		{"he brings another look-alike", with1(func(l *letter) { l.cc = "x@hei5e.de" }), established(90), established(20), Quarantine, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := correspondence()
			r.known["heise.de"], r.known["he1se.de"] = c.author, c.target
			e := tell(t, c.l, with(r))
			v := decideAgain(t, Rules{}, e)
			if v.Disposition != c.want || !strings.Contains(v.Sentence, c.says) {
				t.Errorf("got %v %s: %s\n%v\n%+v", v.Disposition, v.Reason, v.Sentence, v.Score, e.Thread)
			}
			if c.want == Tag && strings.Contains(v.Sentence, "impostor of") {
				t.Errorf("he is blamed: %s", v.Sentence)
			}
		})
	}
	r := correspondence()
	r.known["heise.de"], r.known["he1se.de"] = established(90), established(20)
	r.threads["q1@example.com"] = RememberedThread{Number: 7, Participants: []mail.Domain{"he1se.de", "example.com"}}
	e := tell(t, warning, with(r))
	if v := Decide(&Rules{}, &e); v.Disposition != Quarantine {
		t.Errorf("in the other one's conversation: %v %s: %s", v.Disposition, v.Reason, v.Sentence)
	}
	r.decisions = []Decision{{Sender: "heise.de", Target: "he1se.de", Who: "eve", At: days(1)}}
	if e = tell(t, with1(func(l *letter) { l.cites = "" }), with(r)); Decide(&Rules{}, &e).Disposition != Quarantine {
		t.Error("a block does not count")
	}
}

// Whose name is feared to be borrowed is named.
func TestAnImpostorIsSomebodys(t *testing.T) {
	for _, c := range []struct {
		l    letter
		says string
	}{
		{letter{from: "Erika Mustermann <a@gmail.com>", body: paying}, `impostor of "Erika Mustermann" (`},
		{letter{from: "a@heise.de", cc: "b@he1se.de, c@hei5e.de"}, "may serve an impostor of heise.de ("},
		{letter{from: "a@heise.de", replyTo: "b@he1se.de", body: paying, cc: "bob@example.com"}, "may serve an impostor of heise.de ("},
		{letter{from: "a@he1se.de", cites: stolen}, "come from an impostor of heise.de ("},
	} {
		e := tell(t, c.l, with(correspondence()))
		s := (&Rules{}).weigh(&e)
		if s == nil {
			t.Errorf("%+v: no score", c.l)
		} else if text := e.impostorWords(s); !strings.Contains(text, c.says) || strings.Contains(text, "look-alikes, too") {
			t.Errorf("%+v: %s", c.l, text)
		}
	}
	e := tell(t, letter{from: "a@heise.de"}, with(correspondence()))
	if text := e.suspicion(&Score{}); text != "The mail may come from an impostor" {
		t.Error(text)
	}
}

// That somebody wrote to this recipient is said only of who did.
func TestACorrespondentOfTheSiteWroteToOthers(t *testing.T) {
	r := correspondence()
	r.known["fernbau.net"] = KnownDomain{State: TwoWay, First: days(90)}
	for from, want := range map[string]string{"a@fernb4u.net": "with whom we correspond", "a@l0gistik.net": "who wrote to this recipient before"} {
		e := tell(t, letter{from: from}, with(r))
		if v := Decide(&Rules{}, &e); !strings.Contains(v.Sentence, want) || !strings.Contains(flat(explained(t, &e)), want) {
			t.Errorf("%s: %s", from, v.Sentence)
		}
	}
}

// What does not count, from the message that could make one think it does.
func TestWhatDoesNotCount(t *testing.T) {
	changed := func(change func(*remembering)) *remembering { r := correspondence(); change(r); return r }
	for _, c := range []struct {
		name string
		l    letter
		r    *remembering
		not  score.Row // "": there is no score at all
	}{
		{"our own mail", letter{from: "bob@example.com", body: paying + otherAccount + "\r\n"}, correspondence(), ""},
		{"talk of payment alone", letter{from: "a@logistik.net", body: paying}, correspondence(), ""},
		{"the account that the conversation had", letter{from: "a@heise.de", cites: stolen, body: firstAccount + "\r\n"}, correspondence(), ""},
		{"the account that the conversation had, of a look-alike", letter{from: "a@he1se.de", cites: stolen, body: firstAccount + "\r\n"}, correspondence(), score.PaymentWords},
		{"an account in a conversation that had none", letter{from: "a@python.net", cites: "<q2@example.com>", body: firstAccount + "\r\n"}, correspondence(), score.ChangedAccount},
		{"a block of another", letter{from: "a@he1se.de"}, changed(func(r *remembering) { r.decisions = []Decision{{Sender: "he1se.de", Target: "logistik.net"}} }), score.Intrusion},
		{"a free mailbox that is new", letter{from: "a@gmx.de", body: paying + strings.ReplaceAll(otherAccount, "x", "") + pasted + "> " + firstAccount}, correspondence(), score.UnseenDomain},
		{"to be older than ours", letter{from: "a@examp1e.com"}, changed(func(r *remembering) { r.known["examp1e.com"] = KnownDomain{State: TwoWay, First: days(179)} }), score.OlderDomain},
		{"to be younger than the target", letter{from: "a@he1se.de", body: paying}, changed(func(r *remembering) { r.known["he1se.de"] = KnownDomain{State: TwoWay, First: days(90)} }), score.OlderDomain},
		{"another ending in Cc", letter{from: "a@heise.co", cc: "anna@heise.de"}, nil, score.Likeness},
		{"a free mailbox behind a list", letter{from: "Anna Berg <anna@heise.de>", to: "l@lists.net", list: "<l.lists.net>", replyTo: "Anna Berg <anna@gmail.com>", cites: stolen}, correspondence(), score.ReplyToFreeMail},
		{"a reply to whom it quotes", letter{from: "a@logistik.net", replyTo: "x@lawyers.net", body: paying + strings.ReplaceAll(pasted, "heise.de", "lawyers.net")}, correspondence(), score.ReplyToUnknown},
		{"to have written in the conversation", letter{from: "a@he1se.de", cites: stolen}, changed(func(r *remembering) {
			r.threads["q1@example.com"] = RememberedThread{Number: 7, Participants: []mail.Domain{"heise.de"}, Wrote: true}
		}), score.Intrusion},
	} {
		e := tell(t, c.l, func(col *Collector) {
			if c.r != nil {
				col.Memory = c.r
			}
		})
		v := decideAgain(t, Rules{}, e)
		if c.not != "" {
			v = Decide(&Rules{Weights: score.Weights{score.LogAt: -1000}}, &e)
		}
		if c.not == "" && v.Score != nil || slices.Contains(rows(v.Score), c.not) {
			t.Errorf("%s: %v\n%+v", c.name, v.Score, e.Thread)
		}
	}
	e := tell(t, letter{from: "a@he1se.de"}, with(correspondence()))
	e.Thread.Decisions = []Decision{{Sender: "other.net", Target: "unlike.net"}, {Sender: "other.net", Target: "heise.de", Allow: true}}
	if v := Decide(&Rules{}, &e); slices.Contains(rows(v.Score), score.Block) {
		t.Errorf("a block of another sender counts: %v", v.Score)
	} else if !slices.Contains(rows(v.Score), score.Likeness) {
		t.Errorf("what another sender is allowed counts: %v", v.Score)
	}
	e = tell(t, letter{from: "a@heise.co", cites: stolen}, with(correspondence()))
	e.Thread.Similar[0].Confidence = 90 // no ending alone is worse than a tag by itself, however sure
	if v := Decide(&Rules{}, &e); slices.Contains(found(v), StolenThread) {
		t.Errorf("%v", found(v))
	}
	e = proven()
	e.Lookalike = []Lookalike{{Confidence: 97, Alone: true, Where: "author", Why: "a looks like b: c"}}
	e.Thread.Decisions = []Decision{{Allow: true}}
	if v := Decide(&Rules{}, &e); v.Reason != LookalikeDomain {
		t.Errorf("a decision on nobody excuses: %v", v.Reason)
	}
}

// A correspondent of others, to whom we write, is one of this recipient's for the
// score; one who only writes is the site's.
func TestRelations(t *testing.T) {
	r := correspondence()
	r.known["fernbau.net"] = KnownDomain{State: TwoWay, First: days(90)}
	for from, want := range map[string]score.Relation{"a@fernb4u.net": score.Correspondent, "a@nordw1nd.org": score.Site, "a@l0gistik.net": score.Correspondent, "a@examp1e.com": score.Own, "a@bundesbamk.de": score.Protected} {
		if e := tell(t, letter{from: from}, with(r)); len(e.Thread.Similar) == 0 || e.Thread.Similar[0].Relation != want {
			t.Errorf("%s: %+v, want %s", from, e.Thread.Similar, want)
		}
	}
	for _, c := range []struct {
		body string
		want score.Relation
	}{{pasted, score.Corroborated}, {strings.ReplaceAll(pasted, "heise.de", "nordwind.org"), score.Message}} {
		l := letter{from: "a@he1se.de", body: c.body}
		if c.want == score.Message {
			l.from = "a@nordw1nd.org"
		}
		if e := tell(t, l, with(r)); len(e.Thread.Similar) == 0 || e.Thread.Similar[0].Relation != c.want {
			t.Errorf("%+v, want %s", e.Thread.Similar, c.want)
		}
	}
}

// Where a dot makes the likeness, it is shown.
func TestANameBelowAnotherCountsWhole(t *testing.T) {
	e := tell(t, letter{from: "a@heise.de.pay-portal.net", cites: stolen}, with(correspondence()))
	if s := e.Thread.Similar; len(s) == 0 || s[0].Domain != "pay-portal.net" || s[0].As != "heise.de.pay-portal.net" || !strings.Contains(s[0].words(), "pay-portal") {
		t.Errorf("%+v", s)
	}
	e = tell(t, letter{from: "a@heise.de", cc: "b@heise.de.pay-portal.net", cites: stolen}, with(correspondence()))
	if s := e.Thread.Added; len(s) != 1 || s[0].As != "heise.de.pay-portal.net" {
		t.Errorf("%+v", s)
	}
}

// What changes the letters of a name counts more in a conversation than another
// ending or words.
func TestWhatIsInTheLettersCounts(t *testing.T) {
	for class, want := range map[string]bool{"edit": true, "homoglyph": true, "idn": true, "embedding": true, "split": true, "hyphen": true, "homoglyph+hyphen": true,
		"tld": false, "combo": false, "edit+tld": false, "idn+combo": false} {
		if inLetters(class) != want {
			t.Errorf("%s: %t", class, !want)
		}
	}
}
