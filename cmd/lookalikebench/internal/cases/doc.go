// Package cases turns third-party lists into what the benchmark judges: targets,
// popular domains that imitate nobody, groups with one owner, and the labelled
// tables of Basecamp, Chromium and the UDRP panels. It opens nothing.
package cases

import (
	"math/rand/v2"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Targets draws n registrable domains, a tenth of them organisations and the
// rest from a list of popular names that stand for correspondents.
func Targets(organisations, popular []string, n int, seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 1))
	first := draw(r, organisations, n/11, nil)
	return append(first, draw(r, popular, n-len(first), first)...)
}

func draw(r *rand.Rand, from []string, n int, not []string) []string {
	var drawn []string
	for _, i := range r.Perm(len(from)) {
		if len(drawn) == n {
			break
		}
		if d := Registrable(from[i]); d == from[i] && !slices.Contains(not, d) {
			drawn = append(drawn, d)
		}
	}
	return drawn
}

// Registrable returns the registrable domain of a name, "" if it has none.
func Registrable(name string) string {
	d, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return ""
	}
	return d
}

// Minus returns the registrable domains of list, without repeats, that none of
// the others has.
func Minus(list []string, others ...[]string) []string {
	seen := map[string]bool{"": true}
	for _, other := range others {
		for _, name := range other {
			seen[Registrable(name)] = true
		}
	}
	var left []string
	for _, name := range list {
		if d := Registrable(name); !seen[d] {
			seen[d] = true
			left = append(left, d)
		}
	}
	return left
}

// Groups reads groups of domains with one owner from rows of source and domains.
func Groups(rows [][]string) [][]string {
	var groups [][]string
	for _, row := range rows {
		if len(row) < 2 {
			continue
		}
		if g := Minus(strings.Fields(row[1])); len(g) > 1 {
			groups = append(groups, g)
		}
	}
	return groups
}
