package gateway

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"mxgate/policy/corpustest"
)

// smuggler hides a second transaction in the content of the first, behind
// something that servers have taken for the end of content.
type smuggler struct {
	g         *stage
	trusted   *x509.CertPool // not nil: under TLS
	sessions  tls.ClientSessionCache
	pipelined bool // MAIL, RCPT and DATA in one write, and the next group behind the content
	head      string
}

// Where in a message the sequence stands.
const (
	atStart  = ""
	inHeader = "From: Anna <" + partner + ">\r\nSubject: before"
	inBody   = "From: Anna <" + partner + ">\r\nSubject: Offer\r\n\r\nbefore"
)

// attempt is one sequence and what must come of it.
type attempt struct {
	n        int
	sequence string
	want     string // content at the next hop, behind our block
	bad      bool   // refused: nothing is there
	ended    bool   // the sequence was an end of content, and commands follow it
}

// hidden is the transaction that nobody may see.
func hidden(n int) string {
	return fmt.Sprintf("MAIL FROM:<hidden-%d@partner.example>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\nSubject: hidden\r\n\r\nhidden\r\n.\r\n", n)
}

// expect frames what is sent as content in the slow way: up to the first CRLF "."
// CRLF. RFC 5321, Section 4.5.2.
func (s *smuggler) expect(n int, sequence string) attempt {
	a := attempt{n: n, sequence: sequence}
	before, rest, _ := strings.Cut("\r\n"+s.head+sequence+hidden(n), "\r\n.\r\n")
	a.ended = rest != ""
	for line := range strings.SplitSeq(before, "\r\n") {
		a.bad = a.bad || strings.ContainsAny(line, "\r\n\x00")
		a.want += strings.TrimPrefix(line, ".") + "\r\n"
	}
	a.want = strings.TrimPrefix(a.want, "\r\n")
	return a
}

func (a attempt) sender() string { return fmt.Sprintf("first-%d@partner.example", a.n) }
func (a attempt) next() string   { return fmt.Sprintf("next-%d@partner.example", a.n) }

// run makes every attempt, several at a time, and then looks at the next hop.
func (s *smuggler) run(t *testing.T, sequences []string) {
	t.Helper()
	s.sessions = tls.NewLRUClientSessionCache(0)
	var attempts []attempt
	work := make(chan attempt)
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() { // ends when work is closed
			var c *talk
			defer func() {
				if c != nil {
					c.close()
				}
			}()
			for a := range work {
				var err error
				if c == nil {
					c, err = s.open()
				}
				if err == nil {
					err = s.try(c, a)
				}
				if err != nil {
					t.Errorf("%q: %v", a.sequence, err)
				}
				if err != nil || a.bad || a.ended {
					c = closed(c)
				}
			}
		})
	}
	for i, sequence := range sequences {
		if t.Failed() {
			break // each wait for what never comes is long
		}
		attempts = append(attempts, s.expect(i, sequence))
		work <- attempts[i]
	}
	close(work)
	running.Wait()
	s.check(t, attempts)
	t.Logf("%d sequences, %d messages at the next hop", len(attempts), s.g.sink.Count())
}

func closed(c *talk) *talk {
	if c != nil {
		c.close()
	}
	return nil
}

func (s *smuggler) open() (*talk, error) {
	c, err := dialTalk(s.g.addr())
	if err != nil || s.trusted == nil {
		return c, err
	}
	if reply, err := c.ask("STARTTLS"); err != nil || !strings.HasPrefix(reply, "220 ") {
		return closed(c), fmt.Errorf("STARTTLS: %q, %w", reply, err)
	}
	secure := tls.Client(c.conn, &tls.Config{ServerName: "gate.example.com", RootCAs: s.trusted, ClientSessionCache: s.sessions})
	c.conn, c.r = secure, bufio.NewReader(secure)
	_, err = c.ask("EHLO mx1.provider.example")
	return c, err
}

// try makes one attempt. What the client is told is as the duties have it.
func (s *smuggler) try(c *talk, a attempt) error {
	content := s.head + a.sequence + hidden(a.n)
	if !s.pipelined {
		if reply, err := c.envelope(a.sender(), []string{bob}); reply != "" || err != nil {
			return fmt.Errorf("%q, %w", reply, err)
		}
		return s.answered(c, a, content)
	}
	group := func(sender string) string {
		return "MAIL FROM:<" + sender + ">\r\nRCPT TO:<" + bob + ">\r\nDATA\r\n"
	}
	if err := c.says(group(a.sender()), "250 2.1.0", "250 2.1.5", "354"); err != nil {
		return err
	}
	if err := s.answered(c, a, content+group(a.next())); err != nil || a.bad || a.ended {
		return err
	}
	if err := c.says("", "250 2.1.0", "250 2.1.5", "354"); err != nil {
		return err
	}
	return c.says("next\r\n.\r\n", "250 2.0.0")
}

// answered sends content and reads what it is answered.
func (s *smuggler) answered(c *talk, a attempt, content string) error {
	if a.bad {
		return c.says(content, "554 5.5.2", "EOF")
	}
	if err := c.says(content, "250 2.0.0"); err != nil || !a.ended {
		return err
	}
	// What follows a true end are commands, until one that may have nothing
	// behind it or is no line: C2, C3.
	last := ""
	for {
		reply, err := c.reply()
		switch {
		case err != nil && (strings.HasPrefix(last, "554 5.5.0") || strings.HasPrefix(last, "501 5.5.2")):
			return nil
		case err != nil:
			return fmt.Errorf("behind the end: %q, then %w", last, err)
		case strings.HasPrefix(reply, "354"):
			return errors.New("DATA was obeyed before its content was asked for")
		}
		last = reply
	}
}

// says sends text and reads replies, or the end of the session.
func (c *talk) says(text string, want ...string) error {
	if _, err := io.WriteString(c.conn, text); err != nil {
		return err
	}
	for _, w := range want {
		reply, err := c.reply()
		if err != nil && !strings.Contains(err.Error(), "timeout") {
			reply = "EOF"
		}
		if !strings.HasPrefix(reply, w) {
			return fmt.Errorf("answered %q, %v; want %q", reply, err, w)
		}
	}
	return nil
}

// check looks at the next hop: what was refused is not there, what was taken is
// there once and as it was framed, and the hidden envelope was never put to it.
// Bare line ends, NULs and dots that are not stuffed are violations, for which
// the stage looks.
func (s *smuggler) check(t *testing.T, attempts []attempt) {
	t.Helper()
	arrived := map[string][]string{}
	for _, m := range s.g.sink.Messages() {
		arrived[m.ReversePath] = append(arrived[m.ReversePath], string(m.Content))
	}
	expected := 0
	for _, a := range attempts {
		got := arrived[a.sender()]
		switch {
		case a.bad && len(got) > 0:
			t.Errorf("%q: refused, and at the next hop: %q", a.sequence, got)
		case !a.bad && len(got) != 1:
			t.Errorf("%q: %d messages, want 1", a.sequence, len(got))
		case !a.bad:
			expected++
			if block, ok := strings.CutSuffix(got[0], a.want); !ok || !strings.HasPrefix(block, "Received: ") {
				t.Errorf("%q: at the next hop %q, want at the end %q", a.sequence, got[0], a.want)
			}
		}
		if s.pipelined && !a.bad && !a.ended {
			expected++
			if got := arrived[a.next()]; len(got) != 1 || !strings.HasSuffix(got[0], "next\r\n") {
				t.Errorf("%q: the honest message behind it arrived as %q", a.sequence, got)
			}
		}
	}
	if n := s.g.sink.Count(); n != expected {
		t.Errorf("%d messages at the next hop, want %d", n, expected)
	}
	for _, command := range s.g.sink.Commands() {
		if !strings.HasPrefix(command, "MAIL FROM:<hidden-") {
			continue
		}
		var n int
		if _, err := fmt.Sscanf(command, "MAIL FROM:<hidden-%d@", &n); err != nil || !attempts[n].ended || attempts[n].bad {
			t.Errorf("smuggled: %q", command)
		}
	}
}

// aroundADot are the sequences of up to depth of CR, LF, CRLF, NUL and dot that
// have a dot in them, each octet string once.
func aroundADot(depth int) []string {
	tokens := []string{"\r", "\n", "\r\n", "\x00", "."}
	all, last := map[string]bool{}, []string{""}
	for range depth {
		var longer []string
		for _, begun := range last {
			for _, token := range tokens {
				longer = append(longer, begun+token)
			}
		}
		for _, sequence := range longer {
			if strings.Contains(sequence, ".") {
				all[sequence] = true
			}
		}
		last = longer
	}
	var list []string
	for sequence := range all {
		list = append(list, sequence)
	}
	slices.Sort(list)
	return list
}

// newSmuggler relays whatever is not refused, so that the next hop sees it.
func newSmuggler(t *testing.T, secure, pipelined bool, head string) *smuggler {
	t.Helper()
	setup := script{head: `mode = "observe"`}
	s := &smuggler{pipelined: pipelined, head: head}
	if secure {
		setup.tail, s.trusted = certificate(t)
	}
	s.g = newStage(t, setup)
	return s
}

// Whatever stands where an end of content might be seen: the next hop gets what
// ends with CRLF "." CRLF or nothing, and never what is hidden behind it. In CI
// the sequences are shorter where they prove less; MXGATE_NIGHTLY has them all.
func TestDuty_F1_Gateway(t *testing.T) {
	for _, c := range []struct {
		name              string
		secure, pipelined bool
		head              string
		depth             int
	}{
		{"in clear", false, false, inBody, 5},
		{"in clear, pipelined", false, true, inBody, 4},
		{"in clear, where content begins", false, false, atStart, 3},
		{"in clear, in the header", false, true, inHeader, 3},
		{"under TLS", true, false, inBody, 3},
		{"under TLS, pipelined", true, true, inBody, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			if os.Getenv("MXGATE_NIGHTLY") != "" {
				c.depth = 6
			}
			newSmuggler(t, c.secure, c.pipelined, c.head).run(t, aroundADot(c.depth))
		})
	}
}

// The sequences of the public test tools, at every place of a message.
func TestDuty_F2_Gateway_SmugglingCorpus(t *testing.T) {
	sequences := smugglingCorpus(t)
	for _, secure := range []bool{false, true} {
		for _, pipelined := range []bool{false, true} {
			for place, head := range map[string]string{"the start": atStart, "the header": inHeader, "the body": inBody} {
				t.Run(fmt.Sprintf("at %s, TLS %t, pipelined %t", place, secure, pipelined), func(t *testing.T) {
					s := newSmuggler(t, secure, pipelined, head)
					s.run(t, sequences)
					if n := s.g.sink.Count(); n > 0 {
						t.Errorf("%d messages at the next hop, want none", n)
					}
				})
			}
		}
	}
}

// smugglingCorpus are its octets, or the test is skipped.
func smugglingCorpus(t *testing.T) (sequences []string) {
	t.Helper()
	data, err := os.ReadFile(corpustest.Path(t, "smtp/smuggling-sequences.json"))
	if err != nil {
		t.Fatal(err)
	}
	var corpus struct {
		Sequences []struct {
			Hex string `json:"bytes_hex"`
		}
	}
	if err := json.Unmarshal(data, &corpus); err != nil {
		t.Fatal(err)
	}
	for _, c := range corpus.Sequences {
		raw, err := hex.DecodeString(c.Hex)
		if err != nil {
			t.Fatal(err)
		}
		sequences = append(sequences, string(raw))
	}
	if len(sequences) < 12 {
		t.Fatalf("only %d sequences in the corpus", len(sequences))
	}
	return sequences
}
