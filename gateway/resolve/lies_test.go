package resolve

import (
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/policy/dns"
)

// zoneRecords makes resource records from zone text.
func zoneRecords(t testing.TB, lines ...string) []mdns.RR {
	t.Helper()
	var made []mdns.RR
	for _, line := range lines {
		rr, err := mdns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, rr)
	}
	return made
}

func TestRecordsBesideTheAnswerReachNobody(t *testing.T) {
	poison := zoneRecords(t,
		"victim.example 3600 IN A 192.0.2.66",
		"victim.example 3600 IN TXT \"v=spf1 +all\"",
		"_dmarc.victim.example 3600 IN CNAME evil.example.com.",
		"com 3600 IN NS ns.evil.example.com.",
		"example.com 3600 IN NS victim.example.",
		"www.example.com 3600 IN A 192.0.2.66",
	)
	for name, slip := range map[string]func(*mdns.Msg){
		"answer":     func(m *mdns.Msg) { m.Answer = append(poison[:len(poison):len(poison)], m.Answer...) },
		"authority":  func(m *mdns.Msg) { m.Ns = append(m.Ns, poison...) },
		"additional": func(m *mdns.Msg) { m.Extra = append(m.Extra, poison...) },
	} {
		server := serve(t, testZone+"\nvictim.example A 192.0.2.9\nvictim.example TXT true\n_dmarc.victim.example TXT strict")
		r := asking(t, Config{}, server)
		server.Behave(dnstest.Behaviour{Change: slip})
		for range 2 {
			same(t, name)(outcome(r.A(t.Context(), "example.com")))(`"[192.0.2.1 192.0.2.2]"`)
			same(t, name)(outcome(r.AAAA(t.Context(), "nosuch.example.com")))(class(dns.ErrNoSuchName))
		}
		server.Behave(dnstest.Behaviour{})
		same(t, name)(outcome(r.A(t.Context(), "victim.example")))(`"[192.0.2.9]"`)
		same(t, name)(outcome(r.TXT(t.Context(), "victim.example")))(`"[true]"`)
		same(t, name)(outcome(r.TXT(t.Context(), "_dmarc.victim.example")))(`"[strict]"`)
		same(t, name)(outcome(r.A(t.Context(), "www.example.com")))(`"[192.0.2.1 192.0.2.2]"`)
		if n := server.Questions(); n != 6 {
			t.Errorf("%s: %d questions, want 6", name, n)
		}
	}
}

// Two of the chain's names are not the author's: no record of an alias may be kept
// for whoever asks for its target.
func TestTargetOfAnAliasIsNotRememberedForOthers(t *testing.T) {
	server := serve(t, "mine.example CNAME victim.example\nvictim.example A 192.0.2.9")
	r := asking(t, Config{}, server)
	server.Behave(dnstest.Behaviour{Change: func(m *mdns.Msg) {
		for _, rr := range m.Answer {
			if a, ok := rr.(*mdns.A); ok {
				a.A = net.IPv4(192, 0, 2, 66)
			}
		}
	}})
	same(t, "alias")(outcome(r.A(t.Context(), "mine.example")))(`"[192.0.2.66]"`)
	server.Behave(dnstest.Behaviour{})
	same(t, "target")(outcome(r.A(t.Context(), "victim.example")))(`"[192.0.2.9]"`)
}

func TestLyingServerIsPassedOver(t *testing.T) {
	for name, lie := range map[string]func(*mdns.Msg){
		"referral": func(m *mdns.Msg) { m.Answer, m.Ns = nil, zoneRecords(t, "com 60 IN NS ns.example.net.") },
		"record of another name": func(m *mdns.Msg) {
			m.Answer = zoneRecords(t, "example.net 60 IN A 192.0.2.66")
		},
		"records, yet no such name": func(m *mdns.Msg) { m.Rcode = mdns.RcodeNameError },
		"alias to itself":           func(m *mdns.Msg) { m.Answer = zoneRecords(t, "example.com 60 IN CNAME example.com.") },
		"a question for an answer":  func(m *mdns.Msg) { m.Response = false },
		"two questions":             func(m *mdns.Msg) { m.Question = append(m.Question, m.Question[0]) },
		"another type":              func(m *mdns.Msg) { m.Question[0].Qtype = mdns.TypeTXT },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad, good := serve(t, "example.com A 192.0.2.66"), serve(t, "example.com A 192.0.2.1")
			bad.Behave(dnstest.Behaviour{Change: lie})
			r := asking(t, Config{Timeout: time.Second}, bad, good)
			same(t, "before another")(outcome(r.A(t.Context(), "example.com")))(`"[192.0.2.1]"`)
			r = asking(t, Config{Timeout: 200 * time.Millisecond}, bad)
			same(t, "alone")(outcome(r.A(t.Context(), "example.com")))(class(dns.ErrTemporary))
		})
	}
}

// RFC 4074, Section 4.2: the name is denied to who asks for AAAA.
func TestNoSuchNameIsBelievedForItsTypeOnly(t *testing.T) {
	server := serve(t, "example.com A 192.0.2.1")
	server.Behave(dnstest.Behaviour{Change: func(m *mdns.Msg) {
		if m.Question[0].Qtype == mdns.TypeAAAA {
			m.Rcode = mdns.RcodeNameError
		}
	}})
	r := asking(t, Config{}, server)
	same(t, "AAAA")(outcome(r.AAAA(t.Context(), "example.com")))(class(dns.ErrNoSuchName))
	same(t, "A")(outcome(r.A(t.Context(), "example.com")))(`"[192.0.2.1]"`)
}

func TestStaleAnswersAreNotServed(t *testing.T) {
	server, c := serve(t, testZone), newClock()
	r := asking(t, Config{Now: c.now, Timeout: 100 * time.Millisecond}, server)
	same(t, "fresh")(outcome(r.A(t.Context(), "example.com")))(`"[192.0.2.1 192.0.2.2]"`)
	server.Behave(dnstest.Behaviour{Drop: true})
	c.pass(dnstest.TTL - 1)
	same(t, "last moment")(outcome(r.A(t.Context(), "example.com")))(`"[192.0.2.1 192.0.2.2]"`)
	c.pass(1)
	same(t, "past its TTL")(outcome(r.A(t.Context(), "example.com")))(class(dns.ErrTemporary))
}

func TestTTLOfZeroIsNotKept(t *testing.T) {
	for _, ttl := range []uint32{0, 1 << 31, 1<<32 - 1} {
		server := serve(t, testZone)
		server.Behave(dnstest.Behaviour{Change: func(m *mdns.Msg) {
			for _, rr := range m.Answer {
				rr.Header().Ttl = ttl
			}
		}})
		r := asking(t, Config{}, server)
		r.A(t.Context(), "example.com")
		r.A(t.Context(), "example.com")
		if s := r.Stats(); server.Questions() != 2 || s.Entries != 0 || s.Octets != 0 {
			t.Errorf("TTL %d: %d questions, %+v", ttl, server.Questions(), s)
		}
	}
}

func TestLateAnswerIsNotTakenForALaterOne(t *testing.T) {
	server := serve(t, testZone)
	server.Behave(dnstest.Behaviour{Delay: 150 * time.Millisecond})
	r := asking(t, Config{Timeout: 200 * time.Millisecond}, server) // a try has 80 ms
	same(t, "late")(outcome(r.A(t.Context(), "example.com")))(class(dns.ErrTemporary))
	server.Behave(dnstest.Behaviour{})
	same(t, "in time")(outcome(r.AAAA(t.Context(), "example.com")))(`"[2001:db8::1]"`)
	if s := r.Stats(); s.Strays != 0 || s.Failures != 1 || s.Waited < 100*time.Millisecond {
		t.Errorf("got %+v", s)
	}
}

// hugeAnswer is the costliest answer found that fits into 64 KiB: up to limit MX
// records whose names have 250 octets, four characters each as the library writes
// them, and are one label and a pointer.
func hugeAnswer(q question, id uint16, limit int) []byte {
	packet, err := (&mdns.Msg{MsgHdr: mdns.MsgHdr{Id: id, Response: true, RecursionAvailable: true},
		Question: []mdns.Question{{Name: mdns.Fqdn(q.name), Qtype: q.typ, Qclass: mdns.ClassINET}}}).Pack()
	if err != nil {
		panic(err)
	}
	long := ""
	for range 3 {
		long += "\x3f" + strings.Repeat("\xff", 63)
	}
	long += "\x2f" + strings.Repeat("\xff", 47) + "\x00"
	first, n := 0, 0
	for ; len(packet) < 65000 && n < limit; n++ {
		packet = append(packet, 0xc0, 12, 0, byte(q.typ), 0, 1, 0, 0, 1, 0)
		data := []byte{0, 10, 1, byte(n), 0xc0 | byte(first>>8), byte(first)}
		if n == 0 {
			first = len(packet) + 2 + 4
			data = append([]byte{0, 10, 1, 0}, long...)
		}
		packet = binary.BigEndian.AppendUint16(packet, uint16(len(data)))
		packet = append(packet, data...)
	}
	binary.BigEndian.PutUint16(packet[6:], uint16(n))
	return packet
}

func TestHugeAnswerIsBounded(t *testing.T) {
	q := question{"example.com", mdns.TypeMX}
	if msg, err := accept(hugeAnswer(q, 7, maxRecords+1), 7, q); !errors.Is(err, errRecords) {
		t.Errorf("one record too many: got %v, %v", msg, err)
	}
	if msg, err := accept(hugeAnswer(q, 8, maxRecords+1), 7, q); !errors.Is(err, errStray) {
		t.Errorf("another's: got %v, %v", msg, err)
	}
	msg, err := accept(hugeAnswer(q, 7, maxRecords), 7, q)
	if err != nil {
		t.Fatal(err)
	}
	e, err := read(msg, q)
	if err != nil || len(e.exchanges) != maxRecords {
		t.Fatalf("got %d records, %v", len(e.exchanges), err)
	}
	c := newCache(100)
	c.put(q, e, newClock().now())
	if n, octets := held(t, c); n != 0 || octets != 0 {
		t.Errorf("%d octets were kept of %d: %d entries", octets, e.size(), n)
	}
}

func BenchmarkHugeAnswer(b *testing.B) {
	q := question{"example.com", mdns.TypeMX}
	packet := hugeAnswer(q, 7, maxRecords)
	b.ReportAllocs()
	for b.Loop() {
		msg, err := accept(packet, 7, q)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := read(msg, q); err != nil {
			b.Fatal(err)
		}
	}
}
