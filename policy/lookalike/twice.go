package lookalike

import (
	"slices"

	"mxgate/policy/mail"
)

// leastTwice is how long both labels must be for two letters to be little of them.
const leastTwice = 8

// Twice reports whether one or two letters of a long label are all that makes d of
// the target, below any suffix. Numbers in which names of a series differ count for
// nothing. So much is chance among all that a site knows, and has no confidence: it
// says something of the few who take part in a conversation.
func Twice(d, target mail.Domain) bool {
	n, ok := parse(d)
	t, known := parse(target)
	if !ok || !known || n.registrable == t.registrable || min(len(n.glyphs), len(t.glyphs)) < leastTwice {
		return false
	}
	var a aligner
	found, ok := a.within(n.glyphs, t.glyphs, 2)
	return ok && slices.ContainsFunc(found.steps, func(s step) bool { return s.act.edit() && !found.ofSeries(s) })
}
