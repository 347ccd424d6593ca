package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"mxgate/gateway/smtptest"
	"mxgate/gateway/store"
)

// attempt is one delivery of one message as its client saw it.
type attempt struct {
	key     string // local part of the reverse-path; no two attempts share one
	spoof   bool   // belongs in quarantine, else at the next hop
	content string // as sent
	kept    string // less the fields that must be stripped
	answer  string // final reply; "" if none came
}

// copied is a message found somewhere.
type copied struct {
	key     string
	content []byte
	missing error // why the content cannot be had
}

// audit compares what was sent with what is where, and returns what is wrong:
// nothing acknowledged is lost, nothing is altered, nothing is twice.
//
// An attempt answered 250 has exactly one copy; any other at most one: when the
// gateway dies between custody and its reply, the copy is there and the client
// does not know. DESIGN, Section 9; SMTP-DUTIES I1, I4, I5.
func audit(sent []attempt, nextHop, held []copied) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	known := map[string]attempt{}
	for _, a := range sent {
		if _, twice := known[a.key]; twice {
			fault("%s: the ledger itself is wrong: two attempts", a.key)
		}
		known[a.key] = a
	}
	copies := map[string]int{}
	look := func(where string, all []copied, check func(attempt, copied) error) {
		for _, c := range all {
			copies[c.key]++
			a, ok := known[c.key]
			if !ok {
				fault("%s: %s, but nobody sent it", c.key, where)
				continue
			}
			if err := check(a, c); err != nil {
				fault("%s: %s: %v", c.key, where, err)
			}
		}
	}
	look("at the next hop", nextHop, relayedFault)
	look("in quarantine", held, heldFault)
	for _, a := range sent {
		switch n := copies[a.key]; {
		case n > 1:
			fault("%s: %d copies of one attempt, answered %q", a.key, n, a.answer)
		case n == 0 && strings.HasPrefix(a.answer, "250 "):
			fault("%s: answered %q and lost", a.key, a.answer)
		}
	}
	return faults
}

func relayedFault(a attempt, c copied) error {
	if a.spoof {
		return errors.New("should be in quarantine")
	}
	block, ok := bytes.CutSuffix(c.content, []byte(a.kept))
	if !ok {
		return fmt.Errorf("altered: %d octets do not end in the %d that were sent", len(c.content), len(a.kept))
	}
	return blockFault(string(block), "Received", "Authentication-Results", "X-Mxgate-Verdict")
}

func heldFault(a attempt, c copied) error {
	switch {
	case c.missing != nil:
		return fmt.Errorf("listed without content: %w", c.missing)
	case string(c.content) != a.content:
		return fmt.Errorf("altered: %d octets, sent %d", len(c.content), len(a.content))
	case !a.spoof:
		return errors.New("should be at the next hop")
	}
	return nil
}

// blockFault checks what we prepended: exactly these fields, whole lines of
// printable ASCII.
func blockFault(block string, names ...string) error {
	var got []string
	for line := range strings.Lines(block) {
		text, whole := strings.CutSuffix(line, "\r\n")
		if !whole || len(line) > 1000 || strings.ContainsFunc(text, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }) {
			return fmt.Errorf("our block has the line %q", line)
		}
		if name, _, ok := strings.Cut(text, ":"); ok && text[0] != ' ' && text[0] != '\t' {
			got = append(got, name)
		} else if text == "" || text[0] != ' ' && text[0] != '\t' {
			return fmt.Errorf("our block has the line %q", line)
		}
	}
	if !slices.Equal(got, names) {
		return fmt.Errorf("our block has the fields %q, want %q", got, names)
	}
	return nil
}

// keyOf is the local part of a reverse-path.
func keyOf(path string) string {
	key, _, _ := strings.Cut(path, "@")
	return key
}

// sinkCopies are the messages at the next hop.
func sinkCopies(sink *smtptest.Sink) []copied {
	var all []copied
	for _, m := range sink.Messages() {
		all = append(all, copied{key: keyOf(m.ReversePath), content: m.Content})
	}
	return all
}

// heldCopies are the messages in quarantine, in whatever state, with content.
func heldCopies(st *store.Store) ([]copied, error) {
	rows, err := st.List(context.Background(), store.Filter{Limit: 1 << 20})
	var all []copied
	for _, row := range rows {
		c := copied{key: row.Envelope.ReversePath.Local}
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

func TestTheLedgerReportsEachViolation(t *testing.T) {
	const block = "Received: from x\r\n\tby y\r\nAuthentication-Results: y; none\r\nX-Mxgate-Verdict: relay\r\n"
	const text = "Subject: a\r\n\r\nbody\r\n"
	clean := attempt{key: "c", content: text, kept: text, answer: "250 2.0.0 OK"}
	spoof := attempt{key: "s", spoof: true, content: text, kept: text, answer: "250 2.0.0 held"}
	marked := attempt{key: "c", content: "X-Mxgate-Why: forged\r\n" + text, kept: text, answer: "250 2.0.0 OK"}
	unsure := func(a attempt) attempt { a.answer = ""; return a }
	refused := func(a attempt) attempt { a.answer = "451 4.3.0 later"; return a }
	is := func(key, content string) []copied { return []copied{{key: key, content: []byte(content)}} }
	both := func(a, b []copied) []copied { return slices.Concat(a, b) }
	for _, c := range []struct {
		name          string
		sent          []attempt
		nextHop, held []copied
		want          string // "": nothing is wrong
	}{
		{"all is well", []attempt{clean, spoof}, is("c", block+text), is("s", text), ""},
		{"a stripped field is gone", []attempt{marked}, is("c", block+text), nil, ""},
		{"unanswered and nowhere", []attempt{unsure(clean), unsure(spoof)}, nil, nil, ""},
		{"unanswered and there once", []attempt{unsure(clean), unsure(spoof)}, is("c", block+text), is("s", text), ""},
		{"refused and nowhere", []attempt{refused(clean)}, nil, nil, ""},
		{"a lost message", []attempt{clean}, nil, nil, "answered \"250 2.0.0 OK\" and lost"},
		{"a lost message that was held", []attempt{spoof}, nil, nil, "and lost"},
		{"a doubled message", []attempt{clean}, both(is("c", block+text), is("c", block+text)), nil, "2 copies"},
		{"a doubled message in quarantine", []attempt{spoof}, nil, both(is("s", text), is("s", text)), "2 copies"},
		{"in both places", []attempt{clean}, is("c", block+text), is("c", text), "2 copies"},
		{"unanswered and doubled", []attempt{unsure(clean)}, both(is("c", block+text), is("c", block+text)), nil, "2 copies"},
		{"an altered octet", []attempt{clean}, is("c", block+"Subject: b\r\n\r\nbody\r\n"), nil, "altered"},
		{"an altered octet in quarantine", []attempt{spoof}, nil, is("s", "Subject: b\r\n\r\nbody\r\n"), "altered"},
		{"an altered octet without an answer", []attempt{unsure(clean)}, is("c", block+"Subject: b\r\n\r\nbody\r\n"), nil, "altered"},
		{"cut short", []attempt{clean}, is("c", block+text[:len(text)-6]), nil, "altered"},
		{"a forged field came through", []attempt{marked}, is("c", block+marked.content), nil, "our block has the fields"},
		{"no block", []attempt{clean}, is("c", text), nil, "our block has the fields []"},
		{"a second Authentication-Results of ours", []attempt{clean}, is("c", "Authentication-Results: y; none\r\n"+block+text), nil, "our block has the fields"},
		{"an octet in the block", []attempt{clean}, is("c", strings.Replace(block, "from x", "from \x01", 1)+text), nil, "our block has the line"},
		{"listed without content", []attempt{spoof}, nil, []copied{{key: "s", missing: store.ErrCorrupt}}, "listed without content"},
		{"a spoof at the next hop", []attempt{spoof}, is("s", block+text), nil, "should be in quarantine"},
		{"a clean message in quarantine", []attempt{clean}, nil, is("c", text), "should be at the next hop"},
		{"a message nobody sent", nil, is("z", block+text), nil, "nobody sent it"},
		{"an attempt written down twice", []attempt{clean, clean}, is("c", block+text), nil, "two attempts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(audit(c.sent, c.nextHop, c.held), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("audit says %q, want %q", got, c.want)
			}
		})
	}
}
