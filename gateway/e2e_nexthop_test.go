package gateway

import (
	"errors"
	"net"
	"strings"
	"testing"

	"mxgate/gateway/smtptest"
	"mxgate/gateway/store"
	"mxgate/policy/mail"
)

func TestDuty_R5_Gateway(t *testing.T) {
	// The port of a listener that is gone is free, and refuses. Nobody else listens
	// at this address, who could have been given the port meanwhile.
	l, err := net.Listen("tcp", "127.77.0.5:0")
	if err != nil {
		t.Skipf("this machine has no 127.77.0.5: %v", err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	g := newStage(t, script{nextHop: addr})
	c := g.dial()
	reply, err := c.envelope(partner, []string{bob})
	if err != nil {
		t.Fatal(err)
	}
	g.wantReply(reply, "451 4.4.1")
	sink, err := smtptest.Start(addr, smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	if _, err := c.ask("RSET"); err != nil {
		t.Fatal(err)
	}
	reply, err = c.deliver(partner, []string{bob}, cleanMail()) // the same session
	if err != nil {
		t.Fatal(err)
	}
	g.wantReply(reply, "250 2.0.0")
	if n := sink.Count(); n != 1 {
		t.Errorf("%d messages at the next hop, want 1", n)
	}
}

func TestDuty_E5(t *testing.T) {
	g := newStage(t, script{tail: "[[domain]]\nname = \"example.org\"\nnext_hop = \"127.0.0.1:1\"\n"})
	for _, c := range []struct{ name, path, want string }{
		{"a foreign domain", "bob@foreign.example", "550 5.7.1"},
		{"a domain below ours", "bob@sub.example.com", "550 5.7.1"},
		{"an address literal", "bob@[192.0.2.1]", "550 5.7.1"},
		{"a percent route", "bob%foreign.example@example.com", "550 5.7.1"},
		{"a bang path", "foreign!bob@example.com", "550 5.7.1"},
		{"an at sign in quotes", `"bob@foreign.example"@example.com`, "550 5.7.1"},
		{"a recipient that goes another way", "bob@example.org", "452 4.5.3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := g.dial()
			reply, err := s.envelope(partner, []string{bob, c.path})
			if err != nil {
				t.Fatal(err)
			}
			g.wantReply(reply, c.want)
			for _, command := range g.sink.Commands() {
				if strings.HasPrefix(command, "RCPT") && command != "RCPT TO:<"+bob+">" {
					t.Errorf("the next hop was asked: %s", command)
				}
			}
		})
	}
}

// nextHopAnswer is what the next hop says to a verb, what the client must hear
// without the transaction id, and what the journal says; "" if that is nothing.
type nextHopAnswer struct {
	name, verb, says string
	want             string
	outcome          store.Outcome
}

func wantAnswers(t *testing.T, cases ...nextHopAnswer) {
	t.Helper()
	g := newStage(t, script{})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g.nextHopSaysTo(c.verb, c.says)
			g.sink.Drop() // what is kept has been greeted already; last, as one may be under way
			reply := g.deliver(partner, []string{bob}, cleanMail())
			if want := c.want + " (" + idOf(reply) + ")"; reply != want || len(idOf(reply)) != 20 {
				t.Errorf("answered %q, want %q", reply, want)
			}
			if c.outcome == "" {
				return
			}
			if e := g.entry(reply); e.Outcome != c.outcome || e.Reason != "clean" || e.NextHop != g.sink.Addr().String() {
				t.Errorf("the journal says %s, %s, next hop %s; want %s, clean, %s", e.Outcome, e.Reason, e.NextHop, c.outcome, g.sink.Addr())
			}
		})
	}
}

// What the next hop takes the client hears in our words.
func TestDuty_R1_Gateway(t *testing.T) {
	wantAnswers(t,
		nextHopAnswer{"it accepts", smtptest.Dot, "250 2.6.0 <1@internal> queued as 4AbC on mail.internal", "250 2.0.0 OK", store.Relayed},
		nextHopAnswer{"it accepts without a word", smtptest.Dot, "250", "250 2.0.0 OK", store.Relayed},
		nextHopAnswer{"it will forward", "RCPT", "251 2.1.5 will forward", "250 2.0.0 OK", store.Relayed},
	)
}

// What the next hop says to a recipient or to the message is what the client
// hears.
func TestDuty_R2_Gateway(t *testing.T) {
	wantAnswers(t,
		nextHopAnswer{"an unknown recipient", "RCPT", "550 5.1.1 <bob@example.com>: no such user", "550 5.1.1 <bob@example.com>: no such user", ""},
		nextHopAnswer{"a recipient without enhanced code", "RCPT", "551 moved", "551 5.0.0 moved", ""},
		nextHopAnswer{"a full mailbox", "RCPT", "452 4.2.2 full", "452 4.2.2 full", ""},
		nextHopAnswer{"a sender it does not like", "MAIL", "550 5.1.8 bad sender", "550 5.1.8 bad sender", ""},
		nextHopAnswer{"content it refuses", smtptest.Dot, "554 5.7.1 virus", "554 5.7.1 virus", store.Refused},
		nextHopAnswer{"content it defers", smtptest.Dot, "451 4.7.1 later", "451 4.7.1 later", store.Deferred},
		nextHopAnswer{"DATA it refuses", "DATA", "554 5.5.1 no valid recipients", "554 5.5.1 no valid recipients", store.Refused},
		nextHopAnswer{"an answer of several lines", smtptest.Dot, "554-5.7.1 two\r\n554 5.7.1 lines", "554 5.7.1 two lines", store.Refused},
	)
}

// Who closes is asked again later; our own session stays open.
func TestDuty_R3_Gateway(t *testing.T) {
	wantAnswers(t,
		nextHopAnswer{"it closes", smtptest.Dot, "421 4.3.2 shutting down" + smtptest.ThenHangup, "451 4.4.2 The next hop broke the connection; try again later", store.Deferred},
	)
}

// What it says about us is a matter of ours, and temporary.
func TestDuty_R4_Gateway(t *testing.T) {
	wantAnswers(t,
		nextHopAnswer{"it may not relay", "RCPT", "554 5.7.1 Relay access denied", "451 4.3.5 The next hop does not take mail from us; try again later", ""},
		nextHopAnswer{"it wants TLS", "MAIL", "530 5.7.0 STARTTLS first", "451 4.3.5 The next hop does not take mail from us; try again later", ""},
		nextHopAnswer{"a banner that refuses", smtptest.Greeting, "554 no service", "451 4.3.5 The next hop does not take mail from us; try again later", ""},
	)
}

// Who does not speak SMTP has not taken anything for sure.
func TestDuty_R8_Gateway(t *testing.T) {
	wantAnswers(t,
		nextHopAnswer{"a reply that is none", "RCPT", "hello", "451 4.5.0 The next hop does not speak SMTP properly; try again later", ""},
		nextHopAnswer{"garbage after the dot", smtptest.Dot, "banana", "451 4.5.0 The next hop does not speak SMTP properly; try again later", store.Uncertain},
		nextHopAnswer{"an unexpected 354 after the dot", smtptest.Dot, "354 more", "451 4.5.0 The next hop does not speak SMTP properly; try again later", store.Uncertain},
	)
}

// Behind the final dot nobody knows.
func TestDuty_R10_Gateway(t *testing.T) {
	wantAnswers(t,
		nextHopAnswer{"it is gone after the dot", smtptest.Dot, smtptest.Hangup, "451 4.4.2 The next hop broke the connection; try again later", store.Uncertain},
		nextHopAnswer{"half a reply after the dot", smtptest.Dot, "250-2.0.0 half" + smtptest.ThenHangup, "451 4.4.2 The next hop broke the connection; try again later", store.Uncertain},
	)
}

func TestDuty_R9_Gateway(t *testing.T) {
	sink, err := smtptest.Start("127.0.0.1:0", smtptest.Options{MidContent: func(octets int) (string, bool) { return smtptest.Hangup, octets > 500 }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	g := newStage(t, script{nextHop: sink.Addr().String()})
	reply := g.deliver(partner, []string{bob}, cleanMail()+strings.Repeat("Much more than fits into the buffers of a socket.\r\n", 400_000))
	g.wantReply(reply, "451 4.4.2")
	if e := g.entry(reply); e.Outcome != store.Deferred {
		t.Errorf("the journal says %s, want deferred", e.Outcome)
	}
	if sink.Count() != 0 {
		t.Error("a half message was taken for a whole one")
	}
}

func TestDuty_R13_Gateway(t *testing.T) {
	g := newStage(t, script{})
	g.nextHopSays(func(verb, arg string) (string, bool) {
		return "550 5.1.1 unknown", verb == "RCPT" && strings.Contains(arg, "nobody")
	})
	c := g.dial()
	for _, step := range []struct{ say, want string }{
		{"MAIL FROM:<" + partner + ">", "250 2.1.0"},
		{"RCPT TO:<nobody@example.com>", "550 5.1.1"},
		{"RCPT TO:<" + bob + ">", "250 2.1.5"},
		{"RCPT TO:<nobody2@example.com>", "550 5.1.1"},
		{"RCPT TO:<Carol@EXAMPLE.com>", "250 2.1.5"},
		{"DATA", "354"},
		{stuffed(cleanMail()) + ".", "250 2.0.0"},
	} {
		reply, err := c.ask(step.say)
		if err != nil {
			t.Fatal(err)
		}
		g.wantReply(reply, step.want)
	}
	got := g.sink.Messages()
	if len(got) != 1 || strings.Join(got[0].ForwardPaths, " ") != "bob@example.com Carol@example.com" {
		t.Errorf("at the next hop: %v", got)
	}
}

// What went out is finished and written down, though nobody hears of it.
func TestDuty_R12_Gateway(t *testing.T) {
	for _, c := range []struct {
		name  string
		leave func(*net.TCPConn) error
	}{
		{"by a reset", func(c *net.TCPConn) error { return errors.Join(c.SetLinger(0), c.Close()) }},
		{"by closing", (*net.TCPConn).Close},
	} {
		t.Run(c.name, func(t *testing.T) {
			if e := vanish(t, c.leave); len(e) != 1 || e[0].Outcome != store.Uncertain || e[0].ReplyCode != 250 {
				t.Errorf("the journal says %+v; want one uncertain message", e)
			}
		})
	}
}

// A transaction whose recipients were all refused says whom and how.
func TestARefusalOfAllRecipientsIsJournaledWithWhomAndHow(t *testing.T) {
	g := newStage(t, script{})
	g.nextHopSaysTo("RCPT", "550 5.1.1 No such user here")
	c := g.dial()
	reply, err := c.envelope(partner, []string{bob})
	if err != nil {
		t.Fatal(err)
	}
	g.wantReply(reply, "550 5.1.1")
	if _, err := c.ask("RSET"); err != nil { // the transaction has ended when this is answered
		t.Fatal(err)
	}
	e := g.entry(reply)
	if e.Outcome != store.Refused || e.ReplyCode != 550 || e.Enhanced != "5.1.1" || len(e.ForwardPaths) != 1 || e.ForwardPaths[0].String() != bob {
		t.Errorf("journal says %+v", e)
	}
}

// What the next hop answered is in the journal beside the verdict, and who of the
// recipients was refused while others were not.
func TestTheJournalKeepsWhatTheNextHopAnswered(t *testing.T) {
	g := newStage(t, script{})
	g.nextHopSays(func(verb, arg string) (string, bool) {
		return "550 5.1.1 <gone@example.com>: no such user", verb == "RCPT" && strings.Contains(arg, "<gone@")
	})
	c := g.dial()
	c.must(t, "MAIL FROM:<"+partner+">", "250")
	c.must(t, "RCPT TO:<"+bob+">", "250")
	c.must(t, "RCPT TO:<gone@example.com>", "550 5.1.1")
	c.must(t, "RCPT TO:<x@not-ours.example>", "550 5.7.1")
	c.must(t, "DATA", "354")
	reply := c.must(t, stuffed(cleanMail())+".", "250 2.0.0")
	e := g.entry(reply)
	if want := " Refused were <gone@example.com>: 550 5.1.1 <gone@example.com>: no such user; <x@not-ours.example>: 550 5.7.1 We do not relay for that domain."; !strings.HasSuffix(e.Sentence, want) || len(e.ForwardPaths) != 1 {
		t.Errorf("%q", e.Sentence)
	}
	found, err := g.server.Store().Entries(t.Context(), store.Filter{To: store.Mailboxes{Address: mail.Address{Local: "gone", Domain: "example.com"}}})
	if err != nil || len(found) != 1 || found[0].ID != e.ID {
		t.Errorf("found by who was refused: %+v, %v", found, err)
	}
	for verb, outcome := range map[string]string{"DATA": "Deferred", smtptest.Dot: "Refused"} {
		code := map[string]string{"Deferred": "451 4.7.0", "Refused": "550 5.7.1"}[outcome]
		g.nextHopSaysTo(verb, code+" no such subject here")
		reply = g.deliver(partner, []string{bob}, cleanMail())
		g.wantReply(reply, code)
		e = g.entry(reply)
		if want := " " + outcome + ": the next hop answered " + code + " no such subject here."; !strings.HasSuffix(e.Sentence, want) || strings.HasPrefix(e.Sentence, want) || string(e.Outcome) != strings.ToLower(outcome) {
			t.Errorf("%s: %q", e.Outcome, e.Sentence)
		}
	}
}
