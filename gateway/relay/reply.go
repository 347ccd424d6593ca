package relay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Limits of a reply, SMTP-DUTIES R8 and T2.
const (
	maxReplyLine  = 512 // octets with CRLF, RFC 5321, Section 4.5.3.1.5
	maxReplyLines = 50
	maxReplyText  = 400 // octets of Reply.Text
)

// errGarbage says that what was read is not a reply.
var errGarbage = errors.New("not a reply")

// readReply reads one reply of one or more lines from r, whose buffer must have
// maxReplyLine octets: a longer line does not fit and is garbage at once.
//
// each, if not nil, is called with the text of every line. Errors are those of r,
// or errGarbage. RFC 5321, Section 4.2.1.
//
// Deviation: the second digit of a code may be above 5; refusals like 571 are in
// use and must not turn into a retry.
func readReply(r *bufio.Reader, each func(text string)) (Reply, error) {
	var reply Reply
	var text strings.Builder
	for range maxReplyLines {
		line, err := r.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			return Reply{}, fmt.Errorf("%w: line of more than %d octets: %.80q", errGarbage, maxReplyLine, line)
		}
		if err != nil {
			return Reply{}, fmt.Errorf("read: %w", err)
		}
		code, rest, more, ok := splitReplyLine(line)
		if !ok || reply.Code != 0 && code != reply.Code {
			return Reply{}, fmt.Errorf("%w: %.80q", errGarbage, line)
		}
		first := reply.Code == 0
		reply.Code, rest = code, clean(rest)
		if each != nil {
			each(string(rest))
		}
		if enhanced, behind, ok := cutEnhanced(rest, code); ok && (reply.Enhanced == "" || reply.Enhanced == string(enhanced)) {
			reply.Enhanced, rest = string(enhanced), behind
		}
		if room := maxReplyText - text.Len(); room > 0 && len(rest) > 0 {
			if !first {
				text.WriteByte(' ')
				room--
			}
			text.Write(rest[:min(room, len(rest))])
		}
		if !more {
			reply.Text = strings.TrimSpace(text.String())
			return reply, nil
		}
	}
	return Reply{}, fmt.Errorf("%w: more than %d lines", errGarbage, maxReplyLines)
}

// splitReplyLine takes apart "250-text CRLF". A line of nothing but the code is
// a last line: some servers send "451" alone.
func splitReplyLine(line []byte) (code int, text []byte, more, ok bool) {
	line, ok = bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || len(line) < 3 || line[0] < '2' || line[0] > '5' || !digits(line[1:3]) {
		return 0, nil, false, false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	if len(line) == 3 {
		return code, nil, false, true
	}
	return code, line[4:], line[3] == '-', line[3] == '-' || line[3] == ' '
}

// cutEnhanced takes an enhanced status code from the front of text. Its class
// must be that of code. RFC 2034, Section 4; RFC 3463, Section 2.
func cutEnhanced(text []byte, code int) (enhanced, rest []byte, ok bool) {
	enhanced, rest, _ = bytes.Cut(text, []byte(" "))
	class, tail, _ := bytes.Cut(enhanced, []byte("."))
	subject, detail, _ := bytes.Cut(tail, []byte("."))
	ok = len(class) == 1 && int(class[0]-'0') == code/100 && code/100 != 3 && statusNumber(subject) && statusNumber(detail)
	return enhanced, bytes.TrimLeft(rest, " "), ok
}

// statusNumber reports whether b is 1*3DIGIT without leading zeros.
func statusNumber(b []byte) bool {
	return len(b) >= 1 && len(b) <= 3 && digits(b) && (len(b) == 1 || b[0] != '0')
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// clean makes text printable ASCII in place. SMTP-DUTIES T2.
func clean(text []byte) []byte {
	for i, c := range text {
		if c < ' ' || c >= 0x7f {
			text[i] = ' '
		}
	}
	return text
}

// takesRecipient reports whether r, to RCPT, means that mail for the recipient
// is taken: 252 says that it is attempted. RFC 5321, Section 4.2.3.
func takesRecipient(r Reply) bool { return r.Code == 250 || r.Code == 251 || r.Code == 252 }

// takesMessage reports whether r, to the final dot, means that the next hop has
// the message for good. Our own 250 rests on it, so no other 2xx will do: a 221
// says goodbye, a 214 or a 252 answers something that was not asked. RFC 5321,
// Sections 4.2.5 and 4.3.2; 251 is what some servers answer who forward.
func takesMessage(r Reply) bool { return r.Code == 250 || r.Code == 251 }

// refusesUs reports whether a 5xx answer to MAIL, RCPT or DATA speaks about the
// gateway rather than about the message: a fault of configuration between us and
// the next hop must not bounce mail. SMTP-DUTIES I7 and R4.
func refusesUs(r Reply) bool {
	switch r.Code {
	case 500, 502, 503, // RFC 5321, Section 4.2.2: our commands make no sense to it
		521, // RFC 7504, Section 4: it takes no mail at all
		530: // RFC 3207, Section 4 and RFC 4954, Section 4: TLS or AUTH first
		return true
	}
	if r.Code < 500 {
		return false
	}
	text := strings.ToLower(withoutPaths(r.Text))
	for _, phrase := range noRelay {
		if strings.Contains(text, phrase) {
			return true
		}
	}
	return false
}

// noRelay holds how servers say that we may not relay through them.
var noRelay = []string{
	"relay access denied", "relaying denied", "relay denied", "relay not permitted", "relaying not permitted",
	"relay not allowed", "relaying not allowed", "relaying is not allowed", "relaying prohibited",
	"unable to relay", "not permitted to relay", "not allowed to relay", "do not relay", "allowed rcpthosts",
}

// withoutPaths drops what stands in angle brackets: a quoted local part in it
// could say anything.
func withoutPaths(text string) string {
	start, end := strings.IndexByte(text, '<'), strings.LastIndexByte(text, '>')
	if start < 0 || end < start {
		return text
	}
	return text[:start] + text[end+1:]
}
