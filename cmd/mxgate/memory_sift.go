package main

import (
	"fmt"
	"slices"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/cmd/mxgate/internal/memory/lot"
	"mxgate/cmd/mxgate/internal/memory/pair"
	"mxgate/gateway/memory"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// left is what of a list is not taken.
type left struct {
	ours, held int
	shared     []mail.Domain // to know one of its mailboxes is not to know the others
	open       int           // pairs of which nothing was said
}

// sift parts what is taken from what is ours or everybody's, and from what resembles
// others, which is held back; of the latter it shows the pairs on which nothing was
// said.
func (r *remembering) sift(entries []lot.Entry, k known) (kept []memory.Imported, l left) {
	var domains []mail.Domain
	entries = slices.DeleteFunc(slices.Clone(entries), func(e lot.Entry) bool {
		switch {
		case holdsOurs(r.cfg, e.Domain):
			l.ours++
		case policy.FreeMail(e.Domain):
			l.shared = append(l.shared, e.Domain)
		default:
			domains = append(domains, e.Domain)
			return false
		}
		return true
	})
	world := pair.World{Targets: r.cfg.Targets, Known: k.established(), Free: func(d, target mail.Domain) bool { return k.free(r.cfg, d, target, r.now) }}
	if len(domains) >= tellMessages {
		fmt.Fprintf(r.errOut, "mxgate memory import: comparing %d domains with each other and with those that are known\n", len(domains))
	}
	found := world.Of(domains)
	out := map[mail.Domain]bool{}
	for _, f := range found {
		out[f.Domain] = true
		if f.Whose == pair.Listed {
			out[f.Target] = true
		}
	}
	found = slices.DeleteFunc(found, func(f pair.Likeness) bool { // answered
		return f.Whose == pair.Listed && (r.take.has(f.Domain) || r.take.has(f.Target))
	})
	l.open = len(found)
	r.showLikenesses(found, k)
	for _, e := range entries {
		if out[e.Domain] && !r.take.has(e.Domain) {
			l.held++
			continue
		}
		note := e.Note
		if note == "" {
			note = r.note
		}
		kept = append(kept, memory.Imported{Domain: e.Domain, First: e.Since, Established: true, Note: note})
	}
	return kept, l
}

// showLikenesses shows the pairs that are not taken without a word.
func (r *remembering) showLikenesses(found []pair.Likeness, k known) {
	style := pair.On(r.out, "  ")
	say := func(d mail.Domain) string {
		if _, ok := k.domains[d]; !ok {
			return "listed"
		}
		return k.saying(r.cfg, d)
	}
	listed := false
	for i, l := range found {
		if i == maxPairsShown {
			fmt.Fprintf(r.out, "and %s more\n\n", count.Of(len(found)-i, "pair"))
			break
		}
		target := pair.Side{Domain: l.Target, Note: k.saying(r.cfg, l.Target)}
		if l.Whose == pair.Listed {
			listed = true
			target.Note = say(l.Target)
			fmt.Fprintln(r.out, "These two resemble each other; which is yours?")
		} else {
			fmt.Fprintf(r.out, "%s resembles one that is known before it; is it really yours?\n", spelt(l.Domain))
		}
		fmt.Fprint(r.out, style.Text(pair.Side{Domain: l.Domain, Note: say(l.Domain)}, target))
		if l.Whose != pair.Listed {
			fmt.Fprintf(r.out, "  if so: mxgate allow lookalike -config %s %s for %s -reason \"...\"\n", shellWord(r.cfg.File), shellWord(string(l.Domain)), shellWord(string(l.Target)))
		}
		fmt.Fprintln(r.out)
	}
	if listed {
		fmt.Fprint(r.out, "To take one of two, or both, import again with -take DOMAIN for each that is yours,\nor, when the others are out of the list, with -take all.\n\n")
	}
}
