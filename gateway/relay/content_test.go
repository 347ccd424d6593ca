package relay

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// written is what writeContent makes of in, read in pieces of at most n octets.
func written(in string, n int) (string, error) {
	var w bytes.Buffer
	err := writeContent(&w, &pieces{strings.NewReader(in), n})
	return w.String(), err
}

type pieces struct {
	r *strings.Reader
	n int
}

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(p.n, len(b))]) }

func TestContent_on_the_wire(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ".\r\n"},
		{"a\r\n", "a\r\n.\r\n"},
		{"a", "a\r\n.\r\n"},
		{"\r\n", "\r\n.\r\n"},
		{".", "..\r\n.\r\n"},
		{".\r\n", "..\r\n.\r\n"},
		{"..\r\n", "...\r\n.\r\n"},
		{".\r\n.\r\n.\r\n", "..\r\n..\r\n..\r\n.\r\n"},
		{"a.\r\n", "a.\r\n.\r\n"},
		{"a\r\n.b\r\nc.\r\n", "a\r\n..b\r\nc.\r\n.\r\n"},
		{"a\r\n.", "a\r\n..\r\n.\r\n"},
		{"\r\n\r\n.", "\r\n\r\n..\r\n.\r\n"},
		{"\xff\x80\x01\r\n", "\xff\x80\x01\r\n.\r\n"},
	}
	for _, tt := range tests {
		if got, err := written(tt.in, 1); err != nil || got != tt.want {
			t.Errorf("%q: %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestDuty_F3_Relay(t *testing.T) {
	for _, in := range []string{"\n", "\r", "\x00", "a\nb", "a\rb", "\r\r\n", "a\r\n\n", "\r\n.\r", "\n.\r\n", "\r.\r\n", "a\r\n\x00", "\n\r", "a\rb\nc\r\n", "a\nb\rc\r\n"} {
		for _, lead := range []int{0, blockOctets - 2, blockOctets - 1, blockOctets} {
			got, err := written(strings.Repeat("x", lead)+in, 1<<20)
			if !errors.Is(err, ErrUnclean) || strings.HasSuffix(got, ".\r\n") {
				t.Errorf("%q behind %d octets: %v, wrote ...%q", in, lead, err, got[max(0, len(got)-10):])
			}
		}
	}
}

func TestContent_seams_between_blocks_change_nothing(t *testing.T) {
	for _, in := range []string{"\r\n.\r\n", "\r\n..\r\n.x", ".", "\r\n", "\r\n.\r\n.\r\n."} {
		for lead := blockOctets - 8; lead <= blockOctets; lead++ {
			text := strings.Repeat("x", lead) + in
			got, err := written(text, 1<<20)
			if err != nil || got != slowly(text) {
				t.Errorf("%q behind %d octets: %v", in, lead, err)
			}
		}
	}
}

func TestContent_the_error_of_the_writer_is_returned(t *testing.T) {
	broken := errors.New("broken")
	if err := writeContent(failingWriter{broken}, strings.NewReader("a\r\n")); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// slowly is transparency as RFC 5321, Section 4.5.2 tells it, line by line, for
// content of CRLF lines.
func slowly(in string) string {
	var b strings.Builder
	for line := range strings.SplitAfterSeq(in, "\r\n") {
		if strings.HasPrefix(line, ".") {
			b.WriteByte('.')
		}
		b.WriteString(line)
	}
	out := b.String()
	if out != "" && !strings.HasSuffix(out, "\r\n") {
		out += "\r\n"
	}
	return out + ".\r\n"
}

// isClean is the slow definition of what may be sent.
func isClean(in string) bool {
	return !strings.ContainsAny(strings.ReplaceAll(in, "\r\n", ""), "\r\n\x00")
}

// randomContent is clean content of about n octets, rich in dots and line ends.
func randomContent(r *rand.Rand, n int) []byte {
	words := []string{".", "..", "\r\n", "\r\n.", "\r\n.\r\n", "\r\n..\r\n", "x", " ", "text", "\xe4", strings.Repeat("y", 900)}
	var b bytes.Buffer
	for b.Len() < n {
		b.WriteString(words[r.IntN(len(words))])
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func TestDuty_I5_Relay(t *testing.T) {
	s := sink(t, nil)
	p := pool(t, nil)
	r := rand.New(rand.NewPCG(1, 2))
	var sent [][]byte
	for _, n := range []int{0, 1, 2, 10, 100, 1000, 10_000, 60_000, 70_000, 140_000, 1_000_000} {
		for range 5 {
			body := randomContent(r, n)
			cut := r.IntN(len(body) + 1)
			d := openWith(t, p, s, "b@example.net")
			if reply, err := d.Send(t.Context(), bytes.NewReader(body[:cut]), bytes.NewReader(body[cut:])); err != nil || !reply.Positive() {
				t.Fatalf("%v, %v", reply, err)
			}
			sent = append(sent, body)
		}
	}
	for i, m := range s.Messages() {
		if !bytes.Equal(m.Content, sent[i]) {
			t.Fatalf("message %d of %d octets arrived as %d", i, len(sent[i]), len(m.Content))
		}
	}
	if n := s.Count(); n != len(sent) {
		t.Errorf("%d of %d arrived", n, len(sent))
	}
}

// The writer must agree with the definitions above, wherever its blocks begin.
func FuzzWriteContent(f *testing.F) {
	for _, s := range []string{"", "a\r\n.\r\n", ".\r\n", "\r", "\n", "\x00", "\r\n.\n", "a\r\n..\r\n.b", ".\r", "\n\r", "\ra\n"} {
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, in string, cut uint8) {
		got, err := written(in, 1<<20)
		if clean := isClean(in); (err == nil) != clean {
			t.Fatalf("%q: clean %v, error %v", in, clean, err)
		} else if clean && got != slowly(in) {
			t.Fatalf("%q: %q, want %q", in, got, slowly(in))
		}
		var s stuffer // in blocks of cut octets
		var out []byte
		var failed error
		for block := range slices.Chunk([]byte(in), int(cut)+1) {
			stuffed, err := s.stuff(block)
			out, failed = append(out, stuffed...), errors.Join(failed, err)
		}
		if failed == nil {
			out, failed = s.end(out)
		}
		if (failed == nil) != (err == nil) || failed == nil && string(out)+endOfData != got {
			t.Fatalf("%q in blocks of %d: %q, %v; want %q, %v", in, int(cut)+1, out, failed, got, err)
		}
	})
}
