package policy

import (
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/memo"
)

func compare(d, target mail.Domain) (lookalike.Match, bool) {
	m := comparedPairs.Of([2]mail.Domain{d, target}, len(d)+len(target), func(pair [2]mail.Domain) matched {
		m, ok := lookalike.Compare(pair[0], pair[1])
		return matched{m, ok}
	})
	return m.Match, m.ok
}

type matched struct {
	lookalike.Match
	ok bool
}

// comparedPairs remembers pairs: a conversation goes on between the same.
var comparedPairs = memo.New[[2]mail.Domain, matched](512<<10, memo.Texts)
