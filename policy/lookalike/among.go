package lookalike

import (
	"slices"

	"mxgate/policy/mail"
)

// Among is Check for a d that may be a target itself, or below one: it returns which
// of the others d resembles. It remembers nothing.
func (x *Index) Among(d mail.Domain) []Match {
	n, ok := parse(d)
	if !ok || len(d) > maxNameOctets || len(x.targets) == 0 {
		return nil
	}
	return slices.DeleteFunc(look(x, n, maxCompared), func(m Match) bool { return Registrable(m.Target) == mail.Domain(n.registrable) })
}
