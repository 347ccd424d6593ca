package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/memo"
	"mxgate/policy/score"
)

// marked writes two domains that resemble each other so that the difference is
// seen: he‹1›se.de and he‹i›se.de.
func marked(d, target mail.Domain) (string, string) {
	shown := shownPairs.Of([2]mail.Domain{d, target}, len(d)+len(target), func(pair [2]mail.Domain) [2]string {
		a, b := lookalike.Differ(pair[0], pair[1])
		return [2]string{runs(a), runs(b)}
	})
	return shown[0], shown[1]
}

// shownPairs remembers pairs: who writes from a look-alike writes again.
var shownPairs = memo.New[[2]mail.Domain, [2]string](128<<10, memo.Texts)

func runs(rs []lookalike.Run) string {
	var b strings.Builder
	for _, r := range rs {
		if r.Differs {
			b.WriteString("‹" + r.Text + "›")
		} else {
			b.WriteString(r.Text)
		}
	}
	return b.String()
}

// marked shows both domains, the first as the name that resembles the other.
func (s *Similar) marked() (string, string) {
	return marked(mail.Domain(or(string(s.As), string(s.Domain))), s.Target)
}

// words shows both domains and says what differs.
func (s *Similar) words() string {
	a, b := s.marked()
	if _, how, ok := strings.Cut(strings.TrimSuffix(s.Why, "."), ": "); ok {
		return fmt.Sprintf("%s looks like %s (%s)", a, b, how)
	}
	return fmt.Sprintf("%s looks like %s", a, b)
}

// sideBySide shows the letters that differ, and since when both are known.
func (e *Evidence) sideBySide(l *Lookalike) string {
	d, target := lookalike.Registrable(l.Domain), lookalike.Registrable(l.Target)
	if d == "" || target == "" {
		return ""
	}
	shown := d
	if byDots(l.Class) {
		shown = l.Domain
	}
	a, b := marked(shown, target)
	text := fmt.Sprintf(" Compare %s with %s.", a, b)
	if s := e.Thread.similarTo(target); s != nil && l.Where == "author" {
		text += e.Thread.sinceWords(s)
	}
	return text
}

// knownWords says since when we know d, as a clause; "" if we have no memory.
func (t *Thread) knownWords(d mail.Domain, state State, since time.Time) string {
	switch {
	case t.MemorySince.IsZero():
		return ""
	case state == Unseen:
		return noProven(d)
	case state == Shadow:
		return fmt.Sprintf("we have had mail from %s since %s, as a look-alike", named(d), day(since))
	}
	return fmt.Sprintf("we have known %s since %s", named(d), day(since))
}

// noProven says that d is Unseen, as a clause. Mail of it may have come: unproven, or
// held, and even if somebody released it. None of that is learned from.
func noProven(d mail.Domain) string {
	return fmt.Sprintf("we remember no proven mail from %s that was delivered", named(d))
}

func day(t time.Time) string {
	if t.IsZero() {
		return "an unknown day"
	}
	return t.UTC().Format(time.DateOnly)
}

// sinceWords says since when both of s are known, as a sentence that follows one.
func (t *Thread) sinceWords(s *Similar) string {
	sender := t.knownWords(s.Domain, s.State, s.Since)
	if sender == "" {
		return ""
	}
	switch {
	case s.Relation == score.Own:
		return " " + upperFirst(sender) + "; " + named(s.Target) + " is ours."
	case s.TargetState != Unseen:
		return " " + upperFirst(sender) + "; " + t.knownWords(s.Target, s.TargetState, s.TargetSince) + "."
	}
	return " " + upperFirst(sender) + "."
}

// words says what we remember of a conversation.
func (k *Remembered) words() string {
	switch {
	case k.Messages > 1 && !k.First.IsZero():
		return fmt.Sprintf(" (%d messages since %s)", k.Messages, day(k.First))
	case !k.First.IsZero():
		return fmt.Sprintf(" (of %s)", day(k.First))
	}
	return ""
}

// joined lists who was added to the conversation.
func (t *Thread) joined() []mail.Domain {
	var all []mail.Domain
	for _, p := range t.Parties {
		if p.Joined {
			all = append(all, p.Domain)
		}
	}
	return all
}

func (t *Thread) joinedWords() string {
	switch all := t.joined(); len(all) {
	case 0:
		return ""
	case 1, 2, 3:
		return " Added to the conversation: " + joinDomains(all) + "."
	default:
		return fmt.Sprintf(" Added to the conversation: %s and %d more.", joinDomains(all[:2]), len(all)-2)
	}
}

// phrase says what there is of money; "" if nothing.
func (p *Payment) phrase() string {
	switch {
	case len(p.Changed) > 0:
		return fmt.Sprintf("it names another account (%s) than the conversation had", p.Changed[0])
	case len(p.Words) > 0:
		return fmt.Sprintf("it speaks of payment (%s)", Plain(p.Words[0], maxNameShown)) // words of the text, and not all between them
	case len(p.Accounts) > len(p.Known):
		i := slices.IndexFunc(p.Accounts, func(a string) bool { return !slices.Contains(p.Known, a) })
		return fmt.Sprintf("it names an account (%s)", p.Accounts[max(i, 0)])
	}
	return ""
}

func upperFirst(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// conversation writes the lines on the conversation, and what adds up.
func (x *explanation) conversation(e *Evidence, v *Verdict) {
	t := &e.Thread
	if k := t.Known; k != nil {
		had := "the author's domain had part in it"
		if !k.TookPart {
			had = "the author's domain had no part in it"
		}
		x.line("thread", "one that we remember%s, with %s; %s", k.words(), or(joinDomains(k.Participants), "nobody"), had)
	} else if t.Reply {
		of := "none that we remember"
		if t.MemorySince.IsZero() {
			of = "no memory was asked"
		}
		x.line("thread", "it claims to answer or forward something (ids cited: %d); %s", t.Cited, of)
	}
	if all := t.joined(); len(all) > 0 {
		x.line("added", "%s: not in the conversation before", joinDomains(all))
	}
	for _, n := range t.Named {
		x.line("name", "%q is also a name of %s%s", n.Name, named(n.Domain), map[string]string{"memory": ", as mail to the recipient had it before", "listed": ", as an administrator listed it"}[n.Where])
	}
	for i := range t.Similar {
		x.similar(e, &t.Similar[i])
	}
	for i := range t.Added {
		x.similar(e, &t.Added[i])
	}
	if d := t.ReplyTo; d != nil {
		x.line("reply-to", "%s (%s)%s", named(d.Domain), d.Kind, map[bool]string{true: ", for " + named(d.Target)}[d.Target != ""])
	}
	if money := t.Payment.phrase(); money != "" {
		x.line("payment", "%s", money)
	}
	for _, d := range t.Decisions {
		x.line("decision", "%s for %s: %s by %s on %s: %s", named(d.Sender), named(d.Target), map[bool]string{true: "allowed", false: "blocked"}[d.Allow], d.Who, day(d.At), d.Why)
	}
	if t.Unread != "" {
		x.line("unread", "of the conversation: %s", t.Unread)
	}
	x.score(e, v.Score)
}

// similar shows both domains below each other's letters, and since when each is
// known.
func (x *explanation) similar(e *Evidence, s *Similar) {
	text := fmt.Sprintf("%s, %s [%s, confidence %d, in %s].%s", s.words(), s.relation(), s.Class, s.Confidence, s.Where, e.Thread.sinceWords(s))
	if why := e.excused(s.Domain, s.Target, s.SameOwner); why != "" {
		text += " Excused: " + why + "."
	} else if s.Kin && !e.counts(s) {
		text += " So little counts beside a change of payment, a Reply-To elsewhere or the name of that one alone, and there is none."
	}
	x.line("resembles", "%s", text)
}

// score writes the table, a row a line.
func (x *explanation) score(e *Evidence, s *Score) {
	if s == nil {
		return
	}
	whom := ""
	switch {
	case s.undecided():
		whom = ", for " + named(s.similar.Domain) + " or " + named(s.Target)
	case s.Target != "":
		whom = " for an impostor of " + named(s.Target)
	}
	x.line("score", "%d points%s", s.Total, whom)
	for _, l := range s.Lines {
		x.line("", "%+4d  %s: %s", l.Points, l.Row, e.rowWords(l.Row, s))
	}
	switch {
	case s.Capped != "":
		x.line("", "no more than a tag, as %s", s.Capped)
	case s.Hidden != "":
		x.line("", "held for what it may hide: there is %s", s.Hidden)
	}
}
