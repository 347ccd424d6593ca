package policy

import (
	"slices"
	"time"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// The functions below say which likeness is more than chance, and which is excused.

// learning is how long a memory only learns before the site's correspondents
// count: everybody is new to it. LOOKALIKE 6. Whom the operator named is nobody
// new.
const learning = 14 * 24 * time.Hour

// counts reports whether s is more than chance, by the class rules of its tier.
// Who stands beside us in To or Cc is no conversation yet.
func (e *Evidence) counts(s *Similar) bool {
	if s.Kin {
		return e.Thread.pretends(s)
	}
	if s.Relation == score.Message && !e.Thread.quotes(s.Target) {
		return countsAs(score.Site, s.Class, s.Confidence)
	}
	if s.Relation == score.Site && e.learns() && !s.TargetVouched && !e.shadowOf(s.Target) {
		return false
	}
	return countsAs(s.Relation, s.Class, s.Confidence)
}

// learns reports whether the memory is new, or empty.
func (e *Evidence) learns() bool {
	since := e.Thread.MemorySince
	return since.IsZero() || e.ReceivedAt.Sub(since) < learning
}

// shadowOf reports whether the author is remembered as a look-alike of d.
func (e *Evidence) shadowOf(d mail.Domain) bool {
	return e.Thread.Author.State == Shadow && e.Thread.Author.ShadowOf == d
}

// accuses reports whether s counts, and nothing excuses it.
func (e *Evidence) accuses(s *Similar) bool {
	return e.counts(s) && e.excused(s.Domain, s.Target, s.SameOwner) == ""
}

// suspects reports whether there is anything beside which talk of payment is
// evidence.
func (e *Evidence) suspects() bool {
	t := &e.Thread
	return e.Impersonated != nil || len(t.Named) > 0 || len(t.Added) > 0 || len(t.Decisions) > 0 || t.ReplyTo != nil ||
		slices.ContainsFunc(t.Similar, func(s Similar) bool { return e.accuses(&s) })
}

// addedCounts is counts for a recipient. Houses have several names, and their
// people write to each other: what is not of the conversation is held against the
// strictest rule.
func (e *Evidence) addedCounts(s *Similar) bool {
	return e.excused(s.Domain, s.Target, s.SameOwner) == "" && countsAs(strictly(s.Relation), s.Class, s.Confidence)
}

// strictly keeps a relation that rests on what we remember.
func strictly(r score.Relation) score.Relation {
	if r == score.Thread || r == score.Corroborated {
		return r
	}
	return score.Site
}

// Confidence from which classes count where there are many to resemble:
// LOOKALIKE 4.3. Within one message words added to a name are mostly a house's
// own (4.6).
const (
	leastEdit    = 65 // one edit, which has that on a label that is long enough
	leastMixed   = 75 // an edit with anything else; words added
	leastMessage = 65 // words added, to a name in the same message
)

func countsAs(r score.Relation, class string, confidence int) bool {
	switch r {
	case score.Thread, score.Corroborated, score.Namesake:
		return confidence >= leastFor(r, class)
	case score.Message:
		return confidence >= leastInThread && (!has(class, lookalike.Combo) || confidence >= leastMessage)
	case score.Correspondent, score.Own, score.Protected:
		return confidence >= leastElse
	}
	switch {
	case class == string(lookalike.TLD):
		return false
	case has(class, lookalike.Combo), has(class, lookalike.Edit) && class != string(lookalike.Edit):
		return confidence >= leastMixed
	case has(class, lookalike.Edit):
		return confidence >= leastEdit
	}
	return confidence >= leastElse
}

// excused says why d may resemble target; "" if nothing says so. That they share
// a hoster, or that somebody answered, says nothing: victims answer.
func (e *Evidence) excused(d, target mail.Domain, sameOwner bool) string {
	t := &e.Thread
	if d == "" || target == "" {
		return ""
	}
	if sameOwner {
		return "the operator says that they have one owner"
	}
	for i := range t.Decisions {
		if x := &t.Decisions[i]; x.Allow && x.Sender == d && x.Target == target && e.applies(x) {
			return or(x.Who, "an administrator") + " allowed it"
		}
	}
	signed := ""
	switch {
	case slices.Contains(t.Author.ProvenFor, target):
		signed = " signed its mail before"
	// A list signs what anybody posts.
	case !t.List && slices.ContainsFunc(e.DKIM, func(s DKIM) bool { return s.Result == mail.Pass && !s.Testing && s.Domain.Within(target) }):
		signed = " signed this mail"
	}
	// A provider of mailboxes signs what anybody writes.
	if signed == "" || freeMail[target] || d != lookalike.Registrable(e.Author.Domain) {
		return ""
	}
	return string(target) + signed
}

// blocks reports whether a decision says of this message that sender imitates somebody.
func (e *Evidence) blocks(d *Decision, sender mail.Domain) bool {
	return !d.Allow && d.Sender == sender && e.applies(d)
}

// applies reports whether a decision is for this message: to allow is for those
// recipients only, to block is for a message to any of them.
func (e *Evidence) applies(d *Decision) bool {
	switch {
	case over(d.Expires, e):
		return false
	case d.Recipient == "":
		return true
	case d.Allow:
		return allTo(e.ForwardPaths, d.Recipient)
	}
	return slices.ContainsFunc(e.ForwardPaths, func(p string) bool { return allTo([]string{p}, d.Recipient) })
}
