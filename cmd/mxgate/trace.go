package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"mxgate/cmd/mxgate/internal/terminal"
	"mxgate/cmd/mxgate/internal/trace"
	"mxgate/cmd/mxgate/internal/trace/container"
	"mxgate/gateway"
	"mxgate/gateway/config"
	"mxgate/policy"
)

// shownWhole is how many messages are told of one by one, whatever became of
// them; of more only those that came past the provider are.
const shownWhole = 20

// traceFlags are the flags of trace.
type traceFlags struct {
	config, html, dns       string
	logs                    []string
	json, all, quiet, masks bool
}

// leastConfig is what help shows to who has no configuration yet.
const leastConfig = `
  [[domain]]
  name = "example.com"           # ours
  [[source]]
  name = "our filter"
  provider = "mimecast"          # in the catalogue, or
  ranges = ["192.0.2.0/24"]      # where it delivers from
  valid_until = 2026-03-31       # if we have left it`

func (x *traceFlags) declare(f *flag.FlagSet) {
	f.StringVar(&x.config, "config", "", "`FILE` that tells of our side: own domains, hosts, networks, providers with their dates; or a gateway's configuration; the least is"+leastConfig)
	f.BoolVar(&x.json, "json", false, "one JSON object on a line for each message, the report on the last line")
	f.BoolVar(&x.all, "all", false, fmt.Sprintf("tell of each message, not only of those that came past the provider; that is so for up to %d", shownWhole))
	f.BoolVar(&x.quiet, "report", false, "tell of no message, print the report only")
	f.StringVar(&x.html, "html", "", "write the report with charts to `FILE`, as a page that loads nothing")
	f.Func("log", "mail log `FILE` of our servers (Postfix, Exim, Sendmail): proves what the headers say; may be repeated", func(s string) error {
		x.logs = append(x.logs, s)
		return nil
	})
	f.StringVar(&x.dns, "dns", "", "resolver to ask for the keys of ARC seals, `ADDR` or ADDR:PORT; without it nothing is asked")
	f.BoolVar(&x.masks, "pseudonyms", false, "show no local part of an address: the same address has the same pseudonym in one run")
}

func runTrace(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := flags("trace", errOut)
	var x traceFlags
	x.declare(f)
	paths, code, ok := parse(f, args)
	switch {
	case !ok:
		return code
	case len(paths) == 0:
		return misused(f, "expected FILE..., messages as .eml, mbox, Maildir or pasted headers, or - for standard input")
	case x.config == "":
		return misused(f, "expected -config FILE: without our domains, hosts and providers no way can be told from another")
	}
	cfg, err := trace.Load(x.config)
	if _, faults := errors.AsType[*config.Error](err); faults {
		fmt.Fprintln(errOut, err)
		return exitCouldNot
	}
	var o trace.Options
	if err == nil {
		o, err = x.options()
	}
	if err != nil {
		return failed("trace", errOut, err)
	}
	t := tracing{tracer: trace.New(cfg, o), archive: trace.NewArchive(cfg), flags: x, out: out, errOut: errOut}
	if x.html != "" {
		if err := t.openPage(paths); err != nil {
			return failed("trace", errOut, err)
		}
		defer t.pageFile.Close()
	}
	return t.all(ctx, paths)
}

// openPage finds out whether the page can be written before hours of reading. What
// it held stays until there is something new. Nothing but a page is ever written
// over: who forgets the FILE behind -html names his archive there.
func (t *tracing) openPage(paths []string) error {
	name := t.flags.html
	for _, path := range paths {
		page, err := os.Stat(name)
		if read, readErr := os.Stat(path); err == nil && readErr == nil && os.SameFile(read, page) {
			return fmt.Errorf("%s is to be read: expected another FILE for -html", path)
		}
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nameFile(name, err)
	}
	if err := mayReplace(file); err != nil {
		return errors.Join(fmt.Errorf("-html %s: %w", name, err), file.Close())
	}
	t.page, t.pageFile = trace.NewPage(), file
	return nil
}

// mayReplace refuses a file that holds something else than a page.
func mayReplace(file *os.File) error {
	info, err := file.Stat()
	if err != nil || info.Mode()&(fs.ModeCharDevice|fs.ModeNamedPipe) != 0 {
		return err // the latter hold nothing
	}
	begin := make([]byte, len(trace.PageBegin))
	n, err := file.ReadAt(begin, 0)
	switch {
	case n == 0 && err == io.EOF, string(begin) == trace.PageBegin:
		return nil
	case err != nil && err != io.EOF:
		return err
	}
	return errors.New("it holds something else than a page made here: expected a file that is not there yet, or that an earlier run made")
}

// isPage reports whether a file that lies among the mail is the page.
func (t *tracing) isPage(file container.File) bool {
	if t.page == nil || file.Path == "-" {
		return false
	}
	page, err := t.pageFile.Stat()
	if err != nil || page.Size() != file.SizeOctets {
		return false
	}
	info, err := os.Stat(file.Path)
	return err == nil && os.SameFile(info, page)
}

// nameFile says in front of what went wrong the name of the file as it was typed.
func nameFile(file string, err error) error {
	if fault, ok := errors.AsType[*fs.PathError](err); ok {
		err = fault.Err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// options opens what the flags name.
func (x *traceFlags) options() (trace.Options, error) {
	o := trace.Options{Pseudonym: x.masks}
	if x.dns != "" {
		r, err := gateway.NewResolver(config.Default(), x.dns)
		if err != nil {
			return o, err
		}
		o.Resolver = r
	}
	for _, name := range x.logs {
		file, err := os.Open(name)
		if err != nil {
			return o, nameFile(name, err)
		}
		if o.Log == nil {
			o.Log = new(trace.Log)
		}
		err = o.Log.ReadLog(file)
		file.Close()
		if err != nil {
			return o, fmt.Errorf("%s: %w", name, err)
		}
	}
	return o, nil
}

// tracing prints what a Tracer says of many files.
type tracing struct {
	tracer      *trace.Tracer
	archive     *trace.Archive
	page        *trace.Page // nil: none is wanted
	flags       traceFlags
	out, errOut io.Writer
	pageFile    *os.File
	held        []trace.Traced // the first few, until it is known whether there are more
	total       int
	failed      bool
	broken      bool // nothing more can be written
	found       bool // something came past the provider
	progress    progress
}

// all traces every file. What cannot be read does not keep the rest from being
// traced.
func (t *tracing) all(ctx context.Context, paths []string) int {
	var files []container.File
	for _, path := range paths {
		files = append(files, container.List(path, t.trouble)...)
	}
	files = slices.DeleteFunc(files, t.isPage)
	if slices.Contains(paths, "-") && terminal.Is(os.Stdin) {
		fmt.Fprintln(t.errOut, "paste headers or a message; Ctrl-D on a line of its own ends it")
	}
	t.progress = newProgress(t.errOut, files)
	for _, file := range files {
		done := int64(0)
		err := file.Each(ctx, func(m container.Message) error {
			done = m.Offset
			t.progress.show(t.total, done)
			return t.one(ctx, m)
		})
		t.progress.add(file.SizeOctets)
		switch {
		case ctx.Err() != nil:
			t.progress.clear()
			return exitCouldNot
		case t.broken:
			return failed("trace", t.errOut, err)
		case err != nil:
			t.trouble(err)
		}
	}
	t.progress.clear()
	if err := t.end(); err != nil {
		return failed("trace", t.errOut, err)
	}
	switch {
	case t.found: // a stray file among the mail must not hide it
		return exitFindings
	case t.failed:
		return exitCouldNot
	}
	return exitFine
}

// maxTrouble bounds what is told of one file: a path may have 4096 octets.
const maxTrouble = 5000

// trouble tells of something that cannot be read, and counts it. It may have a
// name that somebody chose to fool a terminal.
func (t *tracing) trouble(err error) {
	t.failed = true
	t.archive.Unreadable()
	t.progress.clear()
	failed("trace", t.errOut, errors.New(policy.Plain(err.Error(), maxTrouble)))
}

func (t *tracing) one(ctx context.Context, m container.Message) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	traced, err := t.tracer.Trace(ctx, trace.Input{File: m.File, Number: m.Number, Part: m.Part, Offset: m.Offset, Provenance: m.Provenance,
		Attached: m.Provenance == container.Attached, Content: m.Content, Damage: m.Damage})
	if err != nil {
		if m.Part == 0 { // what is attached may be anything
			t.trouble(fmt.Errorf("%s message %d: %w", m.File, m.Number, err))
		}
		return nil
	}
	t.total++
	t.archive.Add(&traced)
	t.found = t.found || traced.Verdict.Found()
	if t.page != nil {
		t.page.Add(&traced)
	}
	err = t.show(&traced)
	t.broken = err != nil
	return err
}

// show prints what was traced of one message, now or when it is known whether
// there are many.
func (t *tracing) show(traced *trace.Traced) error {
	switch {
	case t.flags.quiet:
	case t.flags.json:
		t.progress.clear()
		return json.NewEncoder(t.out).Encode(traced)
	case t.flags.all:
		t.progress.clear()
		return traced.Write(t.out)
	case t.total <= shownWhole:
		t.held = append(t.held, *traced)
	default:
		if err := t.release(false); err != nil {
			return err
		}
		return t.tell(traced)
	}
	return nil
}

// release prints what was held: all of it, or what came past the provider.
func (t *tracing) release(all bool) error {
	for i := range t.held {
		var err error
		if all {
			err = t.held[i].Write(t.out)
		} else {
			err = t.tell(&t.held[i])
		}
		if err != nil {
			return err
		}
	}
	t.held = nil
	return nil
}

func (t *tracing) tell(m *trace.Traced) error {
	if !m.Verdict.Found() {
		return nil
	}
	t.progress.clear()
	return m.Write(t.out)
}

// end prints what is held, and the report if there is more than one message.
func (t *tracing) end() error {
	if err := t.release(true); err != nil {
		return err
	}
	report := t.archive.Report()
	if t.page != nil {
		if err := t.writePage(&report); err != nil {
			return fmt.Errorf("%s: %w", t.flags.html, err)
		}
	}
	switch {
	case t.flags.json:
		return json.NewEncoder(t.out).Encode(map[string]*trace.Report{"report": &report})
	case t.total > 1 || t.flags.quiet:
		return report.Write(t.out)
	}
	return nil
}

func (t *tracing) writePage(report *trace.Report) error {
	info, err := t.pageFile.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = t.pageFile.Truncate(0)
	}
	if err != nil {
		return err
	}
	return errors.Join(t.page.Write(t.pageFile, report, time.Now()), t.pageFile.Close())
}
