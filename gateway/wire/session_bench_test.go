package wire_test

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mxgate/gateway/wire"
)

// calls counts what wire asks of a socket.
type calls struct {
	*net.TCPConn
	n *counted
}

type counted struct{ reads, writes, deadlines atomic.Int64 }

func (c calls) Read(p []byte) (int, error) {
	c.n.reads.Add(1)
	return c.TCPConn.Read(p)
}

func (c calls) Write(p []byte) (int, error) {
	c.n.writes.Add(1)
	return c.TCPConn.Write(p)
}

func (c calls) SetReadDeadline(t time.Time) error {
	c.n.deadlines.Add(1)
	return c.TCPConn.SetReadDeadline(t)
}

func (c calls) SetWriteDeadline(t time.Time) error {
	c.n.deadlines.Add(1)
	return c.TCPConn.SetWriteDeadline(t)
}

type callsListener struct {
	net.Listener
	n *counted
}

func (l callsListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return calls{c.(*net.TCPConn), l.n}, nil
}

// BenchmarkTransaction is one message in a session that goes on, with
// MAIL, RCPT and DATA in one packet: wire, go-smtp, session, and the kit's Gate
// and client.
func BenchmarkTransaction(b *testing.B) {
	for _, size := range []struct {
		name   string
		octets int
	}{{"4K", 4 << 10}, {"5M", 5 << 20}} {
		b.Run(size.name+"/clear", func(b *testing.B) { benchmarkTransaction(b, size.octets, false) })
		b.Run(size.name+"/TLS", func(b *testing.B) { benchmarkTransaction(b, size.octets, true) })
	}
}

func benchmarkTransaction(b *testing.B, octets int, secure bool) {
	in, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	n := new(counted)
	s := start(b, func(cfg *wire.Config) {
		cfg.TLSConfig = serverTLS()
	}, callsListener{in, n})
	s.quiet = true
	c := s.open(b)
	if secure {
		c.send("STARTTLS\r\n")
		c.expect("220")
		c.startTLS()
		c.ehlo()
	}
	envelope := []byte("MAIL FROM:<a@client.example> BODY=8BITMIME\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
	content := []byte(strings.Repeat(strings.Repeat("x", 62)+"\r\n", octets/64) + ".\r\n")
	read := func(lines int) {
		for range lines {
			if line, err := c.r.ReadSlice('\n'); err != nil || line[0] > '3' {
				b.Fatalf("reply %q, %v", line, err)
			}
		}
	}
	reads, writes, deadlines := n.reads.Load(), n.writes.Load(), n.deadlines.Load()
	b.ReportAllocs()
	b.SetBytes(int64(octets))
	for b.Loop() {
		if _, err := c.Write(envelope); err != nil {
			b.Fatal(err)
		}
		read(3)
		if _, err := c.Write(content); err != nil {
			b.Fatal(err)
		}
		read(1)
	}
	per := func(name string, v int64) { b.ReportMetric(float64(v)/float64(b.N), name+"/op") }
	per("reads", n.reads.Load()-reads)
	per("writes", n.writes.Load()-writes)
	per("deadlines", n.deadlines.Load()-deadlines)
	c.send("QUIT\r\n")
	_, _ = io.Copy(io.Discard, c)
}
