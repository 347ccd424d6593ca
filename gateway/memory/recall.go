package memory

import (
	"context"
	"slices"
	"time"

	"mxgate/gateway/memory/digest"
	"mxgate/gateway/memory/table"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

var _ policy.Memory = (*Store)(nil)

// nearKey is a look-up in the index of known domains as it stood.
type nearKey struct {
	domain mail.Domain
	stand  uint64
}

// maxAsked bounds the domains of a Question that are looked up.
const maxAsked = 64

// nearOctets bounds the look-ups remembered, in memo's measure.
const nearOctets = 16 << 20

// Recall answers a Question from RAM. Its only errors are ErrClosed and ErrBeside.
//
// Decisions that are limited to recipients are among Recollection.Decisions if
// they are on one of Question.Recipients. Where the cited ids belong to several
// threads, the author Wrote only if it did in each of them, and the participants
// are those of all: who has stolen one id gains nothing by citing one of his own.
func (s *Store) Recall(_ context.Context, q policy.Question) (policy.Recollection, error) {
	switch {
	case s.beside:
		return policy.Recollection{}, ErrBeside
	case s.closed.Load():
		return policy.Recollection{}, ErrClosed
	}
	var a asked
	s.prepare(&a, &q)
	var near []lookalike.Match
	if a.author != "" && !s.digester.Own[a.author] {
		near = s.near.Of(nearKey{a.author, s.stand.Load()}, len(a.author), func(k nearKey) []lookalike.Match { return s.ram.known.Near(k.domain) })
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := policy.Recollection{
		Author: s.show(a.author, &a), Decisions: s.decisionsOn(a.author, &q), Since: digest.TimeOf(s.ram.since), Thread: s.recallThread(&a, &q),
	}
	if len(a.domains) > 0 {
		r.Domains = make([]policy.KnownDomain, len(a.domains))
		for i, d := range a.domains {
			r.Domains[i] = s.show(d, &a)
		}
	}
	for _, m := range near {
		known := s.show(m.Target, &a)
		if known.State == policy.Established || known.State == policy.TwoWay {
			r.Near = append(r.Near, policy.Neighbour{Match: m, Known: known})
		}
	}
	r.Named = s.named(&a)
	return r, nil
}

// asked is a Question worked up, with room of its own for what is usual.
type asked struct {
	at        time.Time
	author    mail.Domain
	name      uint64
	domains   []mail.Domain
	ids       []uint64
	mailboxes []uint64
	accounts  []uint64 // 0: none of its kind
}

func (s *Store) prepare(a *asked, q *policy.Question) {
	g := s.digester
	a.at, a.author, a.name = q.At, g.Registrable(q.Author.Domain), g.Name(q.Name)
	a.ids = g.IDs(q.Cited)
	recipients := q.Recipients[:min(len(q.Recipients), digest.MaxRecipients)]
	a.mailboxes = make([]uint64, len(recipients))
	for i, r := range recipients {
		a.mailboxes[i] = g.Mailbox(r)
	}
	a.domains = make([]mail.Domain, len(q.Domains))
	for i, d := range q.Domains[:min(len(q.Domains), maxAsked)] {
		a.domains[i] = g.Registrable(d)
	}
	for i, d := range q.Domains {
		if a.domains[i] == "" { // no registrable domain, or too many
			a.domains[i] = d
		}
	}
	for _, iban := range q.Accounts[:min(len(q.Accounts), digest.MaxParties)] {
		a.accounts = append(a.accounts, g.Account(iban))
	}
}

// show is what is known of a domain, with the mail to the recipients counted.
func (s *Store) show(name mail.Domain, a *asked) policy.KnownDomain {
	k := s.ram.show(name, a.at)
	if d := s.ram.byName[name]; d != nil {
		for _, m := range a.mailboxes {
			if e, ok := s.ram.Edges.Get(table.EdgeKey(m, d.id)); ok {
				k.ToUs += int(e.In)
			}
		}
	}
	return k
}

// recallThread joins the threads of the cited ids.
func (s *Store) recallThread(a *asked, q *policy.Question) (r policy.RememberedThread) {
	author := s.ram.byName[a.author]
	wrote := author != nil && s.ram.state(author, a.at) != policy.Shadow
	var seen, members []uint32
	var t table.Thread
	var first, last uint16
	known := make([]bool, len(a.accounts))
	for _, id := range a.ids {
		f, ok := s.ram.IDs.Get(id)
		if !ok {
			continue
		}
		number := f.Thread()
		if slices.Contains(seen, number) {
			r.Cited++
			continue
		}
		if !s.ram.Thread(number, &t) {
			continue
		}
		r.Cited++
		seen = append(seen, number)
		if r.Number == 0 || uint64(number) < r.Number {
			r.Number = uint64(number)
		}
		if first == 0 || t.First < first {
			first = t.First
		}
		last = max(last, t.Last)
		r.Messages += int(t.Messages)
		r.Accounts += len(t.Accounts())
		for i, h := range a.accounts {
			known[i] = known[i] || slices.Contains(t.Accounts(), h)
		}
		if wrote {
			_, wrote = t.Find(author.id)
		}
		for i := range t.Len() {
			if id, _ := t.Member(i); !slices.Contains(members, id) {
				members = append(members, id)
			}
		}
	}
	if r.Number == 0 {
		return policy.RememberedThread{}
	}
	r.First, r.Last, r.Wrote, r.Participants = digest.TimeOf(first), digest.TimeOf(last), wrote, s.participants(members, a.at)
	for i := range a.accounts {
		if !known[i] {
			r.NewAccounts = append(r.NewAccounts, q.Accounts[i])
		}
	}
	return r
}

// participants names the members, shadows excepted: nobody is to be held against
// one. Of too many, as those of several threads may
// be, the best known stay: nobody can crowd them out with a thread of his own.
func (s *Store) participants(ids []uint32, at time.Time) []mail.Domain {
	if len(ids) > table.MaxMembers {
		slices.SortStableFunc(ids, func(a, b uint32) int {
			return int(s.ram.class(s.ram.byID[b], at)) - int(s.ram.class(s.ram.byID[a], at))
		})
	}
	all := make([]mail.Domain, 0, min(len(ids), table.MaxMembers))
	for _, id := range ids {
		if d := s.ram.byID[id]; d != nil && len(all) < table.MaxMembers && s.ram.state(d, at) != policy.Shadow {
			all = append(all, d.name)
		}
	}
	return all
}

// named lists whose mail to one of the recipients bore the author's name.
func (s *Store) named(a *asked) (all []mail.Domain) {
	if a.name == 0 {
		return nil
	}
	for _, m := range a.mailboxes {
		c, _ := s.ram.Names.Get(table.NameKey(a.name, m))
		for _, id := range c.Domains {
			if name := s.ram.nameOf(id); name != "" && len(all) < table.MaxNamed && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// decisionsOn lists the decisions on a sender that are in force.
func (s *Store) decisionsOn(sender mail.Domain, q *policy.Question) (all []policy.Decision) {
	for _, d := range s.ram.decisions[sender] {
		if inForce(&d, q.At) && (d.Recipient == "" || slices.ContainsFunc(q.Recipients, func(r mail.Address) bool { return limitedTo(d.Recipient, r) })) {
			all = append(all, d)
		}
	}
	return all
}
