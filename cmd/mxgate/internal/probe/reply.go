package probe

import (
	"fmt"
	"io"
	"net/textproto"
	"strings"

	"mxgate/policy"
)

// Limits of what a server may say.
const (
	maxTalkOctets = 16 << 10 // in one conversation, before or after STARTTLS
	maxReplyText  = 300      // characters of Reply.Text
)

// Reply is an answer of a server. RFC 5321, Section 4.2.
type Reply struct {
	Code     int    `json:"code"`               // 100 to 999; 0: no reply
	Enhanced string `json:"enhanced,omitempty"` // "5.7.1", its class that of Code
	Text     string `json:"text"`               // one printable line, without Enhanced
}

func (r Reply) String() string {
	return strings.Join(strings.Fields(fmt.Sprint(r.Code, " ", r.Enhanced, " ", r.Text)), " ")
}

// readReply reads one reply and the keywords its lines begin with, for EHLO.
//
// Deviation: lines may end in LF and be as long as they like. A server that is
// sloppy takes mail from strangers all the same, and their programs do not mind.
func readReply(r *textproto.Reader) (reply Reply, keywords []string, err error) {
	code, message, err := r.ReadResponse(0)
	if err != nil {
		return Reply{}, nil, err
	}
	reply.Code = code
	var text []string
	for line := range strings.SplitSeq(message, "\n") {
		first, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		keywords = append(keywords, strings.ToUpper(first))
		if isEnhanced(first, code) && (reply.Enhanced == "" || reply.Enhanced == first) {
			reply.Enhanced, line = first, rest
		}
		text = append(text, strings.TrimSpace(line))
	}
	reply.Text = strings.TrimSpace(policy.Plain(strings.Join(text, " "), maxReplyText))
	return reply, keywords, nil
}

// isEnhanced reports whether word is an enhanced status code of the class of code.
// RFC 3463, Section 2.
func isEnhanced(word string, code int) bool {
	parts := strings.Split(word, ".")
	if len(parts) != 3 || parts[0] != fmt.Sprint(code/100) {
		return false
	}
	for _, p := range parts {
		if len(p) < 1 || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}

// end remembers how what it reads ends: package textproto takes a line that was cut
// short, by a hangup or a timeout, for a whole one. What it lacks may be what
// matters: "554 5.7.1 Service unavailable; blocked using ...".
type end struct {
	from io.Reader
	last byte
	err  error
}

func (e *end) Read(b []byte) (int, error) {
	n, err := e.from.Read(b)
	if n > 0 {
		e.last = b[n-1]
	}
	e.err = err
	return n, err
}

// cut is why the last line, once it has been taken, was cut short; nil if it is
// whole.
func (e *end) cut() error {
	if e.last == '\n' {
		return nil
	}
	return e.err
}
