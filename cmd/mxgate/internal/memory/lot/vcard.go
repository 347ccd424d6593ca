package lot

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
)

// ReadVCard reads an address book. Errors are ErrTooLong, ErrNoList and those of r.
func ReadVCard(r io.Reader) (*List, error) {
	whole, err := text(r)
	if err != nil {
		return nil, err
	}
	var l List
	var c card
	for number, line := range unfolded(whole) {
		name, params, value := property(line)
		switch {
		case name == "BEGIN" && strings.EqualFold(value, "VCARD"):
			if l.Rows == MaxRows {
				return nil, fmt.Errorf("%w: more than %d contacts", ErrTooLong, MaxRows)
			}
			l.Rows++
			c = card{open: true}
		case !c.open:
		case name == "END":
			if err := l.contact(&c); err != nil {
				return nil, err
			}
			c = card{}
		case name == "EMAIL" && len(c.mails) < maxInCell:
			c.mails = append(c.mails, located{number, decoded(params, value)})
		case name == "ORG" && c.company == "":
			company, _, _ := strings.Cut(decoded(params, value), ";")
			c.company = clip(strings.ReplaceAll(company, `\,`, ","))
		case name == "FN" && c.name == "":
			c.name = clip(strings.ReplaceAll(decoded(params, value), `\,`, ","))
		}
	}
	if l.Rows == 0 {
		return nil, fmt.Errorf("%w: no line BEGIN:VCARD", ErrNoList)
	}
	return &l, l.contact(&c) // of a file that was cut off
}

// card is a contact that is being read.
type card struct {
	open    bool
	mails   []located
	company string
	name    string // for want of a company
}

type located struct {
	line  int
	value string
}

func (l *List) contact(c *card) error {
	if !c.open {
		return nil
	}
	found := false
	for _, m := range c.mails {
		if isNone(m.value) {
			continue
		}
		found = true
		d := domainOf(m.value)
		if d == "" || !strings.Contains(m.value, "@") {
			l.trouble(m.line, m.value, "an address such as anna@partner.example")
			continue
		}
		if err := l.add(d, time.Time{}, cmp.Or(c.company, c.name), m.line); err != nil {
			return err
		}
	}
	if !found {
		l.Empty++
	}
	return nil
}

// unfolded yields the lines of a vCard, joined with those that continue them, and
// the number of the first: RFC 6350, Section 3.2, and the soft line breaks of
// quoted-printable text. Of each at most maxLine octets are kept.
func unfolded(whole string) func(func(int, string) bool) {
	return func(yield func(int, string) bool) {
		var line strings.Builder
		first, number := 0, 0
		printable, soft := false, false // the line is quoted-printable; its last part ends with a soft break
		keep := func(part string) {
			soft = printable && strings.HasSuffix(part, "=")
			if soft {
				part = part[:len(part)-1]
			}
			line.WriteString(part[:min(len(part), maxLine-line.Len())])
		}
		for next := range strings.Lines(whole) {
			number++
			next = strings.TrimRight(next, "\r\n")
			switch {
			case soft:
				keep(next)
				continue
			case first > 0 && next != "" && (next[0] == ' ' || next[0] == '\t'):
				keep(next[1:])
				continue
			case first > 0 && !yield(first, line.String()):
				return
			}
			line.Reset()
			first, printable = number, quotedPrintable(next)
			keep(next)
		}
		if first > 0 {
			yield(first, line.String())
		}
	}
}

func quotedPrintable(line string) bool {
	head, _, _ := strings.Cut(line, ":")
	return strings.Contains(strings.ToUpper(head), "QUOTED-PRINTABLE")
}

// property cuts a line into its name in capitals, without the group before it, its
// parameters and its value. A colon in quotes belongs to a parameter.
func property(line string) (name, params, value string) {
	quoted, colon := false, -1
	for i := range len(line) {
		if line[i] == '"' {
			quoted = !quoted
		} else if line[i] == ':' && !quoted {
			colon = i
			break
		}
	}
	if colon < 0 {
		return "", "", ""
	}
	name, params, _ = strings.Cut(line[:colon], ";")
	name = name[strings.LastIndexByte(name, '.')+1:]
	return strings.ToUpper(strings.TrimSpace(name)), strings.ToUpper(params), strings.TrimSpace(line[colon+1:])
}

// decoded reads quoted-printable text where the parameters say so.
func decoded(params, value string) string {
	if !strings.Contains(params, "QUOTED-PRINTABLE") {
		return value
	}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		var octet byte
		if value[i] == '=' && i+2 < len(value) {
			if _, err := fmt.Sscanf(value[i+1:i+3], "%02X", &octet); err == nil {
				b.WriteByte(octet)
				i += 2
				continue
			}
		}
		b.WriteByte(value[i])
	}
	return strings.ToValidUTF8(b.String(), "?")
}
