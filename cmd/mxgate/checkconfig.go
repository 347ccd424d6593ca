package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"mxgate/gateway"
)

func runCheckConfig(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := flags("check-config", errOut)
	config := f.String("config", "", "configuration `FILE`")
	offline := f.Bool("offline", false, "check the file only: ask no resolver, no next hop, no directory")
	if _, code, ok := parse(f, args); !ok {
		return code
	}
	cfg, code := load(*config, errOut)
	if cfg == nil {
		if code == exitCouldNot {
			return exitFindings // the file is what was asked about
		}
		return code
	}
	if !*offline {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		if problems := gateway.CheckReachable(ctx, cfg); len(problems) > 0 {
			fmt.Fprintln(errOut, &gateway.ConfigError{File: *config, Problems: problems})
			return exitFindings
		}
	}
	fmt.Fprintf(out, "%s: fine\n%s", *config, cfg.Summary())
	return exitFine
}
