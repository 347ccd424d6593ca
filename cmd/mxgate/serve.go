package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

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
	hup, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(done)
	wg.Go(func() {
		for {
			select {
			case <-hup:
				server.Reload()
			case <-done:
				return
			}
		}
	})
	if err := server.Serve(ctx); err != nil {
		return fail(errOut, err)
	}
	return exitFine
}
