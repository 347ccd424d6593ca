package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"mxgate/gateway"
	"mxgate/gateway/archive"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// addresses collects repeated -rcpt flags.
type addresses []mail.Address

func (a *addresses) String() string { return fmt.Sprint(*a) }

func (a *addresses) Set(s string) error {
	address, err := mail.ParseMailbox(strings.Trim(s, "<>"))
	if err != nil {
		return fmt.Errorf("expected an address such as bob@example.com")
	}
	*a = append(*a, address)
	return nil
}

func runExplain(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := flags("explain", errOut)
	var q gateway.Question
	config := f.String("config", "", "configuration `FILE`: own and protected domains, sources, dispositions")
	f.StringVar(&q.Source, "source", "", "`NAME` of a source in the configuration, or of a provider in the catalogue (microsoft365)")
	f.Func("client", "`IP` that handed the mail in; default: found in the trace", func(s string) (err error) {
		q.Client, err = netip.ParseAddr(s)
		return err
	})
	f.StringVar(&q.Helo, "helo", "", "HELO `NAME` of that client")
	f.Func("mail-from", "reverse-path `ADDRESS`; \"\" is the null reverse-path; default: Return-Path", func(s string) (err error) {
		q.MailSet = true
		if s = strings.Trim(s, "<>"); s != "" {
			q.Mail, err = mail.ParseMailbox(s)
		}
		return err
	})
	f.Var((*addresses)(&q.Rcpt), "rcpt", "recipient `ADDRESS`; may be repeated")
	f.StringVar(&q.DNS, "dns", "", "resolver to ask, `ADDR` or ADDR:PORT")
	asJSON := f.Bool("json", false, "one JSON object on a line for each message")
	files, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(files) == 0 {
		fmt.Fprintln(errOut, "mxgate explain: expected FILE..., messages as .eml or mbox")
		return exitUsage
	}
	if *config != "" {
		if q.Config, code = load(*config, errOut); q.Config == nil {
			return code
		}
	}
	x, err := gateway.NewExplainer(q)
	if err != nil {
		return fail(errOut, err)
	}
	e := explaining{x: x, out: out, json: *asJSON}
	return e.all(ctx, files, errOut)
}

// explaining prints what an Explainer says of many files.
type explaining struct {
	x        *gateway.Explainer
	out      io.Writer
	json     bool
	findings bool
}

func (e *explaining) all(ctx context.Context, files []string, errOut io.Writer) int {
	code := exitFine
	for i, file := range files {
		if len(files) > 20 && i%100 == 0 && isTerminal(errOut) {
			fmt.Fprintf(errOut, "\r%d of %d files", i, len(files))
		}
		err := archive.Each(file, func(n int, content []byte) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return e.one(ctx, file, n, content)
		})
		if err != nil {
			code = fail(errOut, err)
		}
		if ctx.Err() != nil {
			return exitCouldNot
		}
	}
	if code == exitFine && e.findings {
		return exitFindings
	}
	return code
}

func (e *explaining) one(ctx context.Context, file string, n int, content []byte) error {
	r, err := e.x.Explain(ctx, file, n, content)
	if err != nil {
		return err
	}
	if r.Disposition != policy.Relay {
		e.findings = true
	}
	if e.json {
		return json.NewEncoder(e.out).Encode(r)
	}
	fmt.Fprintf(e.out, "%s", file)
	if n > 1 {
		fmt.Fprintf(e.out, " message %d", n)
	}
	fmt.Fprint(e.out, "\n")
	if err := policy.Explain(e.out, &r.Evidence, r.Verdict); err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.out)
	return err
}

// isTerminal reports whether w is a character device: progress is for people.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
