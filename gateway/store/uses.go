package store

import (
	"context"
	"fmt"
	"time"
)

// UseDays are the spans, in days before now, over which Uses counts.
var UseDays = [...]int{1, 7, 30, 90}

// SourceUse is what the journal knows of one source. All transactions count, also
// those that came to nothing.
type SourceUse struct {
	Last   time.Time
	Counts [len(UseDays)]int64 // in each of UseDays; each span holds those before it
}

// usesQuery needs the index journal_at alone, and no look at the rows.
const usesQuery = "SELECT source, max(at), sum(at >= ?), sum(at >= ?), sum(at >= ?), sum(at >= ?) FROM journal GROUP BY source"

// SourceUses tells when the journal begins, the zero Time if it is empty, and how
// much each source was used, by its name. Entries given to Journal less than 100 ms
// ago may be missing.
func (s *Store) SourceUses(ctx context.Context, now time.Time) (begin time.Time, of map[string]SourceUse, err error) {
	fail := func(err error) (time.Time, map[string]SourceUse, error) {
		return time.Time{}, nil, fmt.Errorf("store: read: %w", err)
	}
	var first int64
	if err := s.read.QueryRowContext(ctx, "SELECT coalesce(min(at), 0) FROM journal").Scan(&first); err != nil {
		return fail(err)
	}
	since := make([]any, len(UseDays))
	for i, days := range UseDays {
		since[i] = nanos(now.Add(-time.Duration(days) * 24 * time.Hour))
	}
	rows, err := s.read.QueryContext(ctx, usesQuery, since...)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	of = map[string]SourceUse{}
	for rows.Next() {
		var name string
		var last int64
		var use SourceUse
		if err := rows.Scan(&name, &last, &use.Counts[0], &use.Counts[1], &use.Counts[2], &use.Counts[3]); err != nil {
			return fail(err)
		}
		use.Last = fromNanos(last)
		of[name] = use
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return fromNanos(first), of, nil
}
