package wire

import (
	"net"
	"net/netip"
	"time"
)

// maxStrangerLines bounds what a stranger may say.
const maxStrangerLines = 20

// hear takes a slot for a stranger. Strangers have their own, so that they
// cannot starve the provider.
func (l *Listener) hear(raw net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.strangers) >= l.cfg.MaxStrangers {
		return false
	}
	l.strangers[raw] = struct{}{}
	return true
}

// turnAway greets a stranger with 554 and listens only for the name it gives
// itself: who tries to get past the provider is worth knowing. RFC 5321,
// Section 3.1; SMTP-DUTIES A2.
func (l *Listener) turnAway(raw net.Conn, addr netip.Addr) {
	var helo string
	defer func() {
		_ = raw.Close() // nothing is pending
		l.mu.Lock()
		delete(l.strangers, raw)
		l.mu.Unlock()
		l.cfg.OnStranger(addr, helo)
	}()
	if raw.SetDeadline(time.Now().Add(l.cfg.StrangerTimeout)) != nil {
		return
	}
	if _, err := raw.Write([]byte("554 " + l.cfg.Hostname + " No mail is accepted from your address\r\n")); err != nil {
		return
	}
	var in input
	for range maxStrangerLines {
		line, err := in.line(func() error { _, err := in.fill(raw); return err })
		if err != nil {
			return
		}
		verb, arg := cutVerb(string(line))
		answer := strangerOnlyQuits
		switch {
		case verb == "QUIT":
			answer = goodbye
		case (verb == "EHLO" || verb == "HELO") && helo == "" && validHelo(arg):
			helo = arg
		}
		if _, err := raw.Write(answer.appendTo(nil)); err != nil || answer == goodbye {
			return
		}
	}
}
