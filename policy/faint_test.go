package policy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// A stranger in the place of one of the few of a conversation: the name of that one
// below another, or with two letters changed.
func TestFaintLikenessesCountInAConversation(t *testing.T) {
	changed := func(change func(*remembering)) *remembering { r := builder(); change(r); return r }
	known := func(d mail.Domain, k KnownDomain) *remembering {
		return changed(func(r *remembering) { r.known[d] = k })
	}
	const thread = "<b1@example.com>"
	quote := strings.ReplaceAll(pasted, "heise.de", "nordlichtbau.de")
	for _, c := range []struct {
		name string
		l    letter
		r    *remembering
		want Disposition
	}{
		{"below another name", letter{from: "x@nordlichtbau.docs-share.com", cites: thread}, builder(), Tag},
		{"below another name, with payment", letter{from: "x@nordlichtbau.docs-share.com", cites: thread, body: paying}, builder(), Quarantine},
		{"below another name, with the name", letter{from: "Ole Nord <ole@nordlichtbau.docs-share.com>", cites: thread}, builder(), Quarantine},
		{"deep below another name", letter{from: "x@mail.nordlichtbau.eu.docs-share.com", cites: thread, body: paying}, builder(), Quarantine},
		{"below a name as long as can be", letter{from: "x@nordlichtbau." + strings.Repeat("docshare", 7) + "." + strings.Repeat("docshare", 7) + ".com", cites: thread, body: paying}, builder(), Quarantine},
		{"a letter of it below another name", letter{from: "x@nord1ichtbau.docs-share.com", cites: thread, body: paying}, builder(), Quarantine},
		{"with a word below another name", letter{from: "x@nordlichtbau-rechnung.docs-share.com", cites: thread, body: paying}, builder(), Quarantine},
		{"quoted, below another name", letter{from: "x@nordlichtbau.docs-share.com", body: paying + quote}, builder(), Tag},
		{"under a known name, below another", letter{from: "Ole Nord <ole@nordlichtbau.docs-share.com>", subject: "Re: x"}, builder(), Quarantine},
		{"cold, below another name", letter{from: "x@nordlichtbau.docs-share.com", body: paying}, builder(), Relay},
		{"a service that is known, with payment", letter{from: "Ole Nord <ole@nordlichtbau.docs-share.com>", cites: thread, body: paying}, known("docs-share.com", KnownDomain{State: Established, First: days(90)}), Quarantine},
		{"a letter of it below a service that is known, with payment", letter{from: "Ole Nord <ole@nordlichtbaau.docs-share.com>", cites: thread, body: paying}, known("docs-share.com", KnownDomain{State: Established, First: days(90)}), Quarantine},
		{"below a service of free mailboxes, with payment", letter{from: "Accounts <accounts@nordlichtbau.fastmail.com>", cites: thread, body: paying}, builder(), Quarantine},
		{"a host of a service of free mailboxes", letter{from: "x@mail.fastmail.com", cites: thread, body: paying}, builder(), Relay},
		{"a free mailbox of like name", letter{from: "x@hotmail.com", body: paying + strings.ReplaceAll(pasted, "heise.de", "hotmial.com")}, builder(), Relay},
		{"an ordinary host", letter{from: "x@mail.docs-share.com", cites: thread, body: paying}, builder(), Relay},

		{"two letters", letter{from: "x@nordlihctbou.de", cites: thread}, builder(), Tag},
		{"two letters, with payment", letter{from: "x@nordlihctbou.de", cites: thread, body: paying}, builder(), Quarantine},
		{"two letters, with the name", letter{from: "Ole Nord <ole@norblichtdau.de>", cites: thread}, builder(), Quarantine},
		{"two letters and the ending", letter{from: "x@nortlichtpau.com", cites: thread}, builder(), Tag},
		{"two letters and the ending, with the name", letter{from: "Ole Nord <ole@nortlichtpau.com>", cites: thread}, builder(), Quarantine},
		{"two letters under a known name", letter{from: "Ole Nord <ole@norlichtba.de>"}, builder(), Quarantine},
		{"two letters, quoted", letter{from: "x@nordlihctbou.de", body: quote}, builder(), Tag},
		{"two letters, cold", letter{from: "x@nordlihctbou.de", body: paying}, builder(), Relay},
		{"two letters, seen before", letter{from: "x@nordlihctbou.de", cites: thread, body: paying}, known("nordlihctbou.de", KnownDomain{State: Seen, First: days(8)}), Tag},
		{"two letters, quoted, after one harmless mail", letter{from: "x@nordlihctbou.de", body: paying + quote}, known("nordlihctbou.de", KnownDomain{State: Seen, First: days(8), Messages: 1}), Tag},
		{"two letters, quoted, with the name, after one harmless mail", letter{from: "Ole Nord <ole@nordlihctbou.de>", body: paying + quote}, known("nordlihctbou.de", KnownDomain{State: Seen, First: days(8), Messages: 1}), Quarantine},
		{"two letters, quoted, after a warm-up", letter{from: "Ole Nord <ole@nordlihctbou.de>", body: paying + quote}, known("nordlihctbou.de", KnownDomain{State: Established, First: days(60)}), Tag},
		{"two letters, quoted, no payment, after one harmless mail", letter{from: "x@nordlihctbou.de", body: quote}, known("nordlihctbou.de", KnownDomain{State: Seen, First: days(8), Messages: 1}), Relay},
		{"two letters, quoted, older than who is quoted", letter{from: "x@nordlihctbou.de", body: paying + quote}, known("nordlihctbou.de", KnownDomain{State: Established, First: days(175)}), Relay},
		{"two letters, quoted, answered before", letter{from: "x@nordlihctbou.de", body: paying + quote}, known("nordlihctbou.de", KnownDomain{State: TwoWay, First: days(60)}), Relay},
		{"two letters, known for long", letter{from: "x@nordlihctbou.de", cites: thread}, known("nordlihctbou.de", KnownDomain{State: Established, First: days(60)}), Relay},
		{"two letters, after a warm-up", letter{from: "Ole Nord <ole@nordlihctbou.de>", cites: thread, body: paying}, known("nordlihctbou.de", KnownDomain{State: TwoWay, First: days(60)}), Quarantine},
		{"two letters, known before the other", letter{from: "x@nordlihctbou.de", cites: thread, body: paying}, known("nordlihctbou.de", KnownDomain{State: TwoWay, First: days(179)}), Relay},
		{"two letters, who took part", letter{from: "x@nordlihctbou.de", cites: thread}, changed(func(r *remembering) {
			r.threads["b1@example.com"] = RememberedThread{Number: 4, Participants: []mail.Domain{"nordlichtbau.de", "nordlihctbou.de"}}
		}), Relay},
		{"words in another order", letter{from: "x@bau-nordlicht.de", cites: thread}, builder(), Tag},
		{"words in another order, with payment", letter{from: "x@bau-nordlicht.com", cites: thread, body: paying}, builder(), Quarantine},
		{"words in another order, with the name", letter{from: "Ole Nord <ole@baunordlicht.de>", cites: thread}, builder(), Quarantine},
		{"words in another order, cold", letter{from: "x@bau-nordlicht.de", body: paying}, builder(), Relay},
		{"words in another order, who took part", letter{from: "x@bau-nordlicht.de", cites: thread}, changed(func(r *remembering) {
			r.threads["b1@example.com"] = RememberedThread{Number: 4, Participants: []mail.Domain{"nordlichtbau.de", "bau-nordlicht.de"}}
		}), Relay},
		{"three letters", letter{from: "x@mordlihctbou.de", cites: thread, body: paying}, builder(), Relay},
		{"two of seven letters", letter{from: "x@nortpau.de", cites: thread, body: paying}, changed(func(r *remembering) {
			r.threads["b1@example.com"] = RememberedThread{Number: 4, Participants: []mail.Domain{"nordbau.de"}}
		}), Relay},
		{"the next of a series", letter{from: "x@nordlicht27.de", cites: thread, body: paying}, changed(func(r *remembering) {
			r.threads["b1@example.com"] = RememberedThread{Number: 4, Participants: []mail.Domain{"nordlicht13.de"}}
		}), Relay},
		{"without a memory of the conversation", letter{from: "x@nordlihctbou.de", cites: "<y@example.com>", body: paying}, builder(), Relay},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := tell(t, c.l, with(c.r))
			v := decideAgain(t, Rules{}, e)
			if v.Disposition != c.want {
				t.Errorf("got %v %s: %s\n%v\n%+v", v.Disposition, v.Reason, v.Sentence, v.Score, e.Thread)
			}
			if c.want == Quarantine && (v.Reason != Impostor || v.Score.Target != "nordlichtbau.de") {
				t.Errorf("%s: %s", v.Reason, v.Sentence)
			}
		})
	}
	e := tell(t, letter{from: "x@nordlichtbau.docs-share.com", cites: thread}, with(builder()))
	if v := Decide(&Rules{}, &e); !strings.Contains(v.Sentence, "nordlichtbau‹.docs-share.com› looks like nordlichtbau.‹de› (its name below docs-share.com)") {
		t.Errorf("%s", v.Sentence)
	}
	e = tell(t, letter{from: "x@nordlihctbou.de", cites: thread}, with(builder()))
	if v := Decide(&Rules{}, &e); !strings.Contains(v.Sentence, "(two letters changed)") {
		t.Errorf("%s", v.Sentence)
	}
	if s := e.Thread.Similar; len(s) != 1 || s[0].Relation != score.Thread {
		t.Errorf("%+v", s)
	}
}

// A protected one is protected also where the memory knows it, from mail to others.
func TestAProtectedOneThatIsKnownIsProtected(t *testing.T) {
	r := correspondence()
	for _, k := range []KnownDomain{{}, {State: Seen, First: days(90), Messages: 1}, {State: Established, First: days(90), Messages: 9}} {
		r.known["bundesbank.de"] = k
		for _, from := range []string{"x@bundesbank-office.de", "x@bundesbank.com", "x@bundesbamk.de"} {
			e := tell(t, letter{from: from}, with(r))
			if s := e.Thread.similarTo("bundesbank.de"); s == nil || s.Relation != score.Protected {
				t.Errorf("%s, %s: %+v", from, k.State, s)
			}
		}
	}
}

// Where answers go shows nobody.
func TestReplyToIsNoPlaceThatShowsTheTarget(t *testing.T) {
	for cc, want := range map[string][]string{"": nil, "b@heise.de": {"cc"}} {
		e := tell(t, letter{from: "a@he1se.de", replyTo: "a@heise.de", cc: cc}, with(correspondence()))
		if s := e.Thread.similarTo("heise.de"); s == nil || !slices.Equal(s.Shown, want) {
			t.Errorf("%q: %+v", cc, s)
		}
	}
}

// Whoever is found in the second place is asked about, and a memory that fails then
// is our error, too.
func TestWhomAFaintLikenessMeansIsAskedAbout(t *testing.T) {
	r := builder()
	e := tell(t, letter{from: "Ole Nord <ole@nordlihctbou.de>", subject: "Re: x"}, with(r))
	if len(r.asked) != 2 || !slices.Equal(r.asked[1].Domains, []mail.Domain{"nordlichtbau.de"}) {
		t.Errorf("asked %+v", r.asked)
	}
	if s := e.Thread.similarTo("nordlichtbau.de"); s == nil || s.TargetState != TwoWay || !s.TargetSince.Equal(days(170)) {
		t.Errorf("%+v", s)
	}
	cause := errors.New("disk")
	for _, l := range []letter{{from: "Ole Nord <ole@nordlihctbou.de>"}, {from: "a@heise.de", cc: many(70, "a@pad%d.net") + "b@he1se.de"}} {
		c := collector(t)
		c.Memory = &failing{remembering: builder(), cause: cause}
		if _, err := c.collected(t.Context(), transaction(t, "192.0.2.10", "a@partner.example", l.text()), viaProvider, Given{}); !errors.Is(err, cause) {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

// failing is a memory that answers once.
type failing struct {
	*remembering
	cause error
}

func (f *failing) Recall(ctx context.Context, q Question) (Recollection, error) {
	if len(f.asked) == 1 {
		return Recollection{}, f.cause
	}
	return f.remembering.Recall(ctx, q)
}

// Whom the site corresponds with is imitated no less by who quotes him, too.
func TestToQuoteWhomOneImitatesMakesNothingMilder(t *testing.T) {
	colleague := func() *remembering { // he never had mail from heise.de
		r := correspondence()
		k := r.known["heise.de"]
		k.ToUs = 0
		r.known["heise.de"] = k
		return r
	}
	try(t, []tried{
		{"cold", letter{from: "x@heise-pay.com", body: paying}, colleague(), Tag, Impostor},
		{"with what was written to somebody else", letter{from: "x@heise-pay.com", subject: "Re: x", body: paying + pasted}, colleague(), Tag, Impostor},
	})
}
