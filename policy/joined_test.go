package policy

import (
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// tried is a letter and what must become of it.
type tried struct {
	name   string
	l      letter
	r      *remembering
	want   Disposition
	reason Reason
}

func try(t *testing.T, cases []tried) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := tell(t, c.l, with(c.r))
			if v := decideAgain(t, Rules{}, e); v.Disposition != c.want || v.Reason != c.reason {
				t.Errorf("got %v %s: %s\n%v\n%+v", v.Disposition, v.Reason, v.Sentence, v.Score, e.Thread)
			}
		})
	}
}

const built = "<b1@example.com>" // the id of Bob's mail in the conversation with nordlichtbau.de

// builders is builder with others in the conversation.
func builders(change func(*remembering), others ...mail.Domain) *remembering {
	r := builder()
	r.threads["b1@example.com"] = RememberedThread{Number: 4, First: days(12), Last: days(2), Messages: 3, Participants: append([]mail.Domain{"nordlichtbau.de", "example.com"}, others...)}
	change(r)
	return r
}

// One harmless mail makes a domain a participant, and no name below it.
func TestWhoJoinsIsNobodyElse(t *testing.T) {
	joined := func() *remembering {
		return builders(func(r *remembering) {
			r.known["docs-share.com"] = KnownDomain{State: Seen, First: at.Add(-60e9), Messages: 1, ToUs: 1}
		}, "docs-share.com")
	}
	service := func(k KnownDomain, others ...mail.Domain) *remembering {
		return builders(func(r *remembering) { r.known["docs-share.com"] = k }, others...)
	}
	known, older := KnownDomain{State: Established, First: days(90), Messages: 9}, KnownDomain{State: TwoWay, First: days(175), Messages: 9}
	account := otherAccount + "\r\n"
	try(t, []tried{
		{"below it, with the name and payment", letter{from: "Ole Nord <ole@nordlichtbau.docs-share.com>", cites: built, body: paying}, joined(), Quarantine, Impostor},
		{"below it, with payment", letter{from: "x@nordlichtbau.docs-share.com", cites: built, body: paying}, joined(), Quarantine, Impostor},
		{"below it", letter{from: "x@nordlichtbau.docs-share.com", cites: built}, joined(), Tag, Impostor},
		{"an ordinary host below it", letter{from: "x@mail.docs-share.com", cites: built, body: paying}, joined(), Relay, Clean},
		{"with the name", letter{from: "Ole Nord <ole@docs-share.com>", cites: built, body: paying}, joined(), Tag, Impersonated},
		{"with a name of his own", letter{from: "Max Weber <max@docs-share.com>", cites: built, body: paying}, joined(), Relay, Clean},
		{"with the name, known for long", letter{from: "Ole Nord <ole@docs-share.com>", cites: built, body: paying}, service(known, "docs-share.com"), Relay, Clean},
		{"with the name, at a free mailbox of which others had part", letter{from: "Ole Nord <ole@gmail.com>", cites: built, body: paying}, builders(func(*remembering) {}, "gmail.com"), Relay, Clean},

		{"a service that is known, with the name and payment", letter{from: "Ole Nord <ole@nordlichtbau.docs-share.com>", cites: built, body: paying}, service(known), Quarantine, Impostor},
		{"a service that is known, with payment", letter{from: "x@nordlichtbau.docs-share.com", cites: built, body: paying}, service(known), Tag, Impostor},
		{"a service that is known", letter{from: "x@nordlichtbau.docs-share.com", cites: built}, service(known), Relay, Clean},
		{"a service that is known longer, with the name and payment", letter{from: "Ole Nord <ole@nordlichtbau.docs-share.com>", cites: built, body: paying}, service(older), Quarantine, Impostor},
		{"a service that is known, in no conversation of his", letter{from: "Ole Nord <ole@nordlichtbau.docs-share.com>", body: paying}, service(known), Relay, Clean},
		{"a service that had part, with the name and another account", letter{from: "Ole Nord <ole@nordlichtbau.docs-share.com>", cites: built, body: paying}, service(known, "docs-share.com"), Quarantine, Impostor},
		{"a service that had part, with the name and an account", letter{from: "Ole Nord <ole@nordlichtbau.docs-share.com>", cites: built, body: account}, service(known, "docs-share.com"), Tag, Impostor},
		{"a service that had part, with an account", letter{from: "x@nordlichtbau.docs-share.com", cites: built, body: account}, service(known, "docs-share.com"), Relay, Clean},
		{"a service of ours that is known", letter{from: "Bob Builder <bob@example.docs-share.com>", to: "Bob Builder <bob@example.com>", cites: built, body: paying}, service(known), Relay, Clean},
		{"a service of ours that is new", letter{from: "desk@example.docs-share.com", cites: built, body: paying}, joined(), Quarantine, Impostor},
		{"a service that had part", letter{from: "x@nordlichtbau.docs-share.com", cites: built}, service(known, "docs-share.com"), Relay, Clean},
	})
	e := tell(t, letter{from: "x@nordlichtbau.docs-share.com", cites: built, body: paying}, with(joined()))
	for _, want := range []string{"in which nordlichtbau.docs-share.com had no part", "we have known docs-share.com since 2026-11-22, and nothing of who has this name below it"} {
		if v := Decide(&Rules{}, &e); !strings.Contains(v.Sentence, want) {
			t.Errorf("%s", v.Sentence)
		}
	}
	e = tell(t, letter{from: "Ole Nord <ole@nordlichtbau.docs-share.com>", cites: built, body: paying}, with(joined()))
	if v := Decide(&Rules{}, &e); !strings.Contains(v.Sentence, "weighs double") || strings.Contains(v.Sentence, "no such conversation") {
		t.Errorf("%s", v.Sentence)
	}
}

// A mailbox that was taken over: money, and a look-alike of its own domain to whom
// answers go, or who is told.
func TestATakenOverMailboxBringsNoLookAlike(t *testing.T) {
	var cases []tried
	for domain, want := range map[string]tried{
		"nordlichtbau-group.de":                 {want: Quarantine, reason: AddedLookalikes},
		"nordlichtbau-invoice.de":               {want: Quarantine, reason: AddedLookalikes},
		"nordlichtbu.de":                        {want: Quarantine, reason: AddedLookalikes},
		"nordlihctbou.de":                       {want: Quarantine, reason: AddedLookalikes},
		"nordlichtbau.docs-share.com":           {want: Quarantine, reason: AddedLookalikes},
		"mail.nordlichtbau.docs-share.com":      {want: Quarantine, reason: AddedLookalikes},
		"nordlichtbau.com":                      {want: Tag},
		"mail.docs-share.com":                   {want: Relay, reason: Clean},
		"unlike.net":                            {want: Relay, reason: Clean},
		"nordlichtbau.known-service.com":        {want: Tag, reason: AddedLookalikes},
		"nordlichtbau-mail.nordlichtbau.de":     {want: Relay, reason: Clean},
		"nordlichtbau-group.de.example.com":     {want: Relay, reason: Clean},
		"example.docs-share.com":                {want: Relay, reason: Clean}, // ours
		"nordlichtbau.part-of-conversation.com": {want: Tag, reason: AddedLookalikes},
		"mail.known-service.com":                {want: Relay, reason: Clean},
		"nordlichtbau.fastmail.com":             {want: Quarantine, reason: AddedLookalikes},
		"fastmail.com":                          {want: Relay, reason: Clean},
	} {
		remember := func() *remembering {
			return builders(func(r *remembering) {
				r.known["known-service.com"] = KnownDomain{State: Established, First: days(90), Messages: 9}
			}, "part-of-conversation.com")
		}
		l := letter{from: "Ole Nord <ole@nordlichtbau.de>", cites: built, body: paying}
		told := func(change func(*letter)) letter { l := l; change(&l); return l }
		reply, added := want.reason, want.reason
		if reply == "" {
			reply, added = ReplyDiversion, AddedLookalikes
		}
		cases = append(cases,
			tried{"answers to " + domain, told(func(l *letter) { l.replyTo = "x@" + domain }), remember(), want.want, reply},
			tried{"a copy to " + domain, told(func(l *letter) { l.cc = "x@" + domain }), remember(), want.want, added},
			tried{"a copy behind others to " + domain, told(func(l *letter) { l.cc = many(70, "a@pad%d.net") + "x@" + domain }), remember(), want.want, added},
		)
		if want.want == Quarantine {
			cases = append(cases, tried{"a copy without payment to " + domain, told(func(l *letter) { l.cc, l.body = "x@"+domain, "" }), remember(), Tag, AddedLookalikes},
				tried{"answers without payment to " + domain, told(func(l *letter) { l.replyTo, l.body = "x@"+domain, "" }), remember(), Tag, ReplyDiversion})
		}
	}
	try(t, append(cases,
		tried{"another name of the house, in no conversation", letter{from: "Ole Nord <ole@nordlichtbau.de>", replyTo: "x@nordlichtbau-group.de", cc: "y@nordlichtbau.docs-share.com", body: paying}, builder(), Tag, AddedLookalikes},
		tried{"another name of the house, with a first account", letter{from: "Ole Nord <ole@nordlichtbau.de>", replyTo: "x@nordlichtbau-group.de", body: otherAccount + "\r\n"}, builder(), Relay, Clean}))
}

// Whom an administrator imported was not first known after who resembles him.
func TestWhoIsImportedIsNoYounger(t *testing.T) {
	quote := strings.ReplaceAll(pasted, "heise.de", "nordlichtbau.de")
	for imported, want := range map[bool]score.Row{false: score.OlderDomain, true: score.EstablishedDomain} {
		r := builder()
		r.known["nordlichtbau.de"] = KnownDomain{State: Established, Imported: imported}
		r.known["nordlichtbau-billing.de"] = KnownDomain{State: TwoWay, First: days(100), Messages: 30, ToUs: 30}
		e := tell(t, letter{from: "Ole Nord <ole@nordlichtbau-billing.de>", body: paying + quote}, with(r))
		if v := decideAgain(t, Rules{}, e); !slices.Contains(rows(v.Score), want) {
			t.Errorf("imported %t: %v %v\n%+v", imported, v.Disposition, v.Score, e.Thread.Similar)
		}
	}
}

// Two firms whose names resemble each other and whom somebody brought into one
// conversation are told of, and not held for that.
func TestTwoWhoWereBroughtInTogether(t *testing.T) {
	with1 := func(change func(*remembering)) *remembering {
		return builders(func(r *remembering) {
			r.threads["b1@example.com"] = RememberedThread{Number: 4, First: days(1), Last: days(1), Messages: 1, Participants: []mail.Domain{"logistik.net", "nordlichtbau.de", "nordlicht-bau.de", "example.com"}}
			delete(r.known, "nordlichtbau.de")
			clear(r.names)
			change(r)
		})
	}
	is := func(k KnownDomain) *remembering {
		return with1(func(r *remembering) { r.known["nordlichtbau.de"] = k })
	}
	l := letter{from: "x@nordlicht-bau.de", cc: "y@nordlichtbau.de", cites: built}
	but := func(change func(*letter)) letter { l := l; change(&l); return l }
	try(t, []tried{
		{"both never wrote", l, with1(func(*remembering) {}), Tag, Impostor},
		{"the other has just written", but(func(l *letter) { l.body = strings.ReplaceAll(pasted, "heise.de", "nordlichtbau.de") }), is(KnownDomain{State: Seen, First: days(1), Messages: 1, ToUs: 1}), Tag, Impostor},
		{"the other is established", l, is(KnownDomain{State: Established, First: days(30), Messages: 9, ToUs: 9}), Quarantine, Impostor},
		{"both are established", l, with1(func(r *remembering) {
			r.known["nordlichtbau.de"] = KnownDomain{State: Established, First: days(30), Messages: 9, ToUs: 9}
			r.known["nordlicht-bau.de"] = KnownDomain{State: Established, First: days(20), Messages: 9, ToUs: 9}
		}), Tag, Impostor},
		{"the other is imported", l, is(KnownDomain{State: Seen, First: days(30), Imported: true}), Quarantine, Impostor},
		{"he speaks of payment", but(func(l *letter) { l.body = paying }), with1(func(*remembering) {}), Quarantine, Impostor},
		{"he names an account", but(func(l *letter) { l.body = otherAccount + "\r\n" }), with1(func(*remembering) {}), Quarantine, Impostor},
		{"answers go elsewhere", but(func(l *letter) { l.replyTo = "z@unheard.net" }), with1(func(*remembering) {}), Quarantine, Impostor},
		{"he brings a look-alike", but(func(l *letter) { l.cc += ", z@nordlichtbaau.de" }), with1(func(*remembering) {}), Quarantine, Impostor},
		{"a name below one that was brought in, with his local part", but(func(l *letter) { l.from = "y@nordlichtbau.logistik.net" }), with1(func(r *remembering) { delete(r.known, "logistik.net") }), Quarantine, Impostor},
		{"two letters changed, and he was not brought in", but(func(l *letter) {
			l.from, l.body = "x@nordlihctbou.de", strings.ReplaceAll(pasted, "heise.de", "nordlichtbau.de")
		}), with1(func(*remembering) {}), Quarantine, Impostor},
		{"he was not brought in", l, with1(func(r *remembering) {
			r.threads["b1@example.com"] = RememberedThread{Number: 4, Participants: []mail.Domain{"logistik.net", "nordlichtbau.de", "example.com"}}
		}), Quarantine, StolenThread},
	})
	e := tell(t, l, with(with1(func(*remembering) {})))
	if v := Decide(&Rules{}, &e); strings.Contains(v.Sentence, "impostor of") || !strings.Contains(v.Sentence, "It is not held, as both nordlicht-bau.de and nordlichtbau.de had part in this conversation, and it speaks of no payment.") {
		t.Errorf("%s", v.Sentence)
	}
	if v := Decide(&Rules{Weights: score.Weights{score.QuarantineAt: 1000}}, &e); !strings.Contains(v.Sentence, "Nothing but the names tells which of the two imitates the other.") {
		t.Errorf("%s", v.Sentence)
	}
}

// A house that has written for weeks under the elder's name and a word quotes the
// elder: a warning, unless it speaks of money or stands in his place.
func TestAHouseOfTheSameNameMayQuoteTheElder(t *testing.T) {
	quote := strings.ReplaceAll(pasted, "heise.de", "nordlichtbau.de")
	house := func(d mail.Domain, n, messages int) *remembering {
		return builders(func(r *remembering) {
			r.known[d] = KnownDomain{State: Shadow, First: days(n), Messages: messages, ToUs: messages, ShadowOf: "nordlichtbau.de"}
		})
	}
	group := func() *remembering { return house("nordlichtbau-group.de", 60, 40) }
	l := letter{from: "bea@nordlichtbau-group.de", body: quote}
	but := func(change func(*letter)) letter { l := l; change(&l); return l }
	try(t, []tried{
		{"for weeks", l, group(), Tag, Impostor},
		{"never before", l, builder(), Quarantine, Impostor},
		{"for a week", l, house("nordlichtbau-group.de", 10, 40), Quarantine, Impostor},
		{"twice before", l, house("nordlichtbau-group.de", 60, 2), Quarantine, Impostor},
		{"with a word of fraud", but(func(l *letter) { l.from = "bea@nordlichtbau-billing.de" }), house("nordlichtbau-billing.de", 60, 40), Quarantine, Impostor},
		{"by a letter", but(func(l *letter) { l.from = "bea@nordlichtbaau.de" }), house("nordlichtbaau.de", 60, 40), Quarantine, Impostor},
		{"with payment", but(func(l *letter) { l.body = paying + quote }), group(), Quarantine, Impostor},
		{"with an account", but(func(l *letter) { l.body = otherAccount + "\r\n" + quote }), group(), Quarantine, Impostor},
		{"by a letter of seven", letter{from: "bea@wexner.de", body: strings.ReplaceAll(pasted, "heise.de", "werner.de")}, builders(func(r *remembering) {
			r.known["werner.de"] = KnownDomain{State: TwoWay, First: days(90), Messages: 9, ToUs: 9}
			r.known["wexner.de"] = KnownDomain{State: Shadow, First: days(60), Messages: 40, ToUs: 40, ShadowOf: "werner.de"}
		}), Quarantine, Impostor},
		{"in his name", but(func(l *letter) { l.from = "Ole Nord <bea@nordlichtbau-group.de>" }), group(), Quarantine, Impostor},
		{"answers go elsewhere", but(func(l *letter) { l.replyTo = "z@unheard.net" }), group(), Quarantine, Impostor},
		{"in his conversation", but(func(l *letter) { l.cites = built }), group(), Quarantine, StolenThread},
	})
}
