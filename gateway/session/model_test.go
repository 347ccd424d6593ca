package session_test

import (
	"fmt"
	"slices"
	"strings"

	"mxgate/gateway/wire"
)

// The reference model: what a session answers and what reaches the Gate, told
// the plain way. It knows the generator's words from tables and parses nothing.

// Limits of the listener that the model is compared with.
const (
	modelOctets, modelErrors, modelCommands = 2000, 12, 60
	modelRcpts                              = 100
)

// word is a local part or a first line of content that the Gate reacts to.
var words = map[string]struct {
	reply string
	event string // what the transaction is told besides
	last  bool
}{
	"refuse": {reply: "550 5.1.1"},
	"later":  {reply: "451 4.2.2"},
	"odd":    {reply: "550 5.0.0"}, // the Gate's enhanced code is of another class
	"error":  {reply: "451 4.3.0"},
	"busy":   {reply: "421 4.3.0", last: true},
	"panic":  {reply: "421 4.3.0", event: "abort panic", last: true},
}

// paths are arguments of MAIL and RCPT behind the colon.
var paths = map[string]struct {
	local string // its local part
	ours  string // as we write it; "" if it is no path
	utf8  bool
}{
	"<a@client.example>":              {"a", "a@client.example", false},
	"<>":                              {"", "<>", false},
	" <b@EXAMPLE.com>":                {"b", "b@example.com", false},
	"<postmaster>":                    {"postmaster", "postmaster", false},
	"<@x.example,@y.example:c@d.org>": {"c", "c@d.org", false},
	`<"q> NOTIFY=NEVER <r"@d.org>`:    {"q> NOTIFY=NEVER <r", `"q> NOTIFY=NEVER <r"@d.org`, false},
	"<ä@client.example>":              {"ä", "ä@client.example", true},
	"<e@bücher.example>":              {"e", "e@xn--bcher-kva.example", true},
	"<refuse@d.org>":                  {"refuse", "refuse@d.org", false},
	"<later@d.org>":                   {"later", "later@d.org", false},
	"<odd@d.org>":                     {"odd", "odd@d.org", false},
	"<error@d.org>":                   {"error", "error@d.org", false},
	"<busy@d.org>":                    {"busy", "busy@d.org", false},
	"<panic@d.org>":                   {"panic", "panic@d.org", false},
	"<f@d.org":                        {}, "g@d.org": {}, "<h@(c)d.org>": {}, "<i@d.org>X": {}, "<j@k@d.org>": {},
}

// params are parameters; seen is what the Gate is shown of one, and refused what
// is wrong with it where it is offered.
var params = map[string]struct{ verb, needs, seen, refused string }{
	"SIZE=100":                   {"MAIL", "SIZE", " size=100", ""},
	"SIZE=5000":                  {"MAIL", "SIZE", "", "552 5.3.4"},
	"size=x":                     {"MAIL", "SIZE", "", "501 5.5.4"},
	"BODY=8bitmime":              {"MAIL", "8BITMIME", " body=8BITMIME", ""},
	"BODY=BINARYMIME":            {"MAIL", "8BITMIME", "", "501 5.5.4"},
	"SMTPUTF8":                   {"MAIL", "SMTPUTF8", " utf8", ""},
	"SMTPUTF8=1":                 {"MAIL", "SMTPUTF8", "", "501 5.5.4"},
	"REQUIRETLS":                 {"MAIL", "REQUIRETLS", " requiretls", ""},
	"RET=hdrs":                   {"MAIL", "DSN", " ret=HDRS", ""},
	"ENVID=a+2Bb":                {"MAIL", "DSN", " envid=a+b", ""},
	"ENVID=a+0Ab":                {"MAIL", "DSN", "", "501 5.5.4"},
	"AUTH=<>":                    {"MAIL", "never", "", ""},
	"NOTIFY=DELAY,SUCCESS":       {"RCPT", "DSN", " notify=SUCCESS,DELAY", ""},
	"NOTIFY=NEVER,DELAY":         {"RCPT", "DSN", "", "501 5.5.4"},
	"ORCPT=rfc822;a+2Bb@old.org": {"RCPT", "DSN", " orcpt=rfc822;a+b@old.org", ""},
	"ORCPT=;a":                   {"RCPT", "DSN", "", "501 5.5.4"},
	"RRVS=now":                   {"RCPT", "never", "", ""},
}

// origins are arguments of XCLIENT and XFORWARD.
var origins = map[string]struct{ addr, helo string }{
	"ADDR=192.0.2.7": {addr: "192.0.2.7"}, "addr=ipv6:2001:db8::7": {addr: "2001:db8::7"},
	"ADDR=[unavailable]": {addr: "-"}, "HELO=origin.example": {helo: "origin.example"},
	"HELO=a+20b": {helo: "-"}, "PORT=25 PROTO=ESMTP": {},
}

// fixed are the answers that depend on nothing.
var fixed = map[string]string{
	"NOOP": "250 2.0.0", "VRFY": "252 2.5.0", "HELP": "214 2.0.0", "EXPN": "502 5.5.1", "AUTH": "502 5.5.1", "FOO": "500 5.5.1", "": "500 5.5.1",
	"BDAT": "502 5.5.1 last", "GET": "421 4.7.0 last",
}

type origin struct{ addr, helo string }

type model struct {
	offer   wire.Offer // what the listener would offer now
	trusted bool       // may say XCLIENT

	secure, greeted   bool
	announced         []string // keywords of the last EHLO
	octets, maxRcpts  int
	origin            origin
	forward           *origin
	tx, utf8, content bool // content: 354 was answered
	rcpts, tried      int
	commands, faults  int
	over              bool

	replies, events []string
}

func (m *model) event(format string, args ...any) {
	m.events = append(m.events, fmt.Sprintf(format, args...))
}

// say answers for wire, which counts what it refuses.
func (m *model) say(reply string) {
	m.replies = append(m.replies, strings.TrimSuffix(reply, " last"))
	switch {
	case strings.HasSuffix(reply, " last"):
		m.end("error")
	case reply[0] == '5':
		if m.faults++; m.faults >= modelErrors {
			m.replies = append(m.replies, "421 4.7.0")
			m.end("error")
		}
	}
}

func (m *model) forget() { m.tx, m.utf8, m.rcpts, m.tried, m.forward = false, false, 0, 0, nil }

// abort ends the transaction without content.
func (m *model) abort(why string) {
	if m.tx {
		m.event("abort %s", why)
	}
	m.forget()
}

// end is the end of the connection.
func (m *model) end(why string) {
	m.over, m.content = true, false
	m.abort(why)
}

// gate is the Gate's reaction to a word; it reports whether it succeeds.
func (m *model) gate(word string) bool {
	w, special := words[word]
	if !special {
		return true
	}
	m.replies = append(m.replies, w.reply)
	if w.last {
		m.over = true
		m.abort(strings.TrimPrefix(cmpOr(w.event, "abort error"), "abort "))
	}
	return false
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// lineOctets is the longest command line.
func (m *model) lineOctets() int {
	switch {
	case slices.Contains(m.announced, "DSN"):
		return 512 + 500
	case m.announced == nil:
		return 512
	}
	n := 512 + 26
	for keyword, growth := range map[string]int{"8BITMIME": 17, "SMTPUTF8": 10, "REQUIRETLS": 11} {
		if slices.Contains(m.announced, keyword) {
			n += growth
		}
	}
	return n
}

// line is one command line, without CRLF; more says that its packet goes on.
func (m *model) line(text string, more bool) {
	switch {
	case m.over:
		return
	case strings.ContainsAny(text, "\r\n\x00"):
		m.say("501 5.5.2 last")
		return
	case len(text)+2 > m.lineOctets():
		m.say("500 5.5.2")
		return
	}
	verb, arg, _ := strings.Cut(text, " ")
	if verb = strings.ToUpper(verb); verb == "RCPT" && m.tx && m.tried < modelRcpts {
		m.tried++
	} else if m.commands++; m.commands > modelCommands {
		m.say("421 4.7.0 last")
		return
	}
	switch verb {
	case "EHLO", "HELO", "DATA", "STARTTLS":
		if more {
			m.say("554 5.5.0 last")
			return
		}
	}
	switch verb {
	case "EHLO", "HELO":
		m.hello(verb, arg)
	case "MAIL":
		m.mail(arg)
	case "RCPT":
		m.rcpt(arg)
	case "DATA":
		switch {
		case arg != "":
			m.say("501 5.5.4")
		case m.rcpts == 0:
			m.say("503 5.5.1")
		default:
			m.content = true
			m.replies = append(m.replies, "354 ")
		}
	case "RSET":
		if arg != "" {
			m.say("501 5.5.4")
			return
		}
		m.abort("RSET")
		m.say("250 2.0.0")
	case "QUIT":
		if arg != "" {
			m.say("501 5.5.4")
			return
		}
		m.replies = append(m.replies, "221 2.0.0")
		m.end("quit")
	case "STARTTLS":
		switch {
		case m.secure:
			m.say("502 5.5.1")
		case arg != "":
			m.say("501 5.5.4")
		default: // the runner shakes hands
			m.replies = append(m.replies, "220 2.0.0")
			m.abort("starttls")
			m.secure, m.greeted, m.announced, m.origin = true, false, nil, origin{}
		}
	case "XCLIENT", "XFORWARD":
		m.speakFor(verb, arg)
	default:
		m.say(fixed[verb])
	}
}
