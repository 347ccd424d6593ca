package policy

import (
	"slices"

	"mxgate/policy/lookalike"
	"mxgate/policy/score"
)

// The functions below say what it means that an author had part in the conversation,
// or has been known for a while, beside the one whom he resembles.

// trespasses reports whether s stands in a conversation of its target's in which it
// had no part. That its domain had part says nothing of a name below it, whose owner
// may have joined under another: of a service that is known, that counts where the
// message changes the account.
func (t *Thread) trespasses(s *Similar) bool {
	if s.As == "" || t.Known == nil || !t.Known.TookPart {
		return t.intrudes(s.Target)
	}
	return slices.Contains(t.Known.Participants, s.Target) && (s.State.rank() < Established.rank() || t.Payment.changes())
}

// standingBelow is what the standing of a domain says of a name below it: that others
// are known there.
func standingBelow(s score.Standing) score.Standing {
	switch s {
	case score.New:
		return score.Unseen
	case score.Older:
		return score.Established
	}
	return s
}

// abreast reports whether both of s had part in the conversation that we remember,
// and its target is known here no better, or hardly: somebody brought both in, and
// neither came to be taken for the other. Who speaks of money is held nevertheless, and
// what had part is no name below a domain.
func (e *Evidence) abreast(s *Similar) bool {
	t := &e.Thread
	return t.Known != nil && t.Known.TookPart && slices.Contains(t.Known.Participants, s.Target) && s.As == "" && !s.TargetVouched &&
		s.TargetState.rank() <= max(s.State.rank(), Seen.rank()) && t.Payment.told() == ""
}

// sibling reports whether s is of a house whose name is the target's with a word that
// houses add, and whose mail has been coming for weeks. It stands in the target's shade
// for that, and is mostly the target's own.
func (e *Evidence) sibling(s *Similar) bool {
	return s.Class == string(lookalike.Combo) && s.Confidence < leastMixed && e.Thread.Author.Messages >= leastMessages && e.ReceivedAt.Sub(s.Since) >= learning
}

// leastMessages is how many messages make a domain established.
const leastMessages = 3
