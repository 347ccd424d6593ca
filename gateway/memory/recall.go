package memory

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"mxgate/gateway/calendar"
	"mxgate/gateway/memory/digest"
	"mxgate/gateway/memory/table"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/memo"
)

var _ policy.Memory = (*Store)(nil)

// nearKey is a look-up in the index of known domains as it stood.
type nearKey struct {
	domain mail.Domain
	stand  uint64
}

func (k nearKey) own() nearKey {
	k.domain = memo.Text(k.domain)
	return k
}

// maxAsked bounds the domains of a Question that are looked up.
const maxAsked = 64

// maxNames bounds the names beside the display name that are looked up: more than
// mail.ParseAuthor tells, or a name could be hidden behind others.
const maxNames = 64

// nearOctets bounds the look-ups remembered, in memo's measure.
const nearOctets = 16 << 20

// Recall answers a Question from RAM. Its only errors are ErrClosed and ErrBeside.
//
// Domains of the Question may lie below registrable ones: those are answered for,
// and judged under the name that is shown. A State is the one in the eyes of the
// recipients and of the conversation: see standing.
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
	a := questions.Get().(*asked)
	defer questions.Put(a)
	s.prepare(a, &q)
	var near []lookalike.Match
	if a.author != "" && !s.digester.Own[a.author] {
		near = s.ram.near(a.full) // without the lock: it has its own
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := policy.Recollection{Since: calendar.TimeOf(s.ram.since), Thread: s.recallThread(a, &q)}
	if r.Author = s.show(a.author, a.full, a); r.Author.State == policy.Shadow {
		r.Thread.Wrote = false
	}
	a.participants = r.Thread.Participants
	s.shadeAuthor(&r.Author, a)
	r.Decisions = s.decisionsOn(nil, a.author, &q)
	if len(a.domains) > 0 {
		r.Domains = make([]policy.KnownDomain, len(a.domains))
		for i, d := range a.domains {
			r.Domains[i] = s.show(d, q.Domains[i], a)
			s.shadeShown(&r.Domains[i], q.Domains[i], a)
			if d != a.author && !slices.Contains(a.domains[:i], d) {
				r.Decisions = s.decisionsOn(r.Decisions, d, &q)
			}
		}
	}
	r.Near = s.neighbours(near, a)
	r.Kin = s.kindred(r.Author.State, a)
	var his []mail.Domain // who bears a name that the author bore before
	for _, name := range a.names {
		switch bearers := s.named(nil, name, a); {
		case slices.Contains(bearers, a.author):
			his = append(his, bearers...)
		default:
			r.Named = append(r.Named, bearers...)
		}
		for _, d := range s.ram.listedAs(name) {
			if len(r.Listed) < table.MaxNamed && !slices.Contains(r.Listed, d) {
				r.Listed = append(r.Listed, d)
			}
		}
	}
	if len(r.Named) == 0 { // else there is one that is not his
		r.Named = his
	}
	r.Named = r.Named[:min(len(r.Named), table.MaxNamed)]
	return r, nil
}

// maxNear bounds Recollection.Near.
const maxNear = 8

// neighbours are the known domains that the author resembles. Of the many that
// may differ from his in the public suffix alone, the index tells one; those that
// the recipients know come first.
func (s *Store) neighbours(near []lookalike.Match, a *asked) (all []policy.Neighbour) {
	add := func(m lookalike.Match) {
		if len(all) == maxNear || slices.ContainsFunc(all, func(n policy.Neighbour) bool { return n.Target == m.Target }) {
			return
		}
		known := s.show(m.Target, "", a)
		if known.State == policy.Established || known.State == policy.TwoWay {
			all = append(all, policy.Neighbour{Match: m, Known: known})
		}
	}
	if a.author != "" && !s.digester.Own[a.author] {
		s.ram.twins(a.author, s.ram.knownTo(&a.eyes), func(old *domain, m lookalike.Match) bool {
			if !slices.ContainsFunc(near, func(n lookalike.Match) bool { return n.Target == old.name }) {
				m.Tier = lookalike.Site
				add(m)
			}
			return true
		})
	}
	for _, m := range near {
		add(m)
	}
	slices.SortStableFunc(all, func(a, b policy.Neighbour) int { return b.Confidence - a.Confidence })
	return all
}

// asked is a Question worked up.
type asked struct {
	eyes
	at       time.Time
	author   mail.Domain
	full     mail.Domain // of the author, as it is shown
	names    []uint64    // that From shows, the display name first
	writers  []uint32    // of the members, those who wrote
	domains  []mail.Domain
	ids      []uint64
	accounts []uint64 // 0: none of its kind

	participants []mail.Domain // of the conversation, as they are told
	compared     int           // with those
	company      *circle       // nil until somebody asks
}

// shows reports whether the message shows d, or its conversation had it.
func (a *asked) shows(d *domain) bool {
	return d.name == a.author || slices.Contains(a.domains, d.name) || slices.Contains(a.members, d.id)
}

// questions are used again. Nothing of an answer lies in one.
var questions = sync.Pool{New: func() any { return new(asked) }}

func (s *Store) prepare(a *asked, q *policy.Question) {
	g := s.digester
	a.at, a.author, a.names = q.At, g.Registrable(q.Author.Domain), a.names[:0]
	a.bears(g.Name(q.Name))
	for _, name := range q.Names[:min(len(q.Names), maxNames)] {
		a.bears(g.Name(name))
	}
	if a.full = a.author; q.Author.Domain != a.author {
		a.full = mail.Domain(strings.Clone(string(q.Author.Domain))) // it is remembered
	}
	a.ids, a.mailboxes, a.members = g.AppendIDs(a.ids[:0], q.Cited), a.mailboxes[:0], a.members[:0]
	for _, r := range q.Recipients[:min(len(q.Recipients), digest.MaxRecipients)] {
		a.mailboxes = append(a.mailboxes, g.Mailbox(r))
	}
	clear(a.domains) // they may lie in the message before
	a.domains, a.participants, a.compared, a.company = a.domains[:0], nil, 0, nil
	for i, d := range q.Domains {
		registrable := mail.Domain("")
		if i < maxAsked {
			registrable = g.Registrable(d)
		}
		a.domains = append(a.domains, cmp.Or(registrable, d))
	}
	a.accounts = a.accounts[:0]
	for _, iban := range q.Accounts[:min(len(q.Accounts), digest.MaxParties)] {
		a.accounts = append(a.accounts, g.Account(iban))
	}
}

// bears notes a name, if it is one.
func (a *asked) bears(name uint64) {
	if name != 0 {
		a.names = append(a.names, name)
	}
}

// show is what is known of a domain that is shown as full, or as itself if that
// is "", with the mail to the recipients counted.
func (s *Store) show(name, full mail.Domain, a *asked) policy.KnownDomain {
	k := s.ram.show(name, a.at)
	if d := s.ram.byName[name]; d != nil {
		if full != name && full != a.full {
			full = mail.Domain(strings.Clone(string(full))) // it is remembered
		}
		k.State, k.ShadowOf = s.ram.standing(d, full, &a.eyes, a.at)
		k.Imported = d.imported
		if !k.First.IsZero() {
			k.First = k.First.Add(time.Duration(d.second) * time.Second)
		}
		for _, m := range a.mailboxes {
			if e, ok := s.ram.Edges.Get(table.EdgeKey(m, d.id)); ok {
				k.ToUs += int(e.In)
			}
		}
	}
	return k
}

// recallThread joins the threads of the cited ids, and notes their members in a.
// Whether the author stands there as a shadow is not asked yet.
func (s *Store) recallThread(a *asked, q *policy.Question) (r policy.RememberedThread) {
	author := s.ram.byName[a.author]
	wrote, part := author != nil, author != nil
	var seen [digest.MaxCited]uint32
	var t table.Thread
	var first, last uint16
	joined := 0
	known := make([]bool, len(a.accounts))
	met, writers := crowd{list: a.members}, crowd{list: a.writers[:0]}
	for _, id := range a.ids {
		f, ok := s.ram.IDs.Get(id)
		if !ok {
			continue
		}
		number := f.Thread()
		if slices.Contains(seen[:joined], number) {
			r.Cited++
			continue
		}
		if !s.ram.Thread(number, &t) {
			continue
		}
		r.Cited++
		seen[joined] = number
		joined++
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
		if part {
			member, wroteIt := t.Find(author.id)
			wrote, part = wrote && wroteIt, member
		}
		for i := range t.Len() {
			id, wrote := t.Member(i)
			if met.add(id); wrote {
				writers.add(id)
			}
		}
	}
	a.members, a.writers = met.list, writers.list
	if r.Number == 0 {
		return policy.RememberedThread{}
	}
	r.First, r.Last, r.Wrote, r.Participants = calendar.TimeOf(first), calendar.TimeOf(last), wrote && part, s.participants(a, part)
	for i := range a.accounts {
		if !known[i] {
			r.NewAccounts = append(r.NewAccounts, q.Accounts[i])
		}
	}
	return r
}

// named adds those whose mail to one of the recipients bore a name.
func (s *Store) named(all []mail.Domain, name uint64, a *asked) []mail.Domain {
	for _, m := range a.mailboxes {
		c, _ := s.ram.Names.Get(table.NameKey(name, m))
		for _, id := range c.Domains {
			if d := s.ram.nameOf(id); d != "" && len(all) < table.MaxNamed && !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	return all
}

// decisionsOn adds the decisions on a sender that are in force, and notes that
// they mattered.
func (s *Store) decisionsOn(all []policy.Decision, sender mail.Domain, q *policy.Question) []policy.Decision {
	for _, d := range s.ram.decisions[sender] {
		if inForce(&d.Decision, q.At) && (d.Recipient == "" || slices.ContainsFunc(q.Recipients, func(r mail.Address) bool { return limitedTo(d.Recipient, r) })) {
			d.mattered(calendar.DayOf(q.At))
			all = append(all, d.Decision)
		}
	}
	return all
}
