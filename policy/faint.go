package policy

import (
	"slices"
	"strings"

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

// twice finds a target of whose name two letters are changed.
func (s *scene) twice(target mail.Domain) (lookalike.Match, bool) {
	if !lookalike.Twice(s.author, target) {
		return lookalike.Match{}, false
	}
	m := lookalike.Match{Domain: s.author, Target: target, Class: lookalike.Edit, Confidence: confTwice,
		Why: s.author.Unicode() + " looks like " + target.Unicode() + ": two letters changed"}
	_, suffix, _ := strings.Cut(string(s.author), ".")
	if _, other, _ := strings.Cut(string(target), "."); suffix != other {
		m.Class += "+" + lookalike.TLD
	}
	return m, true
}

// maxLabel is how long a label may be: RFC 1035, Section 2.3.4.
const maxLabel = 63
