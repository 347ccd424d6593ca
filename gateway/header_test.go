package gateway

import (
	"fmt"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

func parsed(t *testing.T, text string) *mail.Message {
	t.Helper()
	m, err := mail.ParseMessage(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The look at the first octet must not let anything through that the whole name
// would not.
func TestFieldsInOurNameAreStrippedHoweverTheyAreWritten(t *testing.T) {
	for field, want := range map[string]bool{
		"X-Mxgate-Verdict: relay":                       true,
		"x_mXGATE_why: nothing":                         true,
		"\x01X-Mxgate-Verdict: relay":                   true,
		"\xc3\xa4X-Mxgate-Verdict: relay":               true,
		"X-Mxgate-Verdict : relay":                      true,
		"Authentication-Results: gate.example.com; x":   true,
		"\x7fauthentication_results: gate.example.com":  true,
		"Authentication-Results: other.example.com; x":  false,
		"Subject: X-Mxgate-Verdict":                     false,
		"X-Mailer: mxgate":                              false,
		"Received: from x by gate.example.com (mxgate)": false,
	} {
		m := parsed(t, field+"\r\n\r\n")
		if got := stripped(m.Fields[0], "gate.example.com"); got != want {
			t.Errorf("%q: %t", field, got)
		}
	}
}

func TestALoopIsSeenHoweverTheTraceIsFolded(t *testing.T) {
	ours := "Received: from a ([192.0.2.1])\r\n\tby gate.example.com (mxgate) with ESMTP\r\n"
	folded := "RECEIVED: from a\r\n\tBY  Gate.Example.COM\r\n (MXGATE) with ESMTP\r\n"
	other := "Received: from a by mxgate.example.org with ESMTP\r\n"
	for text, want := range map[string]bool{
		ours:                       false, // once is a way home
		ours + folded:              true,
		ours + other + other:       false,
		strings.Repeat(other, 100): true,
		strings.Repeat(other, 99):  false,
		ours + strings.Repeat("X-Received: by gate.example.com (mxgate)\r\n", 3): false,
	} {
		if got := loops(parsed(t, text+"\r\n"), "gate.example.com"); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ~ text":            "plain ~ text",
		"":                        "",
		"a\r\nb\x7f":              "a??b?",
		"\u0435xample":            "U+0435xample",
		"bad \xff":                "bad U+FFFD",
		strings.Repeat("x", 800):  strings.Repeat("x", 800),
		strings.Repeat("x", 1000): strings.Repeat("x", 800),
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestFoldKeepsLinesShort(t *testing.T) {
	field := fold("X-Mxgate-Why", strings.Repeat("word ", 100)+strings.Repeat("y", 100))
	for i, line := range strings.Split(strings.TrimSuffix(field, "\r\n"), "\r\n") {
		line = strings.Replace(line, "\t", strings.Repeat(" ", 8), 1)
		if i > 0 && line[0] != ' ' || len(line) > 78 && !strings.HasSuffix(line, "y") {
			t.Errorf("line %d: %q", i, line)
		}
	}
	if got, want := strings.Join(strings.Fields(field), " "), fmt.Sprint("X-Mxgate-Why: ", strings.Repeat("word ", 100), strings.Repeat("y", 100)); got != want {
		t.Errorf("%q", got)
	}
}
