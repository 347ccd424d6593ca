package gateway

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mxgate/gateway/ledger"
	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/smtptest"
	"mxgate/policy/dns"
)

// killClients is how many clients deliver at once.
const killClients = 6

// killWorld is what lives on when the gateway is killed: clients, the next hop,
// and the ledger of what was said.
type killWorld struct {
	seed    uint64
	sink    *smtptest.Sink
	config  string
	victim  *victim
	last    atomic.Bool   // nothing new is sent: what is under way is finished
	quit    chan struct{} // closed when the test ends, however it does
	answers atomic.Int64
	// parts: the next hop often ends a connection behind its answer to a message, so
	// that the points of a new one are passed too. It cuts no message: after three of
	// them in a row the gateway would take it for down, and wait.
	parts bool

	mu       sync.Mutex
	dice     *rand.Rand
	addr     string        // of the gateway
	moved    chan struct{} // closed and renewed when it changes
	armed    string        // the moment to kill at; "": let live
	took     time.Duration // from dot to answer of a quarantined message, smoothed
	inCommit int           // kills between the two
	open     int           // quarantined messages whose dot is sent and not answered
	moments  map[string]int
	attempts []ledger.Attempt
	messages int
}

// newKillWorld makes everything but the gateway.
func newKillWorld(t *testing.T, tail string) *killWorld {
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
	text := stageConfig(script{dataDir: filepath.Join(dir, "data"), tail: "[limits]\nmemory_octets = 8192\n" + tail}, w.sink.Addr().String(), resolver.Addr().String())
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

func (w *killWorld) die(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dice.IntN(n)
}

func (w *killWorld) progress() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := ""
	for i := len(w.attempts) - 1; i >= 0 && last == ""; i-- {
		last = w.attempts[i].Answer
	}
	return fmt.Sprintf("%d attempts, %d answers, the last %q, armed for %q", len(w.attempts), w.answers.Load(), last, w.armed)
}

// move tells the clients where the gateway is now.
func (w *killWorld) move(addr string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.addr = addr
	close(w.moved)
	w.moved = make(chan struct{})
}

// where returns the gateway's address, and what is closed when it changes.
func (w *killWorld) where() (string, chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.addr, w.moved
}

// await returns when so many more messages have been answered.
func (w *killWorld) await(t *testing.T, n int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patience)
	for goal := w.answers.Load() + int64(n); w.answers.Load() < goal; {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("nothing moves: %s", w.progress())
		}
	}
}

func (w *killWorld) arm(moment string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = moment
}

// strike reports whether the gateway is to be killed at this moment: once.
func (w *killWorld) strike(moment string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.armed == "" || w.armed != moment {
		return false
	}
	w.armed = ""
	if moment != "quarantine" {
		w.moments[moment]++
	}
	return true
}

func (w *killWorld) kill() {
	_ = w.victim.cmd.Process.Kill() // its end is checked where it is awaited
}

// linger waits up to most: the random moment of a random kill needs a clock.
func (w *killWorld) linger(most time.Duration) {
	<-time.After(time.Duration(w.die(int(most) + 1)))
}

// sinkReply is the next hop: slow enough that kills meet messages under way.
func (w *killWorld) sinkReply(verb, _ string) (string, bool) {
	switch {
	case verb == smtptest.Dot:
		w.linger(3 * time.Millisecond)
		switch {
		case w.strike("before the dot is answered"):
			w.kill()
			return smtptest.Hangup, true // not recorded: the next hop has not taken it
		case w.strike("after it is recorded"):
			w.kill()
		case w.strike("while it is answered"):
			go func() { w.linger(time.Millisecond); w.kill() }() // ends at once
		}
	case w.strike(verb):
		w.kill()
	}
	if verb == smtptest.Dot && w.parts && w.die(3) == 0 {
		return "250 2.0.0 taken" + smtptest.ThenHangup, true
	}
	return "", false
}

func (w *killWorld) midContent(octets int) (string, bool) {
	if octets > 2000 && w.strike("mid content") {
		w.kill()
	}
	return "", false
}

// startClients has clients deliver until w.last is set and their last message is
// delivered.
func (w *killWorld) startClients() *sync.WaitGroup {
	var clients sync.WaitGroup
	for i := range killClients {
		clients.Go(func() { w.client(i) })
	}
	return &clients
}

// client delivers message after message, each until it is accepted, as a mail
// server does that has a queue.
func (w *killWorld) client(n int) {
	var session *talk
	for !w.last.Load() {
		message := w.compose()
		for try := 0; ; try++ {
			if session == nil {
				session = w.connect()
			}
			if session == nil {
				return
			}
			if w.try(session, message, n, try) {
				break
			}
			session.close()
			session = nil
		}
	}
	if session != nil {
		session.close()
	}
}

// connect opens a session as soon as a gateway is there; nil when the test ends.
func (w *killWorld) connect() *talk {
	for {
		addr, moved := w.where()
		if session, err := dialTalk(addr); err == nil {
			return session
		}
		select {
		case <-moved:
		case <-w.quit:
			return nil
		}
	}
}

// try makes one attempt and writes it down. It reports whether the gateway has
// taken the message.
func (w *killWorld) try(c *talk, message ledger.Attempt, n, try int) bool {
	message.ReversePath = fmt.Sprintf("%s.%d.%d@partner.example", message.Message, n, try)
	reply, err := c.envelope(message.ReversePath, message.ForwardPaths)
	if reply == "" && err == nil {
		reply, err = w.content(c, message)
	}
	if err != nil {
		reply = "" // half a line is no answer
	}
	message.Answer = reply
	w.mu.Lock()
	w.attempts = append(w.attempts, message)
	w.mu.Unlock()
	if reply != "" {
		w.answers.Add(1)
	}
	return strings.HasPrefix(reply, "250 ")
}

// content sends the content. For a spoof the time from dot to answer is when the
// gateway commits: there a kill is due, at a random moment of it.
func (w *killWorld) content(c *talk, message ledger.Attempt) (string, error) {
	wire := stuffed(string(message.Content)) + ".\r\n"
	if _, err := c.conn.Write([]byte(wire)); err != nil {
		return "", err
	}
	if message.Belong == ledger.NextHop {
		return c.reply()
	}
	start := time.Now()
	w.mu.Lock()
	w.open++
	took := w.took
	w.mu.Unlock()
	if w.strike("quarantine") {
		go func() { // ends with the kill
			w.linger(took + took/4)
			w.mu.Lock()
			if w.open > 0 {
				w.inCommit++
			}
			w.mu.Unlock()
			w.kill()
		}()
	}
	reply, err := c.reply()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open--
	if err == nil {
		w.took += (time.Since(start) - w.took) / 4
	}
	return reply, err
}

// compose makes the next message: half of them clean, half spoofs, small and
// large, some with fields that must be stripped on the way.
func (w *killWorld) compose() ledger.Attempt {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.messages++
	a := ledger.Attempt{Message: fmt.Sprintf("m%d", w.messages), ForwardPaths: []string{bob}, Belong: ledger.NextHop}
	text := cleanMail("Subject: message " + a.Message)
	if w.dice.IntN(2) == 0 {
		a.Belong = ledger.Quarantine
		text = spoofMail("Subject: message " + a.Message)
	}
	for range w.dice.IntN(w.dice.IntN(800) + 1) {
		text += fmt.Sprintf("%s %x\r\n", strings.Repeat(".", w.dice.IntN(3)), w.dice.Uint64())
	}
	a.Content = []byte(text)
	if w.dice.IntN(3) == 0 {
		a.Kept, a.Content = a.Content, []byte("X-Mxgate-Verdict: forged\r\n"+text)
	}
	return a
}
