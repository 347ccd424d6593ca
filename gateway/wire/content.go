package wire

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"mxgate/gateway/fault"
	"mxgate/gateway/wire/framing"
	"mxgate/gateway/wire/syntax"
)

// Why content could not be taken.
var (
	ErrBadFraming = errors.New("wire: bare CR, bare LF or NUL in the content")
	ErrTooLarge   = errors.New("wire: content exceeds the size limit")
	ErrSpool      = errors.New("wire: content cannot be stored")
	ErrTimeout    = errors.New("wire: content came too slowly")
	ErrCut        = errors.New("wire: connection lost before the end of the content")
)

// ErrNoTLS says that MAIL came in clear where it may not.
var ErrNoTLS = errors.New("wire: MAIL without TLS")

// Untaken is content that could not be taken: the error of Conn.Content.
type Untaken struct {
	Octets int64 // that came, as far as it was read
	Limit  int64 // octets of a message in this session
	Cut    bool  // nothing was read to the end: the connection is over
	Err    error // one of those above, and what it came from
}

// Error implements error.
func (u *Untaken) Error() string { return u.Err.Error() }

// Unwrap makes it the error that it has.
func (u *Untaken) Unwrap() error { return u.Err }

// What a session is given.
type (
	Content = framing.Content // of one message
	Command = syntax.Command  // as we parsed it
)

// CleanSpool makes Config.SpoolDir ready, as framing.CleanSpool says. Call it
// before Listen.
func CleanSpool(dir string) error { return framing.CleanSpool(dir) }

var errNoContent = errors.New("wire: no content is due")

// Content reads the content that follows DATA, to its end. The session calls it
// once from Data, before it answers, and closes what it gets.
//
// It fails with ErrBadFraming, ErrTooLarge or ErrSpool after the true end was
// reached, and the session goes on (after ErrBadFraming it ends with the
// answer: SMTP-DUTIES F2). With ErrTimeout, ErrCut, or ErrTooLarge beyond twice
// the limit, nothing more is read and the answer is the last; after ErrTimeout
// the client is told 421 4.4.2 in its place. When ctx ends the connection is cut.
// Each of these errors is an *Untaken.
func (c *Conn) Content(ctx context.Context) (*Content, error) {
	if c.phase != inContent {
		return nil, errNoContent
	}
	stop := context.AfterFunc(ctx, func() { _ = c.raw.Close() }) // the read says so
	defer stop()
	c.phase = inAnswer
	s := c.l.room.NewSpool(c.declared, c.terms.MaxOctets)
	var f framing.Framer
	err := c.receive(&f, s)
	c.in.Shrink() // what comes of the content may take long
	untaken := func(err error) (*Content, error) {
		s.Drop()
		return nil, &Untaken{Octets: s.Size(), Limit: c.terms.MaxOctets, Cut: c.over, Err: err}
	}
	switch {
	case err != nil:
		c.over = true
		return untaken(err)
	case f.Bad:
		c.lastOne = true
		return untaken(ErrBadFraming)
	}
	content, err := s.Content(f.EightBit)
	switch {
	case errors.Is(err, framing.ErrTooLarge):
		return untaken(ErrTooLarge)
	case err != nil:
		return untaken(fmt.Errorf("%w: %w", ErrSpool, err))
	}
	if content.InFile() {
		c.l.stats.spooled.Add(1)
	}
	fault.At(fault.SpoolDone)
	return content, nil
}

// receive frames content into s until its end.
//
// The deadline of each read is what is left of the idle limit, and not later
// than the end of the window: RateGrace after the start, then ContentTimeout
// after the window began. A window is over, and the next begins, with the octets
// that are due in it at the minimum rate: what came fast before buys no time, or a
// client could hold a slot for a day.
func (c *Conn) receive(f *framing.Framer, s *framing.Spool) error {
	cfg := &c.l.cfg
	window, began := cfg.RateGrace, time.Now() // in which so many octets are due
	var octets, inWindow int64
	c.in.Enlarge()
	for {
		content, n, end := f.Frame(c.in.Unread())
		s.Write(content)
		c.in.Consume(n)
		octets += int64(n)
		if end {
			return nil
		}
		if octets > 2*c.terms.MaxOctets {
			c.end("error")
			return ErrTooLarge
		}
		now := time.Now()
		if inWindow += int64(n); inWindow >= max(1, int64(window.Seconds()*float64(cfg.MinOctetsPerSec))) {
			window, began, inWindow = max(cfg.RateGrace, cfg.ContentTimeout), now, 0
		}
		deadline := now.Add(cfg.ContentTimeout)
		if slow := began.Add(window); slow.Before(deadline) {
			deadline = slow
		}
		c.await(deadline, false)
		err := c.fill()
		c.awaited()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.end(timedOut)
			return ErrTimeout
		case err != nil:
			c.end("cut")
			return fmt.Errorf("%w: %w", ErrCut, err)
		}
	}
}
