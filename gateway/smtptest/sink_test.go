package smtptest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// dialogue sends one text to s and returns all it answers until it hangs up.
func dialogue(t *testing.T, s *Sink, say string) string {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, say); err != nil {
		t.Fatal(err)
	}
	nc.(*net.TCPConn).CloseWrite()
	heard, err := io.ReadAll(nc)
	if err != nil {
		t.Fatal(err)
	}
	return string(heard)
}

func start(t *testing.T, opts Options) *Sink {
	t.Helper()
	s, err := Start("127.0.0.1:0", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

const envelope = "EHLO a.example\r\nMAIL FROM:<a@example.com> SIZE=10\r\nRCPT TO:<b@example.net>\r\n"

func TestSink_records_what_it_was_sent(t *testing.T) {
	tests := []struct{ name, wire, want string }{
		{"a line", "hello\r\n.\r\n", "hello\r\n"},
		{"nothing", ".\r\n", ""},
		{"stuffed dots", "..\r\n...x\r\n.\r\n", ".\r\n..x\r\n"},
		{"a dot inside a line", "a.\r\n.\r\n", "a.\r\n"},
		{"a long line", strings.Repeat("x", 3*readOctets) + "\r\n.\r\n", strings.Repeat("x", 3*readOctets) + "\r\n"},
		{"no end after a bare LF", "a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n"},
		{"no end before a bare LF", "a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n"},
		{"no end after a bare CR", "a\r.\r\n\r\n.\r\n", "a\r.\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, Options{})
			dialogue(t, s, envelope+"DATA\r\n"+tt.wire+"QUIT\r\n")
			m := s.Messages()
			if len(m) != 1 {
				t.Fatalf("%d messages", len(m))
			}
			if string(m[0].Content) != tt.want {
				t.Errorf("content %.80q", m[0].Content)
			}
			if m[0].ReversePath != "a@example.com" || !slices.Equal(m[0].Params, []string{"SIZE=10"}) ||
				!slices.Equal(m[0].ForwardPaths, []string{"b@example.net"}) || m[0].At.IsZero() {
				t.Errorf("%+v", m[0])
			}
		})
	}
}

func TestSink_answers_like_a_mail_server(t *testing.T) {
	s := start(t, Options{Hostname: "mx.example", Extensions: []string{"SIZE", "HELP"}})
	got := dialogue(t, s, "EHLO a.example\r\nnoop\r\nMAIL FROM:<\"x> y\"@example.com>\r\nRSET\r\nFOO\r\nQUIT\r\n")
	want := "220 mx.example ESMTP\r\n250-mx.example\r\n250-SIZE\r\n250 HELP\r\n250 2.0.0 ok\r\n250 2.1.0 ok\r\n250 2.0.0 reset\r\n500 5.5.1 unknown command\r\n221 2.0.0 bye\r\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if s.Connections() != 1 || len(s.Commands()) != 6 {
		t.Errorf("%d connections, %q", s.Connections(), s.Commands())
	}
}

func TestSink_sees_what_breaks_the_protocol(t *testing.T) {
	tests := []struct{ say, want string }{
		{"EHLO a\n", "bare LF in command"},
		{"EHLO a\rb\r\n", "bare CR or NUL in command"},
		{"EHLO a\x00\r\n", "bare CR or NUL in command"},
		{"EHLO\r\n", "EHLO without a name"},
		{"EHLO a\r\nNOOP\r\n", "input behind EHLO"},
		{"MAIL FROM:<>\r\n", "MAIL out of order"},
		{envelope + "MAIL FROM:<>\r\n", "MAIL out of order"},
		{"EHLO a\r\nMAIL FROM:a@example.com\r\n", "MAIL"},
		{"EHLO a\r\nMAIL FROM:<a@example.com\r\n", "MAIL"},
		{"EHLO a\r\nMAIL FROM:<a@example.com>x\r\n", "MAIL"},
		{envelope + "RCPT TO:<>\r\n", "RCPT"},
		{envelope + "RCPT TO:<c@example.net> NOTIFY=NEVER\r\n", "RCPT"},
		{"EHLO a\r\nDATA\r\n", "DATA without a recipient"},
		{"EHLO a\r\nMAIL FROM:<>\r\nDATA\r\n", "DATA without a recipient"},
		{envelope + "DATA\r\nx\r\n.\r\n", "input behind DATA"},
		{envelope + "DATA\r\na\nb\r\n.\r\n", "bare LF in content"},
		{envelope + "DATA\r\na\rb\r\n.\r\n", "bare CR in content"},
		{envelope + "DATA\r\n\x00\r\n.\r\n", "NUL in content"},
		{envelope + "DATA\r\n.x\r\n.\r\n", "a dot that is not stuffed"},
		{"BDAT 5 LAST\r\n", "unknown command"},
		{"NOOP", "cut short"},
		{"NOOP " + strings.Repeat("x", maxCommandOctets) + "\r\n", "too long"},
	}
	for _, tt := range tests {
		s := start(t, Options{})
		dialogue(t, s, tt.say)
		if v := s.Violations(); !slices.ContainsFunc(v, func(v string) bool { return strings.Contains(v, tt.want) }) {
			t.Errorf("%.80q: violations %q, want %q", tt.say, v, tt.want)
		}
	}
}

func TestSink_finds_nothing_wrong_with_an_orderly_client(t *testing.T) {
	s := start(t, Options{})
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	r := bufio.NewReader(nc)
	for _, step := range []struct{ say, want string }{
		{"", "220"}, {"HELO a.example\r\n", "250"}, {"MAIL FROM:<>\r\nRCPT TO:<b@example.net>\r\n", "250"}, {"", "250"},
		{"DATA\r\n", "354"}, {"x\r\n.\r\n", "250"}, {"MAIL FROM:<>\r\n", "250"}, {"RSET\r\n", "250"}, {"MAIL FROM:<>\r\n", "250"}, {"QUIT\r\n", "221"},
	} {
		io.WriteString(nc, step.say)
		if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, step.want) {
			t.Fatalf("%q: %q, %v", step.say, line, err)
		}
	}
	if v := s.Violations(); len(v) != 0 {
		t.Errorf("%q", v)
	}
}

func TestSink_does_what_the_options_say(t *testing.T) {
	tests := []struct {
		name, verb, reply string
		want              string // the end of what is heard
		messages          int
	}{
		{"refusal of a recipient", "RCPT", "550 no", "550 no\r\n503 5.5.1 bad sequence\r\n", 0},
		{"hang up instead of an answer", Dot, Hangup, "354 go ahead\r\n", 0},
		{"hang up behind an answer", Dot, "250 ok" + ThenHangup, "354 go ahead\r\n250 ok\r\n", 1},
		{"silence", Dot, Silence, "354 go ahead\r\n", 0},
		{"garbage", Dot, "what\r\never", "what\r\never\r\n", 0},
		{"no greeting", Greeting, Hangup, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, Options{Reply: func(verb, _ string) (string, bool) { return tt.reply, verb == tt.verb }})
			nc, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			io.WriteString(nc, envelope+"DATA\r\n")
			if tt.verb == Dot {
				io.WriteString(nc, "x\r\n.\r\n")
			}
			nc.(*net.TCPConn).CloseWrite()
			heard, _ := io.ReadAll(nc) // the end may come as a reset
			if !strings.HasSuffix(string(heard), tt.want) || tt.want == "" && len(heard) > 0 {
				t.Errorf("%q, want ...%q", heard, tt.want)
			}
			if s.Count() != tt.messages {
				t.Errorf("%d messages", s.Count())
			}
		})
	}
	t.Run("in mid content", func(t *testing.T) {
		s := start(t, Options{MidContent: func(octets int) (string, bool) { return "421 full", octets == 6 }})
		got := dialogue(t, s, envelope+"DATA\r\na\r\nb\r\nc\r\n.\r\n")
		if !strings.HasSuffix(got, "354 go ahead\r\n421 full\r\n250 2.0.0 taken\r\n") {
			t.Errorf("%q", got)
		}
	})
	t.Run("discard", func(t *testing.T) {
		s := start(t, Options{Discard: true})
		dialogue(t, s, envelope+"DATA\r\na\r\n.\r\n")
		if s.Count() != 1 || len(s.Messages()) != 0 || len(s.Commands()) != 0 {
			t.Errorf("%d, %+v, %q", s.Count(), s.Messages(), s.Commands())
		}
	})
}

func TestSink_Wait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		defer s.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Wait(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a message: %v", err)
		}
		nc, err := s.Dial(t.Context(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, nc) // ends with nc
		waited := make(chan error)
		go func() { waited <- s.Wait(t.Context(), 1) }()
		synctest.Wait()
		io.WriteString(nc, envelope)
		io.WriteString(nc, "DATA\r\n")
		io.WriteString(nc, "x\r\n.\r\n")
		if err := <-waited; err != nil {
			t.Error(err)
		}
		nc.Close()
	})
}

func TestSink_takes_nobody_after_Close(t *testing.T) {
	s := New(Options{})
	s.Close()
	if _, err := s.Dial(t.Context(), "tcp", ""); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, err := Start("192.0.2.1:0", Options{}); err == nil {
		t.Error("listens where it cannot")
	}
}
