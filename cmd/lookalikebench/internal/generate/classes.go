package generate

import "math/rand/v2"

// Group says which bar of the issue a class is held against.
type Group string

// The groups.
const (
	Single    Group = "single step" // one typed edit or one change of structure
	Homoglyph Group = "homoglyph"   // up to three letters
	IDN       Group = "idn"
	Exotic    Group = "exotic idn"
	Hyphen    Group = "hyphen"
	Split     Group = "split"
	Embedding Group = "embedding"
	Strong    Group = "strong combo"
	Other     Group = "" // measured without a bar
)

// Class is one way of imitating.
type Class struct {
	Name  string
	Group Group
	make  func(t Target, r *rand.Rand) string // "" if that name gives no occasion
}

// MinLabel is the shortest label that is imitated where recall is measured. Of
// three letters, one changed leaves another name rather than a similar one.
const MinLabel = 4

// attempts is how often chance is asked for each name wanted.
const attempts = 6

// Names makes at most n different names that imitate t.
func (c Class) Names(t Target, n int, seed uint64) []string {
	r := Seeded(seed, c.Name, t.Domain)
	seen := map[string]bool{}
	var names []string
	for range n * attempts {
		made := c.make(t, r)
		if made == "" {
			continue
		}
		if a, ok := Mailable(made, t); ok && !seen[a] {
			seen[a] = true
			if names = append(names, a); len(names) == n {
				break
			}
		}
	}
	return names
}

// Classes returns all classes, in the order in which they are shown.
func Classes() []Class {
	return []Class{
		{"omission", Single, inLabel(omit)},
		{"insertion", Single, inLabel(insert)},
		{"replacement", Single, inLabel(replace)},
		{"replacement, qwerty", Single, inLabel(press(qwerty))},
		{"replacement, qwertz", Single, inLabel(press(qwertz))},
		{"replacement, azerty", Single, inLabel(press(azerty))},
		{"swap", Single, inLabel(swap)},
		{"doubling", Single, inLabel(double)},
		{"vowel", Single, inLabel(vowel)},
		{"plural", Single, inLabel(plural)},
		{"bit flip", Single, inLabel(bitFlip)},
		{"homoglyph x1", Homoglyph, inLabel(disguise(leet, 1))},
		{"homoglyph x2", Homoglyph, inLabel(disguise(leet, 2))},
		{"homoglyph x3", Homoglyph, inLabel(disguise(leet, 3))},
		{"digraph (rn/m, cl/d, vv/w)", Homoglyph, inLabel(digraph)},
		{"idn, one letter", IDN, inLabel(disguise(foreign, 1))},
		{"idn, 2-3 letters", IDN, inLabel(between(foreign, 2, 3))},
		{"idn, 4 and more", IDN, inLabel(between(foreign, 4, 12))},
		{"idn, Cyrillic throughout", IDN, inLabel(throughout(cyrillic))},
		{"idn, exotic", Exotic, inLabel(between(exotic, 1, 3))},
		{"hyphen added", Hyphen, inLabel(addHyphen)},
		{"hyphen left out", Hyphen, inLabel(dropHyphen)},
		{"tld swap", Single, swapTLD},
		{"edit + tld", Other, withTLD(anyEdit)},
		{"homoglyph + tld", Other, withTLD(disguise(leet, 1))},
		{"double edit", Other, inLabel(func(s string, r *rand.Rand) string { return anyEdit(anyEdit(s, r), r) })},
		{"embedded", Embedding, embed},
		{"dots to hyphens", Embedding, dotsToHyphens},
		{"glued suffix", Embedding, glue},
		{"label split", Split, inLabel(split)},
		{"combo, strong, hyphen", Strong, combo(strong, "-", false)},
		{"combo, strong, glued", Strong, combo(strong, "", false)},
		{"combo, strong, before", Strong, combo(strong, "-", true)},
		{"combo, strong, glued before", Strong, combo(strong, "", true)},
		{"combo, weak, hyphen", Other, combo(weak, "-", false)},
		{"combo, weak, glued", Other, combo(weak, "", false)},
		{"combo, weak, before", Other, combo(weak, "-", true)},
		{"combo, weak, glued before", Other, combo(weak, "", true)},
		{"combo, weak, around", Other, around(weak)},
		{"combo, other word, hyphen", Other, combo(other, "-", false)},
		{"combo, other word, glued", Other, combo(other, "", false)},
		{"homoglyph + combo", Other, disguisedCombo},
	}
}

// Named returns the class of that name; it must be one of Classes.
func Named(name string) Class {
	for _, c := range Classes() {
		if c.Name == name {
			return c
		}
	}
	panic("generate: no class " + name)
}

// inLabel changes the label and keeps the suffix. What change leaves alone is no
// imitation.
func inLabel(change func(string, *rand.Rand) string) func(Target, *rand.Rand) string {
	return func(t Target, r *rand.Rand) string {
		if made := change(t.Label, r); made != "" && made != t.Label {
			return made + "." + t.Suffix
		}
		return ""
	}
}
