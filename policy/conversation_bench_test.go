package policy

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// fixed is a memory that costs nothing: what is measured is what we do.
type fixed Recollection

func (f fixed) Recall(_ context.Context, q Question) (Recollection, error) {
	r := Recollection(f)
	r.Domains = r.Domains[:len(q.Domains)]
	return r, nil
}

// BenchmarkCollectConversation is what the conversation adds to Collect, for 4 KB
// of mail: plain, or an answer that quotes and is copied to others; without a
// memory and with one that knows all of them.
func BenchmarkCollectConversation(b *testing.B) {
	prose := strings.Repeat("The quick brown fox jumps over the lazy dog, and then some more text.\r\n", 4<<10/71)
	plain := "From: a@partner.example\r\nTo: bob@example.com\r\nSubject: x\r\n\r\n" + prose
	answer := "From: Anna Berg <a@partner.example>\r\nTo: Bob <bob@example.com>\r\nCc: c@logistik.net, Max <max@lawyers.net>\r\nReferences: <q1@example.com> <m2@partner.example> <m3@mail.lawyers.net>\r\nSubject: Re: x\r\n\r\n" + prose +
		"\r\nOn Friday, Max wrote:\r\n" + strings.ReplaceAll(pasted, "heise.de", "lawyers.net")
	for _, c := range []struct {
		name, text string
		memory     Memory
	}{{"plain", plain, nil}, {"plain, remembered", plain, correspondence()}, {"answer", answer, nil}, {"answer, remembered", answer, correspondence()}} {
		b.Run(c.name, func(b *testing.B) {
			tx := transaction(b, "192.0.2.10", "a@partner.example", signed(b, c.text))
			col := collector(b)
			col.Resolver, col.Memory = held{col.Resolver}, nil
			if r, ok := c.memory.(*remembering); ok {
				q, err := r.Recall(b.Context(), Question{Author: mail.Address{Local: "a", Domain: "partner.example"}, Cited: []string{"q1@example.com"}, Domains: make([]mail.Domain, maxAsked)})
				if err != nil {
					b.Fatal(err)
				}
				col.Memory = fixed(q)
			}
			b.ReportAllocs()
			for b.Loop() {
				if e, err := col.Collect(b.Context(), tx, viaProvider, Given{}); err != nil || !e.DMARC.DKIMAligned {
					b.Fatal(e, err)
				}
			}
		})
	}
}

// padded is mail that names as many others as it can, each of them a look-alike.
func padded() string {
	var list, ids strings.Builder
	for i := range 400 {
		fmt.Fprintf(&list, "a@h%dise%d.de, ", i%10, i)
		fmt.Fprintf(&ids, "<x%d@he1se%d.de>\r\n ", i, i)
	}
	var quoted strings.Builder
	for i := range 60 {
		fmt.Fprintf(&quoted, "\r\nFrom: Anna Berg <anna@heise%d.de>\r\nTo: x@he1s%de.de\r\nSent: Friday, 20 November 2026 10:00\r\nSubject: x\r\n", i, i)
	}
	return "From: Anna Berg <a@he1se.de>\r\nTo: " + list.String() + "bob@example.com\r\nCc: " + list.String() + "x@y.net\r\nReply-To: b@hei5e.de\r\nReferences: " + ids.String() + "<q1@example.com>\r\nSubject: Re: x\r\n\r\n" + quoted.String()
}

// BenchmarkConversation is the conversation's part of Collect alone.
func BenchmarkConversation(b *testing.B) {
	prose := strings.Repeat("The quick brown fox jumps over the lazy dog, and then some more text.\r\n", 4<<10/71)
	text := "From: a@partner.example\r\nTo: bob@example.com\r\nSubject: x\r\n\r\n" + prose
	for name, memory := range map[string]Memory{"alone": nil, "remembered": fixed{Domains: make([]KnownDomain, maxAsked), Since: days(180)}} {
		b.Run(name, func(b *testing.B) {
			tx := transaction(b, "192.0.2.10", "a@partner.example", text)
			col := collector(b)
			col.Memory = memory
			author := mail.ParseAuthor(tx.Message)
			b.ReportAllocs()
			for b.Loop() {
				e := Evidence{ReceivedAt: at, Author: Author{Address: "a@partner.example", Domain: "partner.example"}}
				if err := col.conversation(b.Context(), &e, tx, author); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
