// Package sqlitefile opens SQLite databases the way mxgate does: by a name that may
// hold any octet, in WAL mode, and by several processes at once.
package sqlitefile

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Wait is how long one process waits for another's write.
const Wait = 10 * time.Second

// again is how long until what another process hindered is tried again.
const again = 10 * time.Millisecond

// URI names the database at path for the driver "sqlite": a plain path would end at
// its first "?". Statements wait for other processes for so long: the first of the
// options, because those that follow may have to wait already.
func URI(path string, wait time.Duration, options ...string) string {
	u := url.URL{Scheme: "file", Path: path, RawQuery: fmt.Sprintf("_pragma=busy_timeout(%d)", wait.Milliseconds())}
	for _, o := range options {
		u.RawQuery += "&" + o
	}
	return u.String()
}

// SetWAL brings a new database into WAL mode, which the file remembers: a file
// system that refuses it must be known now, not after the first power cut. before is
// what must be said while the file is empty. Nothing is written to a database that
// is in WAL mode already: on a full disk that would keep everyone out.
//
// To change the mode takes the file for itself alone, and SQLite does not wait for
// that as it waits for a write (two that read and want to write would wait for each
// other): where others open the same new database, it is tried again for so long.
func SetWAL(db *sql.DB, before string, wait time.Duration) error {
	var journal string
	if err := db.QueryRow("PRAGMA journal_mode").Scan(&journal); err != nil || journal == "wal" {
		return err
	}
	if _, err := db.Exec(before); err != nil {
		return err
	}
	end := time.Now().Add(wait)
	err := db.QueryRow("PRAGMA journal_mode = wal").Scan(&journal)
	for Busy(err) && time.Now().Before(end) {
		time.Sleep(again)
		err = db.QueryRow("PRAGMA journal_mode = wal").Scan(&journal)
	}
	if err == nil && journal != "wal" {
		err = fmt.Errorf("journal mode %q, expected wal: the directory must be on a local file system that supports shared memory files", journal)
	}
	return err
}

// Code is the extended result code of an error of SQLite, 0 for other errors.
func Code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

// Busy reports whether err says that another connection has the database.
func Busy(err error) bool { return Code(err)&0xff == sqlite3.SQLITE_BUSY }
