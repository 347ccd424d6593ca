package memory

import (
	"time"

	"mxgate/gateway/calendar"
	"mxgate/gateway/memory/table"
	"mxgate/policy"
)

// database is the durable form. SQLite is one (sqlite.go); another could stand in
// its place. The goroutine that learns calls it, except where said.
type database interface {
	// begin makes this process the one that serves: commits of the one before
	// are refused from now on. Where there is no room to write that, it is no
	// error, and the first commit does it: all can be read.
	begin() error
	// load hands over all that is kept.
	load(to loader) error
	// commit writes a batch, all or nothing. ErrTaken if another process serves.
	commit(b batch) error
	// changed reports whether another process has written since the last call.
	changed() (bool, error)
	// requests lists those after a number, oldest first, at most some.
	requests(after int64) ([]request, error)
	// delete takes out what is older than the days, by kind of segment, and
	// gives the room back.
	expire(before map[int]uint16) error
	// emptyLog leaves nothing that was deleted in what SQLite has beside the
	// database, and reports false where somebody who reads is in its way.
	emptyLog() (bool, error)
	// lastSegment is the number of the newest segment.
	lastSegment() (int64, error)
	// segmentOctets is what all segments take; it reads through them.
	segmentOctets() (int64, error)

	// From here on any goroutine may call, and any process.
	ask(requests ...request) error
	waiting() (int, error)
	// octets is what the whole takes.
	octets() (int64, error)
	// decide, revoke and age note what they do among the changes.
	decide(d policy.Decision) error
	// rescue takes over decisions of a database that was set aside and what was said
	// there, the newest first, but where anything was said since.
	rescue(all []*decision, said []Change) (int, error)
	// revoke returns ErrNotFound if there is no decision, or ErrUnread if one may come.
	revoke(c Change) error
	// age writes on which days decisions mattered last, and ends others.
	age(mattered []*decision, ended []Change) error
	decisions() ([]*decision, error)
	changes(limit int) ([]Change, error)
	// snapshot reads the domains as they were last committed.
	snapshot(to func(*domain) error) error
	since() (uint16, error)
	close() error
}

// loader takes what is kept, in this order.
type loader struct {
	meta    func(m meta) error
	domain  func(d *domain) error
	segment func(s table.Segment, done, total int) error
}

// meta is what is kept once.
type meta struct {
	nextThread uint32
	nextDomain uint32
	since      uint16
	calendar.Days
	lastOut  uint16
	keyCheck string // tells whether the site key is the one of the ids
}

// batch is what one commit writes.
type batch struct {
	meta     *meta
	domains  []*domain
	gone     []uint32 // domains
	segments []table.Segment
	done     []int64 // requests
	upTo     int64   // all segments up to this number are replaced by this and earlier batches; 0: none
}

// request is what a tool asks of the server.
type request struct {
	seq  int64
	kind string
	body []byte
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
