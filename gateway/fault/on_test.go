//go:build faults

package fault

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestMain is also the program that dies.
func TestMain(m *testing.M) {
	if os.Getenv("MXGATE_FAULT") == "" {
		os.Exit(m.Run())
	}
	for n := range 3 {
		At(SpoolWrite)
		fmt.Println("passed", n+1, Err(BlobFsync))
	}
	os.Exit(0)
}

// run starts this test binary under a MXGATE_FAULT.
func run(t *testing.T, fault string) (string, error) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "MXGATE_FAULT="+fault)
	said, err := cmd.CombinedOutput()
	return string(said), err
}

func TestAProcessDiesAtTheNamedPassing(t *testing.T) {
	said, err := run(t, "kill:spool-write:3")
	exit, ended := errors.AsType[*exec.ExitError](err)
	if !ended || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("ended with %v", err)
	}
	if said != "passed 1 <nil>\npassed 2 <nil>\n" {
		t.Errorf("said %q", said)
	}
}

func TestAStepFailsAtTheNamedPassing(t *testing.T) {
	for _, c := range []struct{ fault, want string }{
		{"eio:blob-fsync:2", "passed 1 <nil>\npassed 2 fault at blob-fsync: input/output error\npassed 3 <nil>\n"},
		{"enospc:blob-fsync:2+", "passed 1 <nil>\npassed 2 fault at blob-fsync: no space left on device\npassed 3 fault at blob-fsync: no space left on device\n"},
		{"eio:blob-fsync:1,enospc:blob-fsync:2", "passed 1 fault at blob-fsync: input/output error\npassed 2 fault at blob-fsync: no space left on device\npassed 3 <nil>\n"},
		{"kill:blob-rename:1", "passed 1 <nil>\npassed 2 <nil>\npassed 3 <nil>\n"},
	} {
		if said, err := run(t, c.fault); err != nil || said != c.want {
			t.Errorf("%s: %v: %q, want %q", c.fault, err, said, c.want)
		}
	}
}

func TestWhatCannotBeUnderstoodEndsTheProgram(t *testing.T) {
	for _, c := range []struct{ fault, want string }{
		{"burn:blob-fsync:1", "expected kill, eio or enospc"},
		{"kill:blob-fsynk:1", "no point is called"},
		{"kill:blob-fsync", "number of a passing"},
		{"kill:blob-fsync:0", "number of a passing"},
		{"kill:blob-fsync:1,", "expected kill, eio or enospc"},
	} {
		if said, err := run(t, c.fault); err == nil || !strings.Contains(said, c.want) {
			t.Errorf("%s: %v: %q, want %q", c.fault, err, said, c.want)
		}
	}
}
