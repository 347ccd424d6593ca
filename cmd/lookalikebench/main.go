// Command lookalikebench measures how well look-alike senders and stolen
// conversations are found, beside the simple rules that others use, and holds the
// result against the bars of issue 6.
//
//	go run ./cmd/lookalikebench [-quick] [-json FILE] [-markdown FILE] [PART...]
//
// The parts are names (recall by class), false (false positives), hijack (mail
// made of real threads), speed and poison; without one all are run. All but poison
// need third-party data, which is no part of this repository (docs/lookalike.md says
// what it is); it is read from -corpora, MXGATE_CORPORA or ../shared/corpora.
// Everything follows from fixed seeds.
//
// It exits with 1 if a bar is missed, with 2 if it could not measure.
package main

import (
	"cmp"
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
	name  string
	needs string // of the third-party data; "": nothing
	run   func(*bench, context.Context) ([]report.Section, error)
}

// parts are all there are, in order.
var parts = []part{
	{"names", "lists of popular domains, the tables of dnstwist and Unicode, decisions of UDRP panels", (*bench).names},
	{"false", "lists of popular domains and of domains with one owner, the tables of Basecamp and Chromium", (*bench).falsePositives},
	{"hijack", "400 public messages of the SpamAssassin corpus", (*bench).hijacks},
	{"speed", "lists of popular domains, the same messages", (*bench).speed},
	{"poison", "", (*bench).poison},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o := options{}
	flag.BoolVar(&o.quick, "quick", false, "a small sample, in some seconds, with no bar for speed; for CI")
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
	wanted, err := chosen(names)
	if err != nil {
		return 0, err
	}
	dir, err := corpus.Find(o.corpora)
	if err != nil && slices.ContainsFunc(wanted, func(p part) bool { return p.needs != "" }) {
		return 0, fmt.Errorf("%w\n%s", err, needed())
	}
	b := &bench{dir: dir, quick: o.quick, progress: progress, misses: map[string][]string{}}
	var r report.Report
	for _, p := range wanted {
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

// chosen are the parts of these names in their order; without a name all.
func chosen(names []string) (wanted []part, err error) {
	for _, name := range names {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return nil, fmt.Errorf("no part %q: expected some of names, false, hijack, speed, poison", name)
		}
	}
	for _, p := range parts {
		if len(names) == 0 || slices.Contains(names, p.name) {
			wanted = append(wanted, p)
		}
	}
	return wanted, nil
}

// needed says which part needs what.
func needed() string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "  %-8s needs %s\n", p.name, cmp.Or(p.needs, "none of it: go run ./cmd/lookalikebench "+p.name))
	}
	return b.String() + "docs/lookalike.md says where all that is from (\"The data\")"
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
