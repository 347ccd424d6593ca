package wire_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"mxgate/gateway/session"
	"mxgate/gateway/wire"
	"mxgate/policy/mail"
)

const hostname = "gate.example.com"

// gate records what reaches the pipeline, one line per event, and answers by
// the words in local parts and contents.
type gate struct {
	mu     sync.Mutex
	events []string
	bodies []string
	// answers counts the calls of Answered.
	answers atomic.Int64
	// handling, if set, is called in Content with the server's context.
	handling func(context.Context)
	// keep, if set, is given the content.
	keep func(*wire.Content)
	// meet, if set, is given the client of each transaction.
	meet func(mail.Client)
	// untaken, if set, is given why content was not taken.
	untaken func(error)
	// quiet takes everything and notes nothing, for benchmarks.
	quiet bool
}

func (g *gate) note(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, fmt.Sprintf(format, args...))
}

func (g *gate) seen() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.events...)
}

func (g *gate) contents() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.bodies...)
}

var refused = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user"}

func act(word string) error {
	switch word {
	case "refuse":
		return refused
	case "lines":
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "one\ntwo\x07\nthree"}
	case "long":
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: strings.Repeat("x", 1000)}
	case "error":
		return errors.New("open /var/lib/mxgate/secret: no such file")
	case "panic":
		panic("asked to")
	}
	return nil
}

func (g *gate) Begin(_ context.Context, c mail.Client, env mail.Envelope) (session.Transaction, error) {
	if g.quiet {
		return taker{}, nil
	}
	if g.meet != nil {
		g.meet(c)
	}
	cipher := ""
	if c.TLS {
		cipher = " tls"
	}
	g.note("MAIL <%s> size=%d body=%s helo=%s extended=%t source=%s%s%s", env.ReversePath, env.SizeOctets, env.Body, c.Helo, c.Extended, c.Source, cipher, asked(c, env))
	if err := act(env.ReversePath.Local); err != nil {
		return nil, err
	}
	return &transaction{gate: g}, nil
}

// asked names the parameters and the origin that a client gave.
func asked(c mail.Client, env mail.Envelope) string {
	var b strings.Builder
	if env.UTF8 {
		b.WriteString(" utf8")
	}
	if env.RequireTLS {
		b.WriteString(" requiretls")
	}
	if env.Return != "" || env.EnvelopeID != "" {
		fmt.Fprintf(&b, " ret=%s envid=%q", env.Return, env.EnvelopeID)
	}
	if c.Origin.IsValid() || c.OriginHelo != "" {
		fmt.Fprintf(&b, " origin=%s/%s", c.Origin, c.OriginHelo)
	}
	return b.String()
}

// taker is a transaction that costs nothing.
type taker struct{}

var taken = &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 0, 0}, Message: "Taken"}

func (taker) Rcpt(context.Context, mail.Address, mail.RecipientDSN) error { return nil }
func (taker) Content(context.Context, *wire.Content) *smtp.SMTPError      { return taken }
func (taker) Refused(context.Context, error) *smtp.SMTPError              { return taken }
func (taker) Answered(bool)                                               {}
func (taker) Ahead([]mail.Recipient)                                      {}
func (taker) Abort(string)                                                {}

type transaction struct {
	*gate
	ended, answered bool
}

func (t *transaction) end() {
	if t.ended {
		t.note("ENDED TWICE")
	}
	t.ended = true
}

func (t *transaction) Ahead(recipients []mail.Recipient) { t.note("ahead %d", len(recipients)) }

func (t *transaction) Rcpt(_ context.Context, path mail.Address, dsn mail.RecipientDSN) error {
	if dsn == (mail.RecipientDSN{}) {
		t.note("RCPT <%s>", path)
	} else {
		t.note("RCPT <%s> notify=%s orcpt=%s;%s", path, dsn.Notify, dsn.OriginalType, dsn.Original)
	}
	return act(path.Local)
}

// Answered is noted only where the client has gone: most tests have no use for
// the other line.
func (t *transaction) Answered(read bool) {
	if t.answered || !t.ended {
		t.note("ANSWERED TWICE OR TOO EARLY")
	}
	t.answered = true
	if !read {
		t.note("UNREAD")
	}
	t.gate.answers.Add(1)
}

func (t *transaction) Content(ctx context.Context, c *wire.Content) *smtp.SMTPError {
	if t.handling != nil {
		t.handling(ctx)
	}
	if t.keep != nil {
		t.keep(c)
	}
	body, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size))
	if err != nil || int64(len(body)) != c.Size {
		t.note("CONTENT UNREADABLE: %v", err)
	}
	word, _, _ := strings.Cut(string(body), "\r\n")
	if word == "panic" {
		panic("asked to")
	}
	t.end()
	t.mu.Lock()
	t.bodies = append(t.bodies, string(body))
	t.mu.Unlock()
	t.note("CONTENT %d eightbit=%t", c.Size, c.EightBit)
	switch word {
	case "nil":
		return nil
	case "421":
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Not now"}
	}
	if err, ok := act(word).(*smtp.SMTPError); ok {
		return err
	}
	return &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 0, 0}, Message: "Taken"}
}

func (t *transaction) Refused(_ context.Context, why error) *smtp.SMTPError {
	t.end()
	if t.untaken != nil {
		t.untaken(why)
	}
	for _, r := range []struct {
		err      error
		code     int
		enhanced smtp.EnhancedCode
	}{
		{wire.ErrBadFraming, 554, smtp.EnhancedCode{5, 5, 2}},
		{wire.ErrTooLarge, 552, smtp.EnhancedCode{5, 3, 4}},
		{wire.ErrSpool, 452, smtp.EnhancedCode{4, 3, 1}},
		{wire.ErrTimeout, 451, smtp.EnhancedCode{4, 4, 2}},
		{wire.ErrCut, 451, smtp.EnhancedCode{4, 4, 2}},
	} {
		if errors.Is(why, r.err) {
			t.note("REFUSED %s", r.err)
			return &smtp.SMTPError{Code: r.code, EnhancedCode: r.enhanced, Message: "Not taken"}
		}
	}
	t.note("REFUSED FOR UNKNOWN CAUSE: %v", why)
	return nil
}

func (t *transaction) Abort(why string) {
	t.end()
	t.note("ABORT %s", why)
}

// server is a gateway of wire and session only.
type server struct {
	*gate
	l         *wire.Listener
	served    chan error
	strangers chan string
	panics    chan struct{}
}

func admitAll(netip.Addr) wire.Admission {
	return wire.Admission{Source: "provider", Verdict: wire.Admitted}
}

// start serves inner, or a loopback socket if there is none, until the test ends.
func start(t testing.TB, change func(*wire.Config), inner ...net.Listener) *server {
	t.Helper()
	if len(inner) == 0 {
		inner = append(inner, loopback(t))
	}
	var sockets []wire.Socket
	for _, in := range inner {
		sockets = append(sockets, wire.Socket{Listener: in})
	}
	return startOn(t, change, sockets...)
}

func loopback(t testing.TB) net.Listener {
	t.Helper()
	in, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func startOn(t testing.TB, change func(*wire.Config), sockets ...wire.Socket) *server {
	t.Helper()
	s := &server{gate: &gate{}, served: make(chan error, 1), strangers: make(chan string, 1000), panics: make(chan struct{}, 100)}
	cfg := wire.Config{Hostname: hostname, Admit: admitAll, SpoolDir: t.TempDir(),
		OnStranger: func(a netip.Addr, helo string) { s.strangers <- a.String() + " " + helo },
		OnPanic:    func() { s.panics <- struct{}{} }}
	if change != nil {
		change(&cfg)
	}
	l, err := wire.NewListener(cfg, sockets...)
	if err != nil {
		t.Fatal(err)
	}
	s.l = l
	go func() {
		s.served <- session.Serve(l, session.Config{Hostname: hostname, Gate: s.gate, OnPanic: cfg.OnPanic})
	}()
	t.Cleanup(func() {
		l.Close()
		if err := <-s.served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		for _, e := range s.seen() {
			if e == "ENDED TWICE" || e == "ANSWERED TWICE OR TOO EARLY" || strings.HasPrefix(e, "CONTENT UNREADABLE") || strings.HasPrefix(e, "REFUSED FOR") {
				t.Errorf("gate: %s", e)
			}
		}
		left, err := os.ReadDir(cfg.SpoolDir)
		if err == nil && len(left) > 0 {
			t.Errorf("%d files left in the spool", len(left))
		}
	})
	return s
}

// client is the other end of a session.
type client struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func (s *server) dial(t testing.TB) *client {
	t.Helper()
	conn, err := net.Dial("tcp", s.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, conn)
}

func newClient(t testing.TB, conn net.Conn) *client {
	t.Cleanup(func() { conn.Close() })
	return &client{t, conn, bufio.NewReader(conn)}
}

// open is dial with banner and EHLO.
func (s *server) open(t testing.TB) *client {
	t.Helper()
	c := s.dial(t)
	c.expect("220 " + hostname + " ESMTP")
	c.ehlo()
	return c
}

func (c *client) ehlo() {
	c.t.Helper()
	c.send("EHLO client.example\r\n")
	for line := "250-"; strings.HasPrefix(line, "250-"); {
		line = c.line()
	}
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatalf("sending %.40q: %v", s, err)
	}
}

// line reads one line; "EOF" at the end of the connection.
func (c *client) line() string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	if err != nil {
		if line != "" {
			c.t.Fatalf("half a line: %q", line)
		}
		return "EOF"
	}
	if !strings.HasSuffix(line, "\r\n") {
		c.t.Fatalf("line without CRLF: %q", line)
	}
	return strings.TrimSuffix(line, "\r\n")
}

// expect reads lines, each of which must begin as given.
func (c *client) expect(prefixes ...string) {
	c.t.Helper()
	for _, want := range prefixes {
		if got := c.line(); !strings.HasPrefix(got, want) {
			c.t.Fatalf("reply %q, want %q", got, want)
		}
	}
}

// startTLS goes over to TLS.
func (c *client) startTLS(own ...tls.Certificate) {
	c.t.Helper()
	conn := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true, Certificates: own})
	if err := conn.HandshakeContext(c.t.Context()); err != nil {
		c.t.Fatalf("handshake: %v", err)
	}
	c.Conn, c.r = conn, bufio.NewReader(conn)
}

// serverTLS makes a certificate for the test.
var serverTLS = sync.OnceValue(func() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{hostname}, NotAfter: time.Now().AddDate(10, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
})

// script plays testdata/smtp/NAME.smtp:
//
//	set KEY [VALUE]   a setting of the listener: tls, requiretls, size N, memory N,
//	                  offer [N] (every extension; octets a next hop takes), narrow, xclient
//	C: LINE           sent with CRLF; adjacent C lines are one packet
//	C: "QUOTED"       the same, as a Go string, without CRLF
//	S: PREFIX         the next line must begin so; EOF is the end of the connection
//	TLS               the handshake
//	new               a new connection
//	G: EVENT          the next event at the gate must begin so, or be so with a "$" at
//	                  its end; at the end of a script all are named
func script(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", "testdata", "smtp", name+".smtp"))
	if err != nil {
		t.Fatal(err)
	}
	var settings, lines []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "" || line[0] == '#':
			lines = append(lines, "")
		case strings.HasPrefix(line, "set "):
			settings = append(settings, line)
			lines = append(lines, "")
		default:
			lines = append(lines, line)
		}
	}
	s := start(t, func(cfg *wire.Config) {
		for _, setting := range settings {
			set(t, cfg, strings.Fields(setting)[1:])
		}
	})
	play(t, s, name, lines)
}

func set(t *testing.T, cfg *wire.Config, words []string) {
	t.Helper()
	var n int64
	if len(words) == 2 {
		var err error
		if n, err = strconv.ParseInt(words[1], 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	switch words[0] {
	case "tls":
		cfg.TLSConfig = serverTLS()
	case "requiretls":
		cfg.RequireTLS = true
	case "size":
		cfg.MaxMessageOctets = n
	case "memory":
		cfg.MemoryOctets = n
	case "offer":
		cfg.Offer = func() wire.Offer {
			return wire.Offer{EightBitMIME: true, SMTPUTF8: true, DSN: true, RequireTLS: true, MaxOctets: n}
		}
	case "narrow":
		cfg.Offer = func() wire.Offer { return wire.Offer{MaxRecipients: 1, OneDomain: true} }
	case "xclient":
		cfg.MayXclient = func(source string) bool { return source == "provider" }
	default:
		t.Fatalf("unknown setting %q", words)
	}
}

func play(t *testing.T, s *server, name string, lines []string) {
	t.Helper()
	c := s.dial(t)
	var packet bytes.Buffer
	var events int
	defer func() {
		if t.Failed() {
			t.Logf("at the gate: %q", s.seen())
		}
	}()
	for i, line := range append(lines, "end") {
		at := fmt.Sprintf("%s.smtp:%d", name, i+1)
		if line == "" {
			continue
		}
		if text, ok := strings.CutPrefix(line, "C: "); ok {
			if raw, err := strconv.Unquote(text); err == nil {
				packet.WriteString(raw)
			} else {
				packet.WriteString(text + "\r\n")
			}
			continue
		}
		if packet.Len() > 0 {
			_, _ = packet.WriteTo(c) // the server may have closed; replies tell
			packet.Reset()
		}
		switch want, isReply := strings.CutPrefix(line, "S: "); {
		case isReply:
			if got := c.line(); !strings.HasPrefix(got, want) {
				t.Fatalf("%s: reply %q, want %q", at, got, want)
			}
		case line == "TLS":
			c.startTLS()
		case line == "new":
			c.Close()
			c = s.dial(t)
		case strings.HasPrefix(line, "G: "):
			want := strings.TrimPrefix(line, "G: ")
			seen := s.seen()
			if events >= len(seen) || !strings.HasPrefix(seen[events]+"$", want) {
				t.Fatalf("%s: at the gate %q, want %q next", at, seen[events:], want)
			}
			events++
		case line == "end":
			if seen := s.seen(); events > 0 && events != len(seen) {
				t.Fatalf("%s: more at the gate: %q", at, seen[events:])
			}
		default:
			t.Fatalf("%s: not a script line: %q", at, line)
		}
	}
}
