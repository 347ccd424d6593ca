// Package report holds what the benchmark found, as tables and bars, and writes
// it for people, for the docs and for programs.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Report is one run.
type Report struct {
	Sections []Section `json:"sections"`
}

// Section is what one part found.
type Section struct {
	Title  string   `json:"title"`
	Notes  []string `json:"notes,omitempty"` // how it was measured
	Tables []Table  `json:"tables,omitempty"`
	Bars   []Bar    `json:"bars,omitempty"`
}

// Table has one row of cells under its columns; the first column is text, the
// others are numbers.
type Table struct {
	Title   string     `json:"title"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Add appends a row; a cell may be any value that fmt prints.
func (t *Table) Add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
	}
	t.Rows = append(t.Rows, row)
}

// Bar is one promise of the issue.
type Bar struct {
	What string `json:"what"`
	Want string `json:"want"`
	Got  string `json:"got"`
	Met  bool   `json:"met"`
}

func (b Bar) verdict() string {
	if b.Met {
		return "met"
	}
	return "MISSED"
}

// Missed returns the bars that were missed.
func (r *Report) Missed() []Bar {
	var missed []Bar
	for _, s := range r.Sections {
		for _, b := range s.Bars {
			if !b.Met {
				missed = append(missed, b)
			}
		}
	}
	return missed
}

// all returns a section's tables with that of its bars, if it has any.
func (s *Section) all() []Table {
	if len(s.Bars) == 0 {
		return s.Tables
	}
	t := Table{Title: "Bars", Columns: []string{"bar", "want", "got", ""}}
	for _, b := range s.Bars {
		t.Add(b.What, b.Want, b.Got, b.verdict())
	}
	return append(s.Tables[:len(s.Tables):len(s.Tables)], t)
}

// Text writes the report for a terminal.
func (s *Section) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "== %s\n", s.Title)
	for _, note := range s.Notes {
		fmt.Fprintf(&b, "%s\n", note)
	}
	for _, t := range s.all() {
		fmt.Fprintf(&b, "\n%s\n", t.Title)
		widths := t.widths()
		for _, row := range append([][]string{t.Columns}, t.Rows...) {
			b.WriteString(strings.TrimRight("  "+aligned(row, widths), " ") + "\n")
		}
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) widths() []int {
	widths := make([]int, len(t.Columns))
	for _, row := range append([][]string{t.Columns}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// aligned sets the first cell to the left and the others to the right.
func aligned(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if i == 0 {
			b.WriteString(cell + space)
		} else {
			b.WriteString("  " + space + cell)
		}
	}
	return b.String()
}

// Markdown writes the report for the docs.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	for _, s := range r.Sections {
		fmt.Fprintf(&b, "### %s\n\n", s.Title)
		for _, note := range s.Notes {
			fmt.Fprintf(&b, "%s\n", note)
		}
		for _, t := range s.all() {
			fmt.Fprintf(&b, "\n%s\n\n| %s |\n|---|%s\n", t.Title, strings.Join(t.Columns, " | "), strings.Repeat("---:|", len(t.Columns)-1))
			for _, row := range t.Rows {
				fmt.Fprintf(&b, "| %s |\n", strings.ReplaceAll(strings.Join(row, "\x00"), "|", `\|`))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, strings.ReplaceAll(b.String(), "\x00", " | "))
	return err
}

// JSON writes the report for programs.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
