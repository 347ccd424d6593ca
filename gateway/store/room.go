package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"mxgate/gateway/disk"
	"mxgate/gateway/disk/sqlitefile"

	sqlite3 "modernc.org/sqlite/lib"
)

// What Quarantine leaves free where the configuration does not say: all mail
// needs the journal and the spool, so a flood of quarantined mail must not take
// their room.
const (
	defaultMinFree = 256 << 20
	minFreePart    = 20 // of the file system, where that is less
)

// room bounds what the quarantine takes of the disk.
type room struct {
	maxOctets int64 // of content; 0: no limit
	minFree   int64
	free      func(dir string) (uint64, error)
	promised  atomic.Int64 // octets of the calls of Quarantine under way
}

// newRoom completes the limits of c for the file system of dir.
func (c Config) newRoom(dir string) room {
	minFree := c.MinFreeOctets
	if minFree == 0 {
		minFree = defaultMinFree
		if total, err := disk.Total(dir); err == nil { // otherwise Trouble says so
			minFree = min(minFree, clampOctets(total/minFreePart))
		}
	}
	return room{maxOctets: c.MaxOctets, minFree: max(minFree, 0), free: disk.Free}
}

func clampOctets(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// promise sets room aside for a message of so many octets until done is called,
// which must be after its row was committed or given up. ErrFull if there is not
// so much. At the limit two calls may refuse each other where one would fit.
func (s *Store) promise(ctx context.Context, octets int64) (done func(), err error) {
	octets = max(octets, 1) // not known, or nothing: one more message all the same
	all := s.room.promised.Add(octets)
	done = func() { s.room.promised.Add(-octets) }
	if err := s.roomFor(ctx, all); err != nil {
		done()
		return nil, err
	}
	return done, nil
}

func (s *Store) roomFor(ctx context.Context, octets int64) error {
	if s.room.maxOctets > 0 {
		kept, err := s.keptOctets(ctx)
		if err != nil {
			return fault("read", err)
		}
		if s.room.maxOctets-octets < kept {
			return fmt.Errorf("%w: the quarantine has %d octets of the %d it may have: delete messages, keep them for a shorter time, or raise its limit", ErrFull, kept, s.room.maxOctets)
		}
	}
	if free, err := s.freeOctets(); err == nil && free-octets < s.room.minFree { // a disk that cannot be asked shows when it is written to
		return fmt.Errorf("%w: %s", ErrFull, s.shortOf(free))
	}
	return nil
}

func (s *Store) shortOf(free int64) string {
	return fmt.Sprintf("%d octets are free on the file system of %s, and %d are kept for journal and spool: delete messages or make room", free, s.dir, s.room.minFree)
}

// keptOctets is the size of all content that is not deleted.
func (s *Store) keptOctets(ctx context.Context) (octets int64, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT octets FROM kept").Scan(&octets)
	return octets, err
}

func (s *Store) freeOctets() (int64, error) {
	free, err := s.room.free(s.dir)
	return clampOctets(free), err
}

// usualOctets is more than most messages have.
const usualOctets = 16 << 10

// Room reports why nothing can be quarantined now for lack of room, nil if a message
// of the usual size can. What is not known is no lack.
func (s *Store) Room(ctx context.Context) error {
	if err := s.roomFor(ctx, usualOctets); errors.Is(err, ErrFull) {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Room is Store.Room before a start, as far as the disk can tell: of Dir, or of the
// directory in which Open will create it.
func (c Config) Room() error {
	dir := c.Dir
	if _, err := os.Stat(dir); err != nil {
		dir = filepath.Dir(filepath.Clean(dir))
	}
	c.MaxOctets = 0 // what is kept the database knows
	return (&Store{dir: dir, room: c.newRoom(dir)}).Room(context.Background())
}

// failure is trouble that lasts.
type failure struct {
	since time.Time
	err   error
}

// Trouble reports why the store cannot do its work now, nil if it can: the
// journal cannot be committed, or too little of the disk is free for the
// quarantine. It asks the file system and no database, so that it may be called
// often. A quarantine at its MaxOctets is no trouble: mail that is not to be
// quarantined passes.
func (s *Store) Trouble() error {
	if f := s.trouble.Load(); f != nil {
		return fmt.Errorf("store: the journal cannot be written since %s: %w", f.since.UTC().Format(time.RFC3339), f.err)
	}
	if err := s.stands(); err != nil {
		return err
	}
	if s.slow.Load() && s.Behind() {
		return fmt.Errorf("store: the journal cannot be written fast enough: %d entries wait", len(s.entries))
	}
	free, err := s.freeOctets()
	if err != nil {
		return fault("free space", err)
	}
	if free < s.room.minFree {
		return fmt.Errorf("store: %w: %s", ErrFull, s.shortOf(free))
	}
	return nil
}

// noteTrouble keeps for Trouble how the last commit of records ended.
func (s *Store) noteTrouble(err error) {
	last := s.trouble.Load()
	switch {
	case err == nil && last != nil:
		s.trouble.Store(nil)
		s.onMended(last.since)
	case err != nil && last != nil:
		s.trouble.Store(&failure{last.since, err})
	case err != nil:
		s.trouble.Store(&failure{s.now(), err})
	}
}

// openOctets is what a database needs to be opened where nobody else has it open:
// SQLite makes the 32 KiB that its processes share, and a log of some pages.
const openOctets = 128 << 10

// noRoomToOpen reports whether err, of opening the database, comes from a full
// disk. SQLite calls that an input or output error, as it does a broken one.
func (s *Store) noRoomToOpen(err error) bool {
	switch sqlitefile.Code(err) & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
		return disk.Full(s.SpoolDir(), openOctets)
	}
	return false
}

// Stats is what the quarantine holds now, and its room.
type Stats struct {
	Held          int64 // messages neither released nor deleted
	HeldOctets    int64
	KeptOctets    int64 // content of held and released messages: it stays until it is deleted
	MaxOctets     int64 // of KeptOctets; 0: no limit
	FreeOctets    int64 // of the file system
	MinFreeOctets int64 // below it nothing is quarantined
}

// Stats counts the messages held and their content.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	st := Stats{MaxOctets: s.room.maxOctets, MinFreeOctets: s.room.minFree}
	err := s.read.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(size), 0), (SELECT octets FROM kept) FROM quarantine WHERE state IN ('held', 'releasing')").Scan(&st.Held, &st.HeldOctets, &st.KeptOctets)
	if err == nil {
		st.FreeOctets, err = s.freeOctets()
	}
	if err != nil {
		return Stats{}, fmt.Errorf("store: stats: %w", err)
	}
	return st, nil
}
