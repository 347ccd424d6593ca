package gateway

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"mxgate/gateway/config"
	"mxgate/gateway/systemd"
	"mxgate/gateway/wire"
)

// openSockets opens what the configuration says to listen on, or takes it from
// systemd. Nothing stays open after an error.
func openSockets(c *config.Config) ([]wire.Socket, error) {
	passed, err := systemd.Sockets()
	if err != nil {
		return nil, fmt.Errorf("%s: listener: sockets passed by systemd: %w", c.File, err)
	}
	sockets, err := listen(c, passed)
	if err == nil {
		return sockets, nil
	}
	for _, s := range sockets {
		if !slices.ContainsFunc(passed, func(p systemd.Socket) bool { return p.Listener == s.Listener }) {
			err = errors.Join(err, s.Close())
		}
	}
	for _, p := range passed {
		err = errors.Join(err, p.Close())
	}
	return nil, err
}

// listen returns what is open by now, with an error too. All that systemd passed
// must have a listener: clients of one that nobody serves would wait for ever.
func listen(c *config.Config, passed []systemd.Socket) (sockets []wire.Socket, err error) {
	for i, s := range c.Sockets {
		if s.Systemd == "" {
			l, err := net.Listen("tcp", s.Address)
			if err != nil {
				return sockets, fmt.Errorf("%s: listener[%d].address = %q: %w%s", c.File, i, s.Address, err, bindHint(err))
			}
			sockets = append(sockets, wire.Socket{Listener: l, Balancers: s.Balancers})
			continue
		}
		before := len(sockets)
		for _, p := range passed {
			if p.Name == s.Systemd {
				sockets = append(sockets, wire.Socket{Listener: p.Listener, Balancers: s.Balancers})
			}
		}
		if len(sockets) == before {
			return sockets, fmt.Errorf("%s: listener[%d].address = \"systemd:%s\": systemd passed no socket of that name: expected FileDescriptorName=%s in a socket unit that starts this service", c.File, i, s.Systemd, s.Systemd)
		}
	}
	for _, p := range passed {
		if !slices.ContainsFunc(c.Sockets, func(s config.Socket) bool { return s.Systemd != "" && s.Systemd == p.Name }) {
			return sockets, fmt.Errorf("%s: listener: systemd passed a socket named %q (%s), which no [[listener]] has: expected one with address = \"systemd:%s\", or no such socket unit", c.File, p.Name, p.Addr(), p.Name)
		}
	}
	return sockets, nil
}
