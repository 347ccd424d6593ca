package lot

import (
	"encoding/csv"
	"errors"
	"strings"
)

// aQuote is what is expected where quotes are wrong.
const aQuote = "each quote closed: one that stands in a cell is written twice, and the cell in quotes"

// wrongRow is a row whose quotes are wrong.
type wrongRow struct {
	line int
	text string // of that line
}

func (w *wrongRow) Error() string { return Trouble{w.line, w.text, aQuote}.String() }

// table reads the rows of a text, and goes on behind those that are none.
type table struct {
	rows   *csv.Reader
	comma  rune
	rest   string // what rows reads
	above  int    // lines before it
	opened int    // how often a quote had swallowed other lines
}

func newTable(whole string) *table {
	t := &table{comma: commaOf(whole)}
	t.read(whole)
	return t
}

func (t *table) read(text string) {
	t.rest, t.rows = text, csv.NewReader(strings.NewReader(text))
	t.rows.Comma, t.rows.Comment, t.rows.FieldsPerRecord, t.rows.ReuseRecord = t.comma, '#', -1, true
}

// next is the next row and its line. Behind a *wrongRow it goes on with the line
// after it, whatever a quote has swallowed.
func (t *table) next() (row []string, line int, err error) {
	row, err = t.rows.Read()
	p, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case err == nil:
		line, _ = t.rows.FieldPos(0)
		return row, t.above + line, nil
	case !ok:
		return nil, 0, err
	case p.Line > p.StartLine:
		text := t.rest
		for range p.StartLine - 1 {
			_, text, _ = strings.Cut(text, "\n")
		}
		wrong, below, _ := strings.Cut(text, "\n")
		t.opened++
		t.above += p.StartLine
		t.read(below)
		return nil, 0, &wrongRow{t.above, strings.TrimRight(wrong, "\r")}
	}
	upTo := strings.TrimRight(t.rest[:t.rows.InputOffset()], "\r\n")
	return nil, 0, &wrongRow{t.above + p.StartLine, upTo[strings.LastIndexByte(upTo, '\n')+1:]}
}

// commaOf is what separates the columns: the most frequent of three in the first
// row, outside of quotes.
func commaOf(text string) rune {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		count, quoted := map[rune]int{}, false
		for _, r := range line[:min(len(line), maxLine)] {
			if r == '"' {
				quoted = !quoted
			} else if !quoted {
				count[r]++
			}
		}
		best := ','
		for _, r := range ";\t" {
			if count[r] > count[best] {
				best = r
			}
		}
		return best
	}
	return ','
}
