package smtptest

import (
	"bufio"
	"bytes"
	"net"
	"strings"
	"time"
)

// Limits of what a Sink takes: a test that runs away ends instead of the machine.
const (
	maxCommandOctets = 4 << 10
	maxContentOctets = 256 << 20
	readOctets       = 64 << 10
)

// session is one connection; run is its only goroutine.
type session struct {
	sink    *Sink
	nc      net.Conn
	r       *bufio.Reader
	w       *bufio.Writer
	greeted bool     // EHLO or HELO took effect
	tx      *Message // nil before MAIL
	content []byte   // kept between messages when they are not
}

func newSession(s *Sink, nc net.Conn) *session {
	return &session{sink: s, nc: nc, r: bufio.NewReaderSize(nc, readOctets), w: bufio.NewWriter(nc)}
}

func (s *session) run() {
	if !s.write(s.decide(Greeting, "", "220 "+s.sink.opts.Hostname+" ESMTP")) {
		return
	}
	for {
		line, err := s.readCommand()
		if err != nil {
			return
		}
		s.sink.heard(line)
		verb, arg, _ := strings.Cut(line, " ")
		if !s.command(strings.ToUpper(verb), arg) {
			return
		}
	}
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

// decide returns the reply to send: def, unless the options have another.
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
	case "EHLO", "HELO":
		return s.hello(verb, arg)
	case "MAIL":
		return s.mail(arg)
	case "RCPT":
		return s.rcpt(arg)
	case "DATA":
		return s.data(arg)
	case "RSET":
		reply := s.decide(verb, arg, "250 2.0.0 reset")
		if effective(reply) {
			s.tx = nil
		}
		return s.write(reply)
	case "NOOP":
		return s.write(s.decide(verb, arg, "250 2.0.0 ok"))
	case "QUIT":
		s.write(s.decide(verb, arg, "221 2.0.0 bye") + ThenHangup)
		return false
	}
	s.sink.violation("unknown command %.80q", verb)
	return s.write(s.decide(verb, arg, "500 5.5.1 unknown command"))
}

func (s *session) hello(verb, arg string) bool {
	s.lastOfGroup(verb)
	if arg == "" {
		s.sink.violation("%s without a name", verb)
	}
	def := "250 " + s.sink.opts.Hostname
	if lines := s.sink.opts.Extensions; verb == "EHLO" && len(lines) > 0 {
		last := len(lines) - 1
		def = "250-" + s.sink.opts.Hostname + "\r\n"
		for _, line := range lines[:last] {
			def += "250-" + line + "\r\n"
		}
		def += "250 " + lines[last]
	}
	reply := s.decide(verb, arg, def)
	if effective(reply) {
		s.greeted, s.tx = true, nil
	}
	return s.write(reply)
}

func (s *session) mail(arg string) bool {
	path, rest, ok := cutPath(arg, "FROM:")
	if !ok {
		s.sink.violation("MAIL %.80q", arg)
		return s.write(s.decide("MAIL", arg, "501 5.5.4 syntax"))
	}
	if !s.greeted || s.tx != nil {
		s.sink.violation("MAIL out of order")
		return s.write(s.decide("MAIL", arg, "503 5.5.1 bad sequence"))
	}
	reply := s.decide("MAIL", arg, "250 2.1.0 ok")
	if effective(reply) {
		s.tx = &Message{ReversePath: path, Params: strings.Fields(rest)}
	}
	return s.write(reply)
}

func (s *session) rcpt(arg string) bool {
	path, rest, ok := cutPath(arg, "TO:")
	if !ok || path == "" || rest != "" {
		s.sink.violation("RCPT %.80q", arg)
		return s.write(s.decide("RCPT", arg, "501 5.5.4 syntax"))
	}
	if s.tx == nil { // no violation: MAIL may have been refused in the same flight
		return s.write(s.decide("RCPT", arg, "503 5.5.1 bad sequence"))
	}
	reply := s.decide("RCPT", arg, "250 2.1.5 ok")
	if effective(reply) {
		s.tx.ForwardPaths = append(s.tx.ForwardPaths, path)
	}
	return s.write(reply)
}

// cutPath splits "FROM:<path> PARAM" behind the given keyword.
func cutPath(arg, keyword string) (path, rest string, ok bool) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return "", "", false
	}
	arg, ok = strings.CutPrefix(arg[len(keyword):], "<")
	quoted := false
	for i := 0; ok && i < len(arg); i++ {
		switch {
		case quoted && arg[i] == '\\':
			i++
		case arg[i] == '"':
			quoted = !quoted
		case arg[i] == '>' && !quoted:
			rest = arg[i+1:]
			return arg[:i], rest, rest == "" || rest[0] == ' '
		}
	}
	return "", "", false
}

func (s *session) data(arg string) bool {
	s.lastOfGroup("DATA")
	if s.tx == nil || len(s.tx.ForwardPaths) == 0 {
		s.sink.violation("DATA without a recipient")
		return s.write(s.decide("DATA", arg, "503 5.5.1 bad sequence"))
	}
	reply := s.decide("DATA", arg, "354 go ahead")
	if !s.write(reply) {
		return false
	}
	if reply[0] != '3' {
		return true
	}
	if !s.readContent() {
		return false
	}
	reply = s.decide(Dot, "", "250 2.0.0 taken")
	m := *s.tx
	s.tx = nil
	if effective(reply) {
		m.At = time.Now()
		if !s.sink.opts.Discard {
			m.Content = bytes.Clone(s.content)
		}
		s.sink.record(m)
	}
	return s.write(reply)
}

// lastOfGroup notes input that came before the answer it should have waited for.
func (s *session) lastOfGroup(verb string) {
	if s.r.Buffered() > 0 {
		s.sink.violation("input behind %s before its reply", verb)
	}
}

// readContent reads to CRLF "." CRLF into s.content. No other sequence ends it.
func (s *session) readContent() bool {
	s.content = s.content[:0]
	start := true // of a line
	for {
		chunk, err := s.r.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return false
		}
		if start && string(chunk) == ".\r\n" {
			s.checkContent()
			return true
		}
		if start && chunk[0] == '.' {
			if len(chunk) > 1 && chunk[1] != '.' {
				s.sink.violation("a dot that is not stuffed: %.80q", chunk)
			}
			chunk = chunk[1:]
		}
		if len(s.content)+len(chunk) > maxContentOctets {
			s.sink.violation("content of more than %d octets", maxContentOctets)
			return false
		}
		s.content = append(s.content, chunk...)
		start = bytes.HasSuffix(s.content, []byte("\r\n"))
		if hook := s.sink.opts.MidContent; hook != nil {
			if reply, ok := hook(len(s.content)); ok && !s.interrupt(reply) {
				return false
			}
		}
	}
}

// interrupt sends a reply in the middle of content.
func (s *session) interrupt(reply string) bool {
	alive := s.write(reply)
	return s.w.Flush() == nil && alive
}

func (s *session) checkContent() {
	ends := bytes.Count(s.content, []byte("\r\n"))
	if bytes.Count(s.content, []byte("\n")) != ends {
		s.sink.violation("bare LF in content")
	}
	if bytes.Count(s.content, []byte("\r")) != ends {
		s.sink.violation("bare CR in content")
	}
	if bytes.IndexByte(s.content, 0) >= 0 {
		s.sink.violation("NUL in content")
	}
}
