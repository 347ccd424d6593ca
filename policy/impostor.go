package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
	"mxgate/policy/thread"
)

// Score is the sum of what speaks for an impostor, for the one whom the message
// is most likely to be taken to come from. It is computed from the evidence and
// Rules.Weights.
type Score struct {
	Total    int            `json:"total"`
	Target   mail.Domain    `json:"target,omitempty"` // "" if nobody in particular
	Relation score.Relation `json:"relation,omitempty"`
	Lines    []score.Line   `json:"lines"`            // the rows that were met
	Capped   string         `json:"capped,omitempty"` // why it does no more than tag; a clause for people
	Hidden   string         `json:"hidden,omitempty"` // what was not read, if it is held for that whatever the total; a clause, too

	similar *Similar // nil if nobody is resembled
	abreast bool     // both of it had part in the conversation: Evidence.abreast
	holds   bool     // it does more than tag
}

// String is a score in words of a header field.
func (s *Score) String() string {
	text := "score=" + strconv.Itoa(s.Total)
	if s.Target != "" {
		text += "; target=" + string(s.Target)
	}
	if s.Relation != "" {
		text += "; relation=" + string(s.Relation)
	}
	for _, l := range s.Lines {
		text += "; " + string(l.Row) + "=" + strconv.Itoa(l.Points)
	}
	return text
}

// weigh finds the domain for which the most speaks. Nil if there is less than is
// worth telling, or the author is ours or not exactly one.
func (r *Rules) weigh(e *Evidence) *Score {
	t := &e.Thread
	if e.Author.Ambiguous != "" || e.OwnDomain != "" || t.Payment.told() == "" && !e.suspects() {
		return nil
	}
	base := e.facts()
	alone := base
	alone.Intrudes = e.misplaced() && r.forwarded(e) == ""
	top := r.scored(e, alone, nil, "")
	better := func(s *Score) {
		if s.outweighs(top) {
			top = s
		}
	}
	for i := range t.Similar {
		if s := &t.Similar[i]; e.accuses(s) {
			better(r.scored(e, e.factsOf(base, s), s, s.Target))
		}
	}
	for i := range t.Named {
		n := &t.Named[i]
		if !t.NameKnown && !t.list() && e.excused(lookalike.Registrable(e.Author.Domain), n.Domain, false) == "" {
			f := base
			f.Name, f.Shown, f.Intrudes = true, t.quotes(n.Domain), t.intrudes(n.Domain)
			better(r.scored(e, f, nil, n.Domain))
		}
	}
	for i := range t.Decisions {
		if d := &t.Decisions[i]; e.blocks(d, lookalike.Registrable(e.Author.Domain)) {
			f := base
			f.Blocked = true
			s := t.similarTo(d.Target)
			if s != nil {
				f = e.factsOf(base, s)
			}
			better(r.scored(e, f, s, d.Target))
		}
	}
	if top.Total < r.Weights.Of(score.LogAt) && !top.holds {
		return nil
	}
	return top
}

// scored adds up f, which is about s and its target, if there is one, and says what
// that does.
func (r *Rules) scored(e *Evidence, f score.Facts, s *Similar, target mail.Domain) *Score {
	sheet := r.Weights.Sum(f)
	out := &Score{Total: sheet.Total, Target: target, Lines: sheet.Lines, similar: s}
	heavy, hidden := out.Total >= r.Weights.Of(score.QuarantineAt), false
	if s != nil {
		out.Relation, out.abreast, hidden = s.Relation, !reaches(&f) && e.abreast(s), e.hides(s)
	}
	why := r.spared(e, &f, s, hidden)
	out.holds = why == "" && (heavy || hidden)
	switch {
	case heavy:
		out.Capped = why
	case out.holds:
		out.Hidden = e.Thread.Unread
	}
	return out
}

// spared says why a message is tagged at most, whatever it weighs, as a clause; "" if
// nothing speaks for that.
func (r *Rules) spared(e *Evidence, f *score.Facts, s *Similar, hidden bool) string {
	if f.Blocked {
		return ""
	}
	if s != nil {
		if why := e.doubt(f, s); why != "" {
			return why
		}
	}
	switch by := r.forwarded(e); {
	case f.Relation == score.None:
		return "its domain resembles nobody's"
	case by != "":
		return "it came through " + strconv.Quote(by) + ", a forwarder of our rules"
	case e.Thread.list():
		return "it came through a mailing list"
	case e.Thread.reports() && !f.Person && s != nil && !inLetters(s.Class):
		return "it is the report of a mail system, and speaks of no payment"
	case !hidden && e.namesOnly(f, s):
		return "nobody here is known to write to " + named(s.Target) + ", and the mail claims no conversation and no money"
	}
	return ""
}

// outweighs reports whether s is to be told and acted upon, and not other.
func (s *Score) outweighs(other *Score) bool {
	switch {
	case s.holds != other.holds:
		return s.holds
	case s.Total != other.Total:
		return s.Total > other.Total
	}
	return other.Target == ""
}

// hides reports whether what was not read of the message may be the conversation
// in which its author, who is not known here, stands in the place of s.Target. Padding
// must not pay: so it is taken for that where he claims to answer something, and
// without a claim where he is disguised as somebody near.
func (e *Evidence) hides(s *Similar) bool {
	t := &e.Thread
	if t.Unread == "" || t.MemorySince.IsZero() || t.Author.State == Established || t.Author.State == TwoWay {
		return false
	}
	disguised := inLetters(s.Class)
	if t.Unread == thread.MoreIDs {
		return disguised && t.stranger(t.Author.State, t.Author.First, e.ReceivedAt) // a ticket of a year has so many, and a neighbour may write it
	}
	return t.Reply || disguised && s.Relation != score.Site
}

// namesOnly reports whether it is for a name alone that s weighs so much, and the
// one known by it first may be the impostor: three mails make an impostor
// established whose victim has not written yet, and none makes us write to him. A
// mail that pretends to nothing can wait for the second one.
func (e *Evidence) namesOnly(f *score.Facts, s *Similar) bool {
	guarded := f.Person || slices.ContainsFunc(e.Lookalike, func(l Lookalike) bool {
		return l.Where == "author" && lookalike.Registrable(l.Target) == s.Target
	})
	return f.Relation == score.Namesake && s.TargetState != TwoWay && !guarded && !f.Pretext && f.Reply == "" && f.Payment == ""
}

// forwarded names the forwarder of our rules that proves itself on this message.
func (r *Rules) forwarded(e *Evidence) string {
	for i := range r.Forwarders {
		f := &r.Forwarders[i]
		if f.meant(e) && r.proofOf(f, e) != "" {
			return f.Name
		}
	}
	return ""
}

// list reports whether the message is to be taken for one of a mailing list. To
// call itself that is the sender's choice, so what is addressed to the recipient
// himself, or asks for money, is none: Deviation from LOOKALIKE 6.
func (t *Thread) list() bool { return t.List && !t.Personal && t.Payment.told() == "" }

// facts are what is known of the message, whomever it resembles.
func (e *Evidence) facts() score.Facts {
	t := &e.Thread
	f := score.Facts{Payment: t.Payment.told(), Person: e.Impersonated != nil && e.Impersonated.Name != "" && e.Impersonated.Domain == ""}
	switch d := t.ReplyTo; {
	case d == nil, d.Kind == score.ReplyFreeMail && t.list(): // lists put their authors there
	case d.Kind == score.ReplyLookalike && e.excused(d.Domain, d.Target, d.SameOwner) != "":
	default:
		f.Reply = d.Kind
	}
	f.Added = e.addedBeside("")
	switch a := &t.Author; {
	case t.MemorySince.IsZero() || freeMail[lookalike.Registrable(e.Author.Domain)]:
	case a.State == Unseen || a.State == Shadow:
		f.Standing = score.Unseen
	case e.ReceivedAt.Sub(a.First) < fresh:
		f.Standing = score.New
	case a.State == Established || a.State == TwoWay:
		f.Standing = score.Established
	}
	return f
}

// factsOf adds what is known of s, whom the author resembles.
func (e *Evidence) factsOf(f score.Facts, s *Similar) score.Facts {
	t := &e.Thread
	f.Confidence, f.Relation, f.Shown, f.Intrudes = s.Confidence, s.Relation, t.quotes(s.Target), t.trespasses(s)
	f.Letters, f.Ending, f.Word = inLetters(s.Class), s.Class == string(lookalike.TLD), has(s.Class, lookalike.Combo)
	f.Added = e.addedBeside(s.Target)
	f.Acquainted, f.Faint = s.Acquainted, s.Kin
	f.Pretext = f.Added > 0 || t.Payment.changes() || t.Reply && !f.Intrudes
	f.Name = s.SameLocal || s.Acquainted || slices.ContainsFunc(t.Named, func(n Namesake) bool { return n.Domain == s.Target })
	if a := &t.Author; f.Standing == score.Established && a.State == TwoWay && s.Relation != score.Own && (s.TargetSince.IsZero() && !s.TargetVouched || a.First.Before(s.TargetSince)) {
		f.Standing = score.Older
	}
	if s.As != "" { // who has that name is not known
		f.Standing = standingBelow(f.Standing)
		if freeMail[s.Domain] {
			f.Standing = score.Unseen
		}
	}
	if slices.Contains(t.Author.Contested, s.Target) && (t.Payment.changes() || f.Reply != "") {
		f.Standing, f.Contested = "", true // either may be the impostor, and this one wants something
	}
	f.Blocked = slices.ContainsFunc(t.Decisions, func(d Decision) bool {
		return d.Target == s.Target && e.blocks(&d, s.Domain)
	})
	return f
}

// addedBeside counts the look-alikes among the recipients, without target: that
// the author resembles it is counted already.
func (e *Evidence) addedBeside(target mail.Domain) int {
	n := 0
	for i := range e.Thread.Added {
		if s := &e.Thread.Added[i]; s.Domain != target && e.addedCounts(s) {
			n++
		}
	}
	return n
}

// quotes reports whether quoted header fields or ids show d.
func (t *Thread) quotes(d mail.Domain) bool {
	return slices.ContainsFunc(t.Parties, func(p Party) bool {
		return p.Domain == d && slices.ContainsFunc(p.Where, func(w string) bool { return w == "id" || strings.HasPrefix(w, "quoted-") })
	})
}

// intrudes reports whether d had part in the conversation that we remember, and
// the author's domain had not.
func (t *Thread) intrudes(d mail.Domain) bool {
	return t.Known != nil && !t.Known.TookPart && slices.Contains(t.Known.Participants, d)
}

// misplaced reports whether the message names another account than the conversation
// had that we remember, and its author came to that from without: whomever he
// resembles, he wants to be paid in the place of another. Who is one with somebody of
// it came from within.
func (e *Evidence) misplaced() bool {
	t := &e.Thread
	if t.Known == nil || len(t.Payment.Changed) == 0 || t.Known.TookPart && !t.joinedLate(e.ReceivedAt) {
		return false
	}
	author := lookalike.Registrable(e.Author.Domain)
	return !slices.ContainsFunc(t.Known.Participants, func(d mail.Domain) bool {
		s := t.similarTo(d)
		return d != author && e.excused(author, d, s != nil && s.SameOwner) != ""
	})
}

// joinedLate reports whether the author, who is hardly known at a time, was first
// heard of when the conversation that we remember had begun: one mail that says
// nothing gives a part in it.
func (t *Thread) joinedLate(at time.Time) bool {
	return t.stranger(t.Author.State, t.Author.First, at) && t.Known.before(t.Author.First)
}

// similarTo is how the author resembles d, nil if he does not.
func (t *Thread) similarTo(d mail.Domain) *Similar {
	for i := range t.Similar {
		if t.Similar[i].Target == d {
			return &t.Similar[i]
		}
	}
	return nil
}
