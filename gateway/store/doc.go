// Package store keeps what the gateway must not forget: quarantined messages,
// one journal row per transaction, and counts of strangers who tried to connect.
//
// Quarantine returning nil is custody: the content is on disk (file fsynced,
// renamed into place, directories fsynced) and its row is committed with a
// synchronous commit, in that order. This is condition (b) of the final 250; any
// error means that the client still owns the message. RFC 5321, Section 6.1.
// The order also means that a crash leaves content without a row, never a row
// without content. Sweep removes such orphans: nothing was promised for them.
//
// Layout under the data directory:
//
//	mxgate.db        SQLite in WAL mode, with mxgate.db-wal and mxgate.db-shm
//	blobs/ab/ID.eml  content exactly as received; ab spreads the IDs
//	tmp/ID.eml       content being written; the same file system as blobs/
//	reserve          1 MiB, spent in parts when the disk is full, so that this can be
//	                 opened, messages can be deleted, and the journal closed
//	spool/           for gateway/wire, which cleans it
//
// Several processes may open one data directory: the server, and the quarantine
// commands beside it. SQLite's locks keep them apart; Release and Delete are
// exclusive across processes.
//
// Quarantine has limits, so that a flood of it does not stop the mail that is to
// be relayed: content in all, and room left free on the file system.
//
// All changes go through one goroutine that commits them in groups, so that
// callers who wait at the same time share one fsync. The journal rides along.
//
// The package decides nothing about mail, and never sends, alters or judges it.
package store
