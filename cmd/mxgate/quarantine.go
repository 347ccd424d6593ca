package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"slices"
	"strings"
	"syscall"

	"mxgate/gateway"
	"mxgate/gateway/config"
	"mxgate/gateway/store"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// quarantining is what the quarantine commands share.
type quarantining struct {
	cfg         *config.Config
	store       *store.Store
	flags       *flag.FlagSet
	out, errOut io.Writer
	by          string
	reason      string
	who         store.Filter // From and To
	all         bool
	raw         bool
	json        bool
	limit       atMost
}

func quarantineGroup() group[quarantining] {
	return group[quarantining]{"quarantine", "look at held messages and decide on them", "COMMAND -config FILE [flags] [ID...]", []verb[quarantining]{
		{command{"list", "-config FILE [-reason R] [-from WHO] [-to WHO] [-all] [-limit N] [-json]", "what is held", nil}, (*quarantining).listFlags, (*quarantining).list},
		{command{"show", "-config FILE [-all|-raw] ID", "one message: why it is held, and what can be done; -all shows all evidence, -raw the message itself", nil}, (*quarantining).showFlags, (*quarantining).show},
		{command{"release", "-config FILE [-by NAME] ID...", "send to the next hop: original octets and envelope, marked, not judged again", nil}, (*quarantining).byFlags, (*quarantining).release},
		{command{"delete", "-config FILE [-by NAME] ID...", "remove the message; the record of it stays", nil}, (*quarantining).byFlags, (*quarantining).remove},
	}}
}

func (q *quarantining) listFlags() {
	q.limit = 100
	q.flags.Var(oneOf{&q.reason, journalReasons()}, "reason", "only messages held for `REASON`, such as lookalike")
	q.flags.Var(whose{&q.who.From, true}, "from", fromHelp)
	q.flags.Var(whose{&q.who.To, false}, "to", "only messages to `WHO`, an address or a domain, among the recipients of the envelope")
	q.flags.BoolVar(&q.all, "all", false, "released and deleted messages too")
	q.flags.Var(&q.limit, "limit", "show at most the newest `N`")
	q.flags.BoolVar(&q.json, "json", false, "one JSON object on a line for each message")
}

func (q *quarantining) showFlags() {
	q.flags.BoolVar(&q.raw, "raw", false, "print the message as received")
	q.flags.BoolVar(&q.all, "all", false, "all evidence, the points and the whole history as well")
}

func (q *quarantining) byFlags() {
	byFlag(q.flags, &q.by)
}

func runQuarantine(ctx context.Context, args []string, out, errOut io.Writer) int {
	return quarantineGroup().run(args, out, errOut, func(v verb[quarantining], args []string) int {
		q := quarantining{out: out, errOut: errOut, flags: flags("quarantine "+v.name, errOut)}
		v.declare(&q)
		return q.run(ctx, args, v.do)
	})
}

func (q *quarantining) run(ctx context.Context, args []string, do func(*quarantining, context.Context, []string) int) int {
	if !signal.Ignored(syscall.SIGHUP) { // a line that is cut must not cut a release
		var stop func()
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	}
	config := q.flags.String("config", "", "configuration `FILE`")
	ids, code, ok := parse(q.flags, args)
	if !ok {
		return code
	}
	for i, id := range ids {
		ids[i] = bareID(id)
	}
	if q.cfg, code = load(*config, q.errOut); q.cfg == nil {
		return code
	}
	var err error
	if q.store, err = gateway.OpenStore(q.cfg); err != nil {
		return fail(q.errOut, err)
	}
	code = do(q, ctx, ids)
	if err := q.store.Close(); err != nil {
		return fail(q.errOut, err)
	}
	return code
}

func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func (q *quarantining) list(ctx context.Context, ids []string) int {
	if len(ids) > 0 {
		return misused(q.flags, fmt.Sprintf("unexpected argument %q", ids[0]))
	}
	filter := store.Filter{State: store.StateHeld, Reason: q.reason, From: q.who.From, To: q.who.To, Limit: int(q.limit) + 1}
	if q.all {
		filter.State = ""
	}
	rows, err := q.store.List(ctx, filter)
	if err != nil {
		return fail(q.errOut, err)
	}
	more := len(rows) > int(q.limit)
	rows = rows[:min(len(rows), int(q.limit))]
	if q.json {
		err = q.listJSON(rows)
	} else {
		err = q.listTable(rows)
	}
	if err != nil {
		return fail(q.errOut, err)
	}
	if more {
		fmt.Fprintf(q.errOut, "mxgate quarantine list: there is more; these are the newest %d: -limit N shows others\n", q.limit)
	}
	return exitFine
}

func (q *quarantining) listJSON(rows []store.Held) error {
	encoder := json.NewEncoder(visible{q.out})
	for _, h := range rows {
		if err := encoder.Encode(heldJSON(h)); err != nil {
			return err
		}
	}
	return nil
}

func (q *quarantining) listTable(rows []store.Held) error {
	if len(rows) == 0 {
		nothing := "nothing is held"
		if q.reason != "" {
			nothing += " for " + q.reason
		}
		_, err := fmt.Fprintln(q.out, nothing+namedIn(q.who))
		return err
	}
	t := table{}
	t.add("", "ID", "RECEIVED", "STATE", "REASON", "AUTHOR", "TO", "SUBJECT")
	for _, h := range rows {
		t.add("", h.ID, h.ReceivedAt.Local().Format(stamp), string(h.State), h.Reason, shown(h.Author, 40), shown(recipients(h), 40), shown(mail.DecodeWords(h.Subject), 50))
	}
	return t.print(q.out)
}

// heldJSON is one line of `quarantine list -json`.
func heldJSON(h store.Held) map[string]any {
	return map[string]any{
		"id": h.ID, "received_at": h.ReceivedAt, "state": h.State, "reason": h.Reason, "sentence": h.Sentence,
		"author": h.Author, "reverse_path": h.Envelope.ReversePath.String(), "forward_paths": pathsOf(h.Envelope.ForwardPaths), "subject": h.Subject,
		"message_id": h.MessageID, "size_octets": h.Size, "source": h.Source, "client_ip": h.Client.String(), "next_hop": h.NextHop,
		"changed_at": h.ChangedAt, "changed_by": h.ChangedBy,
	}
}

func (q *quarantining) release(ctx context.Context, ids []string) int {
	return q.each(ids, "released to its next hop", func(id string) error {
		r, err := gateway.Release(ctx, q.cfg, q.store, id, q.by)
		for _, refused := range r.Refused { // it is released to the others all the same
			fmt.Fprintf(q.errOut, "%s: not to %s\n", id, policy.Plain(refused.String(), 400))
		}
		if err == nil {
			q.maybeTwice(ctx, id)
			return nil
		}
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUncertain) {
			return err
		}
		// What counts is where the message is now.
		h, errGet := q.store.Get(context.WithoutCancel(ctx), id)
		why, to := strings.TrimPrefix(err.Error(), "store: release "+id+": "), strings.Join(pathsOf(r.Delivered), ", ")
		switch {
		case errGet != nil:
			return errors.Join(err, errGet)
		case h.State == store.StateHeld && errors.Is(err, store.ErrMaybe):
			if to != "" {
				return fmt.Errorf("released to %s; for the others uncertain, still held: %s", to, why)
			}
			return fmt.Errorf("uncertain, still held: %s", why)
		case h.State == store.StateHeld && to != "":
			return fmt.Errorf("released to %s, still held for the others: %s", to, why)
		case h.State == store.StateHeld:
			return fmt.Errorf("not released, still held: %s", why)
		}
		return already(h, err)
	})
}

// maybeTwice says so where a release that came to no end may have delivered already.
func (q *quarantining) maybeTwice(ctx context.Context, id string) {
	history, err := q.store.History(context.WithoutCancel(ctx), id)
	if err != nil { // it is released all the same
		fmt.Fprintf(q.errOut, "%s: its history cannot be read: %v\n", id, err)
	}
	for _, c := range slices.Backward(history) {
		if c.MaybeDelivered() {
			fmt.Fprintf(q.errOut, "%s: it may have arrived twice: the release before, until %s, came to no end, and the next hop may have had it from that\n", id, c.At.Local().Format(stamp))
			break
		}
	}
}

func (q *quarantining) remove(ctx context.Context, ids []string) int {
	return q.each(ids, "deleted", func(id string) error {
		err := q.store.Delete(ctx, id, q.by)
		if h, errGet := q.store.Get(context.WithoutCancel(ctx), id); errGet == nil {
			return already(h, err)
		}
		return err
	})
}

// already puts a change that the state of the message does not allow into words.
func already(h store.Held, err error) error {
	if !errors.Is(err, store.ErrState) {
		return err
	}
	if h.State == store.StateReleasing {
		return errors.New(standing(h) + ": nothing was done; see what became of it, and try again")
	}
	return errors.New("already " + standing(h))
}

// each does one thing to all ids and goes on after a failure.
func (q *quarantining) each(ids []string, done string, do func(string) error) int {
	if len(ids) == 0 {
		return misused(q.flags, "expected ID...")
	}
	if q.by == "" {
		return misused(q.flags, `-by "": expected the name of who decides`)
	}
	code := exitFine
	for _, id := range ids {
		if err := do(id); err != nil {
			code = q.failID(id, err)
			continue
		}
		fmt.Fprintf(q.out, "%s %s\n", id, done)
	}
	return code
}

func (q *quarantining) failID(id string, err error) int {
	switch {
	case errors.Is(err, store.ErrNotFound):
		err = fmt.Errorf("%.80q: no such message: expected an ID that `mxgate quarantine list` shows", id)
	case errors.Is(err, os.ErrNotExist):
		err = fmt.Errorf("%s: its content is gone: %w", id, err)
	default:
		err = fmt.Errorf("%s: %w", id, err)
	}
	return fail(q.errOut, err)
}

// withStore lets look see the store of a configuration.
func withStore(config string, errOut io.Writer, look func(*store.Store) error) int {
	cfg, code := load(config, errOut)
	if cfg == nil {
		return code
	}
	st, err := gateway.OpenStore(cfg)
	if err != nil {
		return fail(errOut, err)
	}
	if err := errors.Join(look(st), st.Close()); err != nil {
		return fail(errOut, err)
	}
	return exitFine
}
