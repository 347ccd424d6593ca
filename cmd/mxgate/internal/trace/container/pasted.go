package container

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
)

// Damage that is mended, in words for people.
const (
	damageQuoted   = "every line was quoted with >"
	damageIndented = "every line was indented"
	damageText     = "text stands before the header"
	damageSpaces   = "non-breaking or invisible spaces instead of spaces"
	damageQuotes   = "typographic quotes instead of straight ones"
	damageQP       = "quoted-printable octets in the header"
	damageFolding  = "lines that continue a field have lost their indentation"
	damageTruncate = "the beginning is cut off"
)

// maxMended bounds what is looked at as pasted text: headers are small.
const maxMended = 1 << 20

// mend undoes what clipboards, ticket systems and replies do to headers, if the
// text is headers alone, or headers below a few words.
//
// A whole message is left as it is: its author could write lines at the top of
// his text that only a repair would make part of the field above them, which our
// own server wrote.
func (m *Message) mend() {
	text := bytes.TrimLeft(bytes.TrimPrefix(m.Content, []byte("\ufeff")), "\r\n")
	if len(text) > maxMended {
		return
	}
	m.Content = text
	m.unquote()
	m.unindent()
	m.skipText()
	if hasBody(m.Content) {
		return
	}
	m.Provenance = Pasted
	m.replace(damageSpaces, "\u00a0", " ", "\u2007", " ", "\u202f", " ", "\u200b", "", "\u2060", "", "\ufeff", "")
	m.replace(damageQuotes, "\u201c", `"`, "\u201d", `"`, "\u201e", `"`, "\u2018", "'", "\u2019", "'")
	m.unQP()
	m.fold()
}

// unquote takes away what replies put before each line.
func (m *Message) unquote() {
	if !bytes.HasPrefix(bytes.TrimLeft(m.Content, " \t"), []byte(">")) {
		return
	}
	var out []byte
	for line := range bytes.Lines(m.Content) {
		rest := bytes.TrimLeft(line, " \t")
		if !bytes.HasPrefix(rest, []byte(">")) {
			rest = line
		}
		for bytes.HasPrefix(rest, []byte(">")) { // one space belongs to each, the others are folding
			rest = bytes.TrimPrefix(rest[1:], []byte(" "))
		}
		out = append(out, rest...)
	}
	m.Content = out
	m.damaged(damageQuoted)
}

// unindent takes away the indent that every line of the first paragraph has: that
// of a ticket, or of a quotation in a word processor. A header that is cut off at
// its beginning has lines without one.
func (m *Message) unindent() {
	indent := m.Content[:len(m.Content)-len(bytes.TrimLeft(m.Content, " \t"))]
	if len(indent) == 0 || fieldName(m.Content[len(indent):]) == "" {
		return
	}
	var out []byte
	first := true
	for line := range bytes.Lines(m.Content) {
		rest, ok := bytes.CutPrefix(line, indent)
		switch first = first && len(bytes.TrimSpace(line)) > 0; {
		case !ok && first:
			return
		case !ok:
			rest = line
		}
		out = append(out, rest...)
	}
	m.Content = out
	m.damaged(damageIndented)
}

// skipText drops what people wrote above the headers they pasted, if the first
// paragraph is no header itself.
func (m *Message) skipText() {
	off, first := 0, true
	for line := range bytes.Lines(m.Content) {
		name := fieldName(bytes.TrimLeft(line, "> \t"))
		switch {
		case len(bytes.TrimSpace(line)) == 0:
			first = false
		case first && (isTrace(name) || isUsual(name)):
			return
		case isTrace(name):
			m.Content = m.Content[off:]
			m.damaged(damageText)
			m.unquote()
			m.unindent()
			return
		}
		off += len(line)
	}
}

// hasBody reports whether something follows the header section.
func hasBody(text []byte) bool {
	_, body, ok := bytes.Cut(text, []byte("\r\n\r\n"))
	return ok && len(bytes.TrimSpace(body)) > 0
}

func (m *Message) replace(damage string, pairs ...string) {
	text := strings.NewReplacer(pairs...).Replace(string(m.Content))
	if text != string(m.Content) {
		m.Content = []byte(text)
		m.damaged(damage)
	}
}

// unQP decodes "=3D" and joins lines that end in "=", if a trace field has one.
func (m *Message) unQP() {
	encoded, name := false, ""
	for line := range bytes.Lines(m.Content) {
		if n := fieldName(line); n != "" {
			name = n
		}
		encoded = encoded || isTrace(name) && bytes.Contains(line, []byte("=3D"))
	}
	if !encoded {
		return
	}
	text := bytes.ReplaceAll(m.Content, []byte("=\r\n"), nil)
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		var octet [1]byte
		if text[i] == '=' && i+2 < len(text) {
			if _, err := hex.Decode(octet[:], text[i+1:i+3]); err == nil && octet[0] >= ' ' {
				out = append(out, octet[0])
				i += 2
				continue
			}
		}
		out = append(out, text[i])
	}
	m.Content = out
	m.damaged(damageQP)
}

// fold indents lines that begin no field.
func (m *Message) fold() {
	var out []byte
	first := true
	for line := range bytes.Lines(m.Content) {
		switch {
		case len(bytes.TrimSpace(line)) == 0: // at the end: nothing follows but such lines
		case line[0] == ' ' || line[0] == '\t', fieldName(line) != "":
			if first && (line[0] == ' ' || line[0] == '\t') {
				m.damaged(damageTruncate)
			}
		case first:
			m.damaged(damageTruncate)
		default:
			out = append(out, ' ')
			m.damaged(damageFolding)
		}
		first = false
		out = append(out, line...)
	}
	m.Content = out
}

func (m *Message) damaged(how string) {
	if !slices.Contains(m.Damage, how) {
		m.Damage = append(m.Damage, how)
	}
}

// maxFieldName is longer than any name that is worth a trace.
const maxFieldName = 76

// fieldName returns the name of the field that line begins, or "". It is
// narrower than RFC 5322: a line that lost its indentation, such as
// "fe80::1) by mx" or "09:00:00 +0000", must not pass for a field.
func fieldName(line []byte) string {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || colon > maxFieldName || colon+1 < len(line) && !bytes.ContainsRune([]byte(" \t\r\n"), rune(line[colon+1])) {
		return ""
	}
	for i, c := range line[:colon] {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '-' || c == '_')) {
			return ""
		}
	}
	return string(line[:colon])
}

// isTrace reports whether a field of that name begins or belongs to a trace.
func isTrace(name string) bool {
	switch strings.ToLower(name) {
	case "received", "return-path", "delivered-to", "authentication-results", "received-spf", "arc-seal", "arc-authentication-results":
		return true
	}
	return false
}

// isUsual reports whether nearly every message has a field of that name.
func isUsual(name string) bool {
	switch strings.ToLower(name) {
	case "from", "to", "subject", "date", "message-id", "mime-version", "content-type":
		return true
	}
	return false
}
