package framing

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
)

// plain frames content the slow way: cut at the first end, then look at each
// line. It returns -1 if there is no end.
func plain(in []byte) (content []byte, taken int, bad bool) {
	whole := append([]byte("\r\n"), in...)
	i := bytes.Index(whole, []byte("\r\n.\r\n"))
	if i < 0 {
		return nil, -1, false
	}
	for n, line := range strings.Split(string(whole[:i+2]), "\r\n")[1:] {
		if n > 0 {
			content = append(content, "\r\n"...)
		}
		content = append(content, strings.TrimPrefix(line, ".")...)
		bad = bad || strings.ContainsAny(line, "\r\n\x00")
	}
	return content, i + len(EndOfData), bad
}

func FuzzFrame(f *testing.F) {
	for _, seed := range []string{
		".\r\n", "a\r\n.\r\n", "..a\r\n..\r\n.\r\nMAIL", "\r\r\n.\r\n.", "a\n.\n\r\n.\r\n", "\x00\r\n.\r\n", ".\r.\r\n\r\n.\r\n", "\xc3\xa4\r\n.\r\n", "abc",
	} {
		f.Add([]byte(seed), uint(1))
		f.Add([]byte(seed), uint(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, step uint) {
		step = step%7 + 1
		var fr Framer
		var got []byte
		var buffered []byte
		taken, end := 0, false
		for rest := in; !end && len(rest) > 0; {
			n := min(int(step), len(rest))
			buffered = append(buffered, rest[:n]...)
			rest = rest[n:]
			var m int
			var part []byte
			part, m, end = fr.Frame(buffered)
			got = append(got, part...)
			taken += m
			buffered = buffered[m:]
			if !end && len(buffered) > len(EndOfData)-1 {
				t.Fatalf("%d octets are held back", len(buffered))
			}
		}
		content, want, bad := plain(in)
		if end != (want >= 0) {
			t.Fatalf("end %t, want %t", end, want >= 0)
		}
		if !end {
			return
		}
		if !bytes.Equal(got, content) || taken != want || fr.Bad != bad {
			t.Fatalf("content %q (bad %t, taken %d), want %q (bad %t, taken %d)", got, fr.Bad, taken, content, bad, want)
		}
		eightBit := bytes.ContainsFunc(content, func(r rune) bool { return r >= 0x80 })
		if fr.EightBit != eightBit {
			t.Errorf("eight bit %t, want %t", fr.EightBit, eightBit)
		}
	})
}

// FuzzInput feeds a stream of commands in pieces, with a pause before each: the
// lines must be the same however it is cut, and none may hold what a line cannot.
func FuzzInput(f *testing.F) {
	f.Add([]byte("NOOP\r\nRSET\r\n"), uint(1))
	f.Add([]byte(strings.Repeat("x", 600)+"\r\nNOOP\r\n"), uint(100))
	f.Add([]byte("NOOP\r\nRS\rET\r\n"), uint(3))
	f.Fuzz(func(t *testing.T, stream []byte, step uint) {
		read := func(step int) (lines []string) {
			var in Input
			src := bytes.NewReader(stream)
			paused := false
			for {
				line, err := in.Line(func() error {
					if paused = !paused; paused {
						return os.ErrDeadlineExceeded
					}
					_, err := in.Fill(io.LimitReader(src, int64(step)))
					return err
				})
				switch err {
				case nil:
					lines = append(lines, string(line))
				case ErrLineTooLong:
					lines = append(lines, "too long")
				case os.ErrDeadlineExceeded: // asked again
				default:
					return append(lines, err.Error())
				}
			}
		}
		whole, cut := read(len(stream)+1), read(int(step%1000)+1)
		if strings.Join(whole, "\n") != strings.Join(cut, "\n") {
			t.Fatalf("lines %q, in pieces %q", whole, cut)
		}
		for _, line := range whole[:len(whole)-1] {
			if len(line) > BaseLineOctets-2 || strings.ContainsAny(line, "\r\n\x00") {
				t.Fatalf("line %q", line)
			}
		}
	})
}
