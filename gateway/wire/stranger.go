package wire

import (
	"net"
	"net/netip"
	"time"

	"mxgate/gateway/wire/framing"
	"mxgate/gateway/wire/syntax"
)

// maxStrangerLines bounds what a stranger may say.
const maxStrangerLines = 20

// stranger is a connection that was not admitted, and what it says of itself.
type stranger struct {
	l    *Listener
	raw  net.Conn
	in   framing.Input
	helo string // the first valid one

	reversePath string // of a near miss, the first valid one
}

// turnAway greets a stranger with 554 and listens only for the name it gives
// itself: who tries to get past the provider is worth knowing. RFC 5321,
// Section 3.1; SMTP-DUTIES A2. A near miss is put off; who may be one tries again,
// for strangers must not be able to make the mail of a source bounce.
func (l *Listener) turnAway(raw net.Conn, addr netip.Addr) {
	s := &stranger{l: l, raw: raw}
	var source string // set of a near miss
	defer func() {
		_ = raw.Close() // nothing is pending
		l.heard(raw)
		if source != "" {
			l.cfg.OnNearMiss(addr, source, s.helo, s.reversePath)
		} else {
			l.cfg.OnStranger(addr, s.helo)
		}
	}()
	var sure bool
	source, sure = l.near(addr)
	switch {
	case source != "":
		s.converse("220 "+l.cfg.Hostname+" ESMTP\r\n", s.putOff)
	case !sure:
		l.refuse(raw, "421 "+l.cfg.Hostname+" Busy, try again later\r\n")
	default:
		s.converse("554 "+l.cfg.Hostname+" No mail is accepted from your address\r\n",
			func(string, string) *reply { return strangerOnlyQuits })
	}
}

// converse greets and answers, until the client quits or has had its time or its
// lines.
func (s *stranger) converse(greeting string, respond func(verb, arg string) *reply) {
	if s.raw.SetDeadline(time.Now().Add(s.l.cfg.StrangerTimeout)) != nil {
		return
	}
	if _, err := s.raw.Write([]byte(greeting)); err != nil {
		return
	}
	for range maxStrangerLines {
		line, err := s.in.Line(func() error { _, err := s.in.Fill(s.raw); return err })
		if err != nil {
			return
		}
		verb, arg := syntax.CutVerb(string(line))
		if (verb == "EHLO" || verb == "HELO") && s.helo == "" && syntax.ValidHelo(arg) {
			s.helo = arg
		}
		answer := goodbye
		if verb != "QUIT" {
			answer = respond(verb, arg)
		}
		if _, err := s.raw.Write(answer.appendTo(nil)); err != nil || answer == goodbye {
			return
		}
	}
}
