package main

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestStrangersAreAReport(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	if _, out, _ := mx(t, "strangers", "-config", l.config); out != "nobody in the last 7d\n" {
		t.Errorf("nobody: %q", out)
	}
	now := time.Now()
	for range 300 {
		l.store.Stranger(now.Add(-49*time.Hour), netip.MustParseAddr("198.51.100.9"), "bad\x1b.example")
	}
	l.store.Stranger(now.Add(-time.Hour), netip.MustParseAddr("198.51.100.9"), "")
	l.store.Stranger(now.Add(-2*time.Hour), netip.MustParseAddr("192.0.2.9"), "mx.provider.example")
	l.store.Stranger(now.Add(-2*time.Hour), netip.MustParseAddr("40.92.1.2"), "")
	if err := l.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := mx(t, "strangers", "-config", l.config)
	if code != exitFine || errOut != "" {
		t.Errorf("%d, %q", code, errOut)
	}
	lines := strings.Split(out, "\n")
	const hour = "2006-01-02 15:04 MST"
	at := func(back time.Duration) string { return now.Add(-back).UTC().Truncate(time.Hour).Local().Format(hour) }
	wantIn(t, lines[1], "198.51.100.9    301      2  "+at(49*time.Hour)+"  "+at(time.Hour)+"  bad?.example ", " -")
	wantIn(t, lines[2], "40.92.1.2         1      1  ", "microsoft365, in no source")
	wantIn(t, lines[3], "192.0.2.9         1      1  ", "source the-provider, admitted now")
	wantIn(t, out, "\nadmitted now: it came before", "\n303 connections from 3 networks in the last 7d, all refused\nby the day (UTC):\n\n", now.Add(-49*time.Hour).UTC().Format(time.DateOnly)+"    300 "+strings.Repeat("#", 60)+"\n", now.Add(-6*24*time.Hour).UTC().Format(time.DateOnly)+"      0\n", " #\n")
	if _, out, _ := mx(t, "strangers", "-config", l.config, "-limit", "1", "-since", "1d"); !strings.Contains(out, "and 2 networks more") || !strings.Contains(out, "by the hour (UTC)") || !strings.Contains(out, " 2 "+strings.Repeat("#", 60)+"\n") || !strings.Contains(out, " 1 "+strings.Repeat("#", 30)+"\n") {
		t.Errorf("the last day:\n%s", out)
	}
	code, out, _ = mx(t, "strangers", "-config", l.config, "-json")
	if code != exitFine || strings.Count(out, "\n") != 4 {
		t.Errorf("%d, %q", code, out)
	}
	wantIn(t, out, `{"hour":"`+now.Add(-49*time.Hour).UTC().Truncate(time.Hour).Format(time.RFC3339)+`","network":"198.51.100.9/32","count":300,"helo":"bad?.example"}`, `"network":"40.92.1.2/32","count":1,"helo":"","provider":"microsoft365"}`, `"source":"the-provider","source_state":"admitted"}`)
}

func TestStrangersOfASourceThatIsOver(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	today := time.Now().UTC()
	for name, day := range map[string]time.Time{"old": today.AddDate(0, 0, -1), "new": today.AddDate(0, 0, 1)} {
		key, octet := "valid_until", 1
		if name == "new" {
			key, octet = "valid_from", 2
		}
		configure(t, l, fmt.Sprintf("[[source]]\nname = %q\nranges = [\"198.51.100.%d\"]\nreceived_by = [\"x.example\"]\n%s = %s\n", name, octet, key, day.Format(time.DateOnly)))
		l.store.Stranger(today, netip.AddrFrom4([4]byte{198, 51, 100, byte(octet)}), "")
	}
	l.store.Stranger(today, netip.Addr{}, "")
	if err := l.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, out, errOut := mx(t, "strangers", "-config", l.config)
	wantIn(t, out, "  source old, over since "+today.Format(time.DateOnly)+"\n", "  source new, admitted from "+today.AddDate(0, 0, 1).Format(time.DateOnly)+"\n", "all others ")
	_, out, _ = mx(t, "strangers", "-config", l.config, "-since", "5000d")
	wantIn(t, out, "\nby 12 weeks (UTC):\n")
	if lines := strings.Count(out, "\n"); lines > 75 || errOut != "" {
		t.Errorf("%d lines, %q\n%s", lines, errOut, out)
	}
}

// Of all strangers a near miss is the one whose mail waits: it is named, and stands
// first whatever the limit.
func TestANearMissIsToldFromAnAttacker(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	now := time.Now()
	for range 5 {
		l.store.Stranger(now, netip.MustParseAddr("203.0.113.9"), "evil.example")
	}
	l.store.NearMiss(now, netip.MustParseAddr("198.51.100.77"), "eu-1.provider.example", "the-provider")
	l.store.Stranger(now, netip.MustParseAddr("198.51.100.77"), "")             // its name could not be asked for
	l.store.NearMiss(now, netip.MustParseAddr("192.0.2.9"), "", "the-provider") // and is in ranges by now
	if err := l.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, out, _ := mx(t, "strangers", "-config", l.config)
	lines := strings.Split(out, "\n")
	wantIn(t, lines[1], "198.51.100.77      2 ", "  source the-provider, near miss: told to wait")
	wantIn(t, lines[2], "203.0.113.9        5 ", "  -")
	wantIn(t, lines[3], "192.0.2.9          1 ", "  source the-provider, admitted now")
	wantIn(t, out, "\nnear miss: its name is that of a source", "\n8 connections from 3 networks in the last 7d, refused, 2 of them told to wait: near misses\n")
	if _, out, _ := mx(t, "strangers", "-config", l.config, "-limit", "1"); !strings.Contains(out, "near miss: told to wait") {
		t.Errorf("the limit hides it:\n%s", out)
	}
	_, out, _ = mx(t, "strangers", "-config", l.config, "-json")
	wantIn(t, out, `"network":"198.51.100.77/32","count":2,"helo":"eu-1.provider.example","near_misses":1,"near_miss_of":"the-provider"}`, `"network":"203.0.113.9/32","count":5,"helo":"evil.example"}`)
}
