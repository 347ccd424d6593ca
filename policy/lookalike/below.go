package lookalike

import (
	"slices"
	"strings"

	"mxgate/policy/mail"
)

// confBelow is as sure as another ending: houses have some of their mail sent from
// such names.
const confBelow = 60

// A letter that differs as well is less sure, and has to be one of a name that is long
// enough.
const (
	confEditBelow = 50
	leastBelow    = 65
)

// maxBelow bounds the labels that are looked at, from the left, which is what a
// reader sees.
const maxBelow = 4

// Below finds the label of the target, with or without words, in front of the
// registrable domain of d: acme.docs-share.com is what acme-docs-share.com is, and
// costs nothing. Customers of a service have such names, so it says something of the
// few who take part in a conversation, as Twice does.
func Below(d, target mail.Domain) (most Match, ok bool) {
	n, whole := parse(d)
	t, known := parse(target)
	if !whole || !known || n.registrable == t.registrable {
		return Match{}, false
	}
	front := n.labels[:len(n.labels)-1]
	labels := strings.Split(string(n.domain), ".")
	for i := range front[:min(len(front), maxBelow)] {
		if !holds(front[i], t.labels[len(t.labels)-1]) {
			continue
		}
		joined := labels[i] + "-" + strings.TrimSuffix(n.registrable, "."+n.suffix)
		joined = strings.TrimRight(joined[:min(len(joined), maxLabelOctets)], "-")
		m, alike := Compare(mail.Domain(joined+"."+n.suffix), target)
		if alike = alike && slices.Contains(strings.Split(string(m.Class), "+"), string(Combo)); !alike {
			m, alike = Compare(mail.Domain(labels[i]+"."+t.suffix), target) // a letter of it
			alike, m.Confidence = alike && m.Confidence >= leastBelow, min(m.Confidence, confEditBelow)
		}
		if alike && m.Confidence > most.Confidence {
			most, ok = m, true
		}
	}
	if !ok {
		return Match{}, false
	}
	most.Domain, most.Class, most.Confidence = n.domain, Embedding+"+"+Combo, min(most.Confidence, confBelow)
	most.Why = written(n) + " looks like " + string(most.Target) + ": its name below " + mail.Domain(n.registrable).Unicode()
	return most, true
}

// Distant reports that no label of d holds nearly all letters of the target's, in
// whatever order: neither Twice, Reordered nor Below, nor another likeness of letters,
// is to be found. It costs little beside asking them.
func Distant(d, target mail.Domain) bool {
	label, _, _ := strings.Cut(string(Registrable(target)), ".")
	if strings.HasPrefix(label, "xn--") {
		return false
	}
	for part := range strings.SplitSeq(string(d), ".") {
		if strings.HasPrefix(part, "xn--") || holds(part, label) {
			return false
		}
	}
	return true
}

// holds reports whether label has nearly all letters of part: all but one, or two of a
// long one. What is no letter, and a pair that passes for one, may be drawn for any.
func holds(label, part string) bool {
	var count [26]int
	lacking := -1
	if len(part) >= leastTwice {
		lacking = -2
	}
	last := rune(0)
	for _, r := range label {
		if at, ok := place(r); ok {
			count[at]++
		}
		if pair := [2]rune{last, r}; r != '-' && (r < 'a' || r > 'z') || pair == [2]rune{'r', 'n'} || pair == [2]rune{'n', 'n'} ||
			pair == [2]rune{'c', 'l'} || pair == [2]rune{'v', 'v'} || pair == [2]rune{'u', 'u'} {
			lacking--
		}
		last = r
	}
	for _, r := range part {
		if at, ok := place(r); ok {
			if count[at]--; count[at] < 0 {
				lacking++
			}
		}
	}
	return lacking <= 0
}

// place is where a letter is counted, together with those that it is taken for.
func place(r rune) (at int, ok bool) {
	switch {
	case r < 'a' || r > 'z':
		return 0, false
	case r == 'v':
		r = 'u'
	}
	return int(plainFold(r) - 'a'), true
}
