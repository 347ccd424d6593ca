package sqlitefile

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const before = "PRAGMA auto_vacuum = incremental"

// open opens the database that uri names for one connection.
func open(t *testing.T, uri string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	return db
}

// TestSetWALWaits holds a new database as a second process does that just makes it:
// as its reader, as its writer, and between the two.
func TestSetWALWaits(t *testing.T) {
	for _, hold := range []string{"BEGIN; SELECT count(*) FROM sqlite_schema", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"} {
		t.Run(hold, func(t *testing.T) {
			uri := URI(filepath.Join(t.TempDir(), "new.db"), Wait)
			first := open(t, uri)
			if _, err := first.Exec(hold); err != nil {
				t.Fatal(err)
			}
			second := open(t, uri)
			done := make(chan error, 1)
			// What is said before would write, and wait there already.
			go func() { done <- SetWAL(second, "SELECT 1", Wait) }()
			select {
			case err := <-done:
				t.Fatalf("SetWAL did not wait: %v", err)
			case <-time.After(200 * time.Millisecond):
			}
			if _, err := first.Exec("COMMIT"); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			var mode string
			if err := open(t, uri).QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
				t.Errorf("journal mode %q, %v", mode, err)
			}
		})
	}
}

func TestSetWALDoesNotWaitForEver(t *testing.T) {
	const wait = 30 * time.Millisecond
	uri := URI(filepath.Join(t.TempDir(), "new.db"), wait)
	first := open(t, uri)
	if _, err := first.Exec("BEGIN; SELECT count(*) FROM sqlite_schema"); err != nil {
		t.Fatal(err)
	}
	if err := SetWAL(open(t, uri), before, wait); !Busy(err) {
		t.Errorf("%v; want busy", err)
	}
}

func TestManyMayMakeOneDatabaseAtOnce(t *testing.T) {
	for range 20 {
		uri := URI(filepath.Join(t.TempDir(), "a ? # %41"), Wait)
		var wg sync.WaitGroup
		for i := range 8 {
			db := open(t, uri)
			wg.Go(func() {
				if err := SetWAL(db, before, Wait); err != nil {
					t.Error(err)
				}
				if _, err := db.Exec(fmt.Sprint("CREATE TABLE t", i, " (a)")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

func TestADatabaseInWALModeIsNotWrittenTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	if err := SetWAL(open(t, URI(path, Wait)), before, Wait); err != nil {
		t.Fatal(err)
	}
	var vacuum int
	if err := open(t, URI(path, Wait)).QueryRow("PRAGMA auto_vacuum").Scan(&vacuum); err != nil || vacuum != 2 {
		t.Errorf("auto_vacuum is %d, %v: what is said before has no effect", vacuum, err)
	}
	if err := SetWAL(open(t, URI(path, Wait, "_pragma=query_only(on)")), "CREATE TABLE written (a)", Wait); err != nil {
		t.Error(err)
	}
}

func TestWhatKnowsNoWALIsRefused(t *testing.T) {
	err := SetWAL(open(t, ":memory:"), before, Wait)
	if err == nil || !strings.Contains(err.Error(), "local file system") {
		t.Errorf("%v", err)
	}
}
