package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"mxgate/cmd/mxgate/internal/count"
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
	Domains       map[string]int `json:"domains"` // by state: named, shadow, seen, established, two-way
	Decisions     int            `json:"decisions"`
	Since         time.Time      `json:"since,omitzero"`
	DiskOctets    int64          `json:"disk_octets"`
	Waiting       int            `json:"waiting"` // what tools have handed over and the gateway has not taken yet
	MessageIDs    int            `json:"message_ids"`
	Conversations int            `json:"conversations"`
	Contacts      int            `json:"contacts"` // pairs of a mailbox of ours and a domain
	Names         int            `json:"names"`    // under which authors write to mailboxes of ours
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
		line := memoryStats{Domains: map[string]int{}, Decisions: s.Decisions, Since: s.Since, DiskOctets: s.DiskOctets, Waiting: s.Waiting,
			MessageIDs: s.IDs, Conversations: s.Threads, Contacts: s.Edges, Names: s.Names}
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
	case s.Since.IsZero() && len(s.Domains) == 0 && s.Waiting > 0 && s.IDs+s.Threads+s.Edges+s.Names > 0:
		since = "nothing soon: what is counted here was forgotten, and is not off the disk yet"
	case s.Since.IsZero() && len(s.Domains) == 0:
		since = "nothing yet: it learns from the mail that is relayed, and from `mxgate memory import`"
	case s.Since.IsZero():
		since = "what was imported, and no mail yet"
	}
	fmt.Fprintf(r.out, "remembers %s\n", since)
	if s.Waiting > 0 {
		fmt.Fprintf(r.out, "%s %s\n", count.Of(s.Waiting, "request"), notTaken)
	}
	fmt.Fprintln(r.out)
	t := table{}
	t.add("", "DOMAINS", "STATE", "THAT IS")
	for _, k := range states {
		what := stateWords[k.state]
		switch k.state {
		case policy.Shadow:
			what = "resembles an older one: a stranger to everybody, however long it writes"
		case policy.Seen:
			what = "wrote to us, or you to them; not yet known well"
		}
		t.add("", fmt.Sprintf("%7d", s.Domains[string(k.state)]), k.word, what)
	}
	if err := t.print(r.out); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "Others may be in the shadow of an older one to some, as in its conversations:\n`%s` tells.\n", r.command("memory show", "DOMAIN"))
	t = table{}
	for _, row := range []struct {
		n    int
		what string
	}{
		{s.Threads, count.Word(s.Threads, "conversation")}, {s.IDs, count.Word(s.IDs, "message id") + " of conversations, kept as a digest"},
		{s.Edges, count.Word(s.Edges, "contact") + ": a mailbox of yours and a domain"},
		{s.Names, count.Word(s.Names, "name") + " of authors who write to a mailbox of yours"}, {s.Decisions, count.Word(s.Decisions, "decision") + " (`" + r.command("allow list", "") + "`)"},
	} {
		t.add("", fmt.Sprintf("%7d", row.n), row.what)
	}
	fmt.Fprintln(r.out)
	if err := t.print(r.out); err != nil {
		return err
	}
	_, err := fmt.Fprintf(r.out, "\n%s on disk\n", count.Size(s.DiskOctets))
	return err
}

// show shows the domains that can be read, and names the others.
func (r *remembering) show(ctx context.Context, rest []string) int {
	if len(rest) == 0 {
		return misused(r.flags, "expected DOMAIN...")
	}
	k, err := knownTo(ctx, r.memory)
	if err != nil {
		return fail(r.errOut, err)
	}
	code := exitFine
	var domains []mail.Domain
	typed := map[mail.Domain]string{}
	for _, text := range rest {
		d, err := readDomain(text)
		if err != nil {
			code = misused(r.flags, err.Error())
			continue
		}
		domains, typed[d] = append(domains, d), text
	}
	shades, err := r.memory.Shades(ctx, domains, r.now)
	if err != nil {
		return fail(r.errOut, err)
	}
	for _, d := range domains {
		r.showOne(k, d, typed[d], &shades)
	}
	if err := r.tellWaiting(ctx); err != nil {
		return fail(r.errOut, err)
	}
	return code
}

// tellWaiting says what is not in what was shown.
func (r *remembering) tellWaiting(ctx context.Context) error {
	s, err := r.memory.Stats(ctx)
	if err != nil || s.Waiting == 0 {
		return err
	}
	_, err = fmt.Fprintf(r.out, "\n%s %s\n", count.Of(s.Waiting, "request"), notTaken)
	return err
}

// notTaken is said of requests that wait for the gateway.
const notTaken = "that the gateway has not taken over yet: what was imported or forgotten by that does not show here"

// showOne shows a domain, which was typed so.
func (r *remembering) showOne(k known, d mail.Domain, typed string, shades *memory.Shadows) {
	fmt.Fprintf(r.out, "%s: %s\n", spelt(d), k.saying(r.cfg, d))
	line := func(label, format string, args ...any) {
		fmt.Fprint(r.out, policy.Labelled(label, fmt.Sprintf(format, args...)))
	}
	if text := part(typed, d); text != "" {
		line("note", "%s, which is remembered as a whole", text)
	}
	if g := owner(r.cfg, d); g.Name != "" {
		line("one owner", "%s, by the configuration: %s", g.Name, strings.Join(g.Domains, ", "))
	}
	if policy.FreeMail(d) {
		line("of all", "everybody may have a mailbox there: who writes is told by his address, and not by the domain")
	}
	if one, ok := k.domains[d]; ok {
		if one.Domain.Messages > 0 || one.Sent > 0 {
			line("mail", "%s", one.mailWords())
		}
		if one.Imported || one.Note != "" {
			line("imported", "%s", shown(one.Note, 200))
		}
		r.showShades(k, one.Domain, shades)
		for _, p := range one.Domain.ProvenFor {
			line("proven", "%s signed its mail: they have one owner", spelt(p))
		}
	}
	for _, x := range k.decisions {
		if x.Sender == d || x.Target == d {
			line("decision", "%s", decisionWords(&x, r.now))
		}
	}
	r.showNear(k, d, shades.First)
}

// showShades shows in whose shadow a domain stands, be it only to some, and who of the
// two was first.
func (r *remembering) showShades(k known, one *policy.KnownDomain, shades *memory.Shadows) {
	d := one.Domain
	say := func(label, text string) { fmt.Fprint(r.out, policy.Labelled(label, text)) }
	if of := one.ShadowOf; of != "" {
		say("shadow of", fmt.Sprintf("%s (%s): it is judged as a stranger, and becomes no more, however long it writes.%s", spelt(of), k.saying(r.cfg, of), whoFirst(d, of, shades.First)))
	}
	label, more := "to some", []mail.Domain{}
	for i, s := range shades.Of[d] {
		if i > 0 && !s.Known || i >= maxShades {
			more = append(more, s.Of)
			continue
		}
		where := "in conversations of that one it is judged as a stranger."
		if s.Known {
			where = "where it writes to those who correspond with that one, or answers in its conversations, it is judged as a stranger."
		}
		say(label, fmt.Sprintf("in the shadow of %s (%s): %s%s If both are of one house:", spelt(s.Of), k.saying(r.cfg, s.Of), where, whoFirst(d, s.Of, shades.First)))
		fmt.Fprintf(r.out, "%smxgate allow lookalike -config %s %s for %s -reason \"...\"\n", pairIndent, shellWord(r.cfg.File), shellWord(string(d)), shellWord(string(s.Of)))
		label = ""
	}
	if len(more) > 0 {
		say(label, "and in conversations of others that it resembles and that came before it: "+named(more))
	}
}

// whoFirst says which of two was here first, as a sentence that follows one: of one day
// with the time, for that is what decides. "" where nothing of the older one tells.
func whoFirst(d, older mail.Domain, first map[mail.Domain]time.Time) string {
	a, b := first[older], first[d]
	switch {
	case a.IsZero() || b.IsZero():
		return ""
	case sameDay(a, b):
		return fmt.Sprintf(" Of the two %s was first, on %s at %s; %s came at %s.", spelt(older), a.Format(time.DateOnly), a.Format(onTheDay), spelt(d), b.Format(onTheDay))
	}
	return fmt.Sprintf(" Of the two %s was first, on %s; %s came on %s.", spelt(older), a.Format(time.DateOnly), spelt(d), b.Format(time.DateOnly))
}

// onTheDay is how the first contacts of one day are told apart.
const onTheDay = "15:04:05 UTC"

func sameDay(a, b time.Time) bool { return a.Format(time.DateOnly) == b.Format(time.DateOnly) }

// mailWords says how much was written.
func (r remembered) mailWords() string {
	text := count.Of(r.Domain.Messages, "message") + " of it"
	switch {
	case r.Sent > 0:
		text += fmt.Sprintf(", %d of yours to it", r.Sent)
	case r.Domain.State == policy.TwoWay:
		text += ", some in answer to yours, which mxgate did not see"
	default:
		text += ", none of yours to it that mxgate has seen"
	}
	return text + "; the last contact was on " + r.Domain.Last.Format(time.DateOnly)
}

// Bounds of whom a domain is shown to resemble, and in whose shadow it is to some.
const (
	maxNear   = 10
	maxShades = 5
)

// showNear shows whom d resembles, known well or not: who stole a conversation
// imitates whoever took part in it. Of two of one day it says who was first.
func (r *remembering) showNear(k known, d mail.Domain, first map[mail.Domain]time.Time) {
	world := pair.World{Targets: r.cfg.Targets, Known: k.inState(policy.Seen, policy.Established, policy.TwoWay),
		Free: func(a, b mail.Domain) bool { return k.free(r.cfg, a, b, r.now) }}
	near := world.Near(d)
	var sides []pair.Side
	for _, a := range near[:min(len(near), maxNear)] {
		note := k.saying(r.cfg, a.Target)
		switch one, other := first[d], first[a.Target]; {
		case one.IsZero() || other.IsZero() || !sameDay(one, other):
		case other.Before(one):
			note += ", before it"
		case one.Before(other):
			note += ", after it"
		}
		sides = append(sides, pair.Side{Domain: a.Target, Note: note})
	}
	text := pair.On(r.out, pairIndent).List(d, sides)
	if text == "" {
		return
	}
	fmt.Fprintf(r.out, "  %-*s%s", len(pairIndent)-2, "resembles", strings.TrimPrefix(text, pairIndent))
	if len(near) > maxNear {
		fmt.Fprintf(r.out, "%sand others\n", pairIndent)
	}
}
