package policy

import (
	"slices"
	"strings"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// likeness is whom a name resembles the most. Confidence is 0 if it is nobody.
type likeness struct {
	lookalike.Match
	as mail.Domain // the name
	of somebody
}

// with keeps of those among whom the name as is seen whom it resembles more than whoever
// was found before, and enough.
func (l *likeness) with(as mail.Domain, among []somebody, enough func(*somebody, *lookalike.Match) bool) {
	for i := range among {
		x := &among[i]
		if m, ok := x.resembles(as); ok && m.Confidence > l.Confidence && enough(x, &m) {
			*l = likeness{m, as, *x}
		}
	}
}

// weight orders likenesses: other endings of a name, which houses have, come last.
func weight(m *lookalike.Match) int {
	if m.Class == lookalike.TLD || m.Confidence == 0 {
		return m.Confidence
	}
	return 100 + m.Confidence
}

// maxSifted bounds the pairs of domains that one sieve lets through; one of a long name
// counts for several, and one of other letters than a to z.
const (
	maxSifted = 1000
	ofLength  = 32 // octets of a name for which a pair counts once more
	ofLetters = 3
)

func costOf(d mail.Domain) int {
	n := 1 + len(d)/ofLength
	if strings.Contains(string(d), "xn--") {
		n *= ofLetters
	}
	return n
}

// sieve finds whom of many a name may resemble.
type sieve struct {
	all     []somebody
	index   *lookalike.Index
	pairs   int
	blocked func() // is told that it let through all it may
}

func newSieve(all []somebody, blocked func()) *sieve {
	targets := make([]lookalike.Target, len(all))
	for i, x := range all {
		targets[i] = lookalike.Target{Domain: x.domain, Tier: lookalike.Site}
	}
	return &sieve{all: all, index: lookalike.NewIndex(targets), blocked: blocked}
}

// among returns those with whom d is to be compared: of members of the conversation,
// of whom an index finds too little, all who have about its letters.
func (x *sieve) among(d mail.Domain) (some []somebody) {
	near := x.index.Among(d)
	for _, s := range x.all {
		if !slices.ContainsFunc(near, func(m lookalike.Match) bool { return m.Target == s.domain }) && (!s.member || lookalike.Distant(d, s.domain)) {
			continue
		}
		if x.pairs += costOf(d); x.pairs > maxSifted {
			x.blocked()
			break
		}
		some = append(some, s)
	}
	return some
}
