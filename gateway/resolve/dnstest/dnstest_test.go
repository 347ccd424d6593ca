package dnstest

import (
	"strings"
	"sync"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"mxgate/policy/dns"
)

func serve(t *testing.T, zone string) *Server {
	t.Helper()
	s, err := Serve("127.0.0.1:0", dns.MustSnapshot(t, zone))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// ask asks as a client without EDNS0 would.
func ask(t *testing.T, s *Server, network, name, typ string) *mdns.Msg {
	t.Helper()
	m := new(mdns.Msg).SetQuestion(mdns.Fqdn(name), mdns.StringToType[typ])
	client := mdns.Client{Net: network, Timeout: 5 * time.Second}
	reply, _, err := client.Exchange(m, s.Addr().String())
	if err != nil {
		t.Fatalf("%s %s: %v", name, typ, err)
	}
	return reply
}

func TestServerAnswersEveryTypeOfTheZone(t *testing.T) {
	s := serve(t, `
		example.com          SOA   ns.example.com. hostmaster.example.com. 1 2 3 4 60
		example.com          NS    ns.example.com
		example.com          A     192.0.2.1
		example.com          AAAA  2001:db8::1
		example.com          MX    10 mail.example.com
		example.com          TXT   "a \\ b"
		1.2.0.192.in-addr.arpa PTR mail.example.com
		www.example.com      CNAME example.com
		mistake.example.com  A     not-an-address
		broken.example.com   A     SERVFAIL
		tobroken.example.com CNAME broken.example.com
	`)
	for _, test := range []struct{ name, typ, want string }{
		{"example.com", "SOA", "ns.example.com. hostmaster.example.com. 1 2 3 4 60"},
		{"example.com", "NS", "ns.example.com."},
		{"example.com", "A", "192.0.2.1"},
		{"EXAMPLE.com", "AAAA", "2001:db8::1"},
		{"example.com", "MX", "10 mail.example.com."},
		{"example.com", "TXT", `"a \\ b"`},
		{"1.2.0.192.in-addr.arpa", "PTR", "mail.example.com."},
		{"www.example.com", "CNAME", "example.com."},
		{"www.example.com", "A", "example.com. 192.0.2.1"},
		{"www.example.com", "SRV", "example.com. / NOERROR SOA"},
		{"nosuch.example.com", "A", "/ NXDOMAIN SOA"},
		{"mistake.example.com", "A", "/ SERVFAIL"},
		{"broken.example.com", "A", "/ SERVFAIL"},
		{"tobroken.example.com", "A", "/ SERVFAIL"},
	} {
		for _, network := range []string{"udp", "tcp"} {
			reply := ask(t, s, network, test.name, test.typ)
			var got []string
			for _, rr := range reply.Answer {
				got = append(got, strings.TrimPrefix(rr.String(), rr.Header().String()))
			}
			if reply.Rcode != 0 || len(reply.Ns) > 0 {
				got = append(got, "/", mdns.RcodeToString[reply.Rcode])
			}
			for _, rr := range reply.Ns {
				got = append(got, mdns.TypeToString[rr.Header().Rrtype])
			}
			if text := strings.Join(got, " "); text != test.want {
				t.Errorf("%s %s %s: got %q, want %q", network, test.name, test.typ, text, test.want)
			}
		}
	}
}

func TestSignedZonesAreAuthenticAndBogusDataAreHeldBack(t *testing.T) {
	s := serve(t, `
		example.com       DNSSEC signed
		example.com       A      192.0.2.1
		www.example.com   CNAME  www.example.net
		www.example.net   A      192.0.2.2
		in.example.net    CNAME  example.com
		bogus.example.com A      BOGUS
	`)
	for _, test := range []struct {
		name   string
		ad, cd bool
		want   bool
		rcode  int
	}{
		{"example.com", true, false, true, mdns.RcodeSuccess},
		{"example.com", false, false, false, mdns.RcodeSuccess},
		{"no.example.com", true, false, true, mdns.RcodeNameError},
		{"www.example.com", true, false, false, mdns.RcodeSuccess},
		{"www.example.net", true, false, false, mdns.RcodeSuccess},
		{"in.example.net", true, false, false, mdns.RcodeSuccess},
		{"bogus.example.com", true, false, true, mdns.RcodeServerFailure},
		{"bogus.example.com", true, true, true, mdns.RcodeSuccess},
	} {
		m := new(mdns.Msg).SetQuestion(mdns.Fqdn(test.name), mdns.TypeA)
		m.AuthenticatedData, m.CheckingDisabled = test.ad, test.cd
		reply, _, err := (&mdns.Client{Timeout: 5 * time.Second}).Exchange(m, s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if reply.Rcode != test.rcode || reply.Rcode != mdns.RcodeServerFailure && reply.AuthenticatedData != test.want {
			t.Errorf("%+v: %s, AD %v", test, mdns.RcodeToString[reply.Rcode], reply.AuthenticatedData)
		}
	}
}

func TestBigAnswerIsTruncatedOverUDPOnly(t *testing.T) {
	s := serve(t, "example.com TXT "+strings.Repeat("a", 700))
	if reply := ask(t, s, "udp", "example.com", "TXT"); !reply.Truncated || len(reply.Answer) != 0 {
		t.Errorf("UDP without EDNS0: truncated %v, %d records", reply.Truncated, len(reply.Answer))
	}
	reply := ask(t, s, "tcp", "example.com", "TXT")
	if reply.Truncated || len(reply.Answer[0].(*mdns.TXT).Txt) != 3 {
		t.Errorf("TCP: truncated %v, %v", reply.Truncated, reply.Answer)
	}
}

func TestChangeIsAppliedToEachAnswer(t *testing.T) {
	s := serve(t, "example.com A 192.0.2.1")
	s.Behave(Behaviour{Change: func(m *mdns.Msg) { m.Rcode = mdns.RcodeRefused }})
	for _, network := range []string{"udp", "tcp"} {
		if reply := ask(t, s, network, "example.com", "A"); reply.Rcode != mdns.RcodeRefused {
			t.Errorf("%s: got %v", network, reply)
		}
	}
}

func TestNameIsThatOfTheZoneWithoutBackslashes(t *testing.T) {
	zone := dns.MustSnapshot(t, "")
	zone.Add("user@x y.example.com", "A", "192.0.2.1")
	s, err := Serve("127.0.0.1:0", zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if reply := ask(t, s, "udp", `user\@x\ y.example.com`, "A"); len(reply.Answer) != 1 || s.Asked("user@x y.example.com", "A") != 1 {
		t.Errorf("got %v", reply)
	}
}

func TestQuestionsAreCounted(t *testing.T) {
	s := serve(t, "example.com A 192.0.2.1")
	ask(t, s, "udp", "example.com", "A")
	ask(t, s, "tcp", "Example.COM", "A")
	ask(t, s, "udp", "example.com", "TXT")
	if s.Questions() != 3 || s.Asked("example.com.", "A") != 2 || s.Asked("example.com", "MX") != 0 {
		t.Errorf("got %d in all, %d", s.Questions(), s.Asked("example.com.", "A"))
	}
}

func TestCloseEndsADelayedAnswerAndFreesThePort(t *testing.T) {
	s := serve(t, "example.com A 192.0.2.1")
	asked := make(chan struct{})
	s.Behave(Behaviour{Delay: time.Hour, Before: func(string, string) { close(asked) }})
	var client sync.WaitGroup
	client.Go(func() {
		m := new(mdns.Msg).SetQuestion("example.com.", mdns.TypeA)
		(&mdns.Client{Timeout: 100 * time.Millisecond}).Exchange(m, s.Addr().String())
	})
	<-asked
	s.Close()
	s.Close()
	client.Wait()
	again, err := Serve(s.Addr().String(), dns.MustSnapshot(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestServeSaysWhyItCannot(t *testing.T) {
	s := serve(t, "")
	for _, addr := range []string{s.Addr().String(), "nonsense", "127.0.0.1"} {
		if _, err := Serve(addr, dns.MustSnapshot(t, "")); err == nil {
			t.Errorf("%s: no error", addr)
		}
	}
}
