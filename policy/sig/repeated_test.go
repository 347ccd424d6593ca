package sig

import (
	"fmt"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

func TestAFieldThatIsRepeatedMustBeCoveredEachTime(t *testing.T) {
	const both = "SUBJECT: upper\r\nFrom: a\r\nSubject : lower\r\n"
	tests := []struct {
		header, names string
		why           string // "" if nothing is wrong
	}{
		{"Subject: x\r\nFrom: a\r\n", "from:subject", ""},
		{"Subject: x\r\nFrom: a\r\n", "from:subject:subject:to:to", ""}, // oversigned
		{both, "from:subject", "the message has 2 fields Subject, the signature covers 1 of them"},
		{both, "from:Sub\r\n ject", "the message has 2 fields Subject, the signature covers 1 of them"},
		{both, "from:subject:subject", ""},
		{both, "from:subject:subject:subject", ""},
		{both, "from", ""}, // it says nothing of the subject
		{both + "subject: third\r\n", "from:subject:subject", "the message has 3 fields Subject, the signature covers 2 of them"},
		{"Subject:\r\n" + both, "from:to:subject", "the message has 3 fields Subject, the signature covers 1 of them"},
		{"Sub\x01ject: x\r\nSubject: y\r\nFrom: a\r\n", "from:subject", "the message has 2 fields Subject"}, // a reader may see two
		{"From: a\r\nReceived: x\r\nReceived: y\r\nX-A: 1\r\nX-A: 2\r\n", "from:received:x-a", ""},
		{"MIME-Version: 1.0\r\nFrom: a\r\nMime-Version: 1.0 (x)\r\n", "from:mime-version", ""}, // as honest messages have it
		{"From: a\r\nFrom: b\r\n", "from", ""}, // for the author's parser
		{"From: a\r\n" + strings.Repeat("x", 500) + ": 1\r\n", "from", ""},
	}
	for _, name := range []string{"To", "Cc", "Date", "Reply-To", "Sender", "Message-ID", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-ID", "Content-Description"} {
		tests = append(tests, struct{ header, names, why string }{name + ": 1\r\nFrom: a\r\n" + strings.ToUpper(name) + ": 2\r\n", "from:" + name, fmt.Sprintf("the message has 2 fields %s, the", name)})
	}
	for _, test := range tests {
		s := Parse([]byte("X: h=" + test.names))
		s.ReadNames()
		s.CheckRepeated(FindRepeated(message(t, test.header+"\r\n")))
		want := mail.Policy
		if test.why == "" {
			want = ""
		}
		if s.Refused != want || (s.Why == "") != (test.why == "") || !strings.HasPrefix(s.Why, test.why) {
			t.Errorf("%q, h=%q: %s %q", test.header, test.names, s.Refused, s.Why)
		}
	}
}

// Nearly every message repeats nothing.
func TestToFindNothingRepeatedCostsNoMemory(t *testing.T) {
	m := message(t, strings.Repeat("Received: from a.example by b.example\r\n", 9)+"From: a\r\nTo: b\r\nSubject: c\r\nContent-Transfer-Encoding: 7bit\r\n\r\n")
	if n := testing.AllocsPerRun(20, func() { FindRepeated(m) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
