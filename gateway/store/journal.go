package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"mxgate/policy/mail"
)

// Outcome is how a transaction ended.
type Outcome string

// The outcomes of a transaction. Uncertain: the next hop may have the message,
// the client may send it again.
const (
	Relayed     Outcome = "relayed"
	Quarantined Outcome = "quarantined"
	Refused     Outcome = "refused"
	Deferred    Outcome = "deferred"
	Aborted     Outcome = "aborted"
	Uncertain   Outcome = "uncertain"
)

// Entry is a row of the journal: one transaction, also one that came to nothing.
type Entry struct {
	ID           string
	At           time.Time
	Client       netip.Addr
	Helo         string
	Source       string
	OriginIP     netip.Addr
	ReversePath  mail.Address
	ForwardPaths []mail.Address // who was taken; if nobody was, who was refused
	// RefusedPaths are who was refused, whatever became of the others: those that are
	// kept are the first maxRefusedPaths.
	RefusedPaths []mail.Address
	Author       string // addr-spec of RFC5322.From
	MessageID    string
	Size         int64
	Disposition  string
	Reason       string
	Sentence     string
	ReplyCode    int
	Enhanced     string
	NextHop      string
	Outcome      Outcome
	Lifted       string // which reasons do not count, and by whom; "" if none was lifted
	Path         string // the way it came: a word of package policy; "" if it never came to a verdict
	Duration     time.Duration
	Evidence     []byte // JSON
}

// Journal hands e to the writer, which commits it within 100 ms in the usual
// case. It blocks while 1000 entries wait: a store that cannot keep up slows the
// gateway down, it does not forget. After Close the entry goes to OnError.
func (s *Store) Journal(e Entry) {
	err := s.send(context.Background(), func(context.Context) error {
		select {
		case s.entries <- &e:
			s.call()
			return nil
		case <-s.closing:
			s.turned.Add(1)
			return ErrClosed
		}
	})
	if err != nil {
		s.onError(fmt.Errorf("store: journal entry %s lost: %w", e.ID, err))
	}
}

// Behind reports whether half the backlog of Journal is full: the disk is full
// or far too slow, and it is time to take on no more work.
func (s *Store) Behind() bool { return len(s.entries) > entryBacklog/2 }

// CatchUp waits until the store is not Behind and reports whether that came
// about before ctx ended; if not, that is Trouble until it is. It does not wait
// while the journal cannot be written.
func (s *Store) CatchUp(ctx context.Context) bool {
	for s.Behind() {
		if s.trouble.Load() != nil {
			return false
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			s.slow.Store(true)
			return false
		}
	}
	s.slow.Store(false)
	return true
}

const entryColumns = "id, at, client, helo, source, origin_ip, reverse_path, forward_paths, author, message_id, size, disposition, reason, sentence, reply_code, enhanced, next_hop, outcome, path, lifted, duration, refused_paths, evidence"

// manyRows is how many rows one statement inserts where so many wait.
const manyRows = 16

// entryValues is how many values a row has: those of Entry.values.
const entryValues = 24

// insertRows is the statement that inserts so many entries.
//
// It says FAIL because of the default, ABORT: to undo one statement of several
// rows it has every page copied before it is changed. After an error here all is
// undone that belongs to the records, whatever the statement left.
func insertRows(rows int) string {
	row := "(" + strings.Repeat("?, ", entryValues-1) + "CAST(? AS TEXT))"
	return "INSERT OR FAIL INTO journal (author_domain, " + entryColumns + ") VALUES " + strings.Repeat(row+", ", rows-1) + row
}

// insertEntries writes the journal entries that are pending.
func (s *Store) insertEntries(tx *sql.Tx) error {
	one, many := tx.Stmt(s.insertOne), tx.Stmt(s.insertMany)
	values := make([]any, 0, entryValues*min(len(s.pending), manyRows))
	for rest := s.pending; len(rest) > 0; {
		rows, insert := 1, one
		if len(rest) >= manyRows {
			rows, insert = manyRows, many
		}
		values = values[:0]
		for _, e := range rest[:rows] {
			values = e.values(values)
		}
		if _, err := insert.Exec(values...); err != nil {
			return fault("journal", err)
		}
		rest = rest[rows:]
	}
	return nil
}

// values appends author_domain and the columns of e in the order of entryColumns.
func (e *Entry) values(to []any) []any {
	forward := pathsText(e.ForwardPaths)
	var refused any // NULL, as of nearly all
	if n := len(e.RefusedPaths); n > 0 {
		refused = pathsText(e.RefusedPaths[:min(n, maxRefusedPaths)])
	}
	evidence := e.Evidence // as octets: a string would be one more copy of it
	if evidence == nil {
		evidence = []byte{} // nil would be NULL
	}
	return append(to, domainOf(e.Author),
		e.ID, nanos(e.At), addrText(e.Client), clip(e.Helo), e.Source, addrText(e.OriginIP),
		e.ReversePath.String(), forward, clip(e.Author), clip(e.MessageID), e.Size, e.Disposition, e.Reason,
		clip(e.Sentence), e.ReplyCode, e.Enhanced, e.NextHop, string(e.Outcome), e.Path, clip(e.Lifted), int64(e.Duration), refused, evidence)
}

// maxRefusedPaths bounds what a row says of those who were refused. A session has
// limits.recipients of them: 100, and 10,000 at most.
const maxRefusedPaths = 1000

// pathsText and parsePaths are how paths are stored.
func pathsText(paths []mail.Address) string {
	texts := make([]string, len(paths))
	for i, p := range paths {
		texts[i] = p.String()
	}
	text, _ := json.Marshal(texts) // of strings it cannot fail
	return string(text)
}

func parsePaths(text string) (paths []mail.Address, err error) {
	var texts []string
	err = json.Unmarshal([]byte(text), &texts)
	for _, t := range texts {
		paths = append(paths, parseAddress(t))
	}
	return paths, err
}

// domainOf is the domain of an addr-spec, for the index.
func domainOf(author string) string {
	return clip(strings.ToLower(author[strings.LastIndexByte(author, '@')+1:]))
}

// Entries lists the journal, newest first. Entries given to Journal less than
// 100 ms ago may be missing; Flush waits for them.
func (s *Store) Entries(ctx context.Context, f Filter) ([]Entry, error) {
	query, args := f.entriesQuery()
	rows, err := s.read.QueryContext(ctx, query, args...)
	return collect(rows, err, scanEntry)
}

// entriesQuery is the query for the entries that f selects. In the order of the
// index journal_at, which holds the columns of the most usual filters too: a million
// rows are passed over in some tenths of a second.
func (f Filter) entriesQuery() (string, []any) {
	var c conditions
	c.addText("id", f.ID)
	c.addText("reason", f.Reason)
	c.addText("disposition", f.Disposition)
	c.addText("outcome", string(f.Outcome))
	c.addText("source", f.Source)
	c.addText("path", f.Path)
	if f.Lifted {
		c.add("lifted <> ''")
	}
	c.addText("author_domain", string(f.AuthorDomain))
	c.addMessageID(f.MessageID)
	c.addFromOf(f.From)
	c.addToOf(f.To)
	c.addSpan("at", f)
	return "SELECT " + entryColumns + " FROM journal" + c.where() + " ORDER BY at DESC, seq DESC LIMIT ?", append(c.args, f.limit())
}

func scanEntry(row interface{ Scan(...any) error }) (Entry, error) {
	var e Entry
	var client, origin, reverse, forward, evidence string
	var refused sql.NullString
	var at, duration int64
	err := row.Scan(&e.ID, &at, &client, &e.Helo, &e.Source, &origin, &reverse, &forward, &e.Author, &e.MessageID, &e.Size,
		&e.Disposition, &e.Reason, &e.Sentence, &e.ReplyCode, &e.Enhanced, &e.NextHop, &e.Outcome, &e.Path, &e.Lifted, &duration, &refused, &evidence)
	if err != nil {
		return Entry{}, err
	}
	if e.ForwardPaths, err = parsePaths(forward); err == nil && refused.Valid {
		e.RefusedPaths, err = parsePaths(refused.String)
	}
	if err != nil {
		return Entry{}, fmt.Errorf("journal entry %s: %w", e.ID, err)
	}
	e.At, e.Duration, e.Client, e.OriginIP = fromNanos(at), time.Duration(duration), parseAddr(client), parseAddr(origin)
	e.ReversePath = parseAddress(reverse)
	if evidence != "" {
		e.Evidence = []byte(evidence)
	}
	return e, nil
}

// parseAddress reads what Address.String wrote. A text that is no path is kept
// as a local part: one odd row must not hide the journal.
func parseAddress(s string) mail.Address {
	a, rest, err := mail.ParsePath("<" + s + ">")
	if err != nil || rest != "" {
		return mail.Address{Local: s}
	}
	return a
}
