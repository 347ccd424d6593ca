package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/memory"
	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/store"
	"mxgate/policy"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

const stolenReply = "From: Anna Schmidt <anna@he1se.de>\r\nTo: bob@example.com\r\nSubject: Re: Invoice\r\nMessage-ID: <2@he1se.de>\r\nReferences: <3@heise.de>\r\n\r\n" +
	"Our bank has changed, please use the new account: DE89 3704 0044 0532 0130 00.\r\n"

// taught is a lab whose memory has had mail of anna@heise.de, and is open, as a
// gateway has it.
func taught(t *testing.T) (*lab, *memory.Store) {
	t.Helper()
	l := newLab(t, "127.0.0.1:1")
	server, err := memory.Open(memory.Config{Dir: filepath.Join(l.dir, "memory"), Own: []mail.Domain{"example.com"}, OnError: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() }) // a test may have done so
	author := mail.Address{Local: "anna", Domain: "heise.de"}
	for i, ago := range []int{30, 20, 1} {
		server.Learn(policy.Observation{At: time.Now().AddDate(0, 0, -ago), ID: fmt.Sprintf("%d@heise.de", i+1), Author: author, Name: "anna schmidt", Recipients: []mail.Address{bob}, Aligned: true})
	}
	if err := server.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l, server
}

// explainHere runs explain on the lab's configuration with a resolver of the test.
func (l *lab) explainHere(args ...string) (code int, out, errOut string) {
	l.t.Helper()
	server, err := dnstest.Serve("127.0.0.1:0", dns.MustSnapshot(l.t, letterZone))
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(server.Close)
	return mx(l.t, append([]string{"explain", "-config", l.config, "-dns", server.Addr().String(), "-client", "203.0.113.66"}, args...)...)
}

func TestExplainAsksTheMemoryOfToday(t *testing.T) {
	l, server := taught(t)
	file := l.file("theft.eml", stolenReply)
	since := time.Now().AddDate(0, 0, -30).UTC().Format(time.DateOnly)
	for _, state := range []string{"beside the gateway", "while there is none"} {
		code, out, errOut := l.explainHere("-memory", file)
		if code != exitFindings || errOut != "" {
			t.Errorf("%s: %d, %q", state, code, errOut)
		}
		text := strings.Join(strings.Fields(out), " ")
		wantIn(t, text, "verdict: QUARANTINE: stolen-thread", "one that we remember (of ", "he‹1›se.de", "memory as it was at "+time.Now().Local().Format(time.DateOnly),
			", not when the message came; it remembers mail since "+since+". Asked for bob@example.com, by To and Cc (-rcpt ADDRESS names another).")
		for line := range strings.Lines(out) {
			if len([]rune(line)) > 101 && !strings.Contains(line, l.config) {
				t.Errorf("a line is too long: %q", line)
			}
		}
		_ = server.Close()
	}
	_, out, errOut := l.explainHere(file)
	if strings.Contains(out, "\n  memory ") || strings.Contains(out, "stolen-thread") {
		t.Errorf("it was not to be asked:\n%s", out)
	}
	wantIn(t, errOut, "the memory is not asked", "-memory asks what it knows today")
}

func TestExplainJSONTellsWhichMemoryWasAsked(t *testing.T) {
	l, _ := taught(t)
	for _, c := range []struct{ text, rcpt, recipients, first string }{
		{stolenReply, "max@example.com", "given", "max@example.com"},
		{stolenReply, "", "to-and-cc", "bob@example.com"},
		{strings.Replace(stolenReply, "To: bob@example.com\r\n", "", 1), "", "none", ""},
	} {
		args := []string{"-memory", "-json", l.file("theft.eml", c.text)}
		if c.rcpt != "" {
			args = append(args, "-rcpt", c.rcpt)
		}
		_, out, errOut := l.explainHere(args...)
		var r struct {
			Reason string
			Memory struct {
				At, Since  time.Time
				Asked      bool
				Recipients string
				Knows      bool `json:"knows_message"`
			}
			Evidence struct {
				ForwardPaths []string `json:"forward_paths"`
			}
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil || errOut != "" {
			t.Fatal(err, errOut)
		}
		if r.Reason != "stolen-thread" || time.Since(r.Memory.At) > time.Minute || r.Memory.Since.IsZero() || !r.Memory.Asked || r.Memory.Recipients != c.recipients || strings.Join(r.Evidence.ForwardPaths, " ") != c.first || r.Memory.Knows {
			t.Errorf("%s: %+v", c.recipients, r)
		}
	}
	if _, out, _ := l.explainHere("-json", l.file("theft.eml", stolenReply)); strings.Contains(out, `"memory":`) {
		t.Errorf("not asked:\n%s", out)
	}
}

func TestExplainSaysThatAMessageHasTaughtTheMemory(t *testing.T) {
	l, _ := taught(t)
	genuine := l.file("genuine.eml", "From: Anna Schmidt <anna@heise.de>\r\nSubject: Invoice\r\nMessage-ID: <3@heise.de>\r\n\r\nx\r\n")
	_, out, _ := l.explainHere("-memory", genuine)
	wantIn(t, strings.Join(strings.Fields(out), " "), "To and Cc name nobody of yours", "This message has taught it, or an answer to it has")
}

func TestExplainSaysThatThereWasNobodyToAskTheMemoryAbout(t *testing.T) {
	l, _ := taught(t)
	_, out, _ := l.explainHere("-memory", l.file("two.eml", "From: a@heise.de, b@partner.example\r\nTo: bob@example.com\r\n\r\nx\r\n"))
	wantIn(t, out, "\n  memory      not asked: the message has no single author")
}

func TestExplainSaysWhyAMemoryCannotBeAsked(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	file := l.file("theft.eml", stolenReply)
	ask := func(want int, args ...string) string {
		t.Helper()
		code, out, errOut := mx(t, append([]string{"explain", "-memory", file}, args...)...)
		if code != want || out != "" || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%d, %q, %q", code, out, errOut)
		}
		return errOut
	}
	wantIn(t, ask(exitUsage), "-memory: expected -config FILE as well")
	wantIn(t, ask(exitCouldNot, "-config", l.config), l.config+": data_dir = ", "memory: none yet in "+filepath.Join(l.dir, "memory")+": the gateway makes one when it starts")
	if _, err := os.Stat(filepath.Join(l.dir, "memory")); !os.IsNotExist(err) {
		t.Errorf("one was made: %v", err)
	}
	text, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	off := l.file("off.toml", string(text)+"[memory]\nenabled = false\n")
	wantIn(t, ask(exitCouldNot, "-config", off), "memory.enabled = false: nothing is remembered that could be asked")
}

// What was remembered when it came is in the evidence; what is remembered today has
// one way to be asked.
func TestAHeldMessageIsExplainedByTheMemoryOfTodayAsItsPageSays(t *testing.T) {
	l, _ := taught(t)
	evidence, err := json.Marshal(spoof())
	if err == nil {
		err = l.store.Quarantine(t.Context(), store.Held{ID: "m1", ReceivedAt: time.Now(), Client: netip.MustParseAddr("192.0.2.1"), Source: "the-provider", Reason: "own-domain-spoof",
			Envelope: mail.Envelope{ReversePath: mail.Address{Local: "anna\u202e", Domain: "he1se.de"}, ForwardPaths: []mail.Address{bob}}, Evidence: evidence}, strings.NewReader(stolenReply))
	}
	if err != nil {
		t.Fatal(err)
	}
	page := func(args ...string) string {
		t.Helper()
		code, out, errOut := mx(t, append([]string{"quarantine", "show", "-config", l.config, "m1"}, args...)...)
		if code != exitFine {
			t.Fatal(code, errOut)
		}
		return out
	}
	if strings.Contains(page(), "mxgate explain") {
		t.Error("the short page is for who decides")
	}
	_, command, ok := strings.Cut(page("-all"), " | mxgate explain ")
	command, _, _ = strings.Cut(command, "\n")
	if want := "-memory -config " + l.config + " -source the-provider -rcpt bob@example.com -"; !ok || command != want {
		t.Fatalf("got %q, want %q", command, want)
	}
	args := strings.Fields(command)
	args[len(args)-1] = l.file("held.eml", page("-raw"))
	_, out, errOut := l.explainHere(args...)
	wantIn(t, strings.Join(strings.Fields(out), " "), "verdict: QUARANTINE: stolen-thread", "Asked for bob@example.com.")
	if errOut != "" {
		t.Error(errOut)
	}
	mx(t, "quarantine", "delete", "-config", l.config, "m1")
	if strings.Contains(page("-all"), "mxgate explain") {
		t.Error("a command for what is gone")
	}
}
