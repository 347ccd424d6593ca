package session_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"mxgate/gateway/session"
	"mxgate/gateway/wire"
	"mxgate/policy/mail"
)

// gate is a session.Gate made of functions; nil ones succeed.
type gate struct {
	begin    func(context.Context) error
	rcpt     func(context.Context) error
	content  func(context.Context, *wire.Content) *smtp.SMTPError
	abort    func(why string)
	answered func()

	mu     sync.Mutex
	events []string
}

func (g *gate) note(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, fmt.Sprintf(format, args...))
}

func (g *gate) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = nil
}

func (g *gate) seen() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.events)
}

func (g *gate) Begin(ctx context.Context, c mail.Client, env mail.Envelope) (session.Transaction, error) {
	g.note("begin")
	if g.begin != nil {
		if err := g.begin(ctx); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *gate) Ahead([]mail.Recipient) {}

func (g *gate) Rcpt(ctx context.Context, _ mail.Address, _ mail.RecipientDSN) error {
	g.note("rcpt")
	if g.rcpt != nil {
		return g.rcpt(ctx)
	}
	return nil
}

func (g *gate) Content(ctx context.Context, c *wire.Content) *smtp.SMTPError {
	g.note("content")
	if g.content != nil {
		return g.content(ctx, c)
	}
	return &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 0, 0}, Message: "Taken"}
}

func (g *gate) Refused(_ context.Context, why error) *smtp.SMTPError {
	g.note("refused")
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 4, 2}, Message: "Cut"}
}

func (g *gate) Answered(read bool) {
	g.note("answered %t", read)
	if g.answered != nil {
		g.answered()
	}
}

func (g *gate) Abort(why string) {
	g.note("abort %s", why)
	if g.abort != nil {
		g.abort(why)
	}
}

// start serves g until the test ends, and checks that it ended well.
func start(t *testing.T, g *gate) (l *wire.Listener, panics *int) {
	t.Helper()
	l, err := wire.Listen("127.0.0.1:0", wire.Config{Hostname: "gate.example.com", SpoolDir: t.TempDir(),
		Admit: func(netip.Addr) wire.Admission { return wire.Admission{Source: "provider", Verdict: wire.Admitted} }})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	panics = new(int)
	var mu sync.Mutex
	go func() {
		served <- session.Serve(l, session.Config{Hostname: "gate.example.com", Gate: g, OnPanic: func() {
			mu.Lock()
			defer mu.Unlock()
			*panics++
		}})
	}()
	t.Cleanup(func() {
		l.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l, panics
}

// talk sends one packet for each pair and expects its replies, by prefix.
func talk(t *testing.T, addr net.Addr, pairs ...string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r := bufio.NewReader(conn)
	for i := 0; i < len(pairs); i += 2 {
		if _, err := io.WriteString(conn, pairs[i]); err != nil {
			t.Fatal(err)
		}
		for want := range strings.SplitSeq(pairs[i+1], "|") {
			got, err := r.ReadString('\n')
			if err != nil {
				got = "EOF"
			}
			if !strings.HasPrefix(got, want) {
				t.Fatalf("after %q: reply %q, want %q", pairs[i], got, want)
			}
		}
	}
	return conn
}

const envelope = "MAIL FROM:<a@client.example>\r\nRCPT TO:<b@example.com>\r\n"

func TestAPanicEndsOneSession(t *testing.T) {
	boom := func(context.Context) error { panic("boom") }
	for _, tc := range []struct {
		name   string
		gate   *gate
		pairs  []string
		events []string
	}{
		{"in Begin", &gate{begin: boom}, []string{"MAIL FROM:<>\r\nNOOP\r\n", "421 4.3.0|EOF"}, []string{"begin"}},
		{"in Rcpt", &gate{rcpt: boom}, []string{envelope, "250|421 4.3.0|EOF"}, []string{"begin", "rcpt", "abort panic"}},
		{"in Content", &gate{content: func(context.Context, *wire.Content) *smtp.SMTPError { panic("boom") }},
			[]string{envelope + "DATA\r\n", "250|250|354", "x\r\n.\r\nNOOP\r\n", "421 4.3.0|EOF"},
			[]string{"begin", "rcpt", "content", "abort panic", "answered true"}},
		{"in Answered", &gate{answered: func() { panic("boom") }},
			[]string{envelope + "DATA\r\n", "250|250|354", "x\r\n.\r\n", "250 2.0.0", "QUIT\r\n", "221|EOF"},
			[]string{"begin", "rcpt", "content", "answered true"}},
		{"in Abort at the end of the session", &gate{abort: func(string) { panic("boom") }},
			[]string{"MAIL FROM:<>\r\nQUIT\r\n", "250|221|EOF"}, []string{"begin", "abort quit"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, panics := start(t, tc.gate)
			talk(t, l.Addr(), append([]string{"", "220", "HELO client.example\r\n", "250"}, tc.pairs...)...)
			if got := tc.gate.seen(); !slices.Equal(got, tc.events) {
				t.Errorf("at the gate %q, want %q", got, tc.events)
			}
			if err := l.Drain(t.Context()); err != nil {
				t.Error(err)
			}
			if *panics != 1 {
				t.Errorf("%d panics counted", *panics)
			}
		})
	}
}

func TestErrorsOfGoAreNotShown(t *testing.T) {
	secret := errors.New("dial tcp 10.0.0.1:25: secret")
	g := &gate{rcpt: func(context.Context) error { return fmt.Errorf("rcpt: %w", secret) }}
	l, _ := start(t, g)
	talk(t, l.Addr(), "", "220", "HELO client.example\r\n", "250", envelope, "250|451 4.3.0 Internal error, try again later\r\n")

	wrapped := &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 5, 3}, Message: "Another route"}
	g = &gate{rcpt: func(context.Context) error { return fmt.Errorf("rcpt: %w", wrapped) }}
	l, _ = start(t, g)
	talk(t, l.Addr(), "", "220", "HELO client.example\r\n", "250", envelope, "250|452 4.5.3 Another route\r\n")
}

// TestCloseDuringACommand is for -race: go-smtp calls Logout from the goroutine
// that closes, while the command runs.
func TestCloseDuringACommand(t *testing.T) {
	for _, where := range []string{"begin", "rcpt", "content"} {
		t.Run(where, func(t *testing.T) {
			running := make(chan struct{})
			wait := func(ctx context.Context) error {
				close(running)
				<-ctx.Done()
				return ctx.Err()
			}
			g := &gate{}
			pairs := []string{"", "220", "HELO client.example\r\n", "250"}
			switch where {
			case "begin":
				g.begin = wait
			case "rcpt":
				g.rcpt = wait
			case "content":
				g.content = func(ctx context.Context, _ *wire.Content) *smtp.SMTPError {
					return &smtp.SMTPError{Code: 451, Message: wait(ctx).Error()}
				}
				pairs = append(pairs, envelope+"DATA\r\n", "250|250|354")
			}
			l, _ := start(t, g)
			conn := talk(t, l.Addr(), pairs...)
			last := envelope
			if where == "content" {
				last = "x\r\n.\r\n"
			}
			if _, err := io.WriteString(conn, last); err != nil {
				t.Fatal(err)
			}
			<-running
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := l.Drain(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Drain: %v", err)
			}
			want := map[string][]string{
				"begin":   {"begin"},
				"rcpt":    {"begin", "rcpt", "abort cut"},
				"content": {"begin", "rcpt", "content", "answered false"},
			}[where]
			if got := g.seen(); !slices.Equal(got, want) {
				t.Errorf("at the gate %q, want %q", got, want)
			}
		})
	}
}

// TestServerCloseDuringACommand calls what go-smtp's own Close calls, while a
// command runs: Logout must leave the transaction to it, and it must end once.
func TestServerCloseDuringACommand(t *testing.T) {
	l, err := wire.Listen("127.0.0.1:0", wire.Config{Hostname: "gate.example.com",
		Admit: func(netip.Addr) wire.Admission { return wire.Admission{Source: "provider", Verdict: wire.Admitted} }})
	if err != nil {
		t.Fatal(err)
	}
	running, end, aborted := make(chan struct{}), make(chan struct{}), make(chan string)
	g := &gate{abort: func(why string) { aborted <- why }, rcpt: func(context.Context) error {
		close(running)
		<-end
		return nil
	}}
	server := smtp.NewServer(session.New(session.Config{Gate: g}))
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	conn := talk(t, l.Addr(), "", "220", "HELO client.example\r\n", "250")
	if _, err := io.WriteString(conn, envelope); err != nil {
		t.Fatal(err)
	}
	<-running
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if got, want := g.seen(), []string{"begin", "rcpt"}; !slices.Equal(got, want) {
		t.Errorf("at the gate %q while the command runs, want %q", got, want)
	}
	close(end)
	if why := <-aborted; why != "closed" {
		t.Errorf("aborted because %q", why)
	}
	if err := l.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}
