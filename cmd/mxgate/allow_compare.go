package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mxgate/cmd/mxgate/internal/memory/pair"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
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
	as                       mail.Domain // the name below domain that resembles target, "" if it is domain
	domainKnown, targetKnown string      // for people
	excused                  bool        // the sender may
	author                   bool        // domain is the author's
	where                    string      // it stands, for people; "" if it is the author's
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
			add(alike{domain: s.Domain, target: s.Target, as: s.As, where: places[s.Where], domainKnown: knownNote(s.State, s.Since, remembers), targetKnown: roleNote(s.Relation, s.TargetState, s.TargetSince, remembers),
				excused: s.SameOwner, author: where == 0, undecided: s.Undecided()})
		}
	}
	for i := range e.Lookalike {
		l := &e.Lookalike[i]
		whose := score.Protected
		if l.Own {
			whose = score.Own
		}
		a := alike{domain: lookalike.Registrable(l.Domain), target: lookalike.Registrable(l.Target), where: places[l.Where], targetKnown: roleNote(whose, policy.Unseen, time.Time{}, false), excused: l.SameOwner, author: l.Where == "author"}
		if _, itself := lookalike.Compare(a.domain, a.target); !itself && l.Domain != a.domain {
			a.as = l.Domain
		}
		if a.author {
			a.domainKnown = knownNote(t.Author.State, t.Author.First, remembers)
		}
		add(a)
	}
	if d := t.ReplyTo; d != nil && d.Target != "" && d.Class != "" {
		a := alike{domain: lookalike.Registrable(d.Domain), target: lookalike.Registrable(d.Target), as: d.As, where: places["reply-to"], excused: d.SameOwner}
		a.domainKnown, a.targetKnown = partyNote(t, a.domain), partyNote(t, a.target)
		add(a)
	}
	for i := range all {
		a := &all[i]
		a.excused = a.excused || slices.ContainsFunc(t.Decisions, func(d policy.Decision) bool { return d.Allow && d.Sender == a.domain && d.Target == a.target })
	}
	return all
}

// places are where a domain may stand that is not the author's, for people.
var places = map[string]string{"to": "in To", "cc": "in Cc", "reply-to": "in Reply-To", "protected-from": "in the signed From",
	"sender": "in Sender", "resent-from": "in Resent-From"}

// note says where the domain stands, and what is known of it.
func (a *alike) note() string {
	if a.where == "" || a.domainKnown == "" {
		return a.where + a.domainKnown
	}
	return a.where + "; " + a.domainKnown
}

// partyNote says what was known of a domain of the message for itself; "" if that
// was not asked.
func partyNote(t *policy.Thread, d mail.Domain) string {
	remembers := !t.MemorySince.IsZero()
	if t.Author.Domain == d {
		return knownNote(t.Author.State, t.Author.First, remembers)
	}
	for i := range t.Similar {
		if s := &t.Similar[i]; s.Target == d {
			return roleNote(s.Relation, s.TargetState, s.TargetSince, remembers)
		}
	}
	for _, p := range t.Parties {
		if p.Domain == d {
			return knownNote(p.State, p.Since, remembers)
		}
	}
	if t.Known != nil && slices.Contains(t.Known.Participants, d) {
		return inConversation
	}
	return ""
}

// inConversation is said of whom nothing else was asked.
const inConversation = "in the conversation that we remember"

// knownNote says since when a domain is known, without its name.
func knownNote(state policy.State, since time.Time, remembers bool) string {
	switch {
	case !remembers:
		return ""
	case state == policy.Unseen:
		return neverProven
	case since.IsZero():
		return stateWords[state]
	}
	return stateWords[state] + ", since " + since.UTC().Format(time.DateOnly)
}

// neverProven is said of a domain that the memory does not know: what was held, or could
// not be proven, taught it nothing.
const neverProven = "no proven mail of it was delivered here"

// stateWords are the states of a domain, for people.
var stateWords = map[policy.State]string{
	policy.Unseen:      "named by others; " + neverProven,
	policy.Shadow:      "in the shadow of an older one that it resembles",
	policy.Seen:        "wrote to us, not yet known well",
	policy.Established: "known well",
	policy.TwoWay:      "known well, and you write to it",
}

// roleNote says who the target is to us.
func roleNote(relation score.Relation, state policy.State, since time.Time, remembers bool) string {
	switch {
	case relation == score.Own:
		return "yours"
	case relation == score.Protected && state == policy.Unseen:
		return "protected in the configuration"
	case relation == score.Thread && state == policy.Unseen: // who takes part is asked for more only where he matters
		return inConversation
	}
	return knownNote(state, since, remembers)
}

// compare prints the look-alikes of a message side by side.
func compare(out io.Writer, e *policy.Evidence) {
	style := pair.On(out, pairIndent)
	label := "compare"
	for _, a := range alikes(e) {
		text := style.Text(pair.Side{Domain: cmp.Or(a.as, a.domain), Note: a.note()}, pair.Side{Domain: a.target, Note: a.targetKnown})
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
	say := func(text string) {
		fmt.Fprint(out, policy.Labelled(label, text))
		label = ""
	}
	held := func(verb string) {
		if id != "" {
			fmt.Fprintf(out, "%smxgate quarantine %s -config %s %s\n", pairIndent, verb, file, shellWord(id))
		}
	}
	word := func(verb string, a *alike) {
		for _, recipient := range a.recipients(e) {
			fmt.Fprintf(out, "%smxgate %s lookalike -config %s %s for %s%s -reason \"...\"\n", pairIndent, verb, file, shellWord(string(a.domain)), shellWord(string(a.target)), recipient)
		}
	}
	if i := slices.IndexFunc(pairs, func(a alike) bool { return a.as != "" }); i >= 0 {
		say(fmt.Sprintf("A word on %s is one on all of %s, whoever writes from there; with -recipient it is for mail to that mailbox alone.", spelt(pairs[i].as), spelt(pairs[i].domain)))
	}
	asked := ""
	for i := range pairs {
		switch claim := pairs[i].claim(); {
		case asked == "":
			say("If you know, by another way than this mail, " + claim + ":")
			asked = claim
		case claim != asked:
			say("and " + claim + ":")
			asked = claim
		}
		word("allow", &pairs[i])
	}
	held("release")
	first := &pairs[0]
	switch {
	case policy.FreeMail(first.domain) || first.undecided: // otherwise everybody there would be held, or the one who wrote first
		if id != "" {
			say("If it is fraud:")
		}
	case first.as != "":
		say(fmt.Sprintf("If it is fraud, and nobody honest writes from %s or below it, so that all that comes from there is held:", spelt(first.domain)))
		word("block", first)
	case first.where != "":
		say(fmt.Sprintf("If it is fraud, so that all that comes from %[1]s is held, and %[1]s in Reply-To or Cc counts as a look-alike:", spelt(first.domain)))
		word("block", first)
	default:
		say("If it is fraud, so that all that comes from there is held:")
		word("block", first)
	}
	held("delete")
}

// claim is what an administrator must know before he allows the pair: that the author
// is genuine, or, where the look-alike stands elsewhere, that it is no impostor's.
func (a *alike) claim() string {
	if a.where == "" {
		return "that they are who they say"
	}
	return fmt.Sprintf("that the address %s (%s) belongs to %s, too", a.where, spelt(cmp.Or(a.as, a.domain)), spelt(a.target))
}

// recipients are the flags that limit a word on a pair to the recipients of the
// message, each for one command; one empty flag is for all. A word on a name below
// another domain is limited: that may belong to many.
func (a *alike) recipients(e *policy.Evidence) []string {
	if a.as == "" || len(e.ForwardPaths) == 0 || len(e.ForwardPaths) > maxSteps {
		return []string{""}
	}
	var all []string
	for _, to := range e.ForwardPaths {
		if policy.Plain(to, maxFlag) != to {
			return []string{""}
		}
		all = append(all, " -recipient "+shellWord(to))
	}
	return all
}
