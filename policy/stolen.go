package policy

import (
	"fmt"
	"slices"
	"strings"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// The functions below say whether a reason of the conversation applies. A
// likeness is never refused at SMTP time: whoever looks can repair what is held.

// leastStolen is how sure a likeness is that is held in a conversation that we
// remember, whatever else speaks for it: LOOKALIKE 5, rule (c).
const leastStolen = 65

func stolenThread(_ *Rules, e *Evidence) (string, Disposition, bool) {
	t := &e.Thread
	if e.OwnDomain != "" || t.Known == nil || !t.stranger(t.Author.State, t.Author.First, e.ReceivedAt) {
		return "", Quarantine, false
	}
	for i := range t.Similar {
		s := &t.Similar[i]
		if f := e.factsOf(e.facts(), s); e.tied(&f, s) || t.reports() && !inLetters(s.Class) {
			continue
		}
		if t.intrudes(s.Target) && s.Confidence >= leastStolen && s.Class != string(lookalike.TLD) && !e.poses(s.Target) && e.excused(s.Domain, s.Target, s.SameOwner) == "" {
			_, of := s.marked()
			text := fmt.Sprintf("The mail answers in a conversation with %s that we remember%s, but it is from another domain: %s.", of, t.Known.words(), s.words())
			return text + t.sinceWords(s) + t.joinedWords(), Quarantine, true
		}
	}
	return "", Quarantine, false
}

// poses reports whether the author is held for resembling d as one of ours: a
// conversation is ours whoever takes part in it.
func (e *Evidence) poses(d mail.Domain) bool {
	return slices.ContainsFunc(e.Lookalike, func(l Lookalike) bool {
		return l.Where == "author" && l.Own && l.acts() && lookalike.Registrable(l.Target) == d
	})
}

func impostor(r *Rules, e *Evidence) (string, Disposition, bool) {
	s := r.weigh(e)
	if s == nil || s.Total < r.Weights.Of(score.TagAt) && !s.holds {
		return "", Quarantine, false
	}
	most := Tag
	if s.holds {
		most = Quarantine
	}
	return e.impostorWords(s), most, true
}

// addedLookalikes is rule (d). Houses have one name under several endings: those
// are told, and not held for.
func addedLookalikes(_ *Rules, e *Evidence) (string, Disposition, bool) {
	if e.Author.Ambiguous != "" {
		return "", Quarantine, false
	}
	var found []string
	var first *Similar
	most := Tag
	for i := range e.Thread.Added {
		s := &e.Thread.Added[i]
		if !e.addedCounts(s) {
			continue
		}
		if first == nil {
			first = s
		}
		if s.Class != string(lookalike.TLD) && !e.besideOthers(s) {
			most = Quarantine
		}
		found = append(found, s.words())
	}
	if first == nil {
		return e.paidElsewhere()
	}
	text := fmt.Sprintf("Among the recipients that the mail shows is a look-alike: %s.%s", strings.Join(found, "; "), e.Thread.sinceWords(first))
	if money := e.Thread.Payment.phrase(); money != "" {
		return text + " " + upperFirst(money) + ".", most, true
	}
	return text, Tag, true
}

// besideOthers reports whether s is a name below a service that is known here, or had part
// in the conversation under another name: it is told, and not held for.
func (e *Evidence) besideOthers(s *Similar) bool {
	return s.As != "" && (s.State.rank() >= Established.rank() || e.Thread.Known != nil && slices.Contains(e.Thread.Known.Participants, s.Domain))
}

// paidElsewhere is rule (d) for the one who gets the answer: a look-alike in Reply-To
// of mail that speaks of payment. Houses have several names like the author's own: one
// that is not known here is told where payment is to change.
func (e *Evidence) paidElsewhere() (string, Disposition, bool) {
	d, money := e.Thread.ReplyTo, e.Thread.Payment.phrase()
	if d == nil || money == "" || d.Target == "" || d.Kind == score.ReplyFreeMail || e.excused(d.Domain, d.Target, d.SameOwner) != "" {
		return "", Quarantine, false
	}
	like := Similar{Domain: d.Domain, As: d.As, Target: d.Target, Why: d.Why}
	switch {
	case d.Kind == score.ReplyUnknown && e.Thread.Payment.changes():
		return fmt.Sprintf("An answer would go to a name like the author's that is not known here: %s. %s.", like.words(), upperFirst(money)), Tag, true
	case d.Kind == score.ReplyUnknown, d.Class == string(lookalike.TLD):
		return "", Quarantine, false
	}
	return fmt.Sprintf("An answer would go to a look-alike: %s. %s.", like.words(), upperFirst(money)), Quarantine, true
}

func replyDiversion(_ *Rules, e *Evidence) (string, Disposition, bool) {
	d := e.Thread.ReplyTo
	if d == nil || e.Author.Ambiguous != "" {
		return "", Quarantine, false
	}
	switch d.Kind {
	case score.ReplyLookalike:
		if e.excused(d.Domain, d.Target, d.SameOwner) != "" {
			return "", Quarantine, false
		}
		like := Similar{Domain: d.Domain, As: d.As, Target: d.Target, Why: d.Why}
		return fmt.Sprintf("An answer would go to another domain than the mail comes from: %s.", like.words()), Quarantine, true
	case score.ReplyFreeMail:
		if !e.Thread.list() {
			return fmt.Sprintf("An answer would go to a free mailbox of %s in the name of %q, and not to %s.", named(d.Domain), d.Name, named(e.Author.Domain)), Quarantine, true
		}
	}
	return "", Quarantine, false
}

// borrowed is whose name the author bears in a conversation that is not his: the
// name fits, the address is foreign. A mailing list, which puts its own address
// behind a name, does that too; and everybody has a second address, so that a
// name alone, without a conversation, is no reason.
func (t *Thread) borrowed(e *Evidence) *Namesake {
	if len(t.Named) == 0 || t.list() || t.NameKnown || e.OwnDomain != "" || !t.Reply {
		return nil
	}
	author := lookalike.Registrable(e.Author.Domain)
	// A stranger may have joined for that.
	if (!freeMail[author] || t.Known != nil && t.Known.TookPart) && !t.stranger(t.Author.State, t.Author.First, e.ReceivedAt) {
		return nil
	}
	for i := range t.Named {
		if n := &t.Named[i]; (n.Where == "memory" || n.Where == "listed" || n.Where == "from" || n.Where == "quoted-from" || t.intrudes(n.Domain)) && e.excused(author, n.Domain, false) == "" {
			return n
		}
	}
	return nil
}
