// Command mxgate is an inbound SMTP gateway between a cloud e-mail security
// provider and the mail server it delivers to. README.md tells what it is for.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"mxgate/gateway/config"
)

// Exit codes of all commands.
const (
	exitFine     = 0
	exitFindings = 1
	exitCouldNot = 2
	exitUsage    = 64
)

// command is one subcommand. run gets the arguments behind its name.
type command struct {
	name, args, does string
	run              func(ctx context.Context, args []string, out, errOut io.Writer) int
}

func commands() []command {
	return []command{
		{"demo", "[-keep]", "show the gateway at work on loopback: needs nothing", runDemo},
		{"serve", "-config FILE", "run the gateway", runServe},
		{"check-config", "-config FILE [-offline] [-strict]", "say what is wrong with a configuration, and where: 0 if it can be used, 1 if not", runCheckConfig},
		{"explain", "[flags] FILE...", "judge stored messages (.eml, mbox) and say why", runExplain},
		{"trace", "-config FILE [flags] FILE...", "tell which way stored mail came, and what came past the provider", runTrace},
		{"journal", "-config FILE [flags]", "show what became of each message", runJournal},
		{"strangers", "-config FILE [flags]", "show who tried to get around the provider: how often, first and last, over time", runStrangers},
		{"providers", "status|refresh|accept|detect", "look after the providers in front of the gateway", runProviders},
		{"firewall", "-config FILE -format FIREWALL [flags]", "write who may connect as rules for a firewall", runFirewall},
		{"probe", "-config FILE [flags] HOST...", "ask from here whether your mail server takes mail from a stranger", runProbe},
		{"quarantine", "list|show|release|delete -config FILE", "look at held messages and decide on them", runQuarantine},
		{"memory", "import|stats|show|forget|export -config FILE", "what the site remembers: with whom it corresponds", runMemory},
		{"allow", "lookalike|list|revoke -config FILE", "say that a domain may resemble another one, for that pair alone", runAllow},
		{"block", "lookalike -config FILE", "say that a domain imitates another one", runBlock},
		{"version", "", "print the version", runVersion},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	if len(args) == 0 {
		usage(errOut)
		return exitUsage
	}
	switch name := args[0]; {
	case isHelp(name) && (len(args) == 1 || isHelp(args[1])):
		usage(out)
		return exitFine
	case isHelp(name):
		return run(ctx, append(args[1:len(args):len(args)], "-h"), out, errOut)
	case name == "-version" || name == "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		if slices.ContainsFunc(args[1:], isHelp) {
			errOut = out // help that was asked for is no error
		}
		return c.run(ctx, args[1:], out, errOut)
	}
	fmt.Fprintf(errOut, "mxgate: unknown command %q\n\n", args[0])
	usage(errOut)
	return exitUsage
}

func isHelp(arg string) bool {
	return arg == "help" || arg == "-h" || arg == "-help" || arg == "--help"
}

func usage(w io.Writer) {
	fmt.Fprint(w, "mxgate: an inbound SMTP gateway behind your e-mail security provider\n\nusage: mxgate COMMAND [arguments]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-13s %s\n  %-13s   mxgate %s\n", c.name, c.does, "", strings.TrimSpace(c.name+" "+c.args))
	}
	fmt.Fprint(w, "\n`mxgate help COMMAND` tells the flags of a command.\n"+configVariable+" in the environment stands for -config FILE.\nexit codes: 0 fine, 1 findings, 2 could not, 64 usage\n")
}

// load reads the configuration named by -config or the environment, for a command that
// does not listen.
func load(file string, errOut io.Writer) (*config.Config, int) {
	return loadBy(config.LoadForTool, file, errOut)
}

func loadBy(read func(file string) (*config.Config, error), file string, errOut io.Writer) (*config.Config, int) {
	if file == "" {
		fmt.Fprintf(errOut, "mxgate: -config FILE is missing, and %s names none\n", configVariable)
		return nil, exitUsage
	}
	cfg, err := read(file)
	if err != nil {
		fmt.Fprintln(errOut, err)
		return nil, exitCouldNot
	}
	return cfg, exitFine
}

// fail prints an error and returns the exit code for it.
func fail(errOut io.Writer, err error) int {
	fmt.Fprintf(errOut, "mxgate: %v\n", err)
	return exitCouldNot
}

func logger(w io.Writer, cfg *config.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel(), ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration { // "52.4ms": JSON would show bare nanoseconds
			a.Value = slog.StringValue(a.Value.Duration().String())
		}
		return a
	}}
	if cfg.Log.Format == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
