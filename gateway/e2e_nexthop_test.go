package gateway

import (
	"context"
	"net"
	"strings"
	"testing"

	"mxgate/gateway/smtptest"
	"mxgate/gateway/store"
)

func TestANextHopThatIsDownAtTheStartDefersUntilItIsThere(t *testing.T) {
	// The port of a listener that is gone is free, and refuses.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
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

func TestRecipientsAreRefusedBeforeTheNextHopIsAsked(t *testing.T) {
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

// What the next hop says to a recipient or to the message is what the client
// hears; what it says about itself is a matter of ours, and temporary.
func TestTheNextHopsAnswersArePassedOn(t *testing.T) {
	g := newStage(t, script{})
	for _, c := range []struct {
		name, verb, says string
		want             string // the whole reply but the id
		outcome          store.Outcome
	}{
		{"an unknown recipient", "RCPT", "550 5.1.1 <bob@example.com>: no such user", "550 5.1.1 <bob@example.com>: no such user", ""},
		{"a recipient without enhanced code", "RCPT", "551 moved", "551 5.0.0 moved", ""},
		{"a full mailbox", "RCPT", "452 4.2.2 full", "452 4.2.2 full", ""},
		{"a sender it does not like", "MAIL", "550 5.1.8 bad sender", "550 5.1.8 bad sender", ""},
		{"content it refuses", smtptest.Dot, "554 5.7.1 virus", "554 5.7.1 virus", store.Refused},
		{"content it defers", smtptest.Dot, "451 4.7.1 later", "451 4.7.1 later", store.Deferred},
		{"DATA it refuses", "DATA", "554 5.5.1 no valid recipients", "554 5.5.1 no valid recipients", store.Refused},
		{"an answer of several lines", smtptest.Dot, "554-5.7.1 two\r\n554 5.7.1 lines", "554 5.7.1 two lines", store.Refused},
		{"it may not relay", "RCPT", "554 5.7.1 Relay access denied", "451 4.3.5 The next hop does not take mail from us; try again later", ""},
		{"it wants TLS", "MAIL", "530 5.7.0 STARTTLS first", "451 4.3.5 The next hop does not take mail from us; try again later", ""},
		{"it closes", smtptest.Dot, "421 4.3.2 shutting down" + smtptest.ThenHangup, "451 4.4.2 The next hop broke the connection; try again later", store.Deferred},
		{"a banner that refuses", smtptest.Greeting, "554 no service", "451 4.3.5 The next hop does not take mail from us; try again later", ""},
		{"a reply that is none", "RCPT", "hello", "451 4.5.0 The next hop does not speak SMTP properly; try again later", ""},
		{"it is gone after the dot", smtptest.Dot, smtptest.Hangup, "451 4.4.2 The next hop broke the connection; try again later", store.Uncertain},
		{"half a reply after the dot", smtptest.Dot, "250-2.0.0 half" + smtptest.ThenHangup, "451 4.4.2 The next hop broke the connection; try again later", store.Uncertain},
		{"garbage after the dot", smtptest.Dot, "banana", "451 4.5.0 The next hop does not speak SMTP properly; try again later", store.Uncertain},
		{"an unexpected 354 after the dot", smtptest.Dot, "354 more", "451 4.5.0 The next hop does not speak SMTP properly; try again later", store.Uncertain},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.sink.Drop() // what is kept has been greeted already
			g.nextHopSaysTo(c.verb, c.says)
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

func TestANextHopThatDiesInMidContentIsSafeToTryAgain(t *testing.T) {
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

func TestOneRefusedRecipientDoesNotCostTheOthersTheMessage(t *testing.T) {
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

// SMTP-DUTIES R12: what went out is finished and written down.
func TestAClientThatLeavesAfterItsDotDoesNotStopTheMessage(t *testing.T) {
	g := newStage(t, script{})
	atDot, goOn := make(chan struct{}), make(chan struct{})
	g.nextHopSays(func(verb, _ string) (string, bool) {
		if verb == smtptest.Dot {
			close(atDot)
			<-goOn
		}
		return "", false
	})
	c := g.dial()
	if reply, err := c.envelope(partner, []string{bob}); reply != "" || err != nil {
		t.Fatal(reply, err)
	}
	if _, err := c.conn.Write([]byte(stuffed(cleanMail()) + ".\r\n")); err != nil {
		t.Fatal(err)
	}
	<-atDot
	if err := c.conn.(*net.TCPConn).SetLinger(0); err != nil { // a reset: the reply cannot be delivered
		t.Fatal(err)
	}
	c.close()
	close(goOn)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := g.sink.Wait(ctx, 1); err != nil {
		t.Fatal(err)
	}
	g.stop()
	if err := <-g.served; err != nil {
		t.Fatal(err)
	}
	g.over = true
	st, err := OpenStore(g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	entries, err := st.Entries(ctx, store.Filter{})
	if err != nil || len(entries) != 1 || entries[0].Outcome != store.Relayed && entries[0].Outcome != store.Uncertain {
		t.Errorf("the journal says %+v, %v; want one message relayed, or uncertain because nobody heard it", entries, err)
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
