package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"mxgate/gateway"
	"mxgate/gateway/config"
	"mxgate/gateway/store"
)

func runCheckConfig(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := flags("check-config", errOut)
	file := f.String("config", "", "configuration `FILE`; may be given without -config as well")
	offline := f.Bool("offline", false, "check the file only: ask no resolver, no next hop, no directory")
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if *file == "" && len(rest) > 0 {
		*file, rest = rest[0], rest[1:]
	}
	if *file == "" || len(rest) > 0 {
		fmt.Fprintln(errOut, "mxgate check-config: expected one FILE")
		return exitUsage
	}
	cfg, err := config.Load(*file)
	if err != nil {
		fmt.Fprintln(errOut, err)
		if _, ok := errors.AsType[*config.Error](err); ok {
			return exitFindings // the file is what was asked about
		}
		return exitCouldNot
	}
	warnings := cfg.Warnings(time.Now())
	if !*offline {
		if err := (store.Config{Dir: cfg.DataDir}).Reserve(); err != nil {
			warnings = append(warnings, cfg.Locate([]config.Problem{{Key: "data_dir", Value: strconv.Quote(cfg.DataDir), Expected: err.Error()}})...)
		}
	}
	for _, w := range warnings {
		fmt.Fprintf(errOut, "warning: %v\n", &config.Error{File: *file, Problems: []config.Problem{w}})
	}
	if !*offline {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		if problems := gateway.CheckReachable(ctx, cfg); len(problems) > 0 {
			fmt.Fprintln(errOut, &config.Error{File: *file, Problems: cfg.Locate(problems)})
			return exitFindings
		}
	}
	if len(warnings) > 0 {
		fmt.Fprintf(out, "%s: can be used, but see the warnings\n%s", *file, cfg.Summary())
		return exitFindings
	}
	fmt.Fprintf(out, "%s: fine\n%s", *file, cfg.Summary())
	return exitFine
}
