package gateway

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxgate/gateway/store"
	"mxgate/policy/mail"
)

// refusedContent is content that breaks a rule.
type refusedContent struct {
	name, content, want string
	closes              bool
	reason              string // in the journal's sentence
}

// wantRefused fails unless each is refused at its true end and nothing of it goes
// on; the next message of the session does.
func wantRefused(t *testing.T, cases ...refusedContent) {
	t.Helper()
	g := newStage(t, script{tail: "[limits]\nmessage_octets = 3000000\n"})
	followed := 0
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := g.dial()
			if reply, err := s.envelope(partner, []string{bob}); reply != "" || err != nil {
				t.Fatal(reply, err)
			}
			if _, err := s.conn.Write([]byte(stuffed(c.content) + ".\r\n")); err != nil {
				t.Fatal(err)
			}
			reply, err := s.reply()
			if err != nil {
				t.Fatal(err)
			}
			g.wantReply(reply, c.want)
			if e := g.entry(reply); e.Outcome != store.Refused || !strings.Contains(e.Sentence, c.reason) || e.Reason != "" {
				t.Errorf("the journal says %s, %q, %q", e.Outcome, e.Reason, e.Sentence)
			}
			if c.closes {
				if !s.ended() {
					t.Error("the session goes on")
				}
				return
			}
			followed++
			if next, err := s.deliver(partner, []string{bob}, cleanMail()); err != nil || !strings.HasPrefix(next, "250 ") {
				t.Errorf("the next message was answered %q, %v", next, err)
			}
		})
	}
	if n, held := g.sink.Count(), len(g.held()); n != followed || held != 0 {
		t.Errorf("%d messages at the next hop and %d held, want the %d that followed a refusal", n, held, followed)
	}
}

func TestDuty_F2_Gateway(t *testing.T) {
	wantRefused(t,
		refusedContent{"NUL in the body", cleanMail() + "a\x00b\r\n", "554 5.5.2", true, "NUL"},
		refusedContent{"NUL in the header", cleanMail("X: a\x00b"), "554 5.5.2", true, "NUL"},
		refusedContent{"a bare LF", cleanMail() + "a\nb\r\n", "554 5.5.2", true, "bare LF"},
		refusedContent{"a bare CR", cleanMail() + "a\rb\r\n", "554 5.5.2", true, "bare CR"},
		refusedContent{"an end of data for others", cleanMail() + "a\n.\nMAIL FROM:<x@bulk.example>\r\n", "554 5.5.2", true, "bare LF"},
	)
}

func TestDuty_F4_Gateway(t *testing.T) {
	wantRefused(t,
		refusedContent{"more than the size limit", cleanMail() + strings.Repeat("0123456789\r\n", 260_000), "552 5.3.4", false, "size limit"},
	)
}

func TestDuty_F6_Gateway(t *testing.T) {
	wantRefused(t,
		refusedContent{"a header line of 2 MB", cleanMail("X-Long: " + strings.Repeat("a", 2<<20)), "554 5.6.0", false, "header section exceeds a limit"},
		refusedContent{"a folded field of 200 KB", cleanMail("X-Long: a" + strings.Repeat("\r\n "+strings.Repeat("b", 98), 2000)), "554 5.6.0", false, "header section exceeds a limit"},
		refusedContent{"2001 fields", cleanMail(strings.Repeat("A: b\r\n", 2000) + "A: b"), "554 5.6.0", false, "header section exceeds a limit"},
	)
}

// ourTrace is what we write ourselves.
const ourTrace = "Received: from a by gate.example.com (mxgate) with ESMTP id 1; Mon, 2 Mar 2026 10:00:00 +0100"

func TestDuty_F7(t *testing.T) {
	wantRefused(t,
		refusedContent{"100 Received", strings.Repeat("Received: from a by b.example; Mon, 2 Mar 2026 10:00:00 +0100\r\n", 100) + cleanMail(), "554 5.4.6", false, "loop"},
		refusedContent{"our own Received, twice", ourTrace + "\r\n" + strings.ToUpper(ourTrace) + "\r\n" + cleanMail(), "554 5.4.6", false, "loop"},
	)
}

// Fields with our authserv-id or our prefix go, whatever they look like; all others
// stay. H5 and H6 are shown here too.
func TestDuty_H4(t *testing.T) {
	g := newStage(t, script{})
	ours := []string{
		"Authentication-Results: gate.example.com; dmarc=pass",
		"AUTHENTICATION-RESULTS: GATE.Example.Com 1; dmarc=pass",
		"authentication-results : (comment) gate.example.com(more); spf=pass",
		"Authentication-Results:\r\n\tgate.example.com;\r\n\tspf=pass",
		"Authentication-Results: \"gate.example.com\" 1; spf=pass",
		"X-Mxgate-Verdict: relay; reason=clean",
		"x-MXGATE-released: now",
		"X-Mxgate-Anything : \r\n folded",
		"X_Mxgate_Verdict: relay", "X-Mxgate-Released\x0c: now", "X-Mxgate-Verdict\xa0: relay", // as a lenient reader sees them
		"Authentication-Results\x0b: gate.example.com; dmarc=pass",
	}
	theirs := []string{
		"From: " + partner, // above what is no field: else the author is ambiguous
		"Authentication-Results: provider.example; dmarc=pass",
		"Authentication-Results: gate.example.com.attacker.example; dmarc=pass",
		"Authentication-Results-Original: gate.example.com; dmarc=pass",
		"ARC-Authentication-Results: i=1; gate.example.com; dmarc=pass",
		"Received-SPF: pass", "X-Mxgate: no prefix", "X-Mxgates-Verdict: none",
		"no colon here", "Subject:  odd   spacing\t", " =?utf-8?q?folded?=", "X-Raw: \xe4\xf6\xfc",
		"X-Last: 1", "X-Last: 2", "X-Last: 3",
	}
	var sent, kept []string
	for i := range max(len(ours), len(theirs)) {
		if i < len(theirs) {
			sent, kept = append(sent, theirs[i]), append(kept, theirs[i])
		}
		if i < len(ours) && !strings.HasPrefix(theirs[min(i+1, len(theirs)-1)], " ") {
			sent = append(sent, ours[i])
		}
	}
	head, tail := fromProvider("192.0.2.10"), "\r\n\r\nAuthentication-Results: gate.example.com; in the body\r\n"
	g.wantReply(g.deliver(partner, []string{bob}, ours[0]+"\r\n"+head+strings.Join(sent, "\r\n")+tail), "250 2.0.0")
	got := string(g.sink.Messages()[0].Content)
	block, ok := strings.CutSuffix(got, head+strings.Join(kept, "\r\n")+tail)
	if !ok {
		t.Fatalf("at the next hop:\n%s", got)
	}
	if err := blockFault(block, "Received", "Authentication-Results", "X-Mxgate-Verdict", "X-Mxgate-Path"); err != nil {
		t.Error(err)
	}
	if !strings.Contains(block, "\r\nAuthentication-Results: gate.example.com;\r\n\tspf=pass smtp.mailfrom=partner.example;") {
		t.Errorf("our results are not stated:\n%s", block)
	}
}

// A message that begins in the middle of a field must not continue one of ours.
func TestALeadingContinuationLineDoesNotJoinOurBlock(t *testing.T) {
	g := newStage(t, script{})
	content := "\t; reason=clean; forged=yes\r\n" + cleanMail()
	g.wantReply(g.deliver(partner, []string{bob}, content), "250 2.0.0")
	for _, got := range g.sink.Messages() {
		m, err := mail.ParseMessage(bytes.NewReader(got.Content), int64(len(got.Content)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range m.Fields {
			if f.Is("Comments") != strings.Contains(f.Value(), "forged") {
				t.Errorf("the line has become part of %q", f.Raw)
			}
		}
	}
}

// dice makes random messages. It knows which of their pieces are ours to strip
// because it wrote them, not by asking the code that strips.
type dice struct{ *rand.Rand }

func (d dice) pick(from ...string) string { return from[d.IntN(len(from))] }

func (d dice) word() string {
	b := make([]byte, 1+d.IntN(12))
	for i := range b {
		b[i] = byte('!' + d.IntN(94))
	}
	return strings.ReplaceAll(string(b), ":", ";")
}

func (d dice) cased(s string) string {
	b := []byte(s)
	for i := range b {
		if d.IntN(2) == 0 {
			b[i] = strings.ToUpper(s[i : i+1])[0]
		}
	}
	return string(b)
}

// blank is white space, folded now and then.
func (d dice) blank() string { return d.pick(" ", "\t", "  ", "\r\n ", "\r\n\t", " \r\n\t ") }

func (d dice) field() (text string, ours bool) {
	space := d.pick("", "", " ", "\t ")
	switch d.IntN(8) {
	case 0:
		return d.cased("x-mxgate-") + d.pick("verdict", "Why", "released", "x") + space + ":" + d.blank() + d.word() + "\r\n", true
	case 1:
		id := d.pick("", "(c)", "(a (nested) one) ") + d.cased("gate.example.com") + d.pick("", " 1", "/1", ".", " (v)")
		return d.cased("authentication-results") + space + ":" + d.blank() + id + d.pick(";", "; ", " ;") + "spf=pass\r\n", true
	case 2:
		return "Authentication-Results: " + d.pick("provider.example", "xgate.example.com", "gate.example.community") + "; dmarc=pass\r\n", false
	case 3:
		return d.pick("no colon here", "From the middle", "=20", "-----") + "\r\n", false
	}
	text = "X-" + d.pick("A", "Mx", "Spam-Score", "gate") + space + ":"
	for range d.IntN(6) {
		text += d.blank() + d.word()
	}
	return text + "\r\n", false
}

// message returns what is sent, and what of it must arrive.
func (d dice) message() (sent, kept string) {
	add := func(text string, ours bool) {
		sent += text
		if !ours {
			kept += text
		}
	}
	for range d.IntN(4) {
		add("Received: from a by b.example; Mon, 2 Mar 2026 10:00:00 +0100\r\n", false)
	}
	for range d.IntN(20) {
		add(d.field())
	}
	add("From: "+d.pick(partner, bob, "Anna <anna@news.example>")+"\r\n", false)
	for range d.IntN(5) {
		add(d.field())
	}
	if d.IntN(8) > 0 {
		add("\r\n", false)
		for range d.IntN(30) {
			add(d.pick("", ".", "..", ".x", "X-Mxgate-Verdict: in the body", strings.Repeat("long ", 1+d.IntN(3000)), "\xff\xfe\x80")+"\r\n", false)
		}
	}
	return sent, kept
}

// Relayed octets are our block and what was received less what is stripped:
// SMTP-DUTIES I5. A small memory limit sends many of them through a spool file.
func TestDuty_I5_Gateway(t *testing.T) {
	g := newStage(t, script{head: `mode = "observe"`, tail: "[limits]\nmemory_octets = 8192\n"})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	d := dice{rand.New(rand.NewPCG(seed, 0))}
	c := g.dial()
	for i := range 400 {
		if i%50 == 49 {
			c = g.dial()
		}
		sent, kept := d.message()
		reply, err := c.deliver(fmt.Sprintf("m%d@partner.example", i), []string{bob}, sent)
		if err != nil || !strings.HasPrefix(reply, "250 ") {
			t.Fatalf("message %d: %q, %v\n%q", i, reply, err, sent)
		}
		all := g.sink.Messages()
		got := string(all[len(all)-1].Content)
		block, ok := strings.CutSuffix(got, kept)
		if !ok {
			t.Fatalf("message %d: sent\n%q\nwant at the end\n%q\ngot\n%q", i, sent, kept, got)
		}
		names := []string{"Received", "Authentication-Results", "X-Mxgate-Verdict", "X-Mxgate-Path", "X-Mxgate-Why"}
		if strings.Contains(block, "reason=clean") {
			names = names[:3]
		}
		if err := blockFault(block, names...); err != nil {
			t.Fatalf("message %d: %v\n%q", i, err, sent)
		}
	}
	left, err := filepath.Glob(filepath.Join(g.cfg.DataDir, "spool", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in the spool: %q, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(g.cfg.DataDir, "spool")); err != nil {
		t.Error(err)
	}
}
