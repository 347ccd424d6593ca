package gateway

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mxgate/gateway/ledger"
	"mxgate/gateway/relay"
	"mxgate/gateway/smtptest"
	"mxgate/gateway/store"
)

// impatience is how long a next hop that is silent is waited for. The real limits
// are tested in package relay, on a clock of their own.
const impatience = 500 * time.Millisecond

// newFaultStage is a stage whose next hop fails as it is told with sink.Fail.
// change is done to the server before it serves.
func newFaultStage(t *testing.T, s script, change ...func(*Server)) *stage {
	t.Helper()
	return newStage(t, s, append([]func(*Server){waitingFor(relay.Config{})}, change...)...)
}

// waitingFor has the server wait for its next hop as c says, and ask who refuses
// again. What is not set is longer than clients wait here: a machine that is busy is
// not taken for a next hop that fails.
func waitingFor(c relay.Config) func(*Server) {
	return func(s *Server) {
		s.pool.Close()
		c.Hostname, c.ProbeInterval = s.cfg.Hostname, time.Nanosecond
		s.pool = relay.NewPool(c)
		s.pipeline.pool = s.pool
	}
}

// silenceAt are the limits that end the wait for who is silent at step, and no
// other wait.
func silenceAt(step smtptest.Step) relay.Config {
	switch step {
	case smtptest.InContent:
		return relay.Config{DataTimeout: impatience, FinalTimeout: impatience}
	case smtptest.FinalDot, smtptest.FinalDone:
		return relay.Config{FinalTimeout: impatience}
	}
	return relay.Config{CommandTimeout: impatience}
}

// clerk writes down what clients sent and were told.
type clerk struct {
	g  *stage
	mu sync.Mutex
	n  int
	// sent are the attempts, in order.
	sent []ledger.Attempt
}

// compose makes the next message of at least size octets.
func (c *clerk) compose(size int) ledger.Attempt {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	text := cleanMail(fmt.Sprintf("X-Number: %d", c.n))
	if room := size - len(text); room > 0 {
		text += strings.Repeat(".the same line, with a dot before it, again and again and again\r\n", room/65+1)
	}
	return ledger.Attempt{ReversePath: fmt.Sprintf("m%06d@partner.example", c.n), ForwardPaths: []string{bob}, Content: []byte(text), Belong: ledger.NextHop}
}

// play has a client deliver a, writes down what it was told and returns it.
func (c *clerk) play(a ledger.Attempt, cut smtptest.Cut) smtptest.Heard {
	c.g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	letter := smtptest.Letter{ReversePath: a.ReversePath, ForwardPaths: a.ForwardPaths, Content: a.Content}
	heard, err := smtptest.Play(ctx, c.g.addr(), letter.Turns(false), cut)
	if err != nil {
		c.g.t.Fatalf("<%s>: %v", a.ReversePath, err)
	}
	a.Answer = heard.Answer()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, a)
	return heard
}

// The steps and kinds of the matrix. A next hop that refuses a message it has
// taken lies, and is left out.
var (
	faultSteps = []smtptest.Step{smtptest.Connect, smtptest.Banner, smtptest.Hello, smtptest.Mail, smtptest.Rcpt, smtptest.Data, smtptest.InContent, smtptest.FinalDot, smtptest.FinalDone}
	faultKinds = []smtptest.Kind{smtptest.Close, smtptest.Reset, smtptest.Mute, smtptest.Temporary, smtptest.Permanent, smtptest.Closing, smtptest.Garbage, smtptest.HalfReply,
		smtptest.CutReply, smtptest.Slow, smtptest.LongLine, smtptest.ManyLines, smtptest.NUL, smtptest.BareLF, smtptest.Early, smtptest.Delay}
)

// possible reports whether a next hop can fail so.
func possible(step smtptest.Step, kind smtptest.Kind) bool {
	switch step {
	case smtptest.Connect:
		return kind == smtptest.Close || kind == smtptest.Reset
	case smtptest.InContent: // no reply is due that could be bent
		return slices.Contains([]smtptest.Kind{smtptest.Close, smtptest.Reset, smtptest.Mute, smtptest.Temporary, smtptest.Permanent, smtptest.Closing, smtptest.Garbage, smtptest.HalfReply, smtptest.Delay}, kind) // who says 250 in mid content lies: no client can know in every case
	case smtptest.FinalDone:
		return kind != smtptest.Temporary && kind != smtptest.Permanent && kind != smtptest.Closing
	}
	return true
}

// faultAnswers are the replies that are right when step fails so: SMTP-DUTIES,
// Section 7.
func faultAnswers(step smtptest.Step, kind smtptest.Kind) []string {
	greeting := step == smtptest.Banner || step == smtptest.Hello
	switch kind {
	case smtptest.Temporary:
		if greeting {
			return []string{"451 4.3.5"} // R4
		}
		return []string{"451 4.3.0 trouble here"} // R2
	case smtptest.Permanent:
		if greeting {
			return []string{"451 4.3.5"} // R4
		}
		return []string{"554 5.3.0 trouble here"} // R2
	case smtptest.Garbage, smtptest.LongLine, smtptest.ManyLines, smtptest.BareLF:
		return []string{"451 4.5.0"} // R8
	case smtptest.Slow, smtptest.Delay, smtptest.NUL: // R1; of a NUL nothing gets further, T2
		return []string{"250 2.0.0 OK"}
	case smtptest.Early:
		if step == smtptest.FinalDot || step == smtptest.FinalDone {
			return []string{"250 2.0.0 OK"} // what is behind it spoils the next message, not this one
		}
		return []string{"250 2.0.0 OK", "451 4.4.2", "451 4.5.0"} // seen in time, or not: the books are right either way
	}
	if kind == smtptest.Reset && (step == smtptest.Connect || step == smtptest.Banner) {
		return []string{"451 4.4.2", "451 4.4.1"} // so soon that it is a failed connect, R5
	}
	return []string{"451 4.4.2"} // R3, R9, R10
}

func answered(reply string, want []string) bool {
	return slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(reply, w+" ") || reply == w })
}

// A next hop that fails at every step in every way: the client is told what the
// table of duties says, and the books are right.
func TestEveryFaultOfANextHopHasItsAnswer(t *testing.T) {
	spooling := script{tail: "[limits]\nmemory_octets = 65536\n"}
	c := &clerk{g: newFaultStage(t, spooling)}
	for _, step := range faultSteps {
		for _, kind := range faultKinds {
			if kind != smtptest.Mute && possible(step, kind) {
				c.meet(step, kind)
			}
		}
	}
	c.g.sink.Fail()
	if heard := c.play(c.compose(0), smtptest.Cut{}); !strings.HasPrefix(heard.Content, "250 ") {
		t.Errorf("when all is over: %+v", heard)
	}
	c.g.audit(c.sent)
	t.Logf("%d faults", len(c.sent)-1)
	for _, step := range faultSteps {
		if !possible(step, smtptest.Mute) {
			continue
		}
		t.Run(fmt.Sprintf("silence at %s", step), func(t *testing.T) {
			c := &clerk{g: newFaultStage(t, spooling, waitingFor(silenceAt(step)))}
			c.meet(step, smtptest.Mute)
			c.g.sink.Fail()
			eventually(t, "a message is taken when all is over", func() bool { // the limits are short still
				return strings.HasPrefix(c.play(c.compose(0), smtptest.Cut{}).Content, "250 ")
			})
			c.g.audit(c.sent)
		})
	}
}

// meet delivers a small and a large message to a next hop that fails so.
func (c *clerk) meet(step smtptest.Step, kind smtptest.Kind) {
	c.g.t.Helper()
	for _, size := range []int{4 << 10, 200 << 10} {
		c.g.sink.Drop() // what is kept has been greeted already
		c.g.sink.Fail(smtptest.Fault{Step: step, Kind: kind, At: size / 2, Pause: time.Microsecond})
		heard := c.play(c.compose(size), smtptest.Cut{})
		if want := faultAnswers(step, kind); !answered(heard.Answer(), want) {
			c.g.t.Errorf("%s at %s, %d octets: answered %q, want %q", kind, step, size, heard.Answer(), want)
		}
		c.g.wantDoubt(step, kind, heard.Content)
	}
}

// wantDoubt fails unless the journal says "uncertain" of exactly what was not
// answered, or not in SMTP, behind the dot. SMTP-DUTIES R10.
func (g *stage) wantDoubt(step smtptest.Step, kind smtptest.Kind, reply string) {
	g.t.Helper()
	if step != smtptest.FinalDot && step != smtptest.FinalDone {
		return
	}
	doubt := slices.Contains([]string{"451 4.4.2", "451 4.5.0"}, reply[:min(9, len(reply))]) && kind != smtptest.Closing
	if e := g.entry(reply); (e.Outcome == store.Uncertain) != doubt {
		g.t.Errorf("%s at %s: the journal says %s of %q", kind, step, e.Outcome, reply)
	}
}

// A connection that is kept may be found broken by the next message. Before the
// dot that costs nothing, and from the dot on nothing is sent again: I4, R11.
func TestAKeptConnectionThatFailsIsReplacedBeforeTheDotOnly(t *testing.T) {
	g := newFaultStage(t, script{})
	c := &clerk{g: g}
	for _, step := range faultSteps[3:] {
		for _, kind := range []smtptest.Kind{smtptest.Close, smtptest.Reset, smtptest.HalfReply, smtptest.CutReply} {
			if !possible(step, kind) {
				continue
			}
			g.sink.Fail()
			if heard := c.play(c.compose(0), smtptest.Cut{}); !strings.HasPrefix(heard.Content, "250 ") { // there is a connection to keep
				t.Fatalf("before %s at %s: %+v", kind, step, heard)
			}
			g.sink.Fail(smtptest.Fault{Step: step, Kind: kind, Nth: 1})
			want := "451 4.4.2 "
			if step == smtptest.Mail || step == smtptest.Rcpt || step == smtptest.Data {
				want = "250 2.0.0 "
			}
			if heard := c.play(c.compose(0), smtptest.Cut{}); !strings.HasPrefix(heard.Answer(), want) {
				t.Errorf("%s at %s of a kept connection: answered %q, want %q", kind, step, heard.Answer(), want)
			}
		}
	}
	g.audit(c.sent)
}

// A client can go at every octet of its session, in every way. Nothing that it
// had not finished goes anywhere, what it had is somewhere once.
func TestAClientThatIsCutAtEveryOctet(t *testing.T) {
	g := newFaultStage(t, script{})
	c := &clerk{g: g}
	model := c.compose(1300)
	turns := smtptest.Letter{ReversePath: model.ReversePath, ForwardPaths: model.ForwardPaths, Content: model.Content}.Turns(false)
	whole := &bytes.Buffer{}
	for _, turn := range turns {
		whole.WriteString(turn.Say)
	}
	dot := bytes.Index(whole.Bytes(), []byte("\r\n.\r\n")) + len("\r\n.\r\n")
	ends := []smtptest.End{smtptest.HangUp, smtptest.HalfClose, smtptest.Abandon}
	relayed := 0
	for at := 1; at <= whole.Len(); at++ {
		some := ends[at%3 : at%3+1]
		switch {
		case dot-8 < at && at < dot+3:
			some = ends // all of them around the dot
		case testing.Short() && at%37 != 0:
			continue
		}
		for _, end := range some {
			a := model
			a.ReversePath = fmt.Sprintf("c%06d@partner.example", len(c.sent)) // as long as the model's
			heard := c.play(a, smtptest.Cut{After: at, End: end})
			if at >= dot {
				relayed++
			} else if heard.Content != "" && heard.Content[0] == '2' {
				t.Errorf("cut at %d before the dot: %+v", at, heard)
			}
			if at >= dot && end == smtptest.HalfClose && !strings.HasPrefix(heard.Content, "250 ") {
				t.Errorf("half closed at %d behind the dot: %+v", at, heard)
			}
		}
	}
	slow := c.compose(1300)
	if heard := c.play(slow, smtptest.Cut{Slow: whole.Len(), Pause: time.Microsecond}); !strings.HasPrefix(heard.Content, "250 ") {
		t.Errorf("octet by octet: %+v", heard)
	}
	relayed++
	g.end() // all that was said has been dealt with
	if n := g.sink.Count(); n != relayed {
		t.Errorf("%d messages at the next hop, want %d", n, relayed)
	}
	g.auditFiles(c.sent)
	t.Logf("%d sessions of up to %d octets, %d finished", len(c.sent), whole.Len(), relayed)
}
