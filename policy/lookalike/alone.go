package lookalike

import "slices"

// Confidence from which a class may act alone, LOOKALIKE section 4.3.
const (
	aloneVisual = 50 // homoglyph, idn, hyphen, embedding, split
	aloneMixed  = 75 // combo; an edit with anything else
)

// Lengths from which a protected label may act alone. Below, chance resembles.
const (
	hyphenLength  = 5
	disguiseASCII = 4
	disguiseIDN   = 3
	disguiseCombo = 5
	brandLetters  = 5  // without an ordinary word, for a typed edit
	minAffix      = 4  // of such a word
	longLabel     = 8  // for an edit within the word that changes its look
	longestLabel  = 10 // for one anywhere
)

// alone applies the class rules: what may quarantine without the evidence of a
// relation. A suffix that differs, an ordinary word added, an umlaut spelled
// out, is never enough: partners do that too.
func (e *evidence) alone(conf int) bool {
	length, own := len(e.label.glyphs), e.target.Tier == Own
	strong := e.priced.strong > 0
	switch {
	case e.chance, e.target.Tier != Own && e.target.Tier != Protected:
		return false
	case e.form == Combo && own:
		return strong && conf >= aloneVisual
	case e.form == Combo:
		return strong && (conf >= aloneMixed || e.disguised() && e.edits == 0 && length >= disguiseCombo && conf >= aloneVisual)
	case e.form != "":
		return conf >= aloneVisual
	case e.series && !own:
		return false
	case e.edits > 0 && !own && !e.overlooked():
		return false
	case e.series:
		return e.oneEdit()
	case e.edits > 0:
		return e.oneEdit() || conf >= aloneMixed
	case e.disguised() && e.otherSuffix && (!e.posed || e.national()):
		return false // 1cloud met icloud: who imitates whom?
	case e.disguised():
		return conf >= aloneVisual && (own || length >= e.disguiseLength())
	case e.counts[spelledOut] > 0:
		return own && !e.otherSuffix
	case e.hyphens() > 0 && e.otherSuffix:
		return own && conf >= aloneMixed
	case e.hyphens() > 0:
		return conf >= aloneVisual && (own || length >= hyphenLength)
	}
	return false
}

// national reports that Latin letters with marks are all that differs: below
// another suffix others spell their own name so.
func (e *evidence) national() bool {
	return e.counts[imitated] == 0 && !slices.ContainsFunc(e.steps, func(s step) bool { return s.act == foreign && !marked(e.q[s.qi].src) })
}

// overlooked reports a typed edit that is rather passed over than another name of
// as many letters: two letters swapped or one doubled in any word; in a longest
// one all but another first letter, in a long one what lies within it. Readers see
// the ends of a word, and like names of strangers differ there. Chromium leaves
// names alone that differ in the first letter, too.
func (e *evidence) overlooked() bool {
	s := e.steps[slices.IndexFunc(e.steps, func(s step) bool { return s.act.edit() })]
	length := len(e.label.glyphs)
	first, last := s.qi == 0 && s.ti == 0, s.qi+s.qn == len(e.q) && s.ti+s.tn == len(e.t)
	switch {
	case s.act == swapped, s.act == doubled, s.act == undoubled && length >= longLabel:
		return true
	case length >= longestLabel:
		return s.act != replaced || !first
	case s.act == pluralised:
		return e.ownLetters() >= brandLetters
	case first || last:
		return false
	case length >= longLabel:
		return s.act != replaced || e.ownLetters() >= brandLetters
	case s.act == replaced: // by another vowel, or a letter of about the same shape
		q, t := e.q[s.qi].c, e.t[s.ti].c
		return (near(q, t) || vowel(q) && vowel(t)) && e.ownLetters() >= brandLetters
	}
	return s.act == added && e.ownLetters() >= brandLetters
}

// ownLetters counts the letters of the target's label without an ordinary word
// at one of its ends: what is left of usbank are two letters, and others have
// two other ones.
func (e *evidence) ownLetters() int {
	var room [maxGlyphs]byte
	label := folded(room[:0], e.label.glyphs)
	for cut := len(label); cut >= minAffix; cut-- {
		if commonWords[string(label[:cut])] || commonWords[string(label[len(label)-cut:])] {
			return len(label) - cut
		}
	}
	return len(label)
}

func (e *evidence) disguiseLength() int {
	if e.counts[imitated] == 0 {
		return disguiseIDN
	}
	return disguiseASCII
}
