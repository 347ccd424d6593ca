package relay

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"mxgate/gateway/fault"
	"mxgate/policy/mail"
)

// maxFlight is how many commands go out before their replies are read. More
// could fill both directions, RFC 2920, Section 3.1.
const maxFlight = 100

// maxAhead keeps XFORWARD, MAIL and all RCPT in one flight.
const maxAhead = maxFlight - 3

// rcpt returns the reply to RCPT for to, which is first in flight or is sent now.
func (d *Delivery) rcpt(ctx context.Context, to recipient, ahead []mail.Recipient) (Reply, error) {
	defer d.conn.watch(ctx)()
	if len(d.inFlight) == 0 {
		if err := d.put(ctx, d.flight(to, ahead)); err != nil {
			return Reply{}, err
		}
	}
	reply, err := d.next(ctx)
	if err == nil && refusesUs(reply) {
		return Reply{}, &Failure{Class: Refused, Host: d.host.addr, Reply: reply}
	}
	return reply, err
}

// flight is to and, where that costs no further round trip, those ahead.
func (d *Delivery) flight(to recipient, ahead []mail.Recipient) []recipient {
	all := []recipient{to}
	if d.oneByOne || d.route.LMTP || !d.conn.caps.Pipelining {
		return all
	}
	for _, next := range ahead[:min(len(ahead), maxAhead)] {
		r, err := newRecipient(next.Path, next.DSN, d.from.env.UTF8)
		if err == nil {
			_, err = r.command(&d.conn.caps)
		}
		if err != nil {
			break // its own Rcpt will tell
		}
		all = append(all, r)
	}
	return all
}

// put sends MAIL, unless this connection has had it, and RCPT for each of to: in
// one flight where the next hop offers PIPELINING. Else there is one of them, and
// it goes once MAIL is accepted. Without an error all of to are in flight then.
// The caller watches ctx.
func (d *Delivery) put(ctx context.Context, to []recipient) error {
	c := d.conn
	commands, forward, err := d.commands(to)
	if err != nil {
		return err
	}
	opening := len(commands) - len(to)
	group := 1
	if c.caps.Pipelining {
		group = len(commands)
	}
	d.inFlight = to // before anything can fail
	for flight := range slices.Chunk(commands, group) {
		fault.At(fault.NextHopMail)
		if err := c.send(ctx, d.pool.cfg.CommandTimeout, flight); err != nil {
			return err
		}
		for range min(opening, len(flight)) {
			opening--
			if err := d.opened(ctx, forward, len(flight)-1); err != nil {
				return err
			}
			forward = false
		}
	}
	return nil
}

// opened reads the reply to XFORWARD, if forward, or to MAIL. behind is how many
// commands went out with it.
func (d *Delivery) opened(ctx context.Context, forward bool, behind int) error {
	c := d.conn
	reply, err := c.answer(ctx, d.pool.cfg.CommandTimeout)
	switch {
	case err != nil:
		return err
	case forward && reply.Code == 501 && d.client.addr.Is6():
		// Not known to the log of the next hop, which is no reason to refuse mail.
		// It is not tried again: errors are counted there.
		c.host.ipv4Only.Store(true)
	case forward && reply.Code != 250:
		return c.refused(reply) // MAIL may be open: the connection is of no use
	case forward:
	case reply.Code == 250:
		d.mailed = true
	default:
		return d.mailRefused(reply, behind)
	}
	return nil
}

// mailRefused says what a reply to MAIL other than 250 means. The rest of the
// flight means nothing then; it is read, so that the connection can be kept.
func (d *Delivery) mailRefused(reply Reply, behind int) error {
	c := d.conn
	switch {
	case !reply.negative():
		return c.unexpected(reply)
	case refusesUs(reply):
		return c.refused(reply)
	}
	for range min(behind, len(d.inFlight)) {
		if _, err := c.receive(nil); err != nil { // within the time of MAIL
			break
		}
	}
	d.inFlight = nil
	return &Failure{Class: MailRefused, Host: d.host.addr, Reply: reply}
}

// next reads the reply to the RCPT that is first in flight, which has all its
// time. After a failure it is in flight still: drop has to know. The caller
// watches ctx.
func (d *Delivery) next(ctx context.Context) (Reply, error) {
	reply, err := d.conn.answer(ctx, d.pool.cfg.CommandTimeout)
	if err != nil {
		return Reply{}, err
	}
	if !takesRecipient(reply) && !reply.negative() {
		return Reply{}, d.conn.unexpected(reply)
	}
	d.inFlight = d.inFlight[1:]
	return reply, nil
}

// commands returns what put sends, and whether XFORWARD is the first. It
// may be pipelined with MAIL: Postfix, XFORWARD_README.
func (d *Delivery) commands(to []recipient) (commands []string, forward bool, err error) {
	caps := &d.conn.caps
	commands = make([]string, 0, 2+len(to))
	if !d.mailed {
		if d.route.Client == Forward {
			client := d.client
			if client.addr.Is6() && d.conn.host.ipv4Only.Load() {
				client.addr = netip.Addr{}
			}
			if command := client.forward(caps.XForward); command != "" {
				commands, forward = append(commands, command), true
			}
		}
		command, err := d.from.command(caps)
		if err != nil {
			return nil, false, d.ours(err)
		}
		commands = append(commands, command)
	}
	for i := range to {
		command, err := to[i].command(caps)
		if err != nil {
			return nil, false, d.ours(err)
		}
		commands = append(commands, command)
	}
	return commands, forward, nil
}

// ours completes a failure that was seen before anything was sent.
func (d *Delivery) ours(err error) error {
	if f, ok := errors.AsType[*Failure](err); ok {
		f.Host = d.host.addr
	}
	return err
}
