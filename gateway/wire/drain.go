package wire

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Close ends everything at once: sockets, sessions, and the contexts that work
// on messages runs under. Use Drain first.
func (l *Listener) Close() error {
	err := l.stop()
	l.cut(time.Now())
	l.finish()
	return err
}

// farewellTimeout bounds what 421 to all that is left may take after a drain.
const farewellTimeout = time.Second

// Drain lets the sessions end: nothing new is accepted, an idle session gets
// 421 at once, one in a transaction after its end. When ctx ends, those that
// wait for their client get 421, all are cut, and ctx's error is returned. It
// waits until every session is over; then Accept returns net.ErrClosed.
// RFC 5321, Section 3.8; SMTP-DUTIES A7.
func (l *Listener) Drain(ctx context.Context) error {
	err := l.stop()
	l.mu.Lock()
	for k := range l.links {
		k.drain()
	}
	l.dismiss()
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
		l.cut(time.Now().Add(farewellTimeout))
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
		l.endAsks()
		for _, in := range l.inner {
			err = errors.Join(err, in.Close())
		}
	})
	return err
}

// dismiss closes what has no session, under mu: strangers were told all there is
// to say, and of the others we do not know who they are.
func (l *Listener) dismiss() {
	for raw := range l.strangers {
		_ = raw.Close()
	}
	for raw := range l.awaiting {
		_ = raw.Close()
	}
}

// cut ends every connection. Until by there is time for a last word.
func (l *Listener) cut(by time.Time) {
	l.mu.Lock()
	l.dismiss()
	left := slices.Collect(maps.Keys(l.links))
	l.mu.Unlock()
	for _, k := range left {
		k.part(by)
	}
	l.cancel() // last: it cuts content short without a word
}

// finish makes Accept return.
func (l *Listener) finish() { l.doneOnce.Do(func() { close(l.done) }) }
