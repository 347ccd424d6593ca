package memory

import (
	"context"
	"io"

	"mxgate/gateway/calendar"
	"mxgate/gateway/memory/table"
)

// Stats counts what is remembered. Beside the server it loads the database to
// count, in about a second for a million messages.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	st := Stats{Domains: map[string]int{}, Learned: s.learned.Load(), Dropped: s.dropped.Load(), Capped: s.capped.Load(), Evicted: s.evicted.Load()}
	if text := s.trouble.Load(); text != nil {
		st.CommitError = *text
	}
	var err error
	if st.DiskOctets, err = s.db.octets(); err != nil {
		return st, err
	}
	if st.Waiting, err = s.db.waiting(); err != nil {
		return st, err
	}
	if !s.beside { // the goroutine that learns needs no lock to read, and so holds up nobody
		return st, s.do(ctx, func() error { s.ram.tell(&st); return nil })
	}
	r, err := s.image()
	if err == nil {
		err = s.loadTables(r)
	}
	if err == nil {
		r.tell(&st)
	}
	return st, err
}

// tell counts what is remembered.
func (r *ram) tell(st *Stats) {
	now := calendar.EndOf(r.newest())
	for _, d := range r.byName {
		if !d.ours {
			st.Domains[string(r.state(d, now))]++
		}
	}
	for _, list := range r.decisions {
		st.Decisions += len(list)
	}
	st.IDs, st.Threads, st.Edges, st.Names, st.Since = r.IDs.Len(), r.Threads.Len(), r.Edges.Len(), r.Names.Len(), calendar.TimeOf(r.since)
	st.RAMOctets = r.bytes()
}

// Export writes what an administrator may read: one JSON object in a line for
// each domain and each decision. Ids, mailboxes and names are not among them. Of a
// server beside it tells all but the last second.
func (s *Store) Export(ctx context.Context, w io.Writer) error {
	if !s.beside {
		if err := s.Flush(ctx); err != nil {
			return err
		}
	}
	r, err := s.image()
	if err == nil {
		err = s.loadCounts(r)
	}
	if err != nil {
		return err
	}
	return r.export(w)
}

// loadCounts brings the counts of an image up to date: the row of a domain with which
// there was contact alone is written once a day, its counts with each commit.
func (s *Store) loadCounts(r *ram) error {
	return s.db.load(loader{
		meta:   func(meta) error { return nil },
		domain: func(*domain) error { return nil },
		segment: func(g table.Segment, _, _ int) error {
			if g.Kind == table.Correspondence {
				_ = r.Unpack(g, 0, r.count) // the server tells of what cannot be read
			}
			return nil
		},
	})
}
