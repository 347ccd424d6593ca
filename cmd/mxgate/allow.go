package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"mxgate/gateway/config"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// allowing is what the commands share that say a word on a pair of domains. There
// is one such word on a pair: block is the mirror of allow.
type allowing struct {
	*beside

	block     bool
	by        string
	reason    string
	recipient string
	expires   expiry
	json      bool
}

const pairArgs = "-config FILE SENDER for TARGET -reason WHY [-expires DATE|DAYS] [-recipient MAILBOX|DOMAIN] [-by NAME]"

func allowGroup() group[allowing] {
	return group[allowing]{"allow", "say of a domain that it may resemble another one", "COMMAND -config FILE [flags] [arguments]", []verb[allowing]{
		{command{"lookalike", pairArgs, "mail of SENDER is no longer held because it looks like TARGET; nothing else is allowed", nil}, (*allowing).wordFlags, (*allowing).lookalike},
		{command{"list", "-config FILE [-json]", "what was allowed and blocked, by whom, why, and until when", nil}, (*allowing).listFlags, (*allowing).list},
		{command{"revoke", "-config FILE SENDER for TARGET [-reason WHY] [-recipient MAILBOX|DOMAIN] [-by NAME]", "take back what was said of a pair, be it to allow or to block", nil}, (*allowing).revokeFlags, (*allowing).revoke},
	}}
}

func blockGroup() group[allowing] {
	return group[allowing]{"block", "say of a domain that it imitates another one", "COMMAND -config FILE [flags] [arguments]", []verb[allowing]{
		{command{"lookalike", pairArgs, "mail of SENDER counts as an imitation of TARGET; `mxgate allow` lists and revokes", nil}, (*allowing).wordFlags, (*allowing).lookalike},
	}}
}

func runAllow(ctx context.Context, args []string, out, errOut io.Writer) int {
	return runWord(ctx, allowGroup(), args, out, errOut)
}

func runBlock(ctx context.Context, args []string, out, errOut io.Writer) int {
	return runWord(ctx, blockGroup(), args, out, errOut)
}

func runWord(ctx context.Context, g group[allowing], args []string, out, errOut io.Writer) int {
	return runBeside(ctx, g, args, out, errOut, func(b *beside) *allowing { return &allowing{beside: b, block: g.name == "block"} })
}

func (a *allowing) wordFlags() {
	a.expires = expiry{days: defaultExpiry}
	a.flags.Var(&a.expires, "expires", "last day of it, a `DATE` such as 2027-12-31, or for how many DAYS")
	a.revokeFlags()
}

func (a *allowing) revokeFlags() {
	a.flags.StringVar(&a.reason, "reason", "", "`WHY`, for whoever asks later")
	byFlag(a.flags, &a.by)
	a.flags.StringVar(&a.recipient, "recipient", "", "for mail to this `MAILBOX` or DOMAIN of yours alone (default: to all)")
}

func (a *allowing) listFlags() {
	a.flags.BoolVar(&a.json, "json", false, "one JSON object on a line for each")
}

// Bounds of an expiry in days. LOOKALIKE 6: decisions end.
const (
	defaultExpiry = 400
	maxExpiry     = 3650
)

// expiry is a number of days or the last day.
type expiry struct {
	days int
	last time.Time // zero: days count
}

func (e *expiry) String() string {
	if !e.last.IsZero() {
		return e.last.Format(time.DateOnly)
	}
	return fmt.Sprintf("%dd", e.days)
}

func (e *expiry) Set(text string) error {
	if last, err := time.Parse(time.DateOnly, text); err == nil {
		e.last = last
		return nil
	}
	days, err := strconv.Atoi(strings.TrimSuffix(text, "d"))
	if err != nil || days < 1 || days > maxExpiry {
		return fmt.Errorf("expected a date such as 2027-12-31, or a number of days from 1 to %d", maxExpiry)
	}
	*e = expiry{days: days}
	return nil
}

// end is when it ends: behind the last day, UTC.
func (e *expiry) end(now time.Time) (time.Time, error) {
	if e.last.IsZero() {
		return now.AddDate(0, 0, e.days), nil
	}
	end := e.last.AddDate(0, 0, 1)
	if !end.After(now) || end.After(now.AddDate(0, 0, maxExpiry+1)) {
		return end, fmt.Errorf("-expires %s: expected a day to come, at most %d days from now", e, maxExpiry)
	}
	return end, nil
}

// readPair reads SENDER for TARGET.
func (a *allowing) readPair(rest []string) (sender, target mail.Domain, err error) {
	if len(rest) != 3 || rest[1] != "for" {
		return "", "", errors.New("expected SENDER for TARGET, two domains")
	}
	for i, text := range []string{rest[0], rest[2]} {
		if at := strings.LastIndexByte(text, '@'); at >= 0 {
			return "", "", fmt.Errorf("%.100q: expected a domain, such as %.100s: what is said holds for all its mailboxes", text, text[at+1:])
		}
		d, err := readDomain(text)
		if err != nil {
			return "", "", err
		}
		if i == 0 {
			sender = d
		} else {
			target = d
		}
	}
	return sender, target, nil
}

// checkRecipient reads -recipient.
func (a *allowing) checkRecipient() error {
	if a.recipient == "" {
		return nil
	}
	text, domain := a.recipient, mail.Domain("")
	if strings.Contains(text, "@") {
		if box, err := mail.ParseMailbox(text); err == nil {
			text, domain = box.String(), box.Domain
		}
	} else if d, err := mail.ParseDomain(text); err == nil {
		text, domain = string(d), d
	}
	if domain == "" || !isOurs(a.cfg, domain) {
		return fmt.Errorf("-recipient %.100q: expected a mailbox or a domain of yours", a.recipient)
	}
	a.recipient = strings.ToLower(text)
	return nil
}

// isOurs reports whether d is a domain of ours or below one.
func isOurs(cfg *config.Config, d mail.Domain) bool { return slices.ContainsFunc(cfg.Own, d.Within) }

// holdsOurs reports whether a registrable domain is ours, or one of ours is below it.
func holdsOurs(cfg *config.Config, d mail.Domain) bool {
	return slices.ContainsFunc(cfg.Own, func(own mail.Domain) bool { return own.Within(d) || d.Within(own) })
}

func (a *allowing) lookalike(ctx context.Context, rest []string) int {
	sender, target, err := a.readPair(rest)
	end, late := a.expires.end(a.now)
	switch {
	case err != nil:
		return misused(a.flags, err.Error())
	case sender == target:
		return misused(a.flags, fmt.Sprintf("%s and %s are one domain: mail that claims to be from it and proves nothing is never allowed here", rest[0], rest[2]))
	case holdsOurs(a.cfg, sender):
		return misused(a.flags, fmt.Sprintf("%s is yours: what claims to be from there must prove it, and no word here changes that", sender))
	case a.block && policy.FreeMail(sender):
		return misused(a.flags, fmt.Sprintf("%s is a mail service: all who have a mailbox there would count as an imitation; protect.people is for whoever borrows a name there", sender))
	case strings.TrimSpace(a.reason) == "":
		return misused(a.flags, "expected -reason WHY: whoever finds this later must be able to judge it")
	case a.by == "":
		return misused(a.flags, `-by "": expected the name of who decides`)
	case late != nil:
		return misused(a.flags, late.Error())
	}
	if err := a.checkRecipient(); err != nil {
		return misused(a.flags, err.Error())
	}
	d := policy.Decision{Sender: sender, Target: target, Recipient: a.recipient, Allow: !a.block, Who: a.by, Why: a.reason, At: a.now, Expires: end}
	before, err := a.memory.Decisions(ctx)
	if err == nil {
		err = a.memory.Allow(ctx, d)
	}
	if err != nil {
		return fail(a.errOut, err)
	}
	k, err := knownTo(ctx, a.memory)
	if err != nil {
		return fail(a.errOut, fmt.Errorf("it is done, but what is known of both cannot be shown: %w", err))
	}
	a.told(&d, k, before, rest)
	return exitFine
}
