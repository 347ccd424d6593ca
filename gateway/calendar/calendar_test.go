package calendar

import (
	"math"
	"testing"
	"time"
)

func TestDays(t *testing.T) {
	at := time.Date(2026, 11, 23, 23, 59, 59, 0, time.UTC)
	d := DayOf(at)
	if !TimeOf(d).Equal(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)) || !EndOf(d).Equal(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%d: %v to %v", d, TimeOf(d), EndOf(d))
	}
	if DayOf(time.Time{}) != 0 || !TimeOf(0).IsZero() || DayOf(time.Unix(-5, 0)) != 1 || DayOf(time.Unix(math.MaxInt32*100, 0)) != math.MaxUint16 {
		t.Error("the bounds")
	}
}

func TestWhichDaysAreBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		days []uint16
		want string // of each day: y, n
	}{
		"day by day":                   {[]uint16{100, 100, 101, 108, 115}, "yyyyy"},
		"ahead for an hour":            {[]uint16{100, 131, 131, 100, 101}, "ynnyy"},
		"a month off":                  {[]uint16{100, 131, 131, 132, 133}, "ynnyy"},
		"ahead, and each day further":  {[]uint16{100, 200, 300, 400}, "ynnn"},
		"ahead, back, and ahead again": {[]uint16{100, 131, 100, 131, 132}, "ynyny"},
		"an empty battery":             {[]uint16{20000, 10957, 10958, 10959, 20001}, "ynnny"},
		"behind for a week":            {[]uint16{20000, 10957, 10960, 10964, 10965}, "ynnyy"},
	} {
		var d Days
		got := ""
		for _, today := range c.days {
			if d.Believe(today) {
				got += "y"
			} else {
				got += "n"
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestWhatComesWhileTheClockIsFarBehindIsDatedUp(t *testing.T) {
	d := Days{Swept: 1000}
	for day, want := range map[uint16]uint16{1000: 1000, 1001: 1001, 993: 993, 992: 1000, 1: 1000, 2000: 2000} {
		if got := d.Dated(day); got != want {
			t.Errorf("%d: %d, want %d", day, got, want)
		}
	}
	if (Days{}).Dated(5) != 5 {
		t.Error("before the first sweep")
	}
}
