package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
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
	// What is quarantined, release started, recipient refused, released in part,
	// released, release failed, release uncertain, release abandoned or deleted.
	What   string
	Detail string
}

// The changes after which the next hop may have a message that is not released.
const (
	releaseUncertain = "release uncertain"
	releaseAbandoned = "release abandoned"
)

// MaybeDelivered reports whether the next hop may have the message from a release
// that came to no end.
func (c *Change) MaybeDelivered() bool {
	return c.What == releaseUncertain || c.What == releaseAbandoned
}

// Delivered is what became of some recipients of a message at one next hop.
type Delivered struct {
	NextHop string
	Settled []int    // indexes of their forward-paths: nothing more is to be done for them
	Refused []string // of them, those who do not get the message, each with the answer to it
}

// Deliver hands a message to its recipients, but for those in Held.Settled. After
// each next hop it calls note, which is durable: with an error it must come back at
// once. nil says that all recipients are settled.
type Deliver func(ctx context.Context, h Held, content *os.File, note func(Delivered) error) error

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

// Release gives a held message to deliver, and it is released as soon as deliver has
// noted all of its recipients; if it comes back before that, the message is held
// again, for those that are left, and its error is returned. by says who wants it.
// The content stays until Delete. deliver gets the row and the content, compared
// with what was received, and its context ends after 9 minutes.
//
// Only one process at a time gets to deliver a message. The claim of a process
// that died can be taken over by another Release after 10 minutes: then nobody
// knows whether it had delivered, and the message may arrive twice. The history says
// so: MaybeDelivered.
//
// Errors: ErrNotFound, ErrState (not held), ErrCorrupt (deliver was not called),
// ErrUncertain (it was delivered, but that could not be noted), those of writing, of
// deliver and of ctx.
func (s *Store) Release(ctx context.Context, id, by string, deliver Deliver) error {
	if by == "" {
		return fmt.Errorf("store: release %.80q: who releases must be said", id)
	}
	within, cancel := context.WithTimeout(ctx, deliverTime) // from before the claim
	defer cancel()
	r := release{s: s, by: by, claim: rand.Text()}
	err := s.change(within, func(tx *sql.Tx) (err error) {
		r.h, err = s.moveHeld(tx, id, by, StateReleasing, r.claim)
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
	err = r.deliver(within, deliver)
	switch {
	case r.unnoted != nil:
		return fmt.Errorf("store: release %s: %w: %w", id, ErrUncertain, r.unnoted)
	case r.left() == 0 && err == nil:
		return nil
	case err == nil:
		err = fmt.Errorf("%s has not been dealt with", r.h.Envelope.ForwardPaths[r.first()])
	}
	return errors.Join(fmt.Errorf("store: release %s: %w", id, err), r.giveBack(ctx, err))
}

// release is one claim on a message.
type release struct {
	s         *Store
	h         Held
	by, claim string
	unnoted   error // why a delivery could not be noted
}

func (r *release) deliver(ctx context.Context, deliver Deliver) error {
	content, err := r.s.open(r.h)
	if err != nil {
		return err
	}
	defer content.Close()
	if r.left() == 0 && len(r.h.Settled) > 0 { // who noted the last one did not come to say so
		return r.note(ctx, Delivered{})
	}
	return deliver(ctx, r.h, content, func(d Delivered) error { return r.note(ctx, d) })
}

// left is how many recipients are not settled, first the index of the first of them.
func (r *release) left() int { return len(r.h.Envelope.ForwardPaths) - len(r.h.Settled) }

func (r *release) first() int {
	i := 0
	for slices.Contains(r.h.Settled, i) {
		i++
	}
	return i
}

// note writes down what one next hop took. With the last recipient the message is
// released.
func (r *release) note(ctx context.Context, d Delivered) error {
	settled := slices.Concat(r.h.Settled, d.Settled)
	slices.Sort(settled)
	settled = slices.Compact(settled)
	var changes []Change
	for _, refused := range d.Refused {
		changes = append(changes, Change{What: "recipient refused", Detail: refused})
	}
	to := StateReleased
	switch taken := len(d.Refused) < len(d.Settled); {
	case len(settled) == len(r.h.Envelope.ForwardPaths):
		changes = append(changes, Change{What: "released", Detail: d.NextHop})
	case taken:
		to, changes = StateReleasing, append(changes, Change{What: "released in part", Detail: d.NextHop + ": " + r.paths(d.Settled)})
	default:
		to = StateReleasing
	}
	if r.unnoted = r.settle(ctx, to, settled, changes...); r.unnoted == nil {
		r.h.Settled = settled
	}
	return r.unnoted
}

// paths names some recipients.
func (r *release) paths(of []int) string {
	var all []string
	for _, i := range of {
		all = append(all, "<"+r.h.Envelope.ForwardPaths[i].String()+">")
	}
	return strings.Join(all, ", ")
}

// giveBack has the message held again after a delivery that failed with err.
func (r *release) giveBack(ctx context.Context, err error) error {
	what := "release failed"
	if errors.Is(err, ErrMaybe) {
		what = releaseUncertain
	}
	return r.settle(ctx, StateHeld, r.h.Settled, Change{What: what, Detail: err.Error()})
}

// settle writes down what became of a claim, and says it in the history. It does
// so even if ctx has ended: deliver has happened. It may use the reserve: what is
// not written down is delivered again.
func (r *release) settle(ctx context.Context, to State, settled []int, changes ...Change) error {
	s, claim := r.s, ""
	var text any // NULL as long as nobody is
	if len(settled) > 0 {
		list, _ := json.Marshal(settled) // of numbers it cannot fail
		text = string(list)
	}
	if to == StateReleasing {
		claim = r.claim
	}
	return s.freeing(context.WithoutCancel(ctx), func(tx *sql.Tx) error {
		res, err := tx.Exec("UPDATE quarantine SET state = ?, changed_at = ?, changed_by = ?, claim = ?, settled = ? WHERE id = ? AND state = 'releasing' AND claim = ?",
			string(to), nanos(s.now()), r.by, claim, text, r.h.ID, r.claim)
		if err != nil {
			return fault("settle "+r.h.ID, err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("store: %s: %w: another process has taken over the release", r.h.ID, ErrState)
		}
		for _, c := range changes {
			if err := s.audit(tx, r.h.ID, r.by, c.What, c.Detail); err != nil {
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
	age := now.Sub(h.ChangedAt) // of a claim from the future, the clock was wrong
	stale := to == StateReleasing && h.State == StateReleasing && (age >= claimTime || age < -abandonTime)
	if h.State != StateHeld && !stale && (h.State != StateReleased || to != StateDeleted) {
		return Held{}, stateError(h)
	}
	if stale {
		if err := s.abandoned(tx, id); err != nil {
			return Held{}, err
		}
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
