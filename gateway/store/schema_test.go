package store

import (
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// olderDatabase makes the database of a program that knew so many steps of the
// schema, and SQLite's own size of pages.
func olderDatabase(t *testing.T, dir string, steps int) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(filepath.Join(dir, databaseName), "_txlock=immediate"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	texts := []string{"PRAGMA page_size = 4096; PRAGMA auto_vacuum = incremental; PRAGMA journal_mode = wal"}
	names, err := fs.Glob(migrations, "schema/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names[:steps] {
		text, err := migrations.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	for _, text := range append(texts, fmt.Sprintf("PRAGMA user_version = %d", steps)) {
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// The rows of an older program are found by every filter, before and behind them
// new ones, and its file keeps its pages.
func TestAnOlderJournalIsListedAsBefore(t *testing.T) {
	dir := t.TempDir()
	old := olderDatabase(t, dir, 4)
	const rows = 3000 // many pages
	_, err := old.Exec(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
		INSERT INTO journal (id, at, client, helo, source, origin_ip, reverse_path, forward_paths, author, author_domain, message_id, size,
			disposition, reason, sentence, reply_code, enhanced, next_hop, outcome, duration, evidence, path, lifted)
		SELECT 'T' || i, ? + i, '192.0.2.1', '', 'source' || (i % 3), '', '', '["b@example.com"]', '', 'd' || (i % 5) || '.example', '', 1,
			'relay', iif(i % 7, 'clean', 'lookalike'), '', 250, '', '', 'relayed', 1, printf('%.2000c', 'x'), '', '' FROM n`, rows, nanos(noon))
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir)
	e := fullEntry(t)
	e.At = noon.Add(-time.Hour) // before the older ones
	s.Journal(e)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		f           Filter
		count       int
		first, last string
	}{
		{Filter{}, rows + 1, "T2999", "T1"},
		{Filter{Reason: "lookalike"}, rows/7 + 2, "T2996", "T1"}, // those of the older ones from 0 on, and the new one
		{Filter{Source: "source1"}, rows / 3, "T2998", "T1"},
		{Filter{AuthorDomain: "d2.example", Reason: "lookalike"}, 86, "T2982", "T7"},
		{Filter{AuthorDomain: "examp1e.com"}, 1, "T1", "T1"},
		{Filter{ID: "T1234"}, 1, "T1234", "T1234"},
		{Filter{Until: noon}, 1, "T1", "T1"},
		{Filter{Since: noon.Add(10), Until: noon.Add(20)}, 10, "T19", "T10"},
	} {
		tt.f.Limit = 2 * rows
		all, err := s.Entries(t.Context(), tt.f)
		if err != nil || len(all) != tt.count || all[0].ID != tt.first || all[len(all)-1].ID != tt.last {
			t.Errorf("%+v: %d entries, %v", tt.f, len(all), err)
			if len(all) > 0 {
				t.Errorf("from %s to %s", all[0].ID, all[len(all)-1].ID)
			}
		}
	}
	for pragma, want := range map[string]string{"page_size": "4096", "user_version": "7", "integrity_check": "ok"} {
		var got string
		if err := s.read.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %s, %v; want %s", pragma, got, err, want)
		}
	}
}

// A gateway that still runs goes on when a newer program has brought its database to
// the newest schema, and what it writes is read. Reading all rows for that could take
// minutes, in which no mail is taken: one that no check would let pass stays unseen.
func TestTheLastStepLooksAtNoRow(t *testing.T) {
	dir := t.TempDir()
	old := olderDatabase(t, dir, 5)
	const insert = `INSERT INTO journal (id, at, client, helo, source, origin_ip, reverse_path, forward_paths, author, author_domain, message_id, size,
		disposition, reason, sentence, reply_code, enhanced, next_hop, outcome, duration, evidence, path, lifted)
		VALUES (?, ?, '', '', '', '', '', '["b@example.com"]', '', '', '', 1, '', '', 'Refused were <gone@example.com>: 550 No.', 250, '', '', '', 1, '', '', '')`
	var strict string
	if err := old.QueryRow("SELECT sql FROM sqlite_schema WHERE name = 'journal'").Scan(&strict); err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{
		"PRAGMA writable_schema = ON", "UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') WHERE name = 'journal'", "PRAGMA writable_schema = RESET",
		strings.Replace(strings.Replace(insert, "?, ?", "'odd', 'no time'", 1), "gone", "odd", 1),
		"PRAGMA writable_schema = ON", "UPDATE sqlite_schema SET sql = '" + strings.ReplaceAll(strict, "'", "''") + "' WHERE name = 'journal'", "PRAGMA writable_schema = RESET",
	} {
		if _, err := old.Exec(step); err != nil {
			t.Fatal(err)
		}
	}
	running, err := old.Prepare(insert)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := running.Exec("before", nanos(noon)); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir)
	if _, err := running.Exec("after", nanos(noon)+1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.Exec("DELETE FROM journal WHERE id = 'odd'"); err != nil {
		t.Fatal(err)
	}
	e := fullEntry(t)
	e.At = noon.Add(time.Second)
	s.Journal(e)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := s.Entries(t.Context(), Filter{})
	if err != nil || len(all) != 3 || all[0].ID != "T1" || len(all[0].RefusedPaths) != 2 || all[1].ID != "after" || all[1].RefusedPaths != nil || all[2].ID != "before" || all[2].RefusedPaths != nil {
		t.Errorf("%+v, %v", all, err)
	}
	// What the sentence of an older row says is for people.
	if all, err := s.Entries(t.Context(), Filter{To: one(t, "gone@example.com")}); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	for pragma, want := range map[string]string{"writable_schema": "0", "integrity_check": "ok"} {
		var got string
		if err := s.write.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %s, %v; want %s", pragma, got, err, want)
		}
	}
}
