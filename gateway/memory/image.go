package memory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"mxgate/gateway/calendar"
	"mxgate/gateway/memory/digest"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/memo"
)

var (
	// ErrNone says that there is no memory in the directory yet.
	ErrNone = errors.New("memory: none yet")
	// ErrOlderSchema says that no server of this program has opened the database.
	ErrOlderSchema = errors.New("memory: the database is of an older mxgate")
)

var _ policy.Memory = (*Image)(nil)

// Image is a memory as the database holds it at one moment, for a tool that judges
// messages beside the server, or while there is none. It answers as a server would
// that begins then: what that learned in the second before may not be in it.
//
// It is RAM alone and never learns. Nothing is written to make one, no key, no
// directory, no newer schema. SQLite alone keeps its account of who reads.
type Image struct {
	store *Store
	at    time.Time
}

// imageTries bounds how often an Image is begun anew, as a server has started.
const imageTries = 3

// OpenImage reads the memory of a directory as it is now. Config.Beside does not
// matter. ErrNone, ErrOlderSchema, ErrNewerSchema, ErrDamaged and the text on a
// key that is missing or another one say what to do.
func OpenImage(c Config, now time.Time) (*Image, error) {
	if c.OnError == nil {
		c.OnError = func(err error) { slog.Error("memory", "err", err) }
	}
	dir, err := filepath.Abs(c.Dir) // a URI names the database
	if err != nil {
		return nil, fmt.Errorf("memory: directory: %w", err)
	}
	c.Dir = dir
	for try := 1; ; try++ {
		s, err := readImage(c)
		switch {
		case err == nil:
			return &Image{s, now}, nil
		case !errors.Is(err, errStarted) || try == imageTries:
			return nil, err
		}
	}
}

// errStarted says that somebody began to write what was read as nobody's.
var errStarted = errors.New("memory: a gateway has just started on it; try again")

// readImage reads it once.
//
// Whoever has the database open has a log beside it. Where there is none the file
// is read as one that does not change: SQLite would make a log to look into.
func readImage(c Config) (*Store, error) {
	path := filepath.Join(c.Dir, databaseName)
	defer using(c.Dir, false)()
	found, err := lookAt(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w in %s: the gateway makes one when it starts", ErrNone, c.Dir)
	case err != nil:
		return nil, fmt.Errorf("memory: %w", err)
	}
	key, err := presentKey(c.Dir)
	if err != nil {
		return nil, err
	}
	mode := "mode=ro"
	if !found.log {
		mode = "immutable=1"
	}
	db, err := sql.Open("sqlite", dsn(path, mode))
	if err != nil {
		return nil, err
	}
	defer db.Close() // nothing was written
	db.SetMaxOpenConns(1)
	s := &Store{
		config: c, digester: digest.New(key, c.Own), db: &lite{path: path, learn: db, sure: db}, onError: c.OnError, limits: c.Limits.withDefaults(),
		near: memo.New[nearKey, []lookalike.Match](nearOctets, nearKey.own),
	}
	err = s.fill(db)
	if after, _ := lookAt(path); !found.log && after != found { // whatever err is: it may be of that
		return nil, errStarted
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// look is what a database file shows from outside.
type look struct {
	size    int64
	written time.Time
	log     bool
}

func lookAt(path string) (look, error) {
	info, err := os.Stat(path)
	if err != nil {
		return look{}, err
	}
	_, err = os.Stat(path + "-wal")
	return look{info.Size(), info.ModTime(), !errors.Is(err, fs.ErrNotExist)}, nil
}

// presentKey reads the site key, and makes none.
func presentKey(dir string) ([]byte, error) {
	key, err := digest.ReadKey(dir)
	if err == nil && key == nil {
		err = errKeyMissing(dir)
	}
	return key, err
}

// fill loads all as a server does that starts, from one moment of the database.
func (s *Store) fill(db *sql.DB) error {
	l := s.db.(*lite)
	if _, err := db.Exec("BEGIN"); err != nil { // it ends with the connection, which is the only one
		return l.fault("open to read", err)
	}
	if err := l.wantSchema(); err != nil {
		return err
	}
	if err := s.load(s.config); err != nil {
		return err
	}
	if err := s.readDecisions(); err != nil {
		return err
	}
	s.desk.evict() // what had made room for others is still in the segments
	return nil
}

// wantSchema returns an error unless the schema is the one of this program.
func (l *lite) wantSchema() error {
	steps, err := fs.Glob(migrations, "schema/*.sql")
	if err != nil {
		return err
	}
	var version int
	if err := l.learn.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return l.fault("open to read", err)
	}
	if err := wantVersion(l.learn, version); err != nil {
		return l.fault("open to read", err)
	}
	switch {
	case version == 0:
		return fmt.Errorf("%w: %s is empty: the gateway begins one when it starts", ErrNone, l.path)
	case version > len(steps):
		return fmt.Errorf("%w: %s has schema %d, this program knows up to %d; run the newer mxgate", ErrNewerSchema, l.path, version, len(steps))
	case version < len(steps):
		return fmt.Errorf("%w: %s has schema %d, this program reads %d; start the gateway with this program, which brings it up to date", ErrOlderSchema, l.path, version, len(steps))
	}
	return l.fault("open to read", wantTables(l.learn))
}

// Recall answers as of now, whenever the message came: what an administrator has
// decided since is in force, and what has expired is not.
func (i *Image) Recall(ctx context.Context, q policy.Question) (policy.Recollection, error) {
	q.At = i.at
	return i.store.Recall(ctx, q)
}

// At is the moment of the Image.
func (i *Image) At() time.Time { return i.at }

// Since is the day of the first mail that is remembered, zero if there is none.
func (i *Image) Since() time.Time { return calendar.TimeOf(i.store.ram.since) }

// Knows reports whether mail with this id has taught the memory, or was cited by
// mail that did. id has no angle brackets.
func (i *Image) Knows(id string) bool {
	if id == "" {
		return false
	}
	_, ok := i.store.ram.IDs.Get(i.store.digester.ID(id))
	return ok
}
