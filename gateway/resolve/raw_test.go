package resolve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"mxgate/policy/dns"
)

// raw is a server whose every octet is written by the test.
type raw struct {
	packets *net.UDPConn
	streams *net.TCPListener
}

// serveRaw answers each datagram with what udp returns, if anything, and each TCP
// connection as tcp does. They end with the test.
func serveRaw(t *testing.T, udp func(from netip.AddrPort, query *mdns.Msg) []byte, tcp func(net.Conn)) raw {
	t.Helper()
	var s raw
	for range 20 { // a port may be free for one of both only
		streams, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.streams = streams.(*net.TCPListener)
		s.packets, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(streams.Addr().(*net.TCPAddr).AddrPort()))
		if err == nil {
			break
		}
		streams.Close()
	}
	if s.packets == nil {
		t.Fatal("no port")
	}
	ended := make(chan struct{}, 2)
	go func() { // until Close
		defer func() { ended <- struct{}{} }()
		buffer := make([]byte, 4096)
		for {
			n, from, err := s.packets.ReadFromUDPAddrPort(buffer)
			query := new(mdns.Msg)
			if err != nil || query.Unpack(buffer[:n]) != nil {
				return
			}
			if answer := udp(from, query); answer != nil {
				s.packets.WriteToUDPAddrPort(answer, from)
			}
		}
	}()
	go func() { // until Close
		defer func() { ended <- struct{}{} }()
		for {
			conn, err := s.streams.Accept()
			if err != nil {
				return
			}
			go func() { // until the client closes
				defer conn.Close()
				tcp(conn)
				io.Copy(io.Discard, conn)
			}()
		}
	}()
	t.Cleanup(func() { s.packets.Close(); s.streams.Close(); <-ended; <-ended })
	return s
}

func (s raw) addr() netip.AddrPort { return s.streams.Addr().(*net.TCPAddr).AddrPort() }

// honest packs an answer of one address.
func honest(query *mdns.Msg, change func(*mdns.Msg)) []byte {
	m := new(mdns.Msg).SetReply(query)
	m.Answer = []mdns.RR{&mdns.A{Hdr: mdns.RR_Header{Name: query.Question[0].Name, Rrtype: mdns.TypeA, Class: mdns.ClassINET, Ttl: 60}, A: net.IPv4(192, 0, 2, 1)}}
	if change != nil {
		change(m)
	}
	packet, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return packet
}

// RFC 5452, Section 9.2. The bounds fail a counter, a shared socket and an id or
// port of fewer than 12 random bits; chance fails them less than once in 10^9 runs.
func TestPortAndIDOfEachQuestionAreRandom(t *testing.T) {
	const questions = 512
	var mu sync.Mutex
	var ports, ids []uint16
	server := serveRaw(t, func(from netip.AddrPort, query *mdns.Msg) []byte {
		mu.Lock()
		defer mu.Unlock()
		ports, ids = append(ports, from.Port()), append(ids, query.Id)
		return honest(query, nil)
	}, hang)
	r := asking(t, Config{Servers: []netip.AddrPort{server.addr()}})
	for i := range questions {
		if _, err := r.A(t.Context(), fmt.Sprintf("n%d.example.com", i)); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for what, drawn := range map[string][]uint16{"ports": ports, "ids": ids} {
		distinct, near, flips := map[uint16]bool{}, 0, 0
		for i, n := range drawn {
			distinct[n] = true
			if i > 0 {
				if d := int(n) - int(drawn[i-1]); d >= -64 && d <= 64 {
					near++
				}
				flips += bits.OnesCount16(n ^ drawn[i-1])
			}
		}
		t.Logf("%s: %d distinct of %d, %d near the one before, %.1f bits differ", what, len(distinct), len(drawn), near, float64(flips)/questions)
		if len(drawn) != questions || len(distinct) < questions*15/16 || near > questions/16 || flips < 5*questions {
			t.Errorf("%s are not random: %d of %d distinct, %d near the one before, %d bits differ", what, len(distinct), len(drawn), near, flips)
		}
	}
}

// The right answer from anywhere but the server asked is never even read.
func TestAnswerFromAnotherAddressIsNotHeard(t *testing.T) {
	other, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var sent atomic.Int64
	server := serveRaw(t, func(from netip.AddrPort, query *mdns.Msg) []byte {
		for range 2 * maxStrays {
			if _, err := other.WriteToUDPAddrPort(honest(query, nil), from); err == nil {
				sent.Add(1)
			}
		}
		return nil
	}, hang)
	r := asking(t, Config{Servers: []netip.AddrPort{server.addr()}, Timeout: 200 * time.Millisecond})
	_, err = r.A(t.Context(), "example.com")
	if !errors.Is(err, context.DeadlineExceeded) || sent.Load() == 0 || r.Stats().Strays != 0 {
		t.Errorf("got %v after %d forged answers, %+v", err, sent.Load(), r.Stats())
	}
}

func TestTCPThatStallsOrBreaksIsTemporaryAndInTime(t *testing.T) {
	for name, tcp := range map[string]func(net.Conn){
		"silent":              hang,
		"half a length":       func(c net.Conn) { c.Write([]byte{1}) },
		"half an answer":      func(c net.Conn) { c.Write([]byte{255, 255, 1, 2, 3}) },
		"an octet at a time":  func(c net.Conn) { drip(c) },
		"closed at once":      func(c net.Conn) { c.Close() },
		"length of zero":      func(c net.Conn) { c.Write([]byte{0, 0}) },
		"garbage":             func(c net.Conn) { c.Write(append([]byte{0, 20}, make([]byte, 20)...)) },
		"another id, forever": func(c net.Conn) { flood(c) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serveRaw(t, func(_ netip.AddrPort, query *mdns.Msg) []byte {
				return honest(query, func(m *mdns.Msg) { m.Truncated = true })
			}, tcp)
			r := asking(t, Config{Servers: []netip.AddrPort{server.addr()}, Timeout: 300 * time.Millisecond})
			began := time.Now()
			_, err := r.A(t.Context(), "example.com")
			if !errors.Is(err, dns.ErrTemporary) || !dns.NetError(err).IsTemporary {
				t.Errorf("got %v, want temporary", err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func hang(net.Conn) {}

func drip(c net.Conn) {
	c.Write([]byte{255, 255})
	for {
		if _, err := c.Write([]byte{0}); err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func flood(c net.Conn) {
	for {
		if _, err := c.Write(append([]byte{0, 12}, make([]byte, 12)...)); err != nil {
			return
		}
	}
}
