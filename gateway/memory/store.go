package memory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"mxgate/gateway/calendar"
	"mxgate/gateway/memory/digest"
	"mxgate/gateway/memory/table"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/memo"
)

// Store is an open memory. It is safe for concurrent use.
type Store struct {
	config   Config
	beside   bool
	digester *digest.Digester
	db       database
	unlock   func() // of the file that says who serves, or who works beside
	onError  func(error)
	limits   Limits
	near     *memo.Memo[nearKey, []lookalike.Match]
	stand    atomic.Uint64 // counts changes of the index of known domains

	mu  sync.RWMutex // of what Recall reads; held for a message's changes at most
	ram *ram

	queue   chan *digest.Digest
	wake    chan struct{} // messages wait that the writer does not know of
	called  atomic.Bool   // set by the first who has one after it last looked
	calls   chan call
	closing chan struct{}
	closed  atomic.Bool
	once    sync.Once
	writer  sync.WaitGroup
	lastErr error // of the commit at the end; read after writer.Wait

	dropped, learned, capped, evicted atomic.Uint64
	trouble                           atomic.Pointer[string]

	tool tool // of a Store beside the server
	desk desk // of one that serves: belongs to the writer goroutine
}

// call is work for the writer goroutine.
type call struct {
	do   func() error
	done chan error
}

// Open opens the memory of a directory, and loads it unless Config.Beside.
//
// It takes the memory over from a process that serves from it: that one's
// commits fail with ErrTaken from then on. ErrDamaged, ErrFull and ErrNewerSchema
// say what to do.
func Open(c Config) (*Store, error) {
	if c.OnError == nil {
		c.OnError = func(err error) { slog.Error("memory", "err", err) }
	}
	dir, err := filepath.Abs(c.Dir) // a URI names the database
	if err != nil {
		return nil, fmt.Errorf("memory: directory: %w", err)
	}
	c.Dir = dir
	unlock := func() {}
	if c.Beside && exists(dir) {
		unlock = using(dir, true)
	}
	db, key, keyLost, err := layOut(dir, c.Beside)
	if err != nil {
		unlock()
		return nil, err
	}
	s := &Store{
		config: c, beside: c.Beside, digester: digest.New(key, c.Own), db: db, onError: c.OnError, limits: c.Limits.withDefaults(),
		near:  memo.New[nearKey, []lookalike.Match](nearOctets, nearKey.own),
		calls: make(chan call), closing: make(chan struct{}), unlock: unlock,
	}
	if c.Beside {
		return s, nil
	}
	s.queue, s.wake = make(chan *digest.Digest, s.limits.Queue), make(chan struct{}, 1)
	if err := s.start(c, keyLost); err != nil {
		s.unlock()
		return nil, errors.Join(err, db.close())
	}
	return s, nil
}

// layOut opens the database, and makes what is missing: the directory, the database,
// and at last the key. Who sees a key finds a database therefore, or damage, also while
// another process makes them, or was killed in it. keyLost says that there was a key once
// and is none: who serves begins with empty ids then, and who works beside leaves that to
// him.
func layOut(dir string, beside bool) (db *lite, key []byte, keyLost bool, err error) {
	l := lite{path: filepath.Join(dir, databaseName)}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, false, l.fault("make the directory", err)
	}
	if key, err = digest.ReadKey(dir); err != nil { // before the look at the database
		return nil, nil, false, err
	}
	info, err := os.Stat(l.path)
	existed := err == nil && info.Size() > 0
	if key != nil && !existed { // a memory that begins has neither
		err := fmt.Errorf("%w: there is a key, %s, and nothing that it is the key of", errContent, filepath.Join(dir, digest.KeyName))
		return nil, nil, false, l.fault("open", err)
	}
	if db, err = openLite(dir, rand.Text()); err != nil || key != nil {
		return db, key, false, err
	}
	key, keyLost, err = db.newKey(dir, beside)
	if err != nil {
		return nil, nil, false, errors.Join(err, db.close())
	}
	return db, key, keyLost, nil
}

// newKey makes a key. What was noted under a lost one is forgotten first: a database with
// the check of one key beside another key would be refused from then on.
func (l *lite) newKey(dir string, beside bool) (key []byte, keyLost bool, err error) {
	m, err := l.readMeta()
	if err != nil {
		return nil, false, l.fault("read", err)
	}
	if keyLost = m.keyCheck != ""; keyLost {
		if key, err = digest.ReadKey(dir); err != nil || key != nil { // another process has made both meanwhile
			return key, false, err
		}
		if beside {
			return nil, false, errKeyMissing(dir)
		}
		if err := l.forgetKey(); err != nil {
			return nil, false, err
		}
	}
	if key, err = digest.MakeKey(dir); l.noRoom(err) {
		err = l.fault("make the key", err)
	}
	return key, keyLost, err
}

func errKeyMissing(dir string) error {
	return fmt.Errorf("memory: the site key %s is missing: restore it; without it the gateway, when it starts, begins with empty ids", filepath.Join(dir, digest.KeyName))
}

// start loads the memory and begins to serve from it.
func (s *Store) start(c Config, keyLost bool) error {
	s.unlock = serving(c.Dir)
	if err := s.db.begin(); err != nil {
		return err
	}
	if err := s.load(c); err != nil {
		return err
	}
	if keyLost {
		s.onError(errors.New("memory: the site key was lost: ids, threads, edges and names begin empty"))
		s.desk.wanted = true
	}
	if err := s.readDecisions(); err != nil {
		return err
	}
	s.desk.evict() // what had made room for others was still in the segments
	for s.desk.poll {
		if err := s.desk.guard(s.desk.look); err != nil {
			s.report(err) // the disk may be full: no reason not to answer
			break
		}
	}
	s.writer.Go(s.serve) // ends when Close has closed s.closing
	return nil
}

// load fills the ram.
func (s *Store) load(c Config) error {
	s.ram = newRAM(c)
	s.ram.nameKey = func(name string) uint64 { return s.digester.Name(policy.FoldName(name)) }
	s.ram.near = func(d mail.Domain) []lookalike.Match {
		return s.near.Of(nearKey{d, s.stand.Load()}, len(d), func(k nearKey) []lookalike.Match { return s.ram.known.Near(k.domain) })
	}
	check := s.digester.Check()
	var oldest map[int]uint16
	broken := 0
	var read meta
	err := s.db.load(loader{
		meta: func(m meta) error {
			read = m
			if m.keyCheck != "" && m.keyCheck != check {
				return fmt.Errorf("memory: %s is not the key of %s: restore the right one, or remove it to begin with empty ids", filepath.Join(c.Dir, digest.KeyName), filepath.Join(c.Dir, databaseName))
			}
			oldest = s.oldest(m)
			s.ram.NextThread, s.ram.next, s.ram.since = max(m.nextThread, 1), max(m.nextDomain, 1), m.since
			return nil
		},
		domain: func(d *domain) error {
			s.ram.enter(d)
			return nil
		},
		segment: func(g table.Segment, done, total int) error {
			if c.Progress != nil {
				c.Progress(done, total)
			}
			if err := s.ram.Unpack(g, oldest[g.Kind], s.ram.count); err != nil {
				broken++
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	if broken > 0 {
		s.onError(fmt.Errorf("memory: %s: %d packed parts cannot be read in full: what they held is forgotten, no mail is lost", filepath.Join(c.Dir, databaseName), broken))
	}
	read.keyCheck = check
	s.desk.open(s, c, read)
	if broken > 0 {
		s.desk.wanted = true
	}
	return nil
}

// oldest is the first day that is remembered, by kind of segment.
func (s *Store) oldest(m meta) map[int]uint16 {
	return map[int]uint16{table.Conversations: before(m.Swept, s.limits.IDDays), table.Correspondence: before(m.Swept, s.limits.EdgeDays)}
}

// before is the day that lies days before another one; 0 if there is none.
func before(day uint16, days int) uint16 { return uint16(max(int(day)-days, 0)) }

// Learn notes what may be learned from one message. It never waits, except beside
// the server: what finds the queue full is dropped and counted.
func (s *Store) Learn(o policy.Observation) {
	if s.closed.Load() {
		return
	}
	d := s.digester.Digest(&o)
	if s.beside {
		s.handOver(&d)
		return
	}
	select {
	case s.queue <- &d:
		s.call()
	default:
		s.dropped.Add(1)
	}
}

// call tells the writer that messages wait: the first time since it took them all.
// It comes for the others when its timer ends, and need not be woken for each.
func (s *Store) call() {
	if !s.called.Load() && s.called.CompareAndSwap(false, true) {
		select {
		case s.wake <- struct{}{}:
		default: // it is about to look
		}
	}
}

// do has the writer goroutine call f between two messages.
func (s *Store) do(ctx context.Context, f func() error) error {
	c := call{f, make(chan error, 1)}
	select {
	case s.calls <- c:
		return <-c.done
	case <-s.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Flush waits until what was given to Learn before is learned and committed.
func (s *Store) Flush(ctx context.Context) error {
	if s.beside {
		return s.handOverAll(ctx)
	}
	return s.do(ctx, s.desk.finish)
}

// closeWait is how long Close waits for a server that has too much to do.
const closeWait = 30 * time.Second

// Close commits what was learned and closes the database. Calls that come later
// get ErrClosed.
func (s *Store) Close() error {
	err := ErrClosed
	s.once.Do(func() {
		err = nil
		if s.beside {
			ctx, cancel := context.WithTimeout(context.Background(), closeWait)
			err = s.handOverAll(ctx)
			cancel()
		}
		s.closed.Store(true)
		close(s.closing)
		s.writer.Wait()
		err = errors.Join(err, s.lastErr, s.db.close())
		s.unlock()
	})
	return err
}

// Sweep forgets what is older than Limits allow, and gives room back. It is to be
// called once a day or more often.
//
// A clock that jumps must not cost the memory: where now is more than a week after
// the Sweep before, nothing is forgotten until a Sweep on a later day agrees with
// it; where it is more than a week before, until Sweeps of a week do.
func (s *Store) Sweep(now time.Time) error {
	if s.beside {
		return ErrBeside
	}
	return s.do(context.Background(), func() error { return s.desk.sweep(calendar.DayOf(now)) })
}
