package wire_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mxgate/gateway/wire"
)

func TestDuty_A7_IdleSessionsAreSentAwayAndTransactionsFinish_S19(t *testing.T) {
	s := start(t, func(cfg *wire.Config) { cfg.TLSConfig = serverTLS() })
	idle, busy, secure, stranger := s.open(t), s.open(t), s.open(t), s.dial(t)
	stranger.expect("220")
	secure.send("STARTTLS\r\n")
	secure.expect("220")
	secure.startTLS()
	secure.ehlo()
	busy.mail()

	drained := make(chan error)
	go func() { drained <- s.l.Drain(t.Context()) }()
	idle.expect("421 4.3.2", "EOF")
	secure.expect("421 4.3.2", "EOF")
	stranger.expect("421 4.3.2", "EOF")
	if _, err := net.Dial("tcp", s.l.Addr().String()); err == nil {
		t.Error("a new connection was accepted")
	}
	busy.send("still\r\n.\r\nMAIL FROM:<new@client.example>\r\n")
	busy.expect("250 2.0.0 Taken", "421 4.3.2", "EOF")
	if err := <-drained; err != nil {
		t.Errorf("Drain: %v", err)
	}
	if err := <-s.served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	s.served <- nil // for the clean-up
	if got := s.seen(); len(got) != 3 {
		t.Errorf("at the gate %q", got)
	}
}

func TestDuty_A7_WhatDoesNotEndInTimeIsToldAndCut(t *testing.T) {
	s := start(t, func(cfg *wire.Config) { cfg.TLSConfig = serverTLS() })
	begun := make(chan struct{})
	s.handling = func(ctx context.Context) {
		close(begun)
		<-ctx.Done()
	}
	handled, secure, content := s.open(t), s.open(t), s.open(t)
	secure.send("STARTTLS\r\n")
	secure.expect("220")
	secure.startTLS()
	secure.ehlo()
	for _, c := range []*client{secure, content, handled} {
		c.send("MAIL FROM:<a@client.example>\r\nRCPT TO:<b@example.com>\r\n")
		c.expect("250", "250")
	}
	for _, c := range []*client{content, handled} {
		c.send("DATA\r\n")
		c.expect("354")
	}
	handled.send("slow\r\n.\r\n")
	<-begun
	for s.l.Waiting() < 2 { // a reply is read before its writer waits again
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancel(t.Context())
	drained := make(chan error)
	go func() { drained <- s.l.Drain(ctx) }()
	cancel()
	if err := <-drained; !errors.Is(err, context.Canceled) {
		t.Errorf("Drain: %v", err)
	}
	secure.expect("421 4.3.2", "EOF")
	content.expect("421 4.3.2", "EOF")
	handled.expect("EOF") // we wait for nobody here: what becomes of it is not known
	got := s.seen()
	for _, want := range []string{"ABORT cut", "REFUSED wire: connection lost before the end of the content", "CONTENT 6 eightbit=false"} {
		if !slices.Contains(got, want) {
			t.Errorf("at the gate %q, want %q", got, want)
		}
	}
}

// numbered makes a certificate with a serial number.
func numbered(t *testing.T, serial int64) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{hostname}, NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestDuty_S2_ANewCertificateIsUsedFromTheNextHandshake(t *testing.T) {
	var cert atomic.Pointer[tls.Certificate]
	cert.Store(numbered(t, 1))
	s := start(t, func(cfg *wire.Config) {
		cfg.TLSConfig = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert.Load(), nil }}
	})
	secure := func(serial int64) *client {
		t.Helper()
		c := s.open(t)
		c.send("STARTTLS\r\n")
		c.expect("220")
		c.startTLS()
		c.ehlo()
		if got := c.Conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != serial {
			t.Errorf("certificate %d, want %d", got, serial)
		}
		return c
	}
	running := secure(1)
	running.mail()
	cert.Store(numbered(t, 2))
	secure(2)
	running.send("goes on\r\n.\r\n")
	running.expect("250 2.0.0 Taken")
	running.mail()
	running.send("and on\r\n.\r\n")
	running.expect("250 2.0.0 Taken")
}

func TestDuty_S2_TicketsAreOffAndOldTLSIsRefused(t *testing.T) {
	s := start(t, func(cfg *wire.Config) { cfg.TLSConfig = serverTLS() })
	cache := tls.NewLRUClientSessionCache(1)
	for range 2 {
		c := s.open(t)
		c.send("STARTTLS\r\n")
		c.expect("220")
		conn := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true, ServerName: hostname, ClientSessionCache: cache})
		inside := newClient(t, conn)
		inside.ehlo()
		if conn.ConnectionState().DidResume {
			t.Error("a session was resumed")
		}
	}
	c := s.open(t)
	c.send("STARTTLS\r\n")
	c.expect("220")
	old := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if err := tls.Client(c.Conn, old).HandshakeContext(t.Context()); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
	c.expect("EOF")
	if st := s.l.Stats(); st.TLSHandshakes != 2 || st.TLSFailed != 1 {
		t.Errorf("counted %+v", st)
	}
}

// half is a connection that is admitted and not yet greeted until meet is closed.
type half struct {
	from
	meet chan struct{}
}

func (h half) SyscallConn() (syscall.RawConn, error) {
	<-h.meet
	return nil, errors.ErrUnsupported
}

// The race detector watches: who has a slot may be cut by another goroutine.
func TestAConnectionMayBeCutBeforeItIsGreeted(t *testing.T) {
	p := newPipes()
	s := start(t, nil, p)
	ours, theirs := net.Pipe()
	meet := make(chan struct{})
	p.conns <- half{from{theirs, "192.0.2.1:50000"}, meet}
	for s.l.Stats().Active == 0 {
		runtime.Gosched()
	}
	if err := s.l.Close(); err != nil {
		t.Error(err)
	}
	close(meet)
	newClient(t, ours).expect("EOF")
	for s.l.Stats().Active > 0 {
		runtime.Gosched()
	}
}
