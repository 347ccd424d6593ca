package mail

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestParseMessage(t *testing.T) {
	for _, tc := range []struct {
		name    string
		content string
		fields  string // names, "-" for junk
		body    string
		junk    int
		noBlank bool
	}{
		{"two fields and a body", "A: 1\r\nB: 2\r\n\r\nbody\r\n", "A B", "body\r\n", 0, false},
		{"bare LF", "A: 1\nB: 2\n\nbody\n", "A B", "body\n", 0, false},
		{"a folded field", "A: 1\r\n\t2\r\nB: 3\r\n\r\n", "A B", "", 0, false},
		{"a leading continuation line", " x\r\nA: 1\r\n\r\n", "- A", "", 1, false},
		{"an mbox line", "From a@b.example Mon Jan 1 00:00:00 2001\r\nA: 1\r\n\r\n", "- A", "", 1, false},
		{"a junk line", "A: 1\r\njunk\r\nB: 2\r\n\r\n", "A - B", "", 1, false},
		{"a continuation of a junk line", "A: 1\r\njunk\r\n more\r\nB: 2\r\n\r\n", "A - B", "", 1, false},
		{"white space before the colon", "A \t: 1\r\n\r\n", "A", "", 0, false},
		{"no name", ": 1\r\n\r\n", "-", "", 1, false},
		{"a space in the name", "A B: 1\r\n\r\n", "-", "", 1, false},
		{"an 8-bit octet in the name", "A\xff: 1\r\n\r\n", "-", "", 1, false},
		{"no blank line", "A: 1\r\nB: 2\r\n", "A B", "", 0, true},
		{"no line end", "A: 1", "A", "", 0, true},
		{"nothing", "", "", "", 0, true},
		{"only a blank line", "\r\n", "", "", 0, false},
		{"no header", "\r\nbody", "", "body", 0, false},
		{"a line of white space continues the field", "A: 1\r\n \r\nB: 2\r\n\r\nx", "A B", "x", 0, false},
		{"CR CR LF is no blank line", "A: 1\r\n\r\r\nB: 2\r\n\r\nx", "A - B", "x", 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := ParseMessage(strings.NewReader(tc.content), int64(len(tc.content)))
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, f := range m.Fields {
				if names = append(names, f.Name); f.Name == "" {
					names[len(names)-1] = "-"
				}
			}
			if got := strings.Join(names, " "); got != tc.fields {
				t.Errorf("fields %q, want %q", got, tc.fields)
			}
			if body := readAll(t, m.Body()); body != tc.body {
				t.Errorf("body %q, want %q", body, tc.body)
			}
			if m.Junk != tc.junk || m.NoBlankLine != tc.noBlank {
				t.Errorf("Junk %d, NoBlankLine %v", m.Junk, m.NoBlankLine)
			}
			checkMessage(t, m, tc.content)
		})
	}
}

// checkMessage holds what is true of every message that parses.
func checkMessage(t *testing.T, m *Message, content string) {
	t.Helper()
	var header bytes.Buffer
	for _, f := range m.Fields {
		header.Write(f.Raw)
		if strings.Contains(f.Value(), "\n") {
			t.Errorf("LF in the value %q", f.Value())
		}
		if f.Name != "" && len(f.Name) <= maxVisibleName && f.VisibleName() != f.Name {
			t.Errorf("%q seems to be called %q", f.Name, f.VisibleName())
		}
		if f.Name != "" && !bytes.Contains(f.Raw, []byte(":")) {
			t.Errorf("field %q without colon", f.Raw)
		}
	}
	// The fields are the header section, octet for octet, up to the blank line.
	blank := strings.TrimPrefix(content[:m.HeaderOctets], header.String())
	if !strings.HasPrefix(content, header.String()) || strings.Trim(blank, "\r\n") != "" || len(blank) > 2 && blank != "\r\n" {
		t.Errorf("fields %q of header section %q", header.String(), content[:m.HeaderOctets])
	}
	if m.NoBlankLine != (blank == "") {
		t.Errorf("NoBlankLine %v, but %q ends the header section", m.NoBlankLine, blank)
	}
	if got := readAll(t, m.Reader()); got != content {
		t.Errorf("Reader gives %q", got)
	}
	if got := readAll(t, m.Body()); got != content[m.HeaderOctets:] {
		t.Errorf("Body gives %q", got)
	}
}

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFieldValueIsUnfolded(t *testing.T) {
	m := message(t, "Subject: one\r\n\ttwo\r\n  three  ", "X:", "Y : a:b", "Z:\x00 c\rd")
	for name, want := range map[string]string{"subject": "one\ttwo  three", "X": "", "Y": "a:b", "Z": "\x00 c\rd", "none": ""} {
		if got := m.First(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestVisibleName(t *testing.T) {
	long := strings.Repeat("x", maxVisibleName)
	for line, want := range map[string]string{
		"X-Mxgate-Verdict: x":                           "X-Mxgate-Verdict",
		"X-Mxgate-Verdict \t: x":                        "X-Mxgate-Verdict",
		"X-Mxgate-Released\x0c: x":                      "X-Mxgate-Released",
		"X-Mxgate-Verdict\xa0: x":                       "X-Mxgate-Verdict",
		"Authentication-Results\x0c: x":                 "Authentication-Results",
		"\x00Auth\x7fentication\u200b-\u00adResults: x": "Authentication-Results",
		"Authentication\r-Results: x":                   "Authentication-Results",
		"Authentication-\r\n Results : x":               "Authentication-Results",
		" From: x":                                      "From",
		strings.Repeat("\x0c", 100<<10) + "From: x":     "From",
		"a:b:c":       "a",
		": x":         "",
		"\x0c: x":     "",
		"junk":        "",
		long + "y: x": long,
	} {
		if got := message(t, line).Fields[0].VisibleName(); got != want {
			t.Errorf("%.80q has the visible name %q, want %q", line, got, want)
		}
	}
}

func TestNamedKeepsTheOrder(t *testing.T) {
	m := message(t, "Received: 3", "X: y", "RECEIVED: 2", "received : 1")
	var got []string
	for _, f := range m.Named("Received") {
		got = append(got, f.Value())
	}
	if strings.Join(got, "") != "321" || len(m.Named("Y")) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestParseMessageLimits(t *testing.T) {
	field := func(octets int) string { return "X: " + strings.Repeat("y", octets-len("X: \r\n")) + "\r\n" }
	for _, tc := range []struct {
		name    string
		content string
		fits    bool
	}{
		{"the longest field", field(MaxFieldOctets) + "\r\n", true},
		{"a longer field", field(MaxFieldOctets+1) + "\r\n", false},
		{"a field made long by folding", "X: y\r\n" + strings.Repeat(" y\r\n", MaxFieldOctets/4) + "\r\n", false},
		{"the most fields", strings.Repeat("X: y\r\n", MaxFields) + "\r\n", true},
		{"one field more", strings.Repeat("X: y\r\n", MaxFields+1) + "\r\n", false},
		{"the longest header section", strings.Repeat(field(1024), MaxHeaderOctets/1024-1) + field(1022) + "\r\nbody", true},
		{"a longer header section", strings.Repeat(field(1024), MaxHeaderOctets/1024) + "\r\nbody", false},
		{"a header section without end", strings.Repeat(field(1024), MaxHeaderOctets/1024+1), false},
		{"the longest without blank line", strings.Repeat(field(1024), MaxHeaderOctets/1024), true},
		{"one octet more without blank line", strings.Repeat(field(1024), MaxHeaderOctets/1024) + "x", false},
	} {
		m, err := ParseMessage(strings.NewReader(tc.content), int64(len(tc.content)))
		if tc.fits {
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
				continue
			}
			checkMessage(t, m, tc.content)
		} else if !errors.Is(err, ErrHeaderLimit) {
			t.Errorf("%s: %v, want ErrHeaderLimit", tc.name, err)
		}
	}
}

// A report tells of what stands before the limit, and of no half field.
func TestTheFieldsBeforeTheLimitAreKept(t *testing.T) {
	long := strings.Repeat("Y: "+strings.Repeat("y", 1019)+"\r\n", MaxHeaderOctets/1024)
	for _, c := range []struct {
		name, content string
		last          string // name of the last field
		fields        int
	}{
		{"a long header section", "X: 1\r\n" + long + "\r\nbody", "Y", 1024},
		{"one without end", "X: 1\r\n" + long + long, "Y", 1024},
		{"many fields", strings.Repeat("X: 1\r\n", MaxFields+1) + "\r\n", "X", MaxFields},
		{"a long line", "X: 1\r\nY: " + strings.Repeat("y", MaxFieldOctets) + "\r\n\r\n", "X", 1},
		{"a long folded field", "X: 1\r\nY: 2\r\n" + strings.Repeat(" y\r\n", MaxFieldOctets/4) + "\r\n", "X", 1},
		{"a line without end", "X: 1\r\nY: " + strings.Repeat("y", MaxHeaderOctets), "X", 1},
		{"nothing but that", "Y: " + strings.Repeat("y", MaxHeaderOctets), "", 0},
	} {
		m, err := ParseMessage(strings.NewReader(c.content), int64(len(c.content)))
		if !errors.Is(err, ErrHeaderLimit) || m == nil || len(m.Fields) != c.fields {
			t.Errorf("%s: %v, %+.200v", c.name, err, m)
			continue
		}
		if c.fields > 0 && (m.First("X") != "1" || m.Fields[c.fields-1].Name != c.last || !bytes.HasSuffix(m.Fields[c.fields-1].Raw, []byte("\r\n"))) {
			t.Errorf("%s: first %q, last %.80q", c.name, m.Fields[0].Raw, m.Fields[c.fields-1].Raw)
		}
	}
}

// failingAt fails on every read.
type failingAt struct{}

func (failingAt) ReadAt([]byte, int64) (int, error) { return 0, iotest.ErrTimeout }

func TestParseMessageReportsErrorsOfTheContent(t *testing.T) {
	if _, err := ParseMessage(failingAt{}, 10); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("error %v", err)
	}
	if _, err := ParseMessage(strings.NewReader("A: 1\r\n"), 100); err == nil {
		t.Error("a content shorter than its size is no error")
	}
}

func FuzzParseMessage(f *testing.F) {
	for _, s := range []string{"A: 1\r\n b\r\nC : 2\r\n\r\nbody", " x\nA:\n\n", "From x\r\n:\r\n\r\r\n\r\n", "\r\n", "A"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content string) {
		m, err := ParseMessage(strings.NewReader(content), int64(len(content)))
		if err != nil {
			if !errors.Is(err, ErrHeaderLimit) {
				t.Fatal(err)
			}
			if m.HeaderOctets > len(content) || len(m.Fields) > MaxFields {
				t.Errorf("%d octets, %d fields", m.HeaderOctets, len(m.Fields))
			}
			return
		}
		checkMessage(t, m, content)
	})
}
