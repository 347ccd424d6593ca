package memory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"mxgate/policy/mail"
)

var (
	// ErrUnread says that not all decisions of a memory that was damaged are taken
	// over yet: they are not in force, and may come.
	ErrUnread = errors.New("memory: not all decisions of the one that was damaged are taken over yet")
	// ErrAgain says that it is as it was the last time.
	ErrAgain = errors.New("as before")
)

// rescueWait is how long a Rescue waits for who has the file open: it comes again.
const rescueWait = 200 * time.Millisecond

// Rescue takes over the decisions that can be read in a database that was set
// aside, with the days on which they mattered, and what was said last of pairs
// without one; and reports how many decisions: what can be read in one transaction,
// so that a full disk is asked for little. What was learned comes again by itself;
// what people have decided does not. One goroutine may call it.
//
// It can be repeated, and is to be after ErrUnread: somebody has the file open, or
// the disk is full or fails; ErrAgain is there, too, if it was so the last time.
// After any other error no more is to be had of the file. A pair and recipient on
// whom anything was said since keeps that.
func (s *Store) Rescue(aside string) (n int, err error) {
	if aside == "" {
		return 0, errors.New("memory: rescue: there is no file to read")
	}
	end, nobody := alone(aside+usersSuffix, rescueWait)
	defer end()
	all, said, later, unread := readAside(aside)
	if !nobody {
		later, unread = true, errors.Join(errors.New("a command has the memory open"), unread)
	}
	if len(all)+len(said) > 0 {
		if n, err = s.db.rescue(all, said); err == nil {
			err = s.do(context.Background(), s.readDecisions)
		}
	}
	if err == nil && !later {
		if err = unmark(aside); err == nil {
			return n, unread
		}
	}
	return n, s.stillUnread(aside, errors.Join(unread, err))
}

// stillUnread is err for a file that is to be tried again.
func (s *Store) stillUnread(aside string, err error) error {
	again := ErrAgain // who closes is told nothing new
	_ = s.do(context.Background(), func() error {
		if s.desk.unread != aside {
			s.desk.unread, again = aside, nil
		}
		return nil
	})
	return errors.Join(fmt.Errorf("%w: %w", ErrUnread, err), again)
}

// readAside reads what people have said from a database that was set aside, as far
// as it can be read. later tells whether more may be read later: whatever is neither
// gone nor damaged may pass.
func readAside(aside string) (all []*decision, said []Change, later bool, err error) {
	if _, err := os.Stat(aside); err != nil { // SQLite would make it
		return nil, nil, !errors.Is(err, os.ErrNotExist), fmt.Errorf("memory: rescue: %w", err)
	}
	old := &lite{path: aside}
	if old.sure, err = sql.Open("sqlite", dsnFor(rescueWait, aside)); err != nil {
		return nil, nil, true, old.fault("rescue", err)
	}
	defer old.close() // nothing was written
	all, err = old.decisions()
	said, errSaid := old.changes(maxChanges)
	for _, e := range []error{err, errSaid} {
		later = later || e != nil && !errors.Is(e, ErrDamaged)
	}
	return all, said, later, errors.Join(err, errSaid)
}

// rescue notes what was said last, too, of pairs on whom there is no decision: it was
// taken back, and an older file may still have it.
func (l *lite) rescue(all []*decision, said []Change) (n int, err error) {
	err = l.surely("rescue", func(tx *sql.Tx) error {
		since, err := lastSaid(tx)
		if err != nil {
			return err
		}
		read := map[pair]bool{}
		for _, d := range all {
			p := pair{d.Sender, d.Target, d.Recipient}
			read[p] = true
			if c, ok := since[p]; ok && (c.decided || !c.At.Equal(d.At) || c.Act != actOf(d.Decision)) {
				continue
			}
			if err := put(tx, d.Decision, d.written); err != nil {
				return err
			}
			n++
		}
		var last []Change
		for _, c := range said { // the newest first
			p := pair{c.Sender, c.Target, c.Recipient}
			if _, ok := since[p]; !ok && !read[p] {
				read[p] = true
				last = append(last, c)
			}
		}
		for _, c := range slices.Backward(last) {
			if err := note(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err // all or nothing
	}
	return n, nil
}

// pair is what a decision is on.
type pair struct {
	sender, target mail.Domain
	recipient      string
}

// saying is what was said last of a pair. It is not decided where that was taken back,
// or where the decision itself could not be read when this was.
type saying struct {
	Change
	decided bool
}

// lastSaid lists on what anything was ever said.
func lastSaid(tx *sql.Tx) (map[pair]saying, error) {
	rows, err := tx.Query(`SELECT at, act, sender, target, recipient,
		EXISTS (SELECT 1 FROM decision d WHERE d.sender = c.sender AND d.target = c.target AND d.recipient = c.recipient) FROM change c ORDER BY seq`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[pair]saying{}
	for rows.Next() {
		var s saying
		var at int64
		if err := rows.Scan(&at, &s.Act, &s.Sender, &s.Target, &s.Recipient, &s.decided); err != nil {
			return nil, err
		}
		s.At = fromNanos(at)
		all[pair{s.Sender, s.Target, s.Recipient}] = s
	}
	return all, rows.Err()
}
