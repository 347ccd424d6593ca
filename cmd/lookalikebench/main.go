// Command lookalikebench measures how well look-alike senders and stolen
// conversations are found, beside the simple rules that others use, and holds the
// result against the bars of issue 6.
//
//	go run ./cmd/lookalikebench [-quick] [-json FILE] [-markdown FILE] [PART...]
//
// The parts are names (recall by class), false (false positives), hijack (mail
// made of real threads), speed and poison; without one all are run. The data is
// third-party and read from ../shared/corpora, from MXGATE_CORPORA or -corpora.
// Everything follows from fixed seeds.
//
// It exits with 1 if a bar is missed, with 2 if it could not measure.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"

	"mxgate/cmd/lookalikebench/internal/corpus"
	"mxgate/cmd/lookalikebench/internal/report"
)

// part is something that can be measured.
type part struct {
	name string
	run  func(*bench, context.Context) ([]report.Section, error)
}

// parts are all there are, in order.
var parts = []part{
	{"names", (*bench).names},
	{"false", (*bench).falsePositives},
	{"hijack", (*bench).hijacks},
	{"speed", (*bench).speed},
	{"poison", (*bench).poison},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o := options{}
	flag.BoolVar(&o.quick, "quick", false, "a small sample, in some seconds; for CI")
	flag.StringVar(&o.json, "json", "", "write the report as JSON to `FILE`")
	flag.StringVar(&o.markdown, "markdown", "", "write the report as Markdown to `FILE`")
	flag.StringVar(&o.misses, "misses", "", "write the cases that were missed to `DIR`, a file for each part")
	flag.StringVar(&o.corpora, "corpora", "", "`DIR` with the third-party data")
	flag.Parse()
	missed, err := run(ctx, o, flag.Args(), os.Stdout, os.Stderr)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "lookalikebench:", err)
		os.Exit(2)
	case missed > 0:
		fmt.Fprintf(os.Stderr, "lookalikebench: %d bars missed\n", missed)
		os.Exit(1)
	}
}

type options struct {
	quick                           bool
	json, markdown, misses, corpora string
}

// run measures the parts that are named, and returns how many bars were missed.
func run(ctx context.Context, o options, names []string, out, progress io.Writer) (missed int, err error) {
	for _, name := range names {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return 0, fmt.Errorf("no part %q", name)
		}
	}
	dir, err := corpus.Find(o.corpora)
	if err != nil {
		return 0, err
	}
	b := &bench{dir: dir, quick: o.quick, progress: progress, misses: map[string][]string{}}
	var r report.Report
	for _, p := range parts {
		if len(names) > 0 && !slices.Contains(names, p.name) {
			continue
		}
		sections, err := p.run(b, ctx)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", p.name, err)
		}
		for _, s := range sections {
			if err := s.Text(out); err != nil {
				return 0, err
			}
		}
		r.Sections = append(r.Sections, sections...)
	}
	if err := save(o.json, r.JSON); err != nil {
		return 0, err
	}
	if err := save(o.markdown, r.Markdown); err != nil {
		return 0, err
	}
	return len(r.Missed()), b.saveMisses(o.misses)
}

// save writes a file, if there is to be one.
func save(name string, write func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	var b strings.Builder
	if err := write(&b); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(b.String()), 0o644)
}
