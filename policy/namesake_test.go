package policy

import (
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// The name of a person whom the recipient knows, at nearly that person's domain,
// from where nothing came before: without an id and without a quote.
func TestANameThatTheRecipientKnowsAtALookAlike(t *testing.T) {
	changed := func(change func(*remembering)) *remembering { r := builder(); change(r); return r }
	once := func() *remembering {
		return changed(func(r *remembering) {
			r.known["nordlichtbau.de"] = KnownDomain{State: Seen, First: days(3), Messages: 1, ToUs: 1}
		})
	}
	established := func() *remembering {
		return changed(func(r *remembering) {
			r.known["nordlichtbau.de"] = KnownDomain{State: Established, First: days(30), Messages: 3, ToUs: 3}
		})
	}
	ole := func(domain string) letter { return letter{from: "Ole Nord <ole@" + domain + ">"} }
	with := func(l letter, change func(*letter)) letter { change(&l); return l }
	re := func(l *letter) { l.subject = "Re: Invoice" }
	for _, c := range []struct {
		name string
		l    letter
		r    *remembering
		want Disposition
	}{
		{"a letter looks the same", ole("nord1ichtbau.de"), builder(), Quarantine},
		{"a letter is left out", ole("nordlichtbu.de"), builder(), Quarantine},
		{"a hyphen", ole("nordlicht-bau.de"), builder(), Quarantine},
		{"the whole name below another", ole("nordlichtbau.de.pay-portal.net"), builder(), Quarantine},
		{"a dot in the name", ole("nordlicht.bau.de"), builder(), Quarantine},
		{"a letter of a short name", letter{from: "Anna Berg <anna@heize.de>"}, builder(), Quarantine},
		{"a letter of a name of three", letter{from: "Anna Berg <anna@il.ie>"}, changed(func(r *remembering) {
			r.names[FoldName("Anna Berg")] = []mail.Domain{"iol.ie"}
			r.known["iol.ie"] = KnownDomain{State: TwoWay, First: days(90), Messages: 9, ToUs: 9}
		}), Quarantine},
		{"the name turned around", letter{from: "\"Nord, Ole\" <x@nordlichtbu.de>"}, builder(), Quarantine},
		{"three days after a mail in another name", ole("nordlichtbu.de"), changed(func(r *remembering) { r.known["nordlichtbu.de"] = KnownDomain{State: Seen, First: days(3)} }), Quarantine},
		{"after a warm-up", ole("nordlichtbu.de"), changed(func(r *remembering) {
			r.known["nordlichtbu.de"] = KnownDomain{State: Shadow, First: days(60), Messages: 99, ToUs: 99, ShadowOf: "nordlichtbau.de"}
		}), Quarantine},
		{"in a conversation of others", with(ole("nordlichtbu.de"), func(l *letter) { l.cites = stolen }), builder(), Quarantine},

		{"a house of which one mail came", ole("nordlichtbu.de"), once(), Tag},
		{"a house of which one mail came, and it answers", with(ole("nordlichtbu.de"), re), once(), Quarantine},
		{"a house that is not among the neighbours", ole("nordlichtbu.de"), changed(func(r *remembering) { delete(r.known, "nordlichtbau.de") }), Tag},
		{"a house to which nobody writes", ole("nordlichtbu.de"), established(), Tag},
		{"a house to which nobody writes, and it answers", with(ole("nordlichtbu.de"), re), established(), Quarantine},
		{"a house to which nobody writes, and an invoice", with(ole("nordlichtbu.de"), func(l *letter) { l.body = firstAccount + "\r\n" }), established(), Quarantine},
		{"a house to which nobody writes, and answers go elsewhere", with(ole("nordlichtbu.de"), func(l *letter) { l.replyTo = "x@unheard.net" }), established(), Quarantine},
		{"a protected person of a house to which nobody writes", letter{from: "Erika Mustermann <e@nordlichtbu.de>"}, changed(func(r *remembering) {
			r.names[FoldName("Erika Mustermann")] = []mail.Domain{"nordlichtbau.de"}
			r.known["nordlichtbau.de"] = KnownDomain{State: Established, First: days(30), Messages: 3, ToUs: 3}
		}), Quarantine},

		{"words added", ole("nordlichtbau-office.de"), builder(), Tag},
		{"words added, and it answers", with(ole("nordlichtbau-office.de"), re), builder(), Quarantine},
		{"words added, and it answers with an id that nobody knows", with(ole("nordlichtbau-office.de"), func(l *letter) { l.cites = "<x@example.com>" }), builder(), Quarantine},
		{"words added, and it answers in a conversation of others", with(ole("nordlichtbau-office.de"), func(l *letter) { l.cites = stolen }), builder(), Quarantine},
		{"words added, and other bank details", with(ole("nordlichtbau-office.de"), func(l *letter) { l.body = paying }), builder(), Quarantine},
		{"words added, and helpers", with(ole("nordlichtbau-office.de"), func(l *letter) { l.cc = "a@nordlichtbaau.de" }), builder(), Quarantine},
		{"words added, and an invoice", with(ole("nordlichtbau-office.de"), func(l *letter) { l.body = firstAccount + "\r\n" }), builder(), Tag},
		{"another ending", ole("nordlichtbau.com"), builder(), Tag},
		{"another ending, and it answers", with(ole("nordlichtbau.com"), re), builder(), Quarantine},
		{"another ending, a few days old, and it answers", with(ole("nordlichtbau.com"), re), changed(func(r *remembering) { r.known["nordlichtbau.com"] = KnownDomain{State: Seen, First: days(3)} }), Quarantine},
		{"another ending and other bank details", with(ole("nordlichtbau.com"), func(l *letter) { l.body = paying }), builder(), Quarantine},
		{"a letter and another ending, and it answers", with(ole("nordlichtbu.com"), re), builder(), Quarantine},

		{"a colleague moves and says so", with(ole("nordlichtbau-gruppe.de"), func(l *letter) { l.body = "My new address is ole@nordlichtbau-gruppe.de.\r\n" }), builder(), Tag},
		{"and the old house signs it", with(ole("nordlichtbu.de"), re), changed(func(r *remembering) {
			r.known["nordlichtbu.de"] = KnownDomain{State: Seen, First: days(3), ProvenFor: []mail.Domain{"nordlichtbau.de"}}
		}), Relay},
		{"and an administrator allows it", with(ole("nordlichtbu.de"), re), changed(func(r *remembering) {
			r.decisions = []Decision{{Sender: "nordlichtbu.de", Target: "nordlichtbau.de", Allow: true, Who: "eve"}}
		}), Relay},
		{"the recipient had mail of that name from there before", with(ole("nordlichtbau.com"), re), changed(func(r *remembering) {
			r.names[FoldName("Ole Nord")] = []mail.Domain{"nordlichtbau.de", "nordlichtbau.com"}
			r.known["nordlichtbau.com"] = KnownDomain{State: Established, First: days(60)}
		}), Relay},
		{"three days ago", with(ole("nordlichtbau.com"), re), changed(func(r *remembering) {
			r.names[FoldName("Ole Nord")] = []mail.Domain{"nordlichtbau.de", "nordlichtbau.com"}
			r.known["nordlichtbau.com"] = KnownDomain{State: Seen, First: days(3)}
		}), Tag},
		{"both houses are known for long", with(ole("nordlichtbu.de"), re), changed(func(r *remembering) { r.known["nordlichtbu.de"] = KnownDomain{State: Established, First: days(160)} }), Tag},
		{"another of that name, elsewhere", letter{from: "Ole Nord <ole@unheard.net>"}, builder(), Relay},
		{"another of that name, elsewhere, answers", letter{from: "Ole Nord <ole@unheard.net>", subject: "Re: Invoice"}, builder(), Tag},
		{"somebody else of nearly that house", letter{from: "Max Weber <max@nordlichtbau-office.de>", subject: "Re: Invoice"}, builder(), Tag},
		{"through a mailing list", with(ole("nordlichtbu.de"), func(l *letter) { l.list, l.to = "<l.lists.net>", "l@lists.net" }), builder(), Tag},
		{"from a free mailbox", with(ole("gmail.com"), re), builder(), Tag},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := tell(t, c.l, func(col *Collector) { col.Memory = c.r })
			v := decideAgain(t, Rules{}, e)
			if v.Disposition != c.want {
				t.Errorf("got %v %s: %s\n%v\n%+v", v.Disposition, v.Reason, v.Sentence, v.Score, e.Thread)
			}
			if v.Disposition == Quarantine && (v.Reason != Impostor || !strings.Contains(v.Sentence, "from where this recipient had mail under the same name before")) {
				t.Errorf("%s: %s", v.Reason, v.Sentence)
			}
		})
	}
}

// What is taken for a pretext is told.
func TestAPretextIsTold(t *testing.T) {
	for _, c := range []struct {
		l    letter
		want string
	}{
		{letter{from: "Ole Nord <ole@nordlichtbau.com>", subject: "Re: Invoice"}, "we remember no such conversation with it."},
		{letter{from: "Ole Nord <ole@nordlichtbau.com>", body: paying}, "money weighs double, from a newcomer with such a name; it speaks of payment (new bank details)"},
		{letter{from: "Ole Nord <ole@nordlichtbau.com>", cc: "a@nordlichtbaau.de"}, "that it brings other look-alikes weighs double"},
		{letter{from: "Ole Nord <ole@nordlichtbau.com>", cites: "<b1@example.com>", body: paying}, "money weighs double, from a newcomer with such a name; it speaks of payment (new bank details)"},
	} {
		e := tell(t, c.l, with(builder()))
		if v := Decide(&Rules{}, &e); v.Disposition != Quarantine || !strings.Contains(v.Sentence, c.want) {
			t.Errorf("%+v: %v %s", c.l, v.Disposition, v.Sentence)
		}
	}
}

// A name of one word may be a brand, which writes from several houses of its own.
func TestANameOfOneWord(t *testing.T) {
	r := builder()
	r.names[FoldName("Nordlicht")] = []mail.Domain{"nordlichtbau.de"}
	r.names[FoldName("Bo")] = []mail.Domain{"nordlichtbau.de"}
	for from, want := range map[string]Disposition{"Nordlicht <x@nordlichtbu.de>": Quarantine, "Nordlicht <x@nordlichtbau.com>": Relay, "Nordlicht <x@nordlichtbau-shop.de>": Tag, "Bo <x@nordlichtbu.de>": Tag} {
		e := tell(t, letter{from: from}, with(r))
		if v := Decide(&Rules{}, &e); v.Disposition != want {
			t.Errorf("%s: %v %s: %s", from, v.Disposition, v.Reason, v.Sentence)
		} else if want == Quarantine && !slices.Contains(rows(v.Score), score.SameName) {
			t.Errorf("%s: the name does not count: %v", from, v.Score)
		}
	}
}

// Who is nearly a correspondent, as sure as that can be, is held if he pretends
// to go on with something; a neighbour is not.
func TestADisguiseThatClaimsAConversation(t *testing.T) {
	for _, c := range []struct {
		l    letter
		want Disposition
	}{
		{letter{from: "x@logistlk.net"}, Tag},
		{letter{from: "x@logistlk.net", subject: "Re: Invoice"}, Quarantine},
		{letter{from: "x@logistlk.net", body: paying}, Quarantine},
		{letter{from: "x@logistlk.net", body: firstAccount + "\r\n"}, Tag},
		{letter{from: "x@logostik.net", subject: "Re: Invoice", body: paying}, Tag},
		{letter{from: "x@logistik-office.net", subject: "Re: Invoice"}, Tag},
		{letter{from: "x@nordw1nd.org", subject: "Re: Invoice"}, Tag}, // wrote to others only
	} {
		e := tell(t, c.l, with(correspondence()))
		if v := Decide(&Rules{}, &e); v.Disposition != c.want {
			t.Errorf("%+v: %v %s: %s", c.l, v.Disposition, v.Reason, v.Sentence)
		}
	}
}

// Splits and embeddings live in front of the registrable domain, wherever a name
// stands, and beside however many plain ones.
func TestNamesBelowTheirDomainAreComparedWhole(t *testing.T) {
	for _, l := range []letter{
		{from: "Anna Berg <anna@heise.de>", replyTo: "anna@heise.de.pay-portal.net", cites: stolen},
		{from: "Anna Berg <anna@heise.de>", replyTo: "anna@he.ise.de", cites: stolen},
	} {
		e := tell(t, l, with(correspondence()))
		if d := e.Thread.ReplyTo; d == nil || d.Kind != score.ReplyLookalike || d.Target != "heise.de" || string(d.As) != l.replyTo[len("anna@"):] {
			t.Errorf("%s: %+v", l.replyTo, d)
		}
		if v := decideAgain(t, Rules{}, e); v.Reason != ReplyDiversion {
			t.Errorf("%v %s", v.Reason, v.Sentence)
		}
	}
	e := tell(t, letter{from: "a@heise.de", cc: "x@pay-portal.net, y@www.pay-portal.net, b@heise.de.pay-portal.net", cites: stolen}, with(correspondence()))
	if s := e.Thread.Added; len(s) != 1 || s[0].As != "heise.de.pay-portal.net" || s[0].Domain != "pay-portal.net" {
		t.Errorf("%+v", s)
	}
	var many strings.Builder
	for i := range 9 {
		many.WriteString("x@" + strings.Repeat("a.", i+1) + "pay-portal.net, ")
	}
	r := correspondence()
	s := scene{c: collector(t), e: &Evidence{}}
	s.show("pay-portal.net", "pay-portal.net", "to")
	for i := range 9 {
		s.show("pay-portal.net", mail.Domain(strings.Repeat("a.", i+1)+"pay-portal.net"), "to")
	}
	if p := s.parties; len(p) != 1 || len(p[0].more) != maxMore {
		t.Errorf("%+v", p)
	}
	if e := tell(t, letter{from: "a@heise.de", cc: many.String() + "z@y.net"}, with(r)); len(e.Thread.Added) != 0 || len(r.asked[0].Domains) != 2 {
		t.Errorf("%+v %v", e.Thread.Added, r.asked[0].Domains)
	}
}

// What is allowed for a domain is allowed wherever it stands.
func TestAnAllowReachesReplyToAndCc(t *testing.T) {
	replies := letter{from: "a@heise.co", replyTo: "b@he1se.de", cites: stolen}
	reply := letter{from: "Anna Berg <anna@heise.de>", replyTo: "anna@he1se.de", cites: stolen}
	added := letter{from: "a@heise.de", cc: "b@he1se.de", cites: stolen, body: paying}
	for _, l := range []letter{replies, reply, added} {
		for _, c := range []struct {
			d       Decision
			groups  [][]mail.Domain
			excused bool
		}{
			{Decision{}, nil, false},
			{Decision{Sender: "he1se.de", Target: "heise.de", Allow: true}, nil, true},
			{Decision{Sender: "he1se.de", Target: "heise.de", Allow: true, Recipient: "bob@example.com"}, nil, true},
			{Decision{Sender: "he1se.de", Target: "heise.de", Allow: true, Recipient: "carol@example.com"}, nil, false},
			{Decision{Sender: "he1se.de", Target: "logistik.net", Allow: true}, nil, false},
			{Decision{Sender: "hei5e.de", Target: "heise.de", Allow: true}, nil, false},
			{Decision{}, [][]mail.Domain{{"heise.de", "he1se.de"}}, true},
		} {
			r := correspondence()
			r.all = []Decision{c.d}
			e := tell(t, l, func(col *Collector) { col.Memory, col.Groups = r, c.groups })
			v := decideAgain(t, Rules{}, e)
			told := strings.Contains(v.Sentence, "he1se.de") || strings.Contains(v.Sentence, "he‹1›se.de") || strings.Contains(v.Score.words(), string(score.ReplyToLookalike)) || strings.Contains(v.Score.words(), string(score.AddedLookalike))
			if told == c.excused {
				t.Errorf("%+v, %+v: %v %s: %s\n%v", l, c.d, v.Disposition, v.Reason, v.Sentence, v.Score)
			}
		}
	}
}

func (s *Score) words() string {
	if s == nil {
		return ""
	}
	return s.String()
}

// Those on the author are not crowded out by those on whom the message shows.
func TestDecisionsOnTheAuthorComeFirst(t *testing.T) {
	r := correspondence()
	for range 3 * maxDecisions {
		r.all = append(r.all, Decision{Sender: "logistik.net", Target: "nordwind.org"})
	}
	r.all = append(r.all, Decision{Sender: "unlike.net", Target: "heise.de"})
	e := tell(t, letter{from: "a@unlike.net", cc: "b@logistik.net"}, with(r))
	if d := e.Thread.Decisions; len(d) != maxDecisions || d[0].Sender != "unlike.net" || d[1].Sender != "logistik.net" {
		t.Errorf("%+v", d)
	}
	if v := Decide(&Rules{}, &e); v.Disposition != Quarantine || v.Reason != Impostor {
		t.Errorf("%v %s", v.Disposition, v.Reason)
	}
}
