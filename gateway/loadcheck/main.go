// Loadcheck puts a gateway under the loads that break others, and says what it
// took: thousands of idle sessions, slow clients, a flood of strangers, many large
// messages at once. It builds mxgate, runs it beside a next hop and a resolver of
// its own, and needs Linux, because it reads memory from /proc.
//
//	go run ./gateway/loadcheck            # all checks, about four minutes
//	go run ./gateway/loadcheck idle tls   # some of them
//
// It prints one line for each figure with the bar it has to keep, and exits 1 if
// one was missed. It is no test: figures depend on the machine.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// check is one load.
type check struct {
	name string
	what string
	run  func(*world, *report) error
	conf settings
}

var checks = []check{
	{"idle", "10,000 idle sessions in clear", idle(10_000, false), settings{}},
	{"tls", "10,000 idle sessions under TLS", idle(10_000, true), settings{}},
	{"slow", "600 clients that drip octets: commands, content, TLS hellos", slow, settings{commandTimeout: "10s", contentTimeout: "20s"}},
	{"strangers", "5,000 connections of strangers in a second", strangers, settings{}},
	{"big", "100 messages of 50 MB at once", large, settings{}},
}

func main() {
	flag.Usage = usage
	flag.Parse()
	wanted := flag.Args()
	for _, name := range wanted {
		if !slices.ContainsFunc(checks, func(c check) bool { return c.name == name }) {
			fmt.Fprintf(os.Stderr, "loadcheck: %q is no check\n", name)
			usage()
			os.Exit(2)
		}
	}
	program, clean, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, "loadcheck:", err)
		os.Exit(2)
	}
	missed := 0
	for _, c := range checks {
		if len(wanted) > 0 && !slices.Contains(wanted, c.name) {
			continue
		}
		n, err := perform(program, c)
		missed += n
		if err != nil {
			fmt.Fprintf(os.Stderr, "loadcheck: %s: %v\n", c.name, err)
			missed++
		}
	}
	clean()
	if missed > 0 {
		os.Exit(1)
	}
}

func usage() {
	out := flag.CommandLine.Output()
	fmt.Fprintln(out, "usage: go run ./gateway/loadcheck [CHECK...]")
	for _, c := range checks {
		fmt.Fprintf(out, "  %-10s %s\n", c.name, c.what)
	}
}

// perform runs one check with a gateway of its own and returns how many bars it
// missed.
func perform(program string, c check) (missed int, err error) {
	fmt.Printf("%s: %s\n", c.name, c.what)
	began := time.Now()
	w, err := newWorld(program, c.conf)
	if err != nil {
		return 0, err
	}
	defer w.close()
	r := &report{}
	if err := c.run(w, r); err != nil {
		return r.missed, fmt.Errorf("%w\n%s", err, w.said())
	}
	fmt.Printf("  took %s\n\n", time.Since(began).Round(100*time.Millisecond))
	return r.missed, nil
}

// report prints figures beside their bars.
type report struct{ missed int }

// most prints a figure that must not be above bar; bar 0: there is none.
func (r *report) most(name string, got, bar float64, unit string) {
	verdict := ""
	if bar > 0 {
		verdict = fmt.Sprintf("(at most %s %s)", number(bar), unit)
		if got > bar {
			verdict += "  MISSED"
			r.missed++
		}
	}
	fmt.Printf("  %-46s %10s %-6s %s\n", name, number(got), unit, verdict)
}

// exactly prints a count that must be want.
func (r *report) exactly(name string, got, want int) {
	verdict := fmt.Sprintf("(exactly %d)", want)
	if got != want {
		verdict += "  MISSED"
		r.missed++
	}
	fmt.Printf("  %-46s %10d %-6s %s\n", name, got, "", verdict)
}

func number(f float64) string {
	return strings.TrimSuffix(strings.TrimSuffix(fmt.Sprintf("%.2f", f), "0"), ".0")
}
