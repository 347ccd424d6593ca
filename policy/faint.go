package policy

import (
	"slices"
	"strings"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// Some likenesses are too faint to be looked for among all that a site knows, and say
// something of the handful in whose place a stranger answers: lookalike.Below,
// lookalike.Twice and lookalike.Reordered.

// Confidence of two letters changed, and of words in another order, which is as sure as
// a name below another domain.
const (
	confTwice     = 40
	confReordered = 60
)

// faint compares the author, shown as full, with a target in whose place he may
// answer: target had part in the conversation that we remember. Who is not known here
// is held, too, against who is quoted and known, or wrote under his name before.
//
// One harmless mail ends that somebody is a stranger, a handful that he is new. So who
// is younger than whom he quotes is held against him still where he speaks of payment.
//
// What stands below a name is held against a participant whoever knows that name, and
// though it had part itself: anybody may have a name below a service, and who has one
// may have joined to be taken for its other customers. We have names below services,
// too, which are known here.
func (s *scene) faint(full, target mail.Domain) (lookalike.Match, bool) {
	t, r := &s.e.Thread, s.relation(target)
	stranger := t.stranger(t.Author.State, t.Author.First, s.e.ReceivedAt)
	involved := r == score.Corroborated && s.younger(target) || stranger && (r == score.Corroborated || slices.Contains(s.recalled.Named, target))
	if r != score.Thread && !involved || lookalike.Distant(full, target) {
		return lookalike.Match{}, false
	}
	m, ok := lookalike.Match{}, false
	if stranger || !withinAny(target, s.c.Own) {
		m, ok = lookalike.Below(full, target)
	}
	if !ok && (t.Known == nil || !t.Known.TookPart) {
		m, ok = faintly(full, target)
	}
	if ok && r != score.Thread && !stranger && !s.asksForMoney() {
		return lookalike.Match{}, false
	}
	return m, ok
}

// younger reports whether the author came after target, whom the message shows, and was
// never answered.
func (s *scene) younger(target mail.Domain) bool {
	author, old := &s.e.Thread.Author, s.known(target)
	return author.State != TwoWay && !old.First.IsZero() && author.First.Sub(old.First) >= fresh
}

// resembles compares d with somebody in whose place it may be shown.
func (x *somebody) resembles(d mail.Domain) (lookalike.Match, bool) {
	m, ok := compare(d, x.domain)
	return x.likely(d, m, ok)
}

// likely finds what is more than m, of which Compare thinks little: for a participant
// little is enough, unless he is one of us, who take part in every conversation.
func (x *somebody) likely(d mail.Domain, m lookalike.Match, ok bool) (lookalike.Match, bool) {
	if !x.member || m.Confidence >= leastElse || lookalike.Distant(d, x.domain) {
		return m, ok
	}
	if f, found := lookalike.Below(d, x.domain); found && f.Confidence > m.Confidence {
		m, ok = f, true
	}
	if f, found := faintly(d, x.domain); found && f.Confidence > m.Confidence {
		m, ok = f, true
	}
	return m, ok
}

// faintly finds a target of whose name two letters are changed, or the words are in
// another order.
func faintly(full, target mail.Domain) (lookalike.Match, bool) {
	d := lookalike.Registrable(full)
	m := lookalike.Match{Domain: d, Target: target}
	why := ""
	switch {
	case lookalike.Twice(full, target):
		m.Class, m.Confidence, why = lookalike.Edit, confTwice, "two letters changed"
	case lookalike.Reordered(full, target):
		m.Class, m.Confidence, why = lookalike.Combo, confReordered, "its words in another order"
	default:
		return lookalike.Match{}, false
	}
	m.Why = d.Unicode() + " looks like " + target.Unicode() + ": " + why
	_, suffix, _ := strings.Cut(string(d), ".")
	if _, other, _ := strings.Cut(string(target), "."); suffix != other {
		m.Class += "+" + lookalike.TLD
	}
	return m, true
}
