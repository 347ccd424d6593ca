package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"

	"mxgate/gateway/disk/sqlitefile"
	"mxgate/gateway/store/blob"

	sqlite3 "modernc.org/sqlite/lib"
)

// gateway is who stands in the history for what the program did by itself.
const gateway = "mxgate"

// Quarantine takes custody of a message: nil means that its content and its row
// are durable, and then the client may be told 250. Any error means that they
// are not and that the message is still the client's. RFC 5321, Section 6.1.
//
// h.ID must be new: 1 to 64 letters, digits and hyphens. content is read to its
// end. If ctx ends before the row is being committed, nothing is kept. h.Size
// counts against the limits of Config before anything is written; a message
// whose size is not given only needs them not to be reached.
//
// Errors: ErrFull, ErrNotWritable, ErrBadID, ErrExists, ErrCorrupt (content is
// not of h.Size or h.SHA256, when given), ErrClosed, those of content and ctx.
func (s *Store) Quarantine(ctx context.Context, h Held, content io.Reader) error {
	done, err := s.promise(ctx, h.Size)
	if err != nil {
		return fmt.Errorf("store: quarantine: %w", err)
	}
	defer done()
	sum, err := s.blobs.Put(ctx, h.ID, content, blob.Sum{Size: h.Size, SHA256: h.SHA256})
	if err != nil {
		return fmt.Errorf("store: quarantine: %w", err)
	}
	h.Size, h.SHA256 = sum.Size, sum.SHA256
	h.State, h.ChangedAt, h.ChangedBy = StateHeld, s.now(), gateway
	values, err := h.values()
	if err == nil {
		err = s.change(ctx, func(tx *sql.Tx) error {
			if _, err := tx.Exec(insertHeld, append(values, s.keptFrom())...); err != nil {
				return rowFault(h.ID, err)
			}
			return s.audit(tx, h.ID, gateway, "quarantined", h.Reason)
		})
	}
	if err == nil {
		err = s.stands()
	}
	if err != nil && !errors.Is(err, errUnsettled) {
		// Without a row it promises nothing. Should this fail, Sweep does it.
		s.blobs.Remove(h.ID)
	}
	return err
}

func rowFault(id string, err error) error {
	if sqlitefile.Code(err) == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
		return fmt.Errorf("store: quarantine %s: %w: %w", id, ErrExists, err)
	}
	return fault("quarantine "+id, err)
}

// List lists the messages of the quarantine, newest first.
func (s *Store) List(ctx context.Context, f Filter) ([]Held, error) {
	var c conditions
	switch f.State {
	case "":
	case StateHeld:
		c.add("state IN ('held', 'releasing')")
	default:
		c.addText("state", string(f.State))
	}
	c.addText("id", f.ID)
	c.addText("reason", f.Reason)
	c.addHeldFromOf(f.From)
	c.addHeldToOf(f.To)
	c.addSpan("received_at", f)
	rows, err := s.read.QueryContext(ctx, "SELECT "+heldColumns+" FROM quarantine"+c.where()+" ORDER BY received_at DESC, id LIMIT ?", append(c.args, f.limit())...)
	return collect(rows, err, scanHeld)
}

// Get returns one message, in whatever state; ErrNotFound if there is none.
func (s *Store) Get(ctx context.Context, id string) (Held, error) {
	return getHeld(s.read.QueryRowContext(ctx, selectHeld, id), id)
}

const selectHeld = "SELECT " + heldColumns + " FROM quarantine WHERE id = ?"

func getHeld(row *sql.Row, id string) (Held, error) {
	h, err := scanHeld(row)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Held{}, fmt.Errorf("store: %.80q: %w", id, ErrNotFound)
	case err != nil:
		return Held{}, fmt.Errorf("store: read %.80q: %w", id, err)
	}
	return h, nil
}

// Content opens the content of a message that is not deleted, exactly as it was
// received, at its begin. It is read once to compare size and SHA-256:
// ErrCorrupt if it is missing or differs.
func (s *Store) Content(id string) (*os.File, error) {
	h, err := s.Get(context.Background(), id)
	if err != nil {
		return nil, err
	}
	if h.State == StateDeleted {
		return nil, stateError(h)
	}
	return s.open(h)
}

func (s *Store) open(h Held) (*os.File, error) {
	return s.blobs.Open(h.ID, blob.Sum{Size: h.Size, SHA256: h.SHA256})
}
