package relay

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// discard is a next hop that costs as little as one can: it takes every write of
// ours for a whole flight, and throws content away.
func discard(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() { // ends with the listener
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go discardFrom(nc) // ends with its connection
		}
	}()
	return l.Addr().String()
}

func discardFrom(nc net.Conn) {
	defer nc.Close()
	buf := make([]byte, 256<<10)
	say := func(s string) { io.WriteString(nc, s) }
	say("220 hi\r\n")
	for content := false; ; {
		n, err := nc.Read(buf)
		if err != nil {
			return
		}
		switch got := buf[:n]; {
		case content:
			if bytes.HasSuffix(got, []byte(endOfData)) {
				content = false
				say("250 2.0.0 ok\r\n")
			}
		case bytes.HasPrefix(got, []byte("DATA")):
			content = true
			say("354 go\r\n")
		case bytes.HasPrefix(got, []byte("EHLO")):
			say("250-hi\r\n250-8BITMIME\r\n250-SIZE\r\n250 PIPELINING\r\n")
		default:
			say(strings.Repeat("250 2.1.5 ok\r\n", bytes.Count(got, []byte("\n"))))
		}
	}
}

func benchmarkSend(b *testing.B, octets int) {
	p := NewPool(Config{Hostname: "gate.example.com"})
	defer p.Close()
	header := strings.NewReader("Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n")
	body := bytes.NewReader(bytes.Repeat([]byte(strings.Repeat("x", 76)+"\r\n"), octets/78))
	env, to, r := envelope(b), address(b, "b@example.net"), routeTo(discard(b))
	b.SetBytes(int64(octets))
	b.ReportAllocs()
	for b.Loop() {
		d, err := p.Open(b.Context(), r, mail.Client{}, env)
		if err != nil {
			b.Fatal(err)
		}
		if reply, err := d.Rcpt(b.Context(), to, noDSN); err != nil || !reply.Positive() {
			b.Fatal(reply, err)
		}
		if reply, err := d.Send(b.Context(), header, body); err != nil || !reply.Positive() {
			b.Fatal(reply, err)
		}
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
