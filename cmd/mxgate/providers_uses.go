package main

import (
	"context"
	"time"

	"mxgate/cmd/mxgate/internal/providers"
	"mxgate/gateway/store"
)

// pageEntries is how many entries of the journal are read at once.
const pageEntries = 2000

// journalUses counts the journal's entries by source, page by page.
type journalUses struct{ store *store.Store }

func (j journalUses) SourceUses(ctx context.Context, now time.Time) (providers.Uses, error) {
	uses := providers.Uses{Of: map[string]providers.Use{}}
	filter := store.Filter{Limit: pageEntries}
	for {
		entries, err := j.store.Entries(ctx, filter)
		if err != nil {
			return providers.Uses{}, err
		}
		for _, e := range entries {
			use := uses.Of[e.Source]
			if use.Last.IsZero() { // the newest come first
				use.Last = e.At
			}
			for i, days := range providers.Days {
				if now.Sub(e.At) <= time.Duration(days)*24*time.Hour {
					use.Messages[i]++
				}
			}
			uses.Of[e.Source], uses.Begin, filter.Until = use, e.At, e.At
		}
		if len(entries) < pageEntries {
			return uses, nil
		}
	}
}
