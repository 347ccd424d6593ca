package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"mxgate/gateway/store/blob"
)

// Bounds of one change of Expire: live mail must not wait for it.
const (
	expireRows  = 1000
	expirePages = 1000
	expireBlobs = 100
)

// Swept is what Sweep found.
type Swept struct {
	blob.Swept
	New     bool  // the database is new: contents that it does not know are all there is of another one
	Missing int64 // messages that are held and have no content: it was not restored with the database
}

// Sweep clears what a crash left. Content that nobody is writing any more is
// removed: nothing was promised for it. Content older than ten minutes whose
// message has no row or is deleted is set aside in the directory "lost", where
// Expire removes it: where the rows are gone because the database is, it is all
// there is. It comes back when there are rows again. The server calls it at its
// start; it may be called at any time.
func (s *Store) Sweep(ctx context.Context) (Swept, error) {
	done := Swept{New: s.fresh}
	var err error
	if done.Swept, err = s.blobs.Sweep(ctx, s.now(), func(id string) (bool, error) {
		h, err := s.Get(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return h.State != StateDeleted, err
	}); err != nil {
		return done, err
	}
	rows, err := s.read.QueryContext(ctx, "SELECT id FROM quarantine WHERE state IN ('held', 'releasing')")
	ids, err := collect(rows, err, scanID)
	for _, id := range ids {
		if _, errStat := os.Stat(s.blobs.Path(id)); errors.Is(errStat, os.ErrNotExist) {
			done.Missing++
		}
	}
	return done, err
}

// Expired counts what Expire removed.
type Expired struct {
	Entries   int64 // of the journal
	Strangers int64 // rows
	Contents  int64 // messages whose content was deleted
	Messages  int64 // rows of messages deleted long ago, with their history
}

// Expire applies the retention periods. Journal entries and strangers from before
// journalBefore go; so do rows of messages that were deleted before it. The
// content of messages received before quarantineBefore is deleted, in whatever
// state but being released; their rows stay, as with Delete. A zero time keeps
// everything. A release that was claimed an hour ago and never settled is
// abandoned: its message is held. Freed pages are given back to the file system. It
// works in small steps between live commits; what is counted is done, also on error.
//
// ErrClock: the clock went more than a week ahead or back since it was last called,
// and nothing was removed. Ahead, the next day is believed, back, the next week. The
// messages held by then are kept for the days that were jumped besides.
func (s *Store) Expire(ctx context.Context, journalBefore, quarantineBefore time.Time) (Expired, error) {
	var e Expired
	if err := s.abandonReleases(ctx); err != nil {
		return e, err
	}
	if err := s.believe(ctx); err != nil {
		return e, err
	}
	if !journalBefore.IsZero() {
		before := nanos(journalBefore)
		for _, step := range []struct {
			count *int64
			query string
		}{
			{&e.Entries, "DELETE FROM journal WHERE seq IN (SELECT seq FROM journal WHERE at < ? LIMIT ?)"},
			{&e.Strangers, "DELETE FROM strangers WHERE (hour, network) IN (SELECT hour, network FROM strangers WHERE hour < ? LIMIT ?)"},
			{&e.Messages, "DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE state = 'deleted' AND changed_at < ? LIMIT ?)"},
		} {
			if err := s.deleteRows(ctx, step.count, step.query, before); err != nil {
				return e, err
			}
		}
	}
	if !quarantineBefore.IsZero() {
		if err := s.expireContent(ctx, &e.Contents, quarantineBefore); err != nil {
			return e, err
		}
		if !s.fresh { // else it may be what an older database is restored for
			if err := s.blobs.ExpireLost(ctx, quarantineBefore); err != nil {
				return e, err
			}
		}
	}
	return e, s.giveBackPages(ctx)
}

// deleteRows runs a bounded DELETE until nothing is left for it.
func (s *Store) deleteRows(ctx context.Context, count *int64, query string, before int64) error {
	for {
		var n int64
		err := s.freeing(ctx, func(tx *sql.Tx) error {
			res, err := tx.Exec(query, before, expireRows)
			if err != nil {
				return fault("expire", err)
			}
			n, err = res.RowsAffected()
			return err
		})
		if err != nil {
			return err
		}
		if *count += n; n < expireRows {
			return nil
		}
	}
}

// abandonReleases takes the claims of processes that died back, long after
// another release could have. The history says that it may have been delivered.
func (s *Store) abandonReleases(ctx context.Context) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		ids, err := queryIDs(tx, "SELECT id FROM quarantine WHERE state = 'releasing' AND (changed_at < ? OR changed_at > ?) LIMIT ?", nanos(s.now().Add(-abandonTime)), nanos(s.now().Add(abandonTime)), expireRows)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := tx.Exec("UPDATE quarantine SET state = 'held', changed_at = ?, changed_by = ?, claim = '' WHERE id = ?", nanos(s.now()), gateway, id); err != nil {
				return fault("abandon "+id, err)
			}
			if err := s.abandoned(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// abandoned says in the history that a release came to no end.
func (s *Store) abandoned(tx *sql.Tx, id string) error {
	return s.audit(tx, id, gateway, releaseAbandoned, "its process ended; the next hop may have the message")
}

func queryIDs(tx *sql.Tx, query string, args ...any) ([]string, error) {
	rows, err := tx.Query(query, args...)
	return collect(rows, err, scanID)
}

func scanID(row interface{ Scan(...any) error }) (id string, err error) {
	err = row.Scan(&id)
	return id, err
}

// expireContent deletes messages as Delete does, many in one commit.
func (s *Store) expireContent(ctx context.Context, count *int64, before time.Time) error {
	for {
		var ids []string
		err := s.freeing(ctx, func(tx *sql.Tx) error {
			var err error
			ids, err = queryIDs(tx, "SELECT id FROM quarantine WHERE (kept_from IS NULL AND received_at < ?1 OR kept_from < ?1) AND state IN ('held', 'released') LIMIT ?2", nanos(before), expireBlobs)
			if err != nil {
				return err
			}
			for _, id := range ids {
				if _, err := s.moveHeld(tx, id, gateway, StateDeleted, ""); err != nil {
					return err
				}
				if err := s.audit(tx, id, gateway, "deleted", "retention period over"); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.removeContent(id); err != nil {
				return err
			}
			*count++
		}
		if len(ids) < expireBlobs {
			return nil
		}
	}
}

// giveBackPages returns the free pages of the database to the file system.
func (s *Store) giveBackPages(ctx context.Context) error {
	for {
		var free int64
		err := s.freeing(ctx, func(tx *sql.Tx) error {
			if _, err := tx.Exec(fmt.Sprintf("PRAGMA incremental_vacuum(%d)", expirePages)); err != nil {
				return fault("vacuum", err)
			}
			return fault("vacuum", tx.QueryRow("PRAGMA freelist_count").Scan(&free))
		})
		if err != nil || free == 0 {
			return err
		}
	}
}
