package store

import (
	"maps"
	"testing"
	"time"
)

func TestUsesOfSourcesAreCounted(t *testing.T) {
	s := openStore(t, t.TempDir())
	begin, of, err := s.SourceUses(t.Context(), noon)
	if err != nil || !begin.IsZero() || len(of) != 0 {
		t.Errorf("of an empty journal: %v, %v, %v", begin, of, err)
	}
	day := 24 * time.Hour
	for id, e := range map[string]struct {
		source string
		ago    time.Duration
	}{
		"a": {"one", 0}, "b": {"one", day}, "c": {"one", day + 1}, "d": {"one", 7 * day}, "e": {"one", 29 * day}, "f": {"one", 90 * day}, "g": {"one", 91 * day},
		"h": {"two", 100 * day}, "i": {"", 50 * day},
	} {
		s.Journal(Entry{ID: id, At: noon.Add(-e.ago), Source: e.source, Outcome: Refused, Path: "via_current"})
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	begin, of, err = s.SourceUses(t.Context(), noon)
	want := map[string]SourceUse{
		"one": {noon, [4]int64{2, 4, 5, 6}},
		"two": {noon.Add(-100 * day), [4]int64{}},
		"":    {noon.Add(-50 * day), [4]int64{0, 0, 0, 1}},
	}
	if err != nil || !begin.Equal(noon.Add(-100*day)) || !maps.EqualFunc(of, want, func(a, b SourceUse) bool { return a.Last.Equal(b.Last) && a.Counts == b.Counts }) {
		t.Errorf("since %v: %+v, %v", begin, of, err)
	}
}

// Millions of rows are not read for it.
func TestUsesAreCountedFromTheIndex(t *testing.T) {
	s := openStore(t, t.TempDir())
	if got := queryPlan(t, s, usesQuery, 0, 0, 0, 0); got != "SCAN journal USING COVERING INDEX journal_at; USE TEMP B-TREE FOR GROUP BY" {
		t.Error(got)
	}
}
