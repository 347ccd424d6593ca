package gateway

import (
	"fmt"
	"strings"
	"testing"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

// lineEnds are what would end a line of ours, or of a server that is lenient.
var lineEnds = []string{"\r", "\n", "\r\n", "\x00", "\r\n.\r\n", "\n.\n", "\r.\r", "\x0b", "\x85", "\u2028"}

// A block with a bare line end or a NUL goes through the writer that content goes
// through, which refuses it. No input is known that makes one, so it is forced.
func TestDuty_F3_Gateway(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"gate.example.com", "250 2.0.0"},
		{"gate\r.example.com", "451 4.3.0"},
		{"gate\n.example.com", "451 4.3.0"},
		{"gate\x00.example.com", "451 4.3.0"},
		{"gate\n.\n", "451 4.3.0"},
		{"gate\r\n.\n", "451 4.3.0"},
		{"gate\r.\r\n", "451 4.3.0"},
	} {
		t.Run(fmt.Sprintf("%q", c.text), func(t *testing.T) {
			g, _ := newSetting(t, setting{tune: func(s *Server) {
				changed := *s.pipeline.cfg
				changed.Hostname = c.text // of our Received field alone
				s.pipeline.cfg = &changed
			}})
			g.wantReply(g.deliver(partner, []string{bob}, cleanMail()), c.want)
			if c.want[0] != '2' {
				g.wantNothingMoved()
			}
			for _, command := range g.sink.Commands() {
				if strings.HasPrefix(command, "QUIT") && c.want[0] != '2' {
					t.Error("after half a message the connection was used on")
				}
			}
		})
	}
}

// Nothing that a client, a message or DNS says can add a line to our block.
func TestDuty_I6_Gateway_TheBlockIsOurs(t *testing.T) {
	for _, h := range lineEnds {
		t.Run(fmt.Sprintf("%q", h), func(t *testing.T) {
			inject := "x" + h + "X-Injected: yes"
			text := blockTrial(t, inject)
			for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
				name, _, isField := strings.Cut(line, ":")
				ours := isField && (name == "Received" || name == "Authentication-Results" || strings.HasPrefix(name, privatePrefix))
				if !ours && !strings.HasPrefix(line, "\t") || strings.IndexFunc(line, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }) >= 0 {
					t.Errorf("a line %q in the block", line)
				}
			}
		})
	}
}

// blockTrial delivers a message of which everything that we tell of says inject,
// in as many ways as are open, and returns all blocks at the next hop.
func blockTrial(t *testing.T, inject string) (blocks string) {
	t.Helper()
	escaped := escapeLabel(inject) + ".provider.example"
	zone := "1.0.0.127.in-addr.arpa PTR " + escaped + "\n" + escaped + " A 127.0.0.1\n" +
		"spf.example TXT " + fmt.Sprintf("%q", "v=spf1 "+inject+" exists:"+inject+" -all") + "\n" +
		"_dmarc.spf.example TXT " + fmt.Sprintf("%q", "v=DMARC1; p=none"+inject+"; rua=mailto:"+inject) + "\n" +
		"s1._domainkey.spf.example TXT " + fmt.Sprintf("%q", "v=DKIM1; k="+inject+"; p="+inject) + "\n"
	g, _ := newSetting(t, setting{zone: zone, edit: replacing(t, `received_by =`, "xclient = true\nreceived_by ="),
		script: script{head: `mode = "observe"`, tail: "[protect]\npeople = [{ name = \"Erika Mustermann\", addresses = [\"erika@example.com\"] }]\n"},
		hosts:  []smtptest.Options{{Extensions: []string{"PIPELINING", "8BITMIME", "DSN", "XFORWARD NAME ADDR PORT PROTO HELO SOURCE"}}}})
	g.server.pipeline.names.peek(mustAddr("127.0.0.1")) // it is looked up meanwhile

	// What a client says on its command line is refused, or ends the session.
	for _, command := range []string{"EHLO " + inject, "HELO " + inject, "EHLO [" + inject + "]", "XCLIENT ADDR=" + inject, "MAIL FROM:<" + inject + "@spf.example>"} {
		c := g.dial()
		if reply, err := c.ask(command); err == nil && reply[0] == '2' {
			t.Errorf("%q was answered %q", command, reply)
		}
	}
	c := g.dial()
	// Encoded it may say so: what is no name is not known to us.
	c.must(t, "XCLIENT NAME="+mail.EncodeXtext(inject)+" HELO="+mail.EncodeXtext(inject)+" ADDR=192.0.2.10", "")
	c.must(t, "EHLO mx1.provider.example", "250")
	c.must(t, "XFORWARD NAME="+mail.EncodeXtext(inject)+" HELO="+mail.EncodeXtext(inject), "")
	for i, content := range hostileLetters(inject) {
		sender := fmt.Sprintf("m%d@spf.example", i)
		reply, err := c.deliver(sender, []string{bob}, content)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(reply, "250 ") {
			t.Errorf("message %d was answered %q", i, reply)
			continue
		}
		all := g.sink.Messages()
		blocks += g.block(all[len(all)-1], content)
	}
	return blocks
}

// hostileLetters have inject, hidden as far as content must be clean, in what
// our fields quote of them.
func hostileLetters(inject string) []string {
	word := "=?utf-8?q?" + quotedPrintable("Erika Mustermann") + "?= =?utf-8?q?" + quotedPrintable(inject) + "?="
	tail := "\r\nTo: " + bob + "\r\nSubject: " + word + "\r\n\r\nHello.\r\n"
	signature := func(tag, value string) string {
		tags := map[string]string{"d": "spf.example", "s": "s1", "a": "rsa-sha256", "i": "@spf.example", "b": "AAAA", "bh": "AAAA"}
		tags[tag] = value
		return fmt.Sprintf("DKIM-Signature: v=1; a=%s; d=%s; s=%s; i=%s; h=From; b=%s; bh=%s\r\n", tags["a"], tags["d"], tags["s"], tags["i"], tags["b"], tags["bh"])
	}
	clean := strings.NewReplacer("\r\n", "\r\n\t", "\r", "=0D", "\n", "=0A", "\x00", "=00").Replace // what content may have: folded
	if strings.ContainsAny(strings.ReplaceAll(inject, "\r\n", ""), "\r\n\x00") {
		clean = func(s string) string { return quotedPrintable(s) }
	}
	var letters []string
	for _, from := range []string{
		"From: " + word + " <erika@bulk.example>",
		"From: \"Erika Mustermann\" <" + word + "@bulk.example>",
		"From: Anna <anna@spf.example>\r\nReply-To: " + word + " <bob@exarnple.com>",
		"From: " + clean(inject),
		"From: Anna <anna@xn--exmple-4nf.com>", // with a Cyrillic letter, which we tell of
	} {
		letters = append(letters, fromProvider("192.0.2.10")+from+tail)
	}
	for _, tag := range []string{"a", "d", "s", "i", "b", "bh"} {
		letters = append(letters, signature(tag, clean(inject))+fromProvider("192.0.2.10")+"From: anna@spf.example"+tail)
	}
	return letters
}

// quotedPrintable encodes every octet: RFC 2047, Section 4.2.
func quotedPrintable(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "=%02X", c)
	}
	return b.String()
}

// escapeLabel writes any octets as one label of zone text.
func escapeLabel(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "\\%03d", c)
		}
	}
	return b.String()
}
