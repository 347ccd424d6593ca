package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"mxgate/gateway/smtptest"
)

// lose has the next hop offer no more than 8BITMIME from now on, and not even that
// if that is what is lost.
func (g *stage) lose(keyword string) {
	hello := "250-sink.example\r\n250 8BITMIME"
	if keyword == "8BITMIME" {
		hello = "250 sink.example"
	}
	g.nextHopSays(func(verb, _ string) (string, bool) { return hello, verb == "EHLO" })
	g.sink.Drop()
}

// extension is what is offered, used and lost alike.
type extension struct {
	keyword, mail, rcpt string // parameters of MAIL and RCPT
	content             string
	passed              []string // parameters that the next hop must see
	unoffered           string   // answer to MAIL where it was not offered
	lost                string   // answer where it is gone
}

// wantExtension has a next hop with x, one without, and one that loses it.
func wantExtension(t *testing.T, x extension) {
	t.Helper()
	const usual = "PIPELINING"
	deliver := func(c *talk) string {
		reply := c.must(t, "MAIL FROM:<"+partner+">"+x.mail, "")
		if reply[0] != '2' {
			return reply
		}
		if reply = c.must(t, "RCPT TO:<"+bob+">"+x.rcpt, ""); reply[0] != '2' {
			return reply
		}
		c.must(t, "DATA", "354")
		return c.send(t, x.content)
	}
	t.Run("offered", func(t *testing.T) {
		g, _ := newSetting(t, setting{hosts: []smtptest.Options{{Extensions: []string{usual, "8BITMIME", x.keyword}}}})
		c := g.dial()
		if got := c.offered(t); !strings.Contains(got, x.keyword+" ") {
			t.Errorf("offered %q", got)
		}
		g.wantReply(deliver(c), "250 2.0.0")
		m := g.only()
		params := append(slices.Clone(m.Params), m.RcptParams[0]...)
		for _, want := range x.passed {
			if !slices.Contains(params, want) {
				t.Errorf("%s did not reach the next hop: %q", want, params)
			}
		}
		if !strings.HasSuffix(string(m.Content), x.content) {
			t.Errorf("the content was converted: %v", m)
		}
	})
	t.Run("not offered", func(t *testing.T) {
		g, _ := newSetting(t, setting{hosts: []smtptest.Options{{Extensions: []string{usual}}}})
		c := g.dial()
		if got := c.offered(t); strings.Contains(got, x.keyword+" ") {
			t.Errorf("offered %q", got)
		}
		c.must(t, "MAIL FROM:<"+partner+">"+x.mail, x.unoffered)
	})
	t.Run("only one of two hosts has it", func(t *testing.T) {
		g, _ := newSetting(t, setting{hosts: []smtptest.Options{{Extensions: []string{usual, "8BITMIME", x.keyword}}, {Extensions: []string{usual}}}})
		if got := g.dial().offered(t); strings.Contains(got, x.keyword+" ") {
			t.Errorf("offered %q", got)
		}
	})
	if x.lost == "" {
		return
	}
	t.Run("lost", func(t *testing.T) {
		g, _ := newSetting(t, setting{hosts: []smtptest.Options{{Extensions: []string{usual, "8BITMIME", x.keyword}}}})
		c := g.dial()
		g.lose(x.keyword)
		g.wantReply(deliver(c), x.lost)
		g.wantNothingMoved()
		eventually(t, "it is offered no more", func() bool { return !strings.Contains(c.offered(t), x.keyword+" ") })
		if _, page := g.get("/metrics"); !strings.Contains(page, "mxgate_next_hop_failures_total{class=") {
			t.Error("it is not counted")
		}
	})
}

func TestDuty_X_8BIT_Gateway(t *testing.T) {
	wantExtension(t, extension{keyword: "8BITMIME", mail: " BODY=8BITMIME", content: cleanMail("X-Raw: \xe4\xf6\xfc"),
		passed: []string{"BODY=8BITMIME"}, unoffered: "555 5.5.4", lost: "451 4.6.3"})
}

// Content that is 8-bit without having been announced is not converted either.
func TestDuty_X_8BIT_Gateway_NotAnnounced(t *testing.T) {
	g, _ := newSetting(t, setting{hosts: []smtptest.Options{{Extensions: []string{"PIPELINING"}}}})
	g.wantReply(g.deliver(partner, []string{bob}, cleanMail("X-Raw: \xe4")), "451 4.6.3")
	g.wantNothingMoved()
}

func TestDuty_X_UTF8_Gateway(t *testing.T) {
	wantExtension(t, extension{keyword: "SMTPUTF8", mail: " SMTPUTF8", content: cleanMail("Subject: gr\xc3\xbc\xc3\x9fe"),
		passed: []string{"SMTPUTF8"}, unoffered: "555 5.5.4", lost: "451 4.6.7"})
}

func TestDuty_X_UTF8_Gateway_Addresses(t *testing.T) {
	const author, recipient = "j\xc3\xbcrgen@partner.example", "gr\xc3\xbc\xc3\x9fe@example.com"
	g, _ := newSetting(t, setting{hosts: []smtptest.Options{{Extensions: []string{"PIPELINING", "8BITMIME", "SMTPUTF8"}}}})
	c := g.dial()
	c.must(t, "MAIL FROM:<"+author+"> SMTPUTF8", "250")
	c.must(t, "RCPT TO:<"+recipient+">", "250")
	c.must(t, "DATA", "354")
	g.wantReply(c.send(t, theMail), "250 2.0.0")
	if m := g.only(); m.ReversePath != author || !slices.Equal(m.ForwardPaths, []string{recipient}) {
		t.Errorf("at the next hop: %v", m)
	}
	g.lose("SMTPUTF8")
	c.must(t, "MAIL FROM:<"+partner+"> SMTPUTF8", "250")
	c.must(t, "RCPT TO:<"+recipient+">", "451 4.6.7")

	g, _ = newSetting(t, setting{hosts: []smtptest.Options{{Extensions: []string{"PIPELINING", "8BITMIME"}}}})
	c = g.dial()
	c.must(t, "MAIL FROM:<"+author+">", "553 5.6.7")
	c.must(t, "MAIL FROM:<"+partner+">", "250")
	c.must(t, "RCPT TO:<"+recipient+">", "553 5.6.7")
}

// A DSN that was asked for is the next hop's to send. One that loses DSN meanwhile
// takes the message without.
func TestDuty_X_DSN_Gateway(t *testing.T) {
	wantExtension(t, extension{keyword: "DSN", mail: " RET=HDRS ENVID=a+2Bb", rcpt: " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bob@example.com", content: theMail,
		passed: []string{"RET=HDRS", "ENVID=a+2Bb", "NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;b+2Bob@example.com"}, unoffered: "555 5.5.4"})
}

func TestDuty_X_LIM_Gateway(t *testing.T) {
	g := newStage(t, script{tail: "[limits]\nrecipients = 123\n"})
	if got := g.dial().offered(t); !strings.Contains(got, "LIMITS RCPTMAX=123 \n") {
		t.Errorf("offered %q", got)
	}
}

func TestDuty_X_SIZE_Gateway(t *testing.T) {
	g, _ := newSetting(t, setting{script: script{tail: "[limits]\nmessage_octets = 3000000\n"}, hosts: []smtptest.Options{{Extensions: []string{"PIPELINING", "SIZE 200000"}}}})
	c := g.dial()
	c.must(t, "MAIL FROM:<"+partner+"> SIZE=190000", "552 5.3.4")
	g.wantReply(g.deliver(partner, []string{bob}, theMail+strings.Repeat("0123456789\r\n", 16_000)), "552 5.3.4")
	g.wantNothingMoved()
}

// secured upgrades a session.
func (c *talk) secured(t *testing.T) {
	t.Helper()
	c.must(t, "STARTTLS", "220")
	conn := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
	c.conn, c.r = conn, bufio.NewReader(conn)
}

// REQUIRETLS is offered where it can be kept, and kept, in quarantine too.
func TestDuty_X_RTLS_Gateway(t *testing.T) {
	p := newProof(t, "127.0.0.1")
	table, _ := certificate(t)
	table = strings.Replace(table, "require = true", "require = false", 1)
	verified := "tls = \"verified\"\nca_file = \"" + p.caFile + "\"\n"
	hosts := []smtptest.Options{{TLS: p.tls, Extensions: []string{"PIPELINING", "8BITMIME", "REQUIRETLS"}}}
	for _, c := range []struct {
		name, keys string
		hosts      []smtptest.Options
	}{
		{"a next hop that nobody has verified", "tls = \"required\"\n", hosts},
		{"a next hop without it", verified, []smtptest.Options{{TLS: p.tls}}},
	} {
		g, _ := newSetting(t, setting{script: script{tail: table}, keys: c.keys, hosts: c.hosts})
		s := g.dial()
		s.secured(t)
		if got := s.offered(t); strings.Contains(got, "REQUIRETLS") {
			t.Errorf("%s: offered %q", c.name, got)
		}
		s.must(t, "MAIL FROM:<"+partner+"> REQUIRETLS", "555 5.5.4")
	}

	g, _ := newSetting(t, setting{script: script{tail: table}, keys: verified, hosts: hosts})
	s := g.dial()
	if got := s.offered(t); strings.Contains(got, "REQUIRETLS") {
		t.Errorf("in clear: offered %q", got)
	}
	s.secured(t)
	if got := s.offered(t); !strings.Contains(got, "REQUIRETLS ") {
		t.Errorf("offered %q", got)
	}
	send := func(from, content string) string {
		s.must(t, "MAIL FROM:<"+from+"> REQUIRETLS", "250")
		s.must(t, "RCPT TO:<"+bob+">", "250")
		s.must(t, "DATA", "354")
		return s.send(t, content)
	}
	g.wantReply(send(partner, theMail), "250 2.0.0")
	if m := g.only(); !slices.Contains(m.Params, "REQUIRETLS") || !m.TLS {
		t.Errorf("at the next hop: %v, TLS %v", m, m.TLS)
	}
	held := send(crook, theSpoof)
	g.wantReply(held, "250 2.0.0")

	g.nextHopSays(func(verb, _ string) (string, bool) { return "250-sink.example\r\n250 STARTTLS", verb == "EHLO" })
	g.sink.Drop()
	s.must(t, "MAIL FROM:<"+partner+"> REQUIRETLS", "250")
	s.must(t, "RCPT TO:<"+bob+">", "451 4.7.30")
	if _, err := Release(t.Context(), g.cfg, g.server.Store(), idOf(held), "erika"); err == nil || g.sink.Count() != 1 {
		t.Errorf("released without TLS: %v", err)
	}
	g.nextHopSaysTo("", "")
	if _, err := Release(context.Background(), g.cfg, g.server.Store(), idOf(held), "erika"); err != nil {
		t.Fatal(err)
	}
	if m := g.sink.Messages(); len(m) != 2 || !slices.Contains(m[1].Params, "REQUIRETLS") {
		t.Errorf("released as %v", m)
	}
}

// What was asked of a message that is held is asked when it is released.
func TestDuty_X_DSN_Gateway_Released(t *testing.T) {
	g, _ := newSetting(t, setting{hosts: []smtptest.Options{{Extensions: []string{"PIPELINING", "8BITMIME", "DSN"}}}})
	c := g.dial()
	c.must(t, "MAIL FROM:<"+crook+"> RET=HDRS ENVID=abc", "250")
	c.must(t, "RCPT TO:<carol@example.com> NOTIFY=NEVER", "250")
	c.must(t, "RCPT TO:<"+bob+"> NOTIFY=DELAY ORCPT=rfc822;b@example.com", "250")
	c.must(t, "DATA", "354")
	held := c.send(t, theSpoof)
	g.wantReply(held, "250 2.0.0")
	if _, err := Release(t.Context(), g.cfg, g.server.Store(), idOf(held), "erika"); err != nil {
		t.Fatal(err)
	}
	m := g.only()
	if !slices.Contains(m.Params, "RET=HDRS") || !slices.Contains(m.Params, "ENVID=abc") ||
		!slices.Equal(m.RcptParams[0], []string{"NOTIFY=NEVER"}) || !slices.Equal(m.RcptParams[1], []string{"NOTIFY=DELAY", "ORCPT=rfc822;b@example.com"}) {
		t.Errorf("released as %v", m)
	}
}
