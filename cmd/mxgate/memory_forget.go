package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"mxgate/gateway/memory"
	"mxgate/policy"
	"mxgate/policy/mail"
)

func (r *remembering) forget(ctx context.Context, rest []string) int {
	switch {
	case r.all && len(rest) > 0, !r.all && len(rest) == 0:
		return misused(r.flags, "expected DOMAIN or MAILBOX, or -all")
	case r.all && !r.yes:
		return misused(r.flags, "-all forgets all domains, conversations and contacts; look-alikes are then told by the configuration alone until it has learned anew: -yes does it")
	case r.all:
		return r.forgetOne(ctx, memory.Forgotten{All: true}, "everything but the decisions")
	}
	var wanted []memory.Forgotten
	typed := map[mail.Domain]string{}
	for _, text := range rest {
		f, err := r.readForgotten(text)
		if err != nil {
			return misused(r.flags, err.Error())
		}
		wanted, typed[f.Domain] = append(wanted, f), text
	}
	k, err := knownTo(ctx, r.memory)
	if err != nil {
		return fail(r.errOut, err)
	}
	code := exitFine
	for _, f := range wanted {
		if f.Domain == "" {
			code = max(code, r.forgetOne(ctx, f, "with whom "+policy.Plain(f.Recipient, 320)+" corresponds"))
			continue
		}
		if _, ok := k.domains[f.Domain]; ok {
			what := "all that was known of " + spelt(f.Domain)
			if text := part(typed[f.Domain], f.Domain); text != "" {
				what += " (" + text + ")"
			}
			code = max(code, r.forgetOne(ctx, f, what))
			continue
		}
		err := r.memory.Forget(ctx, f) // the gateway may just be learning of it
		code = max(code, fail(r.errOut, cmp.Or(err, fmt.Errorf("%s: nothing was known of it; `%s` has all domains that are known", spelt(f.Domain), r.command("memory export", "")))))
	}
	return code
}

// readForgotten reads a domain, or a mailbox of one of ours.
func (r *remembering) readForgotten(text string) (f memory.Forgotten, err error) {
	if strings.Contains(text, "@") {
		a, err := mail.ParseMailbox(text)
		if err != nil || !isOurs(r.cfg, a.Domain) {
			return f, fmt.Errorf("%.100q: expected a mailbox of a domain of yours; of others the domain is remembered, not the mailbox", text)
		}
		return memory.Forgotten{Recipient: a.String()}, nil
	}
	f.Domain, err = readDomain(text)
	if err == nil && holdsOurs(r.cfg, f.Domain) {
		err = fmt.Errorf("%.100q: it is yours, in the configuration: expected the domain of somebody else, or a mailbox", text)
	}
	return f, err
}

func (r *remembering) forgetOne(ctx context.Context, f memory.Forgotten, what string) int {
	if err := r.memory.Forget(ctx, f); err != nil {
		return fail(r.errOut, err)
	}
	s, err := r.memory.Stats(ctx)
	if err != nil {
		return fail(r.errOut, err)
	}
	fmt.Fprintf(r.out, "forgotten: %s\n%s", what, r.underWay(s.Waiting > 0))
	return exitFine
}

// underWay says, as a line, that the gateway has still to do it.
func (r *remembering) underWay(waiting bool) string {
	if !waiting {
		return ""
	}
	return "handed to the gateway, done within a minute: see `" + r.command("memory stats", "") + "`\n"
}

func (r *remembering) export(ctx context.Context, rest []string) int {
	if len(rest) > 0 {
		return misused(r.flags, fmt.Sprintf("unexpected argument %q", rest[0]))
	}
	if r.file == "" {
		if err := r.memory.Export(ctx, visible{r.out}); err != nil {
			return fail(r.errOut, err)
		}
		return exitFine
	}
	file, err := os.OpenFile(r.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		err = fmt.Errorf("%w: expected a FILE that is not there yet", err)
	}
	if err != nil {
		return fail(r.errOut, fmt.Errorf("-o: %w", err))
	}
	err = r.memory.Export(ctx, visible{file})
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fail(r.errOut, errors.Join(err, os.Remove(r.file)))
	}
	return exitFine
}
