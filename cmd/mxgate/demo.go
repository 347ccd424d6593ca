package main

import (
	"context"
	"errors"
	"io"
	"os/signal"
	"syscall"

	"mxgate/cmd/mxgate/internal/demo"
	"mxgate/cmd/mxgate/internal/terminal"
)

func runDemo(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := flags("demo", errOut)
	keep := f.Bool("keep", false, "leave the gateway running, say how to talk to it, and show what becomes of each message")
	if code, ok := parseOnly(f, args); !ok {
		return code
	}
	signal.Ignore(syscall.SIGPIPE) // it goes on to the end, and leaves nothing, when nobody reads on
	if err := demo.Run(ctx, demo.Options{Out: out, Color: terminal.Coloured(out), Keep: *keep}); err != nil && !errors.Is(err, syscall.EPIPE) {
		return fail(errOut, err)
	}
	return exitFine
}
