package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"mxgate/gateway/calendar"
)

// ErrClock says that nothing was removed because the clock seems to have jumped.
var ErrClock = errors.New("the clock has jumped")

// believe asks whether it may be today, and notes it. Messages are kept for days
// that went by: where the clock was ahead, or the gateway off, for weeks, those
// that it holds are kept for as long as that besides.
func (s *Store) believe(ctx context.Context) error {
	today := calendar.DayOf(s.now())
	var before, after calendar.Days
	var agrees bool
	err := s.freeing(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRow("SELECT swept, jumped FROM days").Scan(&before.Swept, &before.Jumped); err != nil {
			return fault("read the days", err)
		}
		after = before
		agrees = after.Believe(today)
		if after == before {
			return nil
		}
		if _, err := tx.Exec("UPDATE days SET swept = ?, jumped = ?", after.Swept, after.Jumped); err != nil {
			return fault("note the day", err)
		}
		switch known := before.Swept + calendar.MaxJump; {
		case !agrees || before.Swept == 0:
		case today > known:
			gap := calendar.TimeOf(today).Sub(calendar.TimeOf(before.Swept))
			_, err := tx.Exec("UPDATE quarantine SET kept_from = coalesce(kept_from, received_at) + ? WHERE coalesce(kept_from, received_at) < ? AND state <> 'deleted'", int64(gap), nanos(calendar.EndOf(known)))
			return fault("keep what is held", err)
		case today+calendar.MaxJump < before.Swept: // what was kept from a day that is yet to come is kept from today
			_, err := tx.Exec("UPDATE quarantine SET kept_from = ?1 WHERE coalesce(kept_from, received_at) > ?1 AND state <> 'deleted'", nanos(calendar.EndOf(today)))
			return fault("keep what is held", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.swept.Store(uint32(after.Swept))
	if !agrees {
		return fmt.Errorf("store: %w: it says %s, and the last day that was believed is %s; if it is right, it is believed as soon as the next day says the same, or a week of days where it went back", ErrClock,
			s.now().UTC().Format(time.DateOnly), calendar.TimeOf(after.Swept).Format(time.DateOnly))
	}
	return nil
}

// keptFrom is from when on a message is kept that comes now, nil for from when it
// was received: with a clock that is far behind it would be too old as soon as the
// clock is set right.
func (s *Store) keptFrom() any {
	today := calendar.DayOf(s.now())
	if dated := (calendar.Days{Swept: uint16(s.swept.Load())}).Dated(today); dated != today {
		return nanos(calendar.TimeOf(dated))
	}
	return nil
}
