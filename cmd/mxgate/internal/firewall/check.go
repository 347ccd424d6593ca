package firewall

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrInvalid is wrapped by what Check says of rules that a tool refuses.
var ErrInvalid = errors.New("firewall: the dry run failed")

// testTimeout bounds one dry run.
const testTimeout = 30 * time.Second

// maxComplaint bounds what is shown of a tool's complaint, octets.
const maxComplaint = 2000

// test is one dry run: a program that reads rules and loads nothing.
type test struct {
	program string
	args    []string
	input   string
	root    bool // it asks the kernel, which answers root only
}

func (t test) String() string { return strings.Join(append([]string{t.program}, t.args...), " ") }

// Check has the rules of l checked by the dry runs of the firewall's own tools. It
// says in done which were run, and in absent which could not be, because the tool
// is not on this machine; both are empty if there is no dry run for f.
func Check(ctx context.Context, f Format, l *List) (done, absent []string, err error) {
	if f.tests == nil {
		return nil, nil, nil
	}
	for _, t := range f.tests(f, l) {
		path := find(t.program)
		if path == "" {
			absent = append(absent, t.program)
			continue
		}
		if err := t.run(ctx, path); err != nil {
			return done, absent, err
		}
		done = append(done, t.String())
	}
	return done, absent, nil
}

func (t test) run(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, path, t.args...)
	command.Stdin = strings.NewReader(t.input)
	said, err := command.CombinedOutput()
	if err == nil {
		return nil
	}
	hint := ""
	if t.root && os.Geteuid() != 0 {
		hint = " (it asks the kernel: run this as root)"
	}
	text := strings.TrimSpace(string(said[:min(len(said), maxComplaint)]))
	return fmt.Errorf("%w: %s: %w%s: %s", ErrInvalid, t, err, hint, text)
}

// find looks for a program where it is for root too: the PATH of others often
// lacks it. "" means that it is not here.
func find(program string) string {
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path
		}
	}
	return ""
}
