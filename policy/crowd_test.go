package policy

import (
	"fmt"
	"strings"
	"testing"

	"mxgate/policy/mail"
	parse "mxgate/policy/thread"
)

// many names n recipients, each of a domain of its own.
func many(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format+", ", i)
	}
	return b.String()
}

// Whom a genuine author adds is found behind however many others, and who is known
// is not blamed for the company.
func TestALookAlikeBehindManyRecipients(t *testing.T) {
	changed := func(change func(*remembering)) *remembering { r := correspondence(); change(r); return r }
	thread := func(participants ...mail.Domain) func(*remembering) {
		return func(r *remembering) {
			r.threads["q1@example.com"] = RememberedThread{Number: 7, Participants: append([]mail.Domain{"heise.de", "example.com"}, participants...)}
		}
	}
	weak := "a@heixe.de, a@heisa.de, a@heide.de, a@heisi.de, a@haise.de, a@hease.de, a@heime.de, a@heire.de, a@reise.de, a@weise.de, a@leise.de, a@meise.de, a@seise.de, a@heist.de, a@heisz.de, a@heiss.de, a@hevse.de, a@hezise.de, "
	for _, c := range []struct {
		name   string
		cc     string
		r      *remembering
		want   Disposition
		reason Reason
	}{
		{"seventy", many(70, "a@pad%d.net") + "b@he1se.de", correspondence(), Quarantine, AddedLookalikes},
		{"seventy of one house", many(70, "a%d@pad.net") + "b@he1se.de", correspondence(), Quarantine, AddedLookalikes},
		{"three hundred", many(300, "a@p%d.net") + "b@he1se.de", correspondence(), Quarantine, AddedLookalikes},
		{"seventy, without a memory", many(70, "a@pad%d.net") + "b@he1se.de", nil, Quarantine, AddedLookalikes},
		{"forty, and ten who took part", many(40, "a@pad%d.net") + "b@he1se.de", changed(thread("a1.net", "b2.net", "c3.net", "d4.net", "e5.net", "f6.net", "g7.net", "h8.net")), Quarantine, AddedLookalikes},
		{"seventy, of somebody who took part", many(70, "a@pad%d.net") + "b@nordw1nd.org", changed(thread("nordwind.org")), Quarantine, AddedLookalikes},
		{"seventy, of a protected one", many(70, "a@pad%d.net") + "b@bundesbamk.de", correspondence(), Quarantine, AddedLookalikes},
		{"fifty-five, of a protected one", many(55, "a@pad%d.net") + "b@bundesbamk.de, " + many(20, "a@qad%d.net"), correspondence(), Quarantine, AddedLookalikes},
		{"below another name", many(70, "a@pad%d.net") + "b@heise.de.pay-portal.net", correspondence(), Quarantine, AddedLookalikes},
		{"below another name, of which others come first", many(70, "a@pad%d.net") + "x@pay-portal.net, y@www.pay-portal.net, b@heise.de.pay-portal.net", correspondence(), Quarantine, AddedLookalikes},
		{"the fifth below another name", "v@pay-portal.net, w@a.pay-portal.net, x@b.pay-portal.net, y@c.pay-portal.net, z@d.pay-portal.net, b@heise.de.pay-portal.net", correspondence(), Quarantine, AddedLookalikes},
		{"behind others who resemble less", many(70, "a@pad%d.net") + weak + "b@he1se.de", correspondence(), Quarantine, AddedLookalikes},
		{"who is known", many(70, "a@pad%d.net") + "b@he1se.de", changed(func(r *remembering) { r.known["he1se.de"] = KnownDomain{State: Seen, First: days(90)} }), Relay, Clean},
		{"who is known, and resembles who took part", many(70, "a@pad%d.net") + "b@nordw1nd.org", changed(func(r *remembering) {
			thread("nordwind.org")(r)
			r.known["nordw1nd.org"] = KnownDomain{State: Seen, First: days(90)}
		}), Relay, Clean},
		{"who is allowed", many(70, "a@pad%d.net") + "b@he1se.de", changed(func(r *remembering) { r.on = []Decision{{Sender: "he1se.de", Target: "heise.de", Allow: true}} }), Relay, Clean},
		{"nobody", many(300, "a@pad%d.net"), correspondence(), Relay, Clean},
		{"the author's own house", many(70, "a@pad%d.net") + "b@mail.heise.de, c@example.com, d@gmail.com", correspondence(), Relay, Clean},
		{"more than are read", many(900, "a@p%d.net") + "b@he1se.de", correspondence(), Tag, Unscannable},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := tell(t, letter{from: "a@heise.de", cites: stolen, cc: c.cc, body: paying}, func(col *Collector) {
				if c.r != nil {
					col.Memory = c.r
				}
			})
			v := decideAgain(t, Rules{}, e)
			if v.Disposition != c.want || v.Reason != c.reason {
				t.Errorf("got %v %s: %s\n%+v\nunread %q", v.Disposition, v.Reason, v.Sentence, e.Thread.Added, e.Thread.Unread)
			}
			if c.r != nil && len(c.r.asked) > 2+parse.MaxCrowd/maxAsked {
				t.Errorf("the memory is asked %d times", len(c.r.asked))
			}
		})
	}
}

// That not all recipients are read is told whoever writes, and of ours to nobody.
func TestRecipientsThatAreNotReadAreTold(t *testing.T) {
	for from, want := range map[string]Reason{"a@heise.de": Unscannable, "a@unheard.net": Unscannable, "bob@example.com": Clean} {
		e := tell(t, letter{from: from, cc: many(900, "a%d@p.net")}, with(correspondence()))
		if v := decideAgain(t, Rules{}, e); v.Reason != want || want == Unscannable && (v.Disposition != Tag || !strings.Contains(v.Sentence, "more addresses in the header")) {
			t.Errorf("%s: %v %s: %s", from, v.Disposition, v.Reason, v.Sentence)
		}
	}
}

// BenchmarkCrowd is mail that names as many as it can, each nearly alike to one of
// many who took part, or under names as long as can be: it may not take more than 50 ms.
func BenchmarkCrowd(b *testing.B) {
	known := Recollection{Domains: make([]KnownDomain, maxAsked), Since: days(180), Author: KnownDomain{Domain: "partner.example", State: TwoWay, First: days(90)}}
	for i := range maxThread {
		known.Thread.Number = 7
		known.Thread.Participants = append(known.Thread.Participants, mail.Domain(fmt.Sprintf("haus%cbau.de", 'a'+i%26)))
	}
	for name, format := range map[string]string{
		"alike":  "a@haus%dbau.de",
		"labels": "a@" + strings.Repeat("hausbau", 8) + "%d.de",
		"names":  "a@" + strings.Repeat("hausbau.", 26) + "haus%dbau.de",
	} {
		b.Run(name, func(b *testing.B) {
			text := "From: a@partner.example\r\nTo: bob@example.com, " + many(480, format) + "\r\nSubject: Re: x\r\n\r\nx\r\n"
			tx := transaction(b, "192.0.2.10", "a@partner.example", text)
			col := collector(b)
			col.Memory = fixed(known)
			author := mail.ParseAuthor(tx.Message)
			for b.Loop() {
				e := Evidence{ReceivedAt: at, Author: Author{Address: "a@partner.example", Domain: "partner.example"}}
				if err := col.conversation(b.Context(), &e, tx, author); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
