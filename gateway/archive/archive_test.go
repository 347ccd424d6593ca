package archive

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEach(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"one message keeps its CRLF", "Subject: a\r\n\r\nb\r\n", []string{"Subject: a\r\n\r\nb\r\n"}},
		{"LF becomes CRLF", "Subject: a\n\nb\n", []string{"Subject: a\r\n\r\nb\r\n"}},
		{"a stray CR stays", "Subject: a\n\nb\rc\n", []string{"Subject: a\r\n\r\nb\rc\r\n"}},
		{"a missing last line end stays missing", "Subject: a\n\nb", []string{"Subject: a\r\n\r\nb"}},
		{"an mbox holds several messages", "From a@example.org Mon\nSubject: 1\n\nx\n\nFrom b@example.org Tue\nSubject: 2\n\ny\n", []string{"Subject: 1\r\n\r\nx\r\n\r\n", "Subject: 2\r\n\r\ny\r\n"}},
		{"From inside a paragraph separates nothing", "From a Mon\nSubject: 1\n\nx\nFrom here on\n", []string{"Subject: 1\r\n\r\nx\r\nFrom here on\r\n"}},
		{"mboxrd quoting is undone once", "From a Mon\nSubject: 1\n\n>From x\n>>From y\n", []string{"Subject: 1\r\n\r\nFrom x\r\n>From y\r\n"}},
		{"quoting in a single message is left", "Subject: 1\n\n>From x\n", []string{"Subject: 1\r\n\r\n>From x\r\n"}},
		{"an mbox with an empty message holds one", "From a Mon\nFrom b Tue\nSubject: 2\n\n", []string{"From b Tue\r\nSubject: 2\r\n\r\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "m")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var got []string
			err := Each(file, func(m Message) error {
				if m.Number != len(got)+1 || m.Mbox != strings.HasPrefix(c.text, "From ") {
					t.Errorf("message number %d, want %d; mbox: %t", m.Number, len(got)+1, m.Mbox)
				}
				got = append(got, string(m.Content))
				return nil
			})
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestEachSaysThatAFileHoldsNoMessage(t *testing.T) {
	for _, text := range []string{"", "From a Mon\n"} {
		file := filepath.Join(t.TempDir(), "m")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := Each(file, func(Message) error { t.Errorf("%q: called", text); return nil })
		if !errors.Is(err, ErrNoMessage) || err.Error() != file+": holds no message" {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestEachReturnsTheErrorOfItsCallback(t *testing.T) {
	stop := errors.New("stop")
	if err := Read("m", strings.NewReader("From a\nx: y\n\nFrom b\nx: y\n"), func(Message) error { return stop }); err != stop {
		t.Errorf("got %v", err)
	}
}

// One message that is too large does not keep the others from being read.
func TestATooLargeMessageIsLeftOut(t *testing.T) {
	const limit = 100
	large := "Subject: 2\n\n" + strings.Repeat(strings.Repeat("x", 60)+"\n", 4) + "\n"
	line := "Subject: 2\n\n" + strings.Repeat("y", 200_000) + "\n\n"
	for _, c := range []struct {
		name, text string
		want       []int // numbers
		err        string
	}{
		{"between others", "From a Mon\nSubject: 1\n\nx\n\nFrom b Tue\n" + large + "From c Wed\nSubject: 3\n\nz\n", []int{1, 3}, "message 2: archive: message too large: more than 100 octets, left out"},
		{"by one line", "From a Mon\nSubject: 1\n\nx\n\nFrom b Tue\n" + line + "From c Wed\nSubject: 3\n\nz\n", []int{1, 3}, "message 2: "},
		{"by its separator", "From a Mon\nSubject: 1\n\nx\n\nFrom " + strings.Repeat("b", 200_000) + "\nSubject: 2\n\nFrom c Wed\nSubject: 3\n\nz\n", []int{1, 3}, "message 2: "},
		{"the first", "From b Tue\n" + large + "From c Wed\nSubject: 2\n\nz\n", []int{2}, "message 1: "},
		{"the last", "From c Wed\nSubject: 1\n\nz\n\nFrom b Tue\n" + large, []int{1}, "message 2: "},
		{"all", "From b Tue\n" + large + "From b Tue\n" + large, nil, "message 1: archive: message too large: more than 100 octets, left out\nmessage 2: "},
		{"a message alone", large, nil, "archive: message too large: more than 100 octets"},
		{"just not", "From a Mon\n" + strings.Repeat("x", limit-2) + "\n", []int{1}, ""},
	} {
		var got []int
		s := splitter{br: bufio.NewReader(strings.NewReader(c.text)), limit: limit, mbox: strings.HasPrefix(c.text, "From "), do: func(m Message) error {
			if len(m.Content) > limit {
				t.Errorf("%s: %d octets", c.name, len(m.Content))
			}
			got = append(got, m.Number)
			return nil
		}}
		err := s.all()
		if !slices.Equal(got, c.want) || (err == nil) != (c.err == "") || err != nil && (!errors.Is(err, ErrTooLarge) || !strings.HasPrefix(err.Error(), c.err)) {
			t.Errorf("%s: read %v, %v", c.name, got, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("From a Mon\nSubject: 1\n\n>From x\n\nFrom b\n")
	f.Fuzz(func(t *testing.T, text string) {
		n := 0
		err := read(strings.NewReader(text), func(Message) error { n++; return nil })
		if n == 0 != errors.Is(err, ErrNoMessage) || n > 0 && err != nil {
			t.Errorf("%d messages: %v", n, err)
		}
	})
}
