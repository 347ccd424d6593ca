package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"mxgate/gateway/fault"
)

const (
	// dataTimeout is for the reply to DATA, RFC 5321, Section 4.5.3.2.4.
	dataTimeout = 120 * time.Second
	// earlyTimeout is for a reply that should already be there.
	earlyTimeout = time.Second
)

// data sends DATA and returns 354 or the refusal.
func (d *Delivery) data(ctx context.Context, content []io.ReadSeeker) (Reply, error) {
	c := d.conn
	if !c.caps.EightBitMIME {
		if err := sevenBit(content); err != nil {
			return Reply{}, d.ours(err)
		}
	}
	if d.from.env.UTF8 && !c.caps.SMTPUTF8 {
		if err := asciiHeader(content); err != nil {
			return Reply{}, d.ours(err)
		}
	}
	fault.At(fault.NextHopData)
	reply, err := c.exchange(ctx, min(dataTimeout, d.pool.cfg.CommandTimeout), nil, "DATA")
	switch {
	case err != nil:
		return Reply{}, err
	case reply.Code == 354:
		return reply, nil
	case !reply.negative():
		return Reply{}, c.unexpected(reply)
	case refusesUs(reply):
		return Reply{}, c.refused(reply)
	}
	return reply, nil
}

// sevenBit fails if content has an octet above 127. It is read for that only
// where the next hop has not offered 8BITMIME, which is rare.
func sevenBit(content []io.ReadSeeker) error {
	return inspect(content, func(block []byte) (more bool, err error) {
		if slices.ContainsFunc(block, func(c byte) bool { return c >= 0x80 }) {
			return false, &Failure{Class: EightBit}
		}
		return true, nil
	})
}

// asciiHeader fails if the header section of content has an octet above 127:
// only with SMTPUTF8 may it. RFC 6532, Section 3. It is read for that only where
// the next hop offers SMTPUTF8 no more.
func asciiHeader(content []io.ReadSeeker) error {
	empty := true // the line so far
	return inspect(content, func(block []byte) (more bool, err error) {
		for _, c := range block {
			switch {
			case c >= 0x80:
				return false, &Failure{Class: UTF8Lost, Err: errors.New("the header is not ASCII")}
			case c == '\n' && empty:
				return false, nil
			case c == '\n':
				empty = true
			case c != '\r':
				empty = false
			}
		}
		return true, nil
	})
}

// inspect gives all of content to look, in blocks, until it has seen enough.
func inspect(content []io.ReadSeeker, look func(block []byte) (more bool, err error)) error {
	all, err := fromStart(content)
	if err != nil {
		return err
	}
	buf := buffers.Get().(*blockBuffers)
	defer buffers.Put(buf)
	for {
		n, err := all.Read(buf.in[:])
		if more, err := look(buf.in[:n]); err != nil || !more {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("relay: reading content: %w", err)
		}
	}
}

// fromStart reads all of content as one.
func fromStart(content []io.ReadSeeker) (io.Reader, error) {
	readers := make([]io.Reader, len(content))
	for i, r := range content {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("relay: reading content: %w", err)
		}
		readers[i] = r
	}
	return io.MultiReader(readers...), nil
}

// content sends what follows 354 and returns the final reply.
func (d *Delivery) content(ctx context.Context, content []io.ReadSeeker) (Reply, error) {
	c := d.conn
	defer c.watch(ctx)()
	all, err := fromStart(content)
	if err == nil {
		err = writeContent(&blockWriter{ctx, c, d.pool.cfg.DataTimeout}, all)
	}
	if lost, ok := errors.AsType[*Failure](err); ok {
		return c.early(ctx, lost)
	}
	if err != nil {
		c.close() // C12: never the dot
		return Reply{}, err
	}
	d.mailed = false
	c.messages++
	fault.At(fault.NextHopDot)
	reply, err := c.final(ctx, d.pool.cfg.FinalTimeout)
	fault.At(fault.NextHopReply)
	if err == nil && refusesUs(reply) {
		return Reply{}, c.refused(reply)
	}
	if err == nil && reply.Positive() {
		c.refusals = 0
	}
	return reply, err
}

// final reads the reply to the final dot. From here on a failure leaves open
// whether the next hop has the message. R10.
func (c *conn) final(ctx context.Context, timeout time.Duration) (Reply, error) {
	err := c.arm(ctx, timeout)
	if err != nil {
		return Reply{}, c.fail(&Failure{Class: Uncertain, AfterDot: true, Err: err})
	}
	reply, err := c.receive(nil)
	if err == nil && (takesMessage(reply) || reply.negative()) {
		return reply, nil
	}
	if err == nil {
		err = c.unexpected(reply)
	}
	f, _ := errors.AsType[*Failure](err)
	f.AfterDot = f.Class != Closing // a 421 is a refusal
	if f.Class == Lost {
		f.Class = Uncertain
	}
	return Reply{}, f
}

// early reads what the next hop said before it had the whole content, which is a
// refusal or worse; lost is the failure if it said nothing. C11.
func (c *conn) early(ctx context.Context, lost *Failure) (Reply, error) {
	defer c.close()
	if err := c.arm(ctx, earlyTimeout); err != nil {
		return Reply{}, lost
	}
	reply, err := c.receive(nil)
	switch {
	case err == nil && refusesUs(reply):
		return Reply{}, c.refused(reply)
	case err == nil && reply.negative():
		return reply, nil
	case err == nil:
		return Reply{}, c.unexpected(reply)
	}
	if f, ok := errors.AsType[*Failure](err); ok && f.Class == Lost {
		return Reply{}, lost
	}
	return Reply{}, err
}

// blockWriter writes blocks of content, each within its own time, and stops when
// the next hop speaks before its turn or hangs up.
type blockWriter struct {
	ctx     context.Context
	conn    *conn
	timeout time.Duration
}

var errEarly = errors.New("reply or end of connection in mid content")

func (w *blockWriter) Write(block []byte) (int, error) {
	if !w.conn.quiet() {
		return 0, w.lost(errEarly)
	}
	if err := w.conn.arm(w.ctx, w.timeout); err != nil {
		return 0, w.lost(err)
	}
	fault.At(fault.NextHopContent)
	n, err := w.conn.nc.Write(block)
	if err != nil {
		// Not all of it went out, so the final dot, at its end, did not.
		return n, w.lost(fmt.Errorf("write: %w", err))
	}
	return n, nil
}

func (w *blockWriter) lost(err error) *Failure {
	return &Failure{Class: Lost, Host: w.conn.host.addr, Err: err}
}
