package store

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const oneDay = 24 * time.Hour

// keeps quarantines at a time by the clock.
func keeps(t *testing.T, s *Store, id string, at time.Time) {
	t.Helper()
	s.now = func() time.Time { return at }
	h := heldMessage(id)
	h.ReceivedAt = at
	if err := s.Quarantine(t.Context(), h, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

// tidied runs Expire as the server does, keeping messages for 30 days.
func tidied(t *testing.T, s *Store, at time.Time) (contents int64, err error) {
	t.Helper()
	s.now = func() time.Time { return at }
	e, err := s.Expire(t.Context(), time.Time{}, at.Add(-30*oneDay))
	return e.Contents, err
}

func TestAClockThatIsAheadForAnHourDeletesNothing(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	keeps(t, s, "A", noon)
	if n, err := tidied(t, s, noon); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	for _, ahead := range []time.Duration{31 * oneDay, 31*oneDay + time.Hour, 4000 * oneDay} {
		if n, err := tidied(t, s, noon.Add(ahead)); n != 0 || !errors.Is(err, ErrClock) {
			t.Errorf("%s ahead: %d deleted, %v", ahead, n, err)
		}
	}
	if n, err := tidied(t, s, noon.Add(time.Hour)); n != 0 || err != nil {
		t.Errorf("the clock is right again: %d deleted, %v", n, err)
	}
	if n, err := tidied(t, s, noon.Add(5*oneDay)); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	for day := 12; day <= 30; day += 6 {
		if n, err := tidied(t, s, noon.Add(time.Duration(day)*oneDay)); n != 0 || err != nil {
			t.Errorf("day %d: %d deleted, %v", day, n, err)
		}
	}
	if n, err := tidied(t, s, noon.Add(31*oneDay)); n != 1 || err != nil {
		t.Errorf("after its time: %d deleted, %v", n, err)
	}
}

// A gateway that was off for a month: what it holds is kept for 30 days of its life.
func TestAMonthThatTheGatewayWasOffDoesNotCount(t *testing.T) {
	s := openStore(t, t.TempDir())
	keeps(t, s, "A", noon)
	if _, err := tidied(t, s, noon.Add(10*oneDay)); err != nil {
		t.Fatal(err)
	}
	back := noon.Add(50 * oneDay)
	keeps(t, s, "B", back)
	if n, err := tidied(t, s, back); n != 0 || !errors.Is(err, ErrClock) || !strings.Contains(err.Error(), back.Format(time.DateOnly)) {
		t.Errorf("%d deleted, %v", n, err)
	}
	for day := 1; day <= 36; day++ {
		n, err := tidied(t, s, back.Add(time.Duration(day)*oneDay))
		want := int64(0)
		if day == 22 || day == 31 { // A was held 10 days before, and more than 20 since, the day of doubt not counted
			want = 1
		}
		if n != want || err != nil {
			t.Errorf("day %d: %d deleted, %v", day, n, err)
		}
	}
}

// What came while the clock was a year behind is not old when it is set right.
func TestWhatCameWithAClockThatWasBehindIsKept(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	if _, err := tidied(t, s, noon); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	keeps(t, s, "A", noon.Add(-300*oneDay))
	if _, err := tidied(t, s, noon.Add(-300*oneDay)); !errors.Is(err, ErrClock) {
		t.Error(err)
	}
	for day := 1; day <= 31; day++ {
		n, err := tidied(t, s, noon.Add(time.Duration(day)*oneDay))
		if deleted := n == 1; err != nil || deleted != (day == 30) { // it counts from the beginning of the day
			t.Errorf("day %d: %d deleted, %v", day, n, err)
		}
	}
}

// A clock that is wrong for so long that it is believed costs no more days than that.
func TestAMessageIsNotKeptForTheJumpTwice(t *testing.T) {
	for name, off := range map[string]int{"behind": -300, "ahead": 300} {
		s := openStore(t, t.TempDir())
		at := func(day int) time.Time { return noon.Add(time.Duration(day) * oneDay) }
		tidied(t, s, noon)
		keeps(t, s, "A", at(off))
		for day := range 10 {
			tidied(t, s, at(off+day))
		}
		gone := 0
		for day := 10; day < 60 && gone == 0; day++ {
			if n, _ := tidied(t, s, at(day)); n == 1 {
				gone = day
			}
		}
		if gone < 25 || gone > 50 { // 30 days, and some of doubt
			t.Errorf("%s: deleted on day %d", name, gone)
		}
	}
}
