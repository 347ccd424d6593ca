package policy

import (
	"strings"
	"testing"

	"mxgate/policy/score"
)

func TestALocalPartIsMadeOfAName(t *testing.T) {
	const anna = "Anna Nordwind"
	for _, c := range []struct {
		local, name string
		want        bool
	}{
		{"anna.nordwind", anna, true},
		{"nordwind.anna", anna, true},
		{"nordwind_anna77", anna, true},
		{"ANNANORDWIND", anna, true},
		{"a.nordwind", anna, true},
		{"anordwind+mxgate", anna, true},
		{"anna.n0rdwind", anna, false}, // digits are left out, and then letters are missing
		{"nordwind", anna, false},
		{"anna", anna, false},
		{"nordwind.a", anna, false},
		{"berta.nordwind", anna, false},
		{"anna.nordwind.bau", anna, false},
		{"anna.nordwind", "Nordwind, Anna", true},
		{"anna.nordwind", "Dr. Anna Maria Nordwind", true},
		{"anna.nordwind", "Anna", false},
		{"", "", false},
		{"joerg.mueller", "Jörg Müller", true},
		{"jorg.muller", "Jörg Müller", true},
		{"joerg.mueller", "Joerg Mueller", true},
		{"annaebert", "Anna Ebert", true},
		{"li.wu", "Li Wu", false}, // four letters are anybody's
		{"a.berg", "Anna Berg", false},
		{"anna.berg", "Аnnа Berg", true}, // Cyrillic letters in the name
		{strings.Repeat("a", 64), strings.Repeat("a ", 1000), false},
	} {
		if got := spells(c.local, c.name); got != c.want {
			t.Errorf("%s of %s: %t", c.local, c.name, got)
		}
	}
	for local, want := range map[string]bool{"anna": true, "a.nordwind": true, "form": false, "noreply": false, "an": false, "": false} {
		if bearsOne(local, anna) != want {
			t.Errorf("%s: %t", local, !want)
		}
	}
}

// A free mailbox that is made of the name of the author's house counts where payment is to
// change.
func TestAFreeMailboxMadeOfTheNameOfTheHouse(t *testing.T) {
	for _, c := range []struct {
		from, replyTo, body string
		want                bool
	}{
		{"Anna Keller <a.keller@nordwind-bau.de>", "anna.keller.nordwind@gmail.com", paying, true},
		{"Anna Keller <a.keller@nordwind-bau.de>", "annakellernordwindbau77@gmail.com", paying, true},
		{"Accounts <accounts@nordwind-bau.de>", "nordwind-bau@gmail.com", paying, true},
		{"Accounts <accounts@nordwind-bau.de>", "n0rdwind@gmail.com", paying, false}, // digits are left out
		{"Accounts <accounts@nordwind-bau.de>", "nordwind@gmail.com", paying, true},
		{"Accounts <accounts@nordwind-bau.de>", "nordwind@gmail.com", otherAccount + "\r\n", false}, // as of a small firm
		{"Accounts <accounts@nordwind-bau.de>", "nordwind.carol@gmail.com", paying, false},
		{"Accounts <accounts@bauer.de>", "bauer@gmail.com", paying, false}, // anybody's
	} {
		e := tell(t, letter{from: c.from, replyTo: c.replyTo, body: c.body}, func(col *Collector) { col.Memory = correspondence() })
		v := decideAgain(t, Rules{}, e)
		d := e.Thread.ReplyTo
		if got := d != nil && d.Kind == score.ReplyFreeMail && v.Disposition == Tag; got != c.want {
			t.Errorf("%s, %s: %v %s: %s", c.from, c.replyTo, v.Disposition, v.Reason, v.Sentence)
		}
	}
}

// A free mailbox that is made of the author's name is his name, whether it is shown
// or not.
func TestAFreeMailboxMadeOfTheAuthorsName(t *testing.T) {
	anna := letter{from: "Anna Nordwind <anna@nordwind-bau.de>", replyTo: "anna.nordwind@web.de", body: otherAccount + "\r\n"}
	with := func(change func(*letter)) letter { l := anna; change(&l); return l }
	for _, c := range []struct {
		name string
		l    letter
		want bool
	}{
		{"an account", anna, true},
		{"an account, and the name is shown", with(func(l *letter) { l.replyTo = "Anna Nordwind <a77@web.de>" }), true},
		{"words for another account", with(func(l *letter) { l.body = paying }), true},
		{"an answer, as of a small firm", with(func(l *letter) { l.body, l.subject = "", "Re: Invoice" }), false},
		{"an answer, and the name is shown", with(func(l *letter) { l.body, l.subject, l.replyTo = "", "Re: Invoice", "Anna Nordwind <a77@web.de>" }), true},
		{"neither", with(func(l *letter) { l.body = "" }), false},
		{"another's name", with(func(l *letter) { l.replyTo = "berta.nordwind@web.de" }), false},
		{"no free mailbox", with(func(l *letter) { l.replyTo = "anna.nordwind@nordwind-bau.de" }), false},
		{"a web form, whose visitor tells his account", with(func(l *letter) { l.from = "Anna Nordwind <form@nordwind-bau.de>" }), false},
		{"a web form that answers", with(func(l *letter) {
			l.from, l.subject, l.replyTo = "Anna Nordwind <form@nordwind-bau.de>", "Re: Invoice", "Anna Nordwind <a77@web.de>"
		}), true},
		{"a mailing list", with(func(l *letter) { l.to, l.list, l.cites, l.body = "l@lists.net", "<l.lists.net>", "<x@lists.net>", "" }), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := tell(t, c.l, func(col *Collector) { col.Memory = correspondence() })
			v := decideAgain(t, Rules{}, e)
			if d := e.Thread.ReplyTo; c.want && (d == nil || d.Kind != score.ReplyFreeMail || d.Name != "Anna Nordwind" || d.Domain != "web.de") {
				t.Errorf("%+v", d)
			}
			if v.Disposition == Tag && !strings.Contains(v.Sentence, `a free mailbox`) || (v.Disposition == Tag) != c.want || v.Disposition == Quarantine {
				t.Errorf("%v %s: %s", v.Disposition, v.Reason, v.Sentence)
			}
		})
	}
}

// Who has answers sent to the genuine address is not in its place.
func TestAReplyToAtTheTargetShowsNobodysLocalPart(t *testing.T) {
	for to, want := range map[string]bool{"": false, "anna@heise.de": true} {
		e := tell(t, letter{from: "anna@heise-rechnung.de", replyTo: "anna@heise.de", cc: to}, with(correspondence()))
		if len(e.Thread.Similar) == 0 || e.Thread.Similar[0].Target != "heise.de" || e.Thread.Similar[0].SameLocal != want {
			t.Errorf("to %q: %+v", to, e.Thread.Similar)
		}
	}
}
