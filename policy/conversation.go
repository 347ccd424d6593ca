package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/thread"
)

// Limits of one message, which must not choose how much work it is.
const (
	maxAsked     = 64 // domains that the memory is asked about and that are compared
	maxParties   = 32 // kept of these
	maxSimilar   = 8  // pairs kept of each sort
	maxNamed     = 8
	maxDecisions = 16
	maxThread    = 32 // participants of a remembered conversation
	maxMore      = 3  // further names shown of one domain
	maxReplies   = 10 // domains in Reply-To: nobody has his answers go to so many
)

var moreReplies = fmt.Sprintf("more than %d domains in Reply-To", maxReplies)

// scene is the work on the conversation of one message.
type scene struct {
	c        *Collector
	e        *Evidence
	m        *mail.Message
	conv     thread.Conversation
	author   mail.Domain // registrable; "" if there is none
	name     string      // of the author, folded
	further  []string    // what else From shows as a name, folded
	person   bool        // one of these can be one person's
	parties  []scened
	reserved int      // places among the parties, for those of Reply-To
	crowd    []scened // those for whom there was no room among these
	asked    Question
	recalled Recollection
	others   []KnownDomain // asked about besides
}

// scened is a domain that the message shows, ours and the author's left out.
type scened struct {
	domain mail.Domain   // registrable
	full   mail.Domain   // as it was shown first
	more   []mail.Domain // as it was shown besides; at most maxMore
	where  []thread.Where
	known  KnownDomain
	like   likeness        // whom of those present it resembles the most
	ours   lookalike.Match // and of ours and the protected ones, beyond what pretence reads
}

// conversation asks whose conversation this is, and then whom of it the message
// resembles.
func (c *Collector) conversation(ctx context.Context, e *Evidence, tx *mail.Transaction, author mail.Author) error {
	s := scene{c: c, e: e, m: tx.Message, conv: thread.Read(tx.Message)}
	t := &e.Thread
	t.Reply, t.List, t.Cited, t.Unread = s.conv.Reply, s.conv.List, len(s.conv.Cited), s.conv.Unread
	t.Report = s.conv.Report && tx.Envelope.ReversePath.IsNull() && isMailSystem(author.Address.Local)
	t.Personal = s.personal(tx.Envelope.ForwardPaths)
	if author.Ambiguous == "" {
		s.author = lookalike.Registrable(author.Address.Domain)
	}
	s.name = FoldName(author.Display)
	s.person = isPersonal(author.Display, s.name)
	for _, other := range author.Names {
		if folded := FoldName(other); folded != s.name && isPersonal(other, folded) {
			s.further, s.person = append(s.further, folded), true
		}
	}
	s.gather()
	if s.conv.Unread == thread.MoreReplies {
		e.Unscannable = thread.MoreReplies
	}
	if s.author == "" {
		s.keepParties()
		return nil // a reason of its own, or nobody whose name can be borrowed
	}
	if err := s.recall(ctx, tx, author); err != nil {
		return err
	}
	s.keepParties()
	s.accounts()
	if e.OwnDomain != "" {
		return nil // ours: if nothing proves it, that is enough
	}
	s.names(author)
	if err := s.resembled(ctx, author.Address.Local); err != nil {
		return err
	}
	s.brands(author)
	if err := s.sift(ctx); err != nil {
		return err
	}
	s.added()
	s.replies(author)
	e.Thread.Joins = t.Unread != "" && (s.bringsStranger() || t.stranger(t.Author.State, t.Author.First, e.ReceivedAt))
	if e.Thread.Joins || t.anybodys(s.author) || e.suspects() || slices.ContainsFunc(e.Thread.Similar, func(f Similar) bool { return f.Kin }) {
		s.words()
	}
	return nil
}

// personal reports whether To or Cc name a recipient of the envelope.
func (s *scene) personal(recipients []mail.Address) bool {
	return slices.ContainsFunc(s.conv.Parties, func(p thread.Party) bool {
		return (p.Where == thread.To || p.Where == thread.Cc) && slices.ContainsFunc(recipients, func(r mail.Address) bool {
			return r.Domain == p.Address.Domain && strings.EqualFold(r.Local, p.Address.Local)
		})
	})
}

// places are where a party may stand, those first that show a conversation.
var places = [...]thread.Where{thread.QuotedFrom, thread.QuotedTo, thread.QuotedCc, thread.To, thread.Cc, thread.CitedID, thread.ReplyTo}

// gather lists the domains of the parties, each once.
func (s *scene) gather() {
	if len(s.conv.Parties) == 0 {
		return
	}
	domains := make([]mail.Domain, len(s.conv.Parties))
	for i, p := range s.conv.Parties {
		if i > 0 && p.Domain == s.conv.Parties[i-1].Domain {
			domains[i] = domains[i-1]
		} else if !withinAny(p.Domain, s.c.Own) {
			domains[i] = lookalike.Registrable(p.Domain)
		}
	}
	s.reserved = s.repliedTo(domains)
	for _, place := range places {
		for i, p := range s.conv.Parties {
			if p.Where == place && domains[i] != "" && domains[i] != s.author {
				s.show(domains[i], p.Domain, place)
			}
		}
	}
	for _, p := range s.conv.Crowd {
		if d := lookalike.Registrable(p.Domain); d != "" && d != s.author && !withinAny(p.Domain, s.c.Own) {
			s.crowds(d, p.Domain, p.Where)
		}
	}
}

// repliedTo counts the domains in Reply-To: they come last, and there is to be room.
func (s *scene) repliedTo(domains []mail.Domain) int {
	var found []mail.Domain
	for i, p := range s.conv.Parties {
		if d := domains[i]; p.Where == thread.ReplyTo && d != "" && d != s.author && !slices.Contains(found, d) {
			found = append(found, d)
		}
	}
	if len(found) > maxReplies {
		s.e.Unscannable = moreReplies
	}
	return min(len(found), maxReplies)
}

func (s *scene) show(d, full mail.Domain, place thread.Where) {
	i := slices.IndexFunc(s.parties, func(p scened) bool { return p.domain == d })
	room := maxAsked
	if place != thread.ReplyTo {
		room -= s.reserved
	}
	switch {
	case i < 0 && len(s.parties) >= room:
		s.unread("more domains than are compared")
		s.crowds(d, full, place)
		return
	case i < 0:
		s.parties = append(s.parties, scened{domain: d, full: full, where: []thread.Where{place}})
		i = len(s.parties) - 1
	case !slices.Contains(s.parties[i].where, place):
		s.parties[i].where = append(s.parties[i].where, place)
	}
	switch p := &s.parties[i]; {
	case full == p.full || slices.Contains(p.more, full):
	case len(p.more) < maxMore:
		p.more = append(p.more, full)
	default:
		s.crowds(d, full, place)
	}
}

func (s *scene) unread(why string) { s.e.Thread.Unread = thread.Heavier(s.e.Thread.Unread, why) }

// recall asks the memory, once, and prepares what it may learn.
func (s *scene) recall(ctx context.Context, tx *mail.Transaction, author mail.Author) error {
	if s.c.Memory == nil {
		return nil
	}
	q := Question{At: tx.ReceivedAt, Author: author.Address, Name: s.name, Names: s.further, Recipients: tx.Envelope.ForwardPaths,
		Cited: s.conv.Cited, Accounts: s.conv.Accounts, Domains: make([]mail.Domain, len(s.parties))}
	for i := range s.parties {
		q.Domains[i] = s.parties[i].domain
	}
	s.e.learnable, s.asked = s.observation(q), q
	r, err := s.c.Memory.Recall(ctx, q)
	if err != nil {
		return fmt.Errorf("policy: memory: %w", err)
	}
	for i := range s.parties {
		if i < len(r.Domains) {
			s.parties[i].known = r.Domains[i]
		}
	}
	if len(r.Thread.Participants) > maxThread {
		r.Thread.Participants = r.Thread.Participants[:maxThread]
	}
	s.recalled = r
	t := &s.e.Thread
	t.MemorySince, t.Author, t.NameKnown = r.Since, r.Author, slices.Contains(r.Named, s.author) && !s.usurps()
	t.Decisions = s.decisions(r.Decisions)
	if k := &r.Thread; k.Number != 0 {
		t.Known = &Remembered{Cited: k.Cited, First: k.First, Last: k.Last, Messages: k.Messages, Participants: k.Participants,
			TookPart: k.Wrote || slices.ContainsFunc(k.Participants, func(d mail.Domain) bool { return d == s.author || s.c.sameOwner(s.author, d) })}
	}
	return nil
}

// decisions keeps those on the author before those on others, of whom the
// message may show as many as it likes.
func (s *scene) decisions(all []Decision) []Decision {
	if len(all) <= maxDecisions {
		return all
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Decision) int {
		switch {
		case a.Sender == b.Sender:
			return 0
		case a.Sender == s.author:
			return -1
		case b.Sender == s.author:
			return 1
		}
		return 0
	})
	return all[:maxDecisions]
}

// keepParties notes who is shown, and who was added to the conversation.
func (s *scene) keepParties() {
	t := &s.e.Thread
	for i := range s.parties[:min(len(s.parties), maxParties)] {
		p := &s.parties[i]
		kept := Party{Domain: p.domain, Where: placeNames(p.where), State: p.known.State, Since: p.known.First}
		kept.Joined = t.Known != nil && p.isRecipient() && !slices.Contains(t.Known.Participants, p.domain)
		t.Parties = append(t.Parties, kept)
	}
}

func (p *scened) isRecipient() bool {
	return slices.Contains(p.where, thread.To) || slices.Contains(p.where, thread.Cc)
}

// place is where a recipient stands.
func (p *scened) place() string {
	if slices.Contains(p.where, thread.To) {
		return string(thread.To)
	}
	return string(thread.Cc)
}

// quoted reports whether more shows p than this message's own header: what it
// quotes, or the id of an older one.
func (p *scened) quoted() bool {
	return slices.ContainsFunc(p.where, func(w thread.Where) bool {
		return w == thread.QuotedFrom || w == thread.QuotedTo || w == thread.QuotedCc || w == thread.CitedID
	})
}

func placeNames(where []thread.Where) []string {
	out := make([]string, len(where))
	for i, w := range where {
		out[i] = string(w)
	}
	return out
}

// party is what is shown of d, nil if it is not.
func (s *scene) party(d mail.Domain) *scened {
	for i := range s.parties {
		if s.parties[i].domain == d {
			return &s.parties[i]
		}
	}
	return nil
}

// known is what is remembered of d.
func (s *scene) known(d mail.Domain) KnownDomain {
	if p := s.party(d); p != nil {
		return p.known
	}
	for i := range s.crowd {
		if p := &s.crowd[i]; p.domain == d {
			return p.known
		}
	}
	for _, list := range [][]Neighbour{s.recalled.Near, s.recalled.Kin} {
		for _, n := range list {
			if n.Target == d {
				return n.Known
			}
		}
	}
	for _, k := range s.others {
		if k.Domain == d {
			return k
		}
	}
	return KnownDomain{}
}

// accounts keeps the accounts named. What was agreed before is what we saw in the
// conversation, or else what the message itself quotes of it.
func (s *scene) accounts() {
	p := &s.e.Thread.Payment
	for _, account := range s.conv.Accounts {
		shown := masked(account)
		p.Accounts = append(p.Accounts, shown)
		switch {
		case s.recalled.Thread.Accounts > 0 && slices.Contains(s.recalled.Thread.NewAccounts, account):
			p.Changed = append(p.Changed, shown)
		case s.recalled.Thread.Accounts > 0:
			p.Known = append(p.Known, shown)
		case len(s.conv.QuotedAccounts) > 0 && !slices.Contains(s.conv.QuotedAccounts, account):
			p.Changed = append(p.Changed, shown)
		}
	}
}

// words keeps what is said of changed payment details. Every other mail speaks of
// payment, and to read for it costs: it is called where it can be evidence.
func (s *scene) words() {
	if p := &s.e.Thread.Payment; p.Words == nil {
		p.Words = thread.PaymentWords(s.m)
	}
}

// masked hides an account but for its last four characters, by which whoever
// knows it knows it again.
func masked(account string) string { return "…" + account[max(0, len(account)-4):] }
