package wire

import (
	"context"
	"errors"
	"fmt"
)

// Close ends everything at once: sockets, sessions, and the contexts that work
// on messages runs under. Use Drain first.
func (l *Listener) Close() error {
	err := l.stop()
	l.cut()
	l.finish()
	return err
}

// Drain lets the sessions end: nothing new is accepted, an idle session gets
// 421 at once, one in a transaction after its end. When ctx ends, the rest is
// cut and ctx's error returned. It waits until every session is over; then
// Accept returns net.ErrClosed. RFC 5321, Section 3.8; SMTP-DUTIES A7.
func (l *Listener) Drain(ctx context.Context) error {
	err := l.stop()
	l.mu.Lock()
	for k := range l.links {
		k.drain()
	}
	for raw := range l.strangers {
		_ = raw.Close() // they were told all there is to say
	}
	l.mu.Unlock()

	over := make(chan struct{})
	go func() { // ends with the last session, which we wait for
		l.live.Wait()
		close(over)
	}()
	select {
	case <-over:
	case <-ctx.Done():
		err = errors.Join(err, fmt.Errorf("wire: drain: %w", context.Cause(ctx)))
		l.cut()
		<-over
	}
	l.cancel()
	l.finish()
	return err
}

// stop closes the sockets that accept.
func (l *Listener) stop() (err error) {
	l.stopOnce.Do(func() {
		close(l.stopping)
		for _, in := range l.inner {
			err = errors.Join(err, in.Close())
		}
	})
	return err
}

// cut closes every connection below TLS; its reader finds out and ends.
func (l *Listener) cut() {
	l.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.links {
		_ = k.raw.Close() // nobody is left to be told
	}
	for raw := range l.strangers {
		_ = raw.Close()
	}
}

// finish makes Accept return.
func (l *Listener) finish() { l.doneOnce.Do(func() { close(l.done) }) }
