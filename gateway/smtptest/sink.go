package smtptest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// What Options.Reply and Options.MidContent may return besides a reply.
const (
	// Hangup, the empty reply, closes the connection without a word.
	Hangup = ""
	// Silence answers nothing and goes on reading.
	Silence = "\x00silence"
	// ThenHangup behind a reply closes the connection after it: "250 ok" + ThenHangup.
	ThenHangup = "\x00hangup"
)

// Greeting and Dot are the verbs under which Options.Reply is asked for the
// banner and for the answer to the final dot. With LMTP the argument of Dot is
// the recipient whose answer it is.
const (
	Greeting = "CONNECT"
	Dot      = "."
)

// Message is one message as its client sent it.
type Message struct {
	ReversePath  string     // between the angle brackets, as sent
	ForwardPaths []string   // likewise, those that were accepted; with LMTP, also after the dot
	Params       []string   // of MAIL: "SIZE=1024"
	RcptParams   [][]string // of each of ForwardPaths: "NOTIFY=NEVER"
	Content      []byte     // dot-unstuffed, nothing else changed
	At           time.Time

	Conn      int               // the connection it came on: index of Sessions
	TLS       bool              // it came over TLS
	Forwarded map[string]string // attributes of XFORWARD, as sent; nil without it
	Replaced  map[string]string // attributes of XCLIENT, as sent; nil without it
}

// String is m for the eyes of who reads that a test has failed.
func (m Message) String() string {
	return fmt.Sprintf("<%s> %s to <%s> %s, %d octets: %.200q", m.ReversePath, m.Params, strings.Join(m.ForwardPaths, ">, <"), m.RcptParams, len(m.Content), m.Content)
}

// Session is what came on one connection.
type Session struct {
	// Commands are the command lines in order, and Dot for each final dot.
	Commands []string
	TLS      bool
}

// Options says how a Sink behaves. The zero Options is a well-behaved server.
type Options struct {
	// Hostname stands in the banner; "" is "sink.example".
	Hostname string
	// Extensions are the lines of the EHLO reply; nil is PIPELINING, 8BITMIME,
	// SIZE. What stands here may be used: DSN, SMTPUTF8, REQUIRETLS, "XFORWARD
	// NAME ADDR", "XCLIENT NAME ADDR".
	Extensions []string
	// TLS makes the Sink offer STARTTLS, until it is used.
	TLS *tls.Config
	// LMTP makes it an LMTP server: LHLO, and an answer for each recipient.
	LMTP bool
	// Faults are the steps that fail. They come after Reply.
	Faults []Fault
	// Reply replaces the reply to a command when ok is true. verb is in upper case.
	// The reply is sent as it stands with CRLF behind it, or is one of the words
	// above; its first digit decides whether the command took effect. Calls come
	// from one goroutine per connection.
	Reply func(verb, arg string) (reply string, ok bool)
	// MidContent is asked after every line of content with the octets so far. A
	// reply is sent at once, in the middle of the content.
	MidContent func(octets int) (reply string, ok bool)
	// Discard forgets messages and commands after counting them, for measuring.
	Discard bool
}

// Sink is a running server. Its methods are safe for concurrent use.
type Sink struct {
	opts     Options
	listener net.Listener
	running  sync.WaitGroup
	done     chan struct{} // closed by Close
	once     sync.Once

	mu         sync.Mutex
	conns      map[net.Conn]bool
	closed     bool
	messages   []Message
	count      int
	arrived    chan struct{} // closed and renewed with every message
	commands   []string
	sessions   []Session
	violations []string
	faults     []*fault
}

// New returns a Sink that listens nowhere and is reached through Dial alone.
func New(opts Options) *Sink {
	if opts.Hostname == "" {
		opts.Hostname = "sink.example"
	}
	if opts.Extensions == nil {
		opts.Extensions = []string{"PIPELINING", "8BITMIME", "SIZE 104857600"}
	}
	s := &Sink{opts: opts, conns: map[net.Conn]bool{}, arrived: make(chan struct{}), done: make(chan struct{})}
	s.Fail(opts.Faults...)
	return s
}

// Start listens on addr and serves until Close: "127.0.0.1:0" for any free port,
// or "unix:/path". With a Fault that refuses connections there is no listener.
func Start(addr string, opts Options) (*Sink, error) {
	network, where := "tcp", addr
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, where = "unix", path
	}
	l, err := net.Listen(network, where)
	if err != nil {
		return nil, fmt.Errorf("smtptest: %w", err)
	}
	s := New(opts)
	s.listener = l
	if slices.ContainsFunc(opts.Faults, func(f Fault) bool { return f.Step == Connect && f.Kind == Refuse }) {
		l.Close()
		return s, nil
	}
	s.running.Go(s.accept) // ends when Close closes the listener
	return s, nil
}

// Dial connects through memory instead of a socket, whatever the address: the
// dial function of a client under testing/synctest.
func (s *Sink) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.refuses() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	client, server := net.Pipe()
	if !s.serve(server) {
		return nil, net.ErrClosed
	}
	return client, nil
}

func (s *Sink) accept() {
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serve(nc)
	}
}

// serve starts a session on nc; false if the Sink is closed.
func (s *Sink) serve(nc net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		nc.Close()
		return false
	}
	s.conns[nc] = true
	id := len(s.sessions)
	s.sessions = append(s.sessions, Session{})
	s.running.Go(func() { // ends when the client or Close closes nc
		defer s.leave(nc)
		newSession(s, nc, id).run()
	})
	return true
}

func (s *Sink) leave(nc net.Conn) {
	nc.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, nc)
}

// Addr is where the Sink listens, if that is TCP.
func (s *Sink) Addr() netip.AddrPort { return s.listener.Addr().(*net.TCPAddr).AddrPort() }

// Target is where the Sink listens, as a configuration names a next hop:
// "127.0.0.1:2525" or "unix:/path".
func (s *Sink) Target() string {
	if unix, ok := s.listener.Addr().(*net.UnixAddr); ok {
		return "unix:" + unix.Name
	}
	return s.listener.Addr().String()
}

// Close ends all sessions and waits for them. A Reply function that blocks
// must be let go by its owner.
func (s *Sink) Close() {
	s.once.Do(func() { close(s.done) })
	s.mu.Lock()
	s.closed = true
	for nc := range s.conns {
		nc.Close()
	}
	s.mu.Unlock()
	if s.listener != nil {
		s.listener.Close()
	}
	s.running.Wait()
}

// Drop closes every open connection without a word; new ones are still taken.
func (s *Sink) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for nc := range s.conns {
		nc.Close()
	}
}

// Messages returns the messages accepted so far, oldest first.
func (s *Sink) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Count is the number of messages accepted so far.
func (s *Sink) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Wait returns when n messages have been accepted, or with the error of ctx.
func (s *Sink) Wait(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		count, arrived := s.count, s.arrived
		s.mu.Unlock()
		if count >= n {
			return nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return fmt.Errorf("smtptest: %d of %d messages: %w", count, n, ctx.Err())
		}
	}
}
