package policy

import (
	"fmt"
	"slices"
	"strings"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// impostorWords says what adds up.
func (e *Evidence) impostorWords(s *Score) string {
	var parts []string
	for _, l := range s.Lines {
		parts = append(parts, e.rowWords(l.Row, s))
	}
	text := fmt.Sprintf("%s (%d points): %s.", e.suspicion(s), s.Total, strings.Join(parts, "; "))
	switch {
	case s.Capped != "":
		text += " It is not held, as " + s.Capped + "."
	case s.Hidden != "":
		text += " It is held for what it may hide: there is " + s.Hidden + "."
	case !s.undecided():
	case s.holds:
		text += " Of the two, " + s.similar.firstWords() + "; it is held for what it wants in a conversation of the other's."
	case s.similar.Undecided():
		text += " Nothing but the names tells which of the two imitates the other; " + s.similar.firstWords() + "."
	case s.abreast:
		text += " Nothing but the names tells which of the two imitates the other."
	default:
		text += " Of the two, " + s.similar.firstWords() + "."
	}
	return text + e.Thread.joinedWords()
}

// suspicion says what is feared, and whose name is borrowed.
func (e *Evidence) suspicion(s *Score) string {
	t := &e.Thread
	switch {
	case s.undecided():
		return fmt.Sprintf("%s and %s resemble each other, and one may be an impostor's", named(s.similar.Domain), named(s.Target))
	case s.Target != "":
		return "The mail may come from an impostor of " + named(s.Target)
	case s.met(score.ProtectedPerson):
		return fmt.Sprintf("The mail may come from an impostor of %q", e.Impersonated.Name)
	case s.met(score.AddedLookalike):
		i := slices.IndexFunc(t.Added, func(a Similar) bool { return e.addedCounts(&a) })
		return "The mail may serve an impostor of " + named(t.Added[i].Target)
	case (s.met(score.ReplyToLookalike) || s.met(score.ReplyToFreeMail)) && t.ReplyTo.Target != "":
		return "The mail may serve an impostor of " + named(t.ReplyTo.Target)
	case s.met(score.Intrusion):
		return "The mail may come from somebody who wants to be paid in the place of another"
	}
	return "The mail may come from an impostor"
}

// undecided reports whether s is for a likeness of which nobody knows whose it is,
// or which rather the other one has sought. Then nobody is called an impostor's.
func (s *Score) undecided() bool {
	if s.similar == nil || s.met(score.Block) {
		return false
	}
	return s.similar.Undecided() || !s.holds && (s.similar.senior() || s.abreast)
}

func (s *Score) met(row score.Row) bool {
	return slices.ContainsFunc(s.Lines, func(l score.Line) bool { return l.Row == row })
}

// firstWords says who was known first, as a clause. Mail that is not proven may have
// come before it.
func (s *Similar) firstWords() string {
	if s.TargetState == Unseen {
		return fmt.Sprintf("we know %s, and remember no proven mail from %s", named(s.Domain), named(s.Target))
	}
	if s.Since.Equal(s.TargetSince) {
		return fmt.Sprintf("we have known both since %s", day(s.Since))
	}
	return fmt.Sprintf("we knew %s first, %s after it, from %s on", named(s.Domain), named(s.Target), day(s.TargetSince))
}

// relation says what the target is to this message.
func (s *Similar) relation() string {
	switch {
	case s.Relation == score.Correspondent && s.TargetToUs == 0 && s.TargetState == TwoWay:
		return "with whom we correspond"
	case s.Relation == score.Site && s.TargetVouched: // he need not have written
		return "whom an administrator listed as known"
	}
	return relationWords[s.Relation]
}

var relationWords = map[score.Relation]string{
	score.Thread:        "who took part in this conversation",
	score.Corroborated:  "whom the mail quotes and who wrote to this recipient before",
	score.Namesake:      "from where this recipient had mail under the same name before",
	score.Message:       "whom the mail shows",
	score.Correspondent: "who wrote to this recipient before",
	score.Own:           "which is ours",
	score.Protected:     "who is protected",
	score.Site:          "who wrote to us before",
}

// rowWords says of one row what was found, as a clause.
func (e *Evidence) rowWords(row score.Row, s *Score) string {
	t := &e.Thread
	author := lookalike.Registrable(e.Author.Domain)
	target := named(s.Target)
	switch row {
	case score.Likeness:
		return s.similar.words() + ", " + s.similar.relation()
	case score.UnseenDomain, score.NewDomain, score.EstablishedDomain:
		if s.similar != nil && s.similar.As != "" && t.Author.State != Unseen {
			return t.knownWords(author, t.Author.State, t.Author.First) + ", and nothing of who has this name below it"
		}
		return t.knownWords(author, t.Author.State, t.Author.First)
	case score.OlderDomain:
		return t.knownWords(author, t.Author.State, t.Author.First) + ", longer than the other, and write to it"
	case score.Intrusion:
		if s.Target == "" {
			had := "had no part in it"
			if t.Known.TookPart {
				had = "came to it later"
			}
			return fmt.Sprintf("it answers in a conversation that we remember%s, and %s %s", t.Known.words(), named(author), had)
		}
		return fmt.Sprintf("it answers in a conversation of %s%s in which %s had no part", target, t.Known.words(), named(s.written(author)))
	case score.ShownTarget:
		return "it quotes or cites mail of " + target
	case score.AddedLookalike:
		if s.similar == nil {
			return "recipients that it shows are look-alikes"
		}
		return "recipients that it shows are look-alikes, too"
	case score.SameName:
		return "it bears a name of " + target
	case score.Pretext:
		return e.pretext(s)
	case score.ReplyToFreeMail:
		return fmt.Sprintf("an answer would go to a free mailbox (%s) in the name of %q", named(t.ReplyTo.Domain), t.ReplyTo.Name)
	case score.ReplyToLookalike:
		return fmt.Sprintf("an answer would go to %s, which looks like %s", named(t.ReplyTo.Domain), named(t.ReplyTo.Target))
	case score.ReplyToUnknown:
		if freeMail[t.ReplyTo.Domain] {
			return fmt.Sprintf("an answer would go to a free mailbox (%s)", named(t.ReplyTo.Domain))
		}
		return fmt.Sprintf("an answer would go to %s, which is not known here", named(t.ReplyTo.Domain))
	case score.PaymentWords, score.ChangedAccount:
		return t.Payment.phrase()
	case score.ProtectedPerson:
		return fmt.Sprintf("it bears the name of %q, who is protected", e.Impersonated.Name)
	}
	return fmt.Sprintf("an administrator said that it imitates %s", target)
}

// written is the name whose part in the conversation is meant: below the author's
// domain, if it is that which resembles the target.
func (s *Score) written(author mail.Domain) mail.Domain {
	if s.similar == nil || s.similar.As == "" {
		return author
	}
	return s.similar.As
}

// pretext says what is taken for one.
func (e *Evidence) pretext(s *Score) string {
	t := &e.Thread
	switch {
	case t.Reply && !t.trespasses(s.similar):
		return "it answers or forwards something, and we remember no such conversation with it"
	case t.Payment.changes():
		return "money weighs double, from " + e.newcomer()
	}
	return "that it brings other look-alikes weighs double, from " + e.newcomer()
}

// newcomer says what the author is who is not known for himself.
func (e *Evidence) newcomer() string {
	if e.Thread.Author.State == Shadow {
		return "whoever has such a name, however long he has written"
	}
	return "a newcomer with such a name"
}
