package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// remembering is a Memory in a test: what is written in it is what is known.
type remembering struct {
	since     time.Time
	known     map[mail.Domain]KnownDomain
	threads   map[string]RememberedThread // by id
	names     map[string][]mail.Domain    // by folded name
	decisions []Decision
	all       []Decision // on whomever the message shows
	on        []Decision // on whom is asked about
	asked     []Question
	change    func(Question, *Recollection) // of what it answers
	err       error
}

func (r *remembering) Recall(_ context.Context, q Question) (Recollection, error) {
	r.asked = append(r.asked, q)
	if r.err != nil {
		return Recollection{}, r.err
	}
	author := lookalike.Registrable(q.Author.Domain)
	out := Recollection{Since: r.since, Author: r.of(author)}
	for _, name := range append([]string{q.Name}, q.Names...) {
		out.Named = append(out.Named, r.names[name]...)
	}
	for _, d := range q.Domains {
		out.Domains = append(out.Domains, r.of(d))
		for _, on := range r.on {
			if on.Sender == d {
				out.Decisions = append(out.Decisions, on)
			}
		}
	}
	for target, known := range r.known {
		if m, ok := lookalike.Compare(q.Author.Domain, target); ok {
			m.Tier = lookalike.Site
			out.Near = append(out.Near, Neighbour{m, known})
		}
	}
	slices.SortFunc(out.Near, func(a, b Neighbour) int { return b.Confidence - a.Confidence })
	out.Near = out.Near[:min(len(out.Near), 8)]
	for _, id := range q.Cited {
		if t, ok := r.threads[id]; ok {
			out.Thread = t
			out.Thread.Cited = 1
			for _, a := range q.Accounts {
				if t.Accounts == 0 || a != firstAccount {
					out.Thread.NewAccounts = append(out.Thread.NewAccounts, a)
				}
			}
			break
		}
	}
	for _, d := range r.decisions {
		if d.Sender == author {
			out.Decisions = append(out.Decisions, d)
		}
	}
	out.Decisions = append(out.Decisions, r.all...)
	if r.change != nil {
		r.change(q, &out)
	}
	return out, nil
}

func (r *remembering) of(d mail.Domain) KnownDomain {
	k := r.known[d]
	k.Domain = d
	return k
}

const (
	firstAccount = "DE89370400440532013000"
	otherAccount = "GB82WEST12345698765432"
)

func days(n int) time.Time { return at.Add(-time.Duration(n) * 24 * time.Hour) }

// correspondence is a site half a year old, at which Anna of heise.de writes to Bob
// in a conversation about invoices.
func correspondence() *remembering {
	return &remembering{
		since: days(180),
		known: map[mail.Domain]KnownDomain{
			"heise.de":       {State: TwoWay, First: days(170), Messages: 90, ToUs: 12},
			"gmail.com":      {State: TwoWay, First: days(180), Messages: 900, ToUs: 3},
			"nordwind.org":   {State: Established, First: days(150), Messages: 30}, // to others
			"logistik.net":   {State: TwoWay, First: days(100), Messages: 30, ToUs: 2},
			"newsletter.com": {State: Established, First: days(100), Messages: 30, ToUs: 9},
		},
		threads: map[string]RememberedThread{
			"q1@example.com": {Number: 7, First: days(12), Last: days(2), Messages: 3, Participants: []mail.Domain{"heise.de", "example.com"}, Accounts: 1},
			"q2@example.com": {Number: 8, First: days(12), Last: days(2), Messages: 9, Participants: []mail.Domain{"python.org", "example.com"}},
			"q3@example.com": {Number: 9, First: days(12), Last: days(2), Messages: 4, Participants: []mail.Domain{"gmail.com", "example.com"}},
		},
		names: map[string][]mail.Domain{FoldName("Anna Berg"): {"heise.de"}},
	}
}

// letter is one message in a story. Its author is proven unless forged.
type letter struct {
	from, to, cc, replyTo string
	cites                 string // ids
	subject, list, body   string
	forged                bool
	fields                string
}

// stolen is the id of Bob's own mail in the conversation with heise.de.
const stolen = "<q1@example.com>"

// pasted quotes Anna's mail.
const pasted = "\r\n-----Original Message-----\r\nFrom: Anna Berg <anna@heise.de>\r\nSent: Friday, 20 November 2026 10:00\r\nTo: Bob <bob@example.com>\r\nSubject: Invoice 7\r\n\r\nThe invoice.\r\n"

const paying = "Please note our new bank details for the invoice.\r\n"

func (l letter) text() string {
	var b strings.Builder
	field := func(name, value string) {
		if value != "" {
			b.WriteString(name + ": " + value + "\r\n")
		}
	}
	field("From", l.from)
	field("To", or(l.to, "Bob <bob@example.com>"))
	field("Cc", l.cc)
	field("Reply-To", l.replyTo)
	field("Message-ID", "<m9@"+strings.TrimSuffix(l.from[strings.LastIndexByte(l.from, '@')+1:], ">")+">")
	field("References", l.cites)
	field("Subject", or(l.subject, "Invoice 7"))
	field("List-Id", l.list)
	b.WriteString(l.fields)
	return b.String() + "\r\n" + or(l.body, "Hello Bob.\r\n")
}

// tell collects one letter at a site that remembers.
func tell(t *testing.T, l letter, change func(*Collector)) Evidence {
	t.Helper()
	c := collector(t)
	c.Lookalike = lookalike.NewIndex([]lookalike.Target{{Domain: "example.com", Tier: lookalike.Own}, {Domain: "bundesbank.de", Tier: lookalike.Protected}})
	c.Protected = []mail.Domain{"example.com", "bundesbank.de"}
	z := zone(t)
	if domain, _, _ := strings.Cut(l.from[strings.LastIndexByte(l.from, '@')+1:], ">"); !l.forged {
		if d, err := mail.ParseDomain(domain); err == nil && d != "he1se.de" {
			z.Add(string(d), "TXT", "v=spf1 ip4:203.0.113.66 -all")
			z.Add("_dmarc."+string(d), "TXT", "v=DMARC1; p=reject")
		}
		c.Resolver = z
		if change != nil {
			change(c)
		}
		e, err := c.collected(t.Context(), transaction(t, "203.0.113.66", "x@"+domain, l.text()), viaProvider, Given{})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if change != nil {
		change(c)
	}
	e, err := c.collected(t.Context(), transaction(t, "203.0.113.5", "x@bulk.example", l.text()), viaProvider, Given{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// with has a Collector remember.
func with(r *remembering) func(*Collector) {
	return func(c *Collector) { c.Memory = r }
}

func TestAMemoryThatFailsIsOurError(t *testing.T) {
	c := collector(t)
	cause := errors.New("disk")
	c.Memory = &remembering{err: cause}
	if _, err := c.collected(t.Context(), transaction(t, "192.0.2.10", "a@partner.example", message("a@partner.example")), viaProvider, Given{}); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

// The memory is asked once, and about nobody whom the message does not show.
func TestWhatAMemoryIsAsked(t *testing.T) {
	r := correspondence()
	tell(t, letter{from: "Anna Berg <anna@he1se.de>", to: "bob@example.com, carol@mail.he1se.de", cites: "<x@nordwind.org> " + stolen, cc: "c@logistik.net, eve@mail.heise.de", replyTo: "x@replies.net", body: paying + "IBAN " + otherAccount + "\r\n" + pasted}, with(r))
	if len(r.asked) != 1 {
		t.Fatalf("asked %d times", len(r.asked))
	}
	q := r.asked[0]
	want := []mail.Domain{"heise.de", "logistik.net", "nordwind.org", "replies.net"}
	if !slices.Equal(q.Domains, want) || q.Author.String() != "anna@he1se.de" || q.Name != FoldName("anna BERG") || !slices.Equal(q.Cited, []string{"x@nordwind.org", "q1@example.com"}) ||
		!slices.Equal(q.Accounts, []string{otherAccount}) || len(q.Recipients) != 1 || !q.At.Equal(at) {
		t.Errorf("asked %+v\nwant domains %v", q, want)
	}
}

// stored is evidence as it is kept.
func stored(t *testing.T, e Evidence) string {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A message does not choose how much work it is.
func TestWhatAMessageCanMakeUsDo(t *testing.T) {
	r := correspondence()
	var many strings.Builder
	for i := range 90 {
		fmt.Fprintf(&many, "a@pad%d.net, ", i)
	}
	var quotes strings.Builder
	for i := range 20 {
		quotes.WriteString(strings.ReplaceAll(pasted, "heise.de", fmt.Sprintf("quoted%d.net", i)))
	}
	e := tell(t, letter{from: "a@he1se.de", cites: stolen, cc: many.String() + "x@y.net", body: quotes.String()}, with(r))
	if n := len(r.asked[0].Domains); n != maxAsked || e.Thread.Unread == "" || len(e.Thread.Parties) != maxParties {
		t.Errorf("asked about %d domains, %d kept, unread %q", n, len(e.Thread.Parties), e.Thread.Unread)
	}
	told := false
	x := newSieve([]somebody{{domain: "heise.de"}}, func() { told = true })
	for range maxSifted {
		if len(x.among("he1se.de")) != 1 || told {
			t.Fatal("not let through")
		}
	}
	if len(x.among("he1se.de")) != 0 || !told {
		t.Error("one pair too many is compared, or nobody is told")
	}
	var found []Similar
	for i := range 20 {
		found = append(found, Similar{Target: "junk.net", Relation: score.Message, Confidence: 60 + i%3})
	}
	found = append(found, Similar{Target: "heise.de", Relation: score.Correspondent, Confidence: 97}, Similar{Target: "first.de", Relation: score.Message, Confidence: 97})
	if kept := best(found); len(kept) != maxSimilar || kept[0].Target != "first.de" || kept[1].Target != "heise.de" {
		t.Errorf("kept %+v", kept)
	}
}
