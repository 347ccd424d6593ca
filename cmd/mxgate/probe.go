package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/cmd/mxgate/internal/probe"
	"mxgate/cmd/mxgate/internal/terminal"
	"mxgate/gateway"
	"mxgate/gateway/config"
	"mxgate/gateway/wire/syntax"
	"mxgate/policy/mail"
)

// Times of a probe. A server may let strangers wait before it greets.
const (
	probeConnectTimeout = 10 * time.Second
	probeReplyTimeout   = 40 * time.Second
	minProbePause       = 100 * time.Millisecond
	probeNoteWidth      = 300
)

// probeFlags are what `mxgate probe` was called with.
type probeFlags struct {
	config, dns string
	ports       ports
	rcpt        addresses
	reversePath mail.Address
	helo        string
	pause       time.Duration
	within      time.Duration
	json        bool
}

func runProbe(ctx context.Context, args []string, out, errOut io.Writer) int {
	q := probeFlags{ports: ports{25, 465, 587}, pause: time.Second, within: 30 * time.Minute}
	f := flags("probe", errOut)
	f.StringVar(&q.config, "config", "", "configuration `FILE`: only its domains and hosts are asked")
	f.Var(&q.ports, "ports", "ask these TCP `PORTS`; on 465 TLS begins at once")
	f.Var(&q.rcpt, "rcpt", fmt.Sprintf("recipient `ADDRESS` in one of your domains; may be repeated, %d are asked for\n(default postmaster in each of them)", probe.MaxRecipients))
	f.Func("mail-from", "reverse-path `ADDRESS` (default the null reverse-path)", func(s string) (err error) {
		if s != "" && s != "<>" {
			q.reversePath, err = readAddress(s)
		}
		return err
	})
	f.StringVar(&q.helo, "helo", "", "`NAME` to greet with (default that of this machine, or its address)")
	f.StringVar(&q.dns, "dns", "", "resolver to ask, `ADDR` or ADDR:PORT (default that of the configuration)")
	f.DurationVar(&q.pause, "pause", q.pause, "wait this `LONG` between two connections")
	f.DurationVar(&q.within, "within", q.within, "stop after this `LONG`: what was not asked by then is unknown")
	f.BoolVar(&q.json, "json", false, "one JSON object on a line for each address")
	hosts, code, ok := parse(f, args)
	if !ok {
		return code
	}
	switch {
	case len(hosts) == 0:
		return misused(f, "expected HOST..., names below your domains that lead to your mail server, not to your provider")
	case q.pause < minProbePause:
		return misused(f, fmt.Sprintf("-pause %s: expected at least %s", q.pause, minProbePause))
	case q.within <= 0:
		return misused(f, fmt.Sprintf("-within %s: expected a time such as 30m", q.within))
	case q.helo != "" && !syntax.ValidHelo(q.helo):
		return misused(f, fmt.Sprintf("-helo %q: expected a host name or an address literal such as [192.0.2.1]", q.helo))
	}
	cfg, code := load(q.config, errOut)
	if code != exitFine {
		return code
	}
	own := ownOf(cfg)
	for _, r := range q.rcpt {
		if !own.Takes(r) {
			return misused(f, fmt.Sprintf("-rcpt %s: expected a recipient in one of your domains", r))
		}
	}
	for _, a := range append(addresses{q.reversePath}, q.rcpt...) {
		if !a.IsASCII() {
			return misused(f, fmt.Sprintf("%s: expected an address of ASCII only", a))
		}
	}
	return q.run(ctx, cfg, own, hosts, out, errOut)
}

// ownOf returns what the configuration calls ours.
func ownOf(cfg *config.Config) probe.Own {
	own := probe.Own{Domains: cfg.Own, Hosts: []string{cfg.Hostname}}
	for _, r := range cfg.Used {
		for _, h := range r.Hosts {
			if host, _, err := net.SplitHostPort(h); err == nil && !strings.HasPrefix(h, "unix:") {
				own.Hosts = append(own.Hosts, host)
			}
		}
	}
	return own
}

func (q *probeFlags) run(ctx context.Context, cfg *config.Config, own probe.Own, hosts []string, out, errOut io.Writer) int {
	ctx, cancel := context.WithTimeout(ctx, q.within)
	defer cancel()
	resolver, err := gateway.NewResolver(cfg, q.dns)
	if err != nil {
		return fail(errOut, err)
	}
	targets, faults := probe.Find(ctx, resolver, own, hosts)
	for _, err := range faults {
		fmt.Fprintf(errOut, "mxgate probe: %v\n", err)
	}
	if len(targets) == 0 {
		return exitCouldNot
	}
	p := q.prober(cfg)
	p.Exchangers = probe.Exchangers(ctx, resolver, own.Domains)
	progress := terminal.Is(errOut)
	if progress {
		p.Progress = func(whom string) { fmt.Fprintf(errOut, "\r\x1b[Kasking %s", whom) }
	}
	results := p.Ask(ctx, targets)
	if progress {
		fmt.Fprint(errOut, "\r\x1b[K")
	}
	show := printProbe
	if q.json {
		show = printProbeJSON
	}
	if err := show(out, results); err != nil {
		return fail(errOut, err)
	}
	return probeCode(results, len(faults) > 0)
}

func (q *probeFlags) prober(cfg *config.Config) *probe.Prober {
	p := &probe.Prober{
		Recipients: q.rcpt, ReversePath: q.reversePath, Hello: q.helo, Ports: q.ports,
		Source: func(addr netip.Addr) (string, bool) {
			source, ok := cfg.SourceSet.Match(addr)
			return source.Name, ok && source.Provider != ""
		},
		Dial: new(net.Dialer).DialContext, ConnectTimeout: probeConnectTimeout, ReplyTimeout: probeReplyTimeout, Pause: q.pause,
	}
	if name, err := os.Hostname(); p.Hello == "" && err == nil && strings.Contains(name, ".") && syntax.ValidHelo(name) {
		p.Hello = name
	}
	if len(p.Recipients) == 0 {
		for _, d := range cfg.Own {
			p.Recipients = append(p.Recipients, mail.Address{Local: "postmaster", Domain: d})
		}
	}
	return p
}

// probeCode is 1 where somebody must act or look, else 2 where something could not
// be asked or nothing was.
func probeCode(results []probe.Result, faults bool) int {
	asked := false
	for _, r := range results {
		if r.Verdict.Finding() {
			return exitFindings
		}
		faults = faults || r.Verdict == probe.Unknown
		asked = asked || r.Verdict != probe.Provider
	}
	if faults || !asked {
		return exitCouldNot
	}
	return exitFine
}

func printProbeJSON(out io.Writer, results []probe.Result) error {
	encoder := json.NewEncoder(out)
	for _, r := range results {
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func printProbe(out io.Writer, results []probe.Result) error {
	t := table{}
	t.add("", "HOST", "ADDRESS", "PORT", "VERDICT")
	counts := map[probe.Verdict]int64{}
	for _, r := range results {
		counts[r.Verdict]++
		name := shown(strings.Join(r.Hosts, ", "), 60)
		note := strings.Join(r.Notes, "; ")
		if len(r.Ports) == 0 {
			t.add(note, name, r.Address.String(), "-", string(r.Verdict))
		}
		for _, a := range r.Ports {
			t.add(said(a), name, r.Address.String(), fmt.Sprintf("%5d", a.Port), string(a.Verdict))
		}
		if len(r.Ports) > 0 && note != "" { // of all its ports, so a row of its own
			t.add(note, name, r.Address.String(), "  all", string(r.Verdict))
		}
	}
	if err := t.print(out); err != nil {
		return err
	}
	var told []string
	for _, v := range probe.Verdicts() {
		if counts[v] > 0 {
			told = append(told, fmt.Sprintf("%d %s", counts[v], v))
		}
	}
	if _, err := fmt.Fprintf(out, "\nasked from here as a stranger, without sending a message: %s of %s\n", strings.Join(told, ", "), count.Of(len(results), "address")); err != nil {
		return err
	}
	for _, v := range probe.Verdicts() {
		if advice, ok := probeAdvice[v]; ok && counts[v] > 0 {
			if _, err := fmt.Fprintf(out, "%s: %s\n", v, advice); err != nil {
				return err
			}
		}
	}
	return nil
}

// probeAdvice is what to do about a verdict.
var probeAdvice = map[probe.Verdict]string{
	probe.Open:    "let only your sources reach these ports; `mxgate firewall` writes the rules",
	probe.Unknown: "nothing was learned of these addresses; ask from another network",
	probe.Closed:  "a firewall on this side that lets only some hosts be reached looks the same; ask from another network as well",
}

// said is what a port answered, and what that means.
func said(a probe.Answer) string {
	if a.Reply.Code == 0 {
		return fmt.Sprintf("%s: %s", a.Step, a.Why)
	}
	at := string(a.Step)
	if a.Recipient != "" {
		at += " " + shown(a.Recipient, 80)
	}
	return shown(fmt.Sprintf("%s: %s (%s)", at, a.Why, a.Reply), probeNoteWidth)
}
