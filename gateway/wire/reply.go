package wire

import (
	"bytes"
	"strconv"
	"strings"

	"mxgate/gateway/wire/syntax"
)

// reply is an answer of ours, one line.
type reply struct {
	code     int
	enhanced string // RFC 3463; "" only where RFC 2034 has none
	text     string
	last     bool // the connection ends after it
}

// What wire answers by itself. RFC 5321, Section 4.2; SMTP-DUTIES 3 and 4.
var (
	ok          = &reply{250, "2.0.0", "OK", false}
	senderOK    = &reply{250, "2.1.0", "Sender OK", false}
	recipientOK = &reply{250, "2.1.5", "Recipient OK", false}
	cannotVRFY  = &reply{252, "2.5.0", "Cannot verify, send some mail", false}
	help        = &reply{214, "2.0.0", "See RFC 5321", false}
	goodbye     = &reply{221, "2.0.0", "Bye", false}
	startData   = &reply{354, "", "End data with <CR><LF>.<CR><LF>", false}
	startTLS    = &reply{220, "2.0.0", "Ready to start TLS", false}

	lineTooLong       = &reply{500, "5.5.2", "Line too long", false}
	unknownCommand    = &reply{500, "5.5.1", "Command not recognised", false}
	badLine           = &reply{501, "5.5.2", "Bare CR, bare LF or NUL in a command", true}
	badArgument       = &reply{501, "5.5.4", "Syntax error in the argument", false}
	badParameterValue = &reply{501, "5.5.4", "Bad parameter value", false}
	notOffered        = &reply{502, "5.5.1", "Command not offered", false}
	noChunks          = &reply{502, "5.5.1", "CHUNKING is not offered", true}
	badSequence       = &reply{503, "5.5.1", "Bad sequence of commands", false}
	strangerOnlyQuits = &reply{503, "5.5.1", "Access denied", false}
	needsTLS          = &reply{530, "5.7.0", "Must issue a STARTTLS command first", false}
	noProxy           = &reply{550, "5.7.0", "Not permitted from here", false}
	tooLarge          = &reply{552, "5.3.4", "Message exceeds the size limit", false}
	badSender         = &reply{553, "5.1.7", "Bad sender address syntax", false}
	badRecipient      = &reply{553, "5.1.3", "Bad recipient address syntax", false}
	needsUTF8         = &reply{553, "5.6.7", "Address needs SMTPUTF8", false}
	talksTooEarly     = &reply{554, "5.5.0", "Commands sent out of turn", true}
	unknownParameter  = &reply{555, "5.5.4", "Parameter not recognised", false}

	shuttingDown     = &reply{421, "4.3.2", "Shutting down, try again", true}
	idleTooLong      = &reply{421, "4.4.2", "Timeout, closing the connection", true}
	notHTTP          = &reply{421, "4.7.0", "This is not HTTP", true}
	tooManyCommands  = &reply{421, "4.7.0", "Too many commands without a message", true}
	tooManyErrors    = &reply{421, "4.7.0", "Too many errors", true}
	spoolFull        = &reply{452, "4.3.1", "Out of space, try again", false}
	tooManyRcpts     = &reply{452, "4.5.3", "Too many recipients, send the rest again", false}
	internalDisorder = &reply{421, "4.3.0", "Internal error, try again", true}
)

// refusals answer each error of package syntax.
var refusals = map[error]*reply{
	syntax.ErrArgument:         badArgument,
	syntax.ErrSender:           badSender,
	syntax.ErrRecipient:        badRecipient,
	syntax.ErrNeedsUTF8:        needsUTF8,
	syntax.ErrUnknownParameter: unknownParameter,
	syntax.ErrParameterValue:   badParameterValue,
	syntax.ErrTooLarge:         tooLarge,
}

func (r *reply) appendTo(b []byte) []byte {
	b = append(strconv.AppendInt(b, int64(r.code), 10), ' ')
	if r.enhanced != "" {
		b = append(append(b, r.enhanced...), ' ')
	}
	return append(append(b, r.text...), "\r\n"...)
}

// maxTextOctets keeps the text of a reply line within RFC 5321, Section
// 4.5.3.1.5. SMTP-DUTIES T1.
const maxTextOctets = 400

// answer is a complete reply of go-smtp.
type answer struct {
	code  int
	lines []string // the text after the code
}

// appendTo serialises a with the enhanced code on each line and clean text.
// RFC 2034, Section 4.
//
// go-smtp puts the enhanced code on the last line only. One that is missing or
// of another class than the code becomes x.0.0.
func (a *answer) appendTo(b []byte) []byte {
	enhanced, tail := cutEnhanced(a.lines[len(a.lines)-1])
	class := a.code / 100
	switch {
	case class != 2 && class != 4 && class != 5:
		enhanced = ""
	case enhanced == "" || int(enhanced[0]-'0') != class:
		enhanced = strconv.Itoa(class) + ".0.0 "
	}
	for i, text := range a.lines {
		sep := byte('-')
		if i == len(a.lines)-1 {
			sep, text = ' ', tail
		}
		b = strconv.AppendInt(b, int64(a.code), 10)
		b = append(b, sep)
		b = append(b, enhanced...)
		b = append(b, clean(text)...)
		b = append(b, "\r\n"...)
	}
	return b
}

// cutEnhanced splits "x.y.z text"; the code comes with its space.
func cutEnhanced(s string) (enhanced, text string) {
	code, text, _ := strings.Cut(s, " ")
	parts := strings.Split(code, ".")
	if len(parts) != 3 || len(parts[0]) != 1 {
		return "", s
	}
	for _, part := range parts {
		if _, err := strconv.ParseUint(part, 10, 10); err != nil || len(part) > 3 {
			return "", s
		}
	}
	return code + " ", text
}

// clean makes text printable ASCII and bounds it. SMTP-DUTIES T2.
func clean(text string) string {
	text = text[:min(len(text), maxTextOctets)]
	if syntax.Printable(text) {
		return text
	}
	b := []byte(text)
	for i, c := range b {
		if c < ' ' || c >= 0x7f {
			b[i] = ' '
		}
	}
	return string(b)
}

// maxReplyOctets bounds what is collected of one reply of go-smtp.
const maxReplyOctets = 64 << 10

// replies collects what go-smtp writes into answers.
type replies struct {
	partial []byte // of a line
	whole   answer // as far as it has come
}

// take adds p and passes each reply that is complete to deliver, which must not
// keep it. It reports whether what go-smtp writes can still be a reply.
func (r *replies) take(p []byte, deliver func(*answer)) bool {
	r.partial = append(r.partial, p...)
	if len(r.partial) > maxReplyOctets {
		return false
	}
	for {
		line, rest, whole := bytes.Cut(r.partial, []byte{'\n'})
		if !whole {
			return true
		}
		line = bytes.TrimSuffix(line, []byte{'\r'})
		code, ok := replyCode(line)
		if !ok {
			return false
		}
		r.whole.code = code
		r.whole.lines = append(r.whole.lines, string(line[4:]))
		more := line[3] == '-'
		r.partial = append(r.partial[:0], rest...)
		if !more {
			deliver(&r.whole)
			r.whole.lines = r.whole.lines[:0]
		}
	}
}

// replyCode reads the three digits that a reply line begins with; a fourth
// octet must follow.
func replyCode(line []byte) (code int, ok bool) {
	if len(line) < 4 {
		return 0, false
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, false
		}
		code = 10*code + int(c-'0')
	}
	return code, code >= 200 && code < 600
}
