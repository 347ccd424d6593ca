package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"mxgate/gateway"
	"mxgate/gateway/store"
	"mxgate/policy"
)

const quarantineUsage = `usage: mxgate quarantine COMMAND -config FILE [flags] [ID...]

  list     [-reason R] [-all] [-limit N] [-json]   what is held
  show     [-raw] ID          one message: why it is held; -raw prints the message itself
  release  [-by NAME] ID...   send to the next hop: original octets and envelope, marked, not judged again
  delete   [-by NAME] ID...   remove the message; the record of it stays
`

// quarantining is what the quarantine commands share.
type quarantining struct {
	cfg         *gateway.Config
	store       *store.Store
	out, errOut io.Writer
	by          string
	reason      string
	all         bool
	raw         bool
	json        bool
	limit       int
}

func runQuarantine(ctx context.Context, args []string, out, errOut io.Writer) int {
	verbs := map[string]func(*quarantining, context.Context, []string) int{
		"list": (*quarantining).list, "show": (*quarantining).show,
		"release": (*quarantining).release, "delete": (*quarantining).remove,
	}
	if len(args) == 0 || verbs[args[0]] == nil {
		fmt.Fprint(errOut, quarantineUsage)
		return exitUsage
	}
	q := quarantining{out: out, errOut: errOut}
	f := flags("quarantine "+args[0], errOut)
	config := f.String("config", "", "configuration `FILE`")
	f.StringVar(&q.by, "by", whoami(), "`NAME` of who decides, for the record")
	f.StringVar(&q.reason, "reason", "", "list only messages held for `REASON`")
	f.BoolVar(&q.all, "all", false, "list released and deleted messages too")
	f.IntVar(&q.limit, "limit", 100, "list at most `N` messages")
	f.BoolVar(&q.json, "json", false, "list as JSON, one object on a line")
	f.BoolVar(&q.raw, "raw", false, "show the message as received")
	ids, code, ok := parse(f, args[1:])
	if !ok {
		return code
	}
	if q.cfg, code = load(*config, errOut); q.cfg == nil {
		return code
	}
	var err error
	if q.store, err = gateway.OpenStore(q.cfg); err != nil {
		return fail(errOut, err)
	}
	code = verbs[args[0]](&q, ctx, ids)
	if err := q.store.Close(); err != nil {
		return fail(errOut, err)
	}
	return code
}

func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func (q *quarantining) list(ctx context.Context, _ []string) int {
	filter := store.Filter{State: store.StateHeld, Reason: q.reason, Limit: q.limit}
	if q.all {
		filter.State = ""
	}
	rows, err := q.store.List(ctx, filter)
	if err != nil {
		return fail(q.errOut, err)
	}
	if q.json {
		encoder := json.NewEncoder(q.out)
		for _, h := range rows {
			if err := encoder.Encode(heldJSON(h)); err != nil {
				return fail(q.errOut, err)
			}
		}
		return exitFine
	}
	if len(rows) == 0 {
		fmt.Fprintln(q.out, "nothing is held")
		return exitFine
	}
	w := tabwriter.NewWriter(q.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tRECEIVED\tSTATE\tREASON\tAUTHOR\tTO\tSUBJECT")
	for _, h := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.ID, h.ReceivedAt.Local().Format("2006-01-02 15:04"), h.State, h.Reason,
			policy.Plain(h.Author, 40), policy.Plain(recipients(h), 40), policy.Plain(h.Subject, 50))
	}
	if err := w.Flush(); err != nil {
		return fail(q.errOut, err)
	}
	return exitFine
}

// heldJSON is one line of `quarantine list -json`.
func heldJSON(h store.Held) map[string]any {
	return map[string]any{
		"id": h.ID, "received_at": h.ReceivedAt, "state": h.State, "reason": h.Reason, "sentence": h.Sentence,
		"author": h.Author, "reverse_path": h.Envelope.ReversePath.String(), "forward_paths": paths(h), "subject": h.Subject,
		"message_id": h.MessageID, "size_octets": h.Size, "source": h.Source, "client_ip": h.Client.String(), "next_hop": h.NextHop,
		"changed_at": h.ChangedAt, "changed_by": h.ChangedBy,
	}
}

func paths(h store.Held) []string {
	all := make([]string, len(h.Envelope.ForwardPaths))
	for i, p := range h.Envelope.ForwardPaths {
		all[i] = p.String()
	}
	return all
}

func recipients(h store.Held) string { return strings.Join(paths(h), ", ") }

func (q *quarantining) show(ctx context.Context, ids []string) int {
	if len(ids) != 1 {
		fmt.Fprint(q.errOut, quarantineUsage)
		return exitUsage
	}
	h, err := q.store.Get(ctx, ids[0])
	if err != nil {
		return q.failID(ids[0], err)
	}
	if q.raw {
		return q.showRaw(h)
	}
	fmt.Fprintf(q.out, "%s %s, %d octets, received %s from %s (%s)\n", h.ID, h.State, h.Size, h.ReceivedAt.Local().Format(time.RFC1123Z), h.Client, h.Source)
	fmt.Fprintf(q.out, "  envelope    <%s> to %s\n", h.Envelope.ReversePath, policy.Plain(recipients(h), 400))
	fmt.Fprintf(q.out, "  subject     %s\n  message-id  %s\n", policy.Plain(h.Subject, 200), policy.Plain(h.MessageID, 200))
	var e policy.Evidence
	if err := json.Unmarshal(h.Evidence, &e); err != nil {
		return fail(q.errOut, fmt.Errorf("evidence of %s: %w", h.ID, err))
	}
	if err := policy.Explain(q.out, &e, policy.Decide(q.cfg.Rules(), e)); err != nil {
		return fail(q.errOut, err)
	}
	return exitFine
}

func (q *quarantining) showRaw(h store.Held) int {
	content, err := q.store.Content(h.ID)
	if err != nil {
		return q.failID(h.ID, err)
	}
	defer content.Close()
	if isTerminal(q.out) {
		fmt.Fprintln(q.errOut, "mxgate: the message may hold terminal commands; pipe it to a pager")
		return exitCouldNot
	}
	if _, err := io.Copy(q.out, content); err != nil {
		return fail(q.errOut, err)
	}
	return exitFine
}

func (q *quarantining) release(ctx context.Context, ids []string) int {
	return q.each(ids, "released to its next hop", func(id string) error {
		return gateway.Release(ctx, q.cfg, q.store, id, q.by)
	})
}

func (q *quarantining) remove(ctx context.Context, ids []string) int {
	return q.each(ids, "deleted", func(id string) error { return q.store.Delete(ctx, id, q.by) })
}

// each does one thing to all ids and goes on after a failure.
func (q *quarantining) each(ids []string, done string, do func(string) error) int {
	if len(ids) == 0 {
		fmt.Fprint(q.errOut, quarantineUsage)
		return exitUsage
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
		err = fmt.Errorf("%s: no such message: expected an ID that `mxgate quarantine list` shows", id)
	case errors.Is(err, os.ErrNotExist):
		err = fmt.Errorf("%s: its content is gone: %w", id, err)
	default:
		err = fmt.Errorf("%s: %w", id, err)
	}
	return fail(q.errOut, err)
}
