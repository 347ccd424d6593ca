package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// moment is a time, given as how long ago it was or as a date. A date is one of the
// time zone of this machine, as all times that the commands show are.
type moment struct {
	ago  span
	at   time.Time // zero: ago counts
	ends bool      // a time ends with it: a day means the end of that day, and it may be to come
}

// dates are how a time may be written: as a person does, as our tables show it
// without the zone, and as -json does.
var dates = []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", time.DateTime, time.RFC3339}

// Bounds of a date: the store counts nanoseconds since 1970, and they end in 2262.
const firstYear, lastYear = 1971, 2261

func (m *moment) String() string {
	if !m.at.IsZero() {
		return m.at.Local().Format(stamp)
	}
	return m.ago.String()
}

func (m *moment) Set(text string) error {
	for i, layout := range dates {
		at, err := time.ParseInLocation(layout, text, time.Local)
		switch {
		case err != nil:
			continue
		case at.Year() < firstYear || at.Year() > lastYear:
			return fmt.Errorf("expected a year from %d to %d", firstYear, lastYear)
		case !m.ends && at.After(time.Now()):
			return errors.New("it is still to come: expected a time that is past")
		case i == 0 && m.ends:
			at = at.AddDate(0, 0, 1)
		}
		m.at = at
		return nil
	}
	if err := m.ago.Set(text); err != nil {
		return errors.New("expected how long ago, such as 12h, 7d or 2w, or a date such as 2026-11-22 or 2026-11-22T10:00")
	}
	m.at = time.Time{}
	return nil
}

// given reports whether it is a time at all.
func (m *moment) given() bool { return m.ago > 0 || !m.at.IsZero() }

// on is the time that it is; the zero Time if none is given.
func (m *moment) on(now time.Time) time.Time {
	if m.at.IsZero() && m.ago > 0 {
		return now.Add(-time.Duration(m.ago))
	}
	return m.at
}

// looked says which time was looked through, from since to until.
func looked(since, until moment) string {
	var parts []string
	switch {
	case !since.at.IsZero():
		parts = append(parts, "since "+since.String())
	case since.given():
		parts = append(parts, "in the last "+since.String())
	}
	switch {
	case !until.at.IsZero():
		parts = append(parts, "before "+until.String())
	case until.given():
		parts = append(parts, "earlier than "+until.String()+" ago")
	}
	if len(parts) == 0 {
		return "in the journal"
	}
	return strings.Join(parts, ", ")
}
