package main

import (
	"context"
	"time"

	"mxgate/cmd/mxgate/internal/providers"
	"mxgate/gateway/store"
)

// journalUses says what the journal knows of the sources.
type journalUses struct{ store *store.Store }

func (j journalUses) SourceUses(ctx context.Context, now time.Time) (providers.Uses, error) {
	begin, of, err := j.store.SourceUses(ctx, now)
	if err != nil {
		return providers.Uses{}, err
	}
	uses := providers.Uses{Begin: begin, Of: map[string]providers.Use{}}
	for name, use := range of {
		u := providers.Use{Last: use.Last, Messages: use.Counts}
		before := store.Filter{Source: name, Until: now.AddDate(0, 0, -providers.RecentDays), Limit: 1}
		rows, err := j.store.Entries(ctx, before)
		if err != nil {
			return providers.Uses{}, err
		}
		if len(rows) > 0 {
			u.Before = rows[0].At
		}
		uses.Of[name] = u
	}
	return uses, nil
}
