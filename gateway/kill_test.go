package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/smtptest"
	"mxgate/policy/dns"
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
	os.Exit(m.Run())
}

// beVictim is the gateway. It says where it listens and serves until its
// standard input ends, which it does when the test lets go or dies.
func beVictim(file string) error {
	cfg, err := Load(file)
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
	w := newKillWorld(t)
	var clients sync.WaitGroup
	for i := range killClients {
		clients.Go(func() { w.client(i) }) // ends when w.last is set and its message is delivered
	}
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
	w.retire(t)
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
	exit, killed := errors.AsType[*exec.ExitError](w.victim.err)
	if !killed || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("round %d: the gateway ended by itself: %v\n%s", round, w.victim.err, w.victim.stderr.String())
	}
	w.victim.check(t)
	for _, c := range w.quarantine(t) {
		if c.missing != nil {
			t.Fatalf("round %d: %s is listed without content: %v", round, c.key, c.missing)
		}
	}
}

// quarantine opens the data directory as `mxgate quarantine` does.
func (w *killWorld) quarantine(t *testing.T) []copied {
	t.Helper()
	cfg, err := Load(w.config)
	if err != nil {
		t.Fatal(err)
	}
	st, err := OpenStore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	held, err := heldCopies(st)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// retire ends the last gateway, which must drain and be content.
func (w *killWorld) retire(t *testing.T) {
	t.Helper()
	if err := w.victim.stdin.Close(); err != nil {
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

// report audits the ledger and says what the test has seen: a run in which no
// kill hit anything would prove nothing.
func (w *killWorld) report(t *testing.T) {
	t.Helper()
	relayed, held := sinkCopies(w.sink), w.quarantine(t)
	for _, fault := range audit(w.attempts, relayed, held) {
		t.Error(fault)
	}
	copies := map[string]bool{}
	for _, c := range slices.Concat(relayed, held) {
		copies[c.key] = true
	}
	count := map[string]int{}
	final := map[string]string{} // message to the answer of its last attempt
	for _, a := range w.attempts {
		kind := "clean"
		if a.spoof {
			kind = "spoof"
		}
		switch {
		case strings.HasPrefix(a.answer, "250 "):
			count[kind+" accepted"]++
		case a.answer != "":
			count[kind+" answered "+a.answer[:3]]++
		case copies[a.key]:
			count[kind+" unanswered, yet there"]++
		default:
			count[kind+" unanswered and nowhere"]++
		}
		message, _, _ := strings.Cut(a.key, ".")
		final[message] = a.answer
	}
	for message, answer := range final {
		if !strings.HasPrefix(answer, "250 ") {
			t.Errorf("%s was never accepted: %q", message, answer)
		}
	}
	t.Logf("%d messages in %d attempts, %d kills: %v", len(final), len(w.attempts), 2*kills, count)
	t.Logf("killed while relaying: %v; between dot and answer of a quarantined message: %d of %d", w.moments, w.inCommit, kills)
	if w.inCommit < kills/2 {
		t.Errorf("only %d of %d kills came between the dot of a quarantined message and its answer", w.inCommit, kills)
	}
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
	stderr strings.Builder
	dead   chan struct{}
	err    error // of Wait; read after dead
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

// newKillWorld makes everything but the gateway.
func newKillWorld(t *testing.T) *killWorld {
	t.Helper()
	w := &killWorld{seed: rand.Uint64(), moved: make(chan struct{}), quit: make(chan struct{}), moments: map[string]int{}}
	w.dice = rand.New(rand.NewPCG(w.seed, 0))
	t.Logf("seed %d", w.seed)
	var err error
	if w.sink, err = smtptest.Start("127.0.0.1:0", smtptest.Options{Reply: w.sinkReply, MidContent: w.midContent}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.sink.Close)
	resolver, err := dnstest.Serve("127.0.0.1:0", dns.MustSnapshot(t, stageZone))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(resolver.Close)
	dir := t.TempDir()
	w.config = filepath.Join(dir, "mxgate.toml")
	text := stageConfig(script{dataDir: filepath.Join(dir, "data"), tail: "[limits]\nmemory_octets = 8192\n"}, w.sink.Addr().String(), resolver.Addr().String())
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // of a test that failed half-way
		close(w.quit)
		if w.victim != nil {
			_ = w.victim.cmd.Process.Kill() // it may be gone
		}
	})
	return w
}
