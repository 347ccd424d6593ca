package memory

import (
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"mxgate/gateway/disk/sqlitefile"

	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed schema/*.sql
var migrations embed.FS

// migrate brings the schema up to date; SQLite's user_version is the number of
// steps done. A step that was ever released is never edited.
func migrate(db *sql.DB) error {
	steps, err := fs.Glob(migrations, "schema/*.sql")
	if err != nil {
		return err
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	var version int
	if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > len(steps) {
		return fmt.Errorf("%w: it has schema %d, this program knows up to %d; run the newer mxgate", ErrNewerSchema, version, len(steps))
	}
	if version == len(steps) {
		return nil
	}
	if err := wantVersion(tx, version); err != nil {
		return err
	}
	for _, step := range steps[version:] {
		text, err := migrations.ReadFile(step)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(string(text)); err != nil {
			return fmt.Errorf("%s: %w", step, foreign(err))
		}
	}
	if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", len(steps))); err != nil {
		return err
	}
	return tx.Commit()
}

// querier is a database, or a transaction.
type querier interface {
	Query(query string, args ...any) (*sql.Rows, error)
}

// foreign marks an error of SQLite on one of our own statements: the tables that
// it names are others.
func foreign(err error) error {
	if sqlitefile.Code(err)&0xff == sqlite3.SQLITE_ERROR {
		return fmt.Errorf("%w: %w", errContent, err)
	}
	return err
}

// wantVersion returns errContent where the number of the schema is one that no
// program has written: there are none below 0, and at 0 there are no tables.
func wantVersion(db querier, version int) error {
	if version > 0 {
		return nil
	}
	tables, err := columns(db)
	if err == nil && (version < 0 || len(tables) > 0) {
		err = fmt.Errorf("%w: schema %d with %d tables", errContent, version, len(tables))
	}
	return err
}

// wantTables returns errContent unless db has the tables and columns that the
// steps make. They make them in RAM, to compare.
func wantTables(db querier) error {
	model, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return err
	}
	defer model.Close()      // nothing is kept
	model.SetMaxOpenConns(1) // another one would be another database
	if err := migrate(model); err != nil {
		return err
	}
	want, err := columns(model)
	if err != nil {
		return err
	}
	have, err := columns(db)
	if err != nil {
		return err
	}
	for table, w := range want {
		if h := have[table]; h != w {
			return fmt.Errorf("%w: table %s has the columns %q, expected %q", errContent, table, h, w)
		}
	}
	return nil
}

// columns lists the tables of a database, SQLite's own excepted, with their columns.
func columns(db querier) (map[string]string, error) {
	rows, err := db.Query("SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY t.name, c.cid")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return nil, err
		}
		all[table] += column + " "
	}
	return all, rows.Err()
}
