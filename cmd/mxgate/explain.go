package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/cmd/mxgate/internal/terminal"
	"mxgate/gateway"
	"mxgate/gateway/archive"
	"mxgate/policy"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// addresses collects repeated -rcpt flags.
type addresses []mail.Address

func (a *addresses) String() string { return fmt.Sprint(*a) }

func (a *addresses) Set(s string) error {
	address, err := readAddress(s)
	if err != nil {
		return err
	}
	*a = append(*a, address)
	return nil
}

// readAddress is ParseMailbox for a flag: <> may be left out.
func readAddress(s string) (mail.Address, error) {
	address, err := mail.ParseMailbox(strings.TrimSuffix(strings.TrimPrefix(s, "<"), ">"))
	if err != nil {
		return mail.Address{}, errors.New("expected an address such as bob@example.com")
	}
	return address, nil
}

// explainFlags are the flags of explain and where they end up.
type explainFlags struct {
	config string
	json   bool
	q      gateway.Question
}

func (x *explainFlags) declare(f *flag.FlagSet) {
	f.StringVar(&x.config, "config", "", "configuration `FILE`: own and protected domains, sources, dispositions")
	f.StringVar(&x.q.Source, "source", "", "`NAME` of a source in the configuration, or of a provider of the catalogue:\n"+
		strings.Join(policy.Wrap(strings.Join(provider.IDs(), ", "), 80), "\n"))
	f.Func("client", "`IP` that handed the mail in; default: found in the trace", func(s string) (err error) {
		if x.q.Client, err = netip.ParseAddr(s); err != nil {
			return errors.New("expected an address such as 192.0.2.1 or 2001:db8::1")
		}
		return nil
	})
	f.StringVar(&x.q.Helo, "helo", "", "HELO `NAME` of that client")
	f.Func("mail-from", "reverse-path `ADDRESS`; \"\" is the null reverse-path; default: Return-Path", func(s string) (err error) {
		x.q.MailSet = true
		if s != "" && s != "<>" {
			x.q.Mail, err = readAddress(s)
		}
		return err
	})
	f.Var((*addresses)(&x.q.Rcpt), "rcpt", "recipient `ADDRESS`; may be repeated")
	f.StringVar(&x.q.DNS, "dns", "", "resolver to ask, `ADDR` or ADDR:PORT")
	f.BoolVar(&x.q.Memory, "memory", false, "ask what the site remembers today as well: with -config, on the gateway's\nmachine, as its user; nothing is written or learned")
	f.BoolVar(&x.q.Trace, "v", false, "show every DNS question and its answer as well")
	f.BoolVar(&x.json, "json", false, "one JSON object on a line for each message")
}

func runExplain(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := flags("explain", errOut)
	var x explainFlags
	x.declare(f)
	files, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(files) == 0 {
		return misused(f, "expected FILE..., messages as .eml or mbox, or - for standard input")
	}
	if x.q.Memory && x.config == "" {
		return misused(f, "-memory: expected -config FILE as well, which says where the memory is")
	}
	x.q.OnError = func(err error) { fail(errOut, err) }
	if x.config != "" {
		if x.q.Config, code = load(x.config, errOut); x.q.Config == nil {
			return code
		}
	}
	explainer, err := gateway.NewExplainer(x.q)
	if errors.Is(err, os.ErrPermission) {
		err = fmt.Errorf("%w: run this as the user that the gateway runs as", err)
	}
	if err != nil {
		return fail(errOut, err)
	}
	e := explaining{x: explainer, out: out, errOut: errOut, config: x.config, json: x.json, counts: map[result]int{}}
	code = e.all(ctx, files)
	switch {
	case x.q.Memory: // what is said of each message tells
	case x.config == "": // and so no memory
		if !x.json && e.total > 0 {
			fmt.Fprintln(errOut, "mxgate explain: without -config FILE own domains, look-alikes and protected names were not checked")
		}
	default:
		fmt.Fprintln(errOut, "mxgate explain: the memory is not asked: what it knew when a message came is in `mxgate journal -json` and `mxgate quarantine show -all`; -memory asks what it knows today")
	}
	return code
}

// explaining prints what an Explainer says of many files.
type explaining struct {
	x           *gateway.Explainer
	out, errOut io.Writer
	config      string // file; "" if none was given
	json        bool
	total       int
	failed      bool
	findings    bool // a message that is not simply relayed
	counts      map[result]int
}

// result is what a message is counted under.
type result struct {
	disposition policy.Disposition
	reason      policy.Reason
	open        string // what it hangs on, which was not found; "" if it does not hang
}

// words are how a result is shown.
func (r result) words() (disposition, reason string) {
	if r.open != "" {
		return "OPEN", "the " + r.open + " was not found"
	}
	return strings.ToUpper(r.disposition.String()), string(r.reason)
}

// all explains every file. A message or file that cannot be read does not keep
// the others from being explained.
func (e *explaining) all(ctx context.Context, files []string) int {
	progress := len(files) > 20 && terminal.Is(e.errOut) && !terminal.Is(e.out)
	for i, file := range files {
		if progress && i%100 == 0 {
			fmt.Fprintf(e.errOut, "\r%d of %d files", i, len(files))
		}
		each := func(m archive.Message) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return e.one(ctx, file, m)
		}
		var err error
		if file == "-" {
			err = archive.Read(called(file), os.Stdin, each)
		} else {
			err = archive.Each(file, each)
		}
		if err != nil {
			e.failed = true
			fail(e.errOut, err)
		}
		if ctx.Err() != nil {
			return exitCouldNot
		}
	}
	if progress {
		fmt.Fprintf(e.errOut, "\r%d of %d files\n", len(files), len(files))
	}
	if err := e.summary(); err != nil {
		return fail(e.errOut, err)
	}
	switch {
	case e.failed:
		return exitCouldNot
	case e.findings:
		return exitFindings
	}
	return exitFine
}

// called is how a file is named to people.
func called(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

func (e *explaining) one(ctx context.Context, file string, m archive.Message) error {
	heading := policy.Plain(called(file), 400)
	if m.Mbox {
		heading += fmt.Sprintf(" message %d", m.Number)
	}
	r, err := e.x.Explain(ctx, file, m.Number, m.Content)
	if err != nil {
		e.failed = true
		fail(e.errOut, fmt.Errorf("%s: %w", heading, err))
		return nil
	}
	e.total++
	e.findings = e.findings || r.Disposition != policy.Relay
	open := ""
	if r.Hangs != nil {
		open = r.Hangs.On
	}
	e.counts[result{r.Disposition, r.Reason, open}]++
	if e.json {
		return json.NewEncoder(visible{e.out}).Encode(r)
	}
	fmt.Fprintf(e.out, "%s\n%s%s%s", heading, policy.Labelled("subject", policy.Plain(mail.DecodeWords(r.Subject), 200)),
		policy.Labelled("to", policy.Plain(r.To, 200)), policy.Labelled("message-id", policy.Plain(r.MessageID, 200)))
	if r.Handed != nil {
		fmt.Fprint(e.out, policy.Labelled("judged", handedWords(r.Handed)))
	}
	if r.Unasked != "" {
		fmt.Fprint(e.out, policy.Labelled("not asked", r.Unasked+"."))
	}
	if r.Hint != "" {
		fmt.Fprint(e.out, policy.Labelled("hint", r.Hint+"."))
	}
	if err := e.verdict(&r); err != nil {
		return err
	}
	compare(e.out, &r.Evidence)
	if r.Memory != nil {
		fmt.Fprint(e.out, policy.Labelled("memory", memoryWords(r.Memory, r.Evidence.ForwardPaths)))
	}
	nextSteps(e.out, "next", &r.Evidence, r.Verdict, shellWord(cmp.Or(e.config, "FILE")), "")
	for _, q := range r.Questions {
		fmt.Fprint(e.out, policy.Labelled("asked", q.String()))
	}
	_, err = fmt.Fprintln(e.out)
	return err
}

// verdict prints what was found and decided.
func (e *explaining) verdict(r *gateway.Explained) error {
	if r.Hangs == nil {
		return policy.Explain(e.out, &r.Evidence, r.Verdict)
	}
	disposition, reason := result{open: r.Hangs.On}.words()
	return policy.ExplainAs(e.out, disposition+": "+reason, &r.Evidence, r.Verdict)
}

// handedWords says of a message that servers of ours had taken what was judged of it.
func handedWords(h *gateway.Handed) string {
	text := fmt.Sprintf("as it was handed to %s by %s on %s", h.To, h.Client, h.At.Local().Format(stamp))
	switch h.LeftOut {
	case 0:
	case 1:
		text += ", the header field above that left out"
	default:
		text += fmt.Sprintf(", %d header fields above that left out", h.LeftOut)
	}
	return text + ": so says its Received field of " + h.To + ", which could be forged in a file that is not from your mailboxes, or if that server sees the Internet through private addresses only."
}

// memoryWords says which memory was asked, and about whom.
func memoryWords(m *gateway.Remembered, recipients []string) string {
	if !m.Asked {
		return "not asked: the message has no single author to ask about, or is held unread"
	}
	text := "as it was at " + m.At.Local().Format(stamp) + ", not when the message came; "
	if m.Since.IsZero() {
		text += "it has learned from no mail yet."
	} else {
		text += "it remembers mail since " + m.Since.Format(time.DateOnly) + "."
	}
	switch m.Recipients {
	case gateway.RecipientsNone:
		text += " To and Cc name nobody of yours: with whom the recipient corresponds was not asked (-rcpt ADDRESS names him)."
	case gateway.RecipientsHeader:
		text += " Asked for " + policy.Plain(strings.Join(recipients, ", "), 400) + ", by To and Cc (-rcpt ADDRESS names another)."
	default:
		text += " Asked for " + policy.Plain(strings.Join(recipients, ", "), 400) + "."
	}
	if m.Taught {
		text += " This message has taught it, or an answer to it has: what is known of the author may come from there."
	}
	return text
}

// summary counts the verdicts, the most frequent first.
func (e *explaining) summary() error {
	if e.json || e.total < 2 {
		return nil
	}
	results := slices.SortedFunc(maps.Keys(e.counts), func(a, b result) int {
		return cmp.Or(cmp.Compare(e.counts[b], e.counts[a]), cmp.Compare(a.reason, b.reason), cmp.Compare(a.disposition, b.disposition))
	})
	t := table{}
	for _, r := range results {
		disposition, reason := r.words()
		t.add("", fmt.Sprintf("%7d", e.counts[r]), disposition, reason)
	}
	if _, err := fmt.Fprintf(e.out, "%s\n", count.Of(e.total, "message")); err != nil {
		return err
	}
	return t.print(e.out)
}
