package gateway

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mxgate/gateway/config"
	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/smtptest"
	"mxgate/gateway/store"
	"mxgate/policy"
	"mxgate/policy/dns"
)

// patience bounds every wait of these tests: whoever needs it all is stuck.
const patience = 30 * time.Second

// stageZone is what DNS says: the partner publishes everything one should, we
// say who may send for us, news.example says nothing. The owner of 1indqvist.example
// authenticates what he sends, as the owner of lindqvist.example does.
const stageZone = `
partner.example         TXT "v=spf1 ip4:192.0.2.10 -all"
_dmarc.partner.example  TXT "v=DMARC1; p=reject"
example.com             TXT "v=spf1 ip4:192.0.2.20 -all"
_dmarc.example.com      TXT "v=DMARC1; p=none"
news.example            A   192.0.2.30
lindqvist.example         TXT "v=spf1 ip4:192.0.2.40 -all"
_dmarc.lindqvist.example  TXT "v=DMARC1; p=reject"
1indqvist.example         TXT "v=spf1 ip4:203.0.113.66 -all"
_dmarc.1indqvist.example  TXT "v=DMARC1; p=reject"
`

// script is how a stage is set up. Its zero value is a gateway that works.
type script struct {
	head    string // TOML keys above the first table
	tail    string // TOML tables
	dataDir string // "": a new one
	nextHop string // "": the sink
	dns     string // "": the test's own resolver
	quick   string // dns.timeout; "": long enough
}

// stage is a gateway in this process with everything around it on real sockets:
// a next hop and a resolver.
type stage struct {
	t      *testing.T
	cfg    *config.Config
	server *Server
	sink   *smtptest.Sink
	dns    *dnstest.Server
	reply  atomic.Pointer[func(verb, arg string) (string, bool)] // of the sink
	stop   context.CancelFunc
	served chan error
	over   bool
}

// stageConfig is the text of a stage's configuration.
func stageConfig(s script, nextHop, resolver string) string {
	if s.quick == "" {
		s.quick = "10s"
	}
	return fmt.Sprintf("hostname = \"gate.example.com\"\ndata_dir = %q\n%s\n", s.dataDir, s.head) + `
[[listener]]
address = "127.0.0.1:0"
[metrics]
address = "127.0.0.1:0"
[[source]]
name = "the-provider"
ranges = ["127.0.0.1"]
received_by = ["provider.example"]
[[domain]]
name = "example.com"
` + fmt.Sprintf("next_hop = %q\n[dns]\nservers = [%q]\ntimeout = %q\n%s\n", nextHop, resolver, s.quick, s.tail)
}

// newStage sets s up; tune is done to the server before it serves.
func newStage(t *testing.T, s script, tune ...func(*Server)) *stage {
	t.Helper()
	g := &stage{t: t, served: make(chan error, 1)}
	var err error
	if g.sink, err = smtptest.Start("127.0.0.1:0", smtptest.Options{Reply: g.sinkReply}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.sink.Close)
	g.resolve(stageZone)
	if s.dataDir == "" {
		s.dataDir = filepath.Join(t.TempDir(), "data")
	}
	if s.nextHop == "" {
		s.nextHop = g.sink.Target()
	}
	if s.dns == "" {
		s.dns = g.dns.Addr().String()
	}
	g.configure(stageConfig(s, s.nextHop, s.dns))
	g.serve(slog.DiscardHandler, tune...)
	t.Cleanup(g.end)
	return g
}

// resolve gives the stage its resolver.
func (g *stage) resolve(zone string) {
	g.t.Helper()
	var err error
	if g.dns, err = dnstest.Serve("127.0.0.1:0", dns.MustSnapshot(g.t, zone)); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(g.dns.Close)
}

func (g *stage) configure(text string) {
	g.t.Helper()
	var err error
	if g.cfg, err = config.Parse("stage.toml", []byte(text)); err != nil {
		g.t.Fatal(err)
	}
}

// serve starts the gateway; end ends it.
func (g *stage) serve(log slog.Handler, tune ...func(*Server)) {
	g.t.Helper()
	var err error
	if g.server, err = New(g.cfg, slog.New(log)); err != nil {
		g.t.Fatal(err)
	}
	for _, f := range tune {
		f(g.server)
	}
	ctx, stop := context.WithCancel(context.Background())
	g.stop = stop
	go func() { g.served <- g.server.Serve(ctx) }() // ends when end calls stop
}

// end drains the gateway, which must say that all is well.
func (g *stage) end() {
	g.t.Helper()
	if g.over {
		return
	}
	g.over = true
	g.stop()
	select {
	case err := <-g.served:
		if err != nil {
			g.t.Errorf("Serve: %v", err)
		}
	case <-time.After(patience):
		g.t.Error("the gateway does not end")
	}
	for _, v := range g.sink.Violations() {
		g.t.Errorf("the next hop complains: %s", v)
	}
}

func (g *stage) sinkReply(verb, arg string) (string, bool) {
	if f := g.reply.Load(); f != nil {
		return (*f)(verb, arg)
	}
	return "", false
}

// nextHopSays makes the next hop answer by f from now on.
func (g *stage) nextHopSays(f func(verb, arg string) (string, bool)) { g.reply.Store(&f) }

// nextHopSaysTo makes the next hop give one answer to one verb.
func (g *stage) nextHopSaysTo(verb, answer string) {
	g.nextHopSays(func(v, _ string) (string, bool) { return answer, v == verb })
}

func (g *stage) addr() string { return g.server.Addrs()[0].String() }

// dial opens a session that has said EHLO.
func (g *stage) dial() *talk {
	g.t.Helper()
	c, err := dialTalk(g.addr())
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(c.close)
	return c
}

// atDot has a client send content of from and returns when the next hop has all of
// it and holds its answer back until goOn is closed.
func (g *stage) atDot(from, content string) (c *talk, goOn chan struct{}) {
	g.t.Helper()
	there, goOn := make(chan struct{}), make(chan struct{})
	g.nextHopSays(func(verb, _ string) (string, bool) {
		if verb == smtptest.Dot {
			close(there)
			<-goOn
		}
		return "", false
	})
	c = g.dial()
	if reply, err := c.envelope(from, []string{bob}); reply != "" || err != nil {
		g.t.Fatal(reply, err)
	}
	if _, err := c.conn.Write([]byte(stuffed(content) + ".\r\n")); err != nil {
		g.t.Fatal(err)
	}
	<-there
	return c, goOn
}

// deliver sends one message in a session of its own and returns the last reply.
func (g *stage) deliver(from string, to []string, content string) string {
	g.t.Helper()
	c := g.dial()
	defer c.close()
	reply, err := c.deliver(from, to, content)
	if err != nil {
		g.t.Fatal(err)
	}
	return reply
}

// entry finds the journal row of the transaction that reply names. The row is
// written after the reply: only then is it known whether that was read.
func (g *stage) entry(reply string) store.Entry {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		if err := g.server.Store().Flush(ctx); err != nil {
			g.t.Fatal(err)
		}
		entries, err := g.server.Store().Entries(ctx, store.Filter{ID: idOf(reply)})
		if err != nil || len(entries) > 1 {
			g.t.Fatalf("reply %q: %d journal rows, %v; want one", reply, len(entries), err)
		}
		if len(entries) == 1 {
			return entries[0]
		}
		select {
		case <-ctx.Done():
			g.t.Fatalf("reply %q has no journal row", reply)
		case <-time.After(time.Millisecond):
		}
	}
}

// idOf is the transaction id at the end of a reply: "250 2.0.0 OK (id)".
func idOf(reply string) string {
	_, id, _ := strings.Cut(strings.TrimSuffix(reply, ")"), " (")
	return id[strings.LastIndexByte(id, '(')+1:]
}

// held lists what is in quarantine with its content.
func (g *stage) held() []copied {
	g.t.Helper()
	copies, err := heldCopies(g.server.Store())
	if err != nil {
		g.t.Fatal(err)
	}
	return copies
}

// wantReply fails unless reply begins with want and names a transaction.
func (g *stage) wantReply(reply, want string) {
	g.t.Helper()
	if !strings.HasPrefix(reply, want+" ") {
		g.t.Errorf("answered %q, want %q", reply, want)
	}
}

// wantNothingMoved fails if a message is at the next hop or in quarantine.
func (g *stage) wantNothingMoved() {
	g.t.Helper()
	if n, held := g.sink.Count(), len(g.held()); n+held != 0 {
		g.t.Errorf("%d messages are at the next hop and %d in quarantine, want none", n, held)
	}
}

// rules are the operator's, for deciding again.
func (g *stage) rules() *policy.Rules { return &g.cfg.Rules }

// talk is one SMTP session from the client's side, with nothing hidden.
type talk struct {
	conn net.Conn
	r    *bufio.Reader
}

func dialTalk(addr string) (*talk, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	c := newTalk(conn)
	if greeting, err := c.reply(); err != nil || !strings.HasPrefix(greeting, "220 ") {
		c.close()
		return nil, fmt.Errorf("greeted with %q, %v", greeting, err)
	}
	_, err = c.ask("EHLO mx1.provider.example")
	return c, err
}

func newTalk(conn net.Conn) *talk { return &talk{conn, bufio.NewReader(conn)} }

func (c *talk) close() { c.conn.Close() }

// reply reads one reply and returns its last line.
func (c *talk) reply() (string, error) {
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return "", err
		}
		if len(line) < 5 || line[3] != '-' {
			return strings.TrimSuffix(line, "\r\n"), nil
		}
	}
}

func (c *talk) ask(line string) (string, error) {
	if _, err := c.conn.Write([]byte(line + "\r\n")); err != nil {
		return "", err
	}
	return c.reply()
}

// envelope opens a transaction. It returns the first reply that refuses and no
// error, or "" after the 354.
func (c *talk) envelope(from string, to []string) (string, error) {
	commands := []string{"MAIL FROM:<" + from + ">"}
	for _, path := range to {
		commands = append(commands, "RCPT TO:<"+path+">")
	}
	for _, command := range append(commands, "DATA") {
		reply, err := c.ask(command)
		if err != nil || reply[0] != '2' && reply[0] != '3' {
			return reply, err
		}
	}
	return "", nil
}

// deliver sends one message and returns the last reply.
func (c *talk) deliver(from string, to []string, content string) (string, error) {
	if reply, err := c.envelope(from, to); reply != "" || err != nil {
		return reply, err
	}
	if _, err := c.conn.Write([]byte(stuffed(content) + ".\r\n")); err != nil {
		return "", err
	}
	return c.reply()
}

// ended reports whether the gateway has closed the session.
func (c *talk) ended() bool {
	_, err := c.r.ReadByte()
	return err != nil && !strings.Contains(err.Error(), "timeout")
}

// stuffed doubles the dots at the start of lines.
func stuffed(content string) string {
	content = strings.ReplaceAll(content, "\r\n.", "\r\n..")
	if strings.HasPrefix(content, ".") {
		content = "." + content
	}
	return content
}

// fromProvider is the trace line of the provider for mail it took from ip.
func fromProvider(ip string) string {
	return fmt.Sprintf("Received: from mail.origin.example (mail.origin.example [%s])\r\n\tby mx1.provider.example (Postfix) with ESMTPS id 4AbCdE0XyZz1\r\n\tfor <bob@example.com>; %s\r\n",
		ip, time.Now().Format(time.RFC1123Z))
}

// compose makes a message that came through the provider from ip.
func compose(ip string, fields ...string) string {
	return fromProvider(ip) + strings.Join(fields, "\r\n") + "\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\nMessage-ID: <1@partner.example>\r\n\r\nHello.\r\n.a line with a dot\r\n..\r\n"
}

// The messages most tests need: one that is clean, and one that claims to be
// from us and is not.
const (
	partner = "anna@partner.example"
	crook   = "x81@bulk.example"
	bob     = "bob@example.com"
)

func cleanMail(fields ...string) string {
	return compose("192.0.2.10", append([]string{"From: Anna <" + partner + ">", "To: " + bob, "Subject: Offer"}, fields...)...)
}

func spoofMail(fields ...string) string {
	return compose("198.51.100.7", append([]string{"From: " + bob, "To: " + bob, "Subject: Your account is hacked"}, fields...)...)
}
