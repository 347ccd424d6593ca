package store

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// queryPlan is how SQLite answers a query.
func queryPlan(t *testing.T, s *Store, query string, args ...any) string {
	t.Helper()
	rows, err := s.read.Query("EXPLAIN QUERY PLAN "+query, args...)
	plan, err := collect(rows, err, func(row interface{ Scan(...any) error }) (detail string, err error) {
		var id, parent, unused int
		err = row.Scan(&id, &parent, &unused, &detail)
		return detail, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "; ")
}

// Millions of rows are neither read nor sorted for a listing: what it does not want
// is passed over in the index.
func TestListingsReadTheIndexAndSortNothing(t *testing.T) {
	s := openStore(t, t.TempDir())
	for _, tt := range []struct {
		f    Filter
		want string
	}{
		{Filter{}, "SCAN journal USING INDEX journal_at"},
		{Filter{Reason: "lookalike"}, "SCAN journal USING INDEX journal_at"},
		{Filter{Source: "partner", Until: noon, Limit: 1}, "SEARCH journal USING INDEX journal_at (at<?)"},
		{Filter{AuthorDomain: "example.org", Since: noon, Until: noon}, "SEARCH journal USING INDEX journal_at (at>? AND at<?)"},
		{Filter{ID: "A", Reason: "lookalike"}, "SEARCH journal USING INDEX journal_id (id=?); USE TEMP B-TREE FOR ORDER BY"},
	} {
		query, args := tt.f.entriesQuery()
		if got := queryPlan(t, s, query, args...); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.f, got, tt.want)
		}
	}
}

// However many wait, each is written once and in order: in statements of several
// rows, and the rest one by one.
func TestEveryNumberOfEntriesIsCommitted(t *testing.T) {
	s := openStore(t, t.TempDir())
	var want []string
	for _, n := range []int{1, manyRows - 1, manyRows, manyRows + 1, 3*manyRows + 5} {
		release := holdWriter(t, s)
		for range n {
			e := fullEntry(t)
			e.ID = fmt.Sprint(len(want))
			want = append(want, e.ID)
			s.Journal(e)
		}
		release()
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Entries(t.Context(), Filter{})
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d entries of %d, %v", len(got), len(want), err)
	}
	slices.Reverse(got) // oldest first
	for i, e := range got {
		wantEntry := fullEntry(t)
		wantEntry.ID = want[i]
		if !reflect.DeepEqual(e, wantEntry) {
			t.Errorf("entry %d: got %+v\nwant %+v", i, e, wantEntry)
		}
	}
}

// FAIL leaves the rows of a statement that stand before the bad one: that they are
// undone is the writer's part.
func TestARefusedRowLeavesNoneOfItsStatement(t *testing.T) {
	for _, company := range []bool{false, true} { // with and without a change in the same commit
		t.Run(fmt.Sprint("company ", company), func(t *testing.T) {
			s, _ := openFaulty(t, func(error) {})
			if _, err := s.write.Exec("CREATE TRIGGER refuse BEFORE INSERT ON journal WHEN new.id = '9' BEGIN SELECT raise(FAIL, 'refused'); END"); err != nil {
				t.Fatal(err)
			}
			wantEntries := func(want int) {
				t.Helper()
				if all, err := s.Entries(t.Context(), Filter{}); err != nil || len(all) != want {
					t.Errorf("%d entries, %v, want %d", len(all), err, want)
				}
			}
			release := holdWriter(t, s)
			for i := range manyRows + 3 {
				s.Journal(Entry{ID: fmt.Sprint(i), At: noon})
			}
			done := make(chan error, 1)
			if company {
				go func() { done <- s.Quarantine(t.Context(), heldMessage("A"), strings.NewReader(content)) }()
			} else {
				done <- nil
			}
			release()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if err := s.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
				t.Errorf("Flush: %v", err)
			}
			wantEntries(0)
			if _, err := s.write.Exec("DROP TRIGGER refuse"); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			wantEntries(manyRows + 3)
		})
	}
}
