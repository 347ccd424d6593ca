package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
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

	similar *Similar // nil if nobody is resembled
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
	if e.Author.Ambiguous != "" || e.OwnDomain != "" ||
		len(t.Similar) == 0 && len(t.Named) == 0 && len(t.Added) == 0 && len(t.Decisions) == 0 && t.ReplyTo == nil && t.Payment.told() == "" && e.Impersonated == nil {
		return nil
	}
	base := e.facts()
	top := r.scored(e, base, nil, "")
	better := func(s *Score) {
		if s.Total > top.Total || s.Total == top.Total && top.Target == "" {
			top = s
		}
	}
	for i := range t.Similar {
		if s := &t.Similar[i]; e.counts(s) && e.excused(s.Domain, s.Target, s.SameOwner) == "" {
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
		if d := &t.Decisions[i]; !d.Allow && d.Sender == lookalike.Registrable(e.Author.Domain) && e.applies(d) {
			f := base
			f.Blocked = true
			s := t.similarTo(d.Target)
			if s != nil {
				f = e.factsOf(base, s)
			}
			better(r.scored(e, f, s, d.Target))
		}
	}
	if top.Total < r.Weights.Of(score.LogAt) {
		return nil
	}
	return top
}

func (r *Rules) scored(e *Evidence, f score.Facts, s *Similar, target mail.Domain) *Score {
	sheet := r.Weights.Sum(f)
	out := &Score{Total: sheet.Total, Target: target, Lines: sheet.Lines, similar: s}
	if s != nil {
		out.Relation = s.Relation
	}
	switch by := r.forwarded(e); {
	case f.Blocked, out.Total < r.Weights.Of(score.QuarantineAt):
	case f.Relation == score.None:
		out.Capped = "its domain resembles nobody's"
	case by != "":
		out.Capped = "it came through " + strconv.Quote(by) + ", a forwarder of our rules"
	case e.Thread.list():
		out.Capped = "it came through a mailing list"
	}
	return out
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
	f.Confidence, f.Relation, f.Shown, f.Intrudes = s.Confidence, s.Relation, t.quotes(s.Target), t.intrudes(s.Target)
	f.Letters, f.Ending, f.Word = inLetters(s.Class), s.Class == string(lookalike.TLD), has(s.Class, lookalike.Combo)
	f.Added = e.addedBeside(s.Target)
	f.Acquainted = s.Acquainted
	f.Pretext = f.Added > 0 || t.Payment.changes() || t.Reply && !f.Intrudes
	f.Name = s.SameLocal || s.Acquainted || slices.ContainsFunc(t.Named, func(n Namesake) bool { return n.Domain == s.Target })
	if a := &t.Author; f.Standing == score.Established && a.State == TwoWay && s.Relation != score.Own && (s.TargetSince.IsZero() || a.First.Before(s.TargetSince)) {
		f.Standing = score.Older
	}
	f.Blocked = slices.ContainsFunc(t.Decisions, func(d Decision) bool {
		return !d.Allow && d.Sender == s.Domain && d.Target == s.Target && e.applies(&d)
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

func (t *Thread) similarTo(d mail.Domain) *Similar {
	for i := range t.Similar {
		if t.Similar[i].Target == d {
			return &t.Similar[i]
		}
	}
	return nil
}

// learning is how long a memory only learns before the site's correspondents
// count: everybody is new to it. LOOKALIKE 6.
const learning = 14 * 24 * time.Hour

// counts reports whether s is more than chance, by the class rules of its tier.
// Who stands beside us in To or Cc is no conversation yet.
func (e *Evidence) counts(s *Similar) bool {
	if s.Relation == score.Message && !e.Thread.quotes(s.Target) {
		return countsAs(score.Site, s.Class, s.Confidence)
	}
	if s.Relation == score.Site && e.ReceivedAt.Sub(e.Thread.MemorySince) < learning {
		return false
	}
	return countsAs(s.Relation, s.Class, s.Confidence)
}

// addedCounts is counts for a recipient. Houses have several names, and their
// people write to each other: what is not of the conversation is held against the
// strictest rule.
func (e *Evidence) addedCounts(s *Similar) bool {
	return e.excused(s.Domain, s.Target, s.SameOwner) == "" && countsAs(strictly(s.Relation), s.Class, s.Confidence)
}

// strictly keeps a relation that rests on what we remember.
func strictly(r score.Relation) score.Relation {
	if r == score.Thread || r == score.Corroborated {
		return r
	}
	return score.Site
}

// Confidence from which classes count where there are many to resemble:
// LOOKALIKE 4.3. Within one message words added to a name are mostly a house's
// own (4.6).
const (
	leastEdit    = 65 // one edit, which has that on a label that is long enough
	leastMixed   = 75 // an edit with anything else; words added
	leastMessage = 65 // words added, to a name in the same message
)

func countsAs(r score.Relation, class string, confidence int) bool {
	switch r {
	case score.Thread, score.Corroborated, score.Namesake:
		return confidence >= leastFor(r, class)
	case score.Message:
		return confidence >= leastInThread && (!has(class, lookalike.Combo) || confidence >= leastMessage)
	case score.Correspondent, score.Own, score.Protected:
		return confidence >= leastElse
	}
	switch {
	case class == string(lookalike.TLD):
		return false
	case has(class, lookalike.Combo), has(class, lookalike.Edit) && class != string(lookalike.Edit):
		return confidence >= leastMixed
	case has(class, lookalike.Edit):
		return confidence >= leastEdit
	}
	return confidence >= leastElse
}

// excused says why d may resemble target; "" if nothing says so. That they share
// a hoster, or that somebody answered, says nothing: victims answer.
func (e *Evidence) excused(d, target mail.Domain, sameOwner bool) string {
	t := &e.Thread
	if d == "" || target == "" {
		return ""
	}
	if sameOwner {
		return "the operator says that they have one owner"
	}
	for i := range t.Decisions {
		if x := &t.Decisions[i]; x.Allow && x.Sender == d && x.Target == target && e.applies(x) {
			return or(x.Who, "an administrator") + " allowed it"
		}
	}
	if d != lookalike.Registrable(e.Author.Domain) || freeMail[target] {
		return ""
	}
	if slices.Contains(t.Author.ProvenFor, target) {
		return string(target) + " signed its mail before"
	}
	// A list signs what anybody posts, and a provider of mailboxes what anybody writes.
	if !t.List && slices.ContainsFunc(e.DKIM, func(s DKIM) bool { return s.Result == mail.Pass && !s.Testing && s.Domain.Within(target) }) {
		return string(target) + " signed this mail"
	}
	return ""
}

// applies reports whether a decision is for this message: to allow is for those
// recipients only, to block is for a message to any of them.
func (e *Evidence) applies(d *Decision) bool {
	switch {
	case over(d.Expires, e):
		return false
	case d.Recipient == "":
		return true
	case d.Allow:
		return allTo(e.ForwardPaths, d.Recipient)
	}
	return slices.ContainsFunc(e.ForwardPaths, func(p string) bool { return allTo([]string{p}, d.Recipient) })
}
