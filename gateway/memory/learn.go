package memory

import (
	"slices"
	"time"

	"mxgate/gateway/calendar"
	"mxgate/gateway/memory/digest"
	"mxgate/gateway/memory/table"
	"mxgate/policy"
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
	locked  bool // between lock and unlock, which the writer goroutine alone calls
	changed *changes
	limits  Limits
	day     tally
	capped  uint64 // digests cut by the limits of the day
	learned uint64
	lastOut uint16 // day of the last outbound message
	boxes   []uint64
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
	at := calendar.EndOf(g.Day)
	l.lock()
	author, state := l.meet(g, at)
	l.unlock()
	if !l.admitted(g, author, at) {
		l.capped++
		return
	}
	c := l.conversation(g, author, state, at)
	l.lock()
	defer l.unlock()
	l.file(g, author, c, at)
	if author != nil {
		l.correspond(g, author, state, at)
	}
	if l.since == 0 || g.Day < l.since {
		l.since, l.changed.meta = g.Day, true
	}
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
		member, _ := t.Find(author.id)
		believed := t.Messages <= 1 || author.ours || member // an account of whoever joins, known as he may be, is none of this conversation
		t.Add(author.id, true)
		for _, h := range g.Accounts {
			if believed {
				t.AddAccount(h)
			}
		}
	}
	for _, p := range c.parties {
		if d := l.domain(p.Domain, g, at, wasNamed); d != nil {
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
func (l *learner) correspond(g *digest.Digest, author *domain, state policy.State, at time.Time) {
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
		if g.Name != 0 && state != policy.Shadow {
			l.named(g, r.Mailbox, author, at)
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
// domain has borne first, or was listed with, is shared with established domains only: a look-alike
// does not become its bearer by writing under it.
func (l *learner) named(g *digest.Digest, mailbox uint64, author *domain, at time.Time) {
	key, day := table.NameKey(g.Name, mailbox), g.Day
	c, _ := l.Names.Get(key)
	there := slices.Contains(c.Domains[:], author.id)
	free := slices.Index(c.Domains[:], 0)
	switch {
	case there && day < c.Day+refreshAfter:
		return
	case there:
	case free < 0, l.class(author, at) == table.ClassNew && (free > 0 || l.othersName(g.Name, author)):
		return
	default:
		c.Domains[free] = author.id
	}
	c.Day, c.Mailbox = max(c.Day, day), uint16(mailbox)
	l.Names.Set(key, c)
	l.changed.names[key] = struct{}{}
}
