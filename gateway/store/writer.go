package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	point "mxgate/gateway/fault"
)

// Bounds of a group commit.
const (
	maxChanges   = 256                    // changes that share one commit
	maxEntries   = 500                    // journal entries in one commit, and kept after a failure
	manyEntries  = maxEntries / 2         // they do not wait for more
	entryDelay   = 100 * time.Millisecond // longest wait of an entry for company
	entryBacklog = 1000                   // entries that wait before Journal blocks
	retryDelay   = time.Second            // between tries of a journal commit that fails
	tellDelay    = time.Minute            // between words on a failure that lasts
)

// change is one caller's work in a group commit. Its statements take effect
// together or not at all, whatever becomes of the others. apply may run twice:
// what it leaves outside the transaction must not add up.
type change struct {
	apply func(*sql.Tx) error
	done  chan error // receives once, after the commit
	// taken is set by whoever comes first: the writer, or the caller who gives up.
	taken atomic.Bool
}

// queue is what waits for the writer goroutine.
type queue struct {
	changes chan *change
	entries chan *Entry
	flushes chan chan error
	wake    chan struct{} // records (entries or strangers) wait that the writer does not know of
	// called is set by the first who has records after the writer last took them
	// all. The others need not wake it for each: it comes when its timer ends.
	called atomic.Bool

	closing   chan struct{} // closed first: senders give up
	last      chan struct{} // closed when no sender is left
	senders   sync.RWMutex
	closeOnce sync.Once
	writer    sync.WaitGroup
	lastErr   error        // of the commit at the end; read after writer.Wait
	turned    atomic.Int64 // entries whose callers waited in Journal when the store closed

	strangers strangers

	// Of the writer goroutine alone:
	pending []*Entry  // journal entries that are not committed yet
	failing bool      // the last commit of records failed
	told    time.Time // when OnError was last told of it; zero: it did not fail
	timer   *time.Timer
	armed   bool
}

func newQueue() queue {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return queue{
		changes: make(chan *change, maxChanges), entries: make(chan *Entry, entryBacklog), flushes: make(chan chan error),
		wake: make(chan struct{}, 1), closing: make(chan struct{}), last: make(chan struct{}), timer: timer,
		strangers: strangers{tallies: make(map[strangerKey]tally), rows: -1},
	}
}

// change has apply done in the next commit and returns when it is durable, or
// why it is not. When ctx ends before the writer has taken it, it is not done.
func (s *Store) change(ctx context.Context, apply func(*sql.Tx) error) error {
	c := &change{apply: apply, done: make(chan error, 1)}
	if err := s.send(ctx, func(ctx context.Context) error {
		select {
		case s.changes <- c:
			return nil
		case <-s.closing:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}); err != nil {
		return err
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		if c.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-c.done // under way: only its end says whether it is durable
	}
}

// send runs a channel send so that Close can wait for it.
func (s *Store) send(ctx context.Context, send func(context.Context) error) error {
	s.senders.RLock()
	defer s.senders.RUnlock()
	select {
	case <-s.closing:
		return ErrClosed
	default:
		return send(ctx)
	}
}

// Flush waits until the entries and strangers given before are durable.
func (s *Store) Flush(ctx context.Context) error {
	done := make(chan error, 1)
	err := s.send(ctx, func(ctx context.Context) error {
		select {
		case s.flushes <- done:
			return nil
		case <-s.closing:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve is the writer goroutine: it alone writes to the database.
func (s *Store) serve() {
	defer s.timer.Stop()
	for {
		select {
		case c := <-s.changes:
			s.commitGroup(s.takeChanges(c))
		case <-s.wake:
			s.takeEntries()
			if len(s.pending) >= manyEntries && !s.failing {
				s.commitGroup(nil)
			}
		case <-s.timer.C:
			s.armed = false
			s.called.Store(false) // before it looks: who comes from now on calls
			s.failing = false     // try again
			s.commitGroup(nil)
		case done := <-s.flushes:
			s.failing = false
			done <- s.drainEntries()
		case <-s.last:
			s.finish()
			return
		}
		s.arm()
	}
}

// call tells the writer that records wait: the first time since it took them,
// or when they are enough for a commit of their own.
func (s *Store) call() {
	if len(s.entries) < manyEntries && (s.called.Load() || !s.called.CompareAndSwap(false, true)) {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default: // it is about to look
	}
}

// arm starts the timer when something waits for a commit, and whenever called is
// set: those who find it set rely on the timer.
func (s *Store) arm() {
	if s.armed || !s.called.Load() && len(s.pending) == 0 && len(s.entries) == 0 && s.strangers.empty() {
		return
	}
	delay := entryDelay
	if s.failing {
		delay = retryDelay
	}
	s.timer.Reset(delay)
	s.armed = true
}

// takeChanges gathers the changes that wait, first among them. Those whose
// callers gave up are left out.
func (s *Store) takeChanges(first *change) []*change {
	var group []*change
	for c := first; ; {
		if c.taken.CompareAndSwap(false, true) {
			group = append(group, c)
		}
		if len(group) == maxChanges {
			return group
		}
		select {
		case c = <-s.changes:
		default:
			return group
		}
	}
}

// takeEntries moves entries that wait into pending, up to its bound.
func (s *Store) takeEntries() {
	for len(s.pending) < maxEntries {
		select {
		case e := <-s.entries:
			s.pending = append(s.pending, e)
		default:
			return
		}
	}
}

// drainEntries commits all entries that wait now, and the strangers.
func (s *Store) drainEntries() error {
	for n := len(s.entries) + len(s.pending); ; n -= maxEntries {
		if err := s.commitGroup(nil); err != nil || n <= maxEntries {
			return err
		}
	}
}

// finish commits what is left when the store closes.
func (s *Store) finish() {
	for len(s.changes) > 0 {
		s.commitGroup(s.takeChanges(<-s.changes))
	}
	s.failing = false
	err := s.drainEntries()
	for errors.Is(err, ErrFull) && s.spendReserve(closeLeaves) {
		s.failing = false
		err = s.drainEntries()
	}
	lost := s.turned.Load()
	if err != nil {
		lost += int64(len(s.entries) + len(s.pending))
	}
	if lost > 0 || err != nil {
		s.lastErr = errors.Join(fmt.Errorf("store: close: %d journal entries lost", lost), err)
	}
}

// commitGroup commits changes, and with them the journal entries and strangers
// that wait. Each change gets its own answer. The error is that of the records
// (entries and strangers): they are kept for another try and never cost a
// change its commit.
func (s *Store) commitGroup(changes []*change) error {
	var tallies map[strangerKey]tally
	if !s.failing {
		s.takeEntries()
		tallies = s.strangers.take()
	}
	if s.failing || len(s.pending) == 0 && len(tallies) == 0 {
		s.commitChanges(changes, nil)
		return nil
	}
	answers, err := s.tryCommit(changes, func(tx *sql.Tx) error {
		return errors.Join(s.insertEntries(tx), s.insertStrangers(tx, tallies))
	})
	s.noteTrouble(err)
	if err == nil {
		clear(s.pending) // they are garbage now
		s.pending = s.pending[:0]
		s.told = time.Time{}
		answer(changes, answers)
		return nil
	}
	s.failing = true
	s.strangers.giveBack(tallies)
	if answers != nil { // the records alone failed
		answer(changes, answers)
	} else {
		s.commitChanges(changes, err)
	}
	err = fault("journal kept for another try", err)
	s.complain(err)
	return err
}

// complain passes trouble of the journal on. While it lasts each try fails, one a
// second; to hear of that now and then is enough.
func (s *Store) complain(err error) {
	if now := s.now(); s.told.IsZero() || now.Sub(s.told) >= tellDelay || now.Before(s.told) {
		s.told = now
		s.onError(err)
	}
}

// commitChanges commits changes without records, after a try with them that
// failed with before, or nil if there was none.
func (s *Store) commitChanges(changes []*change, before error) {
	if len(changes) == 0 {
		return
	}
	answers, err := s.tryCommit(changes, nil)
	if err != nil {
		if errors.Is(before, errUnsettled) { // the rows of that try may still come back
			err = errors.Join(err, errUnsettled)
		}
		answers = slices.Repeat([]error{err}, len(changes))
	}
	answer(changes, answers)
}

func answer(changes []*change, answers []error) {
	for i, c := range changes {
		c.done <- answers[i]
	}
}

// tryCommit runs one transaction. answers has one error per change if the
// transaction was committed, and is nil if it was not; err is why it was not,
// or the error of records, whose statements then were undone.
func (s *Store) tryCommit(changes []*change, records func(*sql.Tx) error) (answers []error, err error) {
	if len(changes) > 0 {
		if err := point.Err(point.RowBegin); err != nil {
			return nil, fault("begin", err)
		}
	}
	tx, err := s.write.Begin()
	if err != nil {
		return nil, fault("begin", err)
	}
	defer tx.Rollback() // after Commit it does nothing
	answers = make([]error, len(changes))
	for i, c := range changes {
		var broken error
		if answers[i], broken = inSavepoint(tx, c.apply); broken != nil {
			return nil, broken
		}
	}
	var recordsErr error
	switch {
	case records == nil:
	case len(changes) == 0: // nothing else is undone with them: no need of copies of all pages for a savepoint
		if err := records(tx); err != nil {
			return nil, err
		}
	default:
		var broken error
		if recordsErr, broken = inSavepoint(tx, records); broken != nil {
			return nil, broken
		}
	}
	if len(changes) > 0 {
		point.At(point.RowCommit)
	}
	if records != nil {
		point.At(point.JournalCommit)
	}
	if err := s.commit(tx); err != nil {
		if err = fault("commit", err); errors.Is(err, ErrFull) {
			return nil, err // its last page was not written: it cannot come back
		}
		return nil, fmt.Errorf("%w: %w", errUnsettled, err)
	}
	if len(changes) > 0 {
		point.At(point.RowCommitted)
	}
	return answers, recordsErr
}

// inSavepoint runs apply. Its error is returned as err, with its statements
// undone; broken is set when the whole transaction is lost.
func inSavepoint(tx *sql.Tx, apply func(*sql.Tx) error) (err, broken error) {
	if _, err := tx.Exec("SAVEPOINT one"); err != nil {
		return nil, fault("savepoint", err)
	}
	err = apply(tx)
	if err != nil {
		// Trouble with the disk may have rolled back everything: then this fails.
		if _, undo := tx.Exec("ROLLBACK TO one"); undo != nil {
			return nil, fault("write", err)
		}
	}
	if _, release := tx.Exec("RELEASE one"); release != nil {
		return nil, fault("savepoint", release)
	}
	return err, nil
}
