package lookalike

import (
	"slices"
	"strings"

	"mxgate/policy/lookalike/shelf"
	"mxgate/policy/mail"
	"mxgate/policy/memo"
)

// Index answers which targets a domain resembles. What it answers does not
// change once it is built, and it may be used by many goroutines.
type Index struct {
	targets []target
	labels  []label
	keys    shelf.Table
	begins  [shelf.MaxRunes + 1]uint64 // by how many letters a key has: with which it begins, each a bit
	longest int                        // letters of a key
	endings map[uint64]bool            // hashes of the suffixes of targets, without dots
	own     map[string]bool            // domains that are, or are registered with, a target
	// known remembers what Check found: most mail comes from domains that sent
	// some lately, and one message names a domain several times.
	known *memo.Memo[mail.Domain, []Match]
}

// knownOctets bounds known: some two thousand domains.
const knownOctets = 1 << 20

// NewIndex builds the index of targets; 10,000 take a fraction of a second and
// about half a kilobyte each.
//
// A target below a registrable domain stands for that domain. One without a
// label of its own (a public suffix, a single label) is left out, as is any
// after the first with the same name.
func NewIndex(targets []Target) *Index {
	x := &Index{own: make(map[string]bool, len(targets)), endings: map[uint64]bool{}, known: memo.New[mail.Domain, []Match](knownOctets, memo.Text)}
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
			x.labels = append(x.labels, label{glyphs: slices.Clip(n.glyphs)})
			x.addLabel(id)
		}
		x.labels[id].targets = append(x.labels[id].targets, int32(len(x.targets)))
		x.endings[endingHash(n.suffix)] = true
		x.targets = append(x.targets, target{t, id, n.suffix})
	}
	for i := range x.labels {
		x.countWithin(&x.labels[i])
	}
	return x
}

func tierRank(t Tier) int { return slices.Index([]Tier{Own, Protected, Site}, t) }

// addLabel files a label under its folded forms, and under those less one
// letter: a typed edit is one letter less on one side or on both.
func (x *Index) addLabel(id int32) {
	for _, k := range keysOf(x.labels[id].glyphs) {
		x.keys.Add(shelf.FullKey, k.hash(), id)
		x.begins[len(k.runes)] |= bitOf(k.runes[0])
		x.longest = max(x.longest, len(k.runes))
		shelf.EachShorter(k.runes, k.sums, 0, len(k.runes), func(sum uint64, _ rune) {
			x.keys.Add(shelf.ShortedKey, sum, id)
		})
	}
}

// bitOf is one of 64 bits for a letter; of other scripts several may share one.
func bitOf(r rune) uint64 { return 1 << (uint32(r) % 64) }

// endingHash is the hash of a suffix without its dots, folded.
func endingHash(suffix string) (h uint64) {
	for part := range strings.SplitSeq(suffix, ".") {
		for _, g := range glyphsOf(unicodeLabel(part)) {
			if g.c != '-' {
				h = shelf.Extended(h, plainFold(g.c))
			}
		}
	}
	return h
}

// countWithin tells the labels that l starts or ends with how common they are.
func (x *Index) countWithin(l *label) {
	k := plainKey(l.glyphs)
	h, n := k.sums, len(k.runes)
	for cut := minBrand; cut < n; cut++ {
		for _, sum := range [...]uint64{h.Part(0, cut), h.Part(n-cut, n)} {
			for id := range x.keys.All(shelf.FullKey, sum) {
				x.labels[id].within++
			}
		}
	}
}

func (x *Index) equal(h uint64, yield func(int32) bool) { x.keys.All(shelf.FullKey, h)(yield) }

func (x *Index) near(k key, from, to int, yield func(int32) bool) {
	ask := func(sum uint64) {
		x.keys.All(shelf.FullKey, sum)(yield)
		x.keys.All(shelf.ShortedKey, sum)(yield)
	}
	ask(k.sums.Part(from, to))
	shelf.EachShorter(k.runes, k.sums, from, to, func(sum uint64, _ rune) { ask(sum) })
}

func (x *Index) ending(h uint64) bool { return x.endings[h] }

func (x *Index) spelled(id int32, _, ending uint64) (int32, bool) {
	for _, t := range x.labels[id].targets {
		if endingHash(x.targets[t].suffix) == ending {
			return t, true
		}
	}
	return 0, false
}

func (x *Index) label(id int32) *label { return &x.labels[id] }

func (x *Index) target(id int32) target { return x.targets[id] }

func (x *Index) brands() (least, most int, anywhere bool) { return minBrand, x.longest, true }

func (x *Index) maybe(first rune, letters int) bool { return x.begins[letters]&bitOf(first) != 0 }

// addressed returns the target with the same suffix, or else the first; and the
// first own one. A label registered under hundreds of suffixes is one thing to
// imitate.
func (x *Index) addressed(labelID int32, suffix string) []int32 {
	l := &x.labels[labelID]
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
