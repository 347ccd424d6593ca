package demo

import (
	"fmt"
	"io"
	"strings"
)

// row is one story and what became of it.
type row struct {
	story  story
	answer string
	became string // DELIVERED, TAGGED, QUARANTINED, REFUSED
	reason string
	why    string
}

func intro(out io.Writer, w *world) {
	fmt.Fprintf(out, `mxgate demo: mail for example.com comes from a provider (127.0.0.1), passes the
gateway (%s) and goes to a mail server (%s). All of it runs in this
process, on loopback; every message below is sent by SMTP and judged for real.

`, w.address, w.nextHop.Addr())
}

// colors of a terminal, by what became of the message.
var colors = map[string]string{"DELIVERED": "32", "TAGGED": "33", "QUARANTINED": "31", "REFUSED": "31"}

// Widths of the table's columns.
const (
	becameWidth = 18
	textWidth   = 58
)

func table(out io.Writer, rows []row, color bool) {
	rule := strings.Repeat("─", 4+becameWidth+textWidth)
	fmt.Fprintln(out, rule)
	for i, r := range rows {
		lines := wrap(r.story.title+".", textWidth)
		lines = append(lines, wrap(r.path(), textWidth)...)
		lines = append(lines, wrap(r.why, textWidth)...)
		for j, line := range lines {
			number, mark := "", ""
			switch j {
			case 0:
				number, mark = fmt.Sprint(i+1), r.became
			case 1:
				mark = r.reason
			}
			fmt.Fprintf(out, "%2s  %s%s\n", number, paint(mark, color), line)
		}
		fmt.Fprintln(out, rule)
	}
}

// path says how the message came and what the client was told.
func (r row) path() string {
	if r.story.stranger {
		return fmt.Sprintf("%s → gateway; answer: %.3s at connect", r.story.client(), r.answer)
	}
	return fmt.Sprintf("%s → provider → gateway; answer: %.3s", r.story.origin, r.answer)
}

func paint(mark string, color bool) string {
	padded := fmt.Sprintf("%-*s", becameWidth, mark)
	if code := colors[mark]; color && code != "" {
		return "\x1b[1;" + code + "m" + padded + "\x1b[0m"
	}
	return padded
}

// wrap breaks text into lines of at most width characters, at spaces.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// invite says how to talk to a gateway that is left running.
func (w *world) invite(out io.Writer) {
	host, port, _ := strings.Cut(w.address, ":")
	fmt.Fprintf(out, `
The gateway is left running; Ctrl-C ends it and removes everything. Try, in another terminal:

  mxgate quarantine list -config %[1]s
  mxgate quarantine show -config %[1]s ID
  mxgate quarantine release -config %[1]s ID

  nc %[2]s %[3]s                 you are the provider: EHLO mx1.provider.example,
                                     MAIL FROM:<a@heise.de>, RCPT TO:<bob@example.com>, DATA ...
  nc -s 127.0.0.66 %[2]s %[3]s   you are a stranger

("mxgate" is "go run ./cmd/mxgate" in the source tree.)
`, w.config, host, port)
}
