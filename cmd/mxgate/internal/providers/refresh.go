package providers

import (
	"context"
	"net/netip"
	"time"

	"mxgate/policy/provider"
	"mxgate/policy/provider/ranges"
)

// Proposal is what a source's provider publishes, against what was good so far.
type Proposal struct {
	Source         string
	List           ranges.List // of no meaning with Err
	Added, Removed []netip.Prefix
	Lacks, Has     []netip.Prefix // in List and not in ranges of the configuration; the reverse. After Accept it is these that are left to do
	Since          time.Time      // when the list it is compared with was accepted; zero: it is the configuration's
	Doubts         []string       // why accepting it needs force
	Digest         string         // names the list to Accept; "" if there is nothing to accept
	Err            error          // it could not be fetched: what was good stays good
}

// Refresh fetches the list of each source and keeps in the state file in dir those
// that are new. Nothing is accepted. The error is that of the state file.
func Refresh(ctx context.Context, f Fetcher, dir string, sources []provider.Source, now time.Time) ([]Proposal, error) {
	all := make([]Proposal, len(sources))
	for i, s := range sources { // before the state is locked: it may take minutes
		all[i].Source = s.Name
		all[i].List, all[i].Err = f.Fetch(ctx, s.Published)
	}
	err := Update(dir, func(state *ranges.State) error {
		for i, s := range sources {
			if all[i].Err == nil {
				all[i].compare(state, s, now)
			}
		}
		return nil
	})
	return all, err
}

func (p *Proposal) compare(state *ranges.State, s provider.Source, now time.Time) {
	base := state.Base(s.Name, s.Ranges)
	p.Added, p.Removed = ranges.Subtract(p.List.Ranges, base), ranges.Subtract(base, p.List.Ranges)
	p.Lacks, p.Has = ranges.Subtract(p.List.Ranges, s.Ranges), ranges.Subtract(s.Ranges, p.List.Ranges)
	if accepted := state.Sources[s.Name].Accepted; accepted != nil {
		p.Since = accepted.Accepted
	}
	var differs bool
	if differs, p.Err = state.Propose(s.Name, p.List, s.Ranges, now); differs {
		p.Doubts = ranges.Doubts(base, p.List.Ranges)
		p.Digest = state.Sources[s.Name].Pending.Digest()
	}
}
