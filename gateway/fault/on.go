//go:build faults

package fault

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Enabled says that the program was built with the tag faults.
const Enabled = true

// armed is one fault of MXGATE_FAULT.
type armed struct {
	err    error // nil: kill
	from   int64 // the passing that is hit, the first is 1
	onward bool  // and all after it
	passed atomic.Int64
}

// due reports whether this passing is hit.
func (a *armed) due() bool {
	n := a.passed.Add(1)
	return n == a.from || a.onward && n > a.from
}

// faults is read-only after the start.
var faults = mustParse(os.Getenv("MXGATE_FAULT"))

func mustParse(text string) map[Point][]*armed {
	parsed, err := parse(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return parsed
}

// parse reads MXGATE_FAULT; "" arms nothing.
func parse(text string) (map[Point][]*armed, error) {
	all := map[Point][]*armed{}
	for item := range strings.SplitSeq(text, ",") {
		if text == "" {
			break
		}
		kind, rest, _ := strings.Cut(item, ":")
		name, count, _ := strings.Cut(rest, ":")
		a := &armed{}
		switch kind {
		case "kill":
		case "eio":
			a.err = syscall.EIO
		case "enospc":
			a.err = syscall.ENOSPC
		default:
			return nil, fmt.Errorf("fault: MXGATE_FAULT: %q: expected kill, eio or enospc", item)
		}
		if !slices.Contains(Points, Point(name)) {
			return nil, fmt.Errorf("fault: MXGATE_FAULT: %q: no point is called %q", item, name)
		}
		count, a.onward = strings.CutSuffix(count, "+")
		var err error
		if a.from, err = strconv.ParseInt(count, 10, 64); err != nil || a.from < 1 {
			return nil, fmt.Errorf("fault: MXGATE_FAULT: %q: expected the number of a passing, from 1 on", item)
		}
		all[Point(name)] = append(all[Point(name)], a)
	}
	return all, nil
}

// At dies here if MXGATE_FAULT says so.
func At(p Point) { _ = Err(p) }

// Err is like At, and returns the error that MXGATE_FAULT wants the step to
// fail with; nil lets it be done.
func Err(p Point) error {
	var hit *armed
	for _, a := range faults[p] {
		if a.due() && hit == nil { // each counts, whichever is hit
			hit = a
		}
	}
	switch {
	case hit == nil:
		return nil
	case hit.err == nil:
		die()
	}
	return fmt.Errorf("fault at %s: %w", p, hit.err)
}

// die is kill -9: nothing is flushed, closed or said.
func die() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err) // a fault that does not happen proves nothing
	}
	select {} // until it arrives
}
