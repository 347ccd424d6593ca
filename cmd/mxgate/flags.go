package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// flags makes the flag set of a command. parse reads it.
func flags(name string, errOut io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("mxgate "+name, flag.ContinueOnError)
	f.SetOutput(errOut)
	return f
}

// configVariable names the file where -config does not.
const configVariable = "MXGATE_CONFIG"

// byFlag declares -by, who decides.
func byFlag(f *flag.FlagSet, by *string) {
	f.StringVar(by, "by", decider(), "`NAME` of who decides, for the record; without it who called sudo or doas, or else the user")
}

// decider is who decides if nobody says it. The commands run as the user of the
// gateway, whom a record must not name for everybody: sudo and doas tell who called.
func decider() string {
	for _, name := range []string{os.Getenv("SUDO_USER"), os.Getenv("DOAS_USER")} {
		if name != "" {
			return name
		}
	}
	return whoami()
}

// parse reads flags that may stand before, between and behind the arguments; the
// environment may name the configuration. The code is that of a command that must
// stop; ok says that it need not.
func parse(f *flag.FlagSet, args []string) (rest []string, code int, ok bool) {
	errOut := f.Output()
	if file := os.Getenv(configVariable); file != "" && f.Lookup("config") != nil {
		_ = f.Lookup("config").Value.Set(file) // a string takes every text
	}
	for {
		f.SetOutput(io.Discard) // the package prints all flags below each error
		err := f.Parse(args)
		f.SetOutput(errOut)
		switch {
		case errors.Is(err, flag.ErrHelp):
			help(f)
			return nil, exitFine, false
		case err != nil:
			return nil, misused(f, err.Error()), false
		case f.NArg() == 0:
			return rest, 0, true
		}
		rest = append(rest, f.Arg(0))
		args = f.Args()[1:]
	}
}

// parseOnly is parse for a command that takes flags and nothing else.
func parseOnly(f *flag.FlagSet, args []string) (code int, ok bool) {
	rest, code, ok := parse(f, args)
	if ok && len(rest) > 0 {
		return misused(f, fmt.Sprintf("unexpected argument %q", rest[0])), false
	}
	return code, ok
}

// misused says in one line what is wrong with the arguments.
func misused(f *flag.FlagSet, what string) int {
	fmt.Fprintf(f.Output(), "%s: %s; see %s -h\n", f.Name(), what, f.Name())
	return exitUsage
}

// help prints what the command of f does and its flags.
func help(f *flag.FlagSet) {
	name := strings.TrimPrefix(f.Name(), "mxgate ")
	for _, c := range slices.Concat(commands(), quarantineGroup().commands(), providersGroup().commands(), memoryGroup().commands(), allowGroup().commands(), blockGroup().commands()) {
		if c.name == name {
			fmt.Fprintf(f.Output(), "%s: %s\n\nusage: %s\n", f.Name(), c.does, strings.TrimSpace(f.Name()+" "+c.args))
		}
	}
	some := false
	f.VisitAll(func(*flag.Flag) { some = true })
	if some {
		fmt.Fprint(f.Output(), "\nflags:\n")
		f.PrintDefaults()
	}
	if f.Lookup("config") != nil {
		fmt.Fprintf(f.Output(), "\nWithout -config, %s in the environment names the FILE.\n", configVariable)
	}
}

// span is a duration that may be given in weeks and days: 2w, 7d, 1d12h, 30m.
type span time.Duration

// maxDays bounds a span; time.Duration ends at 106751 days.
const maxDays = 36500

func (s *span) String() string {
	d := time.Duration(*s)
	if days := d / (24 * time.Hour); days > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", days)
	}
	// 12h0m0s: who reads help wants 12h.
	return strings.Replace(strings.Replace(d.String(), "m0s", "m", 1), "h0m", "h", 1)
}

func (s *span) Set(text string) error {
	expected := errors.New("expected how long, such as 12h, 7d or 2w")
	const day = 24 * time.Hour
	sum, rest := time.Duration(0), text
	for _, unit := range []struct {
		letter string
		days   int
	}{{"w", 7}, {"d", 1}} {
		number, behind, ok := strings.Cut(rest, unit.letter)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n > maxDays/unit.days {
			return expected
		}
		sum, rest = sum+time.Duration(n*unit.days)*day, behind
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 || d > maxDays*day-sum {
			return expected
		}
		sum += d
	}
	if sum <= 0 || sum > maxDays*day {
		return expected
	}
	*s = span(sum)
	return nil
}

// atMost is a count of at least 1.
type atMost int

func (n *atMost) String() string { return strconv.Itoa(int(*n)) }

func (n *atMost) Set(text string) error {
	v, err := strconv.Atoi(text)
	if err != nil || v < 1 {
		return errors.New("expected a number from 1")
	}
	*n = atMost(v)
	return nil
}

// oneOf is a word of a closed list, or nothing.
type oneOf struct {
	word  *string
	words []string
}

func (o oneOf) String() string {
	if o.word == nil {
		return ""
	}
	return *o.word
}

func (o oneOf) Set(text string) error {
	for _, w := range o.words {
		if text == w {
			*o.word = text
			return nil
		}
	}
	return fmt.Errorf("expected one of %s", strings.Join(o.words, ", "))
}
