package memory

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"mxgate/gateway/disk"
	"mxgate/gateway/disk/sqlitefile"
	"mxgate/gateway/memory/digest"
	"mxgate/gateway/memory/table"

	sqlite3 "modernc.org/sqlite/lib"
)

// databaseName is the database's name in the directory.
const databaseName = "memory.db"

// takeAtOnce is how many requests are taken over in one turn.
const takeAtOnce = 8

// lite is a memory in SQLite. Learning is committed without waiting for the disk
// (synchronous=normal: a power cut may cost the last commits, never the file);
// decisions and requests have a connection of their own, which waits.
type lite struct {
	path  string
	token string // of the process that serves
	learn *sql.DB
	sure  *sql.DB

	upsert, insert, fence *sql.Stmt
	version               int64
	begun                 bool // the database says that this process serves
}

func openLite(dir, token string) (*lite, error) {
	l := &lite{path: filepath.Join(dir, databaseName), token: token}
	err := l.open(dir)
	if err != nil {
		return nil, errors.Join(l.fault("open", err), l.close())
	}
	return l, nil
}

func (l *lite) open(dir string) (err error) {
	if _, err := os.Stat(l.path); err != nil { // otherwise without a try: the disk may be full
		if err := disk.CreateEmpty(dir, l.path); err != nil {
			return err
		}
	}
	if l.sure, err = sql.Open("sqlite", dsn(l.path, "_pragma=synchronous(full)")); err != nil {
		return err
	}
	l.sure.SetMaxOpenConns(1)
	if err := sqlitefile.SetWAL(l.sure, "PRAGMA auto_vacuum = incremental", sqlitefile.Wait); err != nil {
		return err
	}
	if err := migrate(l.sure); err != nil {
		return err
	}
	if err := wantTables(l.sure); err != nil {
		return err
	}
	if l.learn, err = sql.Open("sqlite", dsn(l.path, "_pragma=synchronous(normal)", "_pragma=journal_size_limit(67108864)")); err != nil {
		return err
	}
	l.learn.SetMaxOpenConns(1)
	for to, text := range map[**sql.Stmt]string{
		&l.upsert: `INSERT INTO domain VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET first=excluded.first, second=excluded.second, last=excluded.last,
			named=excluded.named, days=excluded.days, inbound=excluded.inbound, outbound=excluded.outbound, established=excluded.established,
			answered=excluded.answered, imported=excluded.imported, shadow_of=excluded.shadow_of, proofs=excluded.proofs, note=excluded.note, told=excluded.told`,
		&l.insert: "INSERT INTO segment (kind, day, body) VALUES (?,?,?)",
		&l.fence:  "SELECT value FROM meta WHERE key = 'serving'",
	} {
		if *to, err = l.learn.Prepare(text); err != nil {
			return err
		}
	}
	return nil
}

// dsn names the database file with options.
func dsn(path string, options ...string) string { return dsnFor(sqlitefile.Wait, path, options...) }

// dsnFor is dsn for who waits otherwise.
func dsnFor(wait time.Duration, path string, options ...string) string {
	return sqlitefile.URI(path, wait, append(options, "_txlock=immediate", "_pragma=cache_size(-512)", "_pragma=secure_delete(on)")...)
}

// errContent says that what is there is not what we write.
var errContent = errors.New("it holds what mxgate does not write")

// fault says what was done, and for a damaged file and a full disk what to do.
func (l *lite) fault(op string, err error) error {
	if err == nil {
		return nil
	}
	code := sqlitefile.Code(err) & 0xff
	if errors.Is(err, errContent) || code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB {
		return fmt.Errorf("%w: %s: %s: the gateway, when it starts, sets it aside, takes over the decisions that can be read and begins empty; "+
			"no mail is lost; or restore it together with %s, its -wal and its -shm moved aside: %w",
			ErrDamaged, l.path, op, digest.KeyName, err)
	}
	if l.noRoom(err) { // without its own words in the chain: "disk I/O error" is what a broken one says, too
		return fmt.Errorf("%w: %s: %s: its file system has not the %d KiB free that it takes: remove other files from it, or give it more room (%v)",
			ErrFull, l.path, op, roomOctets>>10, err)
	}
	return fmt.Errorf("memory: %s: %s: %w", l.path, op, err)
}

// roomOctets is what a memory needs beside itself: to be opened where nobody else
// has it open (SQLite makes the 32 KiB that its processes share, and a log), and for
// an empty one in place of one that is damaged.
const roomOctets = 256 << 10

// noRoom reports whether err comes from a full disk. SQLite calls that an input or
// output error, as it does a broken one: only a try tells.
func (l *lite) noRoom(err error) bool {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return true
	}
	return unwritten(err) && disk.Full(filepath.Dir(l.path), roomOctets)
}

func (l *lite) close() error {
	var errs []error
	for _, db := range []*sql.DB{l.sure, l.learn} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

func (l *lite) begin() error {
	_, err := l.learn.Exec(takeOver, l.token)
	l.begun = err == nil
	if err == nil || unwritten(err) {
		_, err = l.changed()
	}
	return l.fault("begin to serve", err)
}

// takeOver says in the database who serves from it.
const takeOver = "INSERT OR REPLACE INTO meta VALUES ('serving', ?)"

// unwritten reports whether SQLite could not write. That the disk is full, or a
// quota used up, is an input or output error to it more often than not.
func unwritten(err error) bool {
	switch sqlitefile.Code(err) & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
		return true
	}
	return false
}

func (l *lite) changed() (bool, error) {
	var version int64
	if err := l.learn.QueryRow("PRAGMA data_version").Scan(&version); err != nil {
		return false, l.fault("look for changes", err)
	}
	changed := version != l.version
	l.version = version
	return changed, nil
}

// metaFields are the names under which meta is stored.
func (m *meta) fields() map[string]any {
	return map[string]any{"next_thread": &m.nextThread, "next_domain": &m.nextDomain, "since": &m.since, "swept": &m.Swept,
		"jumped": &m.Jumped, "last_out": &m.lastOut, "key_check": &m.keyCheck}
}

func (l *lite) readMeta() (m meta, err error) {
	fields := m.fields()
	return m, l.each("SELECT key, value FROM meta", func(rows *sql.Rows) error {
		var key, value string
		if err := rows.Scan(&key, &value); err != nil {
			return err
		}
		var err error
		switch to := fields[key].(type) {
		case *uint32:
			*to, err = parse[uint32](value, 32)
		case *uint16:
			*to, err = parse[uint16](value, 16)
		case *string:
			*to = value
		}
		return err
	})
}

func parse[T uint16 | uint32](text string, bits int) (T, error) {
	n, err := strconv.ParseUint(text, 10, bits)
	return T(n), err
}

// forgetKey drops what was noted under a key, and the check of it.
func (l *lite) forgetKey() error {
	tx, err := l.sure.Begin()
	if err != nil {
		return l.fault("forget the lost key", err)
	}
	defer tx.Rollback() // of no effect once it is committed
	for _, statement := range []string{"DELETE FROM segment", "DELETE FROM meta WHERE key = 'key_check'"} {
		if _, err := tx.Exec(statement); err != nil {
			return l.fault("forget the lost key", err)
		}
	}
	return l.fault("forget the lost key", tx.Commit())
}

func (l *lite) since() (uint16, error) {
	m, err := l.readMeta()
	return m.since, l.fault("read", err)
}

// each runs a query and hands over its rows.
func (l *lite) each(query string, do func(*sql.Rows) error, args ...any) error {
	rows, err := l.learn.Query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return fmt.Errorf("%w: %w", errContent, err)
		}
	}
	return rows.Err()
}

func (l *lite) load(to loader) error {
	m, err := l.readMeta()
	if err != nil {
		return l.fault("load", err)
	}
	if err := to.meta(m); err != nil {
		return err
	}
	if err := l.snapshot(to.domain); err != nil {
		return err
	}
	var total, done int
	if err := l.learn.QueryRow("SELECT count(*) FROM segment").Scan(&total); err != nil {
		return l.fault("load", err)
	}
	return l.fault("load", l.each("SELECT kind, day, body FROM segment ORDER BY seq", func(rows *sql.Rows) error {
		var s table.Segment
		var body sql.RawBytes
		if err := rows.Scan(&s.Kind, &s.Day, &body); err != nil {
			return err
		}
		s.Body = body
		done++
		return to.segment(s, done, total)
	}))
}

func (l *lite) snapshot(to func(*domain) error) error {
	var all []*domain // read before they are handed over: the connection is that of learning
	err := l.each("SELECT * FROM domain ORDER BY id", func(rows *sql.Rows) error {
		d := &domain{}
		var proofs string
		err := rows.Scan(&d.id, &d.name, &d.first, &d.last, &d.named, &d.days, &d.in, &d.out, &d.established, &d.answered, &d.imported, &d.shadowOf, &proofs, &d.note, &d.told, &d.second)
		if err == nil && proofs != "" {
			err = json.Unmarshal([]byte(proofs), &d.proofs)
		}
		if err == nil && (d.id == 0 || d.id > table.MaxDomain) {
			err = errors.New("number out of bounds")
		}
		if err != nil {
			return fmt.Errorf("domain %d: %w", d.id, err)
		}
		all = append(all, d)
		return nil
	})
	for _, d := range all {
		if err == nil {
			err = to(d)
		}
	}
	return l.fault("load domains", err)
}

func (l *lite) commit(b batch) error {
	tx, err := l.learn.Begin()
	if err != nil {
		return l.fault("commit", err)
	}
	defer tx.Rollback() // after Commit it does nothing
	if !l.begun {
		if _, err := tx.Exec(takeOver, l.token); err != nil {
			return l.fault("commit", err)
		}
	}
	var serving string
	if err := tx.Stmt(l.fence).QueryRow().Scan(&serving); err != nil {
		return l.fault("commit", err)
	}
	if serving != l.token {
		return ErrTaken
	}
	err = cmp.Or(l.writeDomains(tx, b), l.writeSegments(tx, b), writeMeta(tx, b.meta))
	for _, seq := range b.done {
		if err == nil {
			_, err = tx.Exec("DELETE FROM request WHERE seq = ?", seq)
		}
	}
	if err == nil {
		err = tx.Commit()
	}
	l.begun = l.begun || err == nil
	return l.fault("commit", err)
}

func (l *lite) writeDomains(tx *sql.Tx, b batch) error {
	for _, id := range b.gone {
		if _, err := tx.Exec("DELETE FROM domain WHERE id = ?", id); err != nil {
			return err
		}
	}
	upsert := tx.Stmt(l.upsert)
	for _, d := range b.domains {
		proofs := ""
		if len(d.proofs) > 0 {
			text, err := json.Marshal(d.proofs)
			if err != nil {
				return err
			}
			proofs = string(text)
		}
		if _, err := upsert.Exec(d.id, string(d.name), d.first, d.last, d.named, d.days, d.in, d.out, d.established, d.answered, d.imported, string(d.shadowOf), proofs, d.note, d.told, d.second); err != nil {
			return err
		}
	}
	return nil
}

func (l *lite) writeSegments(tx *sql.Tx, b batch) error {
	insert := tx.Stmt(l.insert)
	for _, s := range b.segments {
		if _, err := insert.Exec(s.Kind, s.Day, s.Body); err != nil {
			return err
		}
	}
	if b.upTo > 0 {
		_, err := tx.Exec("DELETE FROM segment WHERE seq <= ?", b.upTo)
		return err
	}
	return nil
}

func writeMeta(tx *sql.Tx, m *meta) error {
	if m == nil {
		return nil
	}
	for key, from := range m.fields() {
		text := ""
		switch v := from.(type) {
		case *uint32:
			text = strconv.FormatUint(uint64(*v), 10)
		case *uint16:
			text = strconv.FormatUint(uint64(*v), 10)
		case *string:
			text = *v
		}
		if _, err := tx.Exec("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, text); err != nil {
			return err
		}
	}
	return nil
}

func (l *lite) lastSegment() (seq int64, err error) {
	err = l.learn.QueryRow("SELECT coalesce(max(seq), 0) FROM segment").Scan(&seq)
	return seq, l.fault("read", err)
}

func (l *lite) expire(before map[int]uint16) error {
	for kind, day := range before {
		if _, err := l.learn.Exec("DELETE FROM segment WHERE kind = ? AND day < ?", kind, day); err != nil {
			return l.fault("expire", err)
		}
	}
	_, err := l.learn.Exec("PRAGMA incremental_vacuum")
	return l.fault("expire", err)
}

// emptyLog does not wait for who reads: learning would wait with it.
func (l *lite) emptyLog() (bool, error) {
	if _, err := l.learn.Exec("PRAGMA busy_timeout = 0"); err != nil {
		return false, l.fault("empty the log", err)
	}
	var busy bool
	var frames, copied int
	err := l.learn.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &copied)
	_, back := l.learn.Exec(fmt.Sprintf("PRAGMA busy_timeout = %d", sqlitefile.Wait.Milliseconds()))
	if sqlitefile.Busy(err) {
		busy, err = true, nil
	}
	return !busy, l.fault("empty the log", cmp.Or(err, back))
}

func (l *lite) segmentOctets() (n int64, err error) {
	err = l.learn.QueryRow("SELECT coalesce(sum(length(body)), 0) FROM segment").Scan(&n)
	return n, l.fault("measure", err)
}

func (l *lite) octets() (n int64, err error) {
	err = l.sure.QueryRow("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").Scan(&n)
	return n, l.fault("measure", err)
}

func (l *lite) requests(after int64) (all []request, err error) {
	err = l.each("SELECT seq, kind, body FROM request WHERE seq > ? ORDER BY seq LIMIT ?", func(rows *sql.Rows) error {
		var r request
		err := rows.Scan(&r.seq, &r.kind, &r.body)
		all = append(all, r)
		return err
	}, after, takeAtOnce)
	return all, l.fault("read requests", err)
}

func (l *lite) ask(requests ...request) error {
	tx, err := l.sure.Begin()
	if err != nil {
		return l.fault("ask", err)
	}
	defer tx.Rollback() // after Commit it does nothing
	for _, r := range requests {
		if _, err := tx.Exec("INSERT INTO request (kind, body) VALUES (?, ?)", r.kind, r.body); err != nil {
			return l.fault("ask", err)
		}
	}
	return l.fault("ask", tx.Commit())
}

func (l *lite) waiting() (n int, err error) {
	err = l.sure.QueryRow("SELECT count(*) FROM request").Scan(&n)
	return n, l.fault("read", err)
}
