package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/cmd/mxgate/internal/firewall"
	"mxgate/gateway/config"
)

// ports are TCP ports, of a flag: "25,465".
type ports []uint16

func (p *ports) String() string {
	var all []string
	for _, port := range *p {
		all = append(all, strconv.Itoa(int(port)))
	}
	return strings.Join(all, ",")
}

func (p *ports) Set(text string) error {
	*p = nil
	for word := range strings.SplitSeq(text, ",") {
		port, err := strconv.ParseUint(strings.TrimSpace(word), 10, 16)
		if err != nil || port == 0 {
			return fmt.Errorf("expected ports from 1 to 65535 such as 25 or 25,465")
		}
		*p = append(*p, uint16(port))
	}
	return nil
}

// firewallFlags are what `mxgate firewall` was called with.
type firewallFlags struct {
	config, format, file, against string
	ports                         ports
	check, wide                   bool
}

func runFirewall(ctx context.Context, args []string, out, errOut io.Writer) int {
	var q firewallFlags
	var formats []string
	for _, known := range firewall.Formats() {
		formats = append(formats, known.Name)
	}
	f := flags("firewall", errOut)
	f.StringVar(&q.config, "config", "", "configuration `FILE`: its sources are who is admitted")
	f.Var(oneOf{&q.format, formats}, "format", "write rules for this `FIREWALL`: "+strings.Join(formats, ", "))
	f.StringVar(&q.file, "o", "", "write to `FILE` instead of standard output, and what leads back to FILE.rollback (for Windows NAME.rollback.ps1, .cmd); shows what changes")
	f.StringVar(&q.against, "against", "", "show what changes against the rules in `FILE` (- is standard input): a file made here, or what a firewall shows of a list")
	f.Var(&q.ports, "ports", "close these TCP `PORTS`, such as 25 or 25,465 (default: those that the gateway listens on for others than this machine, or 25 if the configuration names none)")
	f.BoolVar(&q.check, "check", false, "have the rules checked by the firewall's own tool, where it is on this machine; what it refuses is not written")
	f.BoolVar(&q.wide, "force", false, "admit ranges wider than /11 (IPv4) and /29 (IPv6) as well")
	if code, ok := parseOnly(f, args); !ok {
		return code
	}
	switch {
	case q.format == "" && q.against == "":
		return misused(f, "expected -format FIREWALL, one of "+strings.Join(formats, ", ")+", or -against FILE")
	case q.format == "" && (q.file != "" || q.check):
		return misused(f, "-o and -check need -format FIREWALL")
	}
	if known, err := firewall.Lookup(q.format); err == nil && q.file != "" && !strings.HasSuffix(q.file, known.Ending) {
		return misused(f, fmt.Sprintf("-o %q: expected a name that ends in %s, or its tool does not take it", q.file, known.Ending))
	}
	cfg, code := load(q.config, errOut)
	if code != exitFine {
		return code
	}
	if len(q.ports) == 0 {
		var why string
		if q.ports, why = listenPorts(cfg); why != "" {
			fmt.Fprintf(errOut, "mxgate firewall: the rules close TCP port %s, %s; -ports names others\n", &q.ports, why)
		}
	}
	list, err := firewall.Build(cfg.SourceSet.All(), firewall.Options{Now: time.Now(), Ports: q.ports, Wide: q.wide})
	if err != nil {
		return failed("firewall", errOut, err)
	}
	for _, s := range cfg.Sockets {
		if len(s.Balancers) > 0 {
			fmt.Fprintf(errOut, "mxgate firewall: only balancers connect to listener %s%s: there, these rules belong in front of the balancers; on this machine they would keep them out\n", s.Address, s.Systemd)
		}
	}
	return q.run(ctx, list, out, errOut)
}

// listenPorts are the ports that others than this machine can connect to; where
// that is nowhere known, 25. why says so if these are not what one would think.
func listenPorts(cfg *config.Config) (all ports, why string) {
	var local []string
	why = "although systemd opens the port and the configuration does not say which"
	for _, s := range cfg.Sockets {
		host, text, err := net.SplitHostPort(s.Address)
		if err != nil {
			continue // systemd has opened it
		}
		addr, err := netip.ParseAddr(host)
		port, portErr := strconv.ParseUint(text, 10, 16)
		switch {
		case err == nil && addr.IsLoopback():
			local = append(local, s.Address)
		case portErr == nil && port > 0 && !slices.Contains(all, uint16(port)):
			all = append(all, uint16(port))
		}
	}
	switch {
	case slices.Contains(all, 25):
		return all, ""
	case len(all) > 0:
		return all, "where the gateway listens, and not 25"
	case len(local) == len(cfg.Sockets):
		why = "although the gateway listens on " + strings.Join(local, ", ") + " alone, where nobody else can connect"
	}
	return ports{25}, why
}

// run shows what changes and writes the rules.
func (q *firewallFlags) run(ctx context.Context, list *firewall.List, out, errOut io.Writer) int {
	findings := false
	if q.against != "" {
		changes, err := against(q.against, list, errOut)
		if err != nil {
			return failed("firewall", errOut, err)
		}
		findings = len(changes) > 0
		to := errOut // standard output is for the rules
		if q.format == "" || q.file != "" {
			to = out
		}
		if err := printChanges(to, q.against, changes); err != nil {
			return failed("firewall", errOut, err)
		}
	}
	if q.format != "" {
		if err := q.export(ctx, list, out, errOut); err != nil {
			return failed("firewall", errOut, err)
		}
	}
	if findings {
		return exitFindings
	}
	return exitFine
}

// against compares the rules in a file, or on standard input, with the list.
func against(file string, list *firewall.List, errOut io.Writer) ([]firewall.Change, error) {
	var text []byte
	var err error
	if file == "-" {
		text, err = io.ReadAll(io.LimitReader(os.Stdin, firewall.MaxReadOctets+1))
	} else {
		if text, err = os.ReadFile(file); err != nil {
			err = nameFile(file, err)
		}
	}
	if err != nil {
		return nil, err
	}
	before, err := firewall.Read(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", called(file), err)
	}
	if len(before) == 0 { // any text is that, an empty list among them
		fmt.Fprintf(errOut, "mxgate firewall: %s: there is no address in it, so it counts as a list that admits nobody\n", called(file))
	}
	return firewall.Compare(before, list), nil
}

// export writes the rules to standard output or, with the way back, to a file.
func (q *firewallFlags) export(ctx context.Context, list *firewall.List, out, errOut io.Writer) error {
	format, err := firewall.Lookup(q.format)
	if err != nil {
		return err
	}
	text, err := format.Write(list)
	if err != nil {
		return err
	}
	for _, note := range format.Notes(list) {
		fmt.Fprintf(errOut, "mxgate firewall: %s\n", note)
	}
	if q.check {
		if err := checkRules(ctx, format, list, errOut); err != nil {
			return err
		}
	}
	if q.file == "" {
		_, err := io.WriteString(out, text)
		return err
	}
	earlier, err := format.Earlier(q.file)
	if err != nil {
		return err
	}
	before, err := firewall.Read(earlier)
	if err != nil {
		return fmt.Errorf("%s: %w", q.file, err)
	}
	rollback := format.Rollback(q.file)
	changed, err := firewall.Replace(q.file, rollback, earlier, text, format.WriteUndo(list))
	if err != nil {
		return nameFile(q.file, err)
	}
	if !changed {
		_, err := fmt.Fprintf(out, "%s: nothing has changed\n", q.file)
		return err
	}
	how := format.Load
	if earlier == nil {
		how = format.Undo
	}
	load, back := strings.Replace(format.Load, "FILE", shellWord(q.file), 1), strings.Replace(how, "FILE", shellWord(rollback), 1)
	if err := printChanges(out, q.file, firewall.Compare(before, list)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nload them:  %s\ntake back:  %s\n", load, back)
	return err
}

// checkRules has the rules checked and says by what.
func checkRules(ctx context.Context, format firewall.Format, list *firewall.List, errOut io.Writer) error {
	done, absent, err := firewall.Check(ctx, format, list)
	if err != nil {
		return err
	}
	for _, tool := range done {
		fmt.Fprintf(errOut, "mxgate firewall: checked by %s\n", tool)
	}
	for _, tool := range absent {
		fmt.Fprintf(errOut, "mxgate firewall: not checked by %s: it is not on this machine\n", tool)
	}
	if len(done)+len(absent) == 0 {
		fmt.Fprintf(errOut, "mxgate firewall: not checked: %s has no dry run\n", format.Name)
	}
	return nil
}

// printChanges prints what loading the list changes in rules.
func printChanges(w io.Writer, rules string, changes []firewall.Change) error {
	if len(changes) == 0 {
		_, err := fmt.Fprintf(w, "%s admits the same addresses\n", called(rules))
		return err
	}
	t := table{}
	added := int64(0)
	for _, c := range changes {
		sign := "-"
		if c.Added {
			sign = "+"
			added++
		}
		t.add("", sign, c.Range.String(), c.Who)
	}
	if err := t.print(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s: %s more, %d fewer\n", called(rules), count.Of(added, "range"), int64(len(changes))-added)
	return err
}
