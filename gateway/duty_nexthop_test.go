package gateway

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mxgate/gateway/relay"
	"mxgate/gateway/smtptest"
	"mxgate/gateway/store"
)

// dialled is a pool whose connections are written down. The names in at lead to
// an address; others do not exist if they are names.
type dialled struct {
	at map[string]string

	mu    sync.Mutex
	where []string
}

func (d *dialled) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d.mu.Lock()
	d.where = append(d.where, addr)
	d.mu.Unlock()
	if to, ok := d.at[addr]; ok {
		addr = to
	} else if host, _, _ := net.SplitHostPort(addr); net.ParseIP(host) == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// use makes a server reach its next hops through d.
func (d *dialled) use(s *Server) {
	s.pool.Close()
	s.pool = relay.NewPool(relay.Config{Hostname: s.cfg.Hostname, Resolver: s.resolver, Dial: d.dial})
	s.pipeline.pool, s.pipeline.offers.pool = s.pool, s.pool
}

// A next hop that was down three times is left alone until it is up again.
func TestDuty_R5_Gateway_MarkedDown(t *testing.T) {
	d := &dialled{}
	g, _ := newSetting(t, setting{tune: d.use, hosts: []smtptest.Options{{Faults: []smtptest.Fault{{Step: smtptest.Connect, Kind: smtptest.Refuse}}}}})
	for range 6 {
		g.wantReply(g.deliver(partner, []string{bob}, theMail), "451 4.4.1")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.where); n != 3 {
		t.Errorf("%d connections were tried, want 3", n)
	}
}

func TestDuty_R6_Gateway(t *testing.T) {
	g, _ := newSetting(t, setting{script: script{nextHop: "nowhere.example:25"}, tune: new(dialled).use})
	g.wantReply(g.deliver(partner, []string{bob}, theMail), "451 4.4.3")
	g.wantNothingMoved()
}

// A recipient that was accepted is accepted by the next connection too, or the
// whole message waits.
func TestDuty_R11_Gateway(t *testing.T) {
	for _, c := range []struct {
		name, verb, again, want string
		messages                int
	}{
		{"and is accepted again", "", "", "250 2.0.0", 1},
		{"and its recipient is refused now", "RCPT", "550 5.1.1 unknown", "451 4.3.0", 0},
		{"and its sender is refused now", "MAIL", "550 5.1.8 bad", "451 4.3.0", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newStage(t, script{})
			s := g.dial()
			s.must(t, "MAIL FROM:<"+partner+">", "250")
			s.must(t, "RCPT TO:<"+bob+">", "250 2.1.5")
			g.nextHopSaysTo(c.verb, c.again)
			g.sink.Drop()
			s.must(t, "DATA", "354")
			g.wantReply(s.send(t, theMail), c.want)
			if n := g.sink.Count(); n != c.messages {
				t.Errorf("%d messages at the next hop, want %d", n, c.messages)
			}
		})
	}
}

// One verdict is for all recipients: what is held is relayed to nobody, what is
// refused is held for nobody.
func TestDuty_R14(t *testing.T) {
	to := []string{bob, "carol@example.com", "postmaster@example.com"}
	for _, c := range []struct {
		disposition, want string
		to                []string
		held              int
	}{{"quarantine", "250 2.0.0", to, 1}, {"reject", "550 5.7.1", to[:2], 0}, {"reject", "250 2.0.0", to, 1}} {
		g := newStage(t, script{tail: "[policy.dispositions]\nown-domain-spoof = \"" + c.disposition + "\"\n"})
		g.wantReply(g.deliver(crook, c.to, theSpoof), c.want)
		held := g.held()
		if g.sink.Count() != 0 || len(held) != c.held || c.held == 1 && !slices.Equal(held[0].to, c.to) {
			t.Errorf("%s to %q: %d at the next hop, held %+v", c.disposition, c.to, g.sink.Count(), held)
		}
	}
}

// The first host that is up gets the mail; the journal says which that was.
func TestDuty_R5_Gateway_TheNextHostIsTried(t *testing.T) {
	g, sinks := newSetting(t, setting{hosts: []smtptest.Options{{}, {}}})
	g.wantReply(g.deliver(partner, []string{bob}, theMail), "250 2.0.0")
	sinks[0].Close()
	reply := g.deliver(partner, []string{bob}, theMail)
	g.wantReply(reply, "250 2.0.0")
	if sinks[0].Count() != 1 || sinks[1].Count() != 1 {
		t.Errorf("%d messages at the first, %d at the second", sinks[0].Count(), sinks[1].Count())
	}
	if e := g.entry(reply); e.NextHop != sinks[1].Target() || e.Outcome != store.Relayed {
		t.Errorf("the journal says %s, %s", e.NextHop, e.Outcome)
	}
}

// A message that had a recipient at the first host goes on at the second.
func TestDuty_R11_Gateway_OnAnotherHost(t *testing.T) {
	g, sinks := newSetting(t, setting{hosts: []smtptest.Options{{}, {}}})
	c := g.dial()
	c.must(t, "MAIL FROM:<"+partner+">", "250")
	c.must(t, "RCPT TO:<"+bob+">", "250 2.1.5")
	sinks[0].Close()
	c.must(t, "DATA", "354")
	g.wantReply(c.send(t, theMail), "250 2.0.0")
	if m := sinks[1].Messages(); len(m) != 1 || !slices.Equal(m[0].ForwardPaths, []string{bob}) || m[0].ReversePath != partner {
		t.Errorf("at the second host: %v", m)
	}
}

// The next hop is told who the client is, if it wants to know.
func TestDuty_X2_Gateway(t *testing.T) {
	g, _ := newSetting(t, setting{hosts: []smtptest.Options{{Extensions: []string{"PIPELINING", "8BITMIME", "XFORWARD NAME ADDR PROTO HELO SOURCE"}}}})
	g.wantReply(g.deliver(partner, []string{bob}, theMail), "250 2.0.0")
	if m := g.only(); m.Forwarded["ADDR"] != "127.0.0.1" || m.Forwarded["HELO"] != "mx1.provider.example" {
		t.Errorf("XFORWARD %v", m.Forwarded)
	}
}

func TestDuty_X2_Gateway_XCLIENT(t *testing.T) {
	g, _ := newSetting(t, setting{keys: "client = \"xclient\"\n", hosts: []smtptest.Options{{Extensions: []string{"PIPELINING", "8BITMIME", "XCLIENT NAME ADDR PROTO HELO"}}}})
	g.wantReply(g.deliver(partner, []string{bob}, theMail), "250 2.0.0")
	if m := g.only(); m.Replaced["ADDR"] != "127.0.0.1" || m.Replaced["HELO"] != "mx1.provider.example" {
		t.Errorf("XCLIENT %v", m.Replaced)
	}
	g, _ = newSetting(t, setting{keys: "client = \"xclient\"\n"}) // which it does not offer
	g.wantReply(g.deliver(partner, []string{bob}, theMail), "451 4.3.5")
}

// One answer cannot speak for two: over LMTP a transaction has one recipient.
func TestDuty_X4_Gateway(t *testing.T) {
	for _, unix := range []bool{false, true} {
		t.Run(fmt.Sprintf("unix=%v", unix), func(t *testing.T) {
			g, _ := newSetting(t, setting{unix: unix, keys: "protocol = \"lmtp\"\n", hosts: []smtptest.Options{{LMTP: true}}})
			c := g.dial()
			if got := c.offered(t); !strings.Contains(got, "LIMITS RCPTMAX=1 ") {
				t.Errorf("offered %q", got)
			}
			c.must(t, "MAIL FROM:<"+partner+">", "250")
			c.must(t, "RCPT TO:<"+bob+">", "250 2.1.5")
			c.must(t, "RCPT TO:<carol@example.com>", "452 4.5.3")
			c.must(t, "DATA", "354")
			reply := c.send(t, theMail)
			g.wantReply(reply, "250 2.0.0")
			if m := g.only(); !slices.Equal(m.ForwardPaths, []string{bob}) {
				t.Errorf("at the next hop: %v", m)
			}
			if e := g.entry(reply); e.NextHop != g.sink.Target() {
				t.Errorf("the journal says %s", e.NextHop)
			}
			g.nextHopSaysTo(smtptest.Dot, "552 5.2.2 full")
			g.wantReply(g.deliver(partner, []string{bob}, theMail), "552 5.2.2")
		})
	}
}

// Where only some next hops speak LMTP, the recipients behind the first are
// answered when they are named.
func TestDuty_X4_Gateway_BesideSMTP(t *testing.T) {
	other, err := smtptest.Start("127.0.0.1:0", smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	g, _ := newSetting(t, setting{script: script{tail: fmt.Sprintf("[[domain]]\nname = \"example.org\"\nnext_hop = %q\n", other.Target())},
		keys: "protocol = \"lmtp\"\n", hosts: []smtptest.Options{{LMTP: true}}})
	c := g.dial()
	if got := c.offered(t); !strings.Contains(got, "LIMITS RCPTMAX=100 RCPTDOMAINMAX=1 ") {
		t.Errorf("offered %q", got)
	}
	c.must(t, "MAIL FROM:<"+partner+">", "250")
	c.must(t, "RCPT TO:<"+bob+">", "250 2.1.5")
	c.must(t, "RCPT TO:<carol@example.com>", "452 4.5.3")
	c.must(t, "DATA", "354")
	g.wantReply(c.send(t, theMail), "250 2.0.0")
	if m := g.only(); !slices.Equal(m.ForwardPaths, []string{bob}) {
		t.Errorf("at the next hop: %v", m)
	}
}

// The client has its answer before it gives up, whatever the next hop does; who
// has the message then is uncertain.
func TestDuty_M3_Gateway(t *testing.T) {
	// Enough for all that comes before the dot, also on a machine that is busy.
	g, _ := newSetting(t, setting{tune: func(s *Server) { s.pipeline.answerWithin = 3 * time.Second }})
	if maxAnswerWait != 540*time.Second {
		t.Errorf("clients wait for %s", maxAnswerWait)
	}
	goOn := make(chan struct{})
	t.Cleanup(func() { close(goOn) }) // first, or the sink cannot end
	g.nextHopSays(func(verb, _ string) (string, bool) {
		if verb == smtptest.Dot {
			<-goOn
		}
		return "", false
	})
	reply := g.deliver(partner, []string{bob}, theMail)
	g.wantReply(reply, "451 4.4.2")
	if e := g.entry(reply); e.Outcome != store.Uncertain {
		t.Errorf("the journal says %s", e.Outcome)
	}
}
