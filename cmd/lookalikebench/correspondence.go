package main

import (
	"context"
	"fmt"
	"time"

	"mxgate/cmd/lookalikebench/internal/report"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// correspondence is mail between us and one domain.
type correspondence struct {
	box   *mailbox
	them  string
	who   string // display name
	at    time.Time
	last  string // id of the newest message
	n     int
	taken int
	told  int // of these, tagged
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
	if v.Disposition == policy.Tag {
		c.told++
	}
	c.last = fmt.Sprintf("answer-%d-%s@%s", c.n, c.them, victim.Domain)
	raw = fmt.Sprintf("From: %s\r\nTo: %s <ann@%s>\r\nSubject: Re: schedule\r\nMessage-ID: <%s>\r\n%s\r\nThank you.\r\n", victim.Address(), c.who, c.them, c.last, cites(id))
	_, v, err = c.box.take(ctx, []byte(raw), victim.Address(), "ann@"+c.them, c.at.Add(time.Hour))
	return v.Disposition == policy.Relay, err
}

// goOn has them write n times, and counts our answers.
func (c *correspondence) goOn(ctx context.Context, n int, every time.Duration) (answers int, err error) {
	for range n {
		answered, err := c.exchange(ctx)
		if err != nil {
			return answers, err
		}
		if answered {
			answers++
		}
		c.at = c.at.Add(every)
	}
	return answers, nil
}

// state is what they are to us.
func (c *correspondence) state(ctx context.Context, at time.Time) (policy.State, error) {
	known, err := c.box.store.Recall(ctx, policy.Question{At: at, Author: mail.Address{Local: "ann", Domain: mail.Domain(c.them)},
		Recipients: []mail.Address{{Local: victim.Local, Domain: mail.Domain(victim.Domain)}}})
	return known.Author.State, err
}

func cites(id string) string {
	if id == "" {
		return ""
	}
	return fmt.Sprintf("In-Reply-To: <%s>\r\nReferences: <%[1]s>\r\n", id)
}

// houses are names that firms have beside the first vendor's, from which nobody
// means harm.
var houses = []string{"northwind-castings-group.example", "my-northwind-castings.example", "northwindcastings-services.example", "northwind-castings-nordic.example"}

// houses lets honest ones write as long as an attacker does, and counts the mail
// of theirs that is told, which has nothing to do with the vendor's conversations.
func (b *bench) houses(ctx context.Context) (t report.Table, told report.Share, err error) {
	t = report.Table{Title: "Honest houses beside " + vendors[0], Columns: []string{"house", "mails taken", "answers", "told", "an invoice after it"}}
	for _, house := range houses[:b.less(len(houses), 1)] {
		b.say("poison: %s is honest", house)
		c, answers, invoice, err := b.honest(ctx, house)
		if err != nil {
			return t, told, err
		}
		t.Add(house, c.taken, answers, c.told, invoice.Disposition.String())
		if invoice.Disposition != policy.Relay || c.told > 0 {
			b.miss("poison", "%s is told %d times; its invoice: %s: %s", house, c.told, invoice.Disposition, invoice.Sentence)
		}
		told.N, told.K = told.N+c.n, told.K+c.told+c.n-c.taken
		told.Count(invoice.Disposition != policy.Relay)
	}
	return t, told, nil
}

func (b *bench) honest(ctx context.Context, house string) (c *correspondence, answers int, invoice policy.Verdict, err error) {
	box, err := openMailbox(nil)
	if err != nil {
		return c, 0, invoice, err
	}
	defer box.close()
	genuine, err := box.known(ctx, vendors[0])
	if err != nil {
		return c, 0, invoice, err
	}
	c = &correspondence{box: box, them: house, who: "Bea House", at: genuine.at}
	if answers, err = c.goOn(ctx, warmMails, warmDays*24*time.Hour/warmMails); err != nil {
		return c, 0, invoice, err
	}
	raw := fmt.Sprintf("From: Accounts <accounts@%s>\r\nTo: %s\r\nSubject: Invoice 4711\r\nMessage-ID: <4711@%[1]s>\r\n\r\nThe invoice of this month is attached. Our account is DE89 3704 0044 0532 0130 00.\r\n", house, victim.Address())
	_, invoice, err = box.judge(ctx, []byte(raw), "accounts@"+house, victim.Address(), c.at)
	return c, answers, invoice, err
}
