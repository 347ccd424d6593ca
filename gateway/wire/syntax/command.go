package syntax

import (
	"strings"

	"mxgate/policy/mail"
)

// Command is a command as we parsed it. A session reads the envelope from here:
// go-smtp, whose parser takes more than RFC 5321 allows, sees no argument of a
// client at all.
type Command struct {
	Verb string       // upper case: EHLO, HELO, MAIL, RCPT, DATA, RSET or QUIT
	Helo string       // of EHLO and HELO, as given
	Path mail.Address // of MAIL and RCPT; IsNull for MAIL FROM:<>

	// Parameters of MAIL, each zero if absent.
	Size       int64     // SIZE
	Body       mail.Body // BODY
	UTF8       bool      // SMTPUTF8
	RequireTLS bool      // REQUIRETLS
	Return     mail.Return
	EnvelopeID string // ENVID, decoded

	DSN mail.RecipientDSN // parameters of RCPT
}

// CutVerb splits a command line. The verb comes in upper case.
func CutVerb(line string) (verb, arg string) {
	verb, arg, _ = strings.Cut(line, " ")
	return strings.ToUpper(strings.TrimRight(verb, "\t")), strings.Trim(arg, " \t")
}

// ValidHelo reports whether s is a domain or an address literal, as EHLO and
// HELO demand. RFC 5321, Section 4.1.1.1.
//
// Deviation: underscores and single labels pass; honest hosts have such names.
func ValidHelo(s string) bool {
	if !Printable(s) {
		return false // also U-labels: no client may send them before EHLO
	}
	if strings.HasPrefix(s, "[") {
		_, err := mail.ParseMailbox("x@" + s)
		return err == nil
	}
	_, err := mail.ParseDomain(s)
	return err == nil
}

// Printable reports whether s is ASCII without control characters.
func Printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// cutPath reads "FROM:" or "TO:", a path and what follows it; plain says that
// the path came in ASCII. White space after the colon is tolerated: many clients
// send it, and it changes no meaning.
func (t Terms) cutPath(arg, keyword string, bad error) (path mail.Address, params string, plain bool, refused error) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return path, "", false, ErrArgument
	}
	path, params, err := mail.ParsePath(strings.TrimLeft(arg[len(keyword):], " \t"))
	plain = isASCII(arg[:len(arg)-len(params)])
	switch {
	case !plain && !t.SMTPUTF8:
		return path, "", false, ErrNeedsUTF8
	case err != nil || params != "" && params[0] != ' ' && params[0] != '\t':
		return path, "", false, bad
	}
	return path, params, plain, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
