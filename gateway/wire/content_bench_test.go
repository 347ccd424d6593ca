package wire

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"mxgate/gateway/disk"
	"mxgate/gateway/wire/framing"
)

// replay is a socket that gives the same content again and again.
type replay struct {
	net.Conn
	octets, rest []byte
}

func (r *replay) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		r.rest = r.octets
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// benchmarkContent takes content of size octets; memory is what one may hold.
func benchmarkContent(b *testing.B, size int, memory int64) {
	line := strings.Repeat("x", 74) + "\r\n"
	octets := []byte(strings.Repeat(line, size/len(line)) + framing.EndOfData)
	sock, other := net.Pipe()
	defer sock.Close()
	defer other.Close()
	l := &Listener{cfg: Config{Hostname: "gate.example.com", Admit: func(netip.Addr) Admission { return Admission{} }, MemoryOctets: memory}}
	if err := l.cfg.complete(); err != nil {
		b.Fatal(err)
	}
	l.ctx, l.space = b.Context(), disk.Free
	l.room = l.newRoom()
	src := &replay{Conn: sock, octets: octets}
	c := newConn(&link{l: l, raw: src}, src)
	c.terms = c.offer(true)
	b.SetBytes(int64(len(octets)))
	b.ReportAllocs()
	for b.Loop() {
		c.phase = inContent
		content, err := c.Content(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		content.Close()
	}
}

func BenchmarkContent4K(b *testing.B)        { benchmarkContent(b, 4<<10, 0) }
func BenchmarkContent100K(b *testing.B)      { benchmarkContent(b, 100<<10, 0) }
func BenchmarkContent5M(b *testing.B)        { benchmarkContent(b, 5<<20, 0) }
func BenchmarkContent5MSpooled(b *testing.B) { benchmarkContent(b, 5<<20, 1<<20) }
