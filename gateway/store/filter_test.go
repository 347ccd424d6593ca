package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/policy/mail"
)

// correspondence is who wrote to whom: its index is the last letter of the id.
type correspondence struct {
	reverse, author, to, sentence, messageID string

	refused string
}

var letters = []correspondence{
	{"anna@example.com", "anna@example.com", "bob@example.net", "", "<1@example.com>", ""},
	{"bounces+bob=example.net@lists.example", "Anna@Example.com", "carl@example.net bob@sub.example.net", "", "2@example.com", ""},
	{"", "", "bob@example.net", "", "<3@example.com> (x)", ""},
	{`"an na"@example.com`, "", `"b\"ob\\ <&>"@example.net`, "", "", ""},
	{"JÖRG@example.org", "jörg@example.org", "Änne@bücher.example x_y@example.net", "", "<1@Example.com>", ""},
	{"an%a@example.com", "", "xzy@example.net 100%25@a_b.example", "", "", ""},
	{"a@[192.0.2.1]", "", "c@[IPv6:2001:db8::2] postmaster", "", "", ""},
	{"x@sub.example.com", "x@notexample.com", "d@notexample.net", "Clean.", "", "bob@example.net e%@other.example"},
	{"x@example.org", "", "d@example.org", "Deferred: 450 Say <bob@example.net>: later. Refused were <c@c.example>: 550 5.1.1 not <bob@example.net>: no.", "", `"x> and <bob@example.net>: y"@c.example "z\",\"bob@example.net"@c.example`},
	{`"x@example.com>: "@example.org`, "", `"x@example.net"@example.org "\"bob@example.net"@example.org`, "", "", ""},
}

func (c correspondence) paths(t testing.TB) (reverse mail.Address, forward, refused []mail.Address) {
	if c.reverse != "" {
		reverse = mailbox(t, c.reverse)
	}
	return reverse, mailboxes(t, c.to), mailboxes(t, c.refused)
}

// mailboxes reads several, with blanks between them.
func mailboxes(t testing.TB, text string) (all []mail.Address) {
	quoted := false // a blank may stand in a local part
	fields := strings.FieldsFunc(strings.ReplaceAll(text, `\"`, "\x00"), func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
	for _, field := range fields {
		all = append(all, mailbox(t, strings.ReplaceAll(field, "\x00", `\"`)))
	}
	return all
}

func one(t testing.TB, text string) Mailboxes { return Mailboxes{Address: mailbox(t, text)} }

// wanted are the filters and whom they find; held, where messages differ from entries.
func wanted(t testing.TB) []struct {
	f          Filter
	want, held string
} {
	const same = "same"
	null, domain := Mailboxes{Null: true}, func(d mail.Domain) Mailboxes { return Mailboxes{Domain: d} }
	return []struct {
		f          Filter
		want, held string
	}{
		{Filter{From: one(t, "anna@example.com")}, "1 0", same},
		{Filter{From: one(t, "ANNA@EXAMPLE.COM")}, "1 0", same},
		{Filter{From: one(t, "nna@example.com")}, "", same},
		{Filter{From: one(t, "an%@example.com")}, "", same},
		{Filter{From: one(t, "an%a@example.com")}, "5", same},
		{Filter{From: one(t, `"AN na"@example.com`)}, "3", same},
		{Filter{From: one(t, "a@[192.0.2.1]")}, "6", same},
		{Filter{From: one(t, "Jörg@example.org")}, "4", same},
		{Filter{From: domain("example.com")}, "5 3 1 0", same},
		{Filter{From: domain("lists.example")}, "1", same},
		{Filter{From: domain("notexample.com")}, "7", same},
		{Filter{From: domain("a_b.example")}, "", same},
		{Filter{From: domain("xample.com")}, "", same},
		{Filter{From: null}, "2", same},
		{Filter{To: one(t, "bob@example.net")}, "7 2 0", "2 0"},
		{Filter{To: one(t, "Bob@Example.NET")}, "7 2 0", "2 0"},
		{Filter{To: one(t, "ob@example.net")}, "", same},
		{Filter{To: one(t, `"B\"OB\\ <&>"@example.net`)}, "3", same},
		{Filter{To: one(t, "änne@bücher.example")}, "4", same},
		{Filter{To: one(t, "x_y@example.net")}, "4", same},
		{Filter{To: one(t, "100%25@a_b.example")}, "5", same},
		{Filter{To: one(t, "%@example.net")}, "", same},
		{Filter{To: one(t, "c@[IPv6:2001:db8::2]")}, "6", same},
		{Filter{To: one(t, "Postmaster")}, "6", same},
		{Filter{To: domain("example.net")}, "7 5 4 3 2 1 0", "5 4 3 2 1 0"},
		{Filter{To: domain("xample.net")}, "", same},
		{Filter{To: domain("sub.example.net")}, "1", same},
		{Filter{To: domain("xn--bcher-kva.example")}, "4", same},
		{Filter{To: domain("a_b.example")}, "5", same},
		{Filter{To: domain("axb.example")}, "", same},
		{Filter{To: one(t, "E%@other.example")}, "7", ""},
		{Filter{To: one(t, "e@other.example")}, "", same},
		{Filter{To: one(t, `"x> and <bob@example.net>: y"@c.example`)}, "8", ""},
		{Filter{To: domain("other.example")}, "7", ""},
		{Filter{To: domain("c.example")}, "8", ""},
		{Filter{To: null}, "", same},
		{Filter{From: one(t, "anna@example.com"), To: one(t, "bob@example.net")}, "0", same},
		{Filter{From: one(t, "anna@example.com"), To: domain("example.org")}, "", same},
		{Filter{From: domain("example.com"), Limit: 2}, "5 3", same},
		{Filter{From: domain("example.com"), Since: noon.Add(time.Minute), Until: noon.Add(4 * time.Minute)}, "3 1", same},
	}
}

func TestEntriesAreFoundByWhoWroteAndToWhom(t *testing.T) {
	s := openStore(t, t.TempDir())
	for i, c := range letters {
		e := Entry{ID: fmt.Sprint("j", i), At: noon.Add(time.Duration(i) * time.Minute), Author: c.author, Sentence: c.sentence, MessageID: c.messageID}
		e.ReversePath, e.ForwardPaths, e.RefusedPaths = c.paths(t)
		s.Journal(e)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	cases := wanted(t)
	for id, want := range map[string]string{"1@example.com": "0", "<1@example.com>": "0", "<2@example.com>": "1", "3@example.com": "", "%@example.com": "", "_@example.com": "", "1@example.co": ""} {
		cases = append(cases, struct {
			f          Filter
			want, held string
		}{f: Filter{MessageID: id}, want: want})
	}
	for _, c := range cases {
		all, err := s.Entries(t.Context(), c.f)
		var ids []string
		for _, e := range all {
			ids = append(ids, e.ID[1:])
		}
		if got := strings.Join(ids, " "); err != nil || got != c.want {
			t.Errorf("%+v: %q, %v; want %q", c.f, got, err, c.want)
		}
	}
}

func TestHeldMessagesAreFoundByWhoWroteAndToWhom(t *testing.T) {
	s := openStore(t, t.TempDir())
	hold := func(i int, c correspondence) {
		h := heldMessage(fmt.Sprint("q", i))
		h.ReceivedAt, h.Author = noon.Add(time.Duration(i)*time.Minute), c.author
		h.Envelope.ReversePath, h.Envelope.ForwardPaths, _ = c.paths(t)
		if err := s.Quarantine(t.Context(), h, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range letters {
		hold(i, c)
	}
	found := func(f Filter) string {
		all, err := s.List(t.Context(), f)
		if err != nil {
			t.Errorf("%+v: %v", f, err)
		}
		var ids []string
		for _, h := range all {
			ids = append(ids, h.ID[1:])
		}
		return strings.Join(ids, " ")
	}
	for _, c := range wanted(t) {
		want := c.held
		if want == "same" {
			want = c.want
		}
		if got := found(c.f); got != want {
			t.Errorf("%+v: %q; want %q", c.f, got, want)
		}
	}
	// Its From field says two things: it is found by both.
	hold(len(letters), correspondence{reverse: "x@bulk.example", author: "Anna <Anna@two.example>, Bob <bob@three.example>"})
	for _, from := range []Mailboxes{one(t, "anna@two.example"), {Domain: "two.example"}, one(t, "bob@three.example"), {Domain: "three.example"}} {
		if got := found(Filter{From: from}); got != fmt.Sprint(len(letters)) {
			t.Errorf("%+v: %q", from, got)
		}
	}
	// So it is without names, in whatever way they are parted; a part of an address is none.
	for i, author := range []string{"a@four.example, b@five.example", "b@five.example,a@four.example;c@six.example", "<a@four.example> <b@five.example>"} {
		id := len(letters) + 1 + i
		hold(id, correspondence{reverse: "x@bulk.example", author: author})
		for _, from := range []Mailboxes{one(t, "a@four.example"), {Domain: "four.example"}, one(t, "b@five.example"), {Domain: "five.example"}} {
			if got := found(Filter{From: from}); !strings.HasPrefix(got, fmt.Sprint(id)) {
				t.Errorf("%s: %+v: %q", author, from, got)
			}
		}
	}
	for _, from := range []Mailboxes{one(t, "xa@four.example"), {Domain: "our.example"}, {Domain: "four.exampl"}} {
		if got := found(Filter{From: from}); got != "" {
			t.Errorf("%+v: %q", from, got)
		}
	}
}

// No filter may cost the order of the index: all rows would be sorted before the
// first is known.
func TestFiltersReadTheJournalInTheOrderOfTime(t *testing.T) {
	s := openStore(t, t.TempDir())
	for _, f := range []Filter{{From: one(t, "a@example.com")}, {To: Mailboxes{Domain: "example.com"}}, {MessageID: "1@example.com"}, {From: Mailboxes{Null: true}}} {
		query, args := f.entriesQuery()
		rows, err := s.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
		plan, err := collect(rows, err, func(row interface{ Scan(...any) error }) (text string, err error) {
			var skip int
			err = row.Scan(&skip, &skip, &skip, &text)
			return text, err
		})
		if err != nil || !slices.Contains(plan, "SCAN journal USING INDEX journal_at") || len(plan) != 1 {
			t.Errorf("%+v: %q, %v", f, plan, err)
		}
	}
}
