package memory

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mxgate/gateway/disk"
)

// Names in the directory of a memory, of what is about one that was set aside: the
// database, with the time; the empty file beside it that says that decisions are still
// to be had of it; and the directory of what takes its place, with the time.
const (
	asidePrefix  = databaseName + ".damaged-"
	unreadSuffix = ".unread"
	freshPrefix  = "memory.new."
	asideTime    = "20060102T150405Z"
)

// usersName is the file that tools hold while they have the database open, together.
// Who moves the database aside holds it alone, for SQLite opens a log by its name: a
// tool that was just about to do so would write into that of another database. The
// file is moved aside, too. As long as a tool holds it there, that tool may still
// write to what was set aside.
const (
	usersName   = "memory.users"
	usersSuffix = "-users"
)

// SetAside renames a damaged database and what SQLite has beside it, puts an empty
// one in its place, and returns the new path of the old one, "" if there was none.
// Unread lists it until Rescue has done with it. The key stays. It waits for tools that
// have the memory open, for some seconds.
//
// Whatever ends it, nothing is lost, and the next one goes on where it was: until all
// is done Open finds the damaged database, or none where one must be.
func SetAside(dir string, now time.Time) (string, error) {
	end, _ := alone(filepath.Join(dir, usersName), usersWait)
	defer end()
	path := filepath.Join(dir, databaseName)
	fault := func(err error) error { return (&lite{path: path}).fault("set aside", err) }
	at, err := timeAside(dir, now)
	if err != nil {
		return "", fault(err)
	}
	aside, fresh := filepath.Join(dir, asidePrefix+at), filepath.Join(dir, freshPrefix+at)
	if err = makeEmpty(fresh); err != nil {
		err = fmt.Errorf("memory: set aside: %w", err)
	} else if err = moveAside(path, aside, fresh); err != nil {
		err = fault(err)
	}
	if err != nil {
		if !exists(aside) { // else the next one goes on
			err = errors.Join(err, unmark(aside), os.RemoveAll(fresh))
		}
		return "", err
	}
	if err := os.Rename(filepath.Join(fresh, databaseName), path); err != nil {
		return "", fault(err)
	}
	_ = os.RemoveAll(fresh) // otherwise the next one does it
	if !exists(aside) {
		return "", nil
	}
	// Last: who comes until then waits for us, and then for the file of the new one.
	if err := os.Rename(filepath.Join(dir, usersName), aside+usersSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fault(err)
	}
	return aside, nil
}

// moveAside marks a database, and moves it with what SQLite has beside it. The mark is
// first: a file without one is one that nobody has to read. The log is last: a
// database without it may look whole.
func moveAside(path, aside, fresh string) error {
	if exists(path) {
		if err := disk.CreateEmpty(fresh, aside+unreadSuffix); err != nil {
			return err
		}
		if err := os.Rename(path, aside); err != nil {
			return err
		}
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// timeAside is the time in the names of a SetAside that was ended before it was done,
// or now for a new one; but later than all others, as the newest is read first.
func timeAside(dir string, now time.Time) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if at, ok := strings.CutPrefix(e.Name(), asidePrefix); ok {
			if t, err := time.Parse(asideTime, at[:min(len(at), len(asideTime))]); err == nil && !now.Truncate(time.Second).After(t) {
				now = t.Add(time.Second)
			}
		}
		at, ok := strings.CutPrefix(e.Name(), freshPrefix)
		if !ok {
			continue
		}
		_, err := time.Parse(asideTime, at)
		if err == nil && !(exists(filepath.Join(dir, asidePrefix+at)) && exists(filepath.Join(dir, databaseName))) {
			return at, nil
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil { // its database is in place
			return "", err
		}
	}
	return now.UTC().Format(asideTime), nil
}

// makeEmpty makes a directory with an empty database in it, which is whole without
// what SQLite has beside it. Closing would leave it in the log, and say nothing, where
// the disk is full. The directory may be there, with anything in it, and stays.
func makeEmpty(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return (&lite{path: dir}).fault("make", err)
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	if err != nil {
		return err
	}
	db, err := openLite(dir, "")
	if err != nil {
		return err
	}
	_, err = db.emptyLog() // nobody reads it
	return errors.Join(err, db.close())
}

// exists reports whether there is a file, or may be one.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// unmark says that no more decisions are to be had of a memory that was set aside.
func unmark(aside string) error {
	for _, suffix := range []string{unreadSuffix, usersSuffix} {
		if err := os.Remove(aside + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Unread lists the databases that were set aside in a directory and are still to be
// rescued, the newest first: what was said last holds.
func Unread(dir string) (asides []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		name, marked := strings.CutSuffix(e.Name(), unreadSuffix)
		if marked && strings.HasPrefix(name, asidePrefix) {
			asides = append([]string{filepath.Join(dir, name)}, asides...)
		}
	}
	return asides, err
}
