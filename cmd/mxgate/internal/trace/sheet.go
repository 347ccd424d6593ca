package trace

import (
	_ "embed" // of page.css
	"fmt"
	"html"
	"strings"
)

//go:embed page.css
var pageStyle string

// sheet is a page that is being written. All that is added stands in the text of
// an element or in a quoted attribute, where five escaped characters are enough.
// html/template would do more, but has the linker keep every method of the
// program: 5 MB.
type sheet struct{ strings.Builder }

// add writes format, which is ours, with args, which may be anybody's: each is
// escaped and stands for one %s.
func (s *sheet) add(format string, args ...any) {
	escaped := make([]any, len(args))
	for i, a := range args {
		escaped[i] = html.EscapeString(fmt.Sprint(a))
	}
	fmt.Fprintf(s, format, escaped...)
}

// PageBegin is how a page begins, and no file that holds mail.
const PageBegin = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<title>mxgate trace: which way the mail came</title>\n"

// head writes everything before the first heading.
func (s *sheet) head(verdicts []VerdictPart) {
	s.WriteString(PageBegin + `<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<style>
`)
	s.WriteString(pageStyle)
	for _, v := range verdicts {
		s.add(".f-%[1]s { fill: var(--%[1]s) } .b-%[1]s { background: var(--%[1]s) } .t-%[1]s { border-top-color: var(--%[1]s) }\n", v.Verdict)
	}
	s.WriteString("</style>\n</head>\n<body><main>\n")
}

// section writes a section with what f writes in it.
func (s *sheet) section(heading string, f func()) {
	s.add("<section><h2>%s</h2>\n", heading)
	f()
	s.WriteString("</section>\n")
}

func (s *sheet) soft(format string, args ...any) {
	s.add(`<p class="soft">`+format+"</p>\n", args...)
}

// figure is a cell of a table that holds a number.
type figure string

func figureOf(n any) figure { return figure(fmt.Sprint(n)) }

// date is a cell that is not to be broken.
type date string

// row writes a row of a table of td or th.
func (s *sheet) row(element string, cells ...any) {
	s.WriteString("<tr>")
	for _, c := range cells {
		class := ""
		switch c.(type) {
		case figure:
			class = ` class="n"`
		case date:
			class = ` class="d"`
		}
		s.add("<"+element+class+">%s</"+element+">", c)
	}
	s.WriteString("</tr>\n")
}
