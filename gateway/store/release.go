package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"
)

// How long a claim of Release lasts. A delivery ends before another release may
// take its claim over: both together would deliver twice.
const (
	deliverTime = claimTime - time.Minute // for deliver, by the monotonic clock
	claimTime   = 10 * time.Minute        // then its process is taken for dead
	abandonTime = time.Hour               // then Expire calls the message held again
)

// Change is one line in the history of a message.
type Change struct {
	At  time.Time
	Who string
	// What is quarantined, release started, recipient refused, released, release
	// failed, release abandoned or deleted.
	What   string
	Detail string
}

// Delivered is what a delivery that the next hop took says for the history.
type Delivered struct {
	NextHop string
	Refused []string // recipients who do not get the message, each with the answer to it
}

// History lists what was done with a message, oldest first.
func (s *Store) History(ctx context.Context, id string) ([]Change, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT at, who, what, detail FROM audit WHERE id = ? ORDER BY seq", id)
	return collect(rows, err, func(row interface{ Scan(...any) error }) (Change, error) {
		var c Change
		var at int64
		err := row.Scan(&at, &c.Who, &c.What, &c.Detail)
		c.At = fromNanos(at)
		return c, err
	})
}

func (s *Store) audit(tx *sql.Tx, id, who, what, detail string) error {
	_, err := tx.Exec("INSERT INTO audit (id, at, who, what, detail) VALUES (?, ?, ?, ?, ?)", id, nanos(s.now()), who, what, clip(detail))
	return fault("audit", err)
}

// stateError is ErrState with what a person needs to understand it.
func stateError(h Held) error {
	return fmt.Errorf("store: %s: %w: %s since %s by %q", h.ID, ErrState, h.State, h.ChangedAt.Format(time.RFC3339), h.ChangedBy)
}

// Release gives a held message to deliver and marks it as released if deliver
// returns nil; otherwise it is held again and the error is returned. by says who
// wants it. The content stays until Delete. deliver gets the row and the content,
// compared with what was received, and its context ends after 9 minutes.
//
// Only one process at a time gets to deliver a message. The claim of a process
// that died can be taken over by another Release after 10 minutes: then nobody
// knows whether it had delivered, and the message may arrive twice.
//
// Errors: ErrNotFound, ErrState (not held), ErrCorrupt (deliver was not called),
// ErrUncertain (deliver returned nil but the row could not be changed), those of
// writing, of deliver and of ctx.
func (s *Store) Release(ctx context.Context, id, by string, deliver func(context.Context, Held, *os.File) (Delivered, error)) error {
	if by == "" {
		return fmt.Errorf("store: release %.80q: who releases must be said", id)
	}
	within, cancel := context.WithTimeout(ctx, deliverTime) // from before the claim
	defer cancel()
	claim := rand.Text()
	var h Held
	err := s.change(within, func(tx *sql.Tx) (err error) {
		h, err = s.moveHeld(tx, id, by, StateReleasing, claim)
		if err != nil {
			return err
		}
		return s.audit(tx, id, by, "release started", "")
	})
	if errors.Is(err, ErrFull) {
		return fmt.Errorf("store: release %s: nothing was sent, for a release has to be written down: delete messages or make room on the file system of %s: %w", id, s.dir, err)
	}
	if err != nil {
		return err
	}
	delivered, err := s.deliver(within, h, deliver)
	if err != nil {
		what := "release failed"
		if errors.Is(err, ErrMaybe) {
			what = "release uncertain"
		}
		settled := s.settle(ctx, h, by, claim, StateHeld, Change{What: what, Detail: err.Error()})
		return errors.Join(fmt.Errorf("store: release %s: %w", id, err), settled)
	}
	var changes []Change
	for _, refused := range delivered.Refused {
		changes = append(changes, Change{What: "recipient refused", Detail: refused})
	}
	changes = append(changes, Change{What: "released", Detail: delivered.NextHop})
	if err := s.settle(ctx, h, by, claim, StateReleased, changes...); err != nil {
		return fmt.Errorf("store: release %s: %w: %w", id, ErrUncertain, err)
	}
	return nil
}

func (s *Store) deliver(ctx context.Context, h Held, deliver func(context.Context, Held, *os.File) (Delivered, error)) (Delivered, error) {
	content, err := s.open(h)
	if err != nil {
		return Delivered{}, err
	}
	defer content.Close()
	return deliver(ctx, h, content)
}

// settle ends a claim and says in the history what happened. It does so even if
// ctx has ended: deliver has happened. It may use the reserve: what is not written
// down is delivered again.
func (s *Store) settle(ctx context.Context, h Held, by, claim string, to State, changes ...Change) error {
	return s.freeing(context.WithoutCancel(ctx), func(tx *sql.Tx) error {
		res, err := tx.Exec("UPDATE quarantine SET state = ?, changed_at = ?, changed_by = ?, claim = '' WHERE id = ? AND state = 'releasing' AND claim = ?",
			string(to), nanos(s.now()), by, h.ID, claim)
		if err != nil {
			return fault("settle "+h.ID, err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("store: %s: %w: another process has taken over the release", h.ID, ErrState)
		}
		for _, c := range changes {
			if err := s.audit(tx, h.ID, by, c.What, c.Detail); err != nil {
				return err
			}
		}
		return nil
	})
}

// moveHeld moves a message to another state if nobody is releasing it and
// returns it. Held messages may go to releasing, held and released ones to
// deleted. For a release, and nothing else, the claim of a process that died
// counts as held.
func (s *Store) moveHeld(tx *sql.Tx, id, by string, to State, claim string) (Held, error) {
	h, err := getHeld(tx.QueryRow(selectHeld, id), id)
	if err != nil {
		return Held{}, err
	}
	now := s.now()
	stale := to == StateReleasing && h.State == StateReleasing && now.Sub(h.ChangedAt) >= claimTime
	if h.State != StateHeld && !stale && (h.State != StateReleased || to != StateDeleted) {
		return Held{}, stateError(h)
	}
	_, err = tx.Exec("UPDATE quarantine SET state = ?, changed_at = ?, changed_by = ?, claim = ? WHERE id = ?", string(to), nanos(now), by, claim, id)
	if err != nil {
		return Held{}, fault("change "+id, err)
	}
	h.State, h.ChangedAt, h.ChangedBy = to, now, by
	return h, nil
}

// Delete removes the content of a message that is held or was released; its row
// stays as evidence. One that is being released is neither, for however long:
// only another Release, or Expire after an hour, settles a claim. If the file could
// not be removed after the row was changed, the error says so, and Sweep will try
// again.
func (s *Store) Delete(ctx context.Context, id, by string) error {
	if by == "" {
		return fmt.Errorf("store: delete %.80q: who deletes must be said", id)
	}
	err := s.freeing(ctx, func(tx *sql.Tx) error {
		if _, err := s.moveHeld(tx, id, by, StateDeleted, ""); err != nil {
			return err
		}
		return s.audit(tx, id, by, "deleted", "")
	})
	if err != nil {
		return err
	}
	return s.removeContent(id)
}

// removeContent removes the content of a message whose row says deleted.
func (s *Store) removeContent(id string) error {
	if err := s.blobs.Remove(id); err != nil {
		return fmt.Errorf("store: the row of %s is deleted, its content not yet: %w", id, err)
	}
	s.KeepReserve()
	return nil
}
