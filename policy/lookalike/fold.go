package lookalike

// Debian's package unicode-data, 15.0.0-1, has no confusables.txt; the source
// package icu of the same release has it, of the same version of Unicode, 15.0.0.
//
//go:generate go run ./internal/gen -confusables confusables.txt -from "Debian source package icu 72.1-3+deb12u1, source/data/unidata"

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"mxgate/policy/lookalike/shelf"
	"mxgate/policy/mail"
)

// maxGlyphs bounds a label after folding. Decomposition can lengthen a label
// eighteenfold; what then exceeds a label's length imitates no label.
const maxGlyphs = maxLabelOctets

// glyph is one letter of a label as a reader takes it.
type glyph struct {
	c   rune // prototype: ASCII if there is one, else the character itself
	src rune // character written, or continued
}

// continued stands for the character written in the second and later letters
// of a prototype: æ is read as a and e.
const continued rune = -1

// prototypeOf maps characters to what they look like, UTS #39, Section 4.
var prototypeOf = func() map[rune]string {
	m := map[rune]string{}
	for _, entry := range confusables {
		for _, r := range entry.chars {
			m[r] = entry.prototype
		}
	}
	return m
}()

// glyphsOf folds a U-label into what a reader takes it for. Marks and format
// characters vanish, as they do at a glance. Nil when longer than maxGlyphs.
func glyphsOf(label string) []glyph {
	glyphs := make([]glyph, 0, len(label))
	for _, src := range label {
		if src < 0x80 {
			lower := unicode.ToLower(src)
			glyphs = append(glyphs, glyph{lower, lower})
		} else {
			glyphs = appendFolded(glyphs, src)
		}
		if len(glyphs) > maxGlyphs {
			return nil
		}
	}
	return glyphs
}

// appendFolded appends the prototype of one non-ASCII character.
func appendFolded(glyphs []glyph, src rune) []glyph {
	first := src
	add := func(c rune) {
		glyphs = append(glyphs, glyph{c, first})
		first = continued
	}
	for _, r := range norm.NFKD.String(string(src)) {
		if unicode.In(r, unicode.M, unicode.Cf) {
			continue
		}
		if strings.ContainsRune(middleDots, r) {
			add('-') // a reader passes over both
			continue
		}
		r = unicode.ToLower(r)
		prototype, ok := prototypeOf[r]
		if !ok {
			add(r)
			continue
		}
		for _, c := range prototype {
			add(c)
		}
	}
	return glyphs
}

// middleDots are allowed within labels: RFC 5892, Appendix A.3 and A.7, and what
// is folded to them.
const middleDots = "\u00b7\u0387\u2027\u30fb\uff65"

// plainFold maps a letter to the one that stands for all it is confused with.
// One character in, one out: a typed edit stays one edit.
func plainFold(c rune) rune {
	switch c {
	case '0':
		return 'o'
	case '1', 'i':
		return 'l'
	case '2':
		return 'z'
	case '3':
		return 'e'
	case '4':
		return 'a'
	case '5':
		return 's'
	case '6', '8':
		return 'b'
	case '7':
		return 't'
	case '9', 'q':
		return 'g'
	}
	return c
}

// key is a folded label, by which look-alikes are found.
type key struct {
	runes []rune
	at    []uint8 // index of the glyph that each rune comes from
	plain bool    // one letter for one: the key in which edits are counted
	sums  shelf.Hashes
}

func newKey(letters int) key {
	return key{runes: make([]rune, 0, letters), at: make([]uint8, 0, letters)}
}

func (k *key) add(r rune, at int) {
	k.runes = append(k.runes, r)
	k.at = append(k.at, uint8(at))
}

// hash is that of the whole key.
func (k key) hash() uint64 { return k.sums[len(k.runes)] }

// keysOf returns the plain key, then the wide one and the spelled one when they
// differ from it. The glyphs are not all hyphens.
func keysOf(glyphs []glyph) []key {
	plain := plainKey(glyphs)
	keys := append(make([]key, 0, 3), plain)
	if wide, ok := wideKey(plain); ok {
		keys = append(keys, wide)
	}
	if spelled, ok := spelledKey(glyphs); ok {
		keys = append(keys, spelled)
	}
	return keys
}

// plainKey drops hyphens and folds single characters.
func plainKey(glyphs []glyph) key {
	k := newKey(len(glyphs))
	k.plain = true
	for i, g := range glyphs {
		if g.c != '-' {
			k.add(plainFold(g.c), i)
		}
	}
	k.sums = shelf.Hash(k.runes)
	return k
}

// wideKey spells letters as the pairs that imitate them: rn and m become nn,
// w and vv become uu, d becomes cl. It is kept apart from the plain key
// because one edit in the letters of a pair would be two here.
//
// Spelling out, not contracting, makes the result independent of where a
// reader starts: nnn is both nm and mn. The result reports false when it
// equals k.
func wideKey(k key) (key, bool) {
	if !slices.ContainsFunc(k.runes, func(r rune) bool { return r == 'r' || pairOf(r) != "" }) {
		return key{}, false
	}
	w := newKey(2 * len(k.runes))
	changed := false
	for i, r := range k.runes {
		pair := pairOf(r)
		if pair == "" {
			w.add(r, int(k.at[i]))
			continue
		}
		changed = true
		for _, c := range pair {
			w.add(c, int(k.at[i]))
		}
	}
	for i := len(w.runes) - 2; i >= 0; i-- {
		if w.runes[i] == 'r' && w.runes[i+1] == 'n' {
			w.runes[i] = 'n'
			changed = true
		}
	}
	w.sums = shelf.Hash(w.runes)
	return w, changed
}

func pairOf(r rune) string {
	switch r {
	case 'm':
		return "nn"
	case 'w':
		return "uu"
	case 'v':
		return "u"
	case 'd':
		return "cl"
	}
	return ""
}

// spelledKey spells letters with marks as those who have no such keys do: ue for
// ü. Several of them in one name would be several edits in the plain key. The
// result reports false if there are none.
func spelledKey(glyphs []glyph) (key, bool) {
	if !slices.ContainsFunc(glyphs, func(g glyph) bool { return spellingOf(g.src) != "" }) {
		return key{}, false
	}
	k := newKey(2 * len(glyphs))
	for i, g := range glyphs {
		switch spelling := spellingOf(g.src); {
		case g.c == '-':
		case spelling == "":
			k.add(plainFold(g.c), i)
		default:
			for _, c := range spelling {
				k.add(plainFold(c), i)
			}
		}
	}
	k.sums = shelf.Hash(k.runes)
	return k, true
}

func spellingOf(r rune) string {
	switch r {
	case 'ä':
		return "ae"
	case 'ö', 'ø':
		return "oe"
	case 'ü':
		return "ue"
	case 'å':
		return "aa"
	case 'ß':
		return "ss"
	}
	return ""
}

// foldWord gives the plain key of an ASCII word as a string.
func foldWord(word string) string {
	return string(plainKey(glyphsOf(strings.ToLower(word))).runes)
}

// maxSkeleton bounds the letters of a Skeleton. No name of a person has as many.
const maxSkeleton = 256

// Skeleton folds text into what a reader takes it for at a glance: texts that
// look alike have the same. It holds letters and digits only, of which one stands
// for all it is confused with; space, punctuation, marks and what is not seen
// vanish. "" if nothing is left, or more than 256 letters. Not for display.
func Skeleton(text string) string {
	letters := make([]rune, 0, min(len(text), maxSkeleton))
	var read []glyph
	for _, src := range text {
		switch read = read[:0]; {
		case src < 0x80:
			read = append(read, glyph{unicode.ToLower(src), src})
		case !mail.Invisible(src):
			read = appendFolded(read, src)
		}
		for _, g := range read {
			if !unicode.IsLetter(g.c) && !unicode.IsNumber(g.c) {
				continue
			}
			if len(letters) == maxSkeleton {
				return ""
			}
			letters = append(letters, plainFold(g.c))
		}
	}
	return string(letters)
}
