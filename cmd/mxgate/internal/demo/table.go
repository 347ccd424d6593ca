package demo

import (
	"fmt"
	"io"
	"strings"

	"mxgate/policy"
)

// row is one message and what became of it.
type row struct {
	title  string
	path   string // how it came and what the client was told
	became string // DELIVERED, TAGGED, QUARANTINED, REFUSED
	reason string
	why    string
	pair   []line // two domains, one below the other
}

func intro(out io.Writer, w *world) {
	fmt.Fprintf(out, `mxgate demo: mail for example.com comes from a provider (127.0.0.1), passes the
gateway (%s) and goes to a mail server (%s). All
of it runs in this process, on loopback; every message below is sent by SMTP and
judged for real.

`, w.address, w.nextHop.Addr())
}

// colors of a terminal, by what became of the message.
var colors = map[string]string{"DELIVERED": "32", "TAGGED": "33", "QUARANTINED": "31", "REFUSED": "31", "DEFERRED": "33"}

// Widths of the table's columns.
const (
	becameWidth = 18
	textWidth   = 58
)

var rule = strings.Repeat("─", 4+becameWidth+textWidth)

// print writes row number n, with a rule below it.
func (r row) print(out io.Writer, n int, color bool) {
	lines := policy.Wrap(policy.Plain(r.title, 200), textWidth)
	lines = append(lines, policy.Wrap(r.path, textWidth)...)
	for _, text := range policy.Wrap(policy.Plain(r.why, 1000), textWidth) {
		lines = append(lines, marked(text, color))
	}
	for _, l := range r.pair {
		lines = append(lines, l.text(color))
	}
	for len(lines) < 2 {
		lines = append(lines, "") // for the reason
	}
	for i, line := range lines {
		number, mark := "", ""
		switch i {
		case 0:
			number, mark = fmt.Sprint(n), r.became
		case 1:
			mark = r.reason
		}
		fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("%2s  %s%s", number, paint(mark, color), line), " "))
	}
	fmt.Fprintln(out, rule)
}

// throughProvider and pastProvider say how a message came.
func throughProvider(origin string, code int) string {
	answer := "none, the client had gone"
	if code > 0 {
		answer = fmt.Sprint(code)
	}
	return fmt.Sprintf("%s → provider → gateway; answer: %s", origin, answer)
}

func pastProvider(client string, code int) string {
	return fmt.Sprintf("%s → gateway; answer: %d at connect", client, code)
}

func paint(mark string, color bool) string {
	padded := fmt.Sprintf("%-*s", becameWidth, mark)
	if code := colors[mark]; color && code != "" {
		return "\x1b[1;" + code + "m" + padded + "\x1b[0m"
	}
	return padded
}
