package policy

import (
	"slices"
	"strings"
	"unicode"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// Two likenesses are too faint to be looked for among all that a site knows, and say
// something of the handful in whose place a stranger answers.

// Confidence of the faint likenesses.
const (
	confBelow = 60 // the name stands below another, as sure as with another ending: houses have some of their mail sent from such
	confTwice = 40 // two letters changed
)

// maxBelow bounds the labels that are looked at, from the left, which is what a
// reader sees.
const maxBelow = 4

// leastTwice is how long a name must be for two letters to be little of it.
const leastTwice = 8

// faint compares the author, shown as full, with a target in whose place he may
// answer: he had no part in the conversation that we remember, and target had. Who is
// not known here is held, too, against who is quoted and known, or wrote under his
// name before, and for what stands below his domain: services that are known bear
// the names of many.
func (s *scene) faint(full, target mail.Domain) (lookalike.Match, bool) {
	t, r := &s.e.Thread, s.relation(target)
	if t.Known != nil && t.Known.TookPart {
		return lookalike.Match{}, false
	}
	if t.stranger(t.Author.State, t.Author.First, s.e.ReceivedAt) && (r == score.Thread || r == score.Corroborated || slices.Contains(s.recalled.Named, target)) {
		if m, ok := s.below(full, target); ok {
			return m, true
		}
		return s.twice(target)
	}
	if r == score.Thread {
		return s.twice(target)
	}
	return lookalike.Match{}, false
}

// below finds the label of target, with or without words, in front of the author's
// domain: acme.docs-share.com is what acme-docs-share.com is, and costs nothing.
func (s *scene) below(full, target mail.Domain) (most lookalike.Match, ok bool) {
	front, below := strings.CutSuffix(string(full), "."+string(s.author))
	if !below {
		return most, false
	}
	domain, suffix, _ := strings.Cut(string(s.author), ".")
	labels := strings.Split(front, ".")
	for _, label := range labels[:min(len(labels), maxBelow)] {
		joined := label + "-" + domain
		joined = strings.TrimRight(joined[:min(len(joined), maxLabel)], "-")
		if m, alike := s.compare(mail.Domain(joined+"."+suffix), target); alike && has(string(m.Class), lookalike.Combo) && m.Confidence > most.Confidence {
			most, ok = m, true
		}
	}
	most.Domain, most.Class, most.Confidence = full, lookalike.Embedding+"+"+lookalike.Combo, min(most.Confidence, confBelow)
	most.Why = full.Unicode() + " looks like " + target.Unicode() + ": its name below " + s.author.Unicode()
	return most, ok
}

// twice finds a target of whose name two letters are changed. Numbers are left out:
// names in a series differ in those.
func (s *scene) twice(target mail.Domain) (lookalike.Match, bool) {
	name, suffix := labelOf(s.author)
	other, otherSuffix := labelOf(target)
	a, b := []rune(lookalike.Skeleton(name)), []rune(lookalike.Skeleton(other))
	if min(len(a), len(b)) < leastTwice || withoutDigits(name) == withoutDigits(other) || !within2(a, b) {
		return lookalike.Match{}, false
	}
	m := lookalike.Match{Domain: s.author, Target: target, Class: lookalike.Edit, Confidence: confTwice,
		Why: s.author.Unicode() + " looks like " + target.Unicode() + ": two letters changed"}
	if suffix != otherSuffix {
		m.Class += "+" + lookalike.TLD
	}
	return m, true
}

// labelOf cuts a registrable domain at its first dot, in letters as they are read.
func labelOf(d mail.Domain) (label, suffix string) {
	label, suffix, _ = strings.Cut(d.Unicode(), ".")
	return label, suffix
}

func withoutDigits(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsDigit(c) {
			return -1
		}
		return c
	}, text)
}

// within2 reports whether at most two letters are added, left out, replaced or
// swapped with the next one between a and b.
func within2(a, b []rune) bool {
	const most = 2
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > most || len(b) > maxLabel {
		return false
	}
	var rows [3][maxLabel + 1]int // the row of i letters of a is i % 3
	for j := range b {
		rows[0][j+1] = j + 1
	}
	for i := 1; i <= len(a); i++ {
		row, above := &rows[i%3], &rows[(i+2)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], rows[(i+1)%3][j-2]+1)
			}
		}
	}
	return rows[len(a)%3][len(b)] <= most
}

// maxLabel is how long a label may be: RFC 1035, Section 2.3.4.
const maxLabel = 63
