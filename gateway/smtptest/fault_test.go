package smtptest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// letter is what the clients of these tests deliver.
var letter = Letter{ReversePath: "a@example.com", ForwardPaths: []string{"b@example.net"}, Content: []byte("Subject: x\r\n\r\n.dot\r\n")}

// steps is a session in lockstep: each with the reply of a server without faults.
var steps = []struct {
	step       Step
	say, reply string
}{
	{Banner, "", "220 sink.example ESMTP\r\n"},
	{Hello, "EHLO a.example\r\n", "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 104857600\r\n"},
	{Mail, "MAIL FROM:<a@example.com>\r\n", "250 2.1.0 ok\r\n"},
	{Rcpt, "RCPT TO:<b@example.net>\r\n", "250 2.1.5 ok\r\n"},
	{Data, "DATA\r\n", "354 go ahead\r\n"},
	{FinalDot, "Subject: x\r\n\r\nx\r\n.\r\n", "250 2.0.0 taken\r\n"},
	{FinalDone, "QUIT\r\n", "221 2.0.0 bye\r\n"},
}

// reach says everything up to step, hearing each reply, and returns what comes
// then, until the Sink hangs up or is silent.
func reach(t *testing.T, s *Sink, step Step) string {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr().String())
	if errors.Is(err, syscall.ECONNRESET) {
		return "<reset>" // so soon
	}
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	r := bufio.NewReader(nc)
	for _, at := range steps {
		io.WriteString(nc, at.say)
		if at.step == step || step == FinalDone && at.step == FinalDot {
			nc.(*net.TCPConn).CloseWrite()
			heard, err := io.ReadAll(r)
			if errors.Is(err, syscall.ECONNRESET) {
				return string(heard) + "<reset>"
			}
			return string(heard)
		}
		want := []byte(at.reply)
		if _, err := io.ReadFull(r, want); err != nil || string(want) != at.reply {
			t.Fatalf("%s: %q, %v", at.step, want, err)
		}
	}
	return ""
}

func TestFaultsOfReplies(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		want string // heard at RCPT; at other steps the code is that of the step
	}{
		{Close, ""},
		{Reset, "<reset>"},
		{Mute, ""},
		{Temporary, "451 4.3.0 trouble here\r\n"},
		{Permanent, "554 5.3.0 trouble here\r\n"},
		{Closing, "421 4.3.2 closing\r\n"},
		{Garbage, "banana\r\n"},
		{HalfReply, "250-half of it\r\n"},
		{CutReply, "250 ha"},
		{Slow, "250 2.1.5 ok\r\n"},
		{LongLine, "250 " + strings.Repeat("long ", 120) + "2.1.5 ok\r\n"},
		{ManyLines, strings.Repeat("250-one of many\r\n", 59) + "250 2.1.5 ok\r\n"},
		{NUL, "250 a NUL \x00 here\r\n"},
		{BareLF, "250-one\n250 2.1.5 ok\r\n"},
		{Early, "250 2.1.5 ok\r\n250 2.0.0 before its turn\r\n"},
		{Delay, "250 2.1.5 ok\r\n"},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			for _, at := range steps {
				s := start(t, Options{Faults: []Fault{{Step: at.step, Kind: c.kind, Pause: time.Microsecond}}})
				want := c.want
				due := at.reply
				if at.step == FinalDone {
					due = steps[5].reply
				}
				code, text, _ := strings.Cut(strings.TrimSuffix(due, "\r\n"), " ")
				if at.step == Hello {
					code, text = "250", "fine"
				}
				switch c.kind {
				case Slow, Delay:
					want = due
				case Early:
					want = due + early + "\r\n"
				default:
					if strings.HasPrefix(want, "250") {
						want = strings.ReplaceAll(strings.ReplaceAll(want, "250", code), "2.1.5 ok", text)
					}
				}
				if got := reach(t, s, at.step); got != want && at.step != FinalDone && at.step != Data || !strings.HasPrefix(got, want) {
					t.Errorf("at %s: %q, want %q", at.step, got, want)
				}
				taken := 0
				if at.step == FinalDone || at.step == FinalDot && strings.HasPrefix(want, "250") && c.kind != HalfReply && c.kind != CutReply {
					taken = 1
				}
				if s.Count() != taken {
					t.Errorf("at %s: %d messages taken, want %d", at.step, s.Count(), taken)
				}
			}
		})
	}
}

func TestFaultsOfConnections(t *testing.T) {
	s := start(t, Options{Faults: []Fault{{Step: Connect, Kind: Refuse}}})
	if nc, err := net.Dial("tcp", s.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("connected: %v, %v", nc, err)
	}
	if _, err := New(Options{Faults: []Fault{{Step: Connect, Kind: Refuse}}}).Dial(t.Context(), "tcp", ""); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("through memory: %v", err)
	}
	for kind, want := range map[Kind]string{Close: "", Reset: "<reset>"} {
		s := start(t, Options{Faults: []Fault{{Step: Connect, Kind: kind, Nth: 2}}})
		if got := reach(t, s, Banner); got != steps[0].reply {
			t.Errorf("the first connection: %q", got)
		}
		if got := reach(t, s, Banner); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
		if got := reach(t, s, Banner); got != steps[0].reply {
			t.Errorf("the third connection: %q", got)
		}
	}
}

func TestFaultsInMidContent(t *testing.T) {
	content := strings.Repeat("0123456\r\n", 1000)
	for _, c := range []struct {
		kind Kind
		want string // heard after the 354
	}{
		{Close, ""},
		{Reset, "<reset>"},
		{Temporary, "451 4.3.0 trouble here\r\n"},
		{Permanent, "554 5.3.0 trouble here\r\n"},
		{Closing, "421 4.3.2 closing\r\n"},
		{Garbage, "banana\r\n"},
		{HalfReply, "451-half of it\r\n"},
		{Early, "250 2.0.0 before its turn\r\n250 2.0.0 taken\r\n"},
		{Delay, "250 2.0.0 taken\r\n"},
	} {
		for _, at := range []int{0, 1, 4500, 9000} {
			s := start(t, Options{Faults: []Fault{{Step: InContent, Kind: c.kind, At: at}}})
			nc, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(nc)
			for _, step := range steps[:5] {
				io.WriteString(nc, step.say)
				if _, err := io.CopyN(io.Discard, r, int64(len(step.reply))); err != nil {
					t.Fatal(err)
				}
			}
			io.WriteString(nc, content+".\r\n")
			nc.(*net.TCPConn).CloseWrite()
			heard, err := io.ReadAll(r)
			got := string(heard)
			if errors.Is(err, syscall.ECONNRESET) {
				got += "<reset>"
			}
			nc.Close()
			if taken := strings.HasSuffix(c.want, "taken\r\n"); taken != (s.Count() == 1) {
				t.Errorf("%s at %d: %d messages taken", c.kind, at, s.Count())
			}
			if got != c.want && got != c.want+"<reset>" { // what was not read is reset
				t.Errorf("%s at %d: %q, want %q", c.kind, at, got, c.want)
			}
		}
	}
}

// A session that was silenced says nothing to what follows either.
func TestASilencedSessionStaysSilent(t *testing.T) {
	s := start(t, Options{Faults: []Fault{{Step: Mail, Kind: Mute, Nth: 1}}})
	got := dialogue(t, s, envelope+"NOOP\r\nMAIL FROM:<>\r\n")
	if !strings.HasSuffix(got, "250 SIZE 104857600\r\n") {
		t.Errorf("%q", got)
	}
}

// A Sink that stops reading lets go when it is closed.
func TestASinkThatStopsReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Faults: []Fault{{Step: InContent, Kind: Mute}}})
		nc, err := s.Dial(t.Context(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, nc) // ends with nc
		io.WriteString(nc, envelope)
		io.WriteString(nc, "DATA\r\nx\r\n")
		nc.SetWriteDeadline(time.Now().Add(time.Hour))
		if _, err := nc.Write(make([]byte, 1<<20)); !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "timeout") {
			t.Errorf("it reads on: %v", err)
		}
		s.Close()
		nc.Close()
	})
}

func TestADelayIsOfTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Faults: []Fault{{Step: Banner, Kind: Delay, Pause: 9 * time.Minute}, {Step: Hello, Kind: Slow, Pause: time.Minute}}})
		defer s.Close()
		nc, err := s.Dial(t.Context(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		r := bufio.NewReader(nc)
		if line, err := r.ReadString('\n'); err != nil || time.Since(began) != 9*time.Minute {
			t.Errorf("%q after %s: %v", line, time.Since(began), err)
		}
		io.WriteString(nc, "HELO a.example\r\n")
		began = time.Now()
		if line, err := r.ReadString('\n'); err != nil || time.Since(began) != time.Duration(len(line)-1)*time.Minute {
			t.Errorf("%q after %s: %v", line, time.Since(began), err)
		}
		nc.Close()
	})
}

// Faults can be changed while the Sink runs, and count anew.
func TestFailReplacesTheFaults(t *testing.T) {
	s := start(t, Options{Faults: []Fault{{Step: Mail, Kind: Temporary}}})
	if got := reach(t, s, Mail); got != temporary+"\r\n" {
		t.Errorf("%q", got)
	}
	s.Fail(Fault{Step: Mail, Kind: Permanent, Nth: 2})
	if got := reach(t, s, Mail); got != steps[2].reply {
		t.Errorf("%q", got)
	}
	if got := reach(t, s, Mail); got != permanent+"\r\n" {
		t.Errorf("%q", got)
	}
	s.Fail()
	if got := reach(t, s, Mail); got != steps[2].reply {
		t.Errorf("%q", got)
	}
}
