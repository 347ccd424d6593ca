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
	file := f.String("config", "", "configuration `FILE`; -config may be left out")
	strict := f.Bool("strict", false, "exit with 1 for warnings, too")
	offline := f.Bool("offline", false, "check the file only: ask no resolver, no next hop, no directory")
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(rest) > 0 && !given(f, "config") {
		*file, rest = rest[0], rest[1:]
	}
	if *file == "" || len(rest) > 0 {
		fmt.Fprintln(errOut, "mxgate check-config: expected one FILE, of -config or "+configVariable)
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
	problems := cfg.Warnings(time.Now())
	if !*offline {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		problems = append(problems, surroundings(ctx, cfg)...)
	}
	warnings, faults := tellProblems(errOut, *file, problems)
	if faults {
		return exitFindings
	}
	if warnings {
		fmt.Fprintf(out, "%s: can be used, but see the warnings\n%s", *file, cfg.Summary())
		if *strict {
			return exitFindings
		}
		return exitFine
	}
	fmt.Fprintf(out, "%s: fine\n%s", *file, cfg.Summary())
	return exitFine
}

// tellProblems prints problems with a file, and says of which kinds there are some.
func tellProblems(w io.Writer, file string, problems []config.Problem) (warnings, faults bool) {
	for _, p := range problems {
		told := &config.Error{File: file, Problems: []config.Problem{p}}
		if p.Warning {
			warnings = true
			fmt.Fprintf(w, "warning: %v\n", told)
			continue
		}
		faults = true
		fmt.Fprintln(w, told)
	}
	return warnings, faults
}

// surroundings asks what the file alone does not tell: the data directory, the
// resolver, the next hops.
func surroundings(ctx context.Context, cfg *config.Config) []config.Problem {
	problems := gateway.CheckReachable(ctx, cfg)
	if err := (store.Config{Dir: cfg.DataDir}).Reserve(); err != nil {
		problems = append(problems, config.Problem{Key: "data_dir", Value: strconv.Quote(cfg.DataDir), Expected: err.Error(), Warning: true})
	}
	return cfg.Locate(problems)
}
