package smtptest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"time"
)

// Limits of what a Sink takes: a test that runs away ends instead of the machine.
const (
	maxCommandOctets = 4 << 10
	maxContentOctets = 256 << 20
	readOctets       = 64 << 10
	handshakeTimeout = 30 * time.Second
)

// session is one connection; run is its only goroutine.
type session struct {
	sink    *Sink
	id      int
	raw     net.Conn // below TLS
	r       *bufio.Reader
	w       *bufio.Writer
	greeted bool     // EHLO or HELO took effect
	tx      *Message // nil before MAIL
	content []byte   // kept between messages when they are not
	spoke   bool     // a fault has answered the message in mid content
	early   bool     // a fault has put the client out of step
	mute    bool     // a fault has silenced the session

	encrypted           bool
	forwarded, replaced map[string]string
}

func newSession(s *Sink, nc net.Conn, id int) *session {
	return &session{sink: s, id: id, raw: nc, r: bufio.NewReaderSize(nc, readOctets), w: bufio.NewWriter(nc)}
}

func (s *session) run() {
	if f := s.sink.failing(Connect, 0, 0); f != nil {
		if f.Kind == Reset {
			s.reset()
		}
		return
	}
	if !s.greet() {
		return
	}
	for {
		line, err := s.readCommand()
		if err != nil {
			return
		}
		s.sink.heard(s.id, line)
		verb, arg, _ := strings.Cut(line, " ")
		if !s.command(strings.ToUpper(verb), arg) {
			return
		}
	}
}

func (s *session) greet() bool {
	word := " ESMTP"
	if s.sink.opts.LMTP {
		word = " LMTP"
	}
	_, alive := s.answer(Banner, Greeting, "", "220 "+s.sink.opts.Hostname+word)
	return alive
}

// readCommand returns the next line without its end.
func (s *session) readCommand() (string, error) {
	raw, err := s.r.ReadSlice('\n')
	if err == nil && len(raw) > maxCommandOctets {
		err = bufio.ErrTooLong
	}
	if err != nil {
		if len(raw) > 0 {
			s.sink.violation("command line cut short or too long: %.80q", raw)
		}
		return "", err
	}
	line, strict := bytes.CutSuffix(raw, []byte("\r\n"))
	if !strict {
		s.sink.violation("bare LF in command %.80q", raw)
		line = line[:len(line)-1]
	}
	if i := bytes.IndexAny(line, "\r\x00"); i >= 0 {
		s.sink.violation("bare CR or NUL in command %.80q", raw)
	}
	return string(line), nil
}

// answer replies with def, unless the options or a fault of step have another
// way. It reports whether the command took effect and the connection lives on.
// step is "" for what has no faults.
func (s *session) answer(step Step, verb, arg, def string) (took, alive bool) {
	reply := s.decide(verb, arg, def)
	var f *Fault
	if step != "" {
		f = s.sink.failing(step, 0, 0)
	}
	if f == nil {
		return effective(reply), s.write(reply)
	}
	due := reply
	reply = f.Kind.replaced(due)
	return effective(reply), s.sendFault(f, reply, due)
}

// decide returns the reply to send: def, unless Options.Reply has another.
func (s *session) decide(verb, arg, def string) string {
	if s.sink.opts.Reply != nil {
		if reply, ok := s.sink.opts.Reply(verb, arg); ok {
			return reply
		}
	}
	return def
}

// effective reports whether a command answered by reply has taken effect.
func effective(reply string) bool {
	return reply != "" && (reply[0] == '2' || reply[0] == '3')
}

// write sends reply and reports whether the connection lives on. Replies to
// pipelined commands leave together, RFC 2920, Section 3.2.
func (s *session) write(reply string) bool {
	if s.mute {
		return true
	}
	if reply == Silence {
		return s.w.Flush() == nil
	}
	reply, hangup := strings.CutSuffix(reply, ThenHangup)
	if reply == Hangup {
		s.w.Flush()
		return false
	}
	s.w.WriteString(reply)
	s.w.WriteString("\r\n")
	if hangup || s.r.Buffered() == 0 {
		return s.w.Flush() == nil && !hangup
	}
	return true
}

func (s *session) command(verb, arg string) bool {
	switch verb {
	case "EHLO", "HELO", "LHLO":
		return s.hello(verb, arg)
	case "STARTTLS":
		return s.startTLS(arg)
	case "XFORWARD", "XCLIENT":
		return s.proxy(verb, arg)
	case "MAIL":
		return s.mail(arg)
	case "RCPT":
		return s.rcpt(arg)
	case "DATA":
		return s.data(arg)
	case "RSET":
		took, alive := s.answer("", verb, arg, "250 2.0.0 reset")
		if took {
			s.tx, s.forwarded = nil, nil
		}
		return alive
	case "NOOP":
		_, alive := s.answer("", verb, arg, "250 2.0.0 ok")
		return alive
	case "QUIT":
		s.write(s.decide(verb, arg, "221 2.0.0 bye") + ThenHangup)
		return false
	}
	return s.unknown(verb, arg)
}

func (s *session) unknown(verb, arg string) bool {
	s.sink.violation("unknown command %.80q", verb)
	_, alive := s.answer("", verb, arg, "500 5.5.1 unknown command")
	return alive
}

func (s *session) hello(verb, arg string) bool {
	if (verb == "LHLO") != s.sink.opts.LMTP { // RFC 2033, Section 4.1
		return s.unknown(verb, arg)
	}
	s.lastOfGroup(verb)
	if arg == "" {
		s.sink.violation("%s without a name", verb)
	}
	lines := []string{s.sink.opts.Hostname}
	if verb != "HELO" {
		lines = append(lines, s.offers()...)
	}
	took, alive := s.answer(Hello, verb, arg, several("250", lines))
	if took {
		s.greeted, s.tx, s.forwarded = true, nil, nil
	}
	return alive
}

// offers are the lines of the EHLO reply now.
func (s *session) offers() []string {
	lines := s.sink.opts.Extensions
	if s.sink.opts.TLS != nil && !s.encrypted {
		lines = append(slices.Clone(lines), "STARTTLS")
	}
	return lines
}

// offered returns the words behind the keyword of an extension.
func (s *session) offered(keyword string) (words []string, ok bool) {
	for _, line := range s.offers() {
		if words := strings.Fields(line); len(words) > 0 && strings.EqualFold(words[0], keyword) {
			return words[1:], true
		}
	}
	return nil, false
}

// several makes one reply of lines.
func several(code string, lines []string) string {
	last := len(lines) - 1
	reply := ""
	for _, line := range lines[:last] {
		reply += code + "-" + line + "\r\n"
	}
	return reply + code + " " + lines[last]
}

// startTLS upgrades the connection. After it the client is unknown: RFC 3207,
// Section 4.2.
func (s *session) startTLS(arg string) bool {
	if _, ok := s.offered("STARTTLS"); !ok {
		return s.unknown("STARTTLS", arg)
	}
	s.lastOfGroup("STARTTLS")
	took, alive := s.answer(StartTLS, "STARTTLS", arg, "220 2.0.0 go ahead")
	if !took || !alive {
		return alive
	}
	if s.w.Flush() != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	conn := tls.Server(s.raw, s.sink.opts.TLS)
	if conn.HandshakeContext(ctx) != nil {
		return false
	}
	s.encrypted, s.greeted, s.tx = true, false, nil
	s.r, s.w = bufio.NewReaderSize(conn, readOctets), bufio.NewWriter(conn)
	s.sink.encrypted(s.id)
	return true
}

// lastOfGroup notes input that came before the answer it should have waited for.
func (s *session) lastOfGroup(verb string) {
	if s.r.Buffered() > 0 && !s.early {
		s.sink.violation("input behind %s before its reply", verb)
	}
}
