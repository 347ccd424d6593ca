package memory

import (
	"slices"
	"time"

	"mxgate/gateway/memory/digest"
	"mxgate/gateway/memory/table"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// Bounds of learning one message.
const (
	maxCompares  = 64 // pairs of domains compared to keep look-alikes out of a thread
	refreshAfter = 30 // days after which an id that is cited again is written again
	maxOutAge    = 30 // days for which one message of ours proves that we teach outbound mail
)

// learner turns digests into changes of the ram. It is used by one goroutine.
type learner struct {
	*ram
	lock    func()
	unlock  func()
	changed *changes
	limits  Limits
	day     tally
	capped  uint64 // digests cut by the limits of the day
	learned uint64
	lastOut uint16 // day of the last outbound message
	latest  uint16 // the last day of which anything is known
}

// tally counts what the limits of a day bound. A day of an archive that is read
// beside live mail begins a new tally each time: archives are trusted.
type tally struct {
	day        uint16
	domains    int // seen for the first time
	promotions int
	ids        int            // of all domains not established
	messages   map[uint32]int // by domain
}

// learn takes in one message. The thread is looked up, and those who want to join
// it compared, without the lock; a domain is judged with it, which happens twice
// in its life.
func (l *learner) learn(g *digest.Digest) {
	if g.Day == 0 {
		return
	}
	l.learned++
	l.latest = max(l.latest, g.Day)
	if g.Day != l.day.day {
		l.day = tally{day: g.Day, messages: map[uint32]int{}}
	}
	at := digest.EndOf(g.Day)
	l.lock()
	author := l.meet(g, at)
	l.unlock()
	if !l.admitted(g, author, at) {
		l.capped++
		return
	}
	c := l.conversation(g, author, at)
	l.lock()
	defer l.unlock()
	l.file(g, author, c, at)
	if author != nil {
		l.correspond(g, author, at)
	}
	if l.since == 0 || g.Day < l.since {
		l.since, l.changed.meta = g.Day, true
	}
}

// meet notes contact with the author domain, or with the domains that we write
// to, and returns the author; nil if this message teaches nothing about him.
func (l *learner) meet(g *digest.Digest, at time.Time) *domain {
	if g.Outbound {
		if own := l.byName[g.Author]; own == nil || !own.ours {
			return nil // none of ours wrote it
		}
		l.lastOut = max(l.lastOut, g.Day)
		var met []mail.Domain
		for _, r := range g.Recipients {
			if !slices.Contains(met, r.Domain) {
				met = append(met, r.Domain)
				if d := l.domain(r.Domain, g.Day, at, weWrote); d != nil && !d.ours {
					d.out++
					l.contact(d, g.Day, at)
					l.answer(d, at)
				}
			}
		}
		return l.byName[g.Author]
	}
	if !g.Aligned || g.Author == "" {
		return nil
	}
	d := l.domain(g.Author, g.Day, at, itWrote)
	if d == nil || d.ours {
		return d
	}
	d.in++
	if d.signed(g.SignedBy) {
		l.changed.domain(d)
	}
	l.contact(d, g.Day, at)
	if s := l.state(d, at); g.CitesOwn && s == policy.Established && l.believable(g) {
		l.answer(d, at)
	}
	return d
}

// answer notes that we write to d, unless it is a shadow: victims answer too.
func (l *learner) answer(d *domain, at time.Time) {
	if !d.answered && l.state(d, at) != policy.Shadow {
		d.answered = true
		l.changed.domain(d)
	}
}

// believable reports whether the citation of an id of ours can be believed. Where our
// own mail is taught, the id must belong to a thread in which one of ours wrote;
// where it is not, any id that names us must do, and can be made up: who does that
// has still been established, and no older domain's look-alike.
func (l *learner) believable(g *digest.Digest) bool {
	if l.lastOut == 0 || g.Day > l.lastOut+maxOutAge {
		return true
	}
	var t table.Thread
	for _, id := range g.Cited {
		f, ok := l.IDs.Get(id)
		if !ok || !l.Thread(f.Thread(), &t) {
			continue
		}
		for i := range t.Len() {
			if id, wrote := t.Member(i); wrote && l.byID[id] != nil && l.byID[id].ours {
				return true
			}
		}
	}
	return false
}

// occasion is why a domain is looked up.
type occasion int

const (
	wasNamed occasion = iota // by somebody else
	itWrote
	weWrote
)

// domain returns the domain of a name, entered if it is new and the day's limit
// allows it; nil otherwise. A domain is judged at its first contact. Those that
// we write to are under no limit: no stranger makes us do that.
func (l *learner) domain(name mail.Domain, day uint16, at time.Time, why occasion) *domain {
	if name == "" {
		return nil
	}
	d := l.byName[name]
	if d == nil {
		if l.day.domains >= l.limits.NewDomains && why != weWrote {
			return nil
		}
		if d = l.enter(&domain{name: name, named: day}); d == nil {
			return nil
		}
		l.day.domains++
		l.changed.domain(d)
	}
	if why != wasNamed && d.first == 0 && !d.ours {
		d.first = day // the judge asks who was first
		d.shadowOf = l.judge(d, at)
		d.first = 0
	}
	if day > d.named && d.first == 0 {
		d.named = day
		l.changed.domain(d)
	}
	return d
}

// contact counts a day of contact, and establishes what is ripe and still no
// look-alike of an older domain: that one may have been established meanwhile.
func (l *learner) contact(d *domain, day uint16, at time.Time) {
	if d.first == 0 || day < d.first {
		l.changed.domain(d)
	}
	d.touched(day)
	l.changed.counted(d)
	if d.established || !d.ripe() || d.out == 0 && l.day.promotions >= l.limits.Promotions {
		return
	}
	if l.state(d, at) == policy.Shadow && l.stands(d.shadowOf, at) {
		return
	}
	l.changed.domain(d)
	if d.shadowOf = l.judge(d, at); l.state(d, at) == policy.Shadow {
		return
	}
	l.day.promotions++
	d.established = true
	l.settle(d, at)
	l.changed.stand = true
}

// admitted counts the message against the limits of the day.
func (l *learner) admitted(g *digest.Digest, author *domain, at time.Time) bool {
	id, known := uint32(0), g.Outbound // 0: all unaligned mail together, as that of one domain that is known
	limit := l.limits.FromKnown
	if author != nil {
		id, known = author.id, known || l.class(author, at) > table.ClassNew
		if !known {
			limit = l.limits.FromNew
		}
	}
	n := 1 + len(g.Cited)
	if !known && l.day.ids+n > l.limits.NewIDs || l.day.messages[id] >= limit {
		return false
	}
	l.day.messages[id]++
	if !known {
		l.day.ids += n
	}
	return true
}

// conversation is where a message belongs.
type conversation struct {
	number  uint32 // 0: a new thread
	thread  table.Thread
	hits    []uint32 // threads of the cited ids
	again   bool     // its own id is known
	author  bool     // the author may be filed as one who wrote
	parties []mail.Domain
}

// conversation finds the thread of a message and who may be filed in it. Of
// several threads the oldest is taken; the others stay as they are, and Recall
// joins them: threads that grew together for good would let one of the attacker's
// own carry him into another.
func (l *learner) conversation(g *digest.Digest, author *domain, at time.Time) (c conversation) {
	var members []uint32
	for i, id := range append(g.Cited[:len(g.Cited):len(g.Cited)], g.ID) {
		f, ok := l.IDs.Get(id)
		if !ok || id == 0 {
			continue
		}
		own := i == len(g.Cited)
		c.again = own
		number := f.Thread()
		var t table.Thread
		if own && c.number != 0 || slices.Contains(c.hits, number) || !l.Thread(number, &t) {
			continue
		}
		c.hits = append(c.hits, number)
		if c.number == 0 || number < c.number {
			c.number, c.thread = number, t
		}
		for j := range t.Len() {
			if id, _ := t.Member(j); !slices.Contains(members, id) {
				members = append(members, id)
			}
		}
	}
	if c.number == 0 {
		c.thread = table.Thread{First: g.Day}
	}
	l.vet(g, author, members, &c, at)
	return c
}

// vet decides who may be filed in the thread. Mail that is not aligned files
// nobody but the recipients. An author who resembles a member is not filed, nor
// is a shadow; those whom he names are filed where he began the thread or is
// established, unless they resemble a member.
func (l *learner) vet(g *digest.Digest, author *domain, members []uint32, c *conversation, at time.Time) {
	if author == nil {
		return
	}
	if c.again && len(c.hits) > 0 && !author.ours {
		if _, wrote := c.thread.Find(author.id); !wrote {
			return // an id that somebody else has used: he has it from there
		}
	}
	names := make([]mail.Domain, 0, len(members))
	for _, id := range members {
		if name := l.nameOf(id); name != "" {
			names = append(names, name)
		}
	}
	compares := maxCompares
	state := l.state(author, at)
	trusted := state == policy.TwoWay || state == policy.Established
	c.author = state != policy.Shadow && state != policy.Unseen || author.ours
	if _, wrote := c.thread.Find(author.id); c.author && !author.ours && !wrote {
		others := names
		if !trusted { // the older of two strangers may be the one in Cc
			others = append(names[:len(names):len(names)], g.Parties...)
		}
		c.author = !l.resembles(author.name, others, &compares, at)
	}
	if !c.author || !trusted && c.number != 0 {
		return
	}
	parties := g.Parties
	if g.Outbound {
		for _, r := range g.Recipients {
			if r.Domain != "" && !slices.Contains(parties, r.Domain) && len(parties) < table.MaxMembers {
				parties = append(parties[:len(parties):len(parties)], r.Domain)
			}
		}
	}
	names = append(names, author.name)
	for _, p := range parties {
		if l.state(l.byName[p], at) == policy.Shadow { // we have answered one
			continue
		}
		if slices.Contains(names, p) || !l.resembles(p, names, &compares, at) {
			c.parties = append(c.parties, p)
		}
	}
}

// resembles reports whether a name is a look-alike of one of the others, from
// whom it is not freed. When the comparisons are used up it says so.
func (l *learner) resembles(name mail.Domain, others []mail.Domain, compares *int, at time.Time) bool {
	for _, o := range others {
		if o == name {
			continue
		}
		if *compares == 0 {
			return true
		}
		*compares--
		if m, ok := lookalike.Compare(name, o); !ok || m.Confidence < threadConfidence {
			continue
		}
		if d := l.byName[name]; d == nil || !l.freed(d, o, at) {
			return true
		}
	}
	return false
}

// file puts the message and the ids that it cites into its thread.
func (l *learner) file(g *digest.Digest, author *domain, c conversation, at time.Time) {
	if g.ID == 0 && len(g.Cited) == 0 {
		return
	}
	if c.number == 0 {
		if l.NextThread > table.MaxThread {
			return
		}
		c.number = l.NextThread
		l.NextThread++
		l.changed.meta = true
	}
	class := uint8(table.ClassNew)
	if c.author {
		class = l.class(author, at)
	}
	l.fileThread(g, author, &c, class, at)
	for i, id := range append(g.Cited[:len(g.Cited):len(g.Cited)], g.ID) {
		if id == 0 || i < len(g.Cited) && id == g.ID {
			continue
		}
		f, known := l.IDs.Get(id)
		switch {
		case known && l.Threads.Get(f.Thread()) == nil: // its thread made room for others
			known = false
		case known && f.Class() >= class && g.Day < f.Day()+refreshAfter:
			continue
		}
		if known {
			f = table.NewFiled(f.Thread(), max(f.Class(), class), max(f.Day(), g.Day))
		} else {
			f = table.NewFiled(c.number, class, g.Day)
		}
		l.IDs.Set(id, f)
		l.changed.ids = append(l.changed.ids, id)
	}
}

func (l *learner) fileThread(g *digest.Digest, author *domain, c *conversation, class uint8, at time.Time) {
	t := &c.thread
	t.First, t.Last, t.Class = min(t.First, g.Day), max(t.Last, g.Day), max(t.Class, class)
	if !c.again {
		t.Messages = min(t.Messages, 1<<30) + 1
	}
	if c.author {
		t.Add(author.id, true)
		for _, h := range g.Accounts {
			t.AddAccount(h)
		}
	}
	for _, p := range c.parties {
		if d := l.domain(p, g.Day, at, wasNamed); d != nil {
			t.Add(d.id, false)
		}
	}
	for _, r := range g.Recipients {
		if d := l.byName[r.Domain]; d != nil && d.ours {
			t.Add(d.id, false)
		}
	}
	var room [table.MaxRecord]byte
	l.Threads.Set(c.number, t.Append(room[:0]))
	l.changed.threads[c.number] = struct{}{}
}

// correspond notes who writes to whom, and under what name.
func (l *learner) correspond(g *digest.Digest, author *domain, at time.Time) {
	for i, r := range g.Recipients {
		if g.Outbound {
			if d := l.byName[r.Domain]; d != nil && !d.ours && !slices.ContainsFunc(g.Recipients[:i], func(x digest.Recipient) bool { return x.Domain == r.Domain }) {
				l.edge(table.EdgeKey(g.Writer, d.id), g.Day, 0, 1)
			}
			continue
		}
		if author.ours {
			continue
		}
		l.edge(table.EdgeKey(r.Mailbox, author.id), g.Day, 1, 0)
		if g.Name != 0 {
			l.named(table.NameKey(g.Name, r.Mailbox), r.Mailbox, author, g.Day, at)
		}
	}
}

func (l *learner) edge(key uint64, day, in, out uint16) {
	e, ok := l.Edges.Get(key)
	if !ok {
		e.First = day
	}
	e.First, e.Last = min(e.First, day), max(e.Last, day)
	e.In, e.Out = max(e.In+in, e.In), max(e.Out+out, e.Out) // stay at the largest
	l.Edges.Set(key, e)
	l.changed.edges[key] = struct{}{}
}

// named files the author as one of those who bear a name. A name that another
// domain has borne first is shared with established domains only: a look-alike
// does not become its bearer by writing under it.
func (l *learner) named(key, mailbox uint64, author *domain, day uint16, at time.Time) {
	c, _ := l.Names.Get(key)
	there := slices.Contains(c.Domains[:], author.id)
	free := slices.Index(c.Domains[:], 0)
	switch {
	case there && day < c.Day+refreshAfter:
		return
	case there:
	case free < 0, free > 0 && l.class(author, at) == table.ClassNew, l.state(author, at) == policy.Shadow:
		return
	default:
		c.Domains[free] = author.id
	}
	c.Day, c.Mailbox = max(c.Day, day), uint16(mailbox)
	l.Names.Set(key, c)
	l.changed.names[key] = struct{}{}
}
