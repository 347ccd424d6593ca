package lookalike

// evidence is all that is known about a name and one target.
type evidence struct {
	difference           // of the label, or of the part that stands for the target's
	form        Class    // Embedding, Split or Combo; "" when label stands against label
	words       []string // Combo: what was added
	priced      price    // of these words
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
func (e *evidence) class() Class {
	var all Class
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
		switch {
		case part.shown && all == "":
			all = part.class
		case part.shown:
			all += "+" + part.class
		}
	}
	return all
}

func (e *evidence) hyphens() int { return e.counts[hyphenAdded] + e.counts[hyphenLeft] }

// unseen reports a name that reads exactly as the target: what differs is an
// invisible character or a mark on its own.
func (e *evidence) unseen() bool { return e.form == "" && len(e.steps) == 0 && !e.otherSuffix }

// disguised reports characters that pass for others. A letter pair that an
// umlaut is spelled with is none.
func (e *evidence) disguised() bool {
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
	confPaired    = 35 // a pair: one edit of three letters; more for each letter
	confAimed     = 40 // a pair: words of fraud around a short or common one
	perLetterCost = 34 // confidence lost for a replaced letter in eight
	perLetterPair = 5
	crowdCost     = 6  // confidence of a short label lost for each other target as near
	suffixCost    = 50 // hundredths of a replaced letter
)

// confidence weighs the evidence, 0 to 100.
func (e *evidence) confidence() int {
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
func (e *evidence) typed(conf int) int {
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
	switch {
	case e.otherSuffix:
		return conf
	case e.paired() && len(e.steps) == 1 && length >= minBrand:
		return max(conf, confPaired+perLetterPair*(length-minBrand))
	}
	return max(conf, minConfidence) // chance, unless there is a relation
}

// paired reports one target that somebody named, a party of a conversation: that it
// is near by chance is not likely, however short or common its name.
func (e *evidence) paired() bool { return e.target.Tier == "" }

// oneEdit reports exactly one edit of a whole label and nothing else, below the same
// suffix, where the label is long enough for its tier.
func (e *evidence) oneEdit() bool {
	least := editLength
	if e.target.Tier == Own {
		least = editLengthOwn
	}
	return e.edits == 1 && len(e.steps) == 1 && !e.otherSuffix && len(e.label.glyphs) >= least
}

// comboBase is the confidence of a brand with words around it: telling words
// raise it; a short brand, and one that is a word or part of other targets'
// names, lowers it.
func (e *evidence) comboBase() int {
	base := 100 - perLetterCost*e.wordCost()/100
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
	case e.label.within > 15 || ordinary(e.label.glyphs):
		base -= 30
	case e.label.within > 4:
		base -= 15
	}
	if e.paired() && e.aimed() {
		base = max(base, confAimed)
	}
	return base
}

// aimed reports a brand to which nothing but known words are added, one of fraud
// among them: best-rechnung. Three letters have to stand apart: billing is no ing.
func (e *evidence) aimed() bool {
	return e.priced.strong > 0 && e.priced.unknown == 0 && (e.apart || len(e.label.glyphs) > minBrand)
}

// price counts added words by their strength.
type price struct{ strong, weak, unknown int }

func priceOf(words []string) (p price) {
	for _, word := range words {
		switch strengthOf(word) {
		case strongWord:
			p.strong++
		case weakWord:
			p.weak++
		default:
			p.unknown++
		}
	}
	return p
}

// wordCost prices the added words: those of fraud, payment, account, log-in, tell
// most.
func (e *evidence) wordCost() int {
	switch {
	case e.priced.strong > 0 && e.priced.unknown > 0:
		return 60
	case e.priced.strong > 0:
		return 45
	case e.priced.unknown == 0:
		return 80
	case e.apart:
		return 95
	case e.amid:
		return 160 // letters within words: coREBRANDsdev
	}
	return 120
}
