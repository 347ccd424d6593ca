package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"mxgate/policy/mail"
)

// State is where a quarantined message stands.
type State string

// The states of a quarantined message. Releasing is held still: a release has
// claimed it and has not come back with the next hop's answer.
const (
	StateHeld      State = "held"
	StateReleasing State = "releasing"
	StateReleased  State = "released"
	StateDeleted   State = "deleted"
)

// Held is a quarantined message: everything but its content.
//
// Size, SHA256 (lower-case hex), State, ChangedAt and ChangedBy are set by the
// store. A Size or SHA256 given to Quarantine is checked against the content.
type Held struct {
	ID         string // of the transaction: 1 to 64 letters, digits, hyphens
	ReceivedAt time.Time
	Client     netip.Addr
	Helo       string
	Source     string
	Envelope   mail.Envelope
	Size       int64
	SHA256     string
	Reason     string
	Sentence   string
	MessageID  string
	Author     string
	Subject    string
	Evidence   []byte // JSON
	NextHop    string
	Trace      string // our Received field, prepended at release
	State      State
	ChangedAt  time.Time
	ChangedBy  string
	Settled    []int // of Envelope.ForwardPaths: who has it from a release, or was refused for good
}

// maxTextOctets bounds each text that came from outside, so that one header
// field cannot fill the database. RFC 5322 allows a line 998.
const maxTextOctets = 2048

// clip bounds a text and makes it valid UTF-8, without splitting a character.
func clip(s string) string {
	if len(s) > maxTextOctets {
		s = s[:maxTextOctets]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// nanos and fromNanos are how times are stored; 0 is the zero Time.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// addrText and parseAddr are how addresses are stored; "" is the zero Addr.
func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func parseAddr(s string) netip.Addr {
	a, _ := netip.ParseAddr(s) // "" and a text we did not write are the zero Addr
	return a
}

const heldColumns = "id, received_at, client, helo, source, envelope, size, sha256, reason, sentence, message_id, author, subject, evidence, next_hop, trace, state, changed_at, changed_by, settled"

const insertHeld = "INSERT INTO quarantine (" + heldColumns + ", kept_from) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)"

// values are the columns of h in the order of heldColumns, but for the last: nobody
// has it yet.
func (h *Held) values() ([]any, error) {
	envelope, err := json.Marshal(h.Envelope)
	if err != nil {
		return nil, fmt.Errorf("store: envelope of %s: %w", h.ID, err)
	}
	return []any{
		h.ID, nanos(h.ReceivedAt), addrText(h.Client), clip(h.Helo), h.Source, string(envelope), h.Size, h.SHA256,
		h.Reason, clip(h.Sentence), clip(h.MessageID), clip(h.Author), clip(h.Subject), string(h.Evidence), h.NextHop,
		h.Trace, string(h.State), nanos(h.ChangedAt), h.ChangedBy,
	}, nil
}

// scanHeld reads one row of heldColumns.
func scanHeld(row interface{ Scan(...any) error }) (Held, error) {
	var h Held
	var client, envelope, evidence string
	var settled sql.NullString
	var receivedAt, changedAt int64
	err := row.Scan(&h.ID, &receivedAt, &client, &h.Helo, &h.Source, &envelope, &h.Size, &h.SHA256,
		&h.Reason, &h.Sentence, &h.MessageID, &h.Author, &h.Subject, &evidence, &h.NextHop,
		&h.Trace, &h.State, &changedAt, &h.ChangedBy, &settled)
	if err != nil {
		return Held{}, err
	}
	if err := json.Unmarshal([]byte(envelope), &h.Envelope); err != nil {
		return Held{}, fmt.Errorf("%w: envelope of %s: %w", ErrCorrupt, h.ID, err)
	}
	if settled.Valid {
		if err := json.Unmarshal([]byte(settled.String), &h.Settled); err != nil {
			return Held{}, fmt.Errorf("%w: recipients of %s: %w", ErrCorrupt, h.ID, err)
		}
	}
	h.ReceivedAt, h.ChangedAt, h.Client = fromNanos(receivedAt), fromNanos(changedAt), parseAddr(client)
	if evidence != "" {
		h.Evidence = []byte(evidence)
	}
	return h, nil
}

// collect reads all rows of a query with scan.
func collect[T any](rows *sql.Rows, err error, scan func(interface{ Scan(...any) error }) (T, error)) ([]T, error) {
	if err != nil {
		return nil, fmt.Errorf("store: read: %w", err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("store: read: %w", err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: read: %w", err)
	}
	return all, nil
}
