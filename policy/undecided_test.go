package policy

import (
	"strings"
	"testing"
	"time"

	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// newcomers is a memory of two weeks, to which nordlichtbau.de, who answers in a
// conversation with us, and whoever resembles it are both new, the second by a day
// less.
func newcomers(elder mail.Domain, began int, change func(*remembering)) *remembering {
	return builders(func(r *remembering) {
		r.since = days(14)
		r.known["nordlichtbau.de"] = KnownDomain{State: Seen, First: days(8), Messages: 2, ToUs: 2}
		r.known[elder] = KnownDomain{State: Seen, First: days(9), Messages: 1, ToUs: 1}
		k := r.threads["b1@example.com"]
		k.First = days(began).Truncate(24 * time.Hour)
		r.threads["b1@example.com"] = k
		change(r)
	})
}

// Who wrote a first mail before the genuine one did, and then stands in his place, is
// held for what he wants there.
func TestToHaveWrittenFirstIsNoPartInAConversation(t *testing.T) {
	const account = otherAccount + "\r\n"
	quote := strings.ReplaceAll(pasted, "heise.de", "nordlichtbau.de")
	memory := func(began int) *remembering { return newcomers("nordlichtbaau.de", began, func(*remembering) {}) }
	changed := func(change func(*remembering)) *remembering { return newcomers("nordlichtbaau.de", 8, change) }
	l := letter{from: "Ole Nord <ole@nordlichtbaau.de>", cites: built, body: "Hello.\r\n" + quote}
	but := func(change func(*letter)) letter { l := l; change(&l); return l }
	names := but(func(l *letter) { l.body = account + quote })
	try(t, []tried{
		{"he names an account", names, memory(8), Quarantine, Impostor},
		{"he names an account, as an office", but(func(l *letter) { l.from, l.body = "Accounts <accounts@nordlichtbaau.de>", account }), memory(8), Quarantine, Impostor},
		{"he names another account", names, changed(func(r *remembering) {
			k := r.threads["b1@example.com"]
			k.Accounts = 1
			r.threads["b1@example.com"] = k
		}), Quarantine, Impostor},
		{"he names an account below another name", but(func(l *letter) { l.from, l.body = "Ole Nord <ole@nordlichtbau.docs-share.com>", account }), newcomers("docs-share.com", 8, func(*remembering) {}), Quarantine, Impostor},
		{"answers go elsewhere", but(func(l *letter) { l.replyTo = "ole@unheard.net" }), memory(8), Quarantine, Impostor},
		{"he brings another look-alike", but(func(l *letter) { l.cc = "x@nord1ichtbau.de" }), memory(8), Quarantine, Impostor},
		{"he speaks of payment in what began before he wrote", but(func(l *letter) { l.body = paying + quote }), memory(10), Quarantine, Impostor},
		{"he names an account, first seen this week", names, changed(func(r *remembering) {
			r.known["nordlichtbau.de"] = KnownDomain{State: Seen, First: days(2), Messages: 2, ToUs: 2}
			r.known["nordlichtbaau.de"] = KnownDomain{State: Seen, First: days(3), Messages: 1, ToUs: 1}
		}), Quarantine, StolenThread},

		{"he answers", l, memory(8), Tag, Impostor},
		{"he answers in what began before he wrote", l, memory(10), Tag, Impostor},
		{"he speaks of payment in what began after he wrote", but(func(l *letter) { l.body = paying + quote }), memory(8), Tag, Impostor},
		{"he speaks of payment in what began on the day when he wrote", but(func(l *letter) { l.body = paying + quote }), memory(9), Tag, Impostor},
		{"nobody knows when it began", but(func(l *letter) { l.body = paying + quote }), changed(func(r *remembering) {
			k := r.threads["b1@example.com"]
			k.First = time.Time{}
			r.threads["b1@example.com"] = k
		}), Tag, Impostor},
		{"he names the account that it had", but(func(l *letter) { l.body = "Not to " + firstAccount + "!\r\n" + quote }), changed(func(r *remembering) {
			k := r.threads["b1@example.com"]
			k.Accounts = 1
			r.threads["b1@example.com"] = k
		}), Tag, Impostor},
		{"he quotes the account that it had not", but(func(l *letter) { l.body = "Not to this!\r\n" + quote + account }), memory(8), Tag, Impostor},
		{"it is no conversation that we remember", but(func(l *letter) { l.cites, l.body = "<z@nordlichtbau.de>", account+quote }), memory(8), Tag, Impostor},
		{"he had part in it", names, newcomers("nordlichtbaau.de", 8, func(r *remembering) {
			k := r.threads["b1@example.com"]
			k.Participants = append(k.Participants, "nordlichtbaau.de")
			r.threads["b1@example.com"] = k
		}), Tag, Impostor},
		{"it is the other who had none", letter{from: "Ole Nord <ole@nordlichtbau.de>", cites: "<b2@example.com>", body: paying + strings.ReplaceAll(quote, "nordlichtbau", "nordlichtbaau")}, changed(func(r *remembering) {
			r.known["nordlichtbau.de"] = KnownDomain{State: Seen, First: days(10), Messages: 1, ToUs: 1}
			r.threads["b2@example.com"] = RememberedThread{Number: 5, First: days(9).Truncate(24 * time.Hour), Messages: 2, Participants: []mail.Domain{"nordlichtbaau.de", "example.com"}}
		}), Tag, Impostor},
	})
	e := tell(t, names, with(memory(8)))
	v := Decide(&Rules{}, &e)
	if !strings.HasPrefix(v.Sentence, "nordlichtbaau.de and nordlichtbau.de resemble each other, and one may be an impostor's (") ||
		!strings.HasSuffix(v.Sentence, " Of the two, we knew nordlichtbaau.de first, nordlichtbau.de after it, from 2026-11-14 on; it is held for what it wants in a conversation of the other's.") || v.Score.Capped != "" {
		t.Errorf("%s\n%v", v.Sentence, v.Score)
	}
	if text := flat(explained(t, &e)); !strings.Contains(text, "points, for nordlichtbaau.de or nordlichtbau.de ") {
		t.Error(text)
	}
	// A forwarder of our rules is at most tagged, and an administrator's word holds.
	e.DKIM = []DKIM{{Result: mail.Pass, Domain: "list.example", Selector: "s"}}
	if v := Decide(&Rules{Forwarders: []Forwarder{{Name: "list", DKIM: []mail.Domain{"list.example"}, Reasons: ForwarderReasons()}}}, &e); v.Disposition != Tag {
		t.Errorf("through a forwarder: %v %s", v.Disposition, v.Sentence)
	}
	e.DKIM, e.Thread.Decisions = nil, []Decision{{Sender: "nordlichtbaau.de", Target: "nordlichtbau.de", Who: "eve", At: days(1)}}
	if v := Decide(&Rules{}, &e); v.Disposition != Quarantine || !strings.Contains(v.Sentence, "impostor of nordlichtbau.de") {
		t.Errorf("blocked: %v %s", v.Disposition, v.Sentence)
	}
}

// Of two who had part in a conversation nobody is blamed, unless he reaches for the
// answers, however little it weighs.
func TestWhoReachesForTheAnswersIsNamed(t *testing.T) {
	r := builders(func(r *remembering) { delete(r.known, "nordlichtbau.de"); clear(r.names) }, "nordlicht-bau.de")
	for reply, want := range map[string]string{"": "one may be an impostor's", "z@unheard.net": "may come from an impostor of nordlichtbau.de"} {
		e := tell(t, letter{from: "x@nordlicht-bau.de", cites: built, replyTo: reply}, with(r))
		if v := Decide(&Rules{Weights: score.Weights{score.QuarantineAt: 1000}}, &e); v.Disposition != Tag || !strings.Contains(v.Sentence, want) {
			t.Errorf("%q: %v %s", reply, v.Disposition, v.Sentence)
		}
	}
}

// To be paid in the place of another needs no look-alike: it is told.
func TestAStrangerWhoNamesAnotherAccountIsToldOf(t *testing.T) {
	const account = otherAccount + "\r\n"
	joined := func(k KnownDomain, began int) *remembering {
		r := correspondence()
		r.known["unlike.net"] = k
		r.threads["q1@example.com"] = RememberedThread{Number: 7, First: days(began).Truncate(24 * time.Hour), Last: days(2), Messages: 3, Participants: []mail.Domain{"heise.de", "example.com", "unlike.net"}, Accounts: 1}
		return r
	}
	known := func(k KnownDomain) *remembering {
		r := correspondence()
		r.known["unlike.net"] = k
		return r
	}
	seen := func(n int) KnownDomain { return KnownDomain{State: Seen, First: days(n), Messages: 1, ToUs: 1} }
	l := letter{from: "Kai Factor <kai@unlike.net>", cites: stolen, body: account}
	but := func(change func(*letter)) letter { l := l; change(&l); return l }
	try(t, []tried{
		{"never seen", l, correspondence(), Tag, Impostor},
		{"seen for days", l, known(seen(3)), Tag, Impostor},
		{"seen for weeks", l, known(seen(20)), Tag, Impostor},
		{"a free mailbox", but(func(l *letter) { l.from = "Kai Factor <kai.factor@gmx.de>" }), correspondence(), Tag, Impostor},
		{"calls himself a list", but(func(l *letter) { l.to, l.list = "l@lists.net", "<l.lists.net>" }), correspondence(), Tag, Impostor},
		{"and all else that a stranger can do", but(func(l *letter) {
			l.from, l.replyTo, l.body = "Erika Mustermann <x@unlike.net>", "x@unheard.net", paying+account
		}), correspondence(), Tag, Impostor},
		{"who came to it later", l, joined(seen(3), 12), Tag, Impostor},

		{"who came to it later, for long", l, joined(seen(9), 12), Relay, Clean},
		{"who began it", l, joined(seen(3), 3), Relay, Clean},
		{"who is established", l, known(KnownDomain{State: Established, First: days(90), Messages: 9}), Relay, Clean},
		{"the account that it had", but(func(l *letter) { l.body = firstAccount + "\r\n" }), correspondence(), Relay, Clean},
		{"words of payment", but(func(l *letter) { l.body = paying }), correspondence(), Relay, Clean},
		{"an account, where it had none", but(func(l *letter) { l.cites = "<q2@example.com>" }), correspondence(), Relay, Clean},
		{"no conversation that we remember", but(func(l *letter) { l.cites = "<x@example.com>" }), correspondence(), Relay, Clean},
		{"allowed for who had part in it", l, func() *remembering {
			r := correspondence()
			r.decisions = []Decision{{Sender: "unlike.net", Target: "heise.de", Allow: true, Who: "eve", At: days(1)}}
			return r
		}(), Relay, Clean},
		{"of one house with who had part in it", l, known(KnownDomain{State: Seen, First: days(9), ProvenFor: []mail.Domain{"heise.de"}}), Relay, Clean},
	})
	const first = "The mail may come from somebody who wants to be paid in the place of another ("
	for _, c := range []struct {
		r    *remembering
		says string
	}{
		{correspondence(), first + "70 points): we remember no proven mail from unlike.net that was delivered; it answers in a conversation that we remember (3 messages since 2026-11-10), and unlike.net had no part in it; it names another account (…5432) than the conversation had."},
		{joined(seen(3), 12), first + "65 points): we have known unlike.net since 2026-11-19; it answers in a conversation that we remember (3 messages since 2026-11-10), and unlike.net came to it later; it names another account (…5432) than the conversation had."},
	} {
		e := tell(t, l, with(c.r))
		v := Decide(&Rules{}, &e)
		if v.Sentence != c.says || v.Score.Target != "" {
			t.Errorf("got  %s\nwant %s", v.Sentence, c.says)
		}
		if o, ok := Observe(&e, v); !ok || o.Cited != nil || o.ID != "" || o.Accounts != nil || o.Resembles != "" {
			t.Errorf("he becomes a participant by that: %+v", o)
		}
	}
	// A house of the same owner, and what came through a forwarder of our rules.
	e := tell(t, letter{from: "a@heise.co", cites: stolen, body: account}, func(c *Collector) {
		c.Memory, c.Groups = correspondence(), [][]mail.Domain{{"heise.de", "heise.co"}}
	})
	if v := Decide(&Rules{}, &e); v.Reason != Clean {
		t.Errorf("of one owner: %v %s", v.Disposition, v.Sentence)
	}
	e = tell(t, l, with(correspondence()))
	e.DKIM = []DKIM{{Result: mail.Pass, Domain: "list.example", Selector: "s"}}
	if v := Decide(&Rules{Forwarders: []Forwarder{{Name: "list", DKIM: []mail.Domain{"list.example"}, Reasons: ForwarderReasons()}}}, &e); v.Disposition != Relay {
		t.Errorf("through a forwarder: %v %s", v.Disposition, v.Sentence)
	}
	// That he signs his own mail makes him none of the conversation.
	e = tell(t, l, with(joined(seen(3), 12)))
	e.DKIM = []DKIM{{Result: mail.Pass, Domain: "unlike.net", Selector: "s"}}
	if v := Decide(&Rules{}, &e); v.Disposition != Tag {
		t.Errorf("signed: %v %s", v.Disposition, v.Sentence)
	}
	// Whom he resembles in another relation is no conversation of his.
	e = tell(t, letter{from: "a@logostik.net", cites: stolen, body: account}, with(correspondence()))
	if v := Decide(&Rules{}, &e); v.Disposition != Tag || strings.Contains(v.Sentence, "conversation of logistik.net") {
		t.Errorf("%v %s", v.Disposition, v.Sentence)
	}
	if v := Decide(&Rules{Weights: score.Weights{score.Intrusion: 0}}, &e); v.Disposition != Tag || v.Score.Target != "logistik.net" {
		t.Errorf("the operator's weights: %v %s", v.Disposition, v.Sentence)
	}
}

// Who is of one owner with a participant came to the conversation from within.
func TestAHouseOfTheGroupNamesItsOwnAccount(t *testing.T) {
	l := letter{from: "Max Weber <max@lawyers.net>", cites: stolen, cc: "anna@heise.de", body: otherAccount + "\r\n" + pasted}
	for name, c := range map[string]struct {
		group []mail.Domain
		want  Disposition
	}{
		"of another group": {[]mail.Domain{"lawyers.net", "nordwind.org"}, Tag},
		"of his":           {[]mail.Domain{"lawyers.net", "heise.de"}, Relay},
	} {
		e := tell(t, l, func(col *Collector) { col.Memory, col.Groups = correspondence(), [][]mail.Domain{c.group} })
		if v := decideAgain(t, Rules{}, e); v.Disposition != c.want {
			t.Errorf("%s: %v %s: %s", name, v.Disposition, v.Reason, v.Sentence)
		}
	}
}
