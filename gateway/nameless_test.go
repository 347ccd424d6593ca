package gateway

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"mxgate/gateway/relay"
	"mxgate/gateway/smtptest"
)

func TestNamelessTellsCodesAndCauses(t *testing.T) {
	said := relay.Reply{Code: 550, Enhanced: "5.1.1", Text: "whistle unknown"}
	closing := &relay.Failure{Class: relay.Closing, Host: "a:25", Reply: relay.Reply{Code: 421, Text: "whistle... later"}}
	refused := errors.New("dial tcp 192.0.2.1:25: connect: connection refused")
	garbage := errors.New("not a reply")
	for _, c := range []struct {
		err  error
		want string
	}{
		{closing, "relay: closing: a:25: 421"},
		{fmt.Errorf("sending: %w", closing), "relay: closing: a:25: 421"},
		{&relay.Failure{Class: relay.MailRefused, Host: "a:25", Reply: said}, "relay: mail-refused: a:25: 550 5.1.1"},
		{&relay.Failure{Class: relay.Replay, Reply: said, Err: errors.New("a recipient is refused now")}, "relay: replay: 550 5.1.1"},
		{&relay.Failure{Class: relay.EightBit, Host: "a:25"}, "relay: eight-bit: a:25"},
		{&relay.Failure{Class: relay.Garbage, Host: "a:25", Err: fmt.Errorf("%w: %.80q", garbage, "whistle?")}, "relay: garbage: a:25: not a reply"},
		{&relay.Failure{Class: relay.Lost, Host: "a:25", Err: fmt.Errorf("read: %w", io.EOF)}, "relay: lost: a:25: EOF"},
		{&relay.Failure{Class: relay.Lost, Host: "b:25", Err: fmt.Errorf("%w; and %v", fmt.Errorf("read: %w", io.EOF), closing)}, "relay: lost: b:25: EOF"},
		{&relay.Failure{Class: relay.Closing, Host: "b:25", Reply: closing.Reply, Err: fmt.Errorf("and %v", closing)}, "relay: closing: b:25: 421"},
		{&relay.Failure{Class: relay.Connect, Host: "b:25", Err: refused}, "relay: connect: b:25: " + refused.Error()},
		{&relay.Failure{Class: relay.Connect, Host: "b:25", Err: fmt.Errorf("%w; and %v", refused, closing)}, "relay: connect: b:25: " + refused.Error()},
		{&relay.Failure{Class: relay.TLS, Host: "b:25", Err: errors.New("DANE is required: no TLSA record")}, "relay: tls: b:25: DANE is required: no TLSA record"},
		{&relay.Failure{Class: relay.Garbage, Host: "b:25", Err: fmt.Errorf("%w after 3 failures, the last: %w", errors.New("marked down"), &relay.Failure{Class: relay.Garbage, Err: fmt.Errorf("%w: %.80q", garbage, "whistle?")})},
			"relay: garbage: b:25: not a reply"},
		{fmt.Errorf("%w: ORCPT=%.80q", relay.ErrAddress, "rfc822;whistle"), "relay: address cannot be sent"},
		{errors.New("store: full"), "store: full"},
	} {
		if got := nameless(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

func TestTheAnswerToTheClientIsNotRepeatedInTheLog(t *testing.T) {
	for _, c := range []struct{ text, answer, want string }{
		{"the next hop answered 550 5.2.2 whistle is full", "whistle  is full", "the next hop answered 550 5.2.2"},
		{"no recipient was accepted: <w@example.com>:  no  (id)", "<w@example.com>:  no  (id)", "no recipient was accepted"},
		{"the next hop answered 550", "Answer of the next hop", "the next hop answered 550"},
		{"panic: x\n\tat y", "Local trouble", "panic: x\n\tat y"},
		{"the connection was lost", "", "the connection was lost"},
	} {
		if got := withoutAnswer(c.text, c.answer); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

// What a next hop answers names the mailbox in ways that nobody can list: of an answer
// to a message's addresses the log has the codes, and the journal the words.
func TestNoLocalPartReachesTheLog(t *testing.T) {
	long := "whistleblower-" + strings.Repeat("z", 40) + "@example.com"
	for _, at := range []struct {
		name, to, verb, answer string
		leak, told             string
		want                   []string
	}{
		{"path", "whistleblower@example.com", "RCPT", "550 5.1.1 <whistleblower@example.com>: Recipient address rejected: User unknown in local recipient table", "whistle", "User unknown", []string{"reply_code=550"}},
		{"path at 421", "whistleblower@example.com", "RCPT", "421 4.3.2 <whistleblower@example.com>: not now", "whistle", "not now", []string{"step=rcpt", "class=closing", "421 4.3.2"}},
		{"no relay", "whistleblower@example.com", "RCPT", "554 5.7.1 <whistleblower@example.com>: Relay access denied", "whistle", "access denied", []string{"step=rcpt", "class=refused", "554 5.7.1"}},
		{"not due", "whistleblower@example.com", "RCPT", "354 whistleblower? Go on", "whistle", "Go on", []string{"step=rcpt", "class=garbage", "354"}},
		{"MAIL", "whistleblower@example.com", "MAIL", "550 5.7.1 <whistleblower@example.com>: whistleblower may not", "whistle", "may not", []string{"step=rcpt", "class=mail-refused", "550 5.7.1"}},
		{"name alone", "whistleblower@example.com", "DATA", "451 4.3.0 whistleblower... later", "whistle", "... later", []string{"reply_code=451", "enhanced_code=4.3.0", "the next hop answered"}},
		{"name alone at 421", "whistleblower@example.com", "DATA", "421 4.3.2 whistleblower... later", "whistle", "... later", []string{"step=data", "class=closing", "421 4.3.2"}},
		{"without <>", "whistleblower@example.com", smtptest.Dot, "550 5.2.2 whistleblower@example.com is full", "whistle", "is full", []string{"reply_code=550", "enhanced_code=5.2.2", "the next hop answered"}},
		{"421 at the dot", "whistleblower@example.com", smtptest.Dot, "421 4.3.2 <whistleblower@example.com>: too busy for this one", "whistle", "too busy", []string{"step=data", "class=closing", "421 4.3.2"}},
		{"tag", "whistle+tag@example.com", smtptest.Dot, "550 5.2.2 user whistle unknown", "whistle", "user whistle unknown", []string{"reply_code=550"}},
		{"tag at the start", "whistle+tag@example.com", smtptest.Dot, "550 5.2.2 whistle: mailbox is full", "whistle", "mailbox is full", []string{"reply_code=550"}},
		{"tag without a code", "whistle+tag@example.com", "DATA", "550 whistle:  mailbox   is full", "whistle", "mailbox is full", []string{"reply_code=550", "the next hop answered 550"}},
		{"quoted", `"whistle.blower"@example.com`, smtptest.Dot, "550 5.2.2 user whistle blower unknown", "whistle", "blower unknown", []string{"reply_code=550"}},
		{"quoted blank", `"whistle blower"@example.com`, smtptest.Dot, "550 5.2.2 no whistle(blower)<whistle blower@example.com>", "whistle", "no whistle", []string{"reply_code=550"}},
		{"xtext", "whistle+x@example.com", smtptest.Dot, "550 5.2.2 rfc822;whistle+2Bx+40example.com unknown", "whistle", "unknown", []string{"reply_code=550"}},
		{"SMTPUTF8", "whistlé.blower@example.com", smtptest.Dot, "550 5.1.1 <whistlé.blower@example.com>: User unknown", "whistl", "User unknown", []string{"reply_code=550"}},
		{"SMTPUTF8 at RCPT", "whistlé.blower@example.com", "RCPT", "550 5.1.1 <whistlé.blower@example.com>: User unknown", "whistl", "User unknown", []string{"reply_code=550", "no recipient was accepted"}},
		{"garbage, cut", long, "MAIL", "hello " + strings.Repeat("w", 20) + " no such mailbox in our table: " + long, "whistle", "in our table", []string{"step=rcpt", "class=garbage", "not a reply"}},
		{"garbage, long", long, "DATA", long + strings.Repeat(" no", 300), "whistle", "line of more than", []string{"step=data", "class=garbage", "not a reply"}},
		{"cut", long, "DATA", "451 4.3.0 " + strings.Repeat("a ", 188) + long, "whistle", "a a a", []string{"reply_code=451", "enhanced_code=4.3.0"}},
	} {
		t.Run(at.name, func(t *testing.T) {
			var log output
			g, _ := newSetting(t, setting{hosts: []smtptest.Options{{Extensions: []string{"PIPELINING", "8BITMIME", "SMTPUTF8"}}}})
			g.end()
			g.over = false
			g.serve(slog.NewTextHandler(&log, nil))
			g.nextHopSaysTo(at.verb, at.answer)
			c := g.dial()
			c.must(t, "MAIL FROM:<"+partner+"> SMTPUTF8", "250")
			reply, err := c.ask("RCPT TO:<" + at.to + ">")
			if err == nil && strings.HasPrefix(reply, "250") {
				c.must(t, "DATA", "354")
				reply, err = c.ask(stuffed(cleanMail()) + ".")
			}
			if err != nil {
				t.Fatal(err)
			}
			c.close()
			e := g.entry(reply)
			g.end()
			text := log.String()
			for line := range strings.Lines(text) {
				if strings.Contains(strings.ToLower(line), at.leak) {
					t.Error(line)
				}
			}
			for _, want := range append(at.want, "tx="+e.ID) {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			if !strings.Contains(e.Sentence, at.told) {
				t.Errorf("the journal says %q", e.Sentence)
			}
		})
	}
}

// A next hop that does not take mail from us says so before it hears of any: who reads
// the log must learn why.
func TestTheLogHasWhatANextHopGreetsWith(t *testing.T) {
	var log output
	g, _ := newSetting(t, setting{log: &log})
	g.nextHopSaysTo(smtptest.Greeting, "554 5.7.1 No mail from your network")
	g.wantReply(g.deliver(partner, []string{bob}, cleanMail()), "451 4.3.5")
	g.end()
	for _, want := range []string{`"msg":"next hop begins to fail"`, `554 5.7.1 \"No mail from your network\"`, `"step":"connect","class":"refused"`} {
		if !strings.Contains(strings.ReplaceAll(log.String(), `\\\"`, `\"`), want) {
			t.Errorf("no %q in\n%s", want, log.String())
		}
	}
}
