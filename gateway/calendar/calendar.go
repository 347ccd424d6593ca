// Package calendar tells days that went by from a clock that was set. Whoever
// removes what is old asks it first: a clock that is a month ahead, for an hour
// before it is corrected, must not cost what was to be kept for a month.
package calendar

import "time"

// MaxJump is how many days the clock may go ahead or back between two sweeps
// before it is doubted.
const MaxJump = 7

// Days are the days of the sweeps before, to be kept. They count from 1970-01-01,
// UTC.
type Days struct {
	Swept  uint16 // the last day that was believed; 0: none was
	Jumped uint16 // the day to which the clock seems to have jumped; 0: to none
}

const day = 24 * time.Hour

// DayOf counts days; 0 stands for a time that is not known.
func DayOf(t time.Time) uint16 {
	if t.IsZero() {
		return 0
	}
	return uint16(min(max(t.Unix()/int64(day/time.Second), 1), 1<<16-1))
}

// TimeOf is the beginning of a day, UTC.
func TimeOf(d uint16) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Unix(int64(d)*int64(day/time.Second), 0).UTC()
}

// EndOf is the end of a day: what was decided on a day counts on it.
func EndOf(d uint16) time.Time { return TimeOf(d).Add(day) }

// Believe reports whether it may be today, and notes it.
//
// Ahead, one later day must agree. Behind, a week must: what is dated back would
// be too old when the clock is set right.
func (d *Days) Believe(today uint16) bool {
	now, swept, first := int(today), int(d.Swept), int(d.Jumped)
	agrees := false
	switch {
	case swept == 0 || now+MaxJump >= swept && now <= swept+MaxJump:
		agrees = true
	case first == 0 || now < first || now > first+2*MaxJump:
		d.Jumped = today
	case now > swept:
		d.Jumped = today
		agrees = now > first && now <= first+MaxJump
	default:
		agrees = now >= first+MaxJump
	}
	if agrees {
		d.Swept, d.Jumped = today, 0
	}
	return agrees
}

// Dated is the day of what comes on a day: written down while the clock is far
// behind, it would be older than everything.
func (d Days) Dated(day uint16) uint16 {
	if int(day)+MaxJump < int(d.Swept) {
		return d.Swept
	}
	return day
}
