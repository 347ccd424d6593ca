package main

import (
	"fmt"
	"time"

	"mxgate/cmd/mxgate/internal/memory/pair"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// samePair finds in all the decision that d replaces or takes back, nil if there is
// none, and those on the same pair for other recipients.
func samePair(all []policy.Decision, d *policy.Decision) (same *policy.Decision, others []policy.Decision) {
	for i := range all {
		switch x := &all[i]; {
		case x.Sender != d.Sender || x.Target != d.Target:
		case x.Recipient == d.Recipient:
			same = x
		default:
			others = append(others, *x)
		}
	}
	return same, others
}

// told shows both domains, typed as rest has them, and says what the word does, what
// it does not, and what of before it changes.
func (a *allowing) told(d *policy.Decision, k known, before []policy.Decision, rest []string) {
	fmt.Fprintf(a.out, "%s\n", decisionWords(d, a.now))
	replaced, others := samePair(before, d)
	if replaced != nil {
		fmt.Fprint(a.out, policy.Labelled("replaces", decisionWords(replaced, a.now)))
	}
	for i := range others {
		fmt.Fprint(a.out, policy.Labelled("besides", decisionWords(&others[i], a.now)))
	}
	sender := d.Sender
	if _, alike := lookalike.Compare(sender, d.Target); !alike {
		sender = typedAs(rest[0], sender)
	}
	fmt.Fprintf(a.out, "\n%s\n", pair.On(a.out, "  ").Text(
		pair.Side{Domain: sender, Note: k.saying(a.cfg, d.Sender)}, pair.Side{Domain: d.Target, Note: k.saying(a.cfg, d.Target)}))
	a.notes(d, k, rest)
	whose := "mail"
	if d.Recipient != "" {
		whose = "mail to " + d.Recipient
	}
	does := fmt.Sprintf("From now on %s from %s is not tagged or held because it looks like %s.", whose, d.Sender, d.Target)
	not := fmt.Sprintf("Its likeness to anybody else, and mail that claims to be from %s itself and proves nothing, are judged as before.", d.Target)
	if !d.Allow {
		does = fmt.Sprintf("From now on %s from %s counts as an imitation of %s, whatever it proves; so does %[2]s in Reply-To or Cc.", whose, d.Sender, d.Target)
		not = fmt.Sprintf("Mail from %s itself is judged as before.", d.Target)
	}
	fmt.Fprint(a.out, policy.Labelled("does", does)+policy.Labelled("does not", not))
	recipient := ""
	if d.Recipient != "" {
		recipient = " -recipient " + shellWord(d.Recipient)
	}
	fmt.Fprintf(a.out, "  %-12smxgate allow revoke -config %s %s for %s%s\n", "take back", shellWord(a.cfg.File), d.Sender, d.Target, recipient)
}

// notes says how alike the two are, and what else to check of a word.
func (a *allowing) notes(d *policy.Decision, k known, rest []string) {
	everywhere := ""
	if !d.Allow {
		everywhere = ", and by this word everywhere"
	}
	switch m, alike := lookalike.Compare(d.Sender, d.Target); {
	case alike:
		fmt.Fprint(a.out, policy.Labelled("likeness", fmt.Sprintf("%s (confidence %d)", m.Why, m.Confidence)))
	case lookalike.Twice(d.Sender, d.Target):
		fmt.Fprint(a.out, policy.Labelled("likeness", "two letters differ: that counts within a conversation"+everywhere))
	case lookalike.Reordered(d.Sender, d.Target):
		fmt.Fprint(a.out, policy.Labelled("likeness", "its words are in another order: that counts within a conversation"+everywhere))
	case !d.Allow:
		fmt.Fprint(a.out, policy.Labelled("note", "These two names do not look alike to mxgate. The word counts all the same, by the points of `block`, which hold a message unless the configuration has others: check whether another pair was meant."))
	case typedAs(rest[0], d.Sender) == d.Sender:
		fmt.Fprint(a.out, policy.Labelled("note", fmt.Sprintf("These two names do not look alike to mxgate. It holds mail for such a pair only if a name below %s bears that of %s; if there was none, check whether another pair was meant.", d.Sender, d.Target)))
	}
	if k.longer(a.cfg, d.Sender, d.Target) {
		fmt.Fprint(a.out, policy.Labelled("note", fmt.Sprintf("%s is known here longer than %s. The word is on mail of the first of the two: if you meant the other, take this back, and say", d.Sender, d.Target)))
		fmt.Fprintf(a.out, "%smxgate %s lookalike -config %s %s for %s -reason \"...\"\n", pairIndent, groupName(d), shellWord(a.cfg.File), shellWord(string(d.Target)), shellWord(string(d.Sender)))
	}
	a.wholes(d, rest)
	for _, x := range []mail.Domain{d.Sender, d.Target} {
		if policy.FreeMail(x) {
			fmt.Fprint(a.out, policy.Labelled("of all", string(x)+" is a mail service: this holds for everybody who has a mailbox there."))
		}
	}
}

func groupName(d *policy.Decision) string {
	if d.Allow {
		return "allow"
	}
	return "block"
}

// wholes says of names that lie below the domains of a word that it is on all of
// those. typed is SENDER for TARGET.
func (a *allowing) wholes(d *policy.Decision, typed []string) {
	for i, domain := range []mail.Domain{d.Sender, d.Target} {
		if text := part(typed[2*i], domain); text != "" {
			fmt.Fprint(a.out, policy.Labelled("of all", text+": this is on all of that, whoever writes from there."))
		}
	}
}

// decisionWords is a decision in a sentence.
func decisionWords(d *policy.Decision, now time.Time) string {
	verb := "blocked: %s imitates %s"
	if d.Allow {
		verb = "allowed: %s may resemble %s"
	}
	text := fmt.Sprintf(verb, spelt(d.Sender), spelt(d.Target))
	if d.Recipient != "" {
		text += ", for " + policy.Plain(d.Recipient, 320)
	}
	switch {
	case d.Expires.IsZero():
	case inForce(d, now):
		text += ", until " + d.Expires.UTC().Format(time.DateOnly)
	default:
		text += ", over since " + d.Expires.UTC().Format(time.DateOnly)
	}
	return fmt.Sprintf("%s; by %s on %s: %s", text, policy.Plain(d.Who, 80), d.At.Local().Format(time.DateOnly), policy.Plain(d.Why, 300))
}
