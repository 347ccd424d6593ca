package smtptest

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
	"time"
)

func (s *session) mail(arg string) bool {
	path, rest, ok := cutPath(arg, "FROM:")
	if !ok {
		s.sink.violation("MAIL %.80q", arg)
		_, alive := s.answer("", "MAIL", arg, "501 5.5.4 syntax")
		return alive
	}
	if !s.greeted || s.tx != nil {
		s.sink.violation("MAIL out of order")
		_, alive := s.answer("", "MAIL", arg, "503 5.5.1 bad sequence")
		return alive
	}
	params := strings.Fields(rest)
	s.checkParams("MAIL", params, mailParams)
	took, alive := s.answer(Mail, "MAIL", arg, "250 2.1.0 ok")
	if took {
		s.tx = &Message{ReversePath: path, Params: params, Conn: s.id, TLS: s.encrypted, Forwarded: s.forwarded, Replaced: s.replaced}
		s.forwarded = nil // for one message, as Postfix has it
	}
	return alive
}

// The parameters of MAIL and RCPT, and the extension that allows each.
var (
	mailParams = map[string]string{"SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "RET": "DSN", "ENVID": "DSN", "REQUIRETLS": "REQUIRETLS"}
	rcptParams = map[string]string{"NOTIFY": "DSN", "ORCPT": "DSN"}
)

// checkParams notes parameters that were not offered.
func (s *session) checkParams(verb string, params []string, known map[string]string) {
	for _, param := range params {
		name, _, _ := strings.Cut(param, "=")
		if _, ok := s.offered(known[strings.ToUpper(name)]); !ok {
			s.sink.violation("%s with the parameter %.80q, which was not offered", verb, param)
		}
	}
}

func (s *session) rcpt(arg string) bool {
	path, rest, ok := cutPath(arg, "TO:")
	if !ok || path == "" {
		s.sink.violation("RCPT %.80q", arg)
		_, alive := s.answer("", "RCPT", arg, "501 5.5.4 syntax")
		return alive
	}
	if s.tx == nil { // no violation: MAIL may have been refused in the same flight
		_, alive := s.answer("", "RCPT", arg, "503 5.5.1 bad sequence")
		return alive
	}
	params := strings.Fields(rest)
	s.checkParams("RCPT", params, rcptParams)
	took, alive := s.answer(Rcpt, "RCPT", arg, "250 2.1.5 ok")
	if took {
		s.tx.ForwardPaths = append(s.tx.ForwardPaths, path)
		s.tx.RcptParams = append(s.tx.RcptParams, params)
	}
	return alive
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
		_, alive := s.answer("", "DATA", arg, "503 5.5.1 bad sequence")
		return alive
	}
	took, alive := s.answer(Data, "DATA", arg, "354 go ahead")
	if !took || !alive {
		return alive
	}
	if !s.readContent() {
		return false
	}
	s.sink.heard(s.id, Dot)
	m := *s.tx
	s.tx = nil
	if s.spoke {
		return true
	}
	if s.sink.opts.LMTP {
		return s.finishEach(m)
	}
	return s.finish(m)
}

// finish answers the final dot, and takes the message if the answer says so.
func (s *session) finish(m Message) bool {
	reply := s.decide(Dot, "", "250 2.0.0 taken")
	if f := s.sink.failing(FinalDot, 0, 0); f != nil {
		due := reply
		reply = f.Kind.replaced(due)
		if effective(reply) {
			s.take(m)
		}
		return s.sendFault(f, reply, due)
	}
	if !effective(reply) {
		return s.write(reply)
	}
	s.take(m)
	if f := s.sink.failing(FinalDone, 0, 0); f != nil {
		return s.sendFault(f, f.Kind.replaced(reply), reply)
	}
	return s.write(reply)
}

// finishEach answers for each recipient. RFC 2033, Section 4.2.
func (s *session) finishEach(m Message) bool {
	all := m.ForwardPaths
	params := m.RcptParams
	m.ForwardPaths, m.RcptParams = nil, nil
	replies := make([]string, len(all))
	for i, path := range all {
		replies[i] = s.decide(Dot, path, "250 2.0.0 taken")
		if f := s.sink.failing(FinalDot, 0, 0); f != nil {
			replies[i] = f.Kind.replaced(replies[i])
		}
		if effective(replies[i]) {
			m.ForwardPaths, m.RcptParams = append(m.ForwardPaths, path), append(m.RcptParams, params[i])
		}
	}
	if len(m.ForwardPaths) > 0 {
		s.take(m)
	}
	for _, reply := range replies {
		if f := s.sink.failing(FinalDone, 0, 0); f != nil {
			if !s.sendFault(f, f.Kind.replaced(reply), reply) {
				return false
			}
		} else if !s.write(reply) {
			return false
		}
	}
	return true
}

// take is custody.
func (s *session) take(m Message) {
	m.At = time.Now()
	if !s.sink.opts.Discard {
		m.Content = bytes.Clone(s.content)
	}
	s.sink.record(m)
}

// readContent reads to CRLF "." CRLF into s.content. No other sequence ends it.
func (s *session) readContent() bool {
	s.content, s.spoke = s.content[:0], false
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
		before := len(s.content)
		s.content = append(s.content, chunk...)
		start = bytes.HasSuffix(s.content, []byte("\r\n"))
		if hook := s.sink.opts.MidContent; hook != nil {
			if reply, ok := hook(len(s.content)); ok && !s.interrupt(reply) {
				return false
			}
		}
		if !s.failContent(before, len(s.content)) {
			return false
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

// maxProxyOctets bounds an XCLIENT or XFORWARD command with its CRLF.
const maxProxyOctets = 512

// proxy takes XFORWARD and XCLIENT, of which the latter starts the session anew.
func (s *session) proxy(verb, arg string) bool {
	allowed, ok := s.offered(verb)
	if !ok {
		return s.unknown(verb, arg)
	}
	if len(verb)+len(" ")+len(arg)+len("\r\n") > maxProxyOctets {
		s.sink.violation("%s of %d octets", verb, len(verb)+len(arg)+3)
	}
	if s.tx != nil {
		s.sink.violation("%s in mid transaction", verb)
		_, alive := s.answer("", verb, arg, "503 5.5.1 bad sequence")
		return alive
	}
	given := map[string]string{}
	for _, word := range strings.Fields(arg) {
		name, value, ok := strings.Cut(word, "=")
		if !ok || value == "" || !slices.Contains(allowed, strings.ToUpper(name)) {
			s.sink.violation("%s with %.80q, which was not offered", verb, word)
		}
		given[strings.ToUpper(name)] = value
	}
	def := "250 2.0.0 ok"
	if verb == "XCLIENT" {
		s.lastOfGroup(verb)
		def = "220 " + s.sink.opts.Hostname + " ESMTP"
	}
	took, alive := s.answer(Step(verb), verb, arg, def)
	switch {
	case !took:
	case verb == "XCLIENT":
		s.replaced, s.greeted = given, false
	default: // several commands add up
		if s.forwarded == nil {
			s.forwarded = map[string]string{}
		}
		for name, value := range given {
			s.forwarded[name] = value
		}
	}
	return alive
}
