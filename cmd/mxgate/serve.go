package main

import (
	"context"
	"io"

	"mxgate/gateway"
)

func runServe(ctx context.Context, args []string, _, errOut io.Writer) int {
	f := flags("serve", errOut)
	config := f.String("config", "", "configuration `FILE`")
	if _, code, ok := parse(f, args); !ok {
		return code
	}
	cfg, code := load(*config, errOut)
	if cfg == nil {
		return code
	}
	server, err := gateway.New(cfg, logger(errOut, cfg))
	if err != nil {
		return fail(errOut, err)
	}
	if err := server.Serve(ctx); err != nil {
		return fail(errOut, err)
	}
	return exitFine
}
