package policy

import (
	"fmt"

	"mxgate/policy/lookalike"
	"mxgate/policy/score"
)

// The functions below say which of two that resemble each other may be the impostor,
// where the author may be the genuine one.

// Undecided reports whether nothing but their names tells which of the two
// imitates the other: Target has written here, too little to be known, and not
// before Domain. To hold Domain for the likeness would let a stranger's mail condemn
// whoever wrote first.
func (s *Similar) Undecided() bool {
	return s.TargetState == Seen && !s.TargetVouched && s.State != Unseen && s.State != Shadow && !s.Since.After(s.TargetSince)
}

// senior reports whether Domain is established here, wrote before Target and is
// known as well at least: an impostor comes after whom he imitates. It is no proof,
// as a genuine one whose mail is never aligned stays Unseen; who is only Seen may
// have written a first mail for that. Who took part in the conversation, or is known
// by the author's name, is somebody whatever else is known of him.
func (s *Similar) senior() bool {
	return s.Relation != score.Thread && s.Relation != score.Namesake && !s.TargetVouched && s.State.rank() >= Established.rank() && s.State.rank() >= s.TargetState.rank() &&
		(s.TargetState == Unseen || s.Since.Before(s.TargetSince))
}

// tied reports whether s is undecided, and the message does not settle it: in a
// conversation of the target's that we remember, in which the author had no part, he
// names an account that it had not, or reaches for the answers. Who warns of the other
// there, and quotes him, speaks of payment, too: that counts where the conversation is
// older than the author is here.
func (e *Evidence) tied(f *score.Facts, s *Similar) bool {
	switch {
	case !s.Undecided():
		return false
	case !f.Intrudes:
		return true
	}
	return !e.Thread.Payment.names() && !reaches(f) && (f.Payment == "" || !e.Thread.Known.before(s.Since))
}

// reaches reports whether the message brings others who look alike, has answers go
// elsewhere, or bears the name of somebody protected: what an impostor does, and an
// elder one of the same name does not.
func reaches(f *score.Facts) bool { return f.Added > 0 || f.Reply != "" || f.Person }

// doubt says why s, whatever it weighs, is told of and not held for, as a clause; ""
// if there is no doubt.
func (e *Evidence) doubt(f *score.Facts, s *Similar) string {
	switch {
	case e.tied(f, s):
		return "nothing but the names tells which of the two imitates the other, and " + s.firstWords()
	case reaches(f):
		return ""
	case s.senior():
		return s.firstWords()
	case e.abreast(s):
		return fmt.Sprintf("both %s and %s had part in this conversation, and it speaks of no payment", named(s.Domain), named(s.Target))
	case e.bothNew(s) && (!f.Name || f.Payment == ""):
		return fmt.Sprintf("neither %s nor %s has ever written to us, and a house that is new here may well have both", named(s.Domain), named(s.Target))
	case e.sibling(s) && !f.Name && f.Payment == "" && !f.Intrudes:
		return fmt.Sprintf("houses write from such names, we have had mail from this one since %s, and it speaks of no payment", day(s.Since))
	}
	return ""
}

// bothNew reports whether the memory, which is no longer new itself, knows neither of the
// two, the message alone shows the other one, and nothing but a hyphen tells them apart: a
// house has such names more often than a thief finds one whose partner never wrote to us.
func (e *Evidence) bothNew(s *Similar) bool {
	return s.Where == "author" && s.Relation == score.Message && s.Class == string(lookalike.Hyphen) && s.State == Unseen && s.TargetState == Unseen && !s.TargetVouched && !e.learns()
}
