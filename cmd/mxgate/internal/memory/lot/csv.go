package lot

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
)

// role is what a column of a table holds.
type role int

const (
	roleNone role = iota
	roleDomain
	roleMail
	roleSite // counts where no column has domains or addresses
	roleSince
	roleName    // counts in tables that are no address book
	roleCompany // counts before a name
	rolePerson  // tells an address book
)

// roles has columns by their names, in letters and digits alone.
var roles = map[string]role{
	"domain": roleDomain, "domains": roleDomain, "domäne": roleDomain, "domaine": roleDomain, "dominio": roleDomain, "maildomain": roleDomain, "emaildomain": roleDomain, "senderdomain": roleDomain,
	"website": roleSite, "web": roleSite, "webpage": roleSite, "webseite": roleSite, "url": roleSite, "homepage": roleSite, "site": roleSite,
	"since": roleSince, "seit": roleSince, "depuis": roleSince, "desde": roleSince, "siden": roleSince, "dal": roleSince, "sinds": roleSince, "customersince": roleSince, "vendorsince": roleSince, "suppliersince": roleSince, "kundeseit": roleSince, "lieferantseit": roleSince,
	"name": roleName, "vendor": roleName, "supplier": roleName, "customer": roleName, "lieferant": roleName, "kunde": roleName, "fournisseur": roleName, "client": roleName,
	"company": roleCompany, "firma": roleCompany, "organization": roleCompany, "organisation": roleCompany, "organizationname": roleCompany, "organization1name": roleCompany, "société": roleCompany, "empresa": roleCompany,
	"firstname": rolePerson, "lastname": rolePerson, "givenname": rolePerson, "familyname": rolePerson, "vorname": rolePerson, "nachname": rolePerson, "prénom": rolePerson, "nombre": rolePerson, "fornavn": rolePerson,
}

// roleOf says what a column of that name holds: "E-mail 1 - Value" has addresses,
// "E-mail 1 - Type" and "Mailing Street" have none.
func roleOf(name string) role {
	name = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
	if r, ok := roles[name]; ok {
		return r
	}
	has := func(word string) bool { return strings.Contains(name, word) }
	if !has("mail") && !has("messagerie") && !has("epost") && !has("correo") || slices.ContainsFunc([]string{"mailing", "typ", "label", "display", "anzeige", "complet"}, has) {
		return roleNone
	}
	return roleMail
}

// maxOpen bounds how often a table is read on behind a quote that nothing closes: each
// time is work for all that follows.
const maxOpen = 100

// ReadCSV reads a table. The first row names the columns, or has a domain or an
// address itself; then each cell is taken for what it looks like. Lines that begin
// with "#" are comments. A row whose quotes are wrong is named, and the rest is read.
// Errors are ErrTooLong, ErrNoList, those of r, and those of the syntax if the first
// row is wrong or too many quotes are open.
func ReadCSV(r io.Reader) (*List, error) {
	whole, err := text(r)
	if err != nil {
		return nil, err
	}
	var l List
	var columns []role // nil: there is no heading
	t := newTable(whole)
	for n := 0; ; n++ {
		row, line, err := t.next()
		wrong, isWrong := errors.AsType[*wrongRow](err)
		switch {
		case errors.Is(err, io.EOF) && n == 0:
			return nil, fmt.Errorf("%w: it is empty", ErrNoList)
		case errors.Is(err, io.EOF):
			return &l, nil
		case err != nil && (!isWrong || n == 0 || t.opened > maxOpen):
			return nil, err
		case n == MaxRows:
			return nil, fmt.Errorf("%w: more than %d rows", ErrTooLong, MaxRows)
		case isWrong:
			l.Rows++
			l.trouble(wrong.line, wrong.text, aQuote)
			continue
		}
		if row = row[:min(len(row), maxColumns)]; n == 0 && !slices.ContainsFunc(row, plausible) {
			if columns = heading(row); columns == nil {
				return nil, fmt.Errorf("%w: line %d: %.100q: expected a row that names a column domain or e-mail, or one that has %s", ErrNoList, line, strings.Join(row, string(t.comma)), aDomain)
			}
			continue
		}
		if err := l.row(line, row, columns); err != nil {
			return nil, err
		}
	}
}

// plausible reports whether a cell of a first row is a value and no heading.
func plausible(cell string) bool { return len(cell) <= maxCell && domainOf(cell) != "" }

// heading says what the columns are; nil if none has domains.
func heading(row []string) []role {
	columns := make([]role, len(row))
	for i, cell := range row {
		columns[i] = roleOf(cell)
	}
	if slices.Contains(columns, roleDomain) || slices.Contains(columns, roleMail) {
		return columns
	}
	if !slices.Contains(columns, roleSite) {
		return nil
	}
	for i := range columns {
		if columns[i] == roleSite {
			columns[i] = roleDomain
		}
	}
	return columns
}

// row takes in what a row says.
func (l *List) row(line int, row []string, columns []role) error {
	l.Rows++
	if columns == nil {
		columns = guess(row)
	}
	var since time.Time
	note, company := "", ""
	for i, cell := range row[:min(len(row), len(columns))] {
		if len(cell) > maxCell {
			cell = cell[:maxCell]
		}
		switch columns[i] {
		case roleSince:
			if isNone(cell) {
				continue
			}
			var ok bool
			if since, ok = dayOf(cell); !ok {
				l.trouble(line, cell, aDay)
				return nil
			}
		case roleName:
			if note == "" && !slices.Contains(columns, rolePerson) {
				note = clip(cell)
			}
		case roleCompany:
			company = clip(cell)
		}
	}
	if company != "" {
		note = company
	}
	found := false
	for i, cell := range row[:min(len(row), len(columns))] {
		if columns[i] != roleDomain && columns[i] != roleMail || isNone(cell) {
			continue
		}
		found = true
		if err := l.cell(line, cell, since, note); err != nil {
			return err
		}
	}
	if !found {
		l.Empty++
	}
	return nil
}

// cell takes in the domains and addresses of a cell: Google separates several
// with ":::".
func (l *List) cell(line int, cell string, since time.Time, note string) error {
	cell = strings.ReplaceAll(cell[:min(len(cell), maxCell)], ":::", ";")
	n := 0
	for part := range strings.FieldsFuncSeq(cell, func(r rune) bool { return r == ';' || r == ',' || r == '\n' }) {
		if isNone(part) {
			continue
		}
		if n++; n > maxInCell {
			l.trouble(line, cell, fmt.Sprintf("at most %d addresses in a cell", maxInCell))
			return nil
		}
		d := domainOf(part)
		if d == "" {
			l.trouble(line, part, aDomain)
			continue
		}
		if err := l.add(d, since, note, line); err != nil {
			return err
		}
	}
	return nil
}

// guess says what the cells of a row without a heading are: the first domain or
// address is the domain, unless an address follows.
func guess(row []string) []role {
	columns := make([]role, len(row))
	at := -1
	for i, cell := range row {
		_, isDay := dayOf(cell)
		switch {
		case isNone(cell):
		case isDay && !slices.Contains(columns, roleSince):
			columns[i] = roleSince
		case strings.Contains(cell, "@") && plausible(cell):
			columns[i] = roleMail
		case at < 0 && plausible(cell):
			at = i
		case !slices.Contains(columns, roleName):
			columns[i] = roleName
		}
	}
	if at >= 0 && !slices.Contains(columns, roleMail) {
		columns[at] = roleDomain
	}
	if !slices.Contains(columns, roleDomain) && !slices.Contains(columns, roleMail) { // to be told of
		for i, cell := range row {
			if !isNone(cell) {
				columns[i] = roleDomain
				break
			}
		}
	}
	return columns
}
