package main

import (
	"context"
	"fmt"
	"io"

	"mxgate/cmd/mxgate/internal/demo"
)

func runDemo(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := flags("demo", errOut)
	keep := f.Bool("keep", false, "leave the gateway running and say how to talk to it")
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(rest) > 0 {
		fmt.Fprintf(errOut, "mxgate demo: unexpected argument %q: expected nothing, or -keep\n", rest[0])
		return exitUsage
	}
	if err := demo.Run(ctx, demo.Options{Out: out, Color: isTerminal(out), Keep: *keep}); err != nil {
		return fail(errOut, err)
	}
	return exitFine
}
