package gateway

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mxgate/gateway/fault"
	"mxgate/gateway/ledger"
)

// faultsDir holds the program of faultsProgram; TestMain removes it.
var faultsDir string

// faultsProgram builds mxgate with its fault points, once for all tests.
var faultsProgram = sync.OnceValues(func() (string, error) {
	deps, err := exec.Command("go", "list", "-deps", "-tags", "faults", "mxgate/cmd/mxgate").Output()
	if err != nil || !strings.Contains(string(deps), "mxgate/gateway/fault\n") {
		return "", err
	}
	if faultsDir, err = os.MkdirTemp("", "mxgate-faults-"); err != nil {
		return "", err
	}
	program := filepath.Join(faultsDir, "mxgate")
	if said, err := exec.Command("go", "build", "-tags", "faults", "-o", program, "mxgate/cmd/mxgate").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, said)
	}
	return program, nil
})

func buildWithFaults(t *testing.T) string {
	t.Helper()
	program, err := faultsProgram()
	if err != nil {
		t.Fatal(err)
	}
	if program == "" {
		t.Skip("mxgate has no fault points")
	}
	return program
}

// listening finds the address in the line that says that the gateway is ready.
var listening = regexp.MustCompile(`msg=ready .*listeners="?\[([0-9.]+:[0-9]+)`)

// startProgram starts mxgate itself with MXGATE_FAULT, and tells the clients
// where it is. The fault may kill it before that.
func (w *killWorld) startProgram(t *testing.T, program, faults string) {
	t.Helper()
	v := &victim{cmd: exec.Command(program, "serve", "-config", w.config), dead: make(chan struct{})}
	v.cmd.Env = append(os.Environ(), "MXGATE_FAULT="+faults)
	v.cmd.Stderr = &v.stderr
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.victim = v
	go func() { // ends with the process
		v.err = v.cmd.Wait()
		close(v.dead)
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for timeout := time.After(patience); ; {
		if found := listening.FindStringSubmatch(v.stderr.String()); found != nil {
			w.move(found[1])
			return
		}
		select {
		case <-v.dead:
			if !v.killed() {
				t.Fatalf("%s: the gateway does not start on what was left: %v\n%s", faults, v.err, v.stderr.String())
			}
			return
		case <-tick.C:
		case <-timeout:
			t.Fatalf("%s: the gateway is not ready:\n%s", faults, v.stderr.String())
		}
	}
}

// terminate asks the program to end.
func (w *killWorld) terminate() error { return w.victim.cmd.Process.Signal(syscall.SIGTERM) }

// TestDuty_I1_KillAtEveryPoint kills mxgate at each of the named points, with several
// clients under way whose mail is relayed or quarantined, starts it again on what
// is left and then counts. DESIGN, Section 9; SMTP-DUTIES I1, I3.
func TestDuty_I1_KillAtEveryPoint(t *testing.T) {
	program := buildWithFaults(t)
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	w := newKillWorld(t, "[log]\nformat = \"text\"\n")
	w.parts = true
	clients := w.startClients()
	for round := range rounds {
		for _, point := range fault.Points {
			faults := fmt.Sprintf("kill:%s:%d", point, 1+w.die(2*round+1))
			w.startProgram(t, program, faults)
			w.buryAt(t, faults)
		}
	}
	w.startProgram(t, program, "")
	w.await(t, killClients)
	w.last.Store(true)
	clients.Wait()
	w.retire(t, w.terminate)
	w.audit(t)
	t.Logf("%d kills at %d points", rounds*len(fault.Points), len(fault.Points))
}

// buryAt waits for the kill.
func (w *killWorld) buryAt(t *testing.T, faults string) {
	t.Helper()
	select {
	case <-w.victim.dead:
	case <-time.After(patience):
		said := w.victim.stderr.String()
		t.Fatalf("%s: the point is never passed: %s\n%s", faults, w.progress(), said[max(0, len(said)-4000):])
	}
	if !w.victim.killed() {
		t.Fatalf("%s: the gateway ended by itself: %v\n%s", faults, w.victim.err, w.victim.stderr.String())
	}
	w.victim.check(t)
}

// TestDuty_V8_ADiskThatFailsCostsNothing lets single steps of the disk fail: the client
// is told to come again, and nothing that was not promised is kept. SMTP-DUTIES
// I7, V8.
func TestDuty_V8_ADiskThatFailsCostsNothing(t *testing.T) {
	program := buildWithFaults(t)
	for _, c := range []struct {
		fault string
		want  string // for mail to be quarantined; the other kind is relayed
		spool string // for mail that needs the spool
	}{
		{"eio:blob-create:1+", "451 4.3.0", "250 2.0.0"},
		{"enospc:blob-create:1+", "452 4.3.1", "250 2.0.0"},
		{"eio:blob-write:1+", "451 4.3.0", "250 2.0.0"},
		{"enospc:blob-write:1+", "452 4.3.1", "250 2.0.0"},
		{"eio:blob-fsync:1+", "451 4.3.0", "250 2.0.0"},
		{"eio:blob-rename:1+", "451 4.3.0", "250 2.0.0"},
		{"eio:blob-dirsync:1+", "451 4.3.0", "250 2.0.0"},
		{"eio:row-begin:1+", "451 4.3.0", "250 2.0.0"},
		{"eio:spool-write:1+", "250 2.0.0", "452 4.3.1"},
		{"enospc:spool-write:1+", "250 2.0.0", "452 4.3.1"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			w := newKillWorld(t, "[log]\nformat = \"text\"\n")
			w.startProgram(t, program, c.fault)
			addr, _ := w.where()
			for _, m := range []struct {
				name, text, want string
				belong           ledger.Place
			}{
				{"clean", cleanMail(), "250 2.0.0", ledger.NextHop},
				{"spoof", spoofMail(), c.want, ledger.Quarantine},
				{"large", cleanMail() + strings.Repeat("much more than fits into memory\r\n", 1000), c.spool, ledger.NextHop},
				{"again", spoofMail(), c.want, ledger.Quarantine},
			} {
				session, err := dialTalk(addr)
				if err != nil {
					t.Fatal(err)
				}
				a := ledger.Attempt{ReversePath: m.name + "@partner.example", ForwardPaths: []string{bob}, Content: []byte(m.text), Belong: m.belong}
				if a.Answer, err = session.deliver(a.ReversePath, a.ForwardPaths, m.text); err != nil || !strings.HasPrefix(a.Answer, m.want+" ") {
					t.Errorf("%s: answered %q, %v; want %q", m.name, a.Answer, err, m.want)
				}
				session.close()
				w.attempts = append(w.attempts, a)
			}
			if err := w.terminate(); err != nil {
				t.Fatal(err)
			}
			<-w.victim.dead
			if said := w.victim.stderr.String(); w.victim.err != nil || strings.Contains(said, "panic") {
				t.Errorf("it ended with %v and said\n%s", w.victim.err, said)
			}
			for _, wrong := range ledger.Check(ledger.Books{Attempts: w.attempts, Copies: append(relayedCopies(w.sink), inLedger(w.quarantine(t))...), Rows: w.journal(t)}) {
				t.Error(wrong)
			}
		})
	}
}
