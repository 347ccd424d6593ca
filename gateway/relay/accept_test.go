package relay

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

// A 2xx that is not the one RFC 5321, Section 4.3.2 lists for its command is no
// acceptance: our 250 would stand for nothing.
func TestDuty_I1_Relay_only_the_reply_of_its_command_is_acceptance(t *testing.T) {
	tests := []struct {
		verb  string
		taken []int
	}{
		{"EHLO", []int{250}},
		{"HELO", []int{250}},
		{"MAIL", []int{250}},
		{"RCPT", []int{250, 251, 252}},
		{smtptest.Dot, []int{250, 251}},
	}
	for _, tt := range tests {
		for _, code := range []int{200, 211, 214, 220, 221, 235, 250, 251, 252, 253, 299} {
			t.Run(fmt.Sprint(tt.verb, " ", code), func(t *testing.T) {
				replies := map[string]string{tt.verb: fmt.Sprint(code, " as you say")}
				if tt.verb == "HELO" {
					replies["EHLO"] = "502 5.5.1 what?"
				}
				s := sink(t, replies)
				p := pool(t, nil)
				reply, err := deliver(t, p, s.Addr().String())
				for _, taken := range tt.taken {
					if code == taken {
						if err != nil || !reply.Positive() {
							t.Errorf("%+v, %v", reply, err)
						}
						return
					}
				}
				f := wantClass(t, err, Garbage)
				if f.Reply.Code != code || f.AfterDot != (tt.verb == smtptest.Dot) {
					t.Errorf("%+v", f)
				}
				if n := idle(p); n != 0 {
					t.Errorf("%d connections kept", n)
				}
			})
		}
	}
}

func TestAReplayNeedsTheSameAcceptance(t *testing.T) {
	first := true
	s := sinkWith(t, smtptest.Options{Reply: func(verb, _ string) (string, bool) {
		switch {
		case verb == "DATA" && first:
			first = false
			return smtptest.Hangup, true
		case verb == "RCPT" && !first:
			return "221 2.0.0 bye", true
		}
		return "", false
	}})
	_, err := deliver(t, pool(t, nil), s.Addr().String())
	wantClass(t, err, Garbage)
}

// A next hop that says 250 before it has the final dot must not get the dot: it
// is not known what the 250 would then be taken for.
func TestAReplyBeforeTheFinalDotIsNoAcceptance(t *testing.T) {
	for _, tt := range []struct {
		name string
		size int // of the content, octets
		read int // by the next hop before it speaks
		look int // after the content was read, the look that finds the reply
	}{
		{"right behind 354", 78, 0, 1},
		{"after the first octet of a large message", 78 << 10, 1, 1},
		{"when all but the dot of a large message is there", 78 << 10, 78 << 10, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dotted := make(chan bool, 1)
			addr := scripted(t, func(nc net.Conn, r *bufio.Reader) {
				io.WriteString(nc, "220 hi\r\n")
				for reply := "250-hi\r\n250-8BITMIME\r\n250 PIPELINING\r\n"; ; reply = "250 ok\r\n" {
					if line, err := r.ReadString('\n'); err != nil || line == "DATA\r\n" {
						break
					}
					io.WriteString(nc, reply)
				}
				io.WriteString(nc, "354 go\r\n")
				io.CopyN(io.Discard, r, int64(tt.read))
				io.WriteString(nc, "250 2.0.0 taken\r\n")
				rest, _ := io.ReadAll(r)
				dotted <- strings.HasSuffix(string(rest), endOfData)
			})
			p := pool(t, nil)
			d, err := p.Open(t.Context(), routeTo(addr), mail.Client{}, envelope(t))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil {
				t.Fatal(err)
			}
			body := strings.NewReader(strings.Repeat(strings.Repeat("x", 76)+"\r\n", tt.size/78))
			_, err = d.Send(t.Context(), atEnd{body, func() { d.conn.peek = patientAt(tt.look, d.conn.peek) }})
			if f := wantClass(t, err, Garbage); f.AfterDot || f.Reply.Code != 250 {
				t.Errorf("%+v", f)
			}
			if <-dotted {
				t.Error("the final dot was sent")
			}
		})
	}
}

// patientAt is peek whose given call waits until there is something to see.
func patientAt(look int, peek func() bool) func() bool {
	return func() bool {
		for look--; look == 0 && peek(); {
			runtime.Gosched()
		}
		return peek()
	}
}

// atEnd calls then when its reader is at its end.
type atEnd struct {
	io.ReadSeeker
	then func()
}

func (a atEnd) Read(b []byte) (int, error) {
	n, err := a.ReadSeeker.Read(b)
	if err == io.EOF {
		a.then()
	}
	return n, err
}

func TestTheFinalDotOfMoreThanOneBlockIsAWriteOfItsOwn(t *testing.T) {
	for _, tt := range []struct {
		name, content string
		writes        []int
	}{
		{"nothing", "", []int{3}},
		{"one line", "x\r\n", []int{6}},
		{"one block", strings.Repeat("x", blockOctets-2) + "\r\n", []int{blockOctets, 3}},
		{"more, with no line end", strings.Repeat("x", blockOctets+1), []int{blockOctets, 3, 3}},
	} {
		var w writes
		if err := writeContent(&w, strings.NewReader(tt.content)); err != nil || !slices.Equal(w, tt.writes) {
			t.Errorf("%s: %v, %v; want %v", tt.name, []int(w), err, tt.writes)
		}
	}
}

// writes notes how long each write was.
type writes []int

func (w *writes) Write(b []byte) (int, error) {
	*w = append(*w, len(b))
	return len(b), nil
}
