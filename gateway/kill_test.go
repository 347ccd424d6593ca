package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mxgate/gateway/config"
	"mxgate/gateway/ledger"
	"mxgate/gateway/store"
)

// victimEnv names the configuration of the process that is killed.
const victimEnv = "MXGATE_KILL_TEST_CONFIG"

func TestMain(m *testing.M) {
	if file := os.Getenv(victimEnv); file != "" {
		if err := beVictim(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if faultsDir != "" {
		os.RemoveAll(faultsDir)
	}
	os.Exit(code)
}

// beVictim is the gateway. It says where it listens and serves until its
// standard input ends, which it does when the test lets go or dies.
func beVictim(file string) error {
	cfg, err := config.Load(file)
	if err != nil {
		return err
	}
	s, err := New(cfg, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	fmt.Println(s.Addrs()[0])
	ctx, stop := context.WithCancel(context.Background())
	go func() { // ends with the process at the latest
		_, _ = io.Copy(io.Discard, os.Stdin) // whatever it says: it is over
		stop()
	}()
	return s.Serve(ctx)
}

// kills is how often the gateway dies in each of the two ways.
const kills = 10

// The moments of a relay at which the next hop can have the gateway killed.
var relayMoments = []string{"RCPT", "DATA", "mid content", "before the dot is answered", "after it is recorded", "while it is answered"}

// TestKillLosesNothing kills the gateway while it quarantines and while it
// relays, at random moments and with several clients under way, and then counts.
// DESIGN, Section 9; SMTP-DUTIES I1.
func TestKillLosesNothing(t *testing.T) {
	w := newKillWorld(t, "")
	clients := w.startClients()
	for round := range 2 * kills {
		w.startVictim(t)
		w.await(t, 2+w.die(6))
		if round%2 == 0 {
			w.arm("quarantine")
		} else {
			w.arm(relayMoments[w.die(len(relayMoments))])
		}
		w.buryVictim(t, round)
	}
	w.startVictim(t)
	w.await(t, killClients)
	w.last.Store(true)
	clients.Wait()
	w.retire(t, w.victim.stdin.Close)
	w.report(t)
}

// buryVictim waits until the gateway has been killed, and looks at what a
// restarted one would find.
func (w *killWorld) buryVictim(t *testing.T, round int) {
	t.Helper()
	select {
	case <-w.victim.dead:
	case <-time.After(patience):
		t.Fatalf("round %d: no opportunity to kill: %s", round, w.progress())
	}
	if !w.victim.killed() {
		t.Fatalf("round %d: the gateway ended by itself: %v\n%s", round, w.victim.err, w.victim.stderr.String())
	}
	w.victim.check(t)
	for _, c := range w.quarantine(t) {
		if c.missing != nil {
			t.Fatalf("round %d: %s is listed without content: %v", round, c.key, c.missing)
		}
	}
}

// quarantine lists what is held, as `mxgate quarantine` does.
func (w *killWorld) quarantine(t *testing.T) (held []copied) {
	t.Helper()
	w.withStore(t, func(st *store.Store) {
		var err error
		if held, err = heldCopies(st); err != nil {
			t.Fatal(err)
		}
	})
	return held
}

// journal lists the rows of the journal.
func (w *killWorld) journal(t *testing.T) (rows []ledger.Row) {
	t.Helper()
	w.withStore(t, func(st *store.Store) { rows = journalRows(t, st) })
	return rows
}

// withStore opens the data directory beside a gateway that may be running.
func (w *killWorld) withStore(t *testing.T, use func(*store.Store)) {
	t.Helper()
	cfg, err := config.Load(w.config)
	if err != nil {
		t.Fatal(err)
	}
	st, err := OpenStore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	use(st)
}

// retire ends the last gateway, which must drain and be content.
func (w *killWorld) retire(t *testing.T, stop func() error) {
	t.Helper()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-w.victim.dead:
	case <-time.After(patience):
		t.Fatal("the gateway does not end")
	}
	if w.victim.err != nil {
		t.Errorf("the gateway ended with %v\n%s", w.victim.err, w.victim.stderr.String())
	}
	w.victim.check(t)
}

// report closes the books and says what the test has seen: a run in which no
// kill hit anything would prove nothing.
func (w *killWorld) report(t *testing.T) {
	t.Helper()
	w.audit(t)
	t.Logf("%d kills; while relaying: %v; between dot and answer of a quarantined message: %d of %d", 2*kills, w.moments, w.inCommit, kills)
	if w.inCommit < kills/2 {
		t.Errorf("only %d of %d kills came between the dot of a quarantined message and its answer", w.inCommit, kills)
	}
}

// audit closes the books: nothing is lost, and each message was accepted once.
func (w *killWorld) audit(t *testing.T) {
	t.Helper()
	books := ledger.Books{Attempts: w.attempts, Copies: append(relayedCopies(w.sink), inLedger(w.quarantine(t))...), Rows: w.journal(t), Killed: true}
	for _, fault := range ledger.Check(books) {
		t.Error(fault)
	}
	copies := map[string]bool{}
	for _, c := range books.Copies {
		copies[c.ReversePath] = true
	}
	count := map[string]int{}
	final := map[string]string{} // message to the answer of its last attempt
	for _, a := range w.attempts {
		kind := string(a.Belong)
		switch {
		case strings.HasPrefix(a.Answer, "250 "):
			count[kind+" accepted"]++
		case a.Answer != "":
			count[kind+" answered "+a.Answer[:3]]++
		case copies[a.ReversePath]:
			count[kind+" unanswered, yet there"]++
		default:
			count[kind+" unanswered and nowhere"]++
		}
		final[a.Message] = a.Answer
	}
	for message, answer := range final {
		if !strings.HasPrefix(answer, "250 ") {
			t.Errorf("%s was never accepted: %q", message, answer)
		}
	}
	t.Logf("%d messages in %d attempts: %v", len(final), len(w.attempts), count)
	for _, v := range w.sink.Violations() {
		if !strings.HasPrefix(v, "command line cut short") { // dying is no offence
			t.Errorf("the next hop complains: %s", v)
		}
	}
}

// victim is one life of the gateway.
type victim struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr output
	dead   chan struct{}
	err    error // of Wait; read after dead
}

// killed reports whether it died of kill -9. It is asked when it is dead.
func (v *victim) killed() bool {
	exit, ended := errors.AsType[*exec.ExitError](v.err)
	return ended && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

// output is what a process says, while it says it.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// check fails if the gateway said something that only a bug says.
func (v *victim) check(t *testing.T) {
	t.Helper()
	if said := v.stderr.String(); strings.Contains(said, "panic") || strings.Contains(said, "DATA RACE") || strings.Contains(said, "level=ERROR") {
		t.Errorf("the gateway said:\n%s", said)
	}
}

// startVictim starts the gateway and tells the clients where it is.
func (w *killWorld) startVictim(t *testing.T) {
	t.Helper()
	v := &victim{cmd: exec.Command(os.Args[0]), dead: make(chan struct{})}
	v.cmd.Env = append(os.Environ(), victimEnv+"="+w.config)
	v.cmd.Stderr = &v.stderr
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if v.stdin, err = v.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	go func() { // ends with the process
		v.err = v.cmd.Wait()
		close(v.dead)
	}()
	if err != nil {
		<-v.dead
		t.Fatalf("the gateway does not start on what was left: %v\n%s", v.err, v.stderr.String())
	}
	w.victim = v
	w.move(strings.TrimSpace(addr))
}
