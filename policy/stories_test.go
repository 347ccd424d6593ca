package policy

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// builder is a conversation with a house whose name is long enough for every
// class of look-alike.
func builder() *remembering {
	r := correspondence()
	r.known["nordlichtbau.de"] = KnownDomain{State: TwoWay, First: days(170), Messages: 90, ToUs: 12}
	r.threads["b1@example.com"] = RememberedThread{Number: 4, First: days(12), Last: days(2), Messages: 3, Participants: []mail.Domain{"nordlichtbau.de", "example.com"}}
	r.names[FoldName("Ole Nord")] = []mail.Domain{"nordlichtbau.de"}
	return r
}

// Thieves: each class of look-alike, with the id or without, with the quoted text
// or without, with helpers in Cc or without, with talk of payment or without.
func TestThieves(t *testing.T) {
	quote := "\r\n-----Original Message-----\r\nFrom: Ole Nord <ole@nordlichtbau.de>\r\nSent: Friday, 20 November 2026 10:00\r\nTo: Bob <bob@example.com>\r\nSubject: Invoice\r\n\r\nx\r\n"
	helpers := []string{"", "a@nordlichtbaau.de", "a@nordlichtbaau.de, b@nordlichtbou.de", "a@nordlichtbaau.de, b@nordlichtbou.de, c@nord1ichtbau.de"}
	for _, class := range []struct{ name, domain string }{
		{"homoglyph", "nordl1chtbau.de"}, {"edit", "nordlichtbu.de"}, {"hyphen", "nordlicht-bau.de"}, {"ending", "nordlichtbau.co"}, {"combo", "nordlichtbau-rechnung.de"}, {"embedded", "nordlichtbau-de.com"},
	} {
		for i := range 16 {
			id, quoted, money, named := i&1 != 0, i&2 != 0, i&4 != 0, i&8 != 0
			for added, cc := range helpers {
				l := letter{from: "x@" + class.domain, cc: cc, subject: "Re: Invoice"}
				if named {
					l.from = "Ole Nord <ole@" + class.domain + ">"
				}
				if id {
					l.cites = "<b1@example.com>"
				}
				if l.body = "Hello.\r\n"; money {
					l.body = paying
				}
				if quoted {
					l.body += quote
				}
				e := tell(t, l, with(builder()))
				v := decideAgain(t, Rules{}, e)
				ending := class.name == "ending"
				least := Relay
				switch {
				case id && !ending, id && (money || named && quoted || added > 0), !ending && quoted, added > 0 && money:
					least = Quarantine
				case id, quoted, !ending, added > 0:
					least = Tag
				}
				if v.Disposition.severity() < least.severity() {
					t.Errorf("%s (id %t, quoted %t, payment %t, named %t, %d added): %v %s %v", class.name, id, quoted, money, named, added, v.Disposition, v.Reason, v.Score)
				}
			}
		}
	}
}

// What honest people do.
func TestHonestMailIsNotHeld(t *testing.T) {
	changed := func(change func(*remembering)) *remembering { r := correspondence(); change(r); return r }
	var many []string
	for i := range 30 {
		many = append(many, fmt.Sprintf("a@partner%d.net", i))
	}
	for _, c := range []struct {
		name string
		l    letter
		r    *remembering
		want Disposition
	}{
		{"a plain mail of a stranger", letter{from: "a@unheard.net"}, correspondence(), Relay},
		{"the correspondent himself, paying as ever", letter{from: "Anna Berg <anna@heise.de>", cites: stolen, body: paying + firstAccount + "\r\n" + pasted}, correspondence(), Relay},
		{"a new colleague of his joins", letter{from: "Neu Mann <neu@heise.de>", cites: stolen, cc: "anna@heise.de", body: pasted}, correspondence(), Relay},
		{"a colleague of another house joins", letter{from: "Max Weber <max@lawyers.net>", cites: stolen, cc: "anna@heise.de", body: pasted}, correspondence(), Relay},
		{"and sends an invoice", letter{from: "Max Weber <max@lawyers.net>", cites: stolen, cc: "anna@heise.de", body: otherAccount + "\r\n" + pasted}, correspondence(), Tag},
		{"a first invoice", letter{from: "Neu Mann <neu@unheard.net>", body: paying + otherAccount + "\r\n"}, correspondence(), Relay},
		{"a vendor has a new domain and says so from the old one", letter{from: "Anna Berg <anna@heise.de>", cites: stolen, cc: "Anna Berg <anna@heise.co>"}, correspondence(), Tag},
		{"and writes from the new one", letter{from: "Anna Berg <anna@heise.co>", cites: stolen, body: pasted}, changed(func(r *remembering) {
			r.decisions = []Decision{{Sender: "heise.co", Target: "heise.de", Allow: true, Who: "eve"}}
		}), Relay},
		{"a newsletter through another house", letter{from: "News <news@newsletter.com>", replyTo: "reply@newsletter-mail.com", list: "<n.newsletter.com>", fields: "Sender: bounce@esp.net\r\nPrecedence: bulk\r\n"}, correspondence(), Relay},
		{"a newsletter, the first", letter{from: "News <news@shop.net>", replyTo: "service@shop.com"}, correspondence(), Relay},
		{"a list thread", letter{from: "Guido <guido@python.org>", to: "list@python.org", cites: "<q2@example.com>", list: "<list.python.org>"}, correspondence(), Relay},
		{"a list thread, another of its names", letter{from: "Guido <guido@python.net>", to: "list@python.org", cites: "<q2@example.com>", list: "<list.python.org>"}, correspondence(), Tag},
		{"a list that puts itself in the author's place", letter{from: "Anna Berg <list@lists.net>", to: "list@lists.net", replyTo: "Anna Berg <anna.berg@gmail.com>", list: "<x.lists.net>", cites: stolen}, correspondence(), Relay},
		{"the user's own second address", letter{from: "Bob Builder <bob.builder@gmail.com>", subject: "Fwd: Invoice", body: "\r\n-----Original Message-----\r\nFrom: Anna Berg <anna@heise.de>\r\nTo: Bob Builder <bob@example.com>\r\n"}, correspondence(), Relay},
		{"a correspondent's second address, known", letter{from: "Anna Berg <anna@gmail.com>", cites: stolen, body: pasted}, changed(func(r *remembering) { r.names[FoldName("Anna Berg")] = []mail.Domain{"heise.de", "gmail.com"} }), Relay},
		{"a correspondent's second address, unknown", letter{from: "Anna Berg <anna@gmail.com>", cites: stolen, body: pasted}, correspondence(), Tag},
		{"an automatic answer", letter{from: "Anna Berg <anna@heise.de>", cites: stolen, subject: "Automatic reply: Invoice 7", fields: "Auto-Submitted: auto-replied\r\n"}, correspondence(), Relay},
		{"an automatic answer of a stranger", letter{from: "desk@unheard.net", cites: stolen, subject: "Re: Invoice 7", fields: "Auto-Submitted: auto-replied\r\n"}, correspondence(), Relay},
		{"an invitation of a calendar", letter{from: "Anna Berg <calendar@calendars.net>", replyTo: "Anna Berg <anna@heise.de>", subject: "Invitation: Invoice", fields: "Sender: calendar@calendars.net\r\n"}, correspondence(), Relay},
		{"a web form", letter{from: "Max Weber <form@heise.de>", replyTo: "Max Weber <max.weber@gmail.com>"}, correspondence(), Relay},
		{"one domain of two of a house, both known for long", letter{from: "a@heise.com", cc: "b@heise.de", body: pasted}, changed(func(r *remembering) { r.known["heise.com"] = KnownDomain{State: Established, First: days(160)} }), Relay},
		{"another of its endings in Cc", letter{from: "a@heise.de", cc: "b@heise.com, c@heise.net", body: otherAccount + "\r\n"}, correspondence(), Relay},
		{"a house and its service", letter{from: "a@unheard.net", cc: "b@unheardgroup.net", replyTo: "c@unheard-group.net"}, correspondence(), Relay},
		{"a house that bears a name and a word", letter{from: "a@heisegroup.de", body: paying + pasted}, nil, Relay},
		{"a reply to whom it quotes", letter{from: "a@logistik.net", replyTo: "x@lawyers.net", body: strings.ReplaceAll(pasted, "heise.de", "lawyers.net")}, correspondence(), Relay},
		{"a free mailbox that resembles a house", letter{from: "eve@hotmail.com", body: paying + strings.ReplaceAll(pasted, "heise.de", "hotrnail.com")}, correspondence(), Relay},
		{"a neighbour of a provider of mailboxes", letter{from: "a@g-mail.com"}, correspondence(), Relay},
		{"thirty recipients", letter{from: "a@partner.net", to: strings.Join(many, ", "), list: "<x.partner.net>"}, correspondence(), Relay},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := tell(t, c.l, func(col *Collector) {
				if c.r != nil {
					col.Memory = c.r
				}
			})
			if v := decideAgain(t, Rules{}, e); v.Disposition != c.want {
				t.Errorf("got %v %s: %s\n%v\n%+v", v.Disposition, v.Reason, v.Sentence, v.Score, e.Thread)
			}
			e = tell(t, c.l, nil)
			if v := Decide(&Rules{}, &e); v.Disposition.severity() > Tag.severity() || strings.Contains(c.name, "service") && v.Reason != Clean {
				t.Errorf("without a memory: %v %s: %s", v.Disposition, v.Reason, v.Sentence)
			}
		})
	}
}

// What thieves do to get by.
func TestThievesDoNotGetBy(t *testing.T) {
	changed := func(change func(*remembering)) *remembering { r := correspondence(); change(r); return r }
	var padding, ids strings.Builder
	for i := range 300 {
		fmt.Fprintf(&padding, "a@pad%d.net, ", i)
		fmt.Fprintf(&ids, "<p%d@pad%d.net>\r\n ", i, i)
	}
	for _, c := range []struct {
		name   string
		l      letter
		r      *remembering
		want   Disposition
		reason Reason
	}{
		{"calls himself a list", letter{from: "a@heise.co", cites: stolen, body: paying, list: "<x.y>"}, correspondence(), Quarantine, Impostor},
		{"calls himself a list and hides the recipient", letter{from: "a@heise.co", to: "l@list.example", cites: stolen, body: paying, list: "<x.y>"}, correspondence(), Quarantine, Impostor},
		{"names a hundred others", letter{from: "Anna Berg <anna@he1se.de>", cc: padding.String() + "anna@heise.de", body: paying}, correspondence(), Quarantine, Impostor},
		{"cites a thousand ids", letter{from: "a@he1se.de", cites: stolen + "\r\n " + ids.String()}, correspondence(), Quarantine, StolenThread},
		{"has a genuine name beside him", letter{from: "a@he1se.de", cc: "anna@heise.de", cites: stolen}, correspondence(), Quarantine, StolenThread},
		{"resembles ours in a conversation with a partner", letter{from: "a@example-c0m.com", cites: stolen}, correspondence(), Quarantine, LookalikeDomain},
		{"surrounds himself with names like his own", letter{from: "a@he1se.de", body: paying + strings.ReplaceAll(pasted, "heise.de", "he1se.com") + strings.ReplaceAll(pasted, "heise.de", "he1se.net") + pasted}, correspondence(), Quarantine, Impostor},
		{"has the genuine author in Cc only as a name", letter{from: "Anna Berg <a@unlike.net>", cites: stolen, body: paying}, correspondence(), Tag, Impostor},
		{"writes from a free mailbox in a name", letter{from: "Anna Berg <anna.berg77@gmail.com>", body: paying + pasted}, correspondence(), Tag, Impersonated},
		{"shows an address in place of a name", letter{from: "\"anna@heise.de\" <x@gmail.com>", body: paying + pasted}, correspondence(), Tag, Impersonated},
		{"diverts the answer to a free mailbox", letter{from: "Anna Berg <anna@heise.de>", replyTo: "Anna Berg <anna.berg77@gmail.com>", cites: stolen}, correspondence(), Tag, ReplyDiversion},
		{"diverts the answer to a look-alike", letter{from: "Anna Berg <anna@heise.de>", replyTo: "anna@he1se.de", cites: stolen}, correspondence(), Tag, ReplyDiversion},
		{"diverts the answer to another ending", letter{from: "Max Weber <m@logistik.net>", replyTo: "anna@heise.co", body: pasted}, correspondence(), Tag, ReplyDiversion},
		{"is blocked", letter{from: "a@heisegroup.info"}, changed(func(r *remembering) {
			r.decisions = []Decision{{Sender: "heisegroup.info", Target: "heise.de", Who: "eve", Why: "fraud"}}
		}), Quarantine, Impostor},
		{"has poisoned decisions", letter{from: "a@he1se.de", cites: stolen}, changed(func(r *remembering) {
			r.decisions = []Decision{{Sender: "he1se.de", Allow: true}, {Allow: true}, {Target: "heise.de", Allow: true}, {Sender: "he1se.de", Target: "example.com", Allow: true}, {Sender: "de", Target: "heise.de", Allow: true}}
		}), Quarantine, StolenThread},
		{"is answered at length", letter{from: "Anna Berg <anna@he1se.de>", body: paying + pasted}, changed(func(r *remembering) {
			r.known["he1se.de"] = KnownDomain{State: Shadow, First: days(60), Last: days(1), Messages: 200, ToUs: 200, ShadowOf: "heise.de"}
		}), Quarantine, Impostor},
		{"writes below his look-alike", letter{from: "a@mail.he1se.de", cites: stolen}, correspondence(), Quarantine, StolenThread},
		{"resembles nobody, and all else", letter{from: "Anna Berg <a@unlike.net>", replyTo: "a@hei5e.de", cites: stolen, body: otherAccount + "\r\n"}, correspondence(), Quarantine, AddedLookalikes},
		{"has taken over the mailbox, and answers go to a look-alike", letter{from: "Anna Berg <anna@heise.de>", replyTo: "anna@he1se.de", cites: stolen, body: otherAccount + "\r\n"}, correspondence(), Quarantine, AddedLookalikes},
		{"pads what he pasted", letter{from: "x@heisse-news.example", body: strings.Repeat("<!-- padding -->\r\n", 20000) + pasted}, correspondence(), Tag, Unscannable},
		{"calls himself a list and has a name", letter{from: "Anna Berg <anna.berg77@gmail.com>", list: "<x.y>", body: pasted}, correspondence(), Tag, Impersonated},
		{"calls himself a list and diverts", letter{from: "Anna Berg <anna@heise.de>", list: "<x.y>", replyTo: "Anna Berg <anna.berg77@gmail.com>", cites: stolen}, correspondence(), Tag, ReplyDiversion},
		{"is new since three days", letter{from: "a@he1se.de", cites: stolen}, changed(func(r *remembering) { r.known["he1se.de"] = KnownDomain{State: Seen, First: days(3)} }), Quarantine, StolenThread},
		{"resembles a correspondent in another's conversation", letter{from: "a@logistlk.net", cites: stolen}, correspondence(), Quarantine, Impostor},
		{"adds a word in a conversation", letter{from: "a@heisegroup.de", cites: stolen}, correspondence(), Tag, Impostor},
		{"adds a word and bears the name", letter{from: "Anna Berg <anna@heisegroup.de>", cites: stolen}, correspondence(), Quarantine, Impostor},
		{"changes a letter of a short name", letter{from: "Anna Berg <anna@heize.de>", cites: stolen}, correspondence(), Quarantine, Impostor},
		{"changes a letter of a short name, and is named otherwise", letter{from: "x@heize.de", cites: stolen}, correspondence(), Tag, Impostor},
		{"puts a dot into the name", letter{from: "a@he.ise.de", cites: stolen}, correspondence(), Quarantine, StolenThread},
		{"writes the whole name below his own", letter{from: "a@heise.de.pay-portal.net", cites: stolen}, correspondence(), Quarantine, StolenThread},
		{"disguises himself as a provider of mailboxes", letter{from: "a@gmai1.com"}, correspondence(), Tag, Impostor},
		{"diverts the answer to several", letter{from: "Anna Berg <anna@heise.de>", replyTo: "x@unheard.net, anna@he1se.de, y@unheard.org", cites: stolen}, correspondence(), Tag, ReplyDiversion},
		{"changes the account", letter{from: "a@unlike.net", replyTo: "b@other.net", cites: stolen, body: otherAccount + "\r\n"}, correspondence(), Tag, Impostor},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := tell(t, c.l, with(c.r))
			if v := decideAgain(t, Rules{}, e); v.Disposition != c.want || v.Reason != c.reason {
				t.Errorf("got %v %s: %s\n%v %v\n%+v", v.Disposition, v.Reason, v.Sentence, found(v), v.Score, e.Thread)
			}
		})
	}
}

// The genuine correspondent is not blamed for the thief, after the victim has
// quoted him or even answered.
func TestTheGenuineOneIsNotBlamed(t *testing.T) {
	r := correspondence()
	r.known["he1se.de"] = KnownDomain{State: Shadow, First: days(1), Messages: 1, ToUs: 1, ShadowOf: "heise.de"}
	r.threads["q1@example.com"] = RememberedThread{Number: 7, Participants: []mail.Domain{"heise.de", "example.com", "he1se.de"}, Accounts: 1}
	for _, l := range []letter{
		{from: "Anna Berg <anna@heise.de>", cites: stolen, body: "That was not me!\r\n" + strings.ReplaceAll(pasted, "heise.de", "he1se.de")},
		{from: "anna@heise.de", to: "a@he1se.de, bob@example.com", cites: stolen},
	} {
		e := tell(t, l, with(r))
		if v := Decide(&Rules{}, &e); v.Disposition.severity() > Tag.severity() || v.Reason == Impostor {
			t.Errorf("%v %s: %s\n%+v", v.Disposition, v.Reason, v.Sentence, e.Thread)
		}
	}
}

// What a person reads: both names with their letters, since when each is known,
// what the conversation was, who was added.
func TestWhatAPersonReads(t *testing.T) {
	e := tell(t, letter{from: "Anna Berg <anna@he1se.de>", cites: stolen, cc: "boss@hei5e.de, x@unheard.net", replyTo: "Anna Berg <anna.b@gmail.com>", body: paying + "IBAN " + otherAccount + "\r\n" + pasted}, with(correspondence()))
	v := Decide(&Rules{}, &e)
	const want = "The mail answers in a conversation with he‹i›se.de that we remember (3 messages since 2026-11-10), but it is from another domain: he‹1›se.de looks like he‹i›se.de (1 for i). " +
		"We remember no proven mail from he1se.de that was delivered; we have known heise.de since 2026-06-05. Added to the conversation: hei5e.de, unheard.net."
	if v.Sentence != want {
		t.Errorf("got  %s\nwant %s", v.Sentence, want)
	}
	got := flat(explained(t, &e))
	for _, want := range []string{
		"thread one that we remember (3 messages since 2026-11-10), with heise.de, example.com; the author's domain had no part in it ",
		"added hei5e.de, unheard.net: not in the conversation before ",
		`name "Anna Berg" is also a name of heise.de `,
		"resembles he‹1›se.de looks like he‹i›se.de (1 for i), who took part in this conversation [homoglyph, confidence 87, in author]. We remember no proven mail from he1se.de that was delivered; we have known heise.de since 2026-06-05. ",
		"resembles hei‹5›e.de looks like hei‹s›e.de (5 for s), who took part in this conversation [homoglyph, confidence 87, in cc]. ",
		"reply-to gmail.com (free-mail), for he1se.de ",
		"payment it names another account (…5432) than the conversation had ",
		"score 235 points for an impostor of heise.de +90 likeness: ", " +15 unseen: we remember no proven mail from he1se.de that was delivered ", " +30 thread: it answers in a conversation of heise.de (3 messages since 2026-11-10) in which he1se.de had no part ",
		" +15 shown: it quotes or cites mail of heise.de +25 added: ", " +15 name: it bears a name of heise.de +20 reply-to-free-mail: an answer would go to a free mailbox (gmail.com) in the name of \"Anna Berg\" +25 account: ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, explained(t, &e))
		}
	}
	if want := "score=235; target=heise.de; relation=thread; likeness=90; unseen=15; thread=30; shown=15; added=25; name=15; reply-to-free-mail=20; account=25"; v.Score.String() != want {
		t.Errorf("got %s", v.Score)
	}
	for _, secret := range []string{otherAccount, "q1@example.com", "boss@"} {
		if text := explained(t, &e) + stored(t, e); strings.Contains(text, secret) {
			t.Errorf("%q is kept: %s", secret, text)
		}
	}
}

// Every sentence of these reasons can be read, whatever is known or not.
func TestEverySentenceOfAnImpostorCanBeRead(t *testing.T) {
	seen := 0
	for _, r := range []*remembering{nil, correspondence(), {}} {
		for _, from := range []string{"anna@he1se.de", "Anna Berg <anna@xn--hise-v4d.de>", "a@heise.co", "a@heise.de", "Anna Berg <anna@gmail.com>", "a@unlike.net"} {
			for _, cites := range []string{"", stolen} {
				for _, cc := range []string{"", "b@hei5e.de, c@h3ise.de, d@a.net, e@b.net, f@c.net"} {
					for _, reply := range []string{"", "x@heise-de.com", "Anna Berg <anna@gmx.de>", "x@unheard.net"} {
						for _, body := range []string{"x\r\n", paying + pasted, otherAccount + "\r\n" + pasted} {
							e := tell(t, letter{from: from, cites: cites, cc: cc, replyTo: reply, body: body}, func(c *Collector) {
								if r != nil {
									c.Memory = r
								}
							})
							v := decideAgain(t, Rules{Weights: score.Weights{score.TagAt: 1, score.LogAt: 1}}, e)
							for _, f := range v.Findings {
								seen++
								text := strings.ReplaceAll(f.Sentence, "other ending: .", "")
								for _, bad := range []string{"%!", "  ", "..", "; .", ": .", " ,", "()", " by ,", "; ;", ": ;", "; ,"} {
									if strings.Contains(text, bad) {
										t.Fatalf("%q in: %s", bad, f.Sentence)
									}
								}
								if !strings.HasSuffix(f.Sentence, ".") {
									t.Fatalf("no sentence: %s", f.Sentence)
								}
							}
							if err := Explain(io.Discard, &e, v); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
			}
		}
	}
	if seen < 500 {
		t.Errorf("only %d sentences", seen)
	}
}

// What may be learned, and what not.
func TestObserve(t *testing.T) {
	plain := letter{from: "Anna Berg <anna@heise.de>", cites: stolen, cc: "c@logistik.net", body: firstAccount + "\r\n"}
	for _, c := range []struct {
		name  string
		l     letter
		rules Rules
		ok    bool
		check func(o Observation) bool
	}{
		{"a genuine mail teaches all", plain, Rules{}, true, func(o Observation) bool {
			return o.Aligned && !o.Outbound && o.Author.Domain == "heise.de" && o.ID == "m9@heise.de" && slices.Equal(o.Cited, []string{"q1@example.com"}) && o.Name == FoldName("Anna Berg") &&
				slices.Equal(o.Accounts, []string{firstAccount}) && slices.Contains(o.Parties, "logistik.net") && len(o.Recipients) == 1 && o.At.Equal(at) && o.Resembles == ""
		}},
		{"what is held teaches nothing", letter{from: "a@he1se.de", cites: stolen}, Rules{}, false, nil},
		{"what proves nothing says so", letter{from: "a@unheard.net", forged: true}, Rules{}, true, func(o Observation) bool { return !o.Aligned }},
		{"a tagged look-alike teaches whom it resembles", letter{from: "a@heise.co", cites: stolen, body: "x\r\n"}, Rules{}, true, func(o Observation) bool {
			return o.Aligned && o.Resembles == "heise.de" && o.ID == "" && o.Cited == nil && o.Name == "" && o.Parties == nil && o.Accounts == nil && o.Author.Domain == "heise.co"
		}},
		{"and so does one whom the operator has delivered", letter{from: "a@he1se.de", cites: stolen}, Rules{Dispositions: map[Reason]Disposition{StolenThread: Tag, Impostor: Relay, LookalikeDomain: Relay}}, true, func(o Observation) bool {
			return o.Resembles == "heise.de" && o.Cited == nil
		}},
		{"a name and a word in a conversation is a stranger's, warned of and no look-alike for ever", letter{from: "a@heisemafia.de", cites: stolen}, Rules{}, true, func(o Observation) bool {
			return o.Aligned && o.Resembles == "" && o.ID == "" && o.Cited == nil
		}},
		{"a look-alike of ours", letter{from: "a@examp1e.com"}, Rules{Dispositions: map[Reason]Disposition{LookalikeDomain: Tag, Impostor: Tag}}, true, func(o Observation) bool { return o.Resembles == "example.com" }},
		{"a borrowed name is not learned", letter{from: "Anna Berg <anna.berg77@gmail.com>", body: pasted}, Rules{}, true, func(o Observation) bool { return o.Name == "" && o.Cited == nil && o.Resembles == "" }},
		{"a look-alike of ours whom a genuine author brought is not learned", letter{from: "a@heise.de", cites: stolen, cc: "b@examp1e.com, c@logistik.net"}, Rules{}, true, func(o Observation) bool {
			return o.Author.Domain == "heise.de" && len(o.Cited) == 1 && slices.Contains(o.Parties, "logistik.net") && !slices.Contains(o.Parties, "examp1e.com") && o.Resembles == ""
		}},
		{"whom a genuine author brought is not learned", letter{from: "a@heise.de", cites: stolen, cc: "b@he1se.de, c@logistik.net", body: "x\r\n"}, Rules{}, true, func(o Observation) bool {
			return o.Aligned && len(o.Cited) == 1 && slices.Contains(o.Parties, "logistik.net") && !slices.Contains(o.Parties, "he1se.de")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := tell(t, c.l, with(correspondence()))
			v := Decide(&c.rules, &e)
			o, ok := Observe(&e, v)
			if ok != c.ok || c.check != nil && !c.check(o) {
				t.Errorf("%v %s: %t %+v", v.Disposition, v.Reason, ok, o)
			}
			again, _ := Observe(&e, v)
			if fmt.Sprint(o) != fmt.Sprint(again) {
				t.Error("the second time it is another")
			}
		})
	}
	e := tell(t, plain, nil)
	if o, ok := Observe(&e, Decide(&Rules{}, &e)); ok {
		t.Errorf("nobody asked a memory: %+v", o)
	}
}
