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
)

// vendors are whom the attacker imitates; the names are invented, two of them
// short.
var vendors = []string{"northwind-castings.example", "brellawerke.example", "maridonia.example", "quorvista.example", "velda.example", "okso.example"}

// poisoners are the ways in which he does, of the classes of disguise and of
// generating: a house adds words of the weak sort to its own name.
var poisoners = map[string][]string{
	"letters":     {"homoglyph x1", "digraph (rn/m, cl/d, vv/w)", "idn, one letter", "swap", "vowel", "replacement", "omission", "doubling"},
	"structure":   {"hyphen added", "dots to hyphens", "label split", "tld swap", "edit + tld"},
	"strong word": {"combo, strong, hyphen", "combo, strong, glued", "combo, strong, before", "homoglyph + combo"},
	"weak word":   {"combo, weak, hyphen", "combo, weak, glued", "combo, weak, before", "combo, weak, glued before", "combo, weak, around"},
	otherWord:     {"combo, other word, hyphen", "combo, other word, glued"},
}

// otherWord is shown apart: such a word beside a short name makes a name of its own,
// and is no disguise by design.
const otherWord = "other word"

// The attack: LOOKALIKE, Section 6.
const (
	warmDays  = 60
	warmMails = 200 // each of them answered
)

// variants are the ways to steal the conversation, the plainest first.
var variants = []hijack.Variant{
	{StolenID: true, Quote: true, Payment: true},
	{StolenID: true, Payment: true},
	{Quote: true, Payment: true},
	{Payment: true},
	{StolenID: true, Quote: true},
}

// poison lets an attacker write for 60 days from an aligned look-alike and have
// every mail answered, before he steals a conversation.
func (b *bench) poison(ctx context.Context) ([]report.Section, error) {
	t := report.Table{Title: "After the warm-up", Columns: []string{"class", "look-alikes", "held as strangers", "of these: shadow or unseen", "held", "milder in some form", "cold: told as strangers", "after it"}}
	var all poisoned
	for _, class := range sortedKeys(poisoners) {
		var of poisoned
		for _, way := range poisoners[class] {
			for i, vendor := range vendors[:b.less(len(vendors), 1)] {
				target, _ := generate.Cut(vendor)
				for _, fake := range generate.Named(way).Names(target, b.less(2, 1), seed+uint64(i)) {
					b.say("poison: %s for %s", fake, vendor)
					a, err := b.attack(ctx, vendor, fake)
					if err != nil {
						return nil, err
					}
					of.count(b, way, vendor, a)
				}
			}
		}
		t.Add(class, of.stranger.N, of.stranger, of.out, of.held, of.milder, of.coldFirst, of.coldLast)
		if class != otherWord {
			all.add(&of)
		}
	}
	honest, err := b.attack(ctx, vendors[0], "plain-stranger.example")
	if err != nil {
		return nil, err
	}
	houses, sibling, err := b.houses(ctx)
	return []report.Section{{Title: "Poisoning", Notes: []string{
		fmt.Sprintf("A vendor is known for two months and answered. Then an aligned look-alike writes %d mails in %d days, and we answer each. In the end it answers in the", warmMails, warmDays),
		"vendor's conversation and asks for money. Each theft is judged from a stranger of that name, too. One who is not held then resembles the vendor too",
		fmt.Sprintf("little and is not counted. For the others the warm-up is to buy nothing, in any of %d forms: with the id, what was written, both or neither; with money or without.", len(variants)),
		"Cold is a mail of no conversation under no known name, which says that the bank details have changed: one from each name is to be told, before the warm-up and after it.",
		"Shown, and not held against the bars: words that neither fraud nor firms are known to add, as beside a short name they make another name.",
		fmt.Sprintf("An honest newcomer does the same, to show that the schedule makes friends of others: his theft, which resembles nobody, ends as %s.", honest.thefts[0]),
	}, Tables: []report.Table{t, houses}, Bars: []report.Bar{
		{What: "warmed-up look-alikes that stay in shadow, or unseen", Want: "all", Got: fmt.Sprintf("%d of %d", all.out.K, all.out.N), Met: all.out.K == all.out.N},
		{What: "their thefts held", Want: "all", Got: fmt.Sprintf("%d of %d", all.held.K, all.held.N), Met: all.held.K == all.held.N},
		{What: "look-alikes for whom the warm-up bought something", Want: "0", Got: fmt.Sprint(all.milder.K), Met: all.milder.K == 0},
		{What: "their cold mail on a change of payment that is told", Want: "all", Got: fmt.Sprintf("%d and %d of %d", all.coldFirst.K, all.coldLast.K, all.coldLast.N), Met: all.coldFirst.K+all.coldLast.K == 2*all.coldLast.N},
		{What: "an honest newcomer's state", Want: string(policy.TwoWay), Got: string(honest.state), Met: honest.state == policy.TwoWay},
		{What: "ordinary mail of an honest house that is told", Want: "0", Got: fmt.Sprintf("%d of %d", sibling.K, sibling.N), Met: sibling.K == 0},
	}}}, err
}

// poisoned counts what came of attacks: all, and of those that are held of a
// stranger the rest.
type poisoned struct{ stranger, out, held, milder, coldFirst, coldLast report.Share }

func (p *poisoned) count(b *bench, way, vendor string, a attacked) {
	p.stranger.Count(a.strangers[0] == policy.Quarantine)
	if a.strangers[0] != policy.Quarantine {
		return
	}
	out := a.state == policy.Shadow || a.state == policy.Unseen // unseen: held from the first mail
	held, milder := a.thefts[0] == policy.Quarantine, false
	for i := range variants {
		milder = milder || a.strangers[i] == policy.Quarantine && a.thefts[i] != policy.Quarantine || a.strangers[i] != policy.Relay && a.thefts[i] == policy.Relay
	}
	p.out.Count(out)
	p.held.Count(held)
	p.milder.Count(milder)
	first, last := a.cold[0] != policy.Relay, a.cold[1] != policy.Relay
	p.coldFirst.Count(first)
	p.coldLast.Count(last)
	if !out || !held || milder || !first || !last {
		b.miss("poison", "%s for %s (%s): %q, %d of %d taken, thefts %v, of a stranger %v, cold %v: %s", a.fake, vendor, way, a.state, a.taken, warmMails, a.thefts, a.strangers, a.cold, a.sentence)
	}
}

func (p *poisoned) add(q *poisoned) {
	for _, pair := range [][2]*report.Share{{&p.out, &q.out}, {&p.held, &q.held}, {&p.stranger, &q.stranger}, {&p.milder, &q.milder}, {&p.coldFirst, &q.coldFirst}, {&p.coldLast, &q.coldLast}} {
		pair[0].K, pair[0].N = pair[0].K+pair[1].K, pair[0].N+pair[1].N
	}
}

// attacked is what came of one attack.
type attacked struct {
	fake              string
	taken, answers    int
	state             policy.State
	thefts, strangers []policy.Disposition  // by variant; of the one who has warmed up, and before he did
	cold              [2]policy.Disposition // of a cold mail, before and after
	sentence          string
}

func (b *bench) attack(ctx context.Context, vendor, fake string) (a attacked, err error) {
	box, err := openMailbox(nil)
	if err != nil {
		return a, err
	}
	defer box.close()
	genuine, err := box.known(ctx, vendor)
	if err != nil {
		return a, err
	}
	end := genuine.at.Add(warmDays * 24 * time.Hour)
	if a.strangers, _, err = genuine.stolen(ctx, fake, end.Add(time.Hour)); err != nil {
		return a, err
	}
	if a.cold[0], err = box.cold(ctx, fake, end); err != nil {
		return a, err
	}
	attack := &correspondence{box: box, them: fake, who: "Schedule office", at: genuine.at}
	if a.answers, err = attack.goOn(ctx, warmMails, warmDays*24*time.Hour/warmMails); err != nil {
		return a, err
	}
	a.fake, a.taken = fake, attack.taken
	if a.state, err = attack.state(ctx, end); err != nil {
		return a, err
	}
	if a.cold[1], err = box.cold(ctx, fake, end); err != nil {
		return a, err
	}
	a.thefts, a.sentence, err = genuine.stolen(ctx, fake, end.Add(time.Hour))
	return a, err
}

// known is a vendor who has written for two months, and was answered.
func (m *mailbox) known(ctx context.Context, vendor string) (*correspondence, error) {
	c := &correspondence{box: m, them: vendor, who: "Ann Vendor", at: time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)}
	_, err := c.goOn(ctx, 20, 3*24*time.Hour)
	return c, err
}

// cold judges a mail that belongs to no conversation and asks for money.
func (m *mailbox) cold(ctx context.Context, fake string, at time.Time) (policy.Disposition, error) {
	raw := fmt.Sprintf("From: Accounts <accounts@%s>\r\nTo: %s\r\nSubject: Our invoices\r\nMessage-ID: <cold@%[1]s>\r\n\r\nOur bank details have changed. Please pay all open invoices to the new account.\r\n", fake, victim.Address())
	_, v, err := m.judge(ctx, []byte(raw), "accounts@"+fake, victim.Address(), at)
	return v.Disposition, err
}

// stolen judges the thefts of the conversation from another name.
func (c *correspondence) stolen(ctx context.Context, fake string, at time.Time) (all []policy.Disposition, sentence string, err error) {
	last := hijack.Mail{From: hijack.Person{Name: c.who, Local: "ann", Domain: c.them}, Subject: "Re: schedule", At: c.at, ID: c.last, Text: []string{"The usual schedule."}}
	for i, variant := range variants {
		h, _ := hijack.Steal(last, nil, victim, variant, at, func(string, *rand.Rand) string { return fake }, generate.Seeded(seed, fake))
		_, v, err := c.box.judge(ctx, h.Raw, h.From.Address(), victim.Address(), h.At)
		if err != nil {
			return nil, "", err
		}
		if i == 0 {
			sentence = v.Sentence
		}
		all = append(all, v.Disposition)
	}
	return all, sentence, nil
}
