package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestAMomentIsSoLongAgoOrADateOfThisMachine(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones are installed")
	}
	before := time.Local
	time.Local = zone
	t.Cleanup(func() { time.Local = before })
	now := time.Now()
	date := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	const day = 24 * time.Hour
	for _, c := range []struct {
		text         string
		since, until time.Time
		shown        string // of since
	}{
		{"12h", now.Add(-12 * time.Hour), now.Add(-12 * time.Hour), "12h"},
		{"1w", now.Add(-7 * day), now.Add(-7 * day), "7d"},
		{"2w3d12h", now.Add(-17*day - 12*time.Hour), now.Add(-17*day - 12*time.Hour), "420h"},
		{"2025-11-22", date("2025-11-22T00:00:00+01:00"), date("2025-11-23T00:00:00+01:00"), "2025-11-22 00:00:00 CET"},
		{"2025-03-30", date("2025-03-30T00:00:00+01:00"), date("2025-03-31T00:00:00+02:00"), "2025-03-30 00:00:00 CET"}, // a day of 23 hours
		{"2025-07-01T10:00", date("2025-07-01T10:00:00+02:00"), date("2025-07-01T10:00:00+02:00"), "2025-07-01 10:00:00 CEST"},
		{"2025-07-01 10:00", date("2025-07-01T10:00:00+02:00"), date("2025-07-01T10:00:00+02:00"), "2025-07-01 10:00:00 CEST"},
		{"2025-07-01 10:00:05", date("2025-07-01T10:00:05+02:00"), date("2025-07-01T10:00:05+02:00"), "2025-07-01 10:00:05 CEST"},
		{"2025-07-01T10:00:05.5Z", date("2025-07-01T10:00:05.5Z"), date("2025-07-01T10:00:05.5Z"), "2025-07-01 12:00:05 CEST"},
	} {
		since, until := moment{ago: 1}, moment{ago: 1, ends: true}
		if err := since.Set(c.text); err != nil || !since.on(now).Equal(c.since) || since.String() != c.shown {
			t.Errorf("-since %s: %v, %s, %v", c.text, since.on(now), &since, err)
		}
		if err := until.Set(c.text); err != nil || !until.on(now).Equal(c.until) {
			t.Errorf("-until %s: %v, %v", c.text, until.on(now), err)
		}
	}
	for text, want := range map[string]string{
		"": "expected how long ago", "1": "expected how long ago", "w": "expected how long ago", "-1w": "expected how long ago", "1d1w": "expected how long ago",
		"5215w": "expected how long ago", "5214w36500d": "expected how long ago", "yesterday": "such as 2026-11-22 or 2026-11-22T10:00",
		"2025-02-30": "expected how long ago", "22.11.2025": "expected how long ago", "1500-01-01": "expected a year from", "2400-01-01": "expected a year from",
		"2260-01-01": "it is still to come",
	} {
		var m moment
		if err := m.Set(text); err == nil || !strings.Contains(err.Error(), want) || m != (moment{}) {
			t.Errorf("%q: %v, %+v; want %q", text, err, m, want)
		}
	}
	end := moment{ends: true}
	if err := end.Set("2260-01-01"); err != nil {
		t.Error("an end may be to come:", err)
	}
	// The last one counts.
	last := moment{}
	if last.Set("2025-07-01") != nil || last.Set("1w") != nil || !last.on(now).Equal(now.Add(-7*day)) {
		t.Errorf("%+v", last)
	}
}

// What -since takes does not depend on the command.
func TestStrangersLooksBackToADate(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	now := time.Now()
	l.store.Stranger(now.AddDate(0, 0, -9), netip.MustParseAddr("198.51.100.1"), "")
	if err := l.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	day := func(ago int) (text, shown string) {
		at := now.AddDate(0, 0, -ago)
		begin := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.Local)
		return begin.Format(time.DateOnly), begin.Format(stamp)
	}
	near, nearShown := day(5)
	far, farShown := day(12)
	for since, want := range map[string]string{
		near: "nobody since " + nearShown + "\n", far: "1 connection from 1 network since " + farShown + ", all refused\n",
		"1w": "nobody in the last 7d\n", "2w": "1 connection from 1 network in the last 14d, all refused\n",
	} {
		code, out, errOut := mx(t, "strangers", "-config", l.config, "-since", since)
		if code != exitFine || errOut != "" {
			t.Errorf("%s: %d, %q", since, code, errOut)
		}
		wantIn(t, out, want)
	}
}
