package wire

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Why content could not be taken.
var (
	ErrBadFraming = errors.New("wire: bare CR, bare LF or NUL in the content")
	ErrTooLarge   = errors.New("wire: content exceeds the size limit")
	ErrSpool      = errors.New("wire: content cannot be stored")
	ErrTimeout    = errors.New("wire: content came too slowly")
	ErrCut        = errors.New("wire: connection lost before the end of the content")
)

var errNoContent = errors.New("wire: no content is due")

// Content reads the content that follows DATA, to its end. The session calls it
// once from Data, before it answers, and closes what it gets.
//
// It fails with ErrBadFraming, ErrTooLarge or ErrSpool after the true end was
// reached, and the session goes on (after ErrBadFraming it ends with the
// answer: SMTP-DUTIES F2). With ErrTimeout, ErrCut, or ErrTooLarge beyond twice
// the limit, nothing more is read and the answer is the last; after ErrTimeout
// the client is told 421 4.4.2 in its place. When ctx ends the connection is cut.
func (c *Conn) Content(ctx context.Context) (*Content, error) {
	if c.phase != inContent {
		return nil, errNoContent
	}
	stop := context.AfterFunc(ctx, func() { _ = c.raw.Close() }) // the read says so
	defer stop()
	c.phase = inAnswer
	s := newSpool(&c.l.cfg)
	f := framer{lineStart: true}
	if err := c.receive(&f, s); err != nil {
		c.over = true
		s.drop(nil)
		return nil, err
	}
	switch {
	case f.bad:
		c.lastOne = true
		s.drop(nil)
		return nil, ErrBadFraming
	case s.size > s.limit:
		return nil, ErrTooLarge
	case s.err != nil:
		return nil, fmt.Errorf("%w: %w", ErrSpool, s.err)
	}
	return s.content(f.eightBit), nil
}

// receive frames content into s until its end.
//
// The deadline of each read is what is left of the idle limit, and not later
// than the moment at which the average since the start falls below the minimum
// rate.
func (c *Conn) receive(f *framer, s *spool) error {
	cfg := &c.l.cfg
	start := time.Now()
	var octets int64
	c.in.enlarge()
	for {
		n, end := f.frame(c.in.unread(), s)
		c.in.consume(n)
		octets += int64(n)
		if end {
			return nil
		}
		if octets > 2*cfg.MaxMessageOctets {
			c.end("error")
			return ErrTooLarge
		}
		slow := start.Add(max(cfg.RateGrace, time.Duration(octets/cfg.MinOctetsPerSec)*time.Second))
		deadline := time.Now().Add(cfg.ContentTimeout)
		if slow.Before(deadline) {
			deadline = slow
		}
		c.await(deadline, false)
		err := c.fill()
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
