package store

import (
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
)

// migrations holds the steps of the schema; the file names sort in the order in
// which they are applied. A step that was ever released is never edited.
//
//go:embed schema/*.sql
var migrations embed.FS

// migrate brings the database to the newest schema this program knows, and reports
// whether there was none before. The number of applied steps is SQLite's
// user_version. A database of a newer program is ErrNewerSchema: old code must not
// write to it.
func migrate(db *sql.DB) (fresh bool, err error) {
	steps, err := fs.Glob(migrations, "schema/*.sql")
	if err != nil {
		return false, fmt.Errorf("store: migrations: %w", err)
	}
	version, err := schemaVersion(db, len(steps))
	if err != nil || version == len(steps) {
		return false, err
	}
	return version == 0, apply(db, steps)
}

// apply does the steps that were not done yet, at once.
func apply(db *sql.DB, steps []string) error {
	tx, err := db.Begin()
	if err != nil {
		return fault("migrate", err)
	}
	defer tx.Rollback() // after Commit it does nothing
	// Read again under the write lock: another process may have been faster.
	version, err := schemaVersion(tx, len(steps))
	if err != nil {
		return err
	}
	for _, step := range steps[version:] {
		text, err := migrations.ReadFile(step)
		if err != nil {
			return fmt.Errorf("store: migrations: %w", err)
		}
		if _, err := tx.Exec(string(text)); err != nil {
			return fault("migrate: "+step, err)
		}
	}
	if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", len(steps))); err != nil {
		return fault("migrate", err)
	}
	if err := tx.Commit(); err != nil {
		return fault("migrate", err)
	}
	return nil
}

// schemaVersion reads how many steps the database has had.
func schemaVersion(q interface {
	QueryRow(string, ...any) *sql.Row
}, known int) (int, error) {
	var version int
	if err := q.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return 0, fault("read schema version", err)
	}
	if version < 0 || version > known {
		return 0, fmt.Errorf("%w: it has schema %d, this program knows up to %d; run the newer mxgate, or restore the data directory from before its upgrade",
			ErrNewerSchema, version, known)
	}
	return version, nil
}
