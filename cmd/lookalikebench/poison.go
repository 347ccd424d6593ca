package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"mxgate/cmd/lookalikebench/internal/generate"
	"mxgate/cmd/lookalikebench/internal/hijack"
	"mxgate/cmd/lookalikebench/internal/report"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// vendors are whom the attacker imitates; the names are invented.
var vendors = []string{"northwind-castings.example", "brellawerke.example", "maridonia.example", "quorvista.example"}

// The attack: LOOKALIKE, Section 6.
const (
	warmDays  = 60
	warmMails = 200 // each of them answered
)

// poison lets an attacker write for 60 days from an aligned look-alike and have
// every mail answered, before he steals a conversation.
func (b *bench) poison(ctx context.Context) ([]report.Section, error) {
	t := report.Table{Title: "After the warm-up", Columns: []string{"look-alike", "of", "class", "mails taken", "answers", "state", "the theft"}}
	unknown, held := report.Share{}, report.Share{}
	count := b.less(len(vendors), 1)
	for _, vendor := range vendors[:count] {
		for _, class := range append(counted[:len(counted):len(counted)], "tld") {
			r := generate.Seeded(seed, "poison", vendor, class)
			fake := disguise(class)(vendor, r)
			b.say("poison: %s for %s", fake, vendor)
			a, err := b.attack(ctx, vendor, fake)
			if err != nil {
				return nil, err
			}
			t.Add(fake, vendor, class, a.taken, a.answers, string(a.state), a.theft)
			out := a.state == policy.Shadow || a.state == policy.Unseen // unseen: held from the first mail
			unknown.Count(out)
			held.Count(a.theft == "quarantine")
			if !out || a.theft != "quarantine" {
				b.miss("poison", "%s for %s (%s): %q, theft: %s: %s", fake, vendor, class, a.state, a.theft, a.sentence)
			}
		}
	}
	honest, err := b.attack(ctx, vendors[0], "plain-stranger.example")
	if err != nil {
		return nil, err
	}
	t.Add("plain-stranger.example", "nobody", "honest", honest.taken, honest.answers, string(honest.state), honest.theft)
	return []report.Section{{Title: "Poisoning", Notes: []string{
		fmt.Sprintf("A vendor is known for two months and answered. Then an aligned look-alike writes %d mails in %d days, and we answer each. In the end it answers in the", warmMails, warmDays),
		"vendor's conversation and asks for money. An honest newcomer does the same, to show that the schedule makes friends of others.",
	}, Tables: []report.Table{t}, Bars: []report.Bar{
		{What: "warmed-up look-alikes that stay in shadow, or unseen", Want: "all", Got: fmt.Sprintf("%d of %d", unknown.K, unknown.N), Met: unknown.K == unknown.N},
		{What: "their thefts held", Want: "all", Got: fmt.Sprintf("%d of %d", held.K, held.N), Met: held.K == held.N},
		{What: "an honest newcomer's state", Want: string(policy.TwoWay), Got: string(honest.state), Met: honest.state == policy.TwoWay},
	}}}, nil
}

// attacked is what came of one attack.
type attacked struct {
	taken, answers int
	state          policy.State
	theft          string
	sentence       string
}

// correspondence is mail between us and one domain.
type correspondence struct {
	box   *mailbox
	them  string
	who   string // display name
	at    time.Time
	last  string // id of the newest message
	n     int
	taken int
}

// exchange lets them write once, and us answer if their mail was relayed.
func (c *correspondence) exchange(ctx context.Context) (answered bool, err error) {
	c.n++
	id := fmt.Sprintf("%d@%s", c.n, c.them)
	raw := fmt.Sprintf("From: %s <ann@%s>\r\nTo: %s\r\nSubject: Re: schedule\r\nMessage-ID: <%s>\r\n%s\r\nThe usual schedule.\r\n", c.who, c.them, victim.Address(), id, cites(c.last))
	_, v, err := c.box.take(ctx, []byte(raw), "ann@"+c.them, victim.Address(), c.at)
	if err != nil || v.Disposition != policy.Relay && v.Disposition != policy.Tag {
		return false, err
	}
	c.taken++
	c.last = fmt.Sprintf("answer-%d-%s@%s", c.n, c.them, victim.Domain)
	raw = fmt.Sprintf("From: %s\r\nTo: %s <ann@%s>\r\nSubject: Re: schedule\r\nMessage-ID: <%s>\r\n%s\r\nThank you.\r\n", victim.Address(), c.who, c.them, c.last, cites(id))
	_, v, err = c.box.take(ctx, []byte(raw), victim.Address(), "ann@"+c.them, c.at.Add(time.Hour))
	return v.Disposition == policy.Relay, err
}

func cites(id string) string {
	if id == "" {
		return ""
	}
	return fmt.Sprintf("In-Reply-To: <%s>\r\nReferences: <%[1]s>\r\n", id)
}

func (b *bench) attack(ctx context.Context, vendor, fake string) (a attacked, err error) {
	box, err := openMailbox(nil)
	if err != nil {
		return a, err
	}
	defer box.close()
	genuine := &correspondence{box: box, them: vendor, who: "Ann Vendor", at: time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)}
	for range 20 {
		if _, err := genuine.exchange(ctx); err != nil {
			return a, err
		}
		genuine.at = genuine.at.Add(3 * 24 * time.Hour)
	}
	attack := &correspondence{box: box, them: fake, who: "Schedule office", at: genuine.at}
	for range warmMails {
		answered, err := attack.exchange(ctx)
		if err != nil {
			return a, err
		}
		if answered {
			a.answers++
		}
		attack.at = attack.at.Add(warmDays * 24 * time.Hour / warmMails)
	}
	a.taken = attack.taken
	author := mail.Address{Local: "ann", Domain: mail.Domain(fake)}
	known, err := box.store.Recall(ctx, policy.Question{At: attack.at, Author: author, Recipients: []mail.Address{{Local: victim.Local, Domain: mail.Domain(victim.Domain)}}})
	if err != nil {
		return a, err
	}
	a.state = known.Author.State
	stolen := hijack.Mail{From: hijack.Person{Name: "Ann Vendor", Local: "ann", Domain: vendor}, Subject: "Re: schedule", At: genuine.at, ID: genuine.last, Text: []string{"The usual schedule."}}
	h, _ := hijack.Steal(stolen, nil, victim, hijack.Variant{StolenID: true, Quote: true, Payment: true}, attack.at.Add(time.Hour),
		func(string, *rand.Rand) string { return fake }, generate.Seeded(seed, fake))
	_, v, err := box.judge(ctx, h.Raw, h.From.Address(), victim.Address(), h.At)
	a.theft, a.sentence = v.Disposition.String(), v.Sentence
	return a, err
}
