package memory

import (
	"errors"
	"time"

	"mxgate/policy/mail"
)

var (
	// ErrClosed says that the store is closed.
	ErrClosed = errors.New("memory: closed")
	// ErrBeside says that only the process that serves can answer this.
	ErrBeside = errors.New("memory: opened beside the server, nothing is loaded")
	// ErrDamaged says that the database cannot be read.
	ErrDamaged = errors.New("memory: database damaged")
	// ErrFull says that the file system has no room for what was to be written, be
	// it for opening the database.
	ErrFull = errors.New("memory: no room left")
	// ErrNewerSchema says that a newer program has written the database.
	ErrNewerSchema = errors.New("memory: the database is of a newer mxgate")
	// ErrTaken says that another process has begun to serve from the memory.
	ErrTaken = errors.New("memory: another process serves from it now")
	// ErrBadDecision says that a decision names no pair of different domains.
	ErrBadDecision = errors.New("memory: not a decision")
	// ErrNotFound says that there is no such decision.
	ErrNotFound = errors.New("memory: no such decision")
)

// Config says where a memory lives and for whom.
type Config struct {
	Dir       string          // directory of the database; created with mode 0700
	Own       []mail.Domain   // our domains
	Protected []mail.Domain   // partners and brands that nobody may resemble
	Groups    [][]mail.Domain // domains of one owner each, which may resemble each other
	Limits    Limits          // zero fields have their defaults
	// Beside opens for a tool that works beside the server, or while there is
	// none: nothing is loaded, Learn, Import and Forget are handed over, and
	// Recall is ErrBeside. Learn then waits where it would otherwise drop.
	Beside bool
	// Progress, if set, is told how many of total segments are loaded.
	Progress func(done, total int)
	// OnError is told of trouble that no caller can be told of: a commit that
	// failed (it is tried again). It must not call the store. nil: the default
	// slog logger, as an error.
	OnError func(error)
}

// Imported is a domain that an administrator vouches for.
type Imported struct {
	Domain      mail.Domain `json:"domain"`
	First       time.Time   `json:"first,omitzero"` // since when it is known; zero: if established, since before all others, else since the import
	Established bool        `json:"established"`
	Note        string      `json:"note,omitempty"`
}

// ImportReport says what became of an import.
type ImportReport struct {
	Domains int // taken
	Refused int // no registrable domain, our own, or beyond the limit
	// Waiting says that the server has still to take them over.
	Waiting bool
}

// Forgotten says what is to be forgotten: one of its fields is set.
type Forgotten struct {
	Domain    mail.Domain `json:"domain,omitempty"`    // all that is known of it, decisions excepted
	Recipient string      `json:"recipient,omitempty"` // a mailbox: with whom it corresponds
	All       bool        `json:"all,omitempty"`       // everything, decisions excepted
}

// Stats counts what is remembered.
type Stats struct {
	Domains     map[string]int `json:"domains"` // by state; "" was named by others only
	IDs         int            `json:"ids"`
	Threads     int            `json:"threads"`
	Edges       int            `json:"edges"`
	Names       int            `json:"names"`
	Decisions   int            `json:"decisions"`
	Since       time.Time      `json:"since,omitzero"`
	RAMOctets   int            `json:"ram_octets"`
	DiskOctets  int64          `json:"disk_octets"`
	Waiting     int            `json:"waiting"`      // requests of tools that the server has not taken yet
	Learned     uint64         `json:"learned"`      // observations since the start
	Dropped     uint64         `json:"dropped"`      // observations: the queue was full, or the disk failed for long
	Capped      uint64         `json:"capped"`       // observations cut by the limits of a day
	Evicted     uint64         `json:"evicted"`      // entries that made room for others
	CommitError string         `json:"commit_error"` // why the last commit failed, "" if it did not
}
