package ledger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxLineOctets bounds one line of Read: a message of 100 MiB in base64, and
// what stands around it.
const maxLineOctets = 300 << 20

// entry is one line: exactly one of its fields is set.
type entry struct {
	Attempt *Attempt `json:"attempt,omitempty"`
	Copy    *Copy    `json:"copy,omitempty"`
	Row     *Row     `json:"row,omitempty"`
	Run     *run     `json:"run,omitempty"`
}

// run says what holds for all lines.
type run struct {
	Killed  bool     `json:"killed,omitempty"`
	Journal bool     `json:"journal,omitempty"` // the rows are complete, though there may be none
	Block   []string `json:"block,omitempty"`
}

// Read reads books from JSON lines, in any order:
//
//	{"attempt": {"ReversePath": "m1@a.example", "ForwardPaths": ["b@b.example"], "Content": "base64", "Answer": "250 2.0.0 OK"}}
//	{"copy": {"Place": "next-hop", "ReversePath": "m1@a.example", "ForwardPaths": ["b@b.example"], "Content": "base64"}}
//	{"row": {"ReversePath": "m1@a.example", "Outcome": "relayed", "ReplyCode": 250}}
//	{"run": {"killed": true, "journal": true}}
//
// Empty lines are passed over. An unknown key is an error: what is misspelt would
// prove nothing. Errors name the line.
func Read(r io.Reader) (Books, error) {
	var b Books
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLineOctets)
	n := 0
	for lines.Scan() {
		n++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := b.add(lines.Bytes()); err != nil {
			return Books{}, fmt.Errorf("ledger: line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return Books{}, fmt.Errorf("ledger: line %d: %w", n+1, err)
	}
	return b, nil
}

// add takes one line.
func (b *Books) add(line []byte) error {
	var e entry
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	set := 0
	if e.Attempt != nil {
		set++
		b.Attempts = append(b.Attempts, *e.Attempt)
	}
	if e.Copy != nil {
		set++
		b.Copies = append(b.Copies, *e.Copy)
	}
	if e.Row != nil {
		set++
		b.Rows = append(b.Rows, *e.Row)
	}
	if e.Run != nil {
		set++
		b.Killed = b.Killed || e.Run.Killed
		if e.Run.Journal && b.Rows == nil {
			b.Rows = []Row{}
		}
		if e.Run.Block != nil {
			b.Block = e.Run.Block
		}
	}
	if set != 1 {
		return errors.New("expected exactly one of attempt, copy, row, run")
	}
	return nil
}

// Write writes books so that Read gives them back.
func Write(w io.Writer, b Books) error {
	out := json.NewEncoder(w)
	entries := []entry{{Run: &run{Killed: b.Killed, Journal: b.Rows != nil, Block: b.Block}}}
	for i := range b.Attempts {
		entries = append(entries, entry{Attempt: &b.Attempts[i]})
	}
	for i := range b.Copies {
		entries = append(entries, entry{Copy: &b.Copies[i]})
	}
	for i := range b.Rows {
		entries = append(entries, entry{Row: &b.Rows[i]})
	}
	for _, e := range entries {
		if err := out.Encode(e); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
	}
	return nil
}
