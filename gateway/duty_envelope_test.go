package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mxgate/gateway/smtptest"
)

// The null reverse-path is that of every bounce. Its SPF identity is the HELO name.
func TestDuty_E1_Gateway(t *testing.T) {
	g, _ := newSetting(t, setting{zone: "mail.origin.example TXT \"v=spf1 ip4:192.0.2.30 -all\"\n"})
	g.wantReply(g.deliver("", []string{bob}, compose("192.0.2.30", "From: n@news.example")), "250 2.0.0")
	m := g.only()
	if m.ReversePath != "" || !strings.Contains(string(m.Content), "smtp.helo=mail.origin.example") {
		t.Errorf("at the next hop: %v", m)
	}
}

func TestDuty_E9(t *testing.T) {
	const zone = "nowhere.example MX \"0 .\"\nslow.example MX SERVFAIL\nsome.example MX \"10 mx.some.example\"\n"
	for _, c := range []struct{ name, tail, from, want string }{
		{"it takes no mail", "[policy]\nrefuse_null_mx = true\n", "x@nowhere.example", "550 5.7.27"},
		{"it takes mail", "[policy]\nrefuse_null_mx = true\n", "x@some.example", "250 2.1.0"},
		{"it has no MX", "[policy]\nrefuse_null_mx = true\n", "x@news.example", "250 2.1.0"},
		{"DNS is in trouble", "[policy]\nrefuse_null_mx = true\n", "x@slow.example", "250 2.1.0"},
		{"the null reverse-path", "[policy]\nrefuse_null_mx = true\n", "", "250 2.1.0"},
		{"it is not asked for", "", "x@nowhere.example", "250 2.1.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, _ := newSetting(t, setting{script: script{tail: c.tail}, zone: strings.ReplaceAll(zone, "\"", "")})
			g.dial().must(t, "MAIL FROM:<"+c.from+">", c.want)
			if c.tail == "" && g.dns.Asked("nowhere.example", "MX") > 0 {
				t.Error("it was looked up all the same")
			}
		})
	}
}

// There is no cache of recipients: each is asked for, whatever the last answer was.
func TestDuty_E10(t *testing.T) {
	g := newStage(t, script{})
	answers := []string{"550 5.1.1 unknown", "250 2.1.5 ok", "452 4.2.2 full", "250 2.1.5 ok", "550 5.1.1 gone"}
	n := 0
	g.nextHopSays(func(verb, _ string) (string, bool) {
		if verb != "RCPT" {
			return "", false
		}
		n++
		return answers[n-1], true
	})
	for i, answer := range answers {
		c := g.dial()
		c.must(t, "MAIL FROM:<"+partner+">", "250")
		c.must(t, "RCPT TO:<"+bob+">", answer[:9])
		c.must(t, "RSET", "250")
		asked := 0
		for _, command := range g.sink.Commands() {
			if command == "RCPT TO:<"+bob+">" {
				asked++
			}
		}
		if asked != i+1 {
			t.Errorf("asked %d times after %d", asked, i+1)
		}
	}
}

// A recipient of another way is for another transaction, and so is one too many.
func TestDuty_E8_Gateway(t *testing.T) {
	g := newStage(t, script{tail: "[limits]\nrecipients = 100\n"})
	c := g.dial()
	c.must(t, "MAIL FROM:<"+partner+">", "250")
	for i := range 100 {
		c.must(t, fmt.Sprintf("RCPT TO:<r%d@example.com>", i), "250 2.1.5")
	}
	c.must(t, "RCPT TO:<r100@example.com>", "452 4.5.3")
	c.must(t, "DATA", "354")
	c.must(t, stuffed(theMail)+".", "250 2.0.0")
	if m := g.only(); len(m.ForwardPaths) != 100 || slices.Contains(m.ForwardPaths, "r100@example.com") {
		t.Errorf("at the next hop: %v", m)
	}
}

// Where the first recipient was refused, or MAIL was, nothing is promised, and the next
// one may go another way.
func TestDuty_E8_Gateway_NobodyWasTakenOnTheFirstRoute(t *testing.T) {
	for _, verb := range []string{"RCPT", "MAIL"} {
		other, err := smtptest.Start("127.0.0.1:0", smtptest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(other.Close)
		g := newStage(t, script{tail: fmt.Sprintf("[[domain]]\nname = \"example.org\"\nnext_hop = %q\n", other.Target())})
		g.nextHopSaysTo(verb, "550 5.1.1 no such user")
		c := g.dial()
		c.must(t, "MAIL FROM:<"+partner+">", "250")
		c.must(t, "RCPT TO:<gone@example.com>", "550 5.1.1")
		c.must(t, "RCPT TO:<carol@example.org>", "250 2.1.5")
		c.must(t, "RCPT TO:<"+bob+">", "452 4.5.3")
		c.must(t, "DATA", "354")
		c.must(t, stuffed(theMail)+".", "250 2.0.0")
		if m := other.Messages(); g.sink.Count() != 0 || len(m) != 1 || !slices.Equal(m[0].ForwardPaths, []string{"carol@example.org"}) {
			t.Errorf("at the second next hop: %v", m)
		}
	}
}

// Two domains with two ways need two transactions, in one session.
func TestDuty_E8_Gateway_AnotherRoute(t *testing.T) {
	other, err := smtptest.Start("127.0.0.1:0", smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	g := newStage(t, script{tail: fmt.Sprintf("[[domain]]\nname = \"example.org\"\nnext_hop = %q\n", other.Target())})
	c := g.dial()
	if !strings.Contains(c.offered(t), " RCPTDOMAINMAX=1 ") {
		t.Error("it is not announced")
	}
	c.must(t, "MAIL FROM:<"+partner+">", "250")
	c.must(t, "RCPT TO:<"+bob+">", "250 2.1.5")
	c.must(t, "RCPT TO:<carol@example.org>", "452 4.5.3")
	c.must(t, "DATA", "354")
	c.must(t, stuffed(theMail)+".", "250 2.0.0")
	if reply, err := c.deliver(partner, []string{"carol@example.org"}, theMail); err != nil || !strings.HasPrefix(reply, "250 2.0.0") {
		t.Errorf("the second transaction was answered %q, %v", reply, err)
	}
	if m := g.only(); !slices.Equal(m.ForwardPaths, []string{bob}) {
		t.Errorf("at the first next hop: %v", m)
	}
	if m := other.Messages(); len(m) != 1 || !slices.Equal(m[0].ForwardPaths, []string{"carol@example.org"}) {
		t.Errorf("at the second: %v", m)
	}
}
