package sig

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// once is content that can be read once only; then it fails.
type once struct {
	io.Reader
	read *int
}

func (o once) Read(p []byte) (int, error) {
	n, err := o.Reader.Read(p)
	if *o.read -= n; *o.read < 0 {
		return 0, errors.New("read again")
	}
	return n, err
}

func TestABodyIsHashedOnceForEachCanonicalization(t *testing.T) {
	const text = "a  b \r\n\r\n"
	left := 2 * len(text)
	b := &Body{Octets: int64(len(text)), open: func() io.Reader { return once{strings.NewReader(text), &left} }}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Hash(done, Simple); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for range 3 {
		for canon, want := range map[Canon]string{Simple: "a  b \r\n", Relaxed: "a b\r\n"} {
			sum, err := b.Hash(t.Context(), canon)
			if want := sha256.Sum256([]byte(want)); err != nil || !bytes.Equal(sum, want[:]) {
				t.Errorf("%s: %x, %v", canon, sum, err)
			}
		}
	}
	if sum, err := b.Hash(done, Simple); err != nil || sum == nil {
		t.Errorf("a hash that is known needs no time: %v", err)
	}
}

func TestABodyMayBeSharedByCheckers(t *testing.T) {
	m := message(t, "From: a\r\n\r\n"+strings.Repeat("a  b \r\n", 1000))
	b := NewBody(m)
	var asking sync.WaitGroup
	for i := range 8 {
		asking.Go(func() {
			if _, err := b.Hash(t.Context(), []Canon{Simple, Relaxed}[i%2]); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
}

// All short lines of spaces, tabs and what is next to a space in ASCII.
func TestWhiteSpaceInWords(t *testing.T) {
	const octets = " \t!x"
	for n := range 78_125 {
		text := make([]byte, 0, 8)
		for i := n; i > 0; i /= len(octets) {
			text = append(text, octets[i%len(octets)])
		}
		for _, fill := range []string{"", "1234567", "1234567890123"} {
			line := []byte(fill + string(text) + fill)
			want := strings.ReplaceAll(string(line), "\t", " ")
			if tabsToSpaces(line); string(line) != want {
				t.Fatalf("%q: %q", want, line)
			}
			at := strings.Index(want, "  ")
			if at >= 0 {
				at++
			}
			if got := secondSpace(line); got != at {
				t.Fatalf("%q: %d", line, got)
			}
		}
	}
}

// Lines that are longer than what is looked at together, with white space and line
// ends at its border.
func TestLinesLongerThanABlock(t *testing.T) {
	for _, tail := range []string{"x\r\n", " x\r\n", "  x\r\n", " \t \r\n", " \r \r\n", "\r\r\n", "\n", " \n\n x\r\n", "", " ", "\r"} {
		for _, blocks := range []int{1, 2} {
			for off := -4; off <= 4; off++ {
				for _, first := range []string{"", " ", "short\r\n", "\r\n"} {
					text := first + strings.Repeat("y", blocks*blockOctets+off-len(first)) + tail + " and more  \r\n\r\n"
					compareBody(t, text)
				}
			}
		}
	}
}

// compareBody holds hashBody to canonicalBody.
func compareBody(t *testing.T, text string) {
	t.Helper()
	for _, relaxed := range []bool{false, true} {
		sum := sha256.New()
		if err := hashBody(sum, strings.NewReader(text), relaxed); err != nil {
			t.Fatal(err)
		}
		if want := sha256.Sum256([]byte(canonicalBody(text, relaxed))); want != [32]byte(sum.Sum(nil)) {
			t.Errorf("relaxed %t: %+.200q, want %+.200q", relaxed, text, canonicalBody(text, relaxed))
		}
	}
}

// canonicalBody is RFC 6376, Sections 3.4.3 and 3.4.4 in so many words.
func canonicalBody(body string, relaxed bool) string {
	lines := strings.Split(body, "\n")
	for i, line := range lines {
		if i < len(lines)-1 {
			line = strings.TrimSuffix(line, "\r")
		}
		if relaxed {
			line = strings.TrimRight(whiteSpace.ReplaceAllString(line, " "), " ")
		}
		lines[i] = line
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 && relaxed {
		return ""
	}
	return strings.Join(append(lines, ""), "\r\n") + map[bool]string{true: "\r\n"}[len(lines) == 0]
}

var whiteSpace = regexp.MustCompile("[ \t]+")

// FuzzCanonicalBody holds our own canonicalizer to the plain words, for bare CR too.
func FuzzCanonicalBody(f *testing.F) {
	f.Add(" a\r \r\n\r\r\nb \t\r", uint16(1))
	f.Add("\r\n \n\t", uint16(9000))
	f.Add("x\r", uint16(16384))
	f.Add("1234567 \r\n12345678\r\n1234567  9\r\n1234567  0123456789\r\n 2345678\r\n\r\n1234567\t\r\n", uint16(2000))
	f.Add(" !\r\n\r\n\r\nx\n", uint16(5000))
	f.Fuzz(func(t *testing.T, text string, times uint16) {
		text = strings.Repeat(text, min(int(times), 128<<10/(len(text)+1)))
		compareBody(t, text)
	})
}
