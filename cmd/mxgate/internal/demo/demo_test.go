package demo

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"mxgate/policy"
)

// patience bounds every wait: who needs it all is stuck.
const patience = 30 * time.Second

// screen is what the demo prints to; await waits for a text on it.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *screen) await(t *testing.T, part string) string {
	t.Helper()
	late := time.After(patience)
	for {
		if text := s.String(); strings.Contains(text, part) {
			return text
		}
		select {
		case <-s.changed:
		case <-late:
			t.Fatalf("%q did not come:\n%s", part, s)
		}
	}
}

// The stories end as their titles promise, and what the last ones rest on is what
// the gateway learned from those before them.
func TestTheStoriesEndAsTold(t *testing.T) {
	var b strings.Builder
	if err := Run(t.Context(), Options{Out: &b, Color: true}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		"REFUSED", "not-admitted", "QUARANTINED", "own-domain-spoof", "TAGGED", "dmarc-none-weak", "QUARANTINED", " lookalike ",
		"│ ‹\x1b[1;31mrn\x1b[0m›ybank.example   no proven mail delivered here", "│ ‹\x1b[1;31mm\x1b[0m›ybank.example    protected",
		"DELIVERED", " clean ", "DELIVERED", " clean ", "QUARANTINED", "stolen-thread", "2 messages since", "Added", "to the conversation: partner.example.",
		"│ he‹\x1b[1;31m1\x1b[0m›se.de   no proven mail delivered here", "│ he‹\x1b[1;31mi\x1b[0m›se.de   known since 2",
		"QUARANTINED", " impostor ", "│ he‹\x1b[1;31m1\x1b[0m›se.de", "QUARANTINED", "added-lookalike", "│ he‹\x1b[1;31m1\x1b[0m›se.de",
		"DELIVERED", " clean ", "4 messages reached the mail server, 5 are in quarantine, nothing is lost.", "5 message ids in 2 conversations",
	} {
		_, after, found := strings.Cut(text, want)
		if !found {
			t.Fatalf("%q does not come, or not in its place; before it:\n%s", want, b.String()[:len(b.String())-len(text)])
		}
		text = after
	}
}

// varies is what differs from run to run: ports and days.
var varies = regexp.MustCompile(`127\.0\.0\.1:\d+|\d{4}-\d\d-\d\d`)

// A terminal has 80 columns, if nobody made it wider.
func TestTheDemoFitsATerminal(t *testing.T) {
	var b strings.Builder
	if err := Run(t.Context(), Options{Out: &b}); err != nil {
		t.Fatal(err)
	}
	fits(t, b.String())
}

func fits(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestTheReadmeShowsWhatTheDemoPrints(t *testing.T) {
	readme, err := os.ReadFile("../../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := Run(t.Context(), Options{Out: &b}); err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(readme), "what became of each message:\n\n")
	shown, _, _ = strings.Cut(shown, "\n`-keep`")
	want := varies.ReplaceAllString(b.String(), "*")
	got := varies.ReplaceAllString(strings.ReplaceAll("\n"+shown, "\n    ", "\n")[1:], "*")
	got, want = strings.TrimSpace(got), strings.TrimSpace(want)
	lines := strings.Split(want, "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(lines) || line != lines[i] {
			t.Fatalf("README.md, line %d of the demo: %q; `go run ./cmd/mxgate demo` prints\n%s", i+1, line, want)
		}
	}
	if len(got) != len(want) {
		t.Errorf("README.md ends before the demo does:\n%s", want)
	}
}

func TestTheDialogueThatKeepInvitesToWorks(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash not found")
	}
	s := &screen{changed: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, Options{Out: s, Keep: true}) }() // ends when stop is called
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	text := s.await(t, "What becomes of each message is shown here:")
	_, script, found := strings.Cut(text, "bash <<'END'\n")
	script, _, whole := strings.Cut(script, "\nEND\n")
	if !found || !whole || strings.Contains(script, "\t") { // a tab that is pasted asks the shell to complete
		t.Fatalf("no dialogue to paste in:\n%s", text)
	}
	_, told, _ := strings.Cut(text, "wrote to whom.\n")
	told, _, _ = strings.Cut(told, "bash <<")
	_, rest, _ := strings.Cut(text, "\nEND\n")
	for line := range strings.Lines(told + rest) {
		if !strings.HasPrefix(line, "  ") { // a command, to be pasted whole
			fits(t, line)
		}
	}
	paste := exec.CommandContext(ctx, bash)
	paste.Stdin = strings.NewReader(script)
	answers, err := paste.CombinedOutput()
	if err != nil || !strings.Contains(string(answers), "250 2.0.0 OK, held for review") {
		t.Errorf("%v\n%s", err, answers)
	}
	text = s.await(t, "11  QUARANTINED       A message from erika@example.com to bob@example.com.\n    own-domain-spoof  198.51.100.7 → provider → gateway; answer: 250\n")

	_, address, _ := strings.Cut(text, "exec 3<>/dev/tcp/")
	address, _, _ = strings.Cut(address, "\n")
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.66")}}
	conn, err := dialer.DialContext(ctx, "tcp", strings.Replace(address, "/", ":", 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("EHLO again.example\r\nQUIT\r\n")); err != nil {
		t.Error(err)
	}
	defer conn.Close()
	s.await(t, "12  REFUSED           A stranger who says HELO again.example, past the MX.\n    not-admitted      127.0.0.66 → gateway; answer: 554 at connect\n                      Recorded: 2 attempts from 127.0.0.66/32.\n")
}

func TestTheNameThatResemblesIsShown(t *testing.T) {
	both := lines(&policy.Similar{Domain: "docs-share.com", As: "heise.de.docs-share.com", Target: "heise.de"})
	if got := both[0].name() + " " + both[1].name(); got != "heise.de‹.docs-share.com› heise.de" {
		t.Error(got)
	}
}
