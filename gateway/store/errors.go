package store

import (
	"errors"
	"fmt"

	"mxgate/gateway/disk/sqlitefile"
	"mxgate/gateway/store/blob"

	sqlite3 "modernc.org/sqlite/lib"
)

// The errors of content, under the names callers know.
var (
	ErrFull        = blob.ErrFull        // no room: 452 4.3.1
	ErrNotWritable = blob.ErrNotWritable // another fault of ours: 451 4.3.0
	ErrBadID       = blob.ErrBadID
	ErrExists      = blob.ErrExists
	ErrCorrupt     = blob.ErrCorrupt
)

var (
	// ErrNotFound says that there is no message with this ID.
	ErrNotFound = errors.New("no such message in the quarantine")
	// ErrState says that the message is not in a state that allows the change.
	ErrState = errors.New("the state of the message does not allow this")
	// ErrMaybe is wrapped by what Release's deliver returns where the next hop may have
	// the message all the same.
	ErrMaybe = errors.New("the next hop may have the message; ask there before it is released again")
	// ErrUncertain says that a message was delivered but could not be marked as
	// released: it may be delivered again.
	ErrUncertain = errors.New("delivered, but not recorded as released")
	// ErrNewerSchema says that a newer program has written the database.
	ErrNewerSchema = errors.New("the database is of a newer mxgate")
	// ErrEmpty says that the file of the database holds nothing.
	ErrEmpty = errors.New("the database is empty")
	// ErrClosed says that the store is closed.
	ErrClosed = errors.New("store closed")

	// errUnsettled marks a commit that failed in a way that leaves open whether
	// the row will be there after a crash. Its content must not be removed.
	errUnsettled = errors.New("commit unsettled")
)

// fault wraps the error of a write with what was done, and with ErrFull or
// ErrNotWritable. nil stays nil.
func fault(op string, err error) error {
	if sqlitefile.Code(err)&0xff == sqlite3.SQLITE_FULL && !errors.Is(err, ErrFull) {
		err = fmt.Errorf("%w: %w", ErrFull, err)
	}
	return blob.Fault(op, err)
}
