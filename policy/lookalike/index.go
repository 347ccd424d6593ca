package lookalike

import (
	"slices"
	"strings"

	"mxgate/policy/mail"
	"mxgate/policy/memo"
)

// Index answers which targets a domain resembles. What it answers does not
// change once it is built, and it may be used by many goroutines.
type Index struct {
	targets []target
	labels  []label
	keys    table
	own     map[string]bool // domains that are, or are registered with, a target
	// known remembers what Check found: most mail comes from domains that sent
	// some lately, and one message names a domain several times.
	known *memo.Memo[mail.Domain, []Match]
}

// knownOctets bounds known: some two thousand domains.
const knownOctets = 1 << 20

// target is one domain worth imitating.
type target struct {
	Target
	label  int32
	suffix string
}

// label is the label of one or more targets that differ in their suffix.
type label struct {
	glyphs  []glyph
	targets []int32
	within  int  // targets whose label starts or ends with this one
	common  bool // an ordinary word
}

// NewIndex builds the index of targets; 10,000 take a fraction of a second and
// about half a kilobyte each.
//
// A target below a registrable domain stands for that domain. One without a
// label of its own (a public suffix, a single label) is left out, as is any
// after the first with the same name.
func NewIndex(targets []Target) *Index {
	x := &Index{own: make(map[string]bool, len(targets)), known: memo.New[mail.Domain, []Match](knownOctets)}
	byText := make(map[string]int32, len(targets))
	seen := make(map[mail.Domain]bool, len(targets))
	// Own targets first: one domain may be named in both tiers.
	targets = slices.Clone(targets)
	slices.SortStableFunc(targets, func(a, b Target) int { return tierRank(a.Tier) - tierRank(b.Tier) })
	for _, t := range targets {
		n, ok := parse(t.Domain)
		if !ok || seen[t.Domain] {
			continue
		}
		seen[t.Domain] = true
		x.own[n.registrable], x.own[string(t.Domain)] = true, true
		text := n.labels[len(n.labels)-1]
		id, ok := byText[text]
		if !ok {
			id = int32(len(x.labels))
			byText[text] = id
			x.labels = append(x.labels, label{glyphs: slices.Clip(n.glyphs), common: commonWords[foldWord(text)]})
			x.addLabel(id)
		}
		x.labels[id].targets = append(x.labels[id].targets, int32(len(x.targets)))
		x.addDomain(int32(len(x.targets)), n)
		x.targets = append(x.targets, target{t, id, n.suffix})
	}
	for i := range x.labels {
		x.countWithin(&x.labels[i])
	}
	return x
}

func tierRank(t Tier) int {
	if t == Own {
		return 0
	}
	return 1
}

// addLabel files a label under its folded forms, and under those less one
// letter: a typed edit is one letter less on one side or on both.
func (x *Index) addLabel(id int32) {
	for _, k := range keysOf(x.labels[id].glyphs) {
		h := hashKey(k.runes)
		x.keys.add(fullKey, h.part(0, len(k.runes)), id)
		eachShorter(k.runes, h, 0, len(k.runes), func(sum uint64) {
			x.keys.add(shortedKey, sum, id)
		})
	}
}

// minShortened is the shortest key that is filed and asked for with a letter
// less: one letter of two says nothing.
const minShortened = 3

// eachShorter calls yield with the hash of runes[from:to] less one letter, for
// each letter whose loss makes a difference.
func eachShorter(runes []rune, h hashes, from, to int, yield func(uint64)) {
	if to-from < minShortened {
		return
	}
	for i := from; i < to; i++ {
		if i == from || runes[i] != runes[i-1] {
			yield(h.without(from, to, i))
		}
	}
}

// keysOf returns the plain key and, when it differs, the wide one.
func keysOf(glyphs []glyph) []key {
	plain := plainKey(glyphs)
	if len(plain.runes) == 0 {
		return nil
	}
	if wide, ok := wideKey(plain); ok {
		return []key{plain, wide}
	}
	return []key{plain}
}

// addDomain files a target under its label and suffix written together.
func (x *Index) addDomain(id int32, n name) {
	if k := domainRunes(n.glyphs, n.suffix); len(k) <= maxKeyRunes {
		x.keys.add(domainKey, hashKey(k).part(0, len(k)), id)
	}
}

// domainRunes folds a label and its suffix, without hyphens and dots.
func domainRunes(glyphs []glyph, suffix string) []rune {
	runes := plainKey(glyphs).runes
	for part := range strings.SplitSeq(suffix, ".") {
		runes = append(runes, plainKey(glyphsOf(unicodeLabel(part))).runes...)
	}
	return runes
}

// countWithin tells the labels that l starts or ends with how common they are.
func (x *Index) countWithin(l *label) {
	k := plainKey(l.glyphs)
	h, n := hashKey(k.runes), len(k.runes)
	for cut := minBrand; cut < n; cut++ {
		for _, sum := range [...]uint64{h.part(0, cut), h.part(n-cut, n)} {
			for id := range x.keys.all(fullKey, sum) {
				x.labels[id].within++
			}
		}
	}
}

// near calls yield with each label whose folded form is at most about one
// letter away from runes[from:to], equal forms first. A label may come twice.
func (x *Index) near(runes []rune, h hashes, from, to int, yield func(int32)) {
	whole := h.part(from, to)
	for id := range x.keys.all(fullKey, whole) {
		yield(id)
	}
	for id := range x.keys.all(shortedKey, whole) {
		yield(id)
	}
	eachShorter(runes, h, from, to, func(sum uint64) {
		for id := range x.keys.all(fullKey, sum) {
			yield(id)
		}
		for id := range x.keys.all(shortedKey, sum) {
			yield(id)
		}
	})
}

// addressed returns the targets of a label that a name with this suffix is held
// against: the one with the same suffix, or else the first; and the first own
// one. A label registered under hundreds of suffixes is one thing to imitate.
func (x *Index) addressed(l *label, suffix string) []int32 {
	chosen := l.targets[:1:1]
	for _, id := range l.targets {
		if x.targets[id].suffix != suffix {
			continue
		}
		if x.targets[chosen[0]].Tier == Own && id != chosen[0] {
			return append(chosen, id)
		}
		return []int32{id}
	}
	return chosen
}
