package policy

import (
	"slices"
	"strings"
	"unicode/utf8"

	"mxgate/policy/mail"
)

// leastBrand is how long the label of a domain must be, folded, to be somebody's name
// within another.
const leastBrand = 6

// brands looks for participants of the conversation that we remember whose label the
// author shows as his name: "Acme Castings Accounts" of acme-castings.com. It is asked of
// somebody who is not known here, or has a free mailbox, and does not resemble them: who
// does has the name by right, or is told of for that.
func (s *scene) brands(author mail.Author) {
	t := &s.e.Thread
	if len(s.recalled.Thread.Participants) == 0 || !freeMail[s.author] && !t.stranger(t.Author.State, t.Author.First, s.e.ReceivedAt) {
		return
	}
	shown := foldLetters(strings.ToLower(author.Display))
	for _, d := range s.recalled.Thread.Participants {
		label, _, _ := strings.Cut(d.Unicode(), ".")
		folded := foldLetters(label)
		if utf8.RuneCountInString(folded) < leastBrand || !strings.Contains(shown, folded) || freeMail[d] || withinAny(d, s.c.Own) ||
			slices.ContainsFunc(t.Similar, func(f Similar) bool { return f.Target == d }) {
			continue
		}
		s.bear(author.Display, d, "label")
	}
}
