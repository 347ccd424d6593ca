package relay

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"mxgate/gateway/smtptest"
)

func benchmarkSend(b *testing.B, octets int) {
	s, err := smtptest.Start("127.0.0.1:0", smtptest.Options{Discard: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	p := NewPool(Config{Hostname: "gate.example.com"})
	defer p.Close()
	header := strings.NewReader("Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n")
	body := bytes.NewReader(bytes.Repeat([]byte(strings.Repeat("x", 76)+"\r\n"), octets/78))
	env, to, nextHop := envelope(b), address(b, "b@example.net"), s.Addr().String()
	b.SetBytes(int64(octets))
	b.ReportAllocs()
	for b.Loop() {
		d, err := p.Open(b.Context(), nextHop, env)
		if err != nil {
			b.Fatal(err)
		}
		if reply, err := d.Rcpt(b.Context(), to); err != nil || !reply.Positive() {
			b.Fatal(reply, err)
		}
		if reply, err := d.Send(b.Context(), header, body); err != nil || !reply.Positive() {
			b.Fatal(reply, err)
		}
	}
	if s.Count() != b.N {
		b.Errorf("%d of %d arrived", s.Count(), b.N)
	}
}

func BenchmarkSend4K(b *testing.B)   { benchmarkSend(b, 4<<10) }
func BenchmarkSend100K(b *testing.B) { benchmarkSend(b, 100<<10) }
func BenchmarkSend5M(b *testing.B)   { benchmarkSend(b, 5<<20) }

func BenchmarkWriteContent100K(b *testing.B) {
	body := bytes.Repeat([]byte(strings.Repeat("x", 76)+"\r\n"), 100<<10/78)
	r := bytes.NewReader(body)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r.Seek(0, io.SeekStart)
		if err := writeContent(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}
