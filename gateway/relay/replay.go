package relay

import (
	"context"
	"errors"
	"slices"
)

// attempt runs step, which needs a connection with the envelope so far. If the
// connection was lost since it last answered, a new one is made, once: nothing
// that counts has been sent on the old one. A kept connection may also end with
// 421: some servers say it after so many messages or minutes. And one that is lost
// under several RCPT at once may stand them one by one.
func (d *Delivery) attempt(ctx context.Context, step func() (Reply, error)) (Reply, error) {
	defer func() {
		if d.conn != nil && d.conn.dead {
			d.drop()
		}
	}()
	// What is in flight looks like something said unasked.
	if d.conn != nil && len(d.inFlight) == 0 && !d.conn.stands() {
		d.drop()
	}
	fresh := d.conn == nil
	if fresh {
		if err := d.replay(ctx); err != nil {
			return Reply{}, err
		}
	}
	kept, stood := d.conn.used && !d.mailed, !fresh && (d.conn.used || d.mailed)
	reply, err := step()
	if gone(err) && (stood || len(d.inFlight) > 1) || isClosing(err) && kept {
		if err := d.replay(ctx); err != nil {
			return Reply{}, err
		}
		reply, err = step()
	}
	d.blame(ctx, err)
	if err == nil && d.conn.dead { // ctx has ended as the reply came
		return Reply{}, &Failure{Class: Lost, Host: d.host.addr, Err: context.Cause(ctx)}
	}
	return reply, err
}

// replay makes a new connection and brings it to where the old one was. R11.
func (d *Delivery) replay(ctx context.Context) error {
	d.drop()
	if err := d.connect(ctx, false); err != nil {
		return err
	}
	group := 1
	if d.conn.caps.Pipelining {
		group = maxAhead + 1
	}
	// If nobody was accepted, MAIL goes with the first RCPT.
	for some := range slices.Chunk(d.accepted, group) {
		if err := d.again(ctx, some); err != nil {
			d.blame(ctx, err)
			d.drop()
			return err
		}
	}
	return nil
}

// again puts recipients to the next hop that were accepted before.
func (d *Delivery) again(ctx context.Context, to []recipient) error {
	defer d.conn.watch(ctx)()
	err := d.put(ctx, to)
	if f, ok := errors.AsType[*Failure](err); ok && f.Class == MailRefused {
		return &Failure{Class: Replay, Host: d.host.addr, Reply: f.Reply, Err: errors.New("MAIL is refused now")}
	}
	if err != nil {
		return err
	}
	for len(d.inFlight) > 0 {
		reply, err := d.next(ctx)
		if err != nil {
			return err
		}
		if reply.negative() {
			return &Failure{Class: Replay, Host: d.host.addr, Reply: reply, Err: errors.New("a recipient is refused now")}
		}
	}
	return nil
}

// blame counts a transaction that broke before the final dot against the host in
// use, once. A caller who left broke it himself, and so did a client with many
// recipients that do not exist, whom servers send away: that is no trouble of the
// host. One or two of those, as genuine mail has them, excuse nothing.
func (d *Delivery) blame(ctx context.Context, err error) {
	f, failed := errors.AsType[*Failure](err)
	if !failed || f.AfterDot || ctx.Err() != nil || d.broke == d.host {
		return
	}
	if f.Class == Closing && d.conn != nil && d.conn.refusals >= maxRefusals {
		return
	}
	switch f.Class {
	case Closing, Lost, Garbage:
		d.broke = d.host
		d.pool.broken(d.host, f)
	}
}
