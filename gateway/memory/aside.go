package memory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// SetAside renames a damaged database and what SQLite has beside it, puts an empty
// one in its place, and returns the new path of the old one, "" if there was none.
// The key stays. Nobody may have the memory open. After ErrFull nothing is lost and
// it can be tried again.
func SetAside(dir string, now time.Time) (string, error) {
	path := filepath.Join(dir, databaseName)
	fault := func(err error) error { return (&lite{path: path}).fault("set aside", err) }
	aside := path + ".damaged-" + now.UTC().Format("20060102T150405Z")
	fresh, err := os.MkdirTemp(dir, "memory.new.")
	if err != nil {
		return "", fault(err)
	}
	defer os.RemoveAll(fresh) // it is empty then
	if err := makeEmpty(fresh); err != nil {
		return "", fmt.Errorf("memory: set aside: %w", err)
	}
	for _, suffix := range []string{"-wal", "-shm", ""} { // the database last: until then it can be done again
		if err = os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fault(err)
		}
	}
	if err != nil {
		aside = ""
	}
	if err := os.Rename(filepath.Join(fresh, databaseName), path); err != nil {
		return "", fault(err)
	}
	return aside, nil
}

// makeEmpty makes an empty database in dir that is whole without what SQLite has beside
// it. Closing would leave it in the log, and say nothing, where the disk is full.
func makeEmpty(dir string) error {
	db, err := openLite(dir, "")
	if err != nil {
		return err
	}
	_, err = db.emptyLog() // nobody reads it
	return errors.Join(err, db.close())
}

// Rescue takes over the decisions that can be read in a database that was set
// aside, and reports how many: what can be read in one transaction, so that a full
// disk is asked for little. What was learned comes again by itself; what people have
// decided does not.
//
// It can be repeated: a pair and recipient on whom anything was said since keeps
// that.
func (s *Store) Rescue(aside string) (n int, err error) {
	if aside == "" {
		return 0, errors.New("memory: rescue: there is no file to read")
	}
	old := &lite{path: aside}
	if old.sure, err = sql.Open("sqlite", dsn(aside)); err != nil {
		return 0, old.fault("rescue", err)
	}
	defer old.close() // it is damaged anyhow
	all, unread := old.decisions()
	if n, err = s.db.rescue(all); err != nil {
		return n, err
	}
	return n, errors.Join(unread, s.do(context.Background(), s.readDecisions))
}
