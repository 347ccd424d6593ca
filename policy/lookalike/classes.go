package lookalike

import "strings"

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
	target      *target
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
	if e.target.Tier == Own {
		return conf
	}
	switch length := len(e.label.glyphs); {
	case length <= 3:
		return conf - 60
	case length == 4:
		return conf - 40
	case length == 5:
		return conf - 20
	}
	return conf
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
	case e.label.within > 15 || e.label.common:
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
	hyphenLength  = 5
	disguiseASCII = 4
	disguiseIDN   = 3
	disguiseCombo = 5
)

// alone applies the class rules: what may quarantine without the evidence of a
// relation. A suffix that differs, an ordinary word added, an umlaut spelled
// out, is never enough: partners do that too.
func (e evidence) alone(conf int) bool {
	length, own := len(e.label.glyphs), e.target.Tier == Own
	_, strong := e.wordCost()
	switch {
	case e.chance:
		return false
	case e.form == Combo && own:
		return strong && conf >= aloneVisual
	case e.form == Combo:
		return strong && (conf >= aloneMixed || e.disguised() && e.edits == 0 && length >= disguiseCombo && conf >= aloneVisual)
	case e.form != "":
		return conf >= aloneVisual
	case e.edits > 0 && e.series:
		return own && e.oneEdit()
	case e.edits > 0:
		return e.oneEdit() || conf >= aloneMixed
	case e.disguised() && e.otherSuffix && !e.posed:
		return false // 1cloud met icloud: who imitates whom?
	case e.disguised():
		return conf >= aloneVisual && (own || length >= e.disguiseLength())
	case e.counts[spelledOut] > 0:
		return own && !e.otherSuffix
	case e.hyphens() > 0 && e.otherSuffix:
		return conf >= aloneMixed
	case e.hyphens() > 0:
		return conf >= aloneVisual && (own || length >= hyphenLength)
	}
	return false
}

func (e evidence) disguiseLength() int {
	if e.counts[imitated] == 0 {
		return disguiseIDN
	}
	return disguiseASCII
}
