// Package lot reads lists of those with whom a site corresponds, as an
// administrator has them: tables (CSV) of vendors, address books as CSV or vCard.
//
// Of each entry its domain counts, and since when it is known. Addresses are not
// kept: the memory that is taught has no use for them. The name of a contact is kept
// beside his domain if a vCard names no company.
// What cannot be read is named with its line; the rest is read. Nothing here is
// believed or compared with what is known.
//
// RFC 4180 for CSV, with semicolons and tabs as spreadsheets write them; RFC 6350
// and RFC 2426 for vCard, with the quoted-printable text of version 2.1. The
// columns are those of Outlook and Google in several languages, or any called
// domain, e-mail, since, name.
package lot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// Limits of one list.
const (
	MaxOctets   = 64 << 20
	MaxEntries  = 500_000 // domains: as many as a memory holds by default
	MaxRows     = 1_000_000
	maxColumns  = 1000
	maxInCell   = 100     // addresses in one cell
	maxCell     = 4096    // octets of a cell or a value that is looked at
	maxLine     = 1 << 16 // octets of an unfolded line of a vCard: photographs are longer
	maxTroubles = 20      // told of; the others are counted
	maxNote     = 100     // characters
)

// ErrTooLong says that a list exceeds MaxOctets, MaxRows or MaxEntries.
var ErrTooLong = errors.New("the list is too long")

// ErrNoList says that what was read is no list of that kind.
var ErrNoList = errors.New("it is no such list")

// Entry is one domain of a list.
type Entry struct {
	Domain mail.Domain // registrable
	Since  time.Time   // the earliest of its lines; zero if none says
	Note   string      // of a table of vendors the name beside it, of an address book the company, or in a vCard without one the name
	Line   int         // the first one that names it
}

// Trouble is something in a list that cannot be used.
type Trouble struct {
	Line     int
	Value    string // as it stands
	Expected string
}

func (t Trouble) String() string {
	return fmt.Sprintf("%d: %.100q: expected %s", t.Line, t.Value, t.Expected)
}

// List is what a file lists.
type List struct {
	Entries  []Entry // each domain once, in the order of their lines
	Rows     int     // rows or contacts
	Empty    int     // of these, without an address
	Troubles []Trouble
	More     int // troubles beyond those kept

	at map[mail.Domain]int // index in Entries
}

// trouble notes what cannot be used.
func (l *List) trouble(line int, value, expected string) {
	if len(l.Troubles) == maxTroubles {
		l.More++
		return
	}
	l.Troubles = append(l.Troubles, Trouble{line, value, expected})
}

// add takes in a domain, once.
func (l *List) add(d mail.Domain, since time.Time, note string, line int) error {
	if l.at == nil {
		l.at = map[mail.Domain]int{}
	}
	if i, ok := l.at[d]; ok {
		e := &l.Entries[i]
		if e.Since.IsZero() || !since.IsZero() && since.Before(e.Since) {
			e.Since = since
		}
		if e.Note == "" {
			e.Note = note
		}
		return nil
	}
	if len(l.Entries) == MaxEntries {
		return fmt.Errorf("%w: more than %d domains", ErrTooLong, MaxEntries)
	}
	l.at[d] = len(l.Entries)
	l.Entries = append(l.Entries, Entry{d, since, note, line})
	return nil
}

// Words for what is expected, in troubles.
const (
	aDomain = "a domain such as partner.example, or an address such as anna@partner.example"
	aDay    = "a day that is over, such as 2024-03-31, 31.3.2024 or 2024"
)

// domainOf is the registrable domain of a text that is an address, a domain or a
// URL; "" if it is none of these.
func domainOf(text string) mail.Domain {
	text = strings.TrimSpace(text)
	if i := strings.LastIndexByte(text, '<'); i >= 0 && strings.HasSuffix(text, ">") {
		text = text[i+1 : len(text)-1]
	}
	text = strings.TrimPrefix(strings.Trim(text, "\"'<> \t"), "mailto:")
	if _, rest, ok := strings.Cut(text, "://"); ok {
		text = rest
		if i := strings.IndexAny(text, "/:?#"); i >= 0 {
			text = text[:i]
		}
	}
	text = strings.TrimPrefix(text[strings.LastIndexByte(text, '@')+1:], "*.")
	if !strings.Contains(text, ".") {
		return ""
	}
	d, err := mail.ParseDomain(strings.TrimSuffix(text, "/"))
	if err != nil {
		return ""
	}
	if d = lookalike.Registrable(d); d != lookalike.Registrable(d) {
		return "" // an address, or nearly one
	}
	return d
}

// dayOf reads a day. The American order of numbers is not read: it cannot be told
// from the others.
func dayOf(text string) (time.Time, bool) {
	for _, layout := range []string{time.DateOnly, time.RFC3339, time.DateTime, "2006/01/02", "2006-01-02 15:04", "2.1.2006", "2006-01", "2006"} {
		if t, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return t, t.Year() >= 1970 && t.Before(time.Now())
		}
	}
	return time.Time{}, false
}

// clip shortens a name for a note.
func clip(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxNote {
		return string(runes[:maxNote])
	}
	return text
}

// text reads all of r as UTF-8: with or without a byte order mark, or from UTF-16
// that has one, or from Windows-1252, which cannot be told from other old sets. Other
// text has no octet of zero: such a file is a program, or an archive.
func text(r io.Reader) (string, error) {
	octets, err := io.ReadAll(io.LimitReader(r, MaxOctets+1))
	switch {
	case err != nil:
		return "", err
	case len(octets) > MaxOctets:
		return "", fmt.Errorf("%w: more than %d octets", ErrTooLong, MaxOctets)
	}
	for _, order := range []struct {
		mark string
		high int
	}{{"\xff\xfe", 1}, {"\xfe\xff", 0}} {
		if rest, ok := strings.CutPrefix(string(octets), order.mark); ok {
			units := make([]uint16, len(rest)/2)
			for i := range units {
				units[i] = uint16(rest[2*i+order.high])<<8 | uint16(rest[2*i+1-order.high])
			}
			return string(utf16.Decode(units)), nil
		}
	}
	if bytes.IndexByte(octets, 0) >= 0 {
		return "", fmt.Errorf("%w: it is no text", ErrNoList)
	}
	whole := strings.TrimPrefix(string(octets), "\ufeff")
	if !utf8.ValidString(whole) {
		return mail.DecodeCharset("windows-1252", octets), nil
	}
	return whole, nil
}

// isNone reports whether a cell that should have an address says that there is
// none. Outlook writes the names of Exchange mailboxes in place of addresses.
func isNone(cell string) bool {
	cell = strings.ToLower(strings.TrimSpace(cell))
	return slices.Contains([]string{"", "-", "--", "n/a", "none", "null"}, cell) || strings.HasPrefix(cell, "/o=")
}
