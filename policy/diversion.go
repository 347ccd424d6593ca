package policy

import (
	"slices"
	"strings"
	"unicode/utf8"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
	"mxgate/policy/thread"
)

// leastName is how long a name must be, folded, to be somebody's.
const leastName = 5

// isPersonal reports whether a display name can be one person's: of two words,
// and not as short as any.
func isPersonal(display, folded string) bool {
	return utf8.RuneCountInString(folded) >= leastName && strings.ContainsAny(strings.TrimSpace(display), " ,.")
}

// names looks for others who bear the author's display name: in the message, and
// in what its recipients had before. An address of theirs in place of a name is
// one, too.
func (s *scene) names(author mail.Author) {
	shown := author.Display
	if len(author.Names) > 0 {
		shown = author.Names[0] // all that From shows
	}
	add := func(d mail.Domain, where string) { s.bear(shown, d, where) }
	for _, d := range author.Candidates {
		if d == author.Address.Domain {
			continue
		}
		if r := lookalike.Registrable(d); slices.Contains(s.targets(), r) {
			add(r, "from")
		}
	}
	if !s.person {
		return
	}
	for i := range s.conv.Parties {
		p := &s.conv.Parties[i]
		if p.Name == "" || p.Where == thread.ReplyTo {
			continue
		}
		name, shown := FoldName(p.Name), author.Display
		if name != s.name {
			if !slices.Contains(s.further, name) {
				continue
			}
			shown = p.Name
		}
		d := lookalike.Registrable(p.Domain)
		if d == s.author && freeMail[d] && p.Where == thread.QuotedFrom && mailbox(p.Address) != mailbox(author.Address) {
			s.e.Thread.Twin = true
		}
		s.bear(shown, d, string(p.Where))
	}
	for _, d := range s.recalled.Listed {
		add(d, "listed")
	}
	if isOffice(shown) {
		return // of how many houses it is, a recipient's mail does not tell
	}
	for _, d := range s.recalled.Named {
		add(d, "memory")
	}
}

// bear notes that the author bears a name of d, once.
func (s *scene) bear(name string, d mail.Domain, where string) {
	t := &s.e.Thread
	if d != "" && d != s.author && !s.c.sameOwner(s.author, d) && len(t.Named) < maxNamed && !slices.ContainsFunc(t.Named, func(n Namesake) bool { return n.Domain == d }) {
		t.Named = append(t.Named, Namesake{Plain(name, maxNameShown), d, where})
	}
}

// usurps reports whether the author's name is that of others, as an administrator
// listed them, and the author nobody who is known for himself: to have borne it in
// mail before makes it his no more.
func (s *scene) usurps() bool {
	r := &s.recalled
	return len(r.Listed) > 0 && !slices.Contains(r.Listed, s.author) && r.Author.State.rank() < Established.rank()
}

// maxNameShown bounds what is kept of a display name.
const maxNameShown = 80

// replies asks where an answer would go. A Reply-To to somebody who is known here,
// has part in the conversation or is of the author's domain diverts nothing.
func (s *scene) replies(author mail.Author) {
	var to []thread.Party
	cost := 0
	for _, p := range s.conv.Parties {
		if d := lookalike.Registrable(p.Domain); p.Where == thread.ReplyTo && d != "" && d != s.author && !withinAny(p.Domain, s.c.Own) {
			to = append(to, p)
			cost += costOf(p.Domain)
		}
	}
	if len(to) == 0 {
		return
	}
	slices.SortStableFunc(to, func(a, b thread.Party) int { return len(a.Domain) - len(b.Domain) })
	held := s.held()
	among := s.among(held, cost, false)
	for _, p := range to {
		d := lookalike.Registrable(p.Domain)
		var found *Diversion
		switch b := s.blocked(d); {
		case b != nil:
			found = &Diversion{Domain: d, Kind: score.ReplyLookalike, Target: b.Target, Class: classBlocked, Confidence: 100, Why: blockedWords(b), SameOwner: s.c.sameOwner(d, b.Target)}
		case s.foreign(d):
			found = s.diverted(p.Domain, d, among(p.Domain))
			if found != nil && found.Kind == score.ReplyUnknown && slices.ContainsFunc(held, func(x somebody) bool { return x.domain == d }) {
				found = nil // whom it quotes: anybody can be quoted, but honest mail may answer him
			}
		default:
			if found = s.standsBelow(p.Domain, d, among); found == nil && freeMail[d] {
				found = s.freeMailbox(p, d, author)
			}
			if found == nil && freeMail[d] && len(s.recalled.Kin) > 0 {
				found = &Diversion{Domain: d, Kind: score.ReplyUnknown} // honest houses have answers come to themselves
			}
		}
		if old := s.e.Thread.ReplyTo; found != nil && (old == nil || severityOf[found.Kind] > severityOf[old.Kind]) {
			s.e.Thread.ReplyTo = found
		}
	}
}

// foreign reports whether d is not known here for itself, had no part in the
// conversation, and is no service of free mailboxes.
func (s *scene) foreign(d mail.Domain) bool {
	t, known := &s.e.Thread, s.known(d)
	return !freeMail[d] && !slices.Contains(s.recalled.Thread.Participants, d) && (t.MemorySince.IsZero() || t.stranger(known.State, known.First, s.e.ReceivedAt))
}

// standsBelow reports a name of a participant below d, which is not foreign: who has that
// name is not known.
func (s *scene) standsBelow(full, d mail.Domain, among func(mail.Domain) []somebody) *Diversion {
	var l likeness
	if full != d {
		l.with(full, among(full), (*somebody).below)
	}
	if l.Confidence == 0 {
		return nil
	}
	found := s.likened(full, d, &l)
	if s.known(d).State.rank() >= Established.rank() || slices.Contains(s.recalled.Thread.Participants, d) {
		found.Kind = score.ReplyUnknown
	}
	return found
}

// held lists whom a Reply-To is held against: houses write from several names of their
// own, so the author's is by the strictest rule, unless he had part in the conversation.
func (s *scene) held() []somebody {
	all := []somebody{s.somebody(s.author, score.Site)}
	if slices.Contains(s.recalled.Thread.Participants, s.author) {
		all = append(all, s.somebody(s.author, score.Thread))
	}
	for _, t := range s.targets() {
		if r := s.relation(t); r != score.Message || s.party(t).quoted() || s.known(t).State != Unseen {
			all = append(all, s.somebody(t, strictly(r)))
		}
	}
	for i := range s.crowd {
		if p := &s.crowd[i]; p.quoted() || p.known.State != Unseen {
			all = append(all, s.somebody(p.domain, strictly(s.relation(p.domain))))
		}
	}
	return all
}

var severityOf = map[score.Reply]int{score.ReplyUnknown: 1, score.ReplyFreeMail: 2, score.ReplyLookalike: 3}

// freeMailbox reports a free mailbox that bears the name, or the local part, of
// somebody in the conversation. The author's own name counts if he claims to answer,
// and, also if the local part is only made of it, if he tells of an account from an
// address of his own: people who write to a web form are named as its author, too,
// and a small firm may want its answers there. So it may at an address that is made of
// its own name: that counts where payment is to change.
func (s *scene) freeMailbox(p thread.Party, d mail.Domain, author mail.Author) *Diversion {
	hit := func(of mail.Domain, name string) *Diversion {
		return &Diversion{Domain: d, Kind: score.ReplyFreeMail, Target: of, Name: Plain(name, maxNameShown)}
	}
	shown := FoldName(p.Name)
	same := func(name, local string) bool {
		return isPersonal(name, shown) && FoldName(name) == shown || len(local) >= leastName && strings.EqualFold(local, p.Address.Local)
	}
	bears := same(author.Display, author.Address.Local)
	if bears && s.conv.Reply || (bears || spells(p.Address.Local, author.Display)) && bearsOne(author.Address.Local, author.Display) && s.asksForMoney() {
		return hit(s.author, or(author.Display, author.Address.Local))
	}
	if spellsHouse(p.Address.Local, author.Display, s.author) && s.changesPayment() {
		return hit(s.author, s.author.Unicode())
	}
	for _, other := range s.conv.Parties {
		of := lookalike.Registrable(other.Domain)
		if other.Where == thread.ReplyTo || of == d {
			continue
		}
		if same(other.Name, other.Address.Local) {
			return hit(of, or(other.Name, other.Address.Local))
		}
	}
	return nil
}

func (s *scene) changesPayment() bool {
	s.words()
	return s.e.Thread.Payment.changes()
}

func (s *scene) asksForMoney() bool {
	s.words()
	return s.e.Thread.Payment.told() != ""
}

// diverted reports whom full resembles, a name of Reply-To at or below the domain d. What
// resembles but the author's own, as names of one house do, is noted of one that is
// unknown.
func (s *scene) diverted(full, d mail.Domain, among []somebody) *Diversion {
	var l likeness
	l.with(full, among, func(x *somebody, m *lookalike.Match) bool {
		return countsAs(x.relation, string(m.Class), m.Confidence)
	})
	switch {
	case l.Confidence > 0:
		return s.likened(full, d, &l)
	case s.e.Thread.MemorySince.IsZero():
		return nil // nothing is known of anybody
	}
	own := []somebody{s.somebody(s.author, score.Message)}
	l.with(full, own, func(x *somebody, m *lookalike.Match) bool { return m.Confidence >= leastInThread })
	found := s.likened(full, d, &l)
	found.Kind = score.ReplyUnknown
	return found
}

// likened is a Reply-To at full, at or below d, that resembles whom l tells, if anybody.
func (s *scene) likened(full, d mail.Domain, l *likeness) *Diversion {
	found := &Diversion{Domain: d, Kind: score.ReplyLookalike}
	if l.Confidence == 0 {
		return found
	}
	found.Target, found.Class, found.Confidence, found.Why, found.SameOwner = l.of.domain, string(l.Class), l.Confidence, l.Why, s.c.sameOwner(d, l.of.domain)
	if full != d && byDots(found.Class) {
		found.As = full
	}
	return found
}
