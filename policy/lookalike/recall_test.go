package lookalike

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"

	"mxgate/policy/mail"
)

// generator makes names that imitate a domain in one way.
type generator struct {
	name    string
	alone   float64 // percent of names that have to act alone, on labels of minimum letters
	minimum int
	mutate  func(d mail.Domain, seed int) (mail.Domain, bool)
}

// least is the share that has to be found, in percent: of what takes a single step,
// and of the rest.
func (g generator) least() float64 {
	if strings.Contains(g.name, "edit + tld") || strings.Contains(g.name, "homoglyph + combo") {
		return 97
	}
	return 99.5
}

// mutation changes the label of a registrable domain.
func mutation(change func(label string, r *rand.Rand) string) func(mail.Domain, int) (mail.Domain, bool) {
	return whole(func(label, suffix string, r *rand.Rand) string { return change(label, r) + "." + suffix })
}

// whole changes label and suffix.
func whole(change func(label, suffix string, r *rand.Rand) string) func(mail.Domain, int) (mail.Domain, bool) {
	return func(d mail.Domain, seed int) (mail.Domain, bool) {
		suffix, _ := publicsuffix.PublicSuffix(string(d))
		label := strings.TrimSuffix(string(d), "."+suffix)
		if strings.Contains(label, ".") || strings.HasPrefix(label, "xn--") || len(label) < 3 {
			return "", false
		}
		mutant, err := mail.ParseDomain(change(label, suffix, rand.New(rand.NewPCG(uint64(seed), 3))))
		if _, ok := parse(mutant); err != nil || !ok || mutant == d {
			return "", false
		}
		return mutant, true
	}
}

// disguises replaces n letters, of those that the table has, by what imitates them.
func disguises(table map[string][]string, n int) func(string, *rand.Rand) string {
	letters := make([]string, 0, len(table))
	for letter := range table {
		letters = append(letters, letter)
	}
	slices.Sort(letters)
	return func(label string, r *rand.Rand) string {
		var at []int
		for i := range label {
			if slices.Contains(letters, label[i:i+1]) {
				at = append(at, i)
			}
		}
		if len(at) < n {
			return label
		}
		r.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
		at = at[:n]
		slices.Sort(at)
		for _, i := range slices.Backward(at) {
			choices := table[label[i:i+1]]
			label = label[:i] + choices[r.IntN(len(choices))] + label[i+1:]
		}
		return label
	}
}

var asciiDisguise = map[string][]string{
	"o": {"0"}, "i": {"1", "l"}, "l": {"1", "i"}, "s": {"5"}, "e": {"3"}, "a": {"4"}, "t": {"7"}, "b": {"8"}, "m": {"rn", "nn"},
	"w": {"vv"}, "d": {"cl"}, "g": {"9", "q"}, "z": {"2"},
}

var foreignDisguise = map[string][]string{
	"a": {"а", "á", "ä", "ạ", "ɑ"}, "c": {"с", "ç", "ć"}, "e": {"е", "é", "ẹ", "ę"}, "i": {"і", "ı", "ï", "ɩ"}, "o": {"о", "ο", "ö", "ọ", "ø"},
	"p": {"р", "ƿ"}, "s": {"ѕ", "ş", "ś"}, "u": {"ü", "υ", "ụ"}, "x": {"х"}, "y": {"у", "ý"}, "h": {"һ", "ħ"}, "d": {"ԁ", "đ"},
	"g": {"ġ", "ɡ"}, "l": {"ł", "ӏ", "ḷ"}, "n": {"ń", "ո", "ŋ"}, "m": {"ṃ", "м"}, "k": {"к", "ķ"}, "t": {"ţ", "т", "ŧ"}, "b": {"ḃ", "ь"},
}

func editOne(label string, r *rand.Rand) string {
	i, c := r.IntN(len(label)), string(rune('a'+r.IntN(26)))
	switch r.IntN(4) {
	case 0:
		return label[:i] + label[i+1:]
	case 1:
		return label[:i] + c + label[i:]
	case 2:
		return label[:i] + c + label[i+1:]
	}
	i = min(i, len(label)-2)
	return label[:i] + label[i+1:i+2] + label[i:i+1] + label[i+2:]
}

// editOverlooked doubles a letter, swaps two or takes one vowel for another.
func editOverlooked(label string, r *rand.Rand) string {
	i := 1 + r.IntN(len(label)-2)
	if label[i] == '-' || label[i-1] == '-' || label[i] >= '0' && label[i] <= '9' {
		return label
	}
	switch at := strings.IndexAny(label[1:len(label)-1], "aeiou"); {
	case r.IntN(3) == 0:
		return label[:i] + label[i:i+1] + label[i:]
	case r.IntN(2) == 0 || at < 0:
		return label[:i-1] + label[i:i+1] + label[i-1:i] + label[i+1:]
	default:
		return label[:at+1] + string("eiouae"[strings.IndexByte("aeiou", label[at+1])]) + label[at+2:]
	}
}

// editWithin changes a letter that is neither the first nor the last.
func editWithin(label string, r *rand.Rand) string {
	i := 1 + r.IntN(len(label)-2)
	if label[i] >= '0' && label[i] <= '9' {
		return label
	}
	return label[:i] + oneOf(r, "", string(rune('a'+r.IntN(26)))) + label[i+1:]
}

func otherSuffix(suffix string, r *rand.Rand) string {
	suffixes := []string{"com", "net", "org", "info", "co", "biz", "co.uk", "de", "eu", "online"}
	return suffixes[(slices.Index(suffixes, suffix)+1+r.IntN(len(suffixes)-1))%len(suffixes)]
}

func oneOf(r *rand.Rand, choices ...string) string { return choices[r.IntN(len(choices))] }

// frauds are words that a combo is made of; the product's list is longer.
var frauds = []string{"login", "invoice", "billing", "secure", "payment", "support", "verify", "rechnung", "konto"}

var generators = []generator{
	{"homoglyph x1", 95, 4, mutation(disguises(asciiDisguise, 1))},
	{"homoglyph x2", 95, 5, mutation(disguises(asciiDisguise, 2))},
	{"homoglyph x3", 95, 7, mutation(disguises(asciiDisguise, 3))},
	{"idn x1", 95, 4, mutation(disguises(foreignDisguise, 1))},
	{"idn x3", 95, 4, mutation(disguises(foreignDisguise, 3))},
	{"edit", 0, 3, mutation(editOne)},
	{"edit, overlooked", 80, 6, mutation(editOverlooked)},
	{"edit, within", 80, 8, mutation(editWithin)},
	{"hyphen", 95, 5, mutation(func(label string, r *rand.Rand) string {
		i := 1 + r.IntN(len(label)-1)
		return label[:i] + "-" + label[i:]
	})},
	{"tld", 0, 3, whole(func(label, suffix string, r *rand.Rand) string { return label + "." + otherSuffix(suffix, r) })},
	{"edit + tld", 0, 6, whole(func(label, suffix string, r *rand.Rand) string {
		return editOne(label, r) + "." + otherSuffix(suffix, r)
	})},
	{"homoglyph + tld", 0, 4, whole(func(label, suffix string, r *rand.Rand) string {
		return disguises(asciiDisguise, 1)(label, r) + "." + otherSuffix(suffix, r)
	})},
	{"combo, hyphen", 0, 7, whole(func(label, suffix string, r *rand.Rand) string {
		return label + "-" + oneOf(r, frauds...) + "." + otherSuffix(suffix, r)
	})},
	{"combo, glued", 0, 7, whole(func(label, suffix string, r *rand.Rand) string {
		return oneOf(r, frauds...) + label + "." + otherSuffix(suffix, r)
	})},
	{"homoglyph + combo", 0, 7, whole(func(label, suffix string, r *rand.Rand) string {
		return disguises(asciiDisguise, 1)(label, r) + "-" + oneOf(r, frauds...) + "." + otherSuffix(suffix, r)
	})},
	{"embedded", 95, 5, whole(func(label, suffix string, r *rand.Rand) string { return label + "." + suffix + ".pay-x.example" })},
	{"dots to hyphens", 95, 5, whole(func(label, suffix string, r *rand.Rand) string {
		return label + "-" + strings.ReplaceAll(suffix, ".", "-") + ".example"
	})},
	{"glued", 95, 7, whole(func(label, suffix string, r *rand.Rand) string {
		return label + strings.ReplaceAll(suffix, ".", "") + ".example"
	})},
	{"split", 95, 7, mutation(func(label string, r *rand.Rand) string {
		if len(label) < 7 {
			return label
		}
		i := 2 + r.IntN(len(label)-3)
		return strings.Trim(label[:i], "-") + "." + strings.Trim(label[i:], "-")
	})},
}

// generatedNames is how many names are made for each target and generator.
const generatedNames = 5

func TestEachWayOfImitatingIsFound(t *testing.T) {
	targets := sampleTargets(t, 550, 42)
	x := NewIndex(targets)
	// Targets such as check.in, whose suffix is a word, are left out of the last
	// column where that word would be part of the name: check-in is no disguise.
	t.Logf("%-18s %6s %7s %7s %7s", "class", "names", "found", ">= 50", "alone")
	for _, g := range generators {
		var n, found, likely, eligible, alone int
		for i, target := range targets {
			for k := range generatedNames {
				d, ok := g.mutate(target.Domain, generatedNames*i+k)
				if !ok || x.owned(mustParse(t, d)) {
					continue
				}
				label, _, _ := strings.Cut(string(target.Domain), ".")
				m, hit := matchOf(x.Check(d), target.Domain)
				if len(label) < g.minimum {
					continue
				}
				n++
				acts := !wordSuffix[suffixOf(target.Domain)] || g.name != "glued" && g.name != "dots to hyphens"
				if acts {
					eligible++
				}
				if hit {
					found++
				} else if testing.Verbose() && n%50 == 0 {
					t.Log("missed", d, "for", target.Domain)
				}
				if hit && m.Confidence >= 50 {
					likely++
				}
				if hit && m.Alone && acts {
					alone++
				}
			}
		}
		share := func(k int) float64 { return 100 * float64(k) / float64(n) }
		acting := 100 * float64(alone) / float64(eligible)
		t.Logf("%-18s %6d %6.1f%% %6.1f%% %6.1f%%", g.name, n, share(found), share(likely), acting)
		if share(found) < g.least() {
			t.Errorf("%s: %.2f %% found, want %.1f", g.name, share(found), g.least())
		}
		if acting < g.alone {
			t.Errorf("%s: %.1f %% may act alone, want %.0f", g.name, acting, g.alone)
		}
	}
}

func suffixOf(d mail.Domain) string {
	suffix, _ := publicsuffix.PublicSuffix(string(d))
	return suffix
}

func mustParse(t *testing.T, d mail.Domain) name {
	n, ok := parse(d)
	if !ok {
		t.Fatalf("parse(%q)", d)
	}
	return n
}

// matchOf finds the match of a target, or of another with the same label.
func matchOf(matches []Match, target mail.Domain) (Match, bool) {
	label, _, _ := strings.Cut(string(target), ".")
	for _, m := range matches {
		if m.Target == target || strings.HasPrefix(string(m.Target), label+".") {
			return m, true
		}
	}
	return Match{}, false
}
