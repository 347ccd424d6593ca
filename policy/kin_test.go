package policy

import (
	"slices"
	"strings"
	"testing"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// kindred has a memory tell whom an author is kin of, as a real one would: those whom
// the recipient knows, and nearer ones are left to Near.
type kindred struct {
	*remembering
	of     []mail.Domain
	listed map[string][]mail.Domain
}

func (k *kindred) answer(q Question, r *Recollection) {
	r.Near, r.Listed = nil, k.listed[q.Name]
	for _, d := range k.of {
		if m, ok := lookalike.Compare(q.Author.Domain, d); ok {
			r.Kin = append(r.Kin, Neighbour{m, k.remembering.of(d)})
		}
	}
}

func TestASmallLikenessCountsBesideAPretext(t *testing.T) {
	const ordinary = "Hello Bob, the schedule for May is attached.\r\n"
	known := func(d mail.Domain, k KnownDomain) func(*remembering) { return func(r *remembering) { r.known[d] = k } }
	for _, c := range []struct {
		name   string
		l      letter
		change func(*remembering)
		want   Disposition
	}{
		{"payment", letter{from: "x@nordlichtbau-group.com", body: paying}, nil, Tag},
		{"a word before it", letter{from: "x@my-nordlichtbau.com", body: paying}, nil, Tag},
		{"glued", letter{from: "x@nordlichtbaugmbh.de", body: paying}, nil, Tag},
		{"a letter of a short name", letter{from: "x@vleda.de", body: paying}, nil, Tag},
		{"ordinary mail", letter{from: "x@nordlichtbau-group.com", body: ordinary}, nil, Relay},
		{"an invoice", letter{from: "x@nordlichtbau-group.com", body: "The invoice. Our account is " + firstAccount + ".\r\n"}, nil, Relay},
		{"an answer", letter{from: "x@nordlichtbau-group.com", subject: "Re: schedule", body: ordinary}, nil, Relay},
		{"answers to a free mailbox", letter{from: "x@nordlichtbau-group.com", body: ordinary, replyTo: "office7@gmail.com"}, nil, Tag},
		{"answers elsewhere", letter{from: "x@nordlichtbau-group.com", body: ordinary, replyTo: "office@unheard.net"}, nil, Tag},
		{"answers to one who is known", letter{from: "x@nordlichtbau-group.com", body: ordinary, replyTo: "office@logistik.net"}, nil, Relay},
		{"the name of a listed house", letter{from: "Nordlichtbau GmbH <x@nordlichtbau-group.com>", body: ordinary}, nil, Tag},
		{"the genuine one in Cc", letter{from: "x@nordlichtbau-group.com", body: paying, cc: "ole@nordlichtbau.de"}, nil, Tag},
		{"after a warm-up", letter{from: "x@nordlichtbau-group.com", body: paying}, known("nordlichtbau-group.com", KnownDomain{State: Shadow, ShadowOf: "nordlichtbau.de", First: days(60), Messages: 90}), Tag},
		{"seen for weeks", letter{from: "x@nordlichtbau-group.com", body: paying}, known("nordlichtbau-group.com", KnownDomain{State: Seen, First: days(20)}), Tag},
		{"a free mailbox", letter{from: "x@gmail-group.com", body: paying}, nil, Relay},
		{"allowed", letter{from: "x@nordlichtbau-group.com", body: paying}, func(r *remembering) {
			r.decisions = []Decision{{Sender: "nordlichtbau-group.com", Target: "nordlichtbau.de", Allow: true, Who: "eve", At: days(1)}}
		}, Relay},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := builder()
			r.known["velda.de"] = KnownDomain{State: Established, First: days(170), Messages: 90, ToUs: 12}
			if c.change != nil {
				c.change(r)
			}
			k := &kindred{r, []mail.Domain{"nordlichtbau.de", "velda.de", "gmail.com"}, map[string][]mail.Domain{FoldName("Nordlichtbau GmbH"): {"nordlichtbau.de"}}}
			r.change = k.answer
			e := tell(t, c.l, with(r))
			v := decideAgain(t, Rules{}, e)
			if v.Disposition != c.want {
				t.Errorf("got %v %s: %s\n%v\n%+v", v.Disposition, v.Reason, v.Sentence, v.Score, e.Thread)
			}
			if c.want == Tag && v.Reason != Impostor {
				t.Errorf("%s: %s", v.Reason, v.Sentence)
			}
			if o, ok := Observe(&e, v); !ok || o.Resembles != "" {
				t.Errorf("it is taken for a look-alike for ever: %+v", o)
			}
		})
	}
}

// What counts for nothing is kept, so that one can see why, and takes part in nothing.
func TestKinWithoutAPretextAreToldApart(t *testing.T) {
	r := builder()
	r.change = (&kindred{r, []mail.Domain{"nordlichtbau.de"}, nil}).answer
	e := tell(t, letter{from: "x@nordlichtbau-group.com", cc: "y@nordlichtbaau.de"}, with(r))
	s := e.Thread.similarTo("nordlichtbau.de")
	if s == nil || !s.Kin || s.Relation != score.Correspondent || s.TargetState != TwoWay || !s.TargetSince.Equal(days(170)) {
		t.Fatalf("%+v", s)
	}
	if len(e.Thread.Added) != 0 {
		t.Errorf("%+v", e.Thread.Added)
	}
	v := Decide(&Rules{}, &e)
	var text strings.Builder
	if err := Explain(&text, &e, v); err != nil || v.Disposition != Relay || !strings.Contains(strings.Join(strings.Fields(text.String()), " "), "So little counts beside a change of payment") {
		t.Errorf("%v, %v\n%s", err, v.Disposition, text.String())
	}
}

// A name stands in a list before any mail bore it: whoever wrote under it first has
// not made it his.
func TestAListedNameIsNotThatOfWhoBoreItFirst(t *testing.T) {
	for _, c := range []struct {
		state KnownDomain
		known bool
		want  Disposition
	}{
		{KnownDomain{}, false, Tag},
		{KnownDomain{State: Seen, First: days(30)}, false, Relay}, // a name alone is no reason for who wrote before
		{KnownDomain{State: Established, First: days(60)}, true, Relay},
	} {
		r := builder()
		r.names[FoldName("Nordlichtbau GmbH")] = []mail.Domain{"thief.net"}
		r.known["thief.net"] = c.state
		r.change = (&kindred{r, nil, map[string][]mail.Domain{FoldName("Nordlichtbau GmbH"): {"nordlichtbau.de"}}}).answer
		e := tell(t, letter{from: "Nordlichtbau GmbH <x@thief.net>", subject: "Re: x", body: paying}, with(r))
		if e.Thread.NameKnown != c.known || !slices.ContainsFunc(e.Thread.Named, func(n Namesake) bool { return n.Domain == "nordlichtbau.de" && n.Where == "listed" }) {
			t.Errorf("%s: %v %+v", c.state.State, e.Thread.NameKnown, e.Thread.Named)
		}
		if v := Decide(&Rules{}, &e); v.Disposition != c.want {
			t.Errorf("%s: %v: %s", c.state.State, v.Disposition, v.Sentence)
		}
	}
}

// Whom a message resembles is asked about also where only the memory knows of him.
func TestAParticipantWhomTheMailDoesNotShowIsAskedAbout(t *testing.T) {
	r := builder()
	r.change = func(_ Question, out *Recollection) { out.Near = nil }
	e := tell(t, letter{from: "x@nordlichtbau-group.com", cites: "<b1@example.com>"}, with(r))
	s := e.Thread.similarTo("nordlichtbau.de")
	if s == nil || s.TargetState != TwoWay || !s.TargetSince.Equal(days(170)) || s.TargetToUs != 12 {
		t.Fatalf("%+v", s)
	}
	if v := Decide(&Rules{}, &e); v.Reason != StolenThread || !strings.Contains(v.Sentence, "we have known nordlichtbau.de since 2026-06-05") {
		t.Errorf("%s: %s", v.Reason, v.Sentence)
	}
}

// What is said of one who wrote for months is so.
func TestOfAShadowNobodySaysThatItNeverWrote(t *testing.T) {
	r := builder()
	r.known["nordlichtbau-group.com"] = KnownDomain{State: Shadow, ShadowOf: "nordlichtbau.de", First: days(60), Messages: 90}
	r.known["unlike.net"] = KnownDomain{State: Shadow, ShadowOf: "nordlichtbau.de", First: days(60), Messages: 90}
	for _, l := range []letter{
		{from: "Ole Nord <ole@nordlichtbau-group.com>", body: paying},
		{from: "x@nordlichtbau-group.com", body: paying, replyTo: "x@unheard.net"},
		{from: "x@nordlichtbau-group.com", cites: "<b1@example.com>", body: paying},
		{from: "x@unlike.net", body: strings.Repeat("Nothing to see.\r\n", 20<<10)},
	} {
		e := tell(t, l, with(r))
		v := Decide(&Rules{}, &e)
		for _, wrong := range []string{"never", "newcomer"} {
			if v.Disposition == Relay || strings.Contains(v.Sentence, wrong) {
				t.Errorf("%+v: %v %s", l.from, v.Disposition, v.Sentence)
			}
		}
	}
}
