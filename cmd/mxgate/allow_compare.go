package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mxgate/cmd/mxgate/internal/memory/pair"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// Bounds of what is shown of one message.
const (
	maxCompared = 8
	maxSteps    = 3
)

// pairIndent puts pairs below the text of a labelled line.
const pairIndent = "              "

// alike is a pair of domains of one message.
type alike struct {
	domain, target           mail.Domain // registrable
	domainKnown, targetKnown string      // for people
	excused                  bool        // the sender may
	author                   bool        // domain is the author's
	undecided                bool        // nobody can tell which of the two imitates the other
}

// alikes lists whom a message resembles, those that a decision can be made on
// first.
func alikes(e *policy.Evidence) []alike {
	var all []alike
	add := func(a alike) {
		same := func(b alike) bool { return a.domain == b.domain && a.target == b.target }
		if a.domain != "" && a.target != "" && a.domain != a.target && len(all) < maxCompared && !slices.ContainsFunc(all, same) {
			all = append(all, a)
		}
	}
	t := &e.Thread
	remembers := !t.MemorySince.IsZero()
	for where, list := range [][]policy.Similar{t.Similar, t.Added} {
		for i := range list {
			s := &list[i]
			add(alike{s.Domain, s.Target, placed(s.Where, knownNote(s.State, s.Since, remembers)), roleNote(string(s.Relation), s.TargetState, s.TargetSince, remembers), s.SameOwner, where == 0, s.Undecided()})
		}
	}
	for i := range e.Lookalike {
		l := &e.Lookalike[i]
		whose := "protected"
		if l.Own {
			whose = "own"
		}
		a := alike{domain: lookalike.Registrable(l.Domain), target: lookalike.Registrable(l.Target), targetKnown: roleNote(whose, policy.Unseen, time.Time{}, false), excused: l.SameOwner, author: l.Where == "author"}
		if a.author {
			a.domainKnown = knownNote(t.Author.State, t.Author.First, remembers)
		} else {
			a.domainKnown = placed(l.Where, "")
		}
		add(a)
	}
	if d := t.ReplyTo; d != nil && d.Target != "" && d.Class != "" {
		add(alike{domain: lookalike.Registrable(d.Domain), target: lookalike.Registrable(d.Target), domainKnown: "where an answer would go"})
	}
	for i := range all {
		a := &all[i]
		a.excused = a.excused || slices.ContainsFunc(t.Decisions, func(d policy.Decision) bool { return d.Allow && d.Sender == a.domain && d.Target == a.target })
	}
	return all
}

// placed says where a domain stands that is not the author's, before what is known of it.
func placed(where, note string) string {
	place := map[string]string{"to": "in To", "cc": "in Cc", "reply-to": "in Reply-To", "protected-from": "in the signed From"}[where]
	if place == "" || note == "" {
		return place + note
	}
	return place + "; " + note
}

// knownNote says since when a domain is known, without its name.
func knownNote(state policy.State, since time.Time, remembers bool) string {
	switch {
	case !remembers:
		return ""
	case state == policy.Unseen:
		return "never wrote to us"
	case since.IsZero():
		return stateWords[state]
	}
	return stateWords[state] + ", since " + since.UTC().Format(time.DateOnly)
}

// stateWords are the states of a domain, for people.
var stateWords = map[policy.State]string{
	policy.Unseen:      "named by others, never wrote to us",
	policy.Shadow:      "known as a look-alike",
	policy.Seen:        "wrote to us, not often enough to be known well",
	policy.Established: "known well",
	policy.TwoWay:      "known well, and you write to it",
}

// roleNote says who the target is to us.
func roleNote(relation string, state policy.State, since time.Time, remembers bool) string {
	switch relation {
	case "own":
		return "yours"
	case "protected":
		if state == policy.Unseen {
			return "protected in the configuration"
		}
	}
	return knownNote(state, since, remembers)
}

// compare prints the look-alikes of a message side by side.
func compare(out io.Writer, e *policy.Evidence) {
	style := pair.On(out, pairIndent)
	label := "compare"
	for _, a := range alikes(e) {
		text := style.Text(pair.Side{Domain: a.domain, Note: a.domainKnown}, pair.Side{Domain: a.target, Note: a.targetKnown})
		if label != "" { // only the first pair is labelled
			text = fmt.Sprintf("  %-*s%s", len(pairIndent)-2, label, strings.TrimPrefix(text, pairIndent))
			label = ""
		}
		fmt.Fprint(out, text)
	}
}

// likenessReasons are the reasons that a word on a pair of domains can take away.
var likenessReasons = []policy.Reason{policy.LookalikeDomain, policy.StolenThread, policy.Impostor, policy.AddedLookalikes}

// decidable lists the pairs of which an administrator could say that they are
// no fraud, if the message is held or tagged for them.
func decidable(e *policy.Evidence, v policy.Verdict) []alike {
	if !slices.ContainsFunc(v.Findings, func(f policy.Finding) bool { return slices.Contains(likenessReasons, f.Reason) }) {
		return nil
	}
	all := slices.DeleteFunc(alikes(e), func(a alike) bool {
		return a.excused || lookalike.Registrable(a.domain) != a.domain || lookalike.Registrable(a.target) != a.target // nobody can decide on what is no name
	})
	slices.SortStableFunc(all, func(a, b alike) int {
		switch {
		case a.author == b.author:
			return 0
		case a.author:
			return -1
		}
		return 1
	})
	return all[:min(len(all), maxSteps)]
}

// nextSteps says what can be done about a message that resembles somebody, below a
// label. file is the configuration as a shell takes it; id is that of a held message,
// "" for one that is not.
func nextSteps(out io.Writer, label string, e *policy.Evidence, v policy.Verdict, file, id string) {
	pairs := decidable(e, v)
	if len(pairs) == 0 {
		return
	}
	fmt.Fprint(out, policy.Labelled(label, "If you know, by another way than this mail, that they are who they say:"))
	for _, a := range pairs {
		fmt.Fprintf(out, "%smxgate allow lookalike -config %s %s for %s -reason \"...\"\n", pairIndent, file, shellWord(string(a.domain)), shellWord(string(a.target)))
	}
	if id != "" {
		fmt.Fprintf(out, "%smxgate quarantine release -config %s %s\n", pairIndent, file, shellWord(id))
	}
	blockable := !policy.FreeMail(pairs[0].domain) && !pairs[0].undecided // otherwise everybody there would be held, or the one who wrote first
	if blockable {
		fmt.Fprint(out, policy.Labelled("", "If it is fraud, so that all that comes from there is held:"))
		fmt.Fprintf(out, "%smxgate block lookalike -config %s %s for %s -reason \"...\"\n", pairIndent, file, shellWord(string(pairs[0].domain)), shellWord(string(pairs[0].target)))
	}
	if id != "" {
		if !blockable {
			fmt.Fprint(out, policy.Labelled("", "If it is fraud:"))
		}
		fmt.Fprintf(out, "%smxgate quarantine delete -config %s %s\n", pairIndent, file, shellWord(id))
	}
}
