package gateway

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/smtptest"
	"mxgate/gateway/store"
	"mxgate/policy/provider"
)

// While the next hop has not answered there is no 250.
func TestDuty_I1_Gateway_TheNextHopFirst(t *testing.T) {
	g := newStage(t, script{})
	c, goOn := g.atDot(partner, theMail)
	c.silent(t)
	close(goOn)
	reply, err := c.reply()
	if err != nil {
		t.Fatal(err)
	}
	g.wantReply(reply, "250 2.0.0")
	g.only()
}

// When the 250 is read, another process finds row and content on the disk. Kill
// tests show that they are there for good.
func TestDuty_I1_Gateway_TheQuarantineFirst(t *testing.T) {
	g := newStage(t, script{})
	reply := g.deliver(crook, []string{bob}, theSpoof)
	g.wantReply(reply, "250 2.0.0")
	st, err := OpenStore(g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	held, err := heldCopies(st)
	if err != nil || len(held) != 1 || string(held[0].content) != theSpoof {
		t.Errorf("held: %+v, %v", held, err)
	}
	if n := g.sink.Count(); n != 0 {
		t.Errorf("%d messages at the next hop", n)
	}
}

// Whatever becomes of a message, nothing is sent that a client has not sent.
func TestDuty_I2(t *testing.T) {
	const notify = " NOTIFY=SUCCESS,FAILURE,DELAY"
	content := compose("192.0.2.30", "From: n@news.example", "To: "+bob)
	g, _ := newSetting(t, setting{hosts: []smtptest.Options{{Extensions: []string{"PIPELINING", "8BITMIME", "DSN"}}}})
	g.nextHopSays(func(verb, arg string) (string, bool) {
		return "550 5.1.1 unknown", verb == "RCPT" && strings.Contains(arg, "nobody")
	})
	c := g.dial()
	for _, step := range []struct{ say, want string }{
		{"MAIL FROM:<" + partner + "> RET=FULL ENVID=1", "250"}, {"RCPT TO:<nobody@example.com>" + notify, "550 5.1.1"}, {"RSET", "250"}, // refused
		{"MAIL FROM:<> RET=FULL", "250"}, {"RCPT TO:<" + bob + ">" + notify, "250"}, {"DATA", "354"}, {stuffed(content) + ".", "250"}, // relayed
		{"MAIL FROM:<" + crook + ">", "250"}, {"RCPT TO:<" + bob + ">" + notify, "250"}, {"DATA", "354"}, {stuffed(theSpoof) + ".", "250"}, // held
		{"MAIL FROM:<" + partner + ">", "250"}, {"RCPT TO:<" + bob + ">" + notify, "250"}, {"DATA", "354"}, {"a\nb\r\n.", "554"}, // broken
	} {
		c.must(t, step.say, step.want)
	}
	g.end()
	if m := g.only(); m.ReversePath != "" || !slices.Equal(m.ForwardPaths, []string{bob}) || !strings.HasSuffix(string(m.Content), content) {
		t.Errorf("at the next hop: %v", m)
	}
	for _, command := range g.sink.Commands() {
		if strings.HasPrefix(command, "RCPT") && !strings.Contains(command, bob) && !strings.Contains(command, "nobody@example.com") {
			t.Errorf("nobody asked for %q", command)
		}
	}
}

// What an interrupted gateway left in the spool is nobody's.
func TestDuty_I3(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	left := filepath.Join(dir, "spool", "mxgate-content-1.spool")
	if err := os.MkdirAll(filepath.Dir(left), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, []byte(theMail), 0o600); err != nil {
		t.Fatal(err)
	}
	g := newStage(t, script{dataDir: dir})
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("the spool file is still there: %v", err)
	}
	g.wantNothingMoved()
}

// A duplicate is possible, and written down, whether the next hop or the client
// has left at the wrong moment.
func TestDuty_I4_Gateway(t *testing.T) {
	g := newStage(t, script{})
	g.nextHopSaysTo(smtptest.Dot, smtptest.Hangup)
	reply := g.deliver(partner, []string{bob}, theMail)
	g.wantReply(reply, "451 4.4.2")
	if e := g.entry(reply); e.Outcome != store.Uncertain || e.ID != idOf(reply) {
		t.Errorf("the journal says %s for %s", e.Outcome, e.ID)
	}
	if _, page := g.get("/metrics"); !strings.Contains(page, "\nmxgate_uncertain_total 1\n") {
		t.Error("it is not counted")
	}
}

// vanish has a client leave after its final dot, before the next hop has
// answered, and returns the journal of the gateway after its end.
func vanish(t *testing.T, leave func(*net.TCPConn) error) []store.Entry {
	t.Helper()
	g := newStage(t, script{})
	c, goOn := g.atDot(partner, theMail)
	if err := leave(c.conn.(*net.TCPConn)); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := g.sink.Wait(ctx, 1); err != nil {
		t.Fatal(err)
	}
	g.end()
	st, err := OpenStore(g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	entries, err := st.Entries(ctx, store.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// What no client can be sure of is not sent raw: not to the next hop, the log or
// a header.
func TestDuty_I6_Gateway_QuotedLocalParts(t *testing.T) {
	g := newStage(t, script{})
	for i, path := range []string{
		`"a> NOTIFY=NEVER"@example.com`, `"x>\" <y"@example.com`, `"a b"@example.com`, `"a\\\"b"@example.com`, `"..x"@example.com`,
		`"a>,<b"@example.com`, `" "@example.com`,
	} {
		g.wantReply(g.deliver(partner, []string{path}, theMail), "250 2.0.0")
		m := g.sink.Messages()[i]
		if !slices.Equal(m.ForwardPaths, []string{path}) || len(m.RcptParams[0]) != 0 {
			t.Errorf("%s reached the next hop as %q %q", path, m.ForwardPaths, m.RcptParams)
		}
		g.wantReply(g.deliver(path, []string{bob}, theMail), "250 2.0.0")
		g.sink.Drop()
	}
}

func TestDuty_I6_Gateway_NeedlessQuotingIsUndone(t *testing.T) {
	g := newStage(t, script{})
	g.wantReply(g.deliver(`"an\na"@Partner.Example`, []string{`"b\ob"@EXAMPLE.com`}, theMail), "250 2.0.0")
	if m := g.only(); m.ReversePath != partner || m.ForwardPaths[0] != bob {
		t.Errorf("at the next hop: %v", m)
	}
}

func TestDuty_I6_Gateway_InjectedCommandsAreNone(t *testing.T) {
	g := newStage(t, script{})
	c := g.dial()
	c.must(t, "MAIL FROM:<"+partner+">", "250")
	for _, path := range []string{"\"a\x00b\"@example.com", "\"a\tb\"@example.com", "\"a\x1bb\"@example.com", "a\x7f@example.com"} {
		if reply, err := c.ask("RCPT TO:<" + path + ">"); err != nil || reply[0] != '5' {
			if err == nil {
				t.Errorf("%q was answered %q", path, reply)
			}
		}
		c = g.dial()
		c.must(t, "MAIL FROM:<"+partner+">", "250")
	}
	for _, command := range g.sink.Commands() {
		if strings.HasPrefix(command, "RCPT") {
			t.Errorf("the next hop was asked %q", command)
		}
	}
}

// breakStore makes it impossible to hold a message.
func (g *stage) breakStore() {
	g.t.Helper()
	tmp := filepath.Join(g.cfg.DataDir, "tmp")
	if err := os.RemoveAll(tmp); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(tmp, nil, 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// Nothing that is broken on our side is the sender's fault.
func TestDuty_I7(t *testing.T) {
	for _, c := range []struct {
		name    string
		harm    func(*testing.T, *stage)
		content string
		want    string
	}{
		{"a dead resolver", func(_ *testing.T, g *stage) { g.dns.Behave(dnstest.Behaviour{Rcode: "SERVFAIL"}) }, theMail, "451 4.4.3"},
		{"a store that cannot be written to", func(_ *testing.T, g *stage) { g.breakStore() }, theSpoof, "451 4.3.0"},
		{"a spool that is gone", func(t *testing.T, g *stage) {
			if err := os.RemoveAll(filepath.Join(g.cfg.DataDir, "spool")); err != nil {
				t.Fatal(err)
			}
		}, theMail + strings.Repeat("0123456789\r\n", 10_000), "452 4.3.1"},
		{"a next hop that refuses EHLO and HELO", func(_ *testing.T, g *stage) {
			g.nextHopSays(func(verb, _ string) (string, bool) { return "554 5.3.2 no", verb == "EHLO" || verb == "HELO" })
			g.sink.Drop()
		}, theMail, "451 4.3.5"},
		{"a source that has vanished", func(_ *testing.T, g *stage) { g.cfg.SourceSet = new(provider.Set) }, theMail, "451 4.3.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newStage(t, script{tail: "[limits]\nmemory_octets = 8192\n"})
			s := g.dial()
			c.harm(t, g)
			reply, err := s.deliver(partner, []string{bob}, c.content)
			if err != nil {
				t.Fatal(err)
			}
			g.wantReply(reply, c.want)
			g.wantNothingMoved()
		})
	}
}

// What was said in one transaction is not there in the next.
func TestDuty_I8_Gateway(t *testing.T) {
	g, _ := newSetting(t, setting{script: script{tail: "[policy.dispositions]\nown-domain-spoof = \"reject\"\n"},
		hosts: []smtptest.Options{{Extensions: []string{"PIPELINING", "8BITMIME", "DSN"}}}})
	old := func(c *talk) {
		c.must(t, "MAIL FROM:<old@partner.example> RET=FULL ENVID=old", "250")
		c.must(t, "RCPT TO:<old@example.com> NOTIFY=NEVER", "250")
	}
	for i, end := range []struct {
		name string
		do   func(*talk)
	}{
		{"RSET", func(c *talk) { c.must(t, "RSET", "250") }},
		{"EHLO", func(c *talk) { c.must(t, "EHLO mx2.provider.example", "250") }},
		{"a policy refusal", func(c *talk) { c.must(t, "DATA", "354"); c.must(t, stuffed(theSpoof)+".", "550 5.7.1") }},
		{"content that is too long in its header", func(c *talk) {
			c.must(t, "DATA", "354")
			c.must(t, strings.Repeat("A: b\r\n", 2001)+"\r\n.", "554 5.6.0")
		}},
		{"acceptance", func(c *talk) { c.must(t, "DATA", "354"); c.must(t, stuffed(theMail)+".", "250") }},
	} {
		t.Run(end.name, func(t *testing.T) {
			c := g.dial()
			old(c)
			end.do(c)
			c.must(t, "RCPT TO:<early@example.com>", "503 5.5.1")
			c.must(t, "DATA", "503 5.5.1")
			c.must(t, "MAIL FROM:<"+partner+">", "250")
			c.must(t, "DATA", "503 5.5.1")
			c.must(t, "RCPT TO:<"+bob+">", "250")
			c.must(t, "DATA", "354")
			c.must(t, stuffed(theMail)+".", "250 2.0.0")
			all := g.sink.Messages()
			if m := all[len(all)-1]; m.ReversePath != partner || !slices.Equal(m.ForwardPaths, []string{bob}) || len(m.RcptParams[0]) != 0 || strings.Contains(strings.Join(m.Params, " "), "ENVID") {
				t.Errorf("at the next hop: %v", m)
			}
			if want := map[bool]int{false: i + 1, true: i + 2}[end.name == "acceptance"]; len(all) != want {
				t.Errorf("%d messages at the next hop, want %d", len(all), want)
			}
		})
	}
}
