// Command suites runs the third-party suites of all rooms and prints what each
// passes, as a table. With -check FILE it also compares the table with that in
// FILE, which stands between two marks.
//
//	go run ./policy/corpustest/suites
//	go run ./policy/corpustest/suites -check docs/conformance.md
//
// It exits with 1 if a test fails, if a suite has cases that neither pass nor are
// argued, if no suite was found (the corpora are not there), or if the tables
// differ.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	check := flag.String("check", "", "compare the table with that in `FILE`")
	flag.Parse()
	if err := run(os.Stdout, *check); err != nil {
		fmt.Fprintln(os.Stderr, "suites:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, check string) error {
	suites, err := runTests("./policy/...")
	if err != nil {
		return err
	}
	if len(suites) == 0 {
		return errors.New("no suite ran: the corpora are not there, set MXGATE_CORPORA")
	}
	text := table(suites)
	if _, err := io.WriteString(out, text); err != nil {
		return err
	}
	for _, s := range suites {
		if s.passed+s.argued != s.of {
			err = errors.Join(err, fmt.Errorf("%s: %d passed and %d argued are not all of %d", s.name, s.passed, s.argued, s.of))
		}
	}
	if check != "" {
		err = errors.Join(err, compare(check, text))
	}
	return err
}

// suite is what one test printed of one suite.
type suite struct {
	name               string
	passed, of, argued int
}

var line = regexp.MustCompile(`\bsuite: ([^|]+) \| passed (\d+) \| of (\d+) \| argued (\d+)`)

// runTests runs the tests of packages and gathers what they print of suites, by
// name.
func runTests(packages string) ([]suite, error) {
	cmd := exec.Command("go", "test", "-count=1", "-json", "-v", packages)
	cmd.Stderr = os.Stderr
	output, failed := cmd.Output()
	suites, failures, err := read(bytes.NewReader(output))
	if err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, fmt.Errorf("go test: %w\n%s", failed, failures)
	}
	return suites, nil
}

// read reads the output of go test -json.
func read(r io.Reader) (suites []suite, failures string, err error) {
	var failing []string
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var event struct{ Action, Package, Test, Output string }
		if err := json.Unmarshal(in.Bytes(), &event); err != nil {
			return nil, "", fmt.Errorf("output of go test: %w", err)
		}
		if event.Action == "fail" {
			failing = append(failing, event.Package+" "+event.Test)
		}
		if m := line.FindStringSubmatch(event.Output); m != nil {
			s := suite{name: m[1]}
			for i, n := range []*int{&s.passed, &s.of, &s.argued} {
				if *n, err = strconv.Atoi(m[i+2]); err != nil {
					return nil, "", fmt.Errorf("%q: %w", m[0], err)
				}
			}
			suites = append(suites, s)
		}
	}
	slices.SortFunc(suites, func(a, b suite) int { return strings.Compare(a.name, b.name) })
	return suites, strings.Join(failing, "\n"), in.Err()
}

// table writes suites in Markdown.
func table(suites []suite) string {
	var b strings.Builder
	b.WriteString("| suite | passed | of | argued |\n|---|---|---|---|\n")
	for _, s := range suites {
		fmt.Fprintf(&b, "| %s | %d | %d | %d |\n", s.name, s.passed, s.of, s.argued)
	}
	return b.String()
}

// The marks between which a file has the table.
const (
	begin = "<!-- suites -->\n"
	end   = "<!-- /suites -->\n"
)

// compare fails if file has another table than want.
func compare(file, want string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	_, rest, found := strings.Cut(string(text), begin)
	got, _, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s: the marks %q and %q are not there", file, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		return fmt.Errorf("%s has another table; replace it with the one above", file)
	}
	return nil
}
