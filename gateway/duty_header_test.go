package gateway

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

// block is what we have put in front of content.
func (g *stage) block(m smtptest.Message, content string) string {
	g.t.Helper()
	block, ok := strings.CutSuffix(string(m.Content), content)
	if !ok {
		g.t.Fatalf("the message was altered: %v", m)
	}
	return block
}

// trace is the Received field of a block on one line.
func trace(block string) string {
	field, _, _ := strings.Cut(strings.ReplaceAll(block, "\r\n\t", " "), "\r\n")
	return field
}

// named waits until the gateway knows the name of addr.
func (g *stage) named(addr string, want mail.Domain) {
	g.t.Helper()
	eventually(g.t, "the name of "+addr, func() bool { return g.server.pipeline.names.peek(netip.MustParseAddr(addr)) == want })
}

// The name is what DNS confirms, and unknown if it confirms none.
func TestDuty_H1(t *testing.T) {
	for _, c := range []struct{ name, zone, want string }{
		{"a name that is confirmed", "1.0.0.127.in-addr.arpa PTR mx9.provider.example\nmx9.provider.example A 127.0.0.1\n", "mx9.provider.example"},
		{"the second of two names is confirmed", "1.0.0.127.in-addr.arpa PTR liar.example\n1.0.0.127.in-addr.arpa PTR mx9.provider.example\nmx9.provider.example A 127.0.0.1\n", "mx9.provider.example"},
		{"no name", "", "unknown"},
		{"a name that is another's", "1.0.0.127.in-addr.arpa PTR mx9.provider.example\nmx9.provider.example A 192.0.2.9\n", "unknown"},
		{"DNS in trouble", "1.0.0.127.in-addr.arpa PTR SERVFAIL\n", "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, _ := newSetting(t, setting{zone: c.zone})
			if c.want != "unknown" {
				g.named("127.0.0.1", mail.Domain(c.want))
			}
			reply := g.deliver(partner, []string{bob}, theMail)
			g.wantReply(reply, "250")
			want := regexp.MustCompile(`^Received: from mx1\.provider\.example \(` + regexp.QuoteMeta(c.want) + ` \[127\.0\.0\.1\]\) by gate\.example\.com \(mxgate\) with ESMTP id ` +
				idOf(reply) + ` for <bob@example\.com>; (.*)$`)
			got := want.FindStringSubmatch(trace(g.block(g.only(), theMail)))
			if got == nil {
				t.Fatalf("%q, want %s", trace(g.block(g.only(), theMail)), want)
			}
			if at, err := time.Parse("Mon, 2 Jan 2006 15:04:05 -0700", got[1]); err != nil || time.Since(at) > patience {
				t.Errorf("dated %q, %v", got[1], err)
			}
		})
	}
}

// The name that became known while the content came is written.
func TestDuty_H1_TheNameMayComeLate(t *testing.T) {
	g, _ := newSetting(t, setting{zone: "1.0.0.127.in-addr.arpa PTR mx9.provider.example\nmx9.provider.example A 127.0.0.1\n"})
	c := g.dial()
	if reply, err := c.envelope(partner, []string{bob}); reply != "" || err != nil {
		t.Fatal(reply, err)
	}
	g.named("127.0.0.1", "mx9.provider.example")
	c.send(t, theMail)
	if got := trace(g.block(g.only(), theMail)); !strings.Contains(got, "(mx9.provider.example [127.0.0.1])") {
		t.Error(got)
	}
}

func TestDuty_H1_IPv6(t *testing.T) {
	g, _ := newSetting(t, setting{edit: func(text string) string {
		return replacing(t, `ranges = ["127.0.0.1"]`, `ranges = ["::1"]`)(replacing(t, `address = "127.0.0.1:0"`, `address = "[::1]:0"`)(text))
	}})
	g.wantReply(g.deliver(partner, []string{bob}, theMail), "250")
	if got := trace(g.block(g.only(), theMail)); !strings.Contains(got, "(unknown [IPv6:::1])") {
		t.Error(got)
	}
}

func TestDuty_H1_EHLOIsHostCharacters(t *testing.T) {
	g := newStage(t, script{})
	for i, helo := range []string{"[127.0.0.1]", "[IPv6:::1]", "a_b.example", "MX1.Provider.Example"} {
		c := g.dial()
		c.must(t, "EHLO "+helo, "250")
		if reply, err := c.deliver(partner, []string{bob}, theMail); err != nil || !strings.HasPrefix(reply, "250") {
			t.Fatal(reply, err)
		}
		if got := trace(g.block(g.sink.Messages()[i], theMail)); !strings.HasPrefix(got, "Received: from "+helo+" (unknown [127.0.0.1]) by") {
			t.Error(got)
		}
	}
}

// The word of the protocol is that of RFC 3848, and of RFC 6531 for SMTPUTF8.
func TestDuty_H2_Words(t *testing.T) {
	g, _ := newSetting(t, setting{hosts: []smtptest.Options{{Extensions: []string{"PIPELINING", "8BITMIME", "SMTPUTF8"}}}})
	for i, step := range []struct{ hello, mail, want string }{
		{"HELO mx1.provider.example", "", " with SMTP id "},
		{"EHLO mx1.provider.example", "", " with ESMTP id "},
		{"EHLO mx1.provider.example", " BODY=8BITMIME SMTPUTF8", " with UTF8SMTP id "},
	} {
		c := g.dial()
		c.must(t, step.hello, "250")
		c.must(t, "MAIL FROM:<"+partner+">"+step.mail, "250")
		c.must(t, "RCPT TO:<"+bob+">", "250")
		c.must(t, "DATA", "354")
		c.must(t, stuffed(theMail)+".", "250")
		if got := trace(g.block(g.sink.Messages()[i], theMail)); !strings.Contains(got, step.want) {
			t.Errorf("%q, want %q", got, step.want)
		}
	}
	for _, c := range []struct {
		client mail.Client
		utf8   bool
		want   string
	}{{mail.Client{TLS: true}, false, "ESMTPS"}, {mail.Client{TLS: true}, true, "UTF8SMTPS"}} {
		if got := protocol(c.client, c.utf8); got != c.want {
			t.Errorf("%+v: %s, want %s", c.client, got, c.want)
		}
	}
}

// Who else gets a message is nobody's business, and final delivery is not ours.
func TestDuty_H3(t *testing.T) {
	g := newStage(t, script{})
	for i, to := range [][]string{{bob}, {bob, "carol@example.com"}, {"carol@example.com", bob, "dave@example.com"}} {
		g.wantReply(g.deliver(partner, to, theMail), "250")
		block := g.block(g.sink.Messages()[i], theMail)
		if got := strings.Contains(block, " for <"+bob+">;"); got != (len(to) == 1) || strings.Contains(block, "carol") {
			t.Errorf("to %q: %s", to, trace(block))
		}
		if strings.Contains(block, "Return-Path") {
			t.Error("a Return-Path is for final delivery")
		}
	}
}

func TestDuty_H5(t *testing.T) {
	g := newStage(t, script{})
	strange := []string{"X-Mxgate-Verdict: relay", "x-mxgate-released : now", "X-MXGATE-WHY:\r\n\tbecause"}
	own := []string{"Authentication-Results: provider.example; dmarc=pass", "ARC-Seal: i=1; cv=none", "DKIM-Signature: v=1", "Received-SPF: pass"}
	sent := cleanMail(append(strange, own...)...)
	kept := strings.Replace(sent, strings.Join(strange, "\r\n")+"\r\n", "", 1)
	g.wantReply(g.deliver(partner, []string{bob}, sent), "250")
	if err := blockFault(g.block(g.only(), kept), "Received", "Authentication-Results", "X-Mxgate-Verdict", "X-Mxgate-Path"); err != nil {
		t.Error(err)
	}
}

// There is exactly one field of ours, also where nothing could be checked, and it
// says what was found.
func TestDuty_H6(t *testing.T) {
	g := newStage(t, script{head: `mode = "observe"`})
	for i, content := range []string{theMail, "", "\r\nonly a body\r\n", "From: x@news.example\r\n\r\nx\r\n", cleanMail("Authentication-Results: gate.example.com; dmarc=pass")} {
		g.wantReply(g.deliver(fmt.Sprintf("m%d@news.example", i), []string{bob}, content), "250")
		got := string(g.sink.Messages()[i].Content)
		block, _, _ := strings.Cut(got, "X-Mxgate-Verdict:")
		if n := strings.Count(strings.ToLower(got), "authentication-results: gate.example.com"); n != 1 || !strings.Contains(block, "\r\nAuthentication-Results: gate.example.com;") {
			t.Errorf("%d fields of ours in\n%s", n, got)
		}
	}
}

// A name that is not ASCII is stated in A-labels, and no value ends the field.
func TestDuty_H6_ValuesStayValues(t *testing.T) {
	g := newStage(t, script{head: `mode = "observe"`})
	for i, author := range []string{"a@b\xc3\xbccher.example", `"x; dmarc=pass"@news.example`} {
		g.wantReply(g.deliver(partner, []string{bob}, compose("192.0.2.10", "From: "+author)), "250")
		block, _, _ := strings.Cut(string(g.sink.Messages()[i].Content), "X-Mxgate-Verdict:")
		if err := blockFault(block, "Received", "Authentication-Results"); err != nil {
			t.Error(err)
		}
		if strings.Contains(block, "dmarc=pass") || i == 0 && !strings.Contains(block, "header.from=xn--bcher-kva.example") {
			t.Errorf("%s", block)
		}
	}
}

// Each method is stated, with what it was about.
func TestDuty_H7(t *testing.T) {
	content := compose("192.0.2.10", "From: Anna <"+partner+">")
	text, record := signed(t, "partner.example", content)
	g, _ := newSetting(t, setting{script: script{head: `mode = "observe"`}, zone: record + "slow.example TXT SERVFAIL\nbad.example TXT \"v=spf1 nonsense -all\"\n"})
	for i, c := range []struct {
		from, content string
		want          []string
	}{
		{partner, text, []string{"spf=pass smtp.mailfrom=partner.example;", "dkim=pass header.d=partner.example header.s=sel", "dmarc=pass header.from=partner.example policy.dmarc=reject"}},
		{"", content, []string{"smtp.helo=mail.origin.example;", "dkim=none reason=\"message not signed\";", "dmarc=fail"}},
		{"x@slow.example", content, []string{"spf=temperror reason=\"DNS did not answer\" smtp.mailfrom=slow.example;"}},
		{"x@bad.example", content, []string{"spf=permerror reason=", "smtp.mailfrom=bad.example"}},
		{partner, "From: " + partner + "\r\n\r\nno trace\r\n", []string{"spf=none reason=", "dkim=none", "dmarc=fail"}},
	} {
		g.wantReply(g.deliver(c.from, []string{bob}, c.content), "250")
		block, _, _ := strings.Cut(strings.ReplaceAll(string(g.sink.Messages()[i].Content), "\r\n\t", " "), "X-Mxgate-Verdict:")
		for _, want := range c.want {
			if !strings.Contains(block, want) {
				t.Errorf("from <%s>: %q is not in\n%s", c.from, want, block)
			}
		}
	}
}

// SIZE is announced and held with the room that our header block takes.
func TestDuty_F5_Gateway(t *testing.T) {
	for _, c := range []struct{ sink, want string }{
		{"SIZE 1000000", "SIZE 983616 "}, {"SIZE 0", "SIZE 3000000 "}, {"SIZE", "SIZE 3000000 "}, {"8BITMIME", "SIZE 3000000 "}, {"SIZE 90000000", "SIZE 3000000 "},
	} {
		g, _ := newSetting(t, setting{script: script{tail: "[limits]\nmessage_octets = 3000000\n"}, hosts: []smtptest.Options{{Extensions: []string{"PIPELINING", c.sink}}}})
		c2 := g.dial()
		if got := c2.offered(t); !strings.Contains(got, c.want) {
			t.Errorf("with %s: %q", c.sink, got)
		}
		if strings.HasPrefix(c.sink, "SIZE 1") {
			c2.must(t, "MAIL FROM:<"+partner+"> SIZE=983617", "552 5.3.4")
			c2.must(t, "MAIL FROM:<"+partner+"> SIZE=983616", "250")
			c2.must(t, "RCPT TO:<"+bob+">", "250")
			if params := g.sink.Commands(); !strings.Contains(strings.Join(params, "\n"), " SIZE=1000000") {
				t.Errorf("the next hop was told %q", params)
			}
		}
	}
}
