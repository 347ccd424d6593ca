package wire_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"mxgate/gateway/wire"
)

// smugglingTokens are what line ends and ends of content are mistaken for.
var smugglingTokens = []string{"\r", "\n", "\r\n", "\x00", "."}

// sequences calls f with every sequence of 1 to depth tokens.
func sequences(depth int, f func(seq string)) {
	var add func(prefix string, left int)
	add = func(prefix string, left int) {
		for _, token := range smugglingTokens {
			f(prefix + token)
			if left > 1 {
				add(prefix+token, left-1)
			}
		}
	}
	add("", depth)
}

// lines frames content in the slow way: what precedes the first CRLF "." CRLF,
// unstuffed, what follows it, and whether it has what content must not.
func lines(stream string) (content, rest string, bad bool) {
	stream = "\r\n" + stream
	before, rest, found := strings.Cut(stream, "\r\n.\r\n")
	if !found {
		panic("no end")
	}
	var out []string
	for line := range strings.SplitSeq(before+"\r\n", "\r\n") {
		bad = bad || strings.ContainsAny(line, "\r\n\x00")
		out = append(out, strings.TrimPrefix(line, "."))
	}
	return strings.Join(out[1:], "\r\n"), rest, bad
}

// TestDuty_F1_EverySequence puts every sequence of tokens between two lines of
// content, in clear and under TLS, with and without a second transaction in the
// same packet. Nothing that follows content in its packet is ever taken for a
// command unless the end was CR LF "." CR LF, and content with a bare CR, LF or
// NUL reaches nobody. Sequences have up to 5 tokens; under TLS, whose handshakes
// cost more than the rest, 4 unless MXGATE_NIGHTLY is set.
func TestDuty_F1_EverySequence(t *testing.T) {
	const second = "MAIL FROM:<second@client.example>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n"
	for _, tc := range []struct {
		name      string
		tls       bool
		pipelined bool
	}{{"clear", false, false}, {"clear, pipelined", false, true}, {"TLS", true, false}, {"TLS, pipelined", true, true}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			depth := 5
			if tc.tls && os.Getenv("MXGATE_NIGHTLY") == "" {
				depth = 4
			}
			s := start(t, func(cfg *wire.Config) { cfg.TLSConfig, cfg.MaxErrors, cfg.MaxCommands = serverTLS(), 1e6, 1e6 })
			open := func() *client {
				c := s.open(t)
				if tc.tls {
					c.send("STARTTLS\r\n")
					c.expect("220")
					c.startTLS()
					c.ehlo()
				}
				return c
			}
			c := open()
			n := 0
			sequences(depth, func(seq string) {
				n++
				stream := "one" + seq + "two\r\n.\r\n"
				content, rest, bad := lines(stream)
				before := len(s.contents())
				c.mail()
				if tc.pipelined && rest == "" {
					stream += second
				}
				c.send(stream)
				want := []string{content}
				switch {
				case bad:
					c.expect("554 5.5.2", "EOF")
					want = nil
				case rest != "": // the sequence was an end, and commands with its last tokens follow
					c.expect("250 2.0.0 Taken")
				case tc.pipelined:
					c.expect("250 2.0.0 Taken", "250", "250", "354")
					c.send("second\r\n.\r\n")
					c.expect("250 2.0.0 Taken")
					want = append(want, "second\r\n")
				default:
					c.expect("250 2.0.0 Taken")
				}
				if bad || rest != "" {
					c.Close()
					c = open()
				}
				if got := s.contents()[before:]; !slices.Equal(got, want) {
					t.Fatalf("%q: contents %q, want %q", seq, got, want)
				}
			})
			t.Logf("%d sequences", n)
		})
	}
}
