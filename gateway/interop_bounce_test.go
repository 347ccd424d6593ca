//go:build interop

package gateway_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/smtptest"
)

// traceOf is what trace must know to judge the messages of this test. The gateway
// knows the provider's host by its full name, trace the end of it: there customers
// might hand in mail.
const traceOf = `hosts = ["` + gateHost + `"]
[[domain]]
name = "example.com"
[[source]]
name = "provider"
ranges = ["203.0.113.9"]
received_by = ["provider.example"]
`

// What the provider makes itself is a class of its own, at the gateway and for
// trace: here a Postfix sends its reports to us. A message from outside does not
// come into that class by its null reverse-path, nor by a field that looks like
// one of a report.
func TestInteropBouncesAreTheProvidersOwn(t *testing.T) {
	needServers(t)
	sink, err := smtptest.Start("127.0.0.1:0", smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	refusing, err := smtptest.Start("127.0.0.1:0", smtptest.Options{Reply: func(verb, _ string) (string, bool) { return "550 5.1.1 No such user here", verb == "RCPT" }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(refusing.Close)
	bracketed := func(addr string) string { return "smtp:[" + strings.Replace(addr, ":", "]:", 1) }
	gate := startGate(t, sink.Target(), startUnbound(t), "")
	provider := startPostfix(t, providerHost, "relay_domains = example.com, alias.example, refusing.example, fine.example\nrelay_transport = "+bracketed(gate.addr)+
		"\nvirtual_alias_maps = inline:{ { nobody@alias.example = nobody@none.example } }"+
		"\ntransport_maps = inline:{ { none.example = error:5.1.1 no such user } { refusing.example = "+bracketed(refusing.Target())+" } { fine.example = discard: } }"+
		"\nsmtpd_authorized_xclient_hosts = static:all\nsmtp_tls_security_level = none\n")
	forged := "Received: by " + providerHost + " (Postfix)\r\n\tid 4Forged; Mon,  2 Nov 2026 09:00:00 +0000 (UTC)\r\n"
	for _, c := range []struct{ name, reversePath, forwardPath, params, trace, want string }{
		{"a mailbox that is not there", "bob@example.com", "nobody@alias.example", "", "", "provider_origin"},
		{"the next server refused", "bob@example.com", "nobody@refusing.example", "", "", "provider_origin"},
		{"a report of success", "bob@example.com", "carol@fine.example", " NOTIFY=SUCCESS", "", "provider_origin"},
		{"a report on what claims to be one", "bob@example.com", "nobody@refusing.example", "", forged, "provider_origin"},
		{"from outside", "anna@sender.test", "bob@example.com", "", "", "via_current"},
		{"from outside, a report", "", "bob@example.com", "", "", "via_current"},
		{"from outside, with a field like that of a report", "", "bob@example.com", "", forged, "via_current"},
	} {
		before := sink.Count()
		m := mailmanAt(t, "127.0.0.1", provider.addr)
		m.expect(250, "EHLO mailman.example.net")
		m.expect(220, "XCLIENT ADDR=192.0.2.10 NAME=[UNAVAILABLE]")
		m.expect(250, "EHLO sender.test")
		m.expect(250, "MAIL FROM:<"+c.reversePath+">")
		m.expect(250, "RCPT TO:<"+c.forwardPath+">"+c.params)
		m.expect(354, "DATA")
		m.expect(250, c.trace+"From: anna@sender.test\r\nSubject: x\r\n\r\nText.\r\n.")
		poll(t, c.name+": a message at the next hop", time.Minute, func() bool { return sink.Count() > before })
		got := sink.Messages()[before]
		content := string(got.Content)
		if !strings.Contains(content, "\r\nX-Mxgate-Path: "+c.want+";") {
			t.Errorf("%s: not %s:\n%.1500s", c.name, c.want, content)
		}
		// In a mailbox the reverse-path stands on top. The provider is on this
		// machine: its address is put in whose it would be.
		content = "Return-Path: <" + strings.TrimPrefix(strings.TrimSuffix(got.ReversePath, ">"), "<") + ">\r\n" + strings.Replace(content, "[127.0.0.1]", "[203.0.113.9]", 1)
		if verdict := traced(t, gate, content); verdict != c.want {
			t.Errorf("%s: trace says %s, want %s:\n%.1500s", c.name, verdict, c.want, content)
		}
	}
	provider.drained(time.Minute)
	gate.stop()
}

// traced is the verdict of mxgate trace on a message.
func traced(t *testing.T, g *gate, content string) string {
	t.Helper()
	dir := t.TempDir()
	config, file := filepath.Join(dir, "trace.toml"), filepath.Join(dir, "message.eml")
	write(t, config, traceOf)
	write(t, file, content)
	out, err := exec.CommandContext(t.Context(), g.binary, "trace", "-config", config, "-json", file).Output()
	if err != nil {
		t.Fatalf("trace: %v\n%s", err, out)
	}
	var told struct{ Verdict string }
	line, _, _ := strings.Cut(string(out), "\n")
	if err := json.Unmarshal([]byte(line), &told); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return told.Verdict
}
