package policy

import (
	"strings"
	"testing"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
	"mxgate/policy/thread"
)

// Whoever wrote once does not vouch for himself: the genuine one may quote him.
func TestWhoVouchesForWhatAMailQuotes(t *testing.T) {
	partner := letter{from: "Karl Weber <karl@weber-stahl.de>", cc: "k@weberstahl.de", subject: "Re: Offer", cites: "<m1@weberstahl.de>",
		body: "Hello.\r\n\r\nOn Monday, 16 Nov 2026 at 10:00, K Weber <k@weberstahl.de> wrote:\r\n> Hello both\r\n"}
	for _, c := range []struct {
		name      string
		known     KnownDomain
		protected []mail.Domain
		want      score.Relation
		hold      Disposition
	}{
		{"one mail, nine days ago", KnownDomain{State: Seen, First: days(9), Messages: 1, ToUs: 1}, nil, score.Message, Tag},
		{"five mails within six days", KnownDomain{State: Seen, First: days(6), Messages: 5, ToUs: 5}, nil, score.Message, Tag},
		{"two mails, a week ago", KnownDomain{State: Seen, First: days(7), Messages: 2, ToUs: 2}, nil, score.Corroborated, Quarantine},
		{"weeks of mail", KnownDomain{State: Established, First: days(30), Messages: 3, ToUs: 1}, nil, score.Corroborated, Quarantine},
		{"weeks of mail, to others", KnownDomain{State: Established, First: days(30), Messages: 3}, nil, score.Message, Tag},
		{"one mail of a protected partner", KnownDomain{State: Seen, First: days(9), Messages: 1, ToUs: 1}, []mail.Domain{"weberstahl.de"}, score.Corroborated, Quarantine},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := correspondence()
			r.known["weberstahl.de"] = c.known
			e := tell(t, partner, func(col *Collector) {
				col.Memory = r
				col.Protected = append(col.Protected, c.protected...)
			})
			v := decideAgain(t, Rules{}, e)
			if s := e.Thread.similarTo("weberstahl.de"); s == nil || s.Relation != c.want || v.Disposition != c.hold {
				t.Errorf("%v %s: %s\n%+v", v.Disposition, v.Reason, v.Sentence, s)
			}
		})
	}
}

// Who pads his mail so that a part of it is not read gains nothing by that, if he
// resembles somebody.
func TestPaddingDoesNotPay(t *testing.T) {
	long := "<!-- " + strings.Repeat("padding padding padding padding\r\n", 9000) + "-->" // more than is read
	padded := func(l letter) letter {
		l.fields, l.body = "Content-Type: text/html\r\n", "<p>"+l.body+"</p>"+long+strings.ReplaceAll(pasted, "\r\n", "<br>")
		return l
	}
	known := func(d mail.Domain, k KnownDomain) *remembering {
		r := correspondence()
		r.known[d] = k
		return r
	}
	re := func(from string) letter { return letter{from: from, subject: "Re: Invoice"} }
	for _, c := range []struct {
		name string
		l    letter
		r    *remembering
		want Disposition
	}{
		{"a letter of a correspondent", letter{from: "a@he1se.de"}, correspondence(), Quarantine},
		{"his name with another ending", letter{from: "a@heise.co"}, correspondence(), Tag},
		{"his name with another ending, and it answers", re("a@heise.co"), correspondence(), Quarantine},
		{"his name and a word, and it answers", re("a@heise-invoices.de"), correspondence(), Quarantine},
		{"after a first mail", re("a@heise.co"), known("heise.co", KnownDomain{State: Seen, First: days(9), Messages: 1}), Quarantine},
		{"as the look-alike that he is known for", letter{from: "a@he1se.de"}, known("he1se.de", KnownDomain{State: Shadow, First: days(60), Messages: 99, ShadowOf: "heise.de"}), Quarantine},
		{"calls himself a list", letter{from: "a@he1se.de", list: "<x.y>"}, correspondence(), Quarantine},
		{"nearly a name that only others know", letter{from: "a@nordw1nd.org"}, correspondence(), Tag},
		{"nearly a name that only others know, and it answers", re("a@nordw1nd.org"), correspondence(), Quarantine},
		{"in a name that is known, without a pretext", letter{from: "Ole Nord <ole@nordlichtbu.de>"}, func() *remembering {
			r := builder()
			r.known["nordlichtbau.de"] = KnownDomain{State: Established, First: days(30), Messages: 3, ToUs: 3}
			return r
		}(), Quarantine},

		{"a stranger", re("a@unheard.net"), correspondence(), Tag},
		{"who is known for long", re("a@heise.co"), known("heise.co", KnownDomain{State: Established, First: days(90), Messages: 9}), Relay},
		{"who is known for long, by a letter", re("a@he1se.de"), known("he1se.de", KnownDomain{State: Established, First: days(90), Messages: 9}), Relay},
		{"the correspondent himself", re("Anna Berg <anna@heise.de>"), correspondence(), Relay},
		{"through a list", letter{from: "a@he1se.de", subject: "Re: Invoice", to: "l@lists.net", list: "<l.lists.net>"}, correspondence(), Tag},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := tell(t, padded(c.l), with(c.r))
			v := decideAgain(t, Rules{}, e)
			if e.Thread.Unread == "" || v.Disposition != c.want {
				t.Errorf("%v %s: %s\n%v\n%+v", v.Disposition, v.Reason, v.Sentence, v.Score, e.Thread)
			}
			if v.Disposition == Quarantine && v.Score.Hidden != "" {
				const told = "what it may hide: there is more than 256 KiB of text"
				if v.Reason != Impostor || !strings.HasSuffix(v.Sentence, " It is held for "+told+".") || strings.Count(flat(explained(t, &e)), "held for "+told) != 2 {
					t.Errorf("%s: %s\n%s", v.Reason, v.Sentence, explained(t, &e))
				}
			} else if v.Disposition == Quarantine && v.Score.Total < 100 {
				t.Errorf("it is not told why: %s", v.Sentence)
			}
		})
	}
	// Without a memory everybody is a stranger.
	e := tell(t, padded(letter{from: "a@he1se.de", cc: "anna@heise.de"}), nil)
	if v := Decide(&Rules{}, &e); v.Disposition != Tag || len(e.Thread.Similar) == 0 {
		t.Errorf("without a memory: %v %s: %s", v.Disposition, v.Reason, v.Sentence)
	}
	// A look-alike through a forwarder of our rules stays a warning.
	e = tell(t, padded(re("a@he1se.de")), with(correspondence()))
	e.DKIM = []DKIM{{Result: mail.Pass, Domain: "list.example", Selector: "s"}}
	if v := Decide(&Rules{Forwarders: []Forwarder{{Name: "list", DKIM: []mail.Domain{"list.example"}, Reasons: ForwarderReasons()}}}, &e); v.Disposition != Tag {
		t.Errorf("through a forwarder: %v %s: %s", v.Disposition, v.Reason, v.Sentence)
	}
	// Nor is a sum too small to be told a way out.
	e = tell(t, padded(re("a@heise.co")), with(correspondence()))
	if v := Decide(&Rules{Weights: score.Weights{score.LogAt: 60}}, &e); v.Disposition != Quarantine {
		t.Errorf("a sum that is not told: %v %s: %s", v.Disposition, v.Reason, v.Sentence)
	}
	// Nor does a greater likeness that the sender shows take the place of the one he is held for.
	e = tell(t, padded(letter{from: "Anna Berg <anna@he1se.de>"}), with(correspondence()))
	e.Thread.Similar = append([]Similar{{Domain: "he1se.de", Target: "he1se.com", Where: "author", Relation: score.Message, Class: string(lookalike.TLD), Confidence: 60, SameLocal: true}}, e.Thread.Similar...)
	e.Thread.Parties = append(e.Thread.Parties, Party{Domain: "he1se.com", Where: []string{"quoted-from"}})
	e.Thread.Similar[1].Relation, e.Thread.Similar[1].Confidence = score.Correspondent, 55
	if v := Decide(&Rules{}, &e); v.Disposition != Quarantine || v.Score.Target != "heise.de" {
		t.Errorf("beside a greater likeness: %v %s: %s", v.Disposition, v.Reason, v.Sentence)
	}
}

// A ticket of a year cites more ids than are kept, and its author is known.
func TestManyIDsHideNothingOfWhoIsKnown(t *testing.T) {
	for _, c := range []struct {
		name  string
		state KnownDomain
		want  Disposition
	}{
		{"never seen", KnownDomain{}, Quarantine},
		{"since three days", KnownDomain{State: Seen, First: days(3), Messages: 1}, Quarantine},
		{"as a look-alike", KnownDomain{State: Shadow, First: days(60), Messages: 99, ShadowOf: "siemensenergy.com"}, Quarantine},
		{"for three weeks", KnownDomain{State: Seen, First: days(21), Messages: 2, ToUs: 2}, Tag},
		{"for long", KnownDomain{State: Established, First: days(90), Messages: 9, ToUs: 9}, Relay},
	} {
		for _, n := range []int{22, 60, 110} {
			r := correspondence()
			r.known["siemensenergy.com"] = KnownDomain{State: TwoWay, First: days(160), Messages: 90, ToUs: 12}
			r.known["siemens-energy.com"] = c.state
			e := tell(t, letter{from: "x@siemens-energy.com", subject: "Re: Ticket", cites: strings.ReplaceAll(many(n, "<p%[1]d@pad%[1]d.net>"), ", ", "\r\n ")}, with(r))
			if v := decideAgain(t, Rules{}, e); e.Thread.Unread != thread.MoreIDs || v.Disposition != c.want {
				t.Errorf("%s, %d ids: %v %s: %s\n%q", c.name, n, v.Disposition, v.Reason, v.Sentence, e.Thread.Unread)
			}
		}
	}
}

// Talk of payment is looked for where it can be evidence.
func TestWordsOfPaymentAreReadBesideALikeness(t *testing.T) {
	allow := correspondence()
	allow.decisions = []Decision{{Sender: "unheard.net", Target: "heise.de", Who: "eve"}}
	for _, c := range []struct {
		name string
		l    letter
		r    *remembering
		read bool
	}{
		{"a stranger", letter{from: "a@unheard.net", body: paying}, correspondence(), false},
		{"the correspondent", letter{from: "Anna Berg <anna@heise.de>", cites: stolen, body: paying}, correspondence(), false},
		{"a look-alike of one owner", letter{from: "a@l0gistik.net", body: paying}, correspondence(), false},
		{"ours", letter{from: "bob@example.com", body: paying}, correspondence(), false},
		{"a look-alike", letter{from: "a@he1se.de", body: paying}, correspondence(), true},
		{"one in Cc", letter{from: "a@heise.de", cc: "b@he1se.de", body: paying}, correspondence(), true},
		{"answers go elsewhere", letter{from: "a@unheard.net", replyTo: "a@other.net", body: paying}, correspondence(), true},
		{"a name of another", letter{from: "Anna Berg <a@unlike.net>", body: paying}, correspondence(), true},
		{"a protected person", letter{from: "Erika Mustermann <a@unlike.net>", body: paying}, correspondence(), true},
		{"an administrator's word", letter{from: "a@unheard.net", body: paying}, allow, true},
	} {
		e := tell(t, c.l, func(col *Collector) {
			col.Memory, col.Groups = c.r, [][]mail.Domain{{"logistik.net", "l0gistik.net"}}
		})
		if got := len(e.Thread.Payment.Words) > 0; got != c.read {
			t.Errorf("%s: %+v", c.name, e.Thread.Payment)
		}
	}
}
