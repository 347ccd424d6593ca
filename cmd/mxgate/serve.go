package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"mxgate/gateway"
	"mxgate/gateway/config"
)

func runServe(ctx context.Context, args []string, _, errOut io.Writer) int {
	f := flags("serve", errOut)
	file := f.String("config", "", "configuration `FILE`")
	if code, ok := parseOnly(f, args); !ok {
		return code
	}
	cfg, code := loadBy(config.Load, *file, errOut)
	if cfg == nil {
		return code
	}
	log := logger(errOut, cfg)
	keepHeadroom()
	for _, w := range cfg.Warnings(time.Now()) {
		log.Warn("configuration", "file", cfg.File, "key", w.Key, "value", w.Value, "line", w.Line, "err", w.Expected)
	}
	server, err := gateway.New(cfg, log)
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
	wg.Go(func() { keepUsedPages(done) })
	if err := server.Serve(ctx); err != nil {
		return fail(errOut, err)
	}
	return exitFine
}
