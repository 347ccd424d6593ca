// Package baseline holds the simple rules that mail filters and monitors use
// against look-alikes, to stand beside ours on the same names.
//
// Levenshtein distance 1 is the core of Sublime's look-alike rule, distance 2
// that of its thread hijack rule; the skeleton is UTS #39, Section 4; openSquat
// takes a label within one edit or with the brand anywhere in it. The set of
// dnstwist is no rule on two names: see package generate.
package baseline

import (
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Name is one domain, prepared once for all rules.
type Name struct {
	Full, Label, Suffix string // U-labels; Label is that of the registrable domain
	Skeleton            string // of Label
	full, label         []rune
}

// Reader prepares names.
type Reader struct{ Confusables Confusables }

// Read prepares a domain of A-labels; ok is false for a public suffix.
func (r Reader) Read(domain string) (n Name, ok bool) {
	registrable, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return Name{}, false
	}
	suffix, _ := publicsuffix.PublicSuffix(domain)
	label := strings.TrimSuffix(registrable, "."+suffix)
	if u, err := idna.Punycode.ToUnicode(label); err == nil {
		label = u
	}
	n = Name{Full: label + "." + suffix, Label: label, Suffix: suffix, Skeleton: r.Confusables.Skeleton(label)}
	n.full, n.label = []rune(n.Full), []rune(label)
	return n, true
}

// Rule says whether d imitates target.
type Rule struct {
	Name  string
	Match func(d, target *Name) bool
}

// Rules returns the rules in the order in which they are shown.
func Rules() []Rule {
	return []Rule{
		{"lev 1", func(d, t *Name) bool { return within(d.full, t.full, 1) }},
		{"lev <= 2", func(d, t *Name) bool { return within(d.full, t.full, 2) }},
		{"UTS #39, same suffix", func(d, t *Name) bool { return d.Skeleton == t.Skeleton && d.Suffix == t.Suffix }},
		{"UTS #39, any suffix", func(d, t *Name) bool { return d.Skeleton == t.Skeleton }},
		{"openSquat", func(d, t *Name) bool { return within(d.label, t.label, 1) || strings.Contains(d.Label, t.Label) }},
	}
}

// within reports whether the Levenshtein distance of a and b is at most k, a
// small number: only the 2k+1 diagonals that matter are looked at.
func within(a, b []rune, k int) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > k {
		return false
	}
	const widest = 2*2 + 1
	var row [widest + 2]int // row[d+1] is the cost on diagonal d-k, j = i+d-k
	for d := range 2*k + 1 {
		row[d+1] = max(d-k, 0)
		if d < k {
			row[d+1] = k + 1
		}
	}
	row[0], row[2*k+2] = k+1, k+1
	for i := range a {
		least := k + 1
		for d := range 2*k + 1 {
			j := i + 1 + d - k
			if j < 0 || j > len(b) {
				row[d+1] = k + 1
				continue
			}
			cost := row[d+2] + 1 // b lacks a[i]
			if j > 0 {
				same := row[d+1]
				if a[i] != b[j-1] {
					same++
				}
				cost = min(cost, same, row[d]+1)
			}
			row[d+1] = min(cost, k+1)
			least = min(least, row[d+1])
		}
		if least > k {
			return false
		}
	}
	return row[len(b)-len(a)+k+1] <= k
}
