package gateway

import (
	"slices"
	"strings"
	"testing"
)

// Recipients that a client pipelines are put to the next hop together, and each
// gets its own answer, in order. SMTP-DUTIES E6.
func TestDuty_E6_Gateway_EachPipelinedRecipientGetsItsAnswer(t *testing.T) {
	g := newStage(t, script{})
	g.nextHopSays(func(verb, arg string) (string, bool) {
		return "550 5.1.1 no such user", verb == "RCPT" && strings.Contains(arg, "<gone@")
	})
	c := g.dial()
	group := "MAIL FROM:<" + partner + ">\r\nRCPT TO:<first@example.com>\r\nRCPT TO:<x@not-ours.example>\r\n" +
		"RCPT TO:<gone@example.com>\r\nRCPT TO:<last@example.com>\r\nDATA\r\n"
	if _, err := c.conn.Write([]byte(group)); err != nil {
		t.Fatal(err)
	}
	var codes []string
	for range 6 {
		reply, err := c.reply()
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, reply[:min(9, len(reply))])
	}
	if want := []string{"250 2.1.0", "250 2.1.5", "550 5.7.1", "550 5.1.1", "250 2.1.5", "354 End d"}; !slices.Equal(codes, want) {
		t.Errorf("answers %q, want %q", codes, want)
	}
	if _, err := c.conn.Write([]byte(stuffed(cleanMail()) + ".\r\n")); err != nil {
		t.Fatal(err)
	}
	reply, err := c.reply()
	if err != nil {
		t.Fatal(err)
	}
	g.wantReply(reply, "250 2.0.0")
	m := g.only()
	if !slices.Equal(m.ForwardPaths, []string{"first@example.com", "last@example.com"}) {
		t.Errorf("at the next hop for %q", m.ForwardPaths)
	}
	if rcpts := slices.DeleteFunc(g.sink.Commands(), func(c string) bool { return !strings.HasPrefix(c, "RCPT") }); len(rcpts) != 3 {
		t.Errorf("the next hop heard %q", rcpts)
	}
	e := g.entry(reply)
	if len(e.ForwardPaths) != 2 {
		t.Errorf("the journal has %v", e.ForwardPaths)
	}
}

// A recipient that is refused here keeps nobody behind it from being asked for, once,
// on one connection.
func TestDuty_E6_Gateway_TheFirstOfAGroupIsRefusedHere(t *testing.T) {
	for _, group := range [][]string{
		{"x@not-ours.example", "bob@example.com"},
		{"x@not-ours.example", "bob@example.com", "eve@example.com"},
		{"x@not-ours.example", "y@not-ours.example", "bob@example.com", "z@not-ours.example", "eve@example.com"},
		{"bob@example.com", "x@not-ours.example", "eve@example.com"},
	} {
		g := newStage(t, script{})
		c := g.dial()
		text, want := "MAIL FROM:<"+partner+">\r\n", []string(nil)
		for _, to := range group {
			text += "RCPT TO:<" + to + ">\r\n"
			if strings.HasSuffix(to, "@example.com") {
				want = append(want, "RCPT TO:<"+to+">")
			}
		}
		if _, err := c.conn.Write([]byte(text + "DATA\r\n")); err != nil {
			t.Fatal(err)
		}
		for range len(group) + 2 {
			if _, err := c.reply(); err != nil {
				t.Fatal(err)
			}
		}
		heard := slices.DeleteFunc(g.sink.Commands(), func(c string) bool { return !strings.HasPrefix(c, "RCPT") })
		if !slices.Equal(heard, want) {
			t.Errorf("%q: the next hop heard %q", group, heard)
		}
	}
}
