package policy

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
	"mxgate/policy/thread"
)

// Confidence from which a pair is kept at all: LOOKALIKE 4.4. Of the handful of
// domains in a conversation a faint likeness says something; among all that
// wrote to the site, chance makes hundreds.
const (
	leastLetters  = 20 // letters alone, in a name of a participant: a short one has no more
	leastInThread = 35
	leastElse     = 50
)

// leastFor is the confidence from which a pair is kept.
func leastFor(r score.Relation, class string) int {
	switch {
	case (r == score.Thread || r == score.Corroborated || r == score.Namesake) && inLetters(class):
		return leastLetters
	case near(r):
		return leastInThread
	}
	return leastElse
}

// resembled asks for each domain that the author's may be taken for, nearest
// relation first: participants of the conversation that we remember, parties of
// this message, correspondents of its recipient, ours and protected ones,
// correspondents of the site.
//
// The author of a free mailbox did not choose its domain, but for a name below it.
func (s *scene) resembled(ctx context.Context, local string) error {
	if freeMail[s.author] && s.e.Author.Domain == s.author {
		return nil
	}
	var found []Similar
	full := s.e.Author.Domain
	add := func(target mail.Domain, class lookalike.Class, confidence int, why string, r score.Relation) {
		known := s.known(target)
		if freeMail[s.author] && !byDots(string(class)) || target == s.author || known.State == Shadow && (r != score.Thread || s.party(target) != nil) || slices.ContainsFunc(found, func(f Similar) bool { return f.Target == target }) {
			return
		}
		acquainted := s.acquainted(target, string(class), confidence)
		if acquainted && (r == score.Message || r == score.Correspondent || r == score.Site) {
			r = score.Namesake
		}
		if r == score.Message && known.State == TwoWay && has(string(class), lookalike.Combo) && confidence < leastMessage {
			r = score.Correspondent // to be quoted as well makes nobody less of one
		}
		// Everybody has mail from free mailboxes, and many names are near theirs.
		if confidence < leastFor(r, string(class)) || freeMail[target] && (r == score.Correspondent || r == score.Site) && !disguised(class) {
			return
		}
		f := s.pair(s.author, target, "author", r)
		f.likened(full, string(class), confidence, why)
		f.SameLocal, f.Acquainted = s.sameLocal(target, local), acquainted
		found = append(found, f)
	}
	matches, err := s.matches(ctx, full)
	if err != nil {
		return err
	}
	for _, m := range matches {
		add(m.Target, m.Class, m.Confidence, m.Why, s.relation(m.Target))
	}
	for _, n := range s.recalled.Near {
		add(n.Target, n.Class, n.Confidence, n.Why, s.relation(n.Target))
	}
	for i := range s.e.Lookalike {
		l := &s.e.Lookalike[i]
		if l.Where != "author" {
			continue
		}
		if d := lookalike.Registrable(l.Target); d != "" {
			add(d, lookalike.Class(l.Class), l.Confidence, l.Why, protectedAs(l))
		}
	}
	s.e.Thread.Similar = best(s.kin(found))
	return nil
}

// matches holds the author, shown as full, against the targets, and asks what is known
// of those that he resembles.
func (s *scene) matches(ctx context.Context, full mail.Domain) ([]lookalike.Match, error) {
	var all []lookalike.Match
	var unknown []mail.Domain
	for _, d := range s.targets() {
		m, ok := compare(full, d)
		if m.Confidence < leastElse {
			if f, found := s.faint(full, d); found && f.Confidence > m.Confidence {
				m, ok = f, true
			}
		}
		if !ok {
			continue
		}
		m.Target = d
		if all = append(all, m); s.known(d).Domain == "" && !withinAny(d, s.c.Own) {
			unknown = append(unknown, d)
		}
	}
	more, err := s.ask(ctx, unknown[:min(len(unknown), maxAsked)])
	s.others = more
	return all, err
}

// disguised reports whether letters were put in the place of others that look the
// same: nobody does that to his own name.
func disguised(class lookalike.Class) bool {
	return has(string(class), lookalike.Homoglyph) || has(string(class), lookalike.IDN)
}

// inLetters reports whether the name itself was disguised: neither another ending
// nor words added make the difference.
func inLetters(class string) bool {
	return !has(class, lookalike.TLD) && !has(class, lookalike.Combo)
}

func has(class string, part lookalike.Class) bool {
	return slices.Contains(strings.Split(class, "+"), string(part))
}

// near reports whether r is to the conversation itself, or to the author's name.
func near(r score.Relation) bool {
	return r == score.Thread || r == score.Corroborated || r == score.Namesake || r == score.Message
}

func protectedAs(l *Lookalike) score.Relation {
	if l.Own {
		return score.Own
	}
	return score.Protected
}

// targets lists whom the author is held against: the participants of the
// conversation that we remember, ours too, whom the message shows besides a
// Reply-To, and who wrote to its recipients under the author's name. A recipient in
// To or Cc whom we do not know can be nobody's to be taken for.
func (s *scene) targets() []mail.Domain {
	all := slices.Clone(s.recalled.Thread.Participants)
	for i := range s.parties {
		if p := &s.parties[i]; s.anchors(p) && !slices.Contains(all, p.domain) {
			all = append(all, p.domain)
		}
	}
	if !s.e.Thread.NameKnown {
		for _, d := range s.recalled.Named[:min(len(s.recalled.Named), maxNamed)] {
			if !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	return slices.DeleteFunc(all, func(d mail.Domain) bool { return d == s.author })
}

// acquainted reports whether a recipient knows the author's name from target, and
// not from the author's domain, which resembles target in that class. A name of
// one word may be a brand or an office, of which houses have the same under several
// endings: it counts only where letters are what differs.
func (s *scene) acquainted(target mail.Domain, class string, confidence int) bool {
	if s.e.Thread.NameKnown || !slices.Contains(s.recalled.Named, target) {
		return false
	}
	return s.person || utf8.RuneCountInString(s.name) >= leastName && inLetters(class) && confidence >= leastElse
}

// anchors reports whether somebody may want to be taken for p.
func (s *scene) anchors(p *scened) bool {
	return p.quoted() || p.isRecipient() && (p.known.State != Unseen || s.e.Thread.MemorySince.IsZero())
}

// relation says what d is to this message.
func (s *scene) relation(d mail.Domain) score.Relation {
	known := s.known(d)
	p := s.party(d)
	switch {
	case slices.Contains(s.recalled.Thread.Participants, d):
		return score.Thread
	case p != nil && p.quoted() && known.ToUs > 0 && s.vouched(d, &known):
		return score.Corroborated
	case p != nil && (p.quoted() || p.isRecipient()):
		return score.Message
	case known.ToUs > 0 || known.State == TwoWay:
		return score.Correspondent
	case withinAny(d, s.c.Protected): // also where the memory knows it
		return score.Protected
	}
	return score.Site
}

// vouched reports whether d, which wrote to this recipient, is known by more than
// one mail that may have been sent for that: by weeks of mail, or by the operator's
// word. Whoever writes first under a name that resembles the genuine one would else
// have that one held for quoting him.
func (s *scene) vouched(d mail.Domain, known *KnownDomain) bool {
	switch {
	case known.State == Established || known.State == TwoWay || withinAny(d, s.c.Protected):
		return true
	}
	return known.ToUs > 1 && s.e.ReceivedAt.Sub(known.First) >= fresh
}

// pair fills in what is known of both.
func (s *scene) pair(d, target mail.Domain, where string, r score.Relation) Similar {
	of, as := s.known(target), s.known(d)
	if d == s.author {
		as = s.recalled.Author
	}
	if target == s.author {
		of = s.recalled.Author
	}
	f := Similar{Domain: d, Target: target, Where: where, Relation: r, State: as.State, Since: as.First, TargetState: of.State, TargetSince: of.First, TargetToUs: of.ToUs}
	f.TargetVouched = of.Imported || withinAny(target, s.c.Protected)
	if p := s.party(target); p != nil {
		f.Shown = slices.DeleteFunc(placeNames(p.where), func(where string) bool { return where == string(thread.ReplyTo) }) // answers go there
	}
	f.SameOwner = s.c.sameOwner(d, target)
	return f
}

// likened notes how full, a name of s.Domain or below it, resembles the target.
// Where a dot does it, the registrable domain alone would not show that.
func (s *Similar) likened(full mail.Domain, class string, confidence int, why string) {
	s.Class, s.Confidence, s.Why = class, confidence, why
	if full != s.Domain && byDots(class) {
		s.As = full
	}
}

// byDots reports whether the likeness is in the whole name, and not in the
// registrable domain.
func byDots(class string) bool {
	return has(class, lookalike.Split) || has(class, lookalike.Embedding)
}

// sameLocal reports whether the message shows an address of target with the
// author's local part. Who has the answers sent there is not in its place.
func (s *scene) sameLocal(target mail.Domain, local string) bool {
	return slices.ContainsFunc(s.conv.Parties, func(p thread.Party) bool {
		return p.Where != thread.ReplyTo && p.Address.Local != "" && strings.EqualFold(p.Address.Local, local) && p.Domain.Within(target)
	})
}

// best keeps the pairs that weigh the most: the sender may have made the others.
func best(found []Similar) []Similar {
	var w score.Weights
	weight := func(f *Similar) int {
		return w.Sum(score.Facts{Confidence: f.Confidence, Relation: f.Relation, Shown: len(f.Shown) > 0, Name: f.SameLocal, Faint: f.Kin}).Total
	}
	slices.SortStableFunc(found, func(a, b Similar) int {
		return cmp.Or(weight(&b)-weight(&a), b.Confidence-a.Confidence)
	})
	return found[:min(len(found), maxSimilar)]
}
