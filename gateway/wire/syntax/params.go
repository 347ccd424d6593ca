package syntax

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"mxgate/policy/mail"
)

// Limits of parameter values, in octets as sent.
const (
	maxSizeDigits       = 20  // RFC 1870, Section 3
	MaxEnvelopeIDOctets = 100 // RFC 3461, Section 4.4
	MaxOriginalOctets   = 500 // RFC 3461, Section 4.2
	maxAddressType      = 64  // of ORCPT; the registered ones are shorter
)

// ParseMail reads the argument of MAIL. Parameters that were not announced to
// this session are refused: RFC 5321, Section 4.1.1.11. With ErrTooLarge the Command
// has the path and the size.
func (t Terms) ParseMail(arg string) (Command, error) {
	path, params, plain, refused := t.cutPath(arg, "FROM:", ErrSender)
	if refused != nil {
		return Command{}, refused
	}
	cmd := Command{Verb: "MAIL", Path: path}
	switch refused := eachParam(params, func(key, value string, given bool) error { return t.mailParam(&cmd, key, value, given) }); refused {
	case nil:
	case ErrTooLarge:
		return Command{Verb: cmd.Verb, Path: cmd.Path, Size: cmd.Size}, refused
	default:
		return Command{}, refused
	}
	if !plain && !cmd.UTF8 {
		return Command{}, ErrNeedsUTF8
	}
	return cmd, nil
}

// ParseRcpt reads the argument of RCPT; utf8 says that MAIL had SMTPUTF8.
func (t Terms) ParseRcpt(arg string, utf8 bool) (Command, error) {
	path, params, plain, refused := t.cutPath(arg, "TO:", ErrRecipient)
	switch {
	case refused != nil:
		return Command{}, refused
	case path.IsNull():
		return Command{}, ErrRecipient
	case !plain && !utf8:
		return Command{}, ErrNeedsUTF8
	}
	cmd := Command{Verb: "RCPT", Path: path}
	if refused := eachParam(params, func(key, value string, _ bool) error { return t.rcptParam(&cmd, key, value, utf8) }); refused != nil {
		return Command{}, refused
	}
	return cmd, nil
}

// eachParam gives take each parameter, with its key in upper case. None may
// come twice.
func eachParam(params string, take func(key, value string, given bool) error) error {
	var seen []string
	for param := range strings.FieldsFuncSeq(params, isBlank) {
		key, value, given := strings.Cut(param, "=")
		key = strings.ToUpper(key)
		if slices.Contains(seen, key) {
			return ErrParameterValue
		}
		if refused := take(key, value, given); refused != nil {
			return refused
		}
		seen = append(seen, key) // only known ones, so there are few
	}
	return nil
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' }

// mailParam takes one parameter of MAIL.
func (t Terms) mailParam(cmd *Command, key, value string, given bool) error {
	good := true
	switch {
	case key == "SIZE" && t.Extended:
		if cmd.Size, good = parseSize(value); good && cmd.Size > t.MaxOctets {
			return ErrTooLarge
		}
	case key == "BODY" && t.EightBitMIME:
		cmd.Body = mail.Body(strings.ToUpper(value))
		good = cmd.Body == mail.Body7Bit || cmd.Body == mail.Body8BitMIME
	case key == "SMTPUTF8" && t.SMTPUTF8:
		cmd.UTF8, good = true, !given
	case key == "REQUIRETLS" && t.RequireTLS:
		cmd.RequireTLS, good = true, !given
	case key == "RET" && t.DSN:
		cmd.Return = mail.Return(strings.ToUpper(value))
		good = cmd.Return == mail.ReturnFull || cmd.Return == mail.ReturnHeaders
	case key == "ENVID" && t.DSN:
		id, err := mail.DecodeXtext(value, MaxEnvelopeIDOctets)
		cmd.EnvelopeID, good = id, err == nil && id != ""
	default:
		return ErrUnknownParameter
	}
	if !good {
		return ErrParameterValue
	}
	return nil
}

// rcptParam takes one parameter of RCPT.
func (t Terms) rcptParam(cmd *Command, key, value string, utf8 bool) error {
	good := true
	switch {
	case key == "NOTIFY" && t.DSN:
		cmd.DSN.Notify, good = parseNotify(value)
	case key == "ORCPT" && t.DSN:
		cmd.DSN.OriginalType, cmd.DSN.Original, good = parseOriginal(value, utf8)
	default:
		return ErrUnknownParameter
	}
	if !good {
		return ErrParameterValue
	}
	return nil
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

// notifyWords are the conditions of NOTIFY in the order we write them.
var notifyWords = []string{"SUCCESS", "FAILURE", "DELAY"}

// parseNotify reads "NEVER" or a list of conditions, and gives it in our order.
// RFC 3461, Section 4.1.
func parseNotify(value string) (string, bool) {
	value = strings.ToUpper(value)
	if value == "NEVER" {
		return value, true
	}
	words := strings.SplitN(value, ",", len(notifyWords)+1)
	listed := make([]string, 0, len(notifyWords))
	for _, word := range notifyWords {
		if slices.Contains(words, word) {
			listed = append(listed, word)
		}
	}
	// Fewer than were sent: one came twice, or is none of ours.
	return strings.Join(listed, ","), len(listed) == len(words)
}

// parseOriginal reads "type;address" of ORCPT; the address is xtext. RFC 3461,
// Section 4.2. The type comes in lower case.
func parseOriginal(value string, utf8 bool) (addressType, address string, ok bool) {
	if len(value) > MaxOriginalOctets {
		return "", "", false
	}
	addressType, encoded, _ := strings.Cut(value, ";")
	addressType = strings.ToLower(addressType)
	// A parameter's value has no "=", whatever an atom may have: RFC 5321, Section 4.1.2.
	if !IsAtom(addressType) || len(addressType) > maxAddressType || strings.Contains(addressType, "=") {
		return "", "", false
	}
	if addressType == "utf-8" {
		address, ok = embedUnicode(encoded, utf8)
		return addressType, address, ok
	}
	address, err := mail.DecodeXtext(encoded, MaxOriginalOctets)
	return addressType, address, err == nil && address != ""
}

// IsAtom reports whether s is an atom of RFC 5321, Section 4.1.2: of letters, digits
// and what else is atext by RFC 5322, Section 3.2.3, without comments or folding.
func IsAtom(s string) bool {
	const atext = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~"
	return s != "" && strings.Trim(s, atext) == ""
}

// embedUnicode reads an address of type utf-8 and gives it in the form that
// every DSN server takes: "\x{4E00}" for what is not ASCII. Only with SMTPUTF8
// may it come as it is. RFC 6533, Section 3.
func embedUnicode(s string, raw bool) (string, bool) {
	var b strings.Builder
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '\\':
			digits, _, closed := strings.Cut(strings.TrimPrefix(s, `\x{`), "}")
			point, err := strconv.ParseUint(digits, 16, 21)
			if r, n = rune(point), len(`\x{}`)+len(digits); !closed || err != nil || !strings.HasPrefix(s, `\x{`) || r < ' ' || r == 0x7f || !utf8.ValidRune(r) {
				return "", false
			}
			b.WriteString(`\x{` + strings.ToUpper(digits) + "}")
		case r >= utf8.RuneSelf && raw && (r != utf8.RuneError || n > 1):
			b.WriteString(`\x{` + strings.ToUpper(strconv.FormatInt(int64(r), 16)) + "}")
		case r <= ' ' || r >= 0x7f || r == '+' || r == '=':
			return "", false
		default:
			b.WriteByte(s[0])
		}
		s = s[n:]
	}
	return b.String(), b.Len() > 0 && b.Len()+len("utf-8;") <= MaxOriginalOctets
}
