package lookalike

import (
	"slices"

	"mxgate/policy/mail"
)

// maxKin bounds the labels that Kin returns.
const maxKin = 128

// Kin returns the labels of known domains out of which d's label may be made: those
// that are one letter away, those that stand within it, and what remains of it
// without known words, one letter away, too. They are written as in their domains,
// each once, in no order of likeness. Left out are those of which Compare would find
// less than that confidence for the words around; of the others it tells.
//
// Near leaves out what firms add to their own names, of which there are many among
// a million. Kin is for who knows to whom of these it matters.
func (k *Known) Kin(d mail.Domain, least int) (found []string) {
	k.hunt(d, func(h *hunt) {
		add := func(ref int32) bool {
			label, _ := h.Text(ref)
			if len(found) < maxKin && !slices.ContainsFunc(found, func(f string) bool { return f == string(label) }) {
				found = append(found, string(label))
			}
			return len(found) < maxKin
		}
		keys := keysOf(h.name.glyphs)
		for _, k := range keys {
			h.near(k, 0, len(k.runes), add)
		}
		h.remains(keys[0], add)
		for _, k := range keys {
			h.parts(k, least, add)
		}
	})
	return found
}

// parts asks for the labels that stand within k, the longest first, and leaves those
// out whose words around make less of a likeness than least.
func (h *hunt) parts(k key, least int, yield func(int32) bool) {
	var around surroundings
	for length := len(k.runes) - 1; length >= minBrand; length-- {
		for from := 0; from+length <= len(k.runes); from++ {
			if to := from + length; k.entire(from, to) {
				h.equal(k.sums.Part(from, to), func(ref int32) bool {
					e, ok := around.combo(h.name.glyphs, int(k.at[from]), int(k.at[to-1])+1)
					if ok {
						e.label = h.label(ref)
					}
					return !ok || e.confidence() < least || yield(ref)
				})
			}
		}
	}
}

// remains asks for what is left of k without known words at its ends.
func (h *hunt) remains(k key, yield func(int32) bool) {
	n, text := len(k.runes), string(k.runes)
	if len(text) != n {
		return // words are ASCII
	}
	starts, ends := wordsAt(text)
	looked := 0
	for i, start := range starts {
		for j, end := range ends {
			if from, to := start.letters, n-end.letters; i+j > 0 && to-from >= minBrandKnown && looked < maxResidues {
				looked++
				h.near(k, from, to, yield)
			}
		}
	}
}
