package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"mxgate/policy"
)

// stamp is how times are shown: in the zone of the machine, which is named.
const stamp = "2006-01-02 15:04:05 MST"

// noteIndent and noteWidth shape what stands below a row.
const (
	noteIndent = "    "
	noteWidth  = 96
)

// table collects rows and prints them in columns. A row may have a note, which
// is wrapped below it.
type table struct {
	rows []tableRow
}

type tableRow struct {
	cells []string
	note  string
}

func (t *table) add(note string, cells ...string) {
	t.rows = append(t.rows, tableRow{cells, note})
}

func (t *table) print(w io.Writer) error {
	var widths []int
	for _, r := range t.rows {
		for i, cell := range r.cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, r := range t.rows {
		var line strings.Builder
		for i, cell := range r.cells {
			fmt.Fprintf(&line, "%-*s  ", widths[i], cell)
		}
		fmt.Fprintln(&b, strings.TrimRight(line.String(), " "))
		for _, text := range policy.Wrap(r.note, noteWidth) {
			fmt.Fprintln(&b, noteIndent+text)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shown is a cell of a table: text of a message made plain, "-" for nothing.
func shown(text string, most int) string {
	if text = policy.Plain(text, most); text == "" {
		return "-"
	}
	return text
}
