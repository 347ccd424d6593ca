package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mxgate/gateway/memory"
	"mxgate/policy"
)

func (a *allowing) list(ctx context.Context, rest []string) int {
	if len(rest) > 0 {
		return misused(a.flags, fmt.Sprintf("unexpected argument %q", rest[0]))
	}
	all, err := a.memory.Decisions(ctx)
	if err == nil && a.json {
		encoder := json.NewEncoder(visible{a.out})
		for i := range all {
			if err = encoder.Encode(all[i]); err != nil {
				break
			}
		}
	} else if err == nil {
		err = a.listTable(all)
	}
	if err != nil {
		return fail(a.errOut, err)
	}
	return exitFine
}

func (a *allowing) listTable(all []policy.Decision) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(a.out, "nothing was allowed or blocked")
		return err
	}
	t := table{}
	t.add("", "WORD", "SENDER", "FOR", "RECIPIENT", "ENDS", "BY", "ON")
	for i := range all {
		d := &all[i]
		word, ends := "blocked", "never"
		if d.Allow {
			word = "allowed"
		}
		if !d.Expires.IsZero() {
			ends = d.Expires.UTC().Format(time.DateOnly)
		}
		if !inForce(d, a.now) {
			word = "over"
		}
		recipient := "all"
		if d.Recipient != "" {
			recipient = policy.Plain(d.Recipient, 60)
		}
		t.add(policy.Plain(d.Why, 300), word, spelt(d.Sender), spelt(d.Target), recipient, ends, shown(d.Who, 40), d.At.Local().Format(time.DateOnly))
	}
	return t.print(a.out)
}

func (a *allowing) revoke(ctx context.Context, rest []string) int {
	sender, target, err := a.readPair(rest)
	if err == nil {
		err = a.checkRecipient()
	}
	if err != nil {
		return misused(a.flags, err.Error())
	}
	d := policy.Decision{Sender: sender, Target: target, Recipient: a.recipient, Who: a.by, Why: a.reason, At: a.now}
	before, err := a.memory.Decisions(ctx)
	if err == nil {
		err = a.memory.Withdraw(ctx, d)
	}
	if errors.Is(err, memory.ErrNotFound) {
		whom := "all recipients"
		if a.recipient != "" {
			whom = a.recipient
		}
		err = fmt.Errorf("nothing was said of %s for %s and %s: expected a pair, and a recipient, that `mxgate allow list` shows", spelt(sender), spelt(target), whom)
	}
	if err != nil {
		return fail(a.errOut, err)
	}
	taken, others := samePair(before, &d)
	fmt.Fprintf(a.out, "taken back: %s for %s\n", spelt(sender), spelt(target))
	a.wholes(&d, rest)
	a.tookBack(ctx, taken, others)
	return exitFine
}

// tookBack says what no longer holds, what still does, and what mail that came by it
// has left behind. taken is nil if it was said while we looked.
func (a *allowing) tookBack(ctx context.Context, taken *policy.Decision, others []policy.Decision) {
	if taken == nil {
		return
	}
	fmt.Fprint(a.out, policy.Labelled("was", decisionWords(taken, a.now)))
	for i := range others {
		fmt.Fprint(a.out, policy.Labelled("still holds", decisionWords(&others[i], a.now)))
	}
	if len(others) == 0 {
		fmt.Fprint(a.out, policy.Labelled("does", fmt.Sprintf("Mail from %s is judged by the evidence alone again.", taken.Sender)))
	}
	k, err := knownTo(ctx, a.memory)
	if one, ok := k.domains[taken.Sender]; err != nil || !taken.Allow || !ok || one.Domain.Messages == 0 || k.longer(a.cfg, taken.Sender, taken.Target) { // said in the wrong order: it is the genuine one
		return
	}
	fmt.Fprint(a.out, policy.Labelled("does not", fmt.Sprintf("What was learned of %s while it was allowed stays, and counts for it: it wrote here, and had part in conversations. If it was a fraud:", taken.Sender)))
	file, sender := shellWord(a.cfg.File), shellWord(string(taken.Sender))
	fmt.Fprintf(a.out, "%smxgate memory forget -config %s %s\n%[1]smxgate block lookalike -config %[2]s %[3]s for %s -reason \"...\"\n", pairIndent, file, sender, shellWord(string(taken.Target)))
}
