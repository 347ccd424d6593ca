package authres

import (
	"strings"

	"mxgate/policy/mail"
)

// Limits of what we write. The sum of a line's parts stays far below the 998
// octets of RFC 5322, Section 2.1.1.
const (
	foldAt          = 78 // columns, RFC 5322, Section 2.1.1
	maxValueOctets  = 400
	maxReasonOctets = 200
	usualOctets     = 512 // more than most values have
)

// fieldName is counted in the first line, whoever writes it.
const fieldName = "Authentication-Results: "

// Property is one statement about what was evaluated: smtp.mailfrom=value.
type Property struct {
	Type  string // "smtp", "header", "policy"; of others also "", which is not written
	Name  string
	Value string
}

// Method is the result of one authentication method: a resinfo of RFC 8601,
// Section 2.2. The zero Status is written as none; read it means that no result
// was stated.
type Method struct {
	Name       string
	Status     mail.Status // of others also words that are not ours: "hardfail"
	Reason     string
	Properties []Property
	Version    int    // of the method, 0: not stated, which means 1; not written
	Comment    string // the first comment behind the result, at most 200 octets as they stand; not written
}

// Format returns the value of the field: folded with CRLF and tab to 78 columns
// where a single value allows it, without field name and final line end.
//
// Everything in methods may come from an attacker. A value that holds anything
// but the permitted alphabet is dropped; of an address that is not a plain one
// its domain is kept if that is valid. What is dropped does not come back in
// another shape: neither CR, LF nor NUL, nor a quote of either kind, a backslash,
// a comment, a semicolon or a source route, which the simpler parsers downstream
// read wrongly even where RFC 8601 allows them, nor a "=" with something behind
// it: much mail is sorted by rules that search the field for "dmarc=pass".
// Without a method to tell of it says "none".
func Format(authservID string, methods []Method) string {
	w := writer{}
	w.b.Grow(usualOctets)
	w.b.WriteString(safeID(authservID))
	w.column = len(fieldName) + w.b.Len()
	n := 0
	for _, m := range methods {
		if !isKeyword(m.Name) || m.Status != "" && !isKeyword(string(m.Status)) {
			continue
		}
		n++
		w.method(m)
	}
	if n == 0 {
		w.b.WriteString("; none")
	}
	return w.b.String()
}

type writer struct {
	b      strings.Builder
	column int
}

func (w *writer) method(m Method) {
	status := m.Status
	if status == "" {
		status = mail.None
	}
	w.b.WriteString(";\r\n\t")
	w.column = 8 // of a tab
	w.raw(m.Name, "=", string(status))
	if why := reason(m.Reason); why != "" {
		w.part(`reason="`, why, `"`)
	}
	for _, p := range m.Properties {
		if value := pvalue(p.Value); value != "" && isKeyword(p.Type) && isKeyword(p.Name) {
			w.part(p.Type, ".", p.Name, "=", value)
		}
	}
}

func (w *writer) raw(pieces ...string) {
	for _, s := range pieces {
		w.b.WriteString(s)
		w.column += len(s)
	}
}

// part writes pieces after a space, or on a new line if they would not fit; 1
// column is left for the semicolon that may follow.
func (w *writer) part(pieces ...string) {
	n := 0
	for _, s := range pieces {
		n += len(s)
	}
	if w.column+1+n+1 <= foldAt {
		w.raw(" ")
	} else {
		w.b.WriteString("\r\n\t")
		w.column = 8
	}
	w.raw(pieces...)
}

// safeID returns the authserv-id as a token.
func safeID(id string) string {
	id = strings.Map(func(r rune) rune {
		if r > 0x7f || !isTokenByte(byte(r)) {
			return -1
		}
		return r
	}, id)
	if id == "" || len(id) > maxValueOctets {
		return "unknown"
	}
	return id
}

// pvalue returns v as RFC 8601 writes it, or "" if nothing of it can be written.
func pvalue(v string) string {
	switch {
	case v == "" || len(v) > maxValueOctets || permitted(v) != v || strings.Contains(v, "'"):
		return domainOf(v)
	case isToken(v) || isPlainAddress(v):
		return v
	case strings.Contains(v, "@"):
		return domainOf(v)
	case strings.Contains(strings.TrimRight(v, "="), "="): // "dmarc=pass", for those who only search for that
		return ""
	}
	return `"` + v + `"`
}

// isPlainAddress reports whether v is an address, or "@" and a domain, in which
// every reader finds the same domain. It is the one pvalue that may hold "@"
// outside quotes.
func isPlainAddress(v string) bool {
	local, domain, ok := strings.Cut(v, "@")
	if !ok || !isDotAtom(domain) || local != "" && !isDotAtom(local) {
		return false
	}
	_, err := mail.ParseDomain(domain)
	return err == nil
}

// domainOf returns the domain of an address that cannot be written, or "".
func domainOf(v string) string {
	at := strings.LastIndexByte(v, '@')
	if at < 0 {
		return ""
	}
	d, _ := mail.ParseDomain(v[at+1:])
	return string(d)
}

// reason returns what of s can be written as a reason. "dmarc=pass" in it would
// be a result to the many rules that only search the field for that.
func reason(s string) string {
	return strings.ReplaceAll(permitted(s[:min(len(s), maxReasonOctets)]), "=", ":")
}

// permitted returns what of s may stand in a quoted string of ours. No start of
// an encoded word is left: a reader that decodes those would undo all of this.
func permitted(s string) string {
	if isPermitted(s) {
		return s
	}
	return purged(s)
}

// purged takes out of s what is not permitted.
func purged(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\r', r == '\n':
			return ' '
		case r < ' ' || r >= 0x7f || strings.ContainsRune(`"\;()`, r):
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(strings.ReplaceAll(s, "=?", "= "))
}

// isPermitted reports whether purged would leave s as it stands. Of some that it
// would leave so, too, it says no: those with "=", "/" and the like.
func isPermitted(s string) bool {
	for i := 0; i < len(s); i++ {
		if !tokenBytes[s[i]] && (s[i] != ' ' || i == 0 || i == len(s)-1) {
			return false
		}
	}
	return true
}

// isDotAtom reports whether s is a token that is a dot-atom too.
func isDotAtom(s string) bool {
	return isToken(s) && s[0] != '.' && s[len(s)-1] != '.' && !strings.Contains(s, "..")
}

// isToken reports whether s is a token of RFC 2045, Section 5.1.
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(c byte) bool { return tokenBytes[c] }

var tokenBytes = func() (is [256]bool) {
	for c := '!'; c < 0x7f; c++ {
		is[c] = !strings.ContainsRune(`()<>@,;:\"/[]?=`, c)
	}
	return is
}()

// isKeyword reports whether s is a Keyword of RFC 5321, Section 4.1.2 (letters,
// digits and inner hyphens), of a length that no registry exceeds.
func isKeyword(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !isKeywordByte(s[i]) {
			return false
		}
	}
	return true
}

func isKeywordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-'
}
