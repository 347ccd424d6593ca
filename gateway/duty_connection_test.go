package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/config"
	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/smtptest"
	"mxgate/gateway/systemd"
)

// elsewhere has the source at other addresses than ours, and names its hosts.
func elsewhere(t *testing.T) func(string) string {
	return replacing(t, `ranges = ["127.0.0.1"]`, "ranges = [\"192.0.2.0/24\"]\nnear_miss = [\"provider.example\"]")
}

// A host that bears the provider's name waits until its address is listed, and
// somebody is told; whoever only says so is a stranger.
func TestDuty_A3_Gateway(t *testing.T) {
	for _, c := range []struct {
		name, zone string
		banner     string
	}{
		{"a host of the provider", "1.0.0.127.in-addr.arpa PTR mx77.out.provider.example\nmx77.out.provider.example A 127.0.0.1\n", "220 "},
		{"one that only says so", "1.0.0.127.in-addr.arpa PTR mx77.provider.example\nmx77.provider.example A 192.0.2.1\n", "554 "},
		{"one with a name like it", "1.0.0.127.in-addr.arpa PTR mx.notprovider.example\nmx.notprovider.example A 127.0.0.1\n", "554 "},
		{"one without a name", "", "554 "},
		{"DNS in trouble", "1.0.0.127.in-addr.arpa PTR SERVFAIL\n", "421 "},
		{"DNS in trouble about the name", "1.0.0.127.in-addr.arpa PTR mx77.provider.example\nmx77.provider.example A SERVFAIL\n", "421 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log lines
			g, _ := newSetting(t, setting{zone: c.zone, edit: elsewhere(t), log: &log})
			s := dialFrom(t, "127.0.0.1", g.addr())
			if banner, err := s.reply(); err != nil || !strings.HasPrefix(banner, c.banner) {
				t.Fatalf("greeted with %q, %v", banner, err)
			}
			if c.banner != "220 " {
				return
			}
			s.must(t, "EHLO mx77.out.provider.example", "250")
			s.must(t, "MAIL FROM:<"+partner+">", "451 4.7.1")
			s.must(t, "RCPT TO:<"+bob+">", "451 4.7.1")
			s.must(t, "QUIT", "221")
			eventually(t, "an alert", func() bool {
				return strings.Contains(log.String(), "seems to belong to a source")
			})
			if _, page := g.get("/metrics"); !strings.Contains(page, "\nmxgate_near_miss_total 1\n") {
				t.Error("it is not counted")
			}
			g.wantNothingMoved()
		})
	}
}

// That DNS was in trouble is not believed for long: mail would bounce.
func TestDuty_A3_Gateway_TroubleIsForgotten(t *testing.T) {
	g, _ := newSetting(t, setting{zone: "1.0.0.127.in-addr.arpa PTR mx7.provider.example\nmx7.provider.example A 127.0.0.1\n", edit: elsewhere(t)})
	g.dns.Behave(dnstest.Behaviour{Rcode: "SERVFAIL"})
	now := time.Now()
	names := newHostNames(g.server.resolver, func() time.Time { return now })
	addr := mustAddr("127.0.0.1")
	for range 2 { // the second time from memory
		if got, sure := names.ofStranger(t.Context(), addr); got != "" || sure {
			t.Fatalf("named %q, sure: %t", got, sure)
		}
	}
	g.dns.Behave(dnstest.Behaviour{})
	now = now.Add(noAnswerLasts)
	var err error
	if names.resolver, err = NewResolver(g.cfg, ""); err != nil { // the first has a memory of its own
		t.Fatal(err)
	}
	if got, sure := names.ofStranger(t.Context(), addr); got != "mx7.provider.example" || !sure {
		t.Errorf("named %q, sure: %t, after %s", got, sure, noAnswerLasts)
	}
}

// Strangers cannot make us ask DNS more than five times in a second.
func TestDuty_A3_Gateway_FiveInASecond(t *testing.T) {
	g, _ := newSetting(t, setting{edit: elsewhere(t)})
	now := time.Now()
	names := newHostNames(g.server.resolver, func() time.Time { return now })
	asked := func() (n int) {
		for i := range 101 {
			n += g.dns.Asked(fmt.Sprintf("%d.100.51.198.in-addr.arpa", i), "PTR")
		}
		return n
	}
	for i := range 100 {
		if _, sure := names.ofStranger(t.Context(), mustAddr(fmt.Sprintf("198.51.100.%d", i))); sure != (i < 5) {
			t.Errorf("stranger %d: sure: %t", i, sure)
		}
	}
	if n := asked(); n != 5 {
		t.Errorf("%d questions, want 5", n)
	}
	now = now.Add(time.Second)
	names.ofStranger(t.Context(), mustAddr("198.51.100.100"))
	if n := asked(); n != 6 {
		t.Errorf("%d questions a second later, want 6", n)
	}
}

// The client that a balancer names is the client: for admission, trace, journal.
func TestDuty_X3_Gateway(t *testing.T) {
	edit := func(text string) string {
		text = replacing(t, `address = "127.0.0.1:0"`, "address = \"127.0.0.1:0\"\nproxy_protocol = [\"127.0.0.1/32\"]")(text)
		return replacing(t, `ranges = ["127.0.0.1"]`, `ranges = ["192.0.2.64/26"]`)(text)
	}
	g, _ := newSetting(t, setting{edit: edit})
	say := func(header string) (*talk, string) {
		c := dialFrom(t, "127.0.0.1", g.addr())
		if _, err := io.WriteString(c.conn, header); err != nil {
			t.Fatal(err)
		}
		banner, _ := c.reply() // none: it was closed
		return c, banner
	}
	c, banner := say("PROXY TCP4 192.0.2.77 127.0.0.1 40000 25\r\n")
	if !strings.HasPrefix(banner, "220 ") {
		t.Fatalf("greeted with %q", banner)
	}
	c.must(t, "EHLO mx1.provider.example", "250")
	reply, err := c.deliver(partner, []string{bob}, theMail)
	if err != nil {
		t.Fatal(err)
	}
	g.wantReply(reply, "250 2.0.0")
	if got := trace(g.block(g.only(), theMail)); !strings.Contains(got, "[192.0.2.77]") {
		t.Error(got)
	}
	if e := g.entry(reply); e.Client != mustAddr("192.0.2.77") {
		t.Errorf("the journal says %s", e.Client)
	}
	if _, banner := say("PROXY TCP4 198.51.100.7 127.0.0.1 40000 25\r\n"); !strings.HasPrefix(banner, "554 ") {
		t.Errorf("a stranger behind the balancer was greeted with %q", banner)
	}
	if _, banner := say("EHLO mx1.provider.example\r\n"); banner != "" {
		t.Errorf("without a header: %q", banner)
	}
	other := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}}
	conn, err := other.DialContext(t.Context(), "tcp", g.addr())
	if err != nil {
		return // it was closed before it was open
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "PROXY TCP4 192.0.2.77 127.0.0.1 40000 25\r\n") // it may be closed already
	if said, _ := io.ReadAll(conn); len(said) > 0 {
		t.Errorf("who is no balancer was greeted with %q", said)
	}
}

// An upstream that is named for it says who its client is; nobody else may.
func TestDuty_X1_Gateway(t *testing.T) {
	for _, grant := range []bool{true, false} {
		g, _ := newSetting(t, setting{edit: replacing(t, `ranges = ["127.0.0.1"]`, fmt.Sprintf("ranges = [\"127.0.0.1\"]\nxclient = %v", grant)),
			hosts: []smtptest.Options{{Extensions: []string{"PIPELINING", "8BITMIME", "XFORWARD NAME ADDR HELO"}}}})
		c := g.dial()
		const command = "XCLIENT ADDR=192.0.2.10 HELO=mail.partner.example"
		if !grant {
			c.must(t, command, "550 5.7.0")
			c.must(t, "XFORWARD ADDR=192.0.2.10", "550 5.7.0")
			continue
		}
		c.must(t, command, "220")
		c.must(t, "EHLO mx1.provider.example", "250")
		reply, err := c.deliver(partner, []string{bob}, "From: "+partner+"\r\nSubject: no trace\r\n\r\nx\r\n")
		if err != nil {
			t.Fatal(err)
		}
		g.wantReply(reply, "250 2.0.0")
		if e := g.entry(reply); e.Client != mustAddr("127.0.0.1") {
			t.Errorf("the journal says that the client was %s", e.Client)
		}
		for _, command := range g.sink.Commands() {
			if strings.HasPrefix(command, "XCLIENT") {
				t.Errorf("passed through: %q", command)
			}
		}
	}
}

// Nobody outside learns who stands behind us, or who else gets a message.
func TestDuty_T1_Gateway(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault smtptest.Fault
	}{
		{"down", smtptest.Fault{Step: smtptest.Connect, Kind: smtptest.Refuse}}, {"gone", smtptest.Fault{Step: smtptest.Connect, Kind: smtptest.Close}}, {"refusing us", smtptest.Fault{Step: smtptest.Banner, Kind: smtptest.Permanent}},
		{"closing", smtptest.Fault{Step: smtptest.Rcpt, Kind: smtptest.Closing}}, {"lost", smtptest.Fault{Step: smtptest.FinalDot, Kind: smtptest.Close}},
		{"garbage", smtptest.Fault{Step: smtptest.FinalDot, Kind: smtptest.Garbage}}, {"accepting", smtptest.Fault{Step: smtptest.XForward, Kind: smtptest.Close}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, sinks := newSetting(t, setting{hosts: []smtptest.Options{{Hostname: "mail.internal", Faults: []smtptest.Fault{c.fault}}}})
			reply := g.deliver(partner, []string{bob}, theMail)
			for _, secret := range []string{"internal", "127.0.0.1", sinks[0].Addr().String(), g.cfg.DataDir, bob, "Err", "relay:"} {
				if strings.Contains(reply, secret) {
					t.Errorf("%q tells %q", reply, secret)
				}
			}
			if len(idOf(reply)) != 20 || len(reply) > 400 {
				t.Errorf("%q has no transaction id", reply)
			}
		})
	}
}

// hostile is what a next hop might say to get at a log, a terminal or a client.
const hostile = "550-5.1.1 one\x1b[31m\r\n550-5.1.1 \x00two\x7f\t\xe4\xf6\r\n550 5.1.1 three 250 2.0.0 OK {\"level\":\"ERROR\"}"

// What others say is cut to printable ASCII, and ours ends with the id.
func TestDuty_T2_Gateway(t *testing.T) {
	var log lines
	g, _ := newSetting(t, setting{log: &log})
	long := "554 5.7.1 " + strings.Repeat("abcdefghi ", 45)
	for _, c := range []struct{ verb, says string }{{"RCPT", hostile}, {smtptest.Dot, hostile}, {smtptest.Dot, long}, {"MAIL", hostile}, {smtptest.Greeting, hostile}, {"EHLO", hostile}} {
		g.nextHopSaysTo(c.verb, c.says)
		g.sink.Drop()
		s := g.dial()
		reply, err := s.deliver(partner, []string{bob}, cleanMail("Subject: \x1b[31m\x7f"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(reply, func(r rune) bool { return r < ' ' || r > '~' }) || len(reply) > 400 || len(idOf(reply)) != 20 {
			t.Errorf("%s: answered %q", c.verb, reply)
		}
		s.must(t, "RSET", "250") // in step: the answer was one
	}
	g.end()
	for line := range strings.Lines(log.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil || strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' }) {
			t.Errorf("in the log: %q, %v", line, err)
		}
	}
}

// Nobody is told of anything but the next hop of its mail: no report, no bounce.
func TestDuty_B7(t *testing.T) {
	d := &dialled{}
	g, sinks := newSetting(t, setting{tune: d.use, zone: "_dmarc.rua.example TXT \"v=DMARC1; p=reject; rua=mailto:agg@reports.example; ruf=mailto:fail@reports.example; fo=1\"\n"})
	for _, content := range []string{theMail, theSpoof, compose("198.51.100.7", "From: a@rua.example")} {
		g.wantReply(g.deliver(partner, []string{bob}, content), "250 2.0.0")
	}
	g.end()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.where) == 0 || slices.ContainsFunc(d.where, func(addr string) bool { return addr != sinks[0].Target() }) {
		t.Errorf("connected to %q", d.where)
	}
	if n := g.dns.Asked("reports.example", "MX") + g.dns.Asked("rua.example._report._dmarc.reports.example", "TXT"); n > 0 {
		t.Errorf("%d questions about who gets a report", n)
	}
	for _, command := range g.sink.Commands() {
		if strings.HasPrefix(command, "RCPT") && command != "RCPT TO:<"+bob+">" {
			t.Errorf("sent: %q", command)
		}
	}
}

// Sockets that systemd has opened are served by name; what does not fit is named
// with the key and what to do.
func TestSocketsOfSystemdAreServedByName(t *testing.T) {
	text := replacing(t, `address = "127.0.0.1:0"`, `address = "systemd:smtp"`)(stageConfig(script{dataDir: filepath.Join(t.TempDir(), "d")}, "127.0.0.1:1", "127.0.0.1:1"))
	cfg, err := config.Parse("gate.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		passed []string
		want   []string
	}{
		{"two of the name", []string{"smtp", "smtp"}, nil},
		{"none", nil, []string{"gate.toml", "listener[0].address", "systemd:smtp", "FileDescriptorName=smtp"}},
		{"one more", []string{"smtp", "submission"}, []string{"gate.toml", "named \"submission\"", "systemd:submission"}},
		{"one without a name", []string{"smtp", ""}, []string{"gate.toml", "named \"\""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var passed []systemd.Socket
			for _, name := range c.passed {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				passed = append(passed, systemd.Socket{Name: name, Listener: l})
			}
			sockets, err := listen(cfg, passed)
			if c.want == nil {
				if err != nil || len(sockets) != len(passed) || sockets[1].Addr() != passed[1].Addr() {
					t.Errorf("%v, %v", sockets, err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not named in %v", want, err)
				}
			}
		})
	}
}
