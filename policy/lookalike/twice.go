package lookalike

import "mxgate/policy/mail"

// leastTwice is of how many letters two are little: of both labels, and of what is the
// target's own in its label.
const leastTwice = 8

// leastPerEdit is how many letters the words that differ have for each that does.
const leastPerEdit = 3

// Twice reports whether one or two letters of a long label are all that makes d of
// the target, below any suffix, and are little of the words in which they stand and of
// what is the target's own: kreis-bergen is no kreis-borken. Numbers in which names of
// a series differ count for nothing. So much is chance among all that a site knows, and
// has no confidence: it says something of the few who take part in a conversation.
func Twice(d, target mail.Domain) bool {
	n, ok := parse(d)
	t, known := parse(target)
	if !ok || !known || n.registrable == t.registrable || min(len(n.glyphs), len(t.glyphs)) < leastTwice {
		return false
	}
	var a aligner
	found, ok := a.within(n.glyphs, t.glyphs, 2)
	return ok && found.little()
}

// little reports edits that are little of the words in which they stand, and of all
// words less those that many houses have in common. The target's hyphens say where
// words end: the name's are up to who chose it.
func (d *difference) little() bool {
	edits, differ, own, all, misspelt := 0, 0, 0, 0, false
	for from, to := 0, 0; from < len(d.t); from = to + 1 {
		for to = from; to < len(d.t) && d.t[to].c != '-'; to++ {
		}
		w := d.word(from, to)
		rest := w.own()
		own, all = own+len(rest), all+len(w.text)
		if w.edits > 0 {
			edits, differ, misspelt = edits+w.edits, differ+len(rest), misspelt || ofMany(rest)
		}
	}
	if misspelt { // of ordinary words all together are the target's own
		own = all
	}
	return edits > 0 && differ >= leastPerEdit*edits && own >= leastTwice
}

// word is one of the target's words, and what the name has in its place.
type word struct {
	text, seen []byte // folded
	edits      int
	from, to   int // of text, between which it differs
}

// word is d.t[start:end].
func (d *difference) word(start, end int) word {
	w := word{text: folded(nil, d.t[start:end])}
	var first, last step
	for _, s := range d.steps {
		if !s.act.edit() || s.ti < start || s.ti+s.tn > end || d.ofSeries(s) {
			continue
		}
		if last = s; w.edits == 0 {
			first = s
		}
		w.edits++
	}
	if w.edits == 0 {
		return w
	}
	w.from, w.to = first.ti-start, last.ti+last.tn-start
	// What is the same is as long on both sides, but for disguises.
	at, behind := max(0, first.qi-w.from), min(len(d.q), last.qi+last.qn+len(w.text)-w.to)
	w.seen = folded(nil, d.q[at:behind])
	return w
}

// own is the word less the words of many at its ends that the name has, too. Nothing
// is left where the name has another such word in place of one, haus for bau: that is
// another house.
func (w *word) own() []byte {
	switch {
	case w.edits == 0 && ofMany(w.text), w.edits > 0 && w.exchanged():
		return nil
	case w.edits == 0:
		return w.text
	}
	start, end := 0, len(w.text)
	for cut := w.from; cut >= start+minAffix; cut-- {
		if ofMany(w.text[start:cut]) {
			start, cut = cut, w.from+1
		}
	}
	for cut := w.to; cut <= end-minAffix; cut++ {
		if ofMany(w.text[cut:end]) {
			end, cut = cut, w.to-1
		}
	}
	return w.text[start:end]
}

// exchanged reports a word of many at either end for which the name has another.
func (w *word) exchanged() bool {
	for at := 0; at <= min(w.from, len(w.seen)); at++ {
		if ofMany(w.text[at:]) && ofMany(w.seen[at:]) {
			return true
		}
	}
	for behind := 0; behind <= min(len(w.text)-w.to, len(w.seen)); behind++ {
		if ofMany(w.text[:len(w.text)-behind]) && ofMany(w.seen[:len(w.seen)-behind]) {
			return true
		}
	}
	return false
}

// ofMany reports a word that names of many houses have.
func ofMany(word []byte) bool {
	return len(word) >= minBrand && (kinds[string(word)] || commonWords[string(word)])
}
