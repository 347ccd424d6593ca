package smtptest

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
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
// banner and for the answer to the final dot.
const (
	Greeting = "CONNECT"
	Dot      = "."
)

// Message is one message as its client sent it.
type Message struct {
	ReversePath  string   // between the angle brackets, as sent
	ForwardPaths []string // likewise, those that were accepted
	Params       []string // of MAIL: "SIZE=1024"
	Content      []byte   // dot-unstuffed, nothing else changed
	At           time.Time
}

// Options says how a Sink behaves. The zero Options is a well-behaved server.
type Options struct {
	// Hostname stands in the banner; "" is "sink.example".
	Hostname string
	// Extensions are the lines of the EHLO reply; nil is PIPELINING, 8BITMIME, SIZE.
	Extensions []string
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
	sessions sync.WaitGroup

	mu          sync.Mutex
	conns       map[net.Conn]bool
	closed      bool
	messages    []Message
	count       int
	arrived     chan struct{} // closed and renewed with every message
	commands    []string
	violations  []string
	connections int
}

// New returns a Sink that listens nowhere and is reached through Dial alone.
func New(opts Options) *Sink {
	if opts.Hostname == "" {
		opts.Hostname = "sink.example"
	}
	if opts.Extensions == nil {
		opts.Extensions = []string{"PIPELINING", "8BITMIME", "SIZE 104857600"}
	}
	return &Sink{opts: opts, conns: map[net.Conn]bool{}, arrived: make(chan struct{})}
}

// Start listens on addr, "127.0.0.1:0" for any free port, and serves until Close.
func Start(addr string, opts Options) (*Sink, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("smtptest: %w", err)
	}
	s := New(opts)
	s.listener = l
	s.sessions.Go(s.accept) // ends when Close closes the listener
	return s, nil
}

// Dial connects through memory instead of a socket, whatever the address: the
// dial function of a client under testing/synctest.
func (s *Sink) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
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
	s.connections++
	s.sessions.Go(func() { // ends when the client or Close closes nc
		defer s.leave(nc)
		newSession(s, nc).run()
	})
	return true
}

func (s *Sink) leave(nc net.Conn) {
	nc.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, nc)
}

// Addr is where the Sink listens.
func (s *Sink) Addr() netip.AddrPort { return s.listener.Addr().(*net.TCPAddr).AddrPort() }

// Close ends all sessions and waits for them. A Reply function that blocks
// must be let go by its owner.
func (s *Sink) Close() {
	s.mu.Lock()
	s.closed = true
	for nc := range s.conns {
		nc.Close()
	}
	s.mu.Unlock()
	if s.listener != nil {
		s.listener.Close()
	}
	s.sessions.Wait()
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

// Commands returns the command lines received so far, in order of arrival.
func (s *Sink) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// Connections is the number of connections taken so far.
func (s *Sink) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Violations returns what clients did against the protocol, in order.
func (s *Sink) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

func (s *Sink) record(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if !s.opts.Discard {
		s.messages = append(s.messages, m)
	}
	close(s.arrived)
	s.arrived = make(chan struct{})
}

func (s *Sink) heard(line string) {
	if s.opts.Discard {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands = append(s.commands, line)
}

func (s *Sink) violation(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}
