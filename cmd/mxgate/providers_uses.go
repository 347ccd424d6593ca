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
	uses := providers.Uses{Begin: begin, Of: map[string]providers.Use{}}
	for name, use := range of {
		uses.Of[name] = providers.Use{Last: use.Last, Messages: use.Counts}
	}
	return uses, err
}
