package policy

import (
	"slices"

	"mxgate/policy/score"
)

// Kin are those whose names the author's may have been made of, by a word that firms
// add to their own or by a letter of a short name. Near leaves them out, as honest
// houses have such names: their ordinary mail says nothing. Where one whom nobody here
// knows for himself wants money to go elsewhere, or answers, or bears the name, it does.

// kin adds those of the author to whom he resembles. Where the same one was found as
// what counts for nothing, such as a recipient in Cc, he is taken out: whoever
// imitates him would only have to add him.
func (s *scene) kin(found []Similar) []Similar {
	for _, n := range s.recalled.Kin {
		if freeMail[n.Target] { // everybody has mail from there
			continue
		}
		if i := slices.IndexFunc(found, func(f Similar) bool { return f.Target == n.Target }); i >= 0 {
			if s.e.counts(&found[i]) {
				continue
			}
			found = slices.Delete(found, i, i+1)
		}
		r := score.Site
		switch {
		case n.Known.ToUs > 0 || n.Known.State == TwoWay:
			r = score.Correspondent
		case withinAny(n.Target, s.c.Protected):
			r = score.Protected
		}
		f := s.pair(s.author, n.Target, "author", r)
		f.likened(s.e.Author.Domain, string(n.Class), n.Confidence, n.Why)
		f.Kin = true
		found = append(found, f)
	}
	return found
}

// pretends reports whether the message does what an impostor of kin is after.
func (t *Thread) pretends(s *Similar) bool {
	d := t.ReplyTo
	return t.Payment.changes() || d != nil && !(d.Kind == score.ReplyFreeMail && t.list()) ||
		!t.NameKnown && slices.ContainsFunc(t.Named, func(n Namesake) bool { return n.Domain == s.Target })
}
