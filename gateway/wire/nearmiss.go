package wire

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"mxgate/policy/mail"
)

// Bounds of Config.NearMiss: strangers must not be able to make us ask much.
const (
	maxAsking     = 16
	askingTimeout = 2 * time.Second
)

// notYetKnown answers a near miss, whatever it asks for. Mail of a provider that
// has moved to new addresses waits with the provider until we know them; a 5xx
// would bounce it.
var notYetKnown = &reply{451, "4.7.1", "Your address is not known yet, try again later", false}

// near asks whether a stranger may be a source at an address that we do not know
// yet; source is "" if it is none, or if that is not sure. SMTP-DUTIES A3.
func (l *Listener) near(addr netip.Addr) (source string, sure bool) {
	if l.cfg.NearMiss == nil {
		return "", true
	}
	select {
	case l.asking <- struct{}{}:
	default:
		return "", false
	}
	defer func() { <-l.asking }()
	ctx, cancel := context.WithTimeout(l.asks, askingTimeout)
	defer cancel()
	source, sure = l.cfg.NearMiss(ctx, addr)
	return source, sure && ctx.Err() == nil // what was cut short has found nothing out
}

// putOff answers a near miss. It offers no extension, and nothing it says is
// permanent.
func (s *stranger) putOff(verb, arg string) *reply {
	switch verb {
	case "EHLO", "HELO":
		return &reply{250, "", s.l.cfg.Hostname, false}
	case "RSET", "NOOP":
		return ok
	case "MAIL":
		if s.reversePath == "" && len(arg) > len("FROM:") {
			if path, _, err := mail.ParsePath(strings.TrimLeft(arg[len("FROM:"):], " \t")); err == nil {
				s.reversePath = path.String()
			}
		}
	}
	return notYetKnown
}
