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

// attempt runs step, which needs a connection with the envelope so far. If the
// connection was lost since it last answered, a new one is made, once: nothing
// that counts has been sent on the old one. A kept connection may also end with
// 421: some servers say it after so many messages or minutes.
func (d *Delivery) attempt(ctx context.Context, step func() (Reply, error)) (Reply, error) {
	defer func() {
		if d.conn != nil && d.conn.dead {
			d.drop()
		}
	}()
	if d.conn != nil && !d.conn.stands() {
		d.drop()
	}
	if d.conn == nil {
		if err := d.replay(ctx); err != nil {
			return Reply{}, err
		}
		return step()
	}
	kept, stood := d.conn.used && !d.mailed, d.conn.used || d.mailed
	reply, err := step()
	if err == nil || !(stood && gone(err) || kept && isClosing(err)) {
		return reply, err
	}
	if err := d.replay(ctx); err != nil {
		return Reply{}, err
	}
	return step()
}

// replay makes a new connection and brings it to where the old one was. R11.
func (d *Delivery) replay(ctx context.Context) error {
	d.drop()
	if err := d.connect(ctx, false); err != nil {
		return err
	}
	c := d.conn
	if len(d.accepted) == 0 {
		return nil // MAIL goes with the first RCPT
	}
	replies, err := d.envelope(ctx, d.accepted)
	if f, ok := errors.AsType[*Failure](err); ok && f.Class == MailRefused {
		err = &Failure{Class: Replay, Host: d.host, Reply: f.Reply, Err: errors.New("MAIL is refused now")}
	}
	for _, reply := range replies {
		switch {
		case err != nil || takesRecipient(reply):
		case reply.negative():
			err = &Failure{Class: Replay, Host: d.host, Reply: reply, Err: errors.New("a recipient is refused now")}
		default:
			err = c.unexpected(reply)
		}
	}
	if err != nil {
		d.drop()
	}
	return err
}

// rcpt sends RCPT for one recipient and, where that costs no further round trip,
// for those ahead; behind MAIL if that is due.
func (d *Delivery) rcpt(ctx context.Context, to recipient, ahead []mail.Recipient) (Reply, error) {
	all := []recipient{to}
	if d.conn.caps.Pipelining && !d.route.LMTP {
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
	}
	replies, err := d.envelope(ctx, all)
	if err != nil {
		return Reply{}, err
	}
	for i, r := range all[1:] {
		d.ahead = append(d.ahead, told{r, replies[i+1]})
	}
	return d.judge(replies[0])
}

// judge says what a reply to RCPT means.
func (d *Delivery) judge(reply Reply) (Reply, error) {
	switch {
	case takesRecipient(reply):
		return reply, nil
	case !reply.negative():
		if d.conn == nil {
			return Reply{}, &Failure{Class: Garbage, Host: d.host, Reply: reply, Err: errUnexpected}
		}
		return Reply{}, d.conn.unexpected(reply)
	case refusesUs(reply):
		return Reply{}, &Failure{Class: Refused, Host: d.host, Reply: reply}
	default:
		return reply, nil
	}
}

// envelope sends MAIL, unless this connection has had it, and RCPT for each of
// to: in one flight where the next hop offers PIPELINING, else one by one.
// Without an error there is one reply for each of to.
func (d *Delivery) envelope(ctx context.Context, to []recipient) ([]Reply, error) {
	c := d.conn
	defer c.watch(ctx)()
	commands, forward, err := d.commands(to)
	if err != nil {
		return nil, err
	}
	group := 1
	if c.caps.Pipelining {
		group = maxFlight
	}
	replies := make([]Reply, 0, len(to))
	var refusal *Failure
	for flight := range slices.Chunk(commands, group) {
		fault.At(fault.NextHopMail)
		if err := c.send(ctx, d.pool.cfg.CommandTimeout, flight); err != nil {
			return nil, err
		}
		for range flight {
			reply, err := c.receive(nil)
			switch {
			case refusal != nil: // the rest of the flight means nothing
			case err != nil:
				return nil, err
			case forward && reply.Code == 501 && d.client.addr.Is6():
				// Not known to the log of the next hop, which is no reason to
				// refuse mail. It is not tried again: errors are counted there.
				c.host.ipv4Only.Store(true)
				forward = false
			case forward && reply.Code != 250:
				refusal = c.refused(reply) // MAIL may be open: the connection is of no use
			case forward:
				forward = false
			case d.mailed:
				replies = append(replies, reply)
			case reply.Code == 250:
				d.mailed = true
			default:
				refusal = mailRefusal(c, reply)
			}
		}
		if refusal != nil {
			return nil, refusal
		}
	}
	return replies, nil
}

// commands returns what envelope sends, and whether XFORWARD is the first. It
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
		f.Host = d.host
	}
	return err
}

// mailRefusal says what a reply to MAIL other than 250 means.
func mailRefusal(c *conn, reply Reply) *Failure {
	switch {
	case !reply.negative():
		return c.unexpected(reply)
	case refusesUs(reply):
		return c.refused(reply)
	}
	return &Failure{Class: MailRefused, Host: c.host.addr, Reply: reply}
}
