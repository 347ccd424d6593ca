package gateway

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"mxgate/gateway/ledger"
	"mxgate/gateway/smtptest"
	"mxgate/gateway/store"
)

// The books of these tests are checked by package ledger. Here is where they
// come from: next hop, quarantine and journal.

// copied is a message found somewhere.
type copied struct {
	key     string // local part of the reverse-path
	content []byte
	missing error // why the content cannot be had
	path    string
	to      []string
}

// blockFault checks what we prepended to a message.
var blockFault = ledger.CheckBlock

// keyOf is the local part of a reverse-path.
func keyOf(path string) string {
	key, _, _ := strings.Cut(path, "@")
	return key
}

// relayedCopies are the messages at the next hop, for the ledger.
func relayedCopies(sink *smtptest.Sink) []ledger.Copy {
	var all []ledger.Copy
	for _, m := range sink.Messages() {
		all = append(all, ledger.Copy{Place: ledger.NextHop, ReversePath: m.ReversePath, ForwardPaths: m.ForwardPaths, Content: m.Content})
	}
	return all
}

// heldCopies are the messages in quarantine, in whatever state, with content.
func heldCopies(st *store.Store) ([]copied, error) {
	rows, err := st.List(context.Background(), store.Filter{Limit: math.MaxInt32})
	var all []copied
	for _, row := range rows {
		c := copied{key: row.Envelope.ReversePath.Local, path: row.Envelope.ReversePath.String()}
		for _, to := range row.Envelope.ForwardPaths {
			c.to = append(c.to, to.String())
		}
		file, err := st.Content(row.ID)
		if err == nil {
			c.content, err = io.ReadAll(file)
			err = errors.Join(err, file.Close())
		}
		c.missing = err
		all = append(all, c)
	}
	return all, err
}

// inLedger gives what is held to the ledger.
func inLedger(held []copied) []ledger.Copy {
	all := make([]ledger.Copy, len(held))
	for i, c := range held {
		all[i] = ledger.Copy{Place: ledger.Quarantine, ReversePath: c.path, ForwardPaths: c.to, Content: c.content}
		if c.missing != nil {
			all[i].Missing = c.missing.Error()
		}
	}
	return all
}

// journalRows are all rows of the journal, for the ledger.
func journalRows(t *testing.T, st *store.Store) []ledger.Row {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := st.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	entries, err := st.Entries(ctx, store.Filter{Limit: math.MaxInt32})
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]ledger.Row, len(entries))
	for i, e := range entries {
		rows[i] = ledger.Row{ReversePath: e.ReversePath.String(), Outcome: string(e.Outcome), ReplyCode: e.ReplyCode}
	}
	return rows
}

// audit closes the books of a stage on what its clients wrote down.
func (g *stage) audit(sent []ledger.Attempt) {
	g.t.Helper()
	g.auditStore(sent, g.server.Store())
}

// auditFiles is audit when the gateway has ended.
func (g *stage) auditFiles(sent []ledger.Attempt) {
	g.t.Helper()
	st, err := OpenStore(g.cfg)
	if err != nil {
		g.t.Fatal(err)
	}
	defer st.Close()
	g.auditStore(sent, st)
}

func (g *stage) auditStore(sent []ledger.Attempt, st *store.Store) {
	g.t.Helper()
	held, err := heldCopies(st)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, fault := range ledger.Check(ledger.Books{Attempts: sent, Copies: append(relayedCopies(g.sink), inLedger(held)...), Rows: journalRows(g.t, st)}) {
		g.t.Error(fault)
	}
}
