package memory

import (
	"cmp"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"mxgate/gateway/calendar"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// Act is what was done to a decision.
type Act string

// The acts. Expired are allowances that no message was about for
// Limits.DecisionDays. A block is for ever: who waits long enough must not be let in.
const (
	Allowed Act = "allowed"
	Blocked Act = "blocked"
	Revoked Act = "revoked"
	Expired Act = "expired"
)

// Change is one thing that was done to a decision, and by whom; Who is "" for what
// nobody did, and for what a tool did that does not say.
type Change struct {
	At        time.Time   `json:"at"`
	Act       Act         `json:"act"`
	Who       string      `json:"who,omitempty"`
	Why       string      `json:"why,omitempty"`
	Sender    mail.Domain `json:"sender"`
	Target    mail.Domain `json:"target"`
	Recipient string      `json:"recipient,omitempty"`
}

// maxChanges is how many Changes are kept, the newest.
const maxChanges = 100_000

// decision is a Decision with the day on which a message was last about it. To
// tell costs no write but one in refreshAfter days: Recall notes the day in the
// ram, and Sweep writes it. A day that is lost with the process is seen again, or
// did not matter for long.
type decision struct {
	policy.Decision
	written uint16        // day, as the database has it
	seen    atomic.Uint32 // day, if it is later
}

// mattered notes that a message of a day was about it. Safe for concurrent use.
func (d *decision) mattered(day uint16) {
	if d.seen.Load() < uint32(day) {
		d.seen.Store(uint32(day))
	}
}

// last is the last day on which it mattered, that on which it was made being one.
func (d *decision) last() uint16 {
	return max(uint16(d.seen.Load()), d.written, calendar.DayOf(d.At))
}

// age ends the allowances that have not mattered for long, and writes when others
// did.
func (k *desk) age(today uint16) error {
	oldest := before(today, k.limits.DecisionDays)
	var mattered []*decision
	var ended []Change
	for _, list := range k.decisions {
		for _, d := range list {
			d.seen.Store(uint32(min(uint16(d.seen.Load()), today))) // the clock may have been ahead
			switch last := d.last(); {
			case d.Allow && last < oldest:
				ended = append(ended, Change{At: calendar.TimeOf(today), Act: Expired, Why: "no mail for long", Sender: d.Sender, Target: d.Target, Recipient: d.Recipient})
			case last >= max(d.written, calendar.DayOf(d.At))+refreshAfter:
				mattered = append(mattered, d)
			}
		}
	}
	if len(mattered)+len(ended) == 0 {
		return nil
	}
	if err := k.s.db.age(mattered, ended); err != nil {
		return err
	}
	return k.s.readDecisions()
}

func (l *lite) decide(d policy.Decision) error {
	return l.surely("decide", func(tx *sql.Tx) error { return put(tx, d, 0) })
}

// put writes a decision that mattered on a day, and notes it.
func put(tx *sql.Tx, d policy.Decision, used uint16) error {
	if _, err := tx.Exec("INSERT OR REPLACE INTO decision VALUES (?,?,?,?,?,?,?,?,?)",
		string(d.Sender), string(d.Target), d.Recipient, d.Allow, d.Who, d.Why, nanos(d.At), nanos(d.Expires), used); err != nil {
		return err // not noted: on a full disk SQLite has ended the transaction, and would write the note without it
	}
	return note(tx, Change{d.At, actOf(d), d.Who, d.Why, d.Sender, d.Target, d.Recipient})
}

func actOf(d policy.Decision) Act {
	if d.Allow {
		return Allowed
	}
	return Blocked
}

// revoke notes the Change where there is no decision, too, if one may come.
func (l *lite) revoke(c Change) error {
	noted := false
	err := l.surely("revoke", func(tx *sql.Tx) error {
		err := end(tx, c)
		if err != ErrNotFound {
			return err
		}
		asides, errRead := Unread(filepath.Dir(l.path))
		if errRead != nil || len(asides) == 0 {
			return cmp.Or(errRead, err)
		}
		noted = true
		return note(tx, c)
	})
	if noted && err == nil {
		err = fmt.Errorf("%w: the decision is not among those that are; that it is taken back is noted, and if it is among the others it will not come into force", ErrUnread)
	}
	return err
}

func (l *lite) age(mattered []*decision, ended []Change) error {
	return l.surely("age decisions", func(tx *sql.Tx) error {
		for _, d := range mattered {
			if _, err := tx.Exec("UPDATE decision SET used = ? WHERE sender = ? AND target = ? AND recipient = ?", d.last(), string(d.Sender), string(d.Target), d.Recipient); err != nil {
				return err
			}
		}
		for _, c := range ended {
			if err := end(tx, c); err != nil && err != ErrNotFound { // a tool was faster
				return err
			}
		}
		return nil
	})
}

// surely does something in one transaction of the connection that waits for the
// disk.
func (l *lite) surely(what string, do func(*sql.Tx) error) error {
	tx, err := l.sure.Begin()
	if err != nil {
		return l.fault(what, err)
	}
	defer tx.Rollback() // after Commit it does nothing
	if err = do(tx); err == nil {
		err = tx.Commit()
	}
	if err == ErrNotFound {
		return err
	}
	return l.fault(what, err)
}

// end deletes a decision, and notes it. ErrNotFound if there is none.
func end(tx *sql.Tx, c Change) error {
	r, err := tx.Exec("DELETE FROM decision WHERE sender = ? AND target = ? AND recipient = ?", string(c.Sender), string(c.Target), c.Recipient)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return cmp.Or(err, ErrNotFound)
	}
	return note(tx, c)
}

// note writes a Change, and drops the one that is too many.
func note(tx *sql.Tx, c Change) error {
	r, err := tx.Exec("INSERT INTO change (at, act, who, why, sender, target, recipient) VALUES (?,?,?,?,?,?,?)",
		nanos(c.At), string(c.Act), c.Who, c.Why, string(c.Sender), string(c.Target), c.Recipient)
	if err != nil {
		return err
	}
	seq, err := r.LastInsertId()
	if err == nil {
		_, err = tx.Exec("DELETE FROM change WHERE seq <= ?", seq-maxChanges)
	}
	return err
}

func (l *lite) decisions() ([]*decision, error) {
	rows, err := l.sure.Query("SELECT * FROM decision ORDER BY sender, target, recipient")
	if err != nil {
		return nil, l.fault("read decisions", foreign(err))
	}
	defer rows.Close()
	var all []*decision
	for rows.Next() {
		d := &decision{}
		var at, expires int64
		if err := rows.Scan(&d.Sender, &d.Target, &d.Recipient, &d.Allow, &d.Who, &d.Why, &at, &expires, &d.written); err != nil {
			return all, l.fault("read decisions", fmt.Errorf("%w: %w", errContent, err))
		}
		d.At, d.Expires = fromNanos(at), fromNanos(expires)
		all = append(all, d)
	}
	return all, l.fault("read decisions", rows.Err())
}

func (l *lite) changes(limit int) ([]Change, error) {
	rows, err := l.sure.Query("SELECT at, act, who, why, sender, target, recipient FROM change ORDER BY seq DESC LIMIT ?", min(max(limit, 0), maxChanges))
	if err != nil {
		return nil, l.fault("read changes", foreign(err))
	}
	defer rows.Close()
	var all []Change
	for rows.Next() {
		var c Change
		var at int64
		if err := rows.Scan(&at, &c.Act, &c.Who, &c.Why, &c.Sender, &c.Target, &c.Recipient); err != nil {
			return all, l.fault("read changes", fmt.Errorf("%w: %w", errContent, err))
		}
		c.At = fromNanos(at)
		all = append(all, c)
	}
	return all, l.fault("read changes", rows.Err())
}
