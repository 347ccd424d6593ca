package policy

import (
	"fmt"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// Whoever has taken over a mailbox that is known here cannot hide a look-alike among
// names that are put there for it. Each case is held without them, too.
func TestPaddingHidesNoLookAlike(t *testing.T) {
	endings := func(n int) string {
		var b strings.Builder
		for _, tld := range strings.Fields("at ch com net org fr it es nl be pl cz dk se fi no pt eu info biz hu ro bg gr ie lt lv ee si sk hr is li lu mt cy us ca mx br ar cl")[:n] {
			b.WriteString("a@heise." + tld + ", ")
		}
		return b.String()
	}
	quotes := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(pasted, "heise.de", fmt.Sprintf("quoted%d.net", i)))
		}
		return b.String()
	}
	names := func(domains int) string {
		var b strings.Builder
		for i := range domains {
			for j := range 4 {
				fmt.Fprintf(&b, "a@n%d.pad%d.net, ", j, i)
			}
		}
		return b.String()
	}
	ids := func(n int) string { return strings.ReplaceAll(many(n, "<a%d@heise.de>"), ",", "") }
	for _, c := range []struct {
		name string
		l    letter
		want Reason
	}{
		{"nothing", letter{cites: stolen, cc: "b@he1se.de"}, AddedLookalikes},
		{"four names of each domain", letter{cites: stolen, cc: names(14) + "b@he1se.de"}, AddedLookalikes},
		{"other endings and many quoted", letter{cc: endings(6) + "b@he1se.de", body: quotes(55)}, AddedLookalikes},
		{"other endings in a crowd", letter{cc: many(70, "a@pad%d.net") + endings(20) + "b@he1se.de"}, AddedLookalikes},
		{"other endings before it", letter{cites: stolen, cc: endings(20) + "b@he1se.de"}, AddedLookalikes},
		{"more of them than are asked about", letter{cc: many(70, "a@pad%d.net") + endings(40) + "b@he1se.de"}, AddedLookalikes},
		{"endless names", letter{cites: stolen, cc: many(200, "a@"+strings.Repeat("x", 55)+"%d.net") + "b@he1se.de"}, AddedLookalikes},
		{"he is quoted, and a crowd", letter{cc: many(70, "a@pad%d.net") + "b@he1se.de", body: quotes(5) + strings.ReplaceAll(pasted, "heise.de", "he1se.de")}, AddedLookalikes},
		{"an answer to him, nothing", letter{cites: stolen, replyTo: "b@he1se.de"}, AddedLookalikes},
		{"an answer to nine others", letter{cites: stolen, replyTo: many(9, "a@pad%d.net") + "b@he1se.de", body: quotes(30)}, AddedLookalikes},
		{"an answer to him and a crowd in copy", letter{cites: stolen, replyTo: "b@he1se.de", cc: names(14)}, AddedLookalikes},
		{"an answer to him and many quoted", letter{cites: stolen, replyTo: "b@he1se.de", body: quotes(90)}, AddedLookalikes},
		{"an answer to sixty of his house", letter{cites: stolen, replyTo: many(61, "a%d@heise.de") + "b@he1se.de"}, Unscannable},
		{"an answer to more than anybody has", letter{cites: stolen, replyTo: many(20, "a@pad%d.net") + "b@he1se.de"}, Unscannable},
		{"an answer to him, who is quoted", letter{cites: stolen, replyTo: "b@he1se.de", body: strings.ReplaceAll(pasted, "heise.de", "he1se.de")}, AddedLookalikes},
		{"he and whom he resembles in a crowd", letter{from: "a@logistik.net", cc: many(70, "a@pad%d.net") + "a@nordwind.org, b@nordw1nd.org"}, AddedLookalikes},
		{"and before it", letter{from: "a@logistik.net", cc: "b@nordw1nd.org, " + many(70, "a@pad%d.net") + "a@nordwind.org"}, AddedLookalikes},
		{"both behind many quoted", letter{from: "a@logistik.net", cc: "a@nordwind.org, b@nordw1nd.org", body: quotes(66)}, AddedLookalikes},
		{"whom he resembles is quoted behind many", letter{from: "a@logistik.net", cc: "b@nordw1nd.org", body: quotes(66) + strings.ReplaceAll(pasted, "heise.de", "nordwind.org")}, AddedLookalikes},
		{"an answer to him, and whom he resembles in a crowd", letter{from: "a@logistik.net", replyTo: "b@nordw1nd.org", cc: many(70, "a@pad%d.net") + "a@nordwind.org"}, AddedLookalikes},
		{"an answer to him, and both behind many quoted", letter{from: "a@logistik.net", replyTo: "b@nordw1nd.org", cc: "a@nordwind.org", body: quotes(66)}, AddedLookalikes},
		{"one of ours, named elsewhere", letter{cites: stolen, cc: many(55, "a@pad%d.net") + "b@bundesbamk.de", fields: "Resent-From: b@bundesbamk.de\r\n"}, AddedLookalikes},
		{"an answer to him in another field", letter{cites: stolen, replyTo: "a@heise.de", fields: "Mail-Reply-To: b@he1se.de\r\n"}, AddedLookalikes},
		{"an answer of all to him", letter{cites: stolen, fields: "Mail-Followup-To: a@heise.de, b@he1se.de\r\n"}, AddedLookalikes},
		{"ids", letter{cites: stolen + " " + ids(110), cc: names(14) + "b@he1se.de"}, AddedLookalikes},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.l.from, c.l.body = or(c.l.from, "a@heise.de"), paying+c.l.body
			r := correspondence()
			r.threads["q1@example.com"] = RememberedThread{Number: 7, Participants: []mail.Domain{"heise.de", "example.com", "a1.net", "b2.net", "c3.net", "d4.net", "e5.net"}}
			e := tell(t, c.l, func(col *Collector) { col.Memory = r })
			v := decideAgain(t, Rules{}, e)
			if v.Disposition < Quarantine || v.Reason != c.want {
				t.Errorf("got %v %s: %s\nadded %+v\nreply %+v\nunread %q", v.Disposition, v.Reason, v.Sentence, e.Thread.Added, e.Thread.ReplyTo, e.Thread.Unread)
			}
		})
	}
}

// Where not all was read of a mail that changes payment and brings a stranger, it is
// told whoever writes.
func TestWhatIsNotReadOfAMailThatChangesPayment(t *testing.T) {
	var quotes strings.Builder
	for i := range 120 {
		quotes.WriteString(strings.ReplaceAll(pasted, "heise.de", fmt.Sprintf("quoted%d.net", i)))
	}
	for _, c := range []struct {
		cc, body string
		want     Reason
	}{
		{"b@unheard.net", paying + quotes.String(), Unscannable},
		{"b@unheard.net", quotes.String(), Clean},
		{"b@unheard.net", paying, Clean},
		{"b@nordwind.org", paying + quotes.String(), Clean}, // who is known
	} {
		e := tell(t, letter{from: "a@heise.de", cites: stolen, cc: c.cc, body: c.body}, with(correspondence()))
		if v := decideAgain(t, Rules{}, e); v.Reason != c.want || c.want == Unscannable && v.Disposition != Tag {
			t.Errorf("%s: %v %s: %s (%s)", c.cc, v.Disposition, v.Reason, v.Sentence, e.Thread.Unread)
		}
	}
}

// Of whom the answers go to, the memory is asked however many are quoted.
func TestAReplyToSomebodyKnownBehindManyQuoted(t *testing.T) {
	var body strings.Builder
	for i := range 90 {
		body.WriteString(strings.ReplaceAll(pasted, "heise.de", fmt.Sprintf("quoted%d.net", i)))
	}
	for known, want := range map[bool]Disposition{true: Relay, false: Quarantine} {
		r := correspondence()
		r.threads["q1@example.com"] = RememberedThread{Number: 7, Participants: []mail.Domain{"heise.de", "example.com", "nordwind.org"}}
		if known {
			r.known["nordw1nd.org"] = KnownDomain{Domain: "nordw1nd.org", State: Established, First: days(90)}
		}
		e := tell(t, letter{from: "a@heise.de", cites: stolen, replyTo: "b@nordw1nd.org", body: paying + body.String()}, func(col *Collector) { col.Memory = r })
		if v := decideAgain(t, Rules{}, e); v.Disposition != want {
			t.Errorf("known %t: %v %s: %s", known, v.Disposition, v.Reason, v.Sentence)
		}
	}
}

// A limit that hides something is told though ids were too many before.
func TestIDsHideNoLimit(t *testing.T) {
	var body strings.Builder
	for i := range 90 {
		body.WriteString(strings.ReplaceAll(pasted, "heise.de", fmt.Sprintf("quoted%d.net", i)))
	}
	l := letter{from: "a@unheard.net", cites: strings.ReplaceAll(many(110, "<a%d@heise.de>"), ",", ""), body: body.String()}
	e := tell(t, l, func(col *Collector) { col.Memory = correspondence() })
	if v := decideAgain(t, Rules{}, e); v.Reason != Unscannable || v.Disposition != Tag {
		t.Errorf("%v %s, unread %q", v.Disposition, v.Reason, e.Thread.Unread)
	}
}
