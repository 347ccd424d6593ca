package gateway

import (
	"fmt"
	"strings"
	"testing"

	"mxgate/gateway/store"
	"mxgate/policy/mail"
)

// hitsTo is how many entries are found by a recipient.
func (g *stage) hitsTo(local string) int {
	g.t.Helper()
	found, err := g.server.Store().Entries(g.t.Context(), store.Filter{To: store.Mailboxes{Address: mail.Address{Local: local, Domain: "example.com"}}})
	if err != nil {
		g.t.Fatal(err)
	}
	return len(found)
}

// However many were refused beside one who was taken, and whatever became of the
// content: who asks for one of them finds the entry.
func TestWhoWasRefusedIsFoundInTheJournal(t *testing.T) {
	g := newStage(t, script{tail: "[limits]\nmessage_octets = 65536\n"})
	g.nextHopSays(func(verb, arg string) (string, bool) {
		return "550 5.1.1 no such user", verb == "RCPT" && strings.Contains(arg, "gone")
	})
	received := "Received: from a by gate.example.com; x\r\n"
	for i, content := range []string{
		cleanMail(),
		cleanMail() + strings.Repeat("xxxxxxxxxxxxxxxxxxxxxxxx\r\n", 4000), // 552
		received + strings.Repeat(received, 120) + cleanMail(),             // 554: a loop
		cleanMail() + "bare \n text\r\n",                                   // 554: framing
		spoofMail(),                                                        // held
		"",                                                                 // RSET
	} {
		c := g.dial()
		c.must(t, "MAIL FROM:<"+partner+">", "250")
		c.must(t, "RCPT TO:<"+bob+">", "250")
		var reply string
		for n := range 7 {
			reply = c.must(t, fmt.Sprintf("RCPT TO:<gone%d.%d@example.com>", i, n), "550")
		}
		if content == "" {
			c.must(t, "RSET", "250")
		} else {
			c.must(t, "DATA", "354")
			reply, _ = c.ask(stuffed(content) + ".")
		}
		c.close()
		e := g.entry(reply)
		if len(e.RefusedPaths) != 7 || len(e.ForwardPaths) != 1 {
			t.Errorf("%s: %v, %v", reply, e.RefusedPaths, e.ForwardPaths)
		}
		for n := range 7 {
			if hits := g.hitsTo(fmt.Sprintf("gone%d.%d", i, n)); hits != 1 {
				t.Errorf("%s: -to gone%d.%d: %d hits", reply, i, n, hits)
			}
		}
	}
	// Nobody was taken.
	c := g.dial()
	c.must(t, "MAIL FROM:<"+partner+">", "250")
	reply := c.must(t, "RCPT TO:<gone@example.com>", "550")
	c.must(t, "RSET", "250")
	if e := g.entry(reply); len(e.RefusedPaths) != 1 || len(e.ForwardPaths) != 1 || e.RefusedPaths[0] != e.ForwardPaths[0] || g.hitsTo("gone") != 1 {
		t.Errorf("%v, %v", e.RefusedPaths, e.ForwardPaths)
	}
}

// Clients and next hops may name anybody in what the journal has of their words.
func TestNobodyIsFoundInTheWordsOfOthers(t *testing.T) {
	g := newStage(t, script{})
	g.nextHopSays(func(verb, arg string) (string, bool) {
		return "550 5.1.1 <a>: 550; <victim@example.com>: no such user", verb == "RCPT" && strings.Contains(arg, "gone")
	})
	c := g.dial()
	c.must(t, "MAIL FROM:<"+partner+">", "250")
	c.must(t, "RCPT TO:<"+bob+">", "250")
	c.must(t, "RCPT TO:<gone@example.com>", "550")
	c.must(t, `RCPT TO:<"x> and <victim@example.com>: y"@example.com>`, "550")
	c.must(t, `RCPT TO:<"x\",\"victim@example.com\",\"y"@example.com>`, "550")
	c.must(t, "DATA", "354")
	e := g.entry(c.must(t, stuffed(cleanMail())+".", "250"))
	if hits := g.hitsTo("victim"); hits != 0 || !strings.Contains(e.Sentence, "<victim@example.com>: ") {
		t.Errorf("%d hits, %q", hits, e.Sentence)
	}
	if hits := g.hitsTo(`x> and <victim@example.com>: y`); hits != 1 {
		t.Errorf("%d hits", hits)
	}
}
