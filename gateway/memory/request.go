package memory

import (
	"context"
	"encoding/json"
	"fmt"
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
)

// Kinds of requests.
const (
	askLearn  = "learn"
	askImport = "import"
	askForget = "forget"
)

// Bounds of what tools hand over.
const (
	learnTogether  = 500  // observations of a request
	importTogether = 2000 // domains of a request: what the server does between two looks at the mail
	maxWaiting     = 256  // requests that wait before Learn waits for the server
	maxBody        = 16 << 20
	maxNote        = 200 // octets of a note, who or why
	waitForServer  = 200 * time.Millisecond
)

// tool is what a Store beside the server gathers.
type tool struct {
	mu      sync.Mutex
	digests []digest.Digest
	err     error // of a request that could not be made, for Flush
}

// handOver gathers observations, and hands them over when they are many.
func (s *Store) handOver(d *digest.Digest) {
	s.tool.mu.Lock()
	defer s.tool.mu.Unlock()
	if s.tool.digests = append(s.tool.digests, *d); len(s.tool.digests) >= learnTogether {
		s.tool.err = s.askGathered(context.Background())
	}
	s.learned.Add(1)
}

// askGathered makes a request of what was gathered, when the server has not too
// many; where none serves it does the server's work.
func (s *Store) askGathered(ctx context.Context) error {
	if len(s.tool.digests) == 0 {
		return s.tool.err
	}
	for {
		n, err := s.db.waiting()
		if err != nil {
			return err
		}
		if n < maxWaiting {
			break
		}
		if served, err := s.serveMyself(ctx); err != nil {
			return err
		} else if served {
			continue
		}
		select {
		case <-time.After(waitForServer):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	body, err := json.Marshal(s.tool.digests)
	if err != nil {
		return err
	}
	s.tool.digests = s.tool.digests[:0]
	return s.db.ask(request{kind: askLearn, body: body})
}

// handOverAll hands over what was gathered. Where none serves from the memory the
// requests are worked off here and now.
func (s *Store) handOverAll(ctx context.Context) error {
	s.tool.mu.Lock()
	defer s.tool.mu.Unlock()
	if err := s.askGathered(ctx); err != nil {
		return err
	}
	n, err := s.db.waiting()
	if err == nil && n > 0 {
		_, err = s.serveMyself(ctx)
	}
	return err
}

// serveMyself works off the requests as the server would, and reports false if
// somebody serves.
func (s *Store) serveMyself(ctx context.Context) (bool, error) {
	unlock, ok := tryLock(s.config.Dir)
	unlock()
	if !ok {
		return false, nil
	}
	c := s.config
	c.Beside = false
	server, err := Open(c)
	if err != nil {
		return false, err
	}
	err = server.Flush(ctx)
	if closing := server.Close(); err == nil {
		err = closing
	}
	return true, err
}

// put makes a request.
func (s *Store) put(kind string, what any) error {
	if s.closed.Load() {
		return ErrClosed
	}
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return s.db.ask(request{kind: kind, body: body})
}

// answered has the requests answered by whoever serves; beside a server it does
// not wait for that.
func (s *Store) answered(ctx context.Context) error {
	if s.beside {
		return s.handOverAll(ctx)
	}
	return s.do(ctx, s.desk.drain)
}

// Import takes in domains for which an administrator vouches. Established ones
// are known from then on, and exempt each other from being look-alikes. One that
// resembles ours, a protected one, or a known one that is older than the date it
// is listed with, becomes a shadow all the same: that is what decisions are for.
func (s *Store) Import(ctx context.Context, list []Imported) (ImportReport, error) {
	var r ImportReport
	var taken []Imported
	for _, i := range list {
		name := s.digester.Registrable(i.Domain)
		if name == "" || s.digester.Own[name] {
			r.Refused++
			continue
		}
		i.Domain, i.Note = name, clip(i.Note)
		taken = append(taken, i)
	}
	for some := range slices.Chunk(taken, importTogether) {
		if err := s.put(askImport, some); err != nil {
			return r, err
		}
		r.Domains += len(some)
	}
	if err := s.answered(ctx); err != nil { // once: where none serves, the whole memory is loaded for it
		return r, err
	}
	n, err := s.db.waiting()
	r.Waiting = n > 0
	return r, err
}

// Forget forgets at once, and has it gone from the disk when a server, or this
// process, has written what is left anew.
func (s *Store) Forget(ctx context.Context, f Forgotten) error {
	f.Domain = s.digester.Registrable(f.Domain)
	ask := forgotten{Domain: f.Domain, All: f.All}
	if f.Recipient != "" {
		a, err := mail.ParseMailbox(f.Recipient)
		if err != nil {
			return fmt.Errorf("memory: forget: %w", err)
		}
		ask.Mailbox = s.digester.Mailbox(a)
	}
	if ask == (forgotten{}) {
		return fmt.Errorf("memory: forget: expected a registrable domain, a mailbox or everything")
	}
	if err := s.put(askForget, ask); err != nil {
		return err
	}
	return s.answered(ctx)
}

// forgotten is a Forgotten as it is handed over: an address that is to be
// forgotten must not be written down for it.
type forgotten struct {
	Domain  mail.Domain `json:"domain,omitempty"`
	Mailbox uint64      `json:"mailbox,omitempty"`
	All     bool        `json:"all,omitempty"`
}

func clip(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxNote)], "") // no letter cut in two
}

// answer does what a tool asks. What cannot be read is dropped with an error.
func (k *desk) answer(r request) error {
	if len(r.body) > maxBody {
		return fmt.Errorf("%d octets", len(r.body))
	}
	switch r.kind {
	case askLearn:
		var digests []digest.Digest
		if err := json.Unmarshal(r.body, &digests); err != nil {
			return err
		}
		for i := range digests {
			d := &digests[i]
			d.Bound()
			k.study(d)
		}
	case askImport:
		var list []Imported
		if err := json.Unmarshal(r.body, &list); err != nil {
			return err
		}
		k.bring(list)
	case askForget:
		var f forgotten
		if err := json.Unmarshal(r.body, &f); err != nil {
			return err
		}
		k.forget(f)
		// Answered when nothing on the disk can bring it back.
		k.changed.requests = k.changed.requests[:len(k.changed.requests)-1]
		k.forgets = append(k.forgets, r.seq)
		k.wanted = true
	default:
		return fmt.Errorf("unknown kind")
	}
	return nil
}

// bring takes imported domains in.
func (k *desk) bring(list []Imported) {
	today := max(k.latest, calendar.DayOf(time.Now())) // what was learned last may be an archive
	at := calendar.EndOf(today)
	var brought []*domain
	k.lock()
	for _, i := range list {
		name := lookalike.Registrable(i.Domain)
		if name == "" {
			continue
		}
		d := k.byName[name]
		if d == nil {
			if d = k.enter(&domain{name: name}); d == nil {
				continue
			}
		}
		if d.ours {
			continue
		}
		first := min(today, calendar.DayOf(i.First))
		switch {
		case first == 0 && i.Established && d.imported:
			first = d.first // a list without days takes none back
		case first == 0 && i.Established:
			first = always
		case first == 0:
			first = today
		}
		if d.first == 0 || first < d.first {
			d.first, d.second = first, 0
		}
		k.bear(d, false)
		d.named, d.note = max(d.named, today), i.Note
		d.imported = d.imported || i.Established
		k.bear(d, true)
		k.changed.domain(d)
		brought = append(brought, d)
	}
	k.unlock()
	for _, d := range brought { // all are there: they exempt each other
		if d.established {
			continue
		}
		shadow := k.judge(d, d.name, at)
		k.lock()
		d.shadowOf, d.told = shadow, false
		d.established = d.imported && k.state(d, at) != policy.Shadow
		k.settle(d, at)
		k.unlock()
	}
	k.s.stand.Add(1)
}

// forget takes out what is asked for; it may be asked for twice.
func (k *desk) forget(f forgotten) {
	switch {
	case f.All:
		k.filter(func(i int) int {
			return k.IDs.Filter(i, func(uint64, *table.Filed) bool { return false }) +
				k.Edges.Filter(i, func(uint64, *table.Edge) bool { return false }) +
				k.Names.Filter(i, func(uint64, *table.Called) bool { return false })
		}, table.Shards)
		k.filterThreads(k.Threads.Pages(), func(uint16, uint8) bool { return true })
		k.removeDomains(func(*domain) bool { return true })
		k.lock()
		k.since, k.lastOut = 0, 0
		k.unlock()
	case f.Domain != "":
		d := k.byName[f.Domain]
		if d == nil || d.ours {
			return
		}
		k.removeDomains(func(x *domain) bool { return x == d })
		k.filter(func(i int) int {
			return k.Edges.Filter(i, func(key uint64, _ *table.Edge) bool { return table.EdgeDomain(key) != d.id }) +
				k.Names.Filter(i, func(_ uint64, c *table.Called) bool { return c.Without(d.id) })
		}, table.Shards)
	case f.Mailbox != 0:
		m := f.Mailbox
		k.filter(func(i int) int {
			return k.Edges.Filter(i, func(key uint64, _ *table.Edge) bool { return !table.EdgeOf(key, m) }) +
				k.Names.Filter(i, func(_ uint64, c *table.Called) bool { return c.Mailbox != uint16(m) }) // and of one mailbox in 65,536 too many
		}, table.Shards)
	}
}
