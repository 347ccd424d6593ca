package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"mxgate/cmd/lookalikebench/internal/cases"
	"mxgate/cmd/lookalikebench/internal/report"
	"mxgate/policy"
	"mxgate/policy/mail"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// siblings judges mail between domains of one owner: one is the author's, the
// other stands in Cc and in what is quoted.
func (b *bench) siblings(ctx context.Context) (report.Section, error) {
	rows, err := b.dir.Table("lookalike/same-owner-groups.tsv")
	if err != nil {
		return report.Section{}, err
	}
	groups := cases.Groups(rows)
	listed := make([][]mail.Domain, len(groups))
	for i, g := range groups {
		for _, d := range g {
			listed[i] = append(listed[i], mail.Domain(d))
		}
	}
	t := report.Table{Title: "Messages between siblings", Columns: []string{"", "messages", "tagged", "held"}}
	flagged := 0
	for _, known := range []bool{false, true} {
		b.say("hijack: siblings, listed: %v", known)
		var list [][]mail.Domain
		if known {
			list = listed
		}
		n, tagged, held, err := b.exchange(ctx, groups, list)
		if err != nil {
			return report.Section{}, err
		}
		name := "groups not listed"
		if known {
			name, flagged = "groups listed", tagged+held
		}
		t.Add(name, n, tagged, held)
	}
	return report.Section{Title: "Mail between domains of one owner", Notes: []string{
		"An answer from each domain of a group, with each other in Cc and in the quoted text, and payment details: the worst that honest siblings look like.",
	}, Tables: []report.Table{t}, Bars: []report.Bar{{What: "mail flagged within groups that are listed", Want: "0", Got: fmt.Sprint(flagged), Met: flagged == 0}}}, nil
}

func (b *bench) exchange(ctx context.Context, groups [][]string, listed [][]mail.Domain) (n, tagged, held int, err error) {
	box, err := openMailbox(listed)
	if err != nil {
		return 0, 0, 0, err
	}
	defer box.close()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, group := range groups {
		if b.quick && i%8 > 0 {
			continue
		}
		for _, from := range group {
			for _, other := range group {
				if from == other {
					continue
				}
				raw := fmt.Sprintf("From: Ann <ann@%s>\r\nTo: %s\r\nCc: Ben <ben@%s>\r\nSubject: Re: invoice\r\nMessage-ID: <%d@%[1]s>\r\n\r\n"+
					"Our bank details have changed, please use the new account.\r\n\r\nOn Mon, 1 Dec 2025 at 10:00, Ben <ben@%[3]s> wrote:\r\n> see the invoice\r\n", from, victim.Address(), other, n)
				_, v, err := box.judge(ctx, []byte(raw), "ann@"+from, victim.Address(), at)
				if err != nil {
					return 0, 0, 0, err
				}
				n++
				switch v.Disposition {
				case policy.Relay:
				case policy.Tag:
					tagged++
				default:
					held++
				}
				if listed != nil && v.Disposition != policy.Relay {
					b.miss("siblings", "%s beside %s: %s %s: %s", from, other, v.Disposition, v.Reason, v.Sentence)
				}
			}
		}
	}
	return n, tagged, held, nil
}
