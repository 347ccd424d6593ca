package lookalike

import (
	"slices"
	"strings"
)

// evidence is all that is known about a name and one target.
type evidence struct {
	difference           // of the label, or of the part that stands for the target's
	form        Class    // Embedding, Split or Combo; "" when label stands against label
	words       []string // Combo: what was added
	apart       bool     // Combo: the brand stands between hyphens or ends
	amid        bool     // Combo: something stands on both sides of the brand
	glued       bool     // Embedding: without a mark where the dot was
	below       bool     // Embedding: left of the registrable domain
	chance      bool     // the form is as likely ordinary words
	otherSuffix bool
	target      target
	label       *label
}

// class joins what the evidence shows.
func (e evidence) class() Class {
	var parts []string
	for _, part := range [...]struct {
		shown bool
		class Class
	}{
		{e.counts[foreign]+e.counts[spelledOut] > 0 || e.unseen(), IDN},
		{e.counts[imitated] > 0, Homoglyph},
		{e.edits > 0, Edit},
		{e.form == "" && e.hyphens() > 0, Hyphen},
		{e.form != "", e.form},
		{e.otherSuffix && (e.form == "" || e.form == Split), TLD},
	} {
		if part.shown {
			parts = append(parts, string(part.class))
		}
	}
	return Class(strings.Join(parts, "+"))
}

func (e evidence) hyphens() int { return e.counts[hyphenAdded] + e.counts[hyphenLeft] }

// unseen reports a name that reads exactly as the target: what differs is an
// invisible character or a mark on its own.
func (e evidence) unseen() bool { return e.form == "" && len(e.steps) == 0 && !e.otherSuffix }

// disguised reports characters that pass for others. A letter pair that an
// umlaut is spelled with is none.
func (e evidence) disguised() bool {
	return e.counts[foreign]+e.counts[imitated] > 0 || e.unseen()
}

// Confidence of the forms, and of a label that is the same below another
// suffix, before the difference of the letters is taken off.
const (
	confEmbedded  = 95
	confGlued     = 92
	confSplit     = 90
	confSplitTLD  = 45
	confTLD       = 60
	confChance    = 45 // ordinary words: never enough to act
	confOneEdit   = 65 // least for one edit on a label that is long enough
	perLetterCost = 34 // confidence lost for a replaced letter in eight
	crowdCost     = 6  // confidence of a short label lost for each other target as near
	suffixCost    = 50 // hundredths of a replaced letter
)

// confidence weighs the evidence, 0 to 100.
func (e evidence) confidence() int {
	length := len(e.label.glyphs)
	base, cost := 100, e.cost
	switch e.form {
	case Embedding:
		base = confEmbedded
		if e.glued {
			base = confGlued
		}
	case Split:
		base = confSplit
		if e.otherSuffix {
			base = confSplitTLD
		}
	case Combo:
		base = e.comboBase()
	default:
		if e.otherSuffix && len(e.steps) == 0 {
			return confTLD
		}
		if e.otherSuffix {
			cost += suffixCost
		}
	}
	conf := base - perLetterCost*cost*8/max(length, 4)/100
	if e.form == "" && e.edits > 0 {
		conf = e.typed(conf)
	}
	if e.chance {
		conf = min(conf, confChance)
	}
	return min(max(conf, 0), 100)
}

// Lengths from which a label may be typed wrongly by design, not by chance.
const (
	editLength    = 6
	editLengthOwn = 3 // Deviation: LOOKALIKE says any; of two letters, one is left
)

// typed adjusts the confidence of a typed edit. Among thousands of protected
// names short ones have neighbours by chance; own names are few.
func (e evidence) typed(conf int) int {
	if e.oneEdit() {
		conf = max(conf, confOneEdit)
	}
	length := len(e.label.glyphs)
	if e.target.Tier == Own || length > 5 {
		return conf
	}
	conf -= crowdCost * min(e.crowd, 5)
	switch length {
	case 5:
		conf -= 20
	case 4:
		conf -= 40
	default:
		conf -= 60
	}
	if e.otherSuffix || e.form != "" {
		return conf
	}
	return max(conf, minConfidence) // chance, unless there is a relation
}

// oneEdit reports exactly one edit, below the same suffix, of a label that is
// long enough for its tier.
func (e evidence) oneEdit() bool {
	least := editLength
	if e.target.Tier == Own {
		least = editLengthOwn
	}
	return e.form == "" && e.edits == 1 && len(e.steps) == 1 && !e.otherSuffix && len(e.label.glyphs) >= least
}

// comboBase is the confidence of a brand with words around it: telling words
// raise it; a short brand, and one that is a word or part of other targets'
// names, lowers it.
func (e evidence) comboBase() int {
	cost, _ := e.wordCost()
	base := 100 - perLetterCost*cost/100
	switch length := len(e.label.glyphs); {
	case e.target.Tier == Own && length > 3:
	case length <= 4:
		base -= 35
	case length == 5:
		base -= 22
	case length == 6:
		base -= 10
	}
	switch {
	case e.label.within > 60:
		base -= 45
	case e.label.within > 15 || ordinary(readable(e.label.glyphs)):
		base -= 30
	case e.label.within > 4:
		base -= 15
	}
	return base
}

// wordCost prices the added words, and tells whether one of them is a word of
// fraud: payment, account, log-in.
func (e evidence) wordCost() (cost int, strong bool) {
	weak, unknown := 0, 0
	for _, word := range e.words {
		switch strengthOf(word) {
		case strongWord:
			strong = true
		case weakWord:
			weak++
		default:
			unknown++
		}
	}
	switch {
	case strong && unknown > 0:
		return 60, true
	case strong:
		return 45, true
	case unknown == 0:
		return 80, false
	case e.apart:
		return 95, false
	case e.amid:
		return 160, false // letters within words: coREBRANDsdev
	}
	return 120, false
}

// Confidence from which a class may act alone, LOOKALIKE section 4.3.
const (
	aloneVisual = 50 // homoglyph, idn, hyphen, embedding, split
	aloneMixed  = 75 // combo; an edit with anything else
)

// Lengths from which a protected label may act alone. Below, chance resembles.
const (
	hyphenLength     = 5
	disguiseASCII    = 4
	disguiseIDN      = 3
	disguiseCombo    = 5
	brandLetters     = 5 // without an ordinary word, for a typed edit
	minAffix         = 4 // of such a word
	overlookedLength = 8 // for an edit that changes the look of a word
)

// alone applies the class rules: what may quarantine without the evidence of a
// relation. A suffix that differs, an ordinary word added, an umlaut spelled
// out, is never enough: partners do that too.
func (e evidence) alone(conf int) bool {
	length, own := len(e.label.glyphs), e.target.Tier == Own
	_, strong := e.wordCost()
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
	case e.edits > 0 && !own && (e.outer() || e.ownLetters() < brandLetters || length < overlookedLength && !e.overlooked()):
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
func (e evidence) national() bool {
	return e.counts[imitated] == 0 && !slices.ContainsFunc(e.steps, func(s step) bool { return s.act == foreign && !marked(e.q[s.qi].src) })
}

// outer reports that the first or the last letter is another one, or there is one
// more or less: readers see the ends of a word, and like names of strangers differ
// there. Chromium leaves names alone that differ in the first letter, too.
func (e evidence) outer() bool {
	for _, s := range e.steps {
		first := s.qi == 0 && s.ti == 0
		if last := s.qi+s.qn == len(e.q) && s.ti+s.tn == len(e.t); (first || last) && s.act >= added {
			return true
		}
	}
	return false
}

// overlooked reports edits that the eye passes over in a word of any length: a
// letter doubled or not, two swapped, a plural, one vowel for another, a letter of
// about the same shape.
func (e evidence) overlooked() bool {
	for _, s := range e.steps {
		if s.act == added || s.act == leftOut {
			return false
		}
		if q, t := e.q[min(s.qi, len(e.q)-1)].c, e.t[min(s.ti, len(e.t)-1)].c; s.act == replaced && !near(q, t) && !(vowel(q) && vowel(t)) {
			return false
		}
	}
	return true
}

// ownLetters counts the letters of the target's label without an ordinary word
// at one of its ends: what is left of usbank are two letters, and others have
// two other ones.
func (e evidence) ownLetters() int {
	label := foldWord(readable(e.label.glyphs))
	for cut := len(label); cut >= minAffix; cut-- {
		if commonWords[label[:cut]] || commonWords[label[len(label)-cut:]] {
			return len(label) - cut
		}
	}
	return len(label)
}

func (e evidence) disguiseLength() int {
	if e.counts[imitated] == 0 {
		return disguiseIDN
	}
	return disguiseASCII
}
