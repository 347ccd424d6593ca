package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/cmd/mxgate/internal/memory/bootstrap"
	"mxgate/cmd/mxgate/internal/memory/pair"
	"mxgate/gateway/memory"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// Bounds of what an archive tells of names made of others.
const (
	maxKinShown = 20
	manyMails   = 3 // of an archive, that make a domain known well if they are spread
)

// archiveLikenesses finds those that the archive vouches for and who resemble
// each other, or somebody known.
func (r *remembering) archiveLikenesses(a *bootstrap.Archive, k known) []pair.Likeness {
	found := r.archiveWorld(a, k).Of(slices.Sorted(maps.Keys(a.Taught)))
	for i, l := range found {
		if l.Whose == pair.Listed && earlier(a, k, l.Domain, l.Target) < 0 {
			found[i].Domain, found[i].Target = l.Target, l.Domain
		}
	}
	return found
}

func (r *remembering) archiveWorld(a *bootstrap.Archive, k known) pair.World {
	before := slices.DeleteFunc(k.established(), func(d mail.Domain) bool { return a.Taught[d] > 0 })
	return pair.World{Targets: r.cfg.Targets, Known: before, Free: func(d, target mail.Domain) bool { return k.free(r.cfg, d, target, r.now) }}
}

// earlier compares the first days of two, the older before the other. Where the
// gateway has still to take them over, who wrote more is taken for the older one.
func earlier(a *bootstrap.Archive, k known, d, than mail.Domain) int {
	if one, other := k.domains[d].Domain, k.domains[than].Domain; one != nil && other != nil {
		return one.First.Compare(other.First)
	}
	return cmp.Compare(a.Taught[than], a.Taught[d])
}

// archiveKin finds those that the archive vouches for and whose names are made of that
// of an older one: known for themselves, and strangers in its place. told are the pairs
// that are shown as look-alikes.
func (r *remembering) archiveKin(a *bootstrap.Archive, k known, told []pair.Likeness) []pair.Likeness {
	found := r.archiveWorld(a, k).Kin(slices.Sorted(maps.Keys(a.Taught)), memory.KinConfidence, memory.Akin)
	isTold := map[[2]mail.Domain]bool{}
	for _, l := range told {
		isTold[[2]mail.Domain{l.Domain, l.Target}], isTold[[2]mail.Domain{l.Target, l.Domain}] = true, true
	}
	return slices.DeleteFunc(found, func(l pair.Likeness) bool {
		target := k.domains[l.Target].Domain
		well := target != nil && (target.State == policy.Established || target.State == policy.TwoWay) || a.Taught[l.Target] >= manyMails
		return isTold[[2]mail.Domain{l.Domain, l.Target}] || !well || policy.FreeMail(l.Domain) || policy.FreeMail(l.Target) || earlier(a, k, l.Domain, l.Target) <= 0 && target != nil
	})
}

// archiveSay says what is known of a domain, be it only from the archive.
func (r *remembering) archiveSay(a *bootstrap.Archive, k known, d mail.Domain) string {
	if n := a.Taught[d]; n > 0 && k.domains[d].Domain == nil { // the gateway has still to take it over
		return "vouched for by " + count.Of(n, "message") + " of this archive"
	}
	return k.saying(r.cfg, d)
}

func (r *remembering) archiveSides(l pair.Likeness, a *bootstrap.Archive, k known) string {
	return pair.On(r.out, "  ").Text(pair.Side{Domain: l.Domain, Note: r.archiveSay(a, k, l.Domain)}, pair.Side{Domain: l.Target, Note: r.archiveSay(a, k, l.Target)})
}

func (r *remembering) showArchivePairs(found []pair.Likeness, a *bootstrap.Archive, k known) {
	file := shellWord(r.cfg.File)
	for i, l := range found {
		if i == maxPairsShown {
			fmt.Fprintf(r.out, "and %s more\n\n", count.Of(len(found)-i, "pair"))
			break
		}
		d, target := shellWord(string(l.Domain)), shellWord(string(l.Target))
		fmt.Fprintf(r.out, "These two resemble each other; which is yours?\n%s", r.archiveSides(l, a, k))
		fmt.Fprintf(r.out, "  both:       mxgate allow lookalike -config %s %s for %s -reason \"...\"\n", file, d, target)
		fmt.Fprintf(r.out, "  the second: mxgate memory forget -config %s %s && mxgate block lookalike -config %[1]s %[2]s for %s -reason \"...\"\n\n", file, d, target)
	}
	fmt.Fprintln(r.out, "Once one of two is known well, the other counts as its look-alike until you say otherwise.")
}

// showArchiveKin shows whose answers in the place of an older one will be held.
func (r *remembering) showArchiveKin(found []pair.Likeness, a *bootstrap.Archive, k known) {
	if len(found) == 0 {
		return
	}
	fmt.Fprint(r.out, "\nThese have names made of older ones. Their ordinary mail is not told, but an answer in a conversation of the older one,\nor a change of payment to those who correspond with it, is judged as that of a stranger, and mostly held.\nIf two are of one house, say so, or list them as a [[group]] in the configuration:\n\n")
	for i, l := range found {
		if i == maxKinShown {
			fmt.Fprintf(r.out, "and %s more: `%s` tells\n", count.Of(len(found)-i, "pair"), r.command("memory show", "DOMAIN"))
			break
		}
		fmt.Fprintf(r.out, "%s  mxgate allow lookalike -config %s %s for %s -reason \"...\"\n\n", r.archiveSides(l, a, k), shellWord(r.cfg.File), shellWord(string(l.Domain)), shellWord(string(l.Target)))
	}
}
