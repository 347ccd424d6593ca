// Package demo shows the real gateway at work on loopback: real sockets, a next
// hop and a resolver that run in this process, and a handful of messages sent by
// SMTP. Nothing of it is scripted: what it prints is what came out of the
// gateway, its next hop and its quarantine.
package demo

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Options of Run.
type Options struct {
	Out   io.Writer
	Color bool // mark dispositions for a terminal
	Keep  bool // leave the gateway running until ctx ends
}

// Run builds the small world, sends every story through the gateway and prints
// what became of it. An error means that the demo could not be held, or that a
// message was neither delivered, held nor refused.
func Run(ctx context.Context, o Options) error {
	w, err := newWorld()
	if err != nil {
		return err
	}
	defer w.close()
	intro(o.Out, w)
	fmt.Fprintln(o.Out, rule)
	for i, s := range stories() {
		sendCtx, cancel := context.WithTimeout(ctx, 20*time.Second)
		r, err := w.tell(sendCtx, s)
		cancel()
		if err != nil {
			return fmt.Errorf("demo: story %d (%s): %w", i+1, s.title, err)
		}
		r.print(o.Out, i+1, o.Color)
	}
	if err := w.summary(ctx, o.Out); err != nil {
		return err
	}
	if !o.Keep {
		return nil
	}
	if err := w.watch(ctx, o); ctx.Err() == nil {
		return err
	}
	return nil
}
