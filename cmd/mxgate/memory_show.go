package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"mxgate/cmd/mxgate/internal/memory/pair"
	"mxgate/gateway/memory"
	"mxgate/policy"
	"mxgate/policy/mail"
)

func (r *remembering) jsonFlag() {
	r.flags.BoolVar(&r.json, "json", false, "as one JSON object")
}

func (r *remembering) forgetFlags() {
	r.flags.BoolVar(&r.all, "all", false, "everything that was learned or imported; decisions stay")
	r.flags.BoolVar(&r.yes, "yes", false, "do it: what is forgotten cannot be brought back")
}

func (r *remembering) exportFlags() {
	r.flags.StringVar(&r.file, "o", "", "write to a new `FILE`, for its owner's eyes alone (default: standard output)")
}

// memoryStats is what `mxgate memory stats -json` prints. Its names are a contract:
// added, never renamed.
type memoryStats struct {
	Domains    map[string]int `json:"domains"` // by state: named, shadow, seen, established, two-way
	Decisions  int            `json:"decisions"`
	Since      time.Time      `json:"since,omitzero"`
	DiskOctets int64          `json:"disk_octets"`
	Waiting    int            `json:"waiting"` // what tools have handed over and the gateway has not taken yet
}

// states are in the order in which they are shown, and their words in JSON.
var states = []struct {
	state policy.State
	word  string
}{{policy.TwoWay, "two-way"}, {policy.Established, "established"}, {policy.Seen, "seen"}, {policy.Shadow, "shadow"}, {policy.Unseen, "named"}}

func (r *remembering) stats(ctx context.Context, rest []string) int {
	if len(rest) > 0 {
		return misused(r.flags, fmt.Sprintf("unexpected argument %q", rest[0]))
	}
	s, err := r.memory.Stats(ctx)
	if err != nil {
		return fail(r.errOut, err)
	}
	if r.json {
		line := memoryStats{Domains: map[string]int{}, Decisions: s.Decisions, Since: s.Since, DiskOctets: s.DiskOctets, Waiting: s.Waiting}
		for _, k := range states {
			line.Domains[k.word] = s.Domains[string(k.state)]
		}
		if err := json.NewEncoder(r.out).Encode(line); err != nil {
			return fail(r.errOut, err)
		}
		return exitFine
	}
	if err := r.statsTable(s); err != nil {
		return fail(r.errOut, err)
	}
	return exitFine
}

func (r *remembering) statsTable(s memory.Stats) error {
	since := "mail since " + s.Since.Format(time.DateOnly)
	switch {
	case s.Since.IsZero() && len(s.Domains) == 0:
		since = "nothing yet: it learns from the mail that is relayed, and from `mxgate memory import`"
	case s.Since.IsZero():
		since = "what was imported, and no mail yet"
	}
	fmt.Fprintf(r.out, "remembers %s\n\n", since)
	t := table{}
	t.add("", "DOMAINS", "STATE", "THAT IS")
	for _, k := range states {
		t.add("", fmt.Sprintf("%7d", s.Domains[string(k.state)]), k.word, stateWords[k.state])
	}
	if err := t.print(r.out); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "\n%s; %.1f MB on disk\n", counted(int64(s.Decisions), "decision"), float64(s.DiskOctets)/1e6)
	if s.Waiting > 0 {
		fmt.Fprintf(r.out, "%s not taken over yet by the gateway\n", counted(int64(s.Waiting), "request"))
	}
	_, err := fmt.Fprintln(r.out, "message ids, conversations and contacts: the gateway counts them as mxgate_memory_entries of its metrics")
	return err
}

func (r *remembering) show(ctx context.Context, rest []string) int {
	if len(rest) == 0 {
		return misused(r.flags, "expected DOMAIN...")
	}
	var domains []mail.Domain
	for _, text := range rest {
		d, err := readDomain(text)
		if err != nil {
			return misused(r.flags, err.Error())
		}
		domains = append(domains, d)
	}
	k, err := knownTo(ctx, r.memory)
	if err != nil {
		return fail(r.errOut, err)
	}
	for _, d := range domains {
		r.showOne(k, d)
	}
	return exitFine
}

func (r *remembering) showOne(k known, d mail.Domain) {
	fmt.Fprintf(r.out, "%s: %s\n", spelt(d), k.saying(r.cfg, d))
	line := func(label, format string, args ...any) {
		fmt.Fprint(r.out, policy.Labelled(label, fmt.Sprintf(format, args...)))
	}
	if one, ok := k.domains[d]; ok {
		if one.Domain.Messages > 0 || one.Sent > 0 {
			line("mail", "%s of it, %d of yours to it; the last contact was on %s", counted(int64(one.Domain.Messages), "message"), one.Sent, one.Domain.Last.Format(time.DateOnly))
		}
		if one.Imported || one.Note != "" {
			line("imported", "%s", shown(one.Note, 200))
		}
		if one.Domain.ShadowOf != "" {
			line("shadow of", "%s, which is older: it becomes no more, however long it writes", spelt(one.Domain.ShadowOf))
		}
		for _, p := range one.Domain.ProvenFor {
			line("proven", "%s signed its mail: they have one owner", spelt(p))
		}
	}
	for _, x := range k.decisions {
		if x.Sender == d || x.Target == d {
			line("decision", "%s", decisionWords(&x, r.now))
		}
	}
	world := pair.World{Targets: r.cfg.Targets, Known: k.established(), Free: func(mail.Domain, mail.Domain) bool { return false }}
	style := pair.On(r.out, pairIndent)
	for i, a := range world.Near(d) {
		text := style.Text(pair.Side{Domain: a.Domain, Note: k.saying(r.cfg, a.Domain)}, pair.Side{Domain: a.Target, Note: k.saying(r.cfg, a.Target)})
		if i == 0 {
			text = fmt.Sprintf("  %-*s%s", len(pairIndent)-2, "resembles", strings.TrimPrefix(text, pairIndent))
		}
		fmt.Fprint(r.out, text)
	}
}

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
	for _, text := range rest {
		f, err := r.readForgotten(text)
		if err != nil {
			return misused(r.flags, err.Error())
		}
		wanted = append(wanted, f)
	}
	code := exitFine
	for _, f := range wanted {
		what := "with whom " + policy.Plain(f.Recipient, 320) + " corresponds"
		if f.Domain != "" {
			what = "all that was known of " + spelt(f.Domain)
		}
		code = max(code, r.forgetOne(ctx, f, what))
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
	fmt.Fprintf(r.out, "forgotten: %s%s\n", what, underWay(s.Waiting))
	return exitFine
}

// underWay says that the gateway has still to do it.
func underWay(waiting int) string {
	if waiting == 0 {
		return ""
	}
	return " (handed to the gateway, which does it within seconds: `mxgate memory stats` says when nothing waits)"
}

func (r *remembering) export(ctx context.Context, rest []string) int {
	if len(rest) > 0 {
		return misused(r.flags, fmt.Sprintf("unexpected argument %q", rest[0]))
	}
	if r.file == "" {
		if err := r.memory.Export(ctx, r.out); err != nil {
			return fail(r.errOut, err)
		}
		return exitFine
	}
	file, err := os.OpenFile(r.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fail(r.errOut, fmt.Errorf("-o: %w: expected a FILE that is not there yet", err))
	}
	err = r.memory.Export(ctx, file)
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		os.Remove(r.file)
		return fail(r.errOut, err)
	}
	return exitFine
}
