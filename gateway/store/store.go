package store

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"mxgate/gateway/disk"
	"mxgate/gateway/disk/sqlitefile"
	"mxgate/gateway/store/blob"
)

// databaseName is the database's name in the data directory.
const databaseName = "mxgate.db"

// readers is how many reads may run at once.
const readers = 4

// Config says where a store lives.
type Config struct {
	Dir string // the data directory
	// MaxOctets is how much content the quarantine may keep in all, that of
	// released messages included; beyond it Quarantine fails. 0: no limit.
	MaxOctets int64
	// MinFreeOctets is what Quarantine leaves free on the file system, so that
	// other mail goes on. 0: 256 MiB, or 5 % of it where that is less; negative:
	// nothing.
	MinFreeOctets int64
	// OnError is told of trouble that no caller can be told of: a journal commit
	// that failed (it is kept and tried again), an entry given after Close. It
	// must not call the store. Of a journal that stays so it is told once a
	// minute. nil: the default slog logger, as an error.
	OnError func(error)
	// OnMended is told when a journal that OnError was told of is written again,
	// and since when it was not. It must not call the store. nil: the default slog
	// logger.
	OnMended func(failedSince time.Time)
}

// Store is an open data directory. It is safe for concurrent use.
type Store struct {
	dir      string
	blobs    *blob.Dir
	now      func() time.Time
	onError  func(error)
	onMended func(time.Time)
	commit   func(*sql.Tx) error

	write      *sql.DB   // one connection, used by the writer goroutine alone
	insertOne  *sql.Stmt // journal entry, on it
	insertMany *sql.Stmt // manyRows of them
	read       *sql.DB

	file    os.FileInfo // of the database, to know it again
	room    room
	trouble atomic.Pointer[failure] // nil: none; of the writer goroutine, for all to read
	slow    atomic.Bool             // somebody waited for the journal in vain, and it is still Behind
	swept   atomic.Uint32           // the last day that believe believed

	fresh      bool        // the database was made by this Open
	reserveBad atomic.Bool // OnError was told that there can be no reserve

	queue
}

// Exists reports whether a store was ever opened in dir. ErrEmpty: there is a
// database in which nothing ever was.
func Exists(dir string) (bool, error) {
	info, err := os.Stat(filepath.Join(dir, databaseName))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	case err == nil && info.Mode().IsRegular() && info.Size() == 0:
		return false, fmt.Errorf("%w: %s", ErrEmpty, filepath.Join(dir, databaseName))
	}
	return true, nil
}

// Open opens the data directory dir, creating what is missing in it. Errors name
// the directory, what was expected and what to do.
func Open(dir string) (*Store, error) { return Config{Dir: dir}.Open() }

// Open opens the data directory.
func (c Config) Open() (*Store, error) { return c.open(nil, (*sql.Tx).Commit) }

// open is Open with the two steps that tests let fail.
func (c Config) open(disk blob.Disk, commit func(*sql.Tx) error) (*Store, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("store: data_dir %q: %w", c.Dir, err)
	}
	blobs, err := layOut(dir, disk)
	if err != nil {
		return nil, fault("data_dir "+dir, fmt.Errorf("%s, or name another data_dir: %w", layOutAdvice(dir, err), err))
	}
	s := &Store{dir: dir, blobs: blobs, now: time.Now, onError: c.OnError, onMended: c.OnMended, commit: commit, room: c.newRoom(dir), queue: newQueue()}
	if s.onError == nil {
		s.onError = func(err error) { slog.Error("store", "err", err) }
	}
	if s.onMended == nil {
		s.onMended = func(since time.Time) { slog.Info("store: the journal is written again", "failed_since", since) }
	}
	if err := s.openDatabase(); err != nil {
		return nil, errors.Join(err, s.closeDatabase())
	}
	if s.file, err = os.Stat(filepath.Join(dir, databaseName)); err != nil {
		return nil, errors.Join(fault("open", err), s.closeDatabase())
	}
	s.KeepReserve()
	s.writer.Go(s.serve) // ends when Close has closed s.last
	return s, nil
}

// stands reports whether the database is still the file that its path names. What
// is committed to one that was removed or replaced is gone with this process.
func (s *Store) stands() error {
	now, err := os.Stat(filepath.Join(s.dir, databaseName))
	if err == nil && !os.SameFile(s.file, now) {
		err = errors.New("it was replaced")
	}
	if err != nil {
		return fmt.Errorf("store: %w: the database was taken away while in use, restore it and restart: %w", ErrNotWritable, err)
	}
	return nil
}

// openDatabase opens the database, on a full disk with room of the reserve: whoever
// cannot open it can delete nothing. Without even that it is an error: nobody could
// see what is held, and no journal would tell what came.
func (s *Store) openDatabase() error {
	err := s.connect()
	for s.noRoomToOpen(err) && s.SpendReserve() {
		if err = s.closeDatabase(); err == nil {
			err = s.connect()
		}
	}
	if s.noRoomToOpen(err) {
		// SQLite's "disk I/O error" alone would send people to look for a broken disk.
		return fmt.Errorf("store: %w: the file system of %s has not the %d KiB free that it takes to open the database: remove other files from it, or give it more room (%v)", ErrFull, s.dir, openOctets>>10, err)
	}
	return err
}

// connect opens the two handles and brings the schema up to date.
func (s *Store) connect() error {
	path := filepath.Join(s.dir, databaseName)
	var err error
	if s.write, err = sql.Open("sqlite", dsn(path, "_txlock=immediate", "_pragma=synchronous(full)", "_pragma=foreign_keys(on)", "_pragma=journal_size_limit(67108864)")); err != nil {
		return fmt.Errorf("store: open %s: %w", path, err)
	}
	s.write.SetMaxOpenConns(1)
	if err = prepare(s.write); err == nil {
		s.fresh, err = migrate(s.write)
	}
	if err != nil {
		return fmt.Errorf("store: database %s: %w", path, err)
	}
	if s.insertOne, err = s.write.Prepare(insertRows(1)); err != nil {
		return fault("open "+path, err)
	}
	if s.insertMany, err = s.write.Prepare(insertRows(manyRows)); err != nil {
		return fault("open "+path, err)
	}
	if s.read, err = sql.Open("sqlite", dsn(path, "_pragma=query_only(on)")); err != nil {
		return fmt.Errorf("store: open %s: %w", path, err)
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	var swept uint32
	if err := s.read.QueryRow("SELECT swept FROM days").Scan(&swept); err != nil {
		return fault("open "+path, err)
	}
	s.swept.Store(swept)
	return nil
}

// prepare brings a new database into WAL mode, and checks what custody rests on.
func prepare(db *sql.DB) error {
	err := sqlitefile.SetWAL(db, fmt.Sprintf("PRAGMA page_size = %d; PRAGMA auto_vacuum = incremental", pageOctets), sqlitefile.Wait)
	var synchronous int
	if err == nil {
		err = db.QueryRow("PRAGMA synchronous").Scan(&synchronous)
	}
	if err == nil && synchronous != 2 {
		err = fmt.Errorf("synchronous is %d, expected 2 (full)", synchronous)
	}
	return fault("open", err)
}

// pageOctets is the size of a new database's pages. A row of the journal has 2 to 3
// KB: a page of the default 4096 octets takes one and stays half empty, one of 16384
// makes each commit of a quarantined message, of seven pages, slower.
const pageOctets = 8192

// cacheKiB is what a connection holds of the database beside the system's own
// cache of the file. The default of 2 MiB fills with pages of the journal that are
// written once and never read again.
const cacheKiB = 256

// dsn names the database file with options.
func dsn(path string, options ...string) string {
	return sqlitefile.URI(path, sqlitefile.Wait, append(options, fmt.Sprintf("_pragma=cache_size(-%d)", cacheKiB))...)
}

// layOut creates what is missing in dir, and checks that it can be written to.
func layOut(dir string, files blob.Disk) (*blob.Dir, error) {
	blobs, err := blob.New(dir, files)
	if err != nil {
		return nil, err
	}
	spool := filepath.Join(dir, "spool")
	if err := os.MkdirAll(spool, 0o700); err != nil {
		return nil, err
	}
	db := filepath.Join(dir, databaseName)
	err = disk.CreateEmpty(spool, db) // or SQLite would open one that is read-only
	if _, exists := os.Stat(db); exists == nil && errors.Is(err, syscall.ENOSPC) {
		err = nil // no reason not to open: with the reserve, messages can still be deleted
	}
	if err != nil {
		return nil, err
	}
	return blobs, nil
}

// layOutAdvice says what to do about an error of layOut.
func layOutAdvice(dir string, err error) string {
	if owner, ok := disk.Denied(dir, err); ok {
		return owner.Cures()
	}
	if errors.Is(fault("", err), ErrFull) {
		return "expected room for a new database: make room on its file system"
	}
	return fmt.Sprintf("expected a directory in which the user running mxgate (uid %d) may create files: create it or correct owner and mode (mode 0700)", os.Getuid())
}

// SpoolDir is the directory for gateway/wire, in the same file system.
func (s *Store) SpoolDir() string { return filepath.Join(s.dir, "spool") }

// Close commits what is waiting, on a full disk with half of the reserve, and closes
// the database, whose room the reserve takes back. Its error says how many journal
// entries could not be written. Calls that come later get ErrClosed.
func (s *Store) Close() error {
	err := ErrClosed
	s.closeOnce.Do(func() {
		close(s.closing)
		s.senders.Lock() // waits until no one is between the check and the send
		close(s.last)
		s.senders.Unlock()
		s.writer.Wait()
		err = errors.Join(s.lastErr, s.closeDatabase())
		s.takeBack()
	})
	return err
}

func (s *Store) closeDatabase() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} { // write last: it checkpoints
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
