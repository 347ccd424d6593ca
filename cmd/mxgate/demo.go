package main

import (
	"context"
	"io"

	"mxgate/cmd/mxgate/internal/demo"
	"mxgate/cmd/mxgate/internal/terminal"
)

func runDemo(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := flags("demo", errOut)
	keep := f.Bool("keep", false, "leave the gateway running, say how to talk to it, and show what becomes of each message")
	if code, ok := parseOnly(f, args); !ok {
		return code
	}
	if err := demo.Run(ctx, demo.Options{Out: out, Color: terminal.Coloured(out), Keep: *keep}); err != nil {
		return fail(errOut, err)
	}
	return exitFine
}
