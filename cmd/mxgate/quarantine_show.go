package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/cmd/mxgate/internal/terminal"
	"mxgate/gateway/store"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// Bounds of a page.
const (
	maxAdded = 8   // whom it names as added to a conversation, and for whom it explains
	maxFlag  = 320 // characters of an argument in a command: an address
)

// heldPage is what is shown of one held message.
type heldPage struct {
	h       store.Held
	history []store.Change
	e       policy.Evidence
	now     policy.Verdict // by the rules as they are now
	out     io.Writer
	file    string // configuration, for a shell
	memory  bool   // something is remembered
}

func (q *quarantining) show(ctx context.Context, ids []string) int {
	if len(ids) != 1 {
		return misused(q.flags, "expected one ID")
	}
	if q.all && q.raw {
		return misused(q.flags, "-all and -raw: expected one of them")
	}
	h, err := q.store.Get(ctx, ids[0])
	if err != nil {
		return q.failID(ids[0], err)
	}
	if q.raw {
		return q.showRaw(h)
	}
	p := heldPage{h: h, out: q.out, file: shellWord(q.cfg.File), memory: q.cfg.Memory.Enabled}
	if p.history, err = q.store.History(ctx, h.ID); err != nil {
		return q.failID(h.ID, err)
	}
	if err := json.Unmarshal(h.Evidence, &p.e); err != nil {
		return fail(q.errOut, fmt.Errorf("evidence of %s: %w", h.ID, err))
	}
	p.now = policy.Decide(&q.cfg.Rules, &p.e)
	p.summary()
	p.steps(q.all)
	if q.all {
		err = p.evidence()
	}
	if err != nil {
		return fail(q.errOut, err)
	}
	return exitFine
}

func (p *heldPage) say(label, text string) { fmt.Fprint(p.out, policy.Labelled(label, text)) }

// summary is for whoever decides: what was done and why, in a sentence; the two
// domains below each other; what the message is; who was added.
func (p *heldPage) summary() {
	h := &p.h
	was := "for"
	if h.State != store.StateHeld {
		was = "was held for"
	}
	fmt.Fprintf(p.out, "%s: %s, %s %s\n", h.ID, standing(*h), was, h.Reason)
	p.say("why", h.Sentence)
	compare(p.out, &p.e)
	if added := p.added(); len(added) > 0 {
		p.say("added", strings.Join(added, ", ")+": not in the conversation before")
	}
	from := h.Author
	if name := p.e.Author.Display; name != "" && p.e.Author.Ambiguous == "" {
		from = fmt.Sprintf("%q %s", name, from)
	}
	p.say("from", policy.Plain(from, 400))
	p.say("to", policy.Plain(recipients(*h), 400))
	p.say("subject", policy.Plain(mail.DecodeWords(h.Subject), 200))
	p.say("received", fmt.Sprintf("%s by %s, %s", h.ReceivedAt.Local().Format(stamp), policy.Plain(h.Source, 80), count.Of(h.Size, "octet")))
	if also := p.also(); also != "" {
		p.say("also", also)
	}
	if len(p.history) > 1 { // the first is that it was held
		p.told(p.history[1:])
	}
	if p.now.Disposition != policy.Quarantine || p.now.Reason != policy.Reason(h.Reason) {
		p.say("note", fmt.Sprintf("the rules have changed since: now it would be %s, %s. %s", p.now.Disposition, p.now.Reason, p.now.Sentence))
	}
}

// also names the other reasons, without their sentences.
func (p *heldPage) also() string {
	var all []string
	for _, f := range p.now.Findings {
		if string(f.Reason) != p.h.Reason {
			all = append(all, fmt.Sprintf("%s (%s)", f.Reason, f.Disposition))
		}
	}
	return strings.Join(all, ", ")
}

// added lists recipients who had no part in the conversation before. Those whom the
// sentence names, or who are compared, are not said twice.
func (p *heldPage) added() []string {
	compared := alikes(&p.e)
	var all []string
	for _, party := range p.e.Thread.Parties {
		told := strings.Contains(p.h.Sentence, spelt(party.Domain)) || slices.ContainsFunc(compared, func(a alike) bool { return a.domain == party.Domain })
		if !party.Joined || told {
			continue
		}
		if len(all) == maxAdded {
			return append(all, "and others")
		}
		all = append(all, spelt(party.Domain))
	}
	return all
}

// told writes what was done with the message.
func (p *heldPage) told(history []store.Change) {
	label := "history"
	for _, c := range history {
		text := fmt.Sprintf("%s %s by %s", c.At.Local().Format(stamp), c.What, policy.Plain(c.Who, 80))
		if c.Detail != "" {
			text += ": " + policy.Plain(c.Detail, 400)
		}
		p.say(label, text)
		label = ""
	}
}

// steps are the commands that end it, or tell more.
func (p *heldPage) steps(all bool) {
	label := "next"
	step := func(when string, commands ...string) {
		p.say(label, when)
		label = ""
		for _, c := range commands {
			verb, behind, _ := strings.Cut(c, "|")
			fmt.Fprintf(p.out, "%smxgate quarantine %s -config %s %s%s\n", pairIndent, verb, p.file, shellWord(p.h.ID), behind)
		}
	}
	if p.h.State == store.StateHeld {
		if len(decidable(&p.e, p.now)) > 0 {
			nextSteps(p.out, label, &p.e, p.now, p.file, p.h.ID)
			label = ""
		} else {
			step("If it is genuine:", "release")
			step("If it is not:", "delete")
		}
	}
	if p.h.State != store.StateDeleted {
		step("To read it as it came:", "show -raw| | less")
	}
	if all && p.memory && p.h.State != store.StateDeleted {
		step("To judge it by what the memory knows today, and not when it came:", "show -raw|"+p.explain())
	}
	if !all {
		step("All evidence, the points and the history:", "show -all")
	}
}

// explain is the command that explains the message as read from standard input, for
// the envelope that it came with. What a terminal would obey is left out.
func (p *heldPage) explain() string {
	text := " | mxgate explain -memory -config " + p.file
	flag := func(name, value string) {
		if policy.Plain(value, maxFlag) == value {
			text += " " + name + " " + shellWord(value)
		}
	}
	if p.h.Source != "" {
		flag("-source", p.h.Source)
	}
	flag("-mail-from", p.h.Envelope.ReversePath.String())
	for _, to := range p.h.Envelope.ForwardPaths[:min(len(p.h.Envelope.ForwardPaths), maxAdded)] {
		flag("-rcpt", to.String())
	}
	return text + " -"
}

// evidence is all that was found, for whoever wants to know.
func (p *heldPage) evidence() error {
	fmt.Fprint(p.out, "\nall evidence\n")
	p.say("client", fmt.Sprintf("%s, source %s", p.h.Client, policy.Plain(p.h.Source, 80)))
	p.say("envelope", fmt.Sprintf("<%s> to %s", p.h.Envelope.ReversePath, policy.Plain(recipients(p.h), 400)))
	p.say("message-id", policy.Plain(p.h.MessageID, 200))
	p.told(p.history)
	return policy.Explain(p.out, &p.e, p.now)
}

// standing says where a message stands, and since when and by whom if it is
// not simply held.
func standing(h store.Held) string {
	who := fmt.Sprintf("%s by %s", h.ChangedAt.Local().Format(stamp), policy.Plain(h.ChangedBy, 80))
	switch h.State {
	case store.StateReleasing:
		return "being released since " + who
	case store.StateReleased:
		return "released at " + who
	case store.StateDeleted:
		return "deleted at " + who + ", only this record is left"
	}
	return string(h.State)
}

func recipients(h store.Held) string { return strings.Join(pathsOf(h.Envelope.ForwardPaths), ", ") }

func (q *quarantining) showRaw(h store.Held) int {
	if h.State == store.StateDeleted {
		return fail(q.errOut, fmt.Errorf("%s: %s", h.ID, standing(h)))
	}
	content, err := q.store.Content(h.ID)
	if err != nil {
		return q.failID(h.ID, err)
	}
	defer content.Close()
	if terminal.Is(q.out) {
		fmt.Fprintln(q.errOut, "mxgate: the message may hold terminal commands; pipe it to a pager")
		return exitCouldNot
	}
	if _, err := io.Copy(q.out, content); err != nil {
		return fail(q.errOut, err)
	}
	return exitFine
}
