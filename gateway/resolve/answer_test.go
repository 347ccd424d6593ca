package resolve

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"mxgate/policy/dns"
)

// reply makes an answer to q from records; those after "--" are its authority.
func reply(t testing.TB, q question, rcode int, records ...string) *mdns.Msg {
	t.Helper()
	m := new(mdns.Msg)
	m.SetQuestion(mdns.Fqdn(q.name), q.typ)
	m.Response, m.Rcode = true, rcode
	section := &m.Answer
	for _, text := range records {
		if text == "--" {
			section = &m.Ns
			continue
		}
		rr, err := mdns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		*section = append(*section, rr)
	}
	return m
}

func TestTTLIsTheLowestOfTheAnswerWithinBounds(t *testing.T) {
	a := question{"example.com", mdns.TypeA}
	soa := "example.com 600 IN SOA ns.example.com. hostmaster.example.com. 1 2 3 4 "
	tests := []struct {
		name    string
		rcode   int
		records []string
		class   error
		want    time.Duration
	}{
		{"one record", 0, []string{"example.com 300 IN A 192.0.2.1"}, nil, 300 * time.Second},
		{"lowest of the set", 0, []string{"example.com 300 IN A 192.0.2.1", "example.com 60 IN A 192.0.2.2"}, nil, time.Minute},
		{"lowest of the chain", 0, []string{"example.com 30 IN CNAME b.example.com.", "b.example.com 300 IN A 192.0.2.1"}, nil, 30 * time.Second},
		{"others do not count", 0, []string{"example.com 300 IN A 192.0.2.1", "other.example.com 1 IN A 192.0.2.2"}, nil, 300 * time.Second},
		{"a week is an hour", 0, []string{"example.com 604800 IN A 192.0.2.1"}, nil, maxTTL},
		{"zero is zero", 0, []string{"example.com 0 IN A 192.0.2.1"}, nil, 0},
		{"highest bit set is zero", 0, []string{"example.com 4294967295 IN A 192.0.2.1"}, nil, 0},
		{"NXDOMAIN: minimum", mdns.RcodeNameError, []string{"--", soa + "60"}, dns.ErrNoSuchName, time.Minute},
		{"NXDOMAIN: TTL of the SOA", mdns.RcodeNameError, []string{"--", soa + "86400"}, dns.ErrNoSuchName, 600 * time.Second},
		{"NXDOMAIN: a day is a quarter of an hour", mdns.RcodeNameError,
			[]string{"--", "example.com 86400 IN SOA ns.example.com. hostmaster.example.com. 1 2 3 4 86400"}, dns.ErrNoSuchName, maxNegativeTTL},
		{"NXDOMAIN: alias before it", mdns.RcodeNameError, []string{"example.com 5 IN CNAME b.example.com.", "--", soa + "60"}, dns.ErrNoSuchName, 5 * time.Second},
		{"NXDOMAIN without SOA", mdns.RcodeNameError, nil, dns.ErrNoSuchName, bareNegativeTTL},
		{"NODATA", 0, []string{"--", soa + "60"}, dns.ErrNoData, time.Minute},
		{"NODATA behind an alias", 0, []string{"example.com 300 IN CNAME b.example.com.", "--", soa + "60"}, dns.ErrNoData, time.Minute},
		{"NODATA without SOA", 0, nil, dns.ErrNoData, bareNegativeTTL},
		{"SOA of another zone", mdns.RcodeNameError, []string{"--", strings.Replace(soa, "example.com", "example.net", 1) + "60"}, dns.ErrNoSuchName, bareNegativeTTL},
		{"SOA of another class", mdns.RcodeNameError, []string{"--", strings.Replace(soa, " IN ", " CH ", 1) + "60"}, dns.ErrNoSuchName, bareNegativeTTL},
		{"SOA of the zone above, after another", mdns.RcodeNameError, []string{"--", "net 5 IN SOA a. b. 1 2 3 4 5", "com 60 IN SOA a. b. 1 2 3 4 600"}, dns.ErrNoSuchName, time.Minute},
		{"SOA of the root", mdns.RcodeNameError, []string{"--", ". 60 IN SOA a. b. 1 2 3 4 600"}, dns.ErrNoSuchName, time.Minute},
		{"SOA of a name below", mdns.RcodeNameError, []string{"--", "a.example.com 60 IN SOA a. b. 1 2 3 4 600"}, dns.ErrNoSuchName, bareNegativeTTL},
		{"highest bit of the minimum set", mdns.RcodeNameError, []string{"--", soa + "2147483648"}, dns.ErrNoSuchName, 0},
		{"2^31 is zero", 0, []string{"example.com 2147483648 IN A 192.0.2.1"}, nil, 0},
		{"2^31 - 1 is an hour", 0, []string{"example.com 2147483647 IN A 192.0.2.1"}, nil, maxTTL},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, err := read(reply(t, a, test.rcode, test.records...), a)
			if err != nil || e.class != test.class || e.ttl != test.want {
				t.Errorf("got %+v, %v, want %v for %v", e, err, test.class, test.want)
			}
		})
	}
}

// No verdict may come of an answer that answers nothing: "none" would be one.
func TestAnswerWithoutAnAnswerIsNotTakenForNoRecord(t *testing.T) {
	a := question{"example.com", mdns.TypeA}
	for name, test := range map[string]struct {
		rcode   int
		records []string
		want    error
	}{
		"referral":                   {0, []string{"--", "com 60 IN NS ns.example.net."}, errOther},
		"records of another name":    {0, []string{"example.net 60 IN A 192.0.2.1"}, errOther},
		"records of another type":    {0, []string{"example.com 60 IN TXT a"}, errOther},
		"records of another class":   {0, []string{"example.com 60 CH A 192.0.2.1"}, errOther},
		"SOA of another zone":        {0, []string{"--", "example.net 60 IN SOA a. b. 1 2 3 4 5"}, errOther},
		"alias to the root":          {0, []string{"example.com 60 IN CNAME ."}, errOther},
		"records and no such name":   {mdns.RcodeNameError, []string{"example.com 60 IN A 192.0.2.1"}, errGarbage},
		"alias to itself":            {0, []string{"example.com 60 IN CNAME example.com."}, errLinks},
		"aliases to each other":      {0, []string{"example.com 60 IN CNAME b.", "b 60 IN CNAME example.com."}, errLinks},
		"alias to itself and record": {0, []string{"example.com 60 IN CNAME example.com.", "example.com 60 IN A 192.0.2.1"}, errLinks},
	} {
		if e, err := read(reply(t, a, test.rcode, test.records...), a); !errors.Is(err, test.want) {
			t.Errorf("%s: got %+v, %v", name, e, err)
		}
	}
	// An SOA record of another zone does not end a chain either.
	e, err := read(reply(t, a, 0, "example.com 60 IN CNAME b.example.net.", "--", "example.com 60 IN SOA a. b. 1 2 3 4 5"), a)
	if err != nil || e.alias != "b.example.net" {
		t.Errorf("alias into another zone: got %+v, %v", e, err)
	}
}

// The library accepts records without data. None of them may become an answer:
// an empty MX would be a null MX, an empty TXT an empty policy.
func TestRecordWithoutDataIsGarbage(t *testing.T) {
	for _, typ := range []uint16{mdns.TypeA, mdns.TypeAAAA, mdns.TypeTXT, mdns.TypeMX, mdns.TypePTR, mdns.TypeCNAME, mdns.TypeTLSA} {
		q := question{"example.com", typ}
		if typ == mdns.TypeCNAME {
			q.typ = mdns.TypeA
		}
		m := reply(t, q, 0)
		m.Answer = []mdns.RR{&mdns.ANY{Hdr: mdns.RR_Header{Name: "example.com.", Rrtype: typ, Class: mdns.ClassINET, Ttl: 60}}}
		packet, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		msg, err := accept(packet, m.Id, q)
		if err != nil {
			t.Fatalf("%s: %v", mdns.TypeToString[typ], err)
		}
		if e, err := read(msg, q); !errors.Is(err, errGarbage) {
			t.Errorf("%s: got %+v, %v, want garbage", mdns.TypeToString[typ], e, err)
		}
	}
}

func TestOnlyTheAnswerToTheQuestionIsAccepted(t *testing.T) {
	q := question{"example.com", mdns.TypeA}
	pack := func(change func(*mdns.Msg)) []byte {
		m := reply(t, q, 0, "example.com 300 IN A 192.0.2.1")
		m.Id = 7
		change(m)
		packet, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return packet
	}
	good := pack(func(*mdns.Msg) {})
	for name, test := range map[string]struct {
		packet []byte
		want   error
	}{
		"honest":              {good, nil},
		"other case":          {pack(func(m *mdns.Msg) { m.Question[0].Name = "EXAMPLE.com." }), nil},
		"truncated, cut off":  {pack(func(m *mdns.Msg) { m.Truncated = true })[:len(good)-2], nil},
		"refused, no section": {pack(func(m *mdns.Msg) { m.Rcode, m.Question, m.Answer = mdns.RcodeRefused, nil, nil }), nil},
		"no section":          {pack(func(m *mdns.Msg) { m.Question, m.Answer = nil, nil }), errStray},
		"NXDOMAIN, no section": {pack(func(m *mdns.Msg) {
			m.Rcode, m.Question, m.Answer = mdns.RcodeNameError, nil, nil
		}), errStray},
		"other id":      {pack(func(m *mdns.Msg) { m.Id = 8 }), errStray},
		"a question":    {pack(func(m *mdns.Msg) { m.Response = false }), errStray},
		"other name":    {pack(func(m *mdns.Msg) { m.Question[0].Name = "example.net." }), errStray},
		"other type":    {pack(func(m *mdns.Msg) { m.Question[0].Qtype = mdns.TypeAAAA }), errStray},
		"other class":   {pack(func(m *mdns.Msg) { m.Question[0].Qclass = mdns.ClassCHAOS }), errStray},
		"two questions": {pack(func(m *mdns.Msg) { m.Question = append(m.Question, m.Question[0]) }), errStray},
		"an update":     {pack(func(m *mdns.Msg) { m.Opcode = mdns.OpcodeUpdate }), errGarbage},
		"cut off":       {good[:len(good)-2], errGarbage},
		"nothing":       {nil, errStray},
		"half a header": {good[:6], errStray},
	} {
		if _, err := accept(test.packet, 7, q); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
}

func TestAnswerWithThousandsOfAliasesEndsAtTheLimit(t *testing.T) {
	records := make([]string, 1000)
	for i := range records {
		records[i] = fmt.Sprintf("a%d.example.com 60 IN CNAME a%d.example.com.", i, i+1)
	}
	q := question{"a0.example.com", mdns.TypeA}
	if e, err := read(reply(t, q, 0, records...), q); !errors.Is(err, errLinks) {
		t.Errorf("got %+v, %v", e, err)
	}
}

// FuzzRead turns any packet into an answer, or refuses it.
func FuzzRead(f *testing.F) {
	types := []uint16{mdns.TypeTXT, mdns.TypeA, mdns.TypeAAAA, mdns.TypeMX, mdns.TypePTR, mdns.TypeCNAME, mdns.TypeTLSA}
	for i, records := range [][]string{
		{`example.com 60 IN TXT "v=spf1 \"\\ \200" "-all"`},
		{"example.com 60 IN CNAME b.example.com.", "b.example.com 60 IN A 192.0.2.1"},
		{"example.com 60 IN CNAME b.example.com."},
		{"example.com 60 IN MX 0 ."},
		{`example.com 60 IN PTR a\@b.example.com.`, "--", "example.com 900 IN SOA a. b. 1 2 3 4 5"},
		{"example.com 60 IN CNAME b.example.com.", "b.example.com 60 IN CNAME c.example.com."},
		{"example.com 60 IN TLSA 3 1 1 00ff", "example.com 60 IN TLSA 255 255 255 00"},
	} {
		m := reply(f, question{"example.com", types[i]}, 0, records...)
		m.SetEdns0(udpOctets, true)
		packet, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packet, byte(i))
	}
	f.Fuzz(func(t *testing.T, packet []byte, which byte) {
		if len(packet) < 2 {
			return
		}
		q := question{"example.com", types[int(which)%len(types)]}
		msg, err := accept(packet, uint16(packet[0])<<8|uint16(packet[1]), q)
		if err != nil {
			return
		}
		e, err := read(msg, q)
		if err != nil {
			return
		}
		if e.ttl < 0 || e.ttl > maxTTL || e.links > maxLinks {
			t.Errorf("out of bounds: %+v", e)
		}
		records := len(e.texts) + len(e.addrs) + len(e.exchanges) + len(e.tlsas)
		if len(e.tlsas) > dns.MaxTLSA {
			t.Errorf("%d TLSA records", len(e.tlsas))
		}
		if records > 0 && (e.alias != "" || e.class != nil) || e.alias != "" && (e.links == 0 || e.class != nil) {
			t.Errorf("more than one of records, alias, error: %+v", e)
		}
		if e.alias != "" {
			if _, err := new(mdns.Msg).SetQuestion(mdns.Fqdn(e.alias), q.typ).Pack(); err != nil {
				t.Errorf("alias %q cannot be asked for: %v", e.alias, err)
			}
		}
		if records == 0 && e.alias == "" && e.class == nil && q.typ != mdns.TypePTR {
			t.Errorf("nothing at all: %+v", e)
		}
		if e.size() > 40*len(packet) {
			t.Errorf("%d octets became %d", len(packet), e.size())
		}
		for _, addr := range e.addrs {
			if q.typ == mdns.TypeA && !addr.Is4() || q.typ == mdns.TypeAAAA && addr.BitLen() != 128 {
				t.Errorf("address %v", addr)
			}
		}
		for _, host := range e.texts {
			if q.typ == mdns.TypePTR && !isHost(host) {
				t.Errorf("name %q", host)
			}
		}
	})
}

func TestTLSARecordsAreKeptAsTheyAreUpToTheLimit(t *testing.T) {
	q := question{"_25._tcp.example.com", mdns.TypeTLSA}
	tlsa := "_25._tcp.example.com 60 IN TLSA "
	e, err := read(reply(t, q, 0, "_25._tcp.example.com 30 IN CNAME tlsa.example.com.", "tlsa.example.com 60 IN TLSA 3 1 1 00FF"), q)
	if err != nil || e.ttl != 30*time.Second || fmt.Sprint(e.tlsas) != "[{3 1 1 [0 255]}]" {
		t.Errorf("got %+v, %v", e, err)
	}
	empty := reply(t, q, 0)
	empty.Answer = []mdns.RR{&mdns.TLSA{Hdr: mdns.RR_Header{Name: "_25._tcp.example.com.", Rrtype: mdns.TypeTLSA, Class: mdns.ClassINET}, Usage: 3}}
	if e, err := read(empty, q); err != nil || fmt.Sprint(e.tlsas) != "[{3 0 0 []}]" {
		t.Errorf("no certificate data: got %+v, %v", e, err)
	}
	many := make([]string, dns.MaxTLSA)
	for i := range many {
		many[i] = tlsa + fmt.Sprintf("3 1 1 %02x", i)
	}
	if e, err := read(reply(t, q, 0, many...), q); err != nil || len(e.tlsas) != dns.MaxTLSA {
		t.Errorf("%d records: got %+v, %v", dns.MaxTLSA, e, err)
	}
	if e, err := read(reply(t, q, 0, append(many, tlsa+"3 1 1 ff")...), q); !errors.Is(err, errTLSAs) {
		t.Errorf("one more: got %+v, %v", e, err)
	}
}

func TestUnescapeUndoesThePresentationForm(t *testing.T) {
	for in, want := range map[string]string{
		``: ``, `plain`: `plain`, `\"`: `"`, `\\`: `\`, `\\065`: `\065`, `\065`: `A`, `\255\000`: "\xff\x00", `a\`: `a\`, `\06`: `06`,
	} {
		if got := unescape(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestEntryKnowsItsSize(t *testing.T) {
	e := &entry{texts: []string{strings.Repeat("a", 1000)}, addrs: make([]netip.Addr, 10), exchanges: []dns.MX{{Host: "mx.example.com"}}, alias: "b", tlsas: []dns.TLSA{{Data: make([]byte, 1000)}}}
	if n := e.size(); n < 2200 || n > 2500 {
		t.Errorf("got %d", n)
	}
}

// FuzzPresented: what dns.CheckName lets pass reaches the wire label by label, and
// comes back as it was remembered. M2, M3.
func FuzzPresented(f *testing.F) {
	for _, name := range []string{"example.com", "A b.c", "'@;().x", "a-_!#$%&*+/=?^`{|}~.", "a..b", `a\.b`, strings.Repeat("a", 63) + ".b"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if dns.CheckName(name) != nil {
			return
		}
		packet, err := new(mdns.Msg).SetQuestion(mdns.Fqdn(presented(name)), mdns.TypeA).Pack()
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		wire := strings.TrimSuffix(strings.ToLower(name), ".")
		for i, label := range strings.Split(wire, ".") {
			at := 12
			for range i {
				at += 1 + int(packet[at])
			}
			if got := string(packet[at+1 : at+1+int(packet[at])]); got != label {
				t.Fatalf("%q: label %d is %q", name, i, got)
			}
		}
		msg := new(mdns.Msg)
		if err := msg.Unpack(packet); err != nil || canonical(msg.Question[0].Name) != presented(name) {
			t.Fatalf("%q came back as %v, %v", name, msg.Question, err)
		}
	})
}
