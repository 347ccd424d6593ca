package wire

import (
	"math"
	"strconv"
	"strings"

	"mxgate/policy/mail"
)

// Command is a command as we parsed it. A session reads the envelope from here
// and not from go-smtp, whose parser takes more than RFC 5321 allows.
type Command struct {
	Verb string       // upper case: EHLO, HELO, MAIL, RCPT, DATA, RSET or QUIT
	Helo string       // of EHLO and HELO, as given
	Path mail.Address // of MAIL and RCPT; IsNull for MAIL FROM:<>
	Size int64        // SIZE of MAIL; 0 if absent
	Body mail.Body    // BODY of MAIL; "" if absent
}

// maxSizeDigits bounds the value of SIZE. RFC 1870, Section 3.
const maxSizeDigits = 20

// cutVerb splits a command line. The verb comes in upper case.
func cutVerb(line string) (verb, arg string) {
	verb, arg, _ = strings.Cut(line, " ")
	return strings.ToUpper(strings.TrimRight(verb, "\t")), strings.Trim(arg, " \t")
}

// validHelo reports whether s is a domain or an address literal, as EHLO and
// HELO demand. RFC 5321, Section 4.1.1.1.
//
// Deviation: underscores and single labels pass; honest hosts have such names.
func validHelo(s string) bool {
	if !printable(s) {
		return false // also U-labels: no client may send them before EHLO
	}
	if strings.HasPrefix(s, "[") {
		_, err := mail.ParseMailbox("x@" + s)
		return err == nil
	}
	_, err := mail.ParseDomain(s)
	return err == nil
}

// printable reports whether s is ASCII without control characters.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// cutPath reads "FROM:" or "TO:", a path and what follows it. White space after
// the colon is tolerated: many clients send it, and it changes no meaning.
func cutPath(arg, keyword string, bad *reply) (path mail.Address, params string, refused *reply) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return path, "", badArgument
	}
	path, params, err := mail.ParsePath(strings.TrimLeft(arg[len(keyword):], " \t"))
	switch {
	case err != nil && !isASCII(arg), err == nil && !isASCII(arg[:len(arg)-len(params)]):
		return path, "", needsUTF8
	case err != nil || params != "" && params[0] != ' ' && params[0] != '\t':
		return path, "", bad
	}
	return path, params, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// parseMail reads the argument of MAIL. Parameters that we do not announce are
// refused, RFC 5321, Section 4.1.1.11; SIZE is compared with limit.
func parseMail(arg string, limit int64) (Command, *reply) {
	path, params, refused := cutPath(arg, "FROM:", badSender)
	if refused != nil {
		return Command{}, refused
	}
	cmd := Command{Verb: "MAIL", Path: path}
	seen := map[string]bool{}
	for param := range strings.FieldsSeq(params) {
		key, value, _ := strings.Cut(param, "=")
		key = strings.ToUpper(key)
		if seen[key] {
			return Command{}, badParameterValue
		}
		seen[key] = true
		switch key {
		case "SIZE":
			size, ok := parseSize(value)
			if !ok {
				return Command{}, badParameterValue
			}
			if size > limit {
				return Command{}, tooLarge
			}
			cmd.Size = size
		case "BODY":
			cmd.Body = mail.Body(strings.ToUpper(value))
			if cmd.Body != mail.Body7Bit && cmd.Body != mail.Body8BitMIME {
				return Command{}, badParameterValue
			}
		default:
			return Command{}, unknownParameter
		}
	}
	return cmd, nil
}

// parseSize reads 1 to 20 digits; a number too large for an int64 becomes the
// largest.
func parseSize(value string) (int64, bool) {
	if value == "" || len(value) > maxSizeDigits || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return math.MaxInt64, true
	}
	return n, true
}

// parseRcpt reads the argument of RCPT, which has no parameters with us.
func parseRcpt(arg string) (Command, *reply) {
	path, params, refused := cutPath(arg, "TO:", badRecipient)
	switch {
	case refused != nil:
		return Command{}, refused
	case path.IsNull():
		return Command{}, badRecipient
	case strings.Trim(params, " \t") != "":
		return Command{}, unknownParameter
	}
	return Command{Verb: "RCPT", Path: path}, nil
}

// forServer serialises a path for go-smtp, which only counts and echoes paths.
// It unquotes local parts and knows no postmaster without a domain, so such a
// path is replaced by one of ours: the session reads Command.
func forServer(a mail.Address, hostname string) string {
	path := a.String()
	switch {
	case strings.HasPrefix(path, `"`):
		return "<quoted@" + hostname + ">"
	case a.Domain == "" && !a.Literal.IsValid() && !a.IsNull():
		return "<postmaster@" + hostname + ">"
	}
	return "<" + path + ">"
}
