package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/policy/dns"
)

func TestBigAnswerComesOverTCP(t *testing.T) {
	big := strings.Repeat("0123456789", 300)
	server := serve(t, "big.example.com TXT "+big+"\nsmall.example.com TXT small")
	r := asking(t, Config{}, server)
	a, err := r.TXT(t.Context(), "big.example.com")
	if err != nil || a.Records[0] != big {
		t.Fatalf("got %d octets, %v", len(strings.Join(a.Records, "")), err)
	}
	if s := r.Stats(); s.TCPRetries != 1 || s.Questions != 1 || server.Questions() != 2 {
		t.Errorf("got %+v and %d questions at the server, want one retry", s, server.Questions())
	}

	server.Behave(dnstest.Behaviour{Truncate: true})
	if a, err := r.TXT(t.Context(), "small.example.com"); err != nil || a.Records[0] != "small" {
		t.Errorf("truncated for no reason: got %q, %v", a.Records, err)
	}
	server.Behave(dnstest.Behaviour{Truncate: true, TruncateTCP: true})
	if _, err := r.TXT(t.Context(), "other.example.com"); !errors.Is(err, dns.ErrTemporary) || !errors.Is(err, errTC) {
		t.Errorf("truncated over TCP too: got %v, want temporary", err)
	}
}

func TestServerThatIsOfNoHelpIsPassedOver(t *testing.T) {
	tests := map[string]struct {
		behaviour dnstest.Behaviour
		stat      func(Stats) uint64
	}{
		"SERVFAIL":       {dnstest.Behaviour{Rcode: "SERVFAIL"}, func(s Stats) uint64 { return s.ServFails }},
		"REFUSED":        {dnstest.Behaviour{Rcode: "REFUSED"}, nil},
		"NOTIMP":         {dnstest.Behaviour{Rcode: "NOTIMP"}, nil},
		"silent":         {dnstest.Behaviour{Drop: true}, func(s Stats) uint64 { return s.Timeouts }},
		"wrong id":       {dnstest.Behaviour{WrongID: true}, func(s Stats) uint64 { return s.Strays }},
		"wrong question": {dnstest.Behaviour{WrongQuestion: true}, func(s Stats) uint64 { return s.Strays }},
		"garbage":        {dnstest.Behaviour{Garbage: true}, func(s Stats) uint64 { return s.TCPRetries }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad, good := serve(t, "example.com A 192.0.2.66"), serve(t, "example.com A 192.0.2.1")
			bad.Behave(test.behaviour)
			r := asking(t, Config{Timeout: 2 * time.Second}, bad, good)
			if got := outcome(r.A(t.Context(), "example.com")); got != `"[192.0.2.1]"` {
				t.Errorf("got %s", got)
			}
			if test.stat != nil && test.stat(r.Stats()) == 0 {
				t.Errorf("not counted: %+v", r.Stats())
			}
			if !r.Stats().FailingSince.IsZero() {
				t.Error("failing, though a server answered")
			}
		})
		t.Run(name+" alone", func(t *testing.T) {
			t.Parallel()
			bad := serve(t, "example.com A 192.0.2.66")
			bad.Behave(test.behaviour)
			r := asking(t, Config{Timeout: 300 * time.Millisecond}, bad)
			_, err := r.A(t.Context(), "example.com")
			if !errors.Is(err, dns.ErrTemporary) || !dns.NetError(err).IsTemporary {
				t.Errorf("got %v, want temporary", err)
			}
			if failing := !r.Stats().FailingSince.IsZero(); failing == (name == "SERVFAIL") {
				t.Errorf("failing: %v", failing)
			}
		})
	}
}

func TestDeadServerIsPassedOver(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.LocalAddr().(*net.UDPAddr).AddrPort()
	l.Close()
	r := asking(t, Config{Servers: []netip.AddrPort{dead}}, serve(t, testZone))
	if _, err := r.A(t.Context(), "example.com"); err != nil {
		t.Error(err)
	}
}

func TestSilentServerIsAskedAgainAndThenBenched(t *testing.T) {
	bad, good, c := serve(t, testZone), serve(t, testZone), newClock()
	bad.Behave(dnstest.Behaviour{Drop: true})
	r := asking(t, Config{Timeout: time.Second, Now: c.now}, bad, good)
	ask := func(name string) {
		t.Helper()
		if _, err := r.A(t.Context(), name); errors.Is(err, dns.ErrTemporary) {
			t.Error(err)
		}
	}
	ask("example.com")
	ask("exists.example.com")
	if n := bad.Questions(); n != 1 {
		t.Errorf("silent server was asked %d times, want once while benched", n)
	}
	bad.Behave(dnstest.Behaviour{})
	c.pass(benchTime)
	ask("null.example.com")
	ask("_dmarc.example.com")
	if n := bad.Questions(); n != 3 {
		t.Errorf("first server was asked %d times, want it back", n)
	}

	lone := serve(t, testZone)
	lone.Behave(dnstest.Behaviour{Drop: true})
	r = asking(t, Config{Timeout: 200 * time.Millisecond}, lone)
	_, err := r.A(t.Context(), "example.com")
	if !errors.Is(err, context.DeadlineExceeded) || !dns.NetError(err).IsTimeout {
		t.Errorf("got %v, want a time-out", err)
	}
	if n := lone.Questions(); n != maxRounds || r.Stats().Timeouts != maxRounds {
		t.Errorf("lone silent server was asked %d times, want %d", n, maxRounds)
	}
}

func TestStraysAreIgnoredAndManyOfThemLeadToTCP(t *testing.T) {
	for strays, tcp := range map[int]uint64{0: 0, maxStrays - 1: 0, maxStrays: 1} {
		server := serve(t, testZone)
		server.Behave(dnstest.Behaviour{Strays: strays})
		r := asking(t, Config{}, server)
		if _, err := r.A(t.Context(), "example.com"); err != nil {
			t.Errorf("%d strays: %v", strays, err)
		}
		if s := r.Stats(); s.Strays != uint64(strays) || s.TCPRetries != tcp {
			t.Errorf("%d strays: got %+v, want %d TCP retries", strays, s, tcp)
		}
	}
}

func TestAuthenticOnlyWhenTheServerIsTrustedAndSaysSo(t *testing.T) {
	for _, test := range []struct{ trust, ad, want bool }{
		{false, false, false}, {false, true, false}, {true, false, false}, {true, true, true},
	} {
		server := serve(t, testZone)
		server.Behave(dnstest.Behaviour{AD: test.ad, Partial: true})
		r := asking(t, Config{TrustAD: test.trust}, server)
		a, err := r.A(t.Context(), "example.com")
		if err != nil || a.Authentic != test.want {
			t.Errorf("%+v: got %v, %v", test, a.Authentic, err)
		}
		// One part of a chain that is not validated spoils the whole.
		server.Behave(dnstest.Behaviour{Partial: true})
		if a, err = r.A(t.Context(), "www.example.com"); err != nil || a.Authentic {
			t.Errorf("%+v: alias that is not validated: got %v, %v", test, a.Authentic, err)
		}
	}
}

func TestBogusIsToldFromBroken(t *testing.T) {
	const zone = `
		example.com          DNSSEC signed
		bogus.example.com    TLSA   BOGUS
		to.bogus.example.com CNAME  bogus.example.com
		broken.example.com   TLSA   SERVFAIL
	`
	for _, test := range []struct {
		name         string
		trust, bogus bool
	}{
		{"bogus.example.com", true, true},
		{"to.bogus.example.com", true, true},
		{"broken.example.com", true, false},
		{"bogus.example.com", false, false}, // who validated that?
	} {
		server := serve(t, zone)
		r := asking(t, Config{TrustAD: test.trust}, server)
		for range 2 { // the second time from the cache
			_, err := r.TLSA(t.Context(), test.name)
			if !errors.Is(err, dns.ErrTemporary) || errors.Is(err, dns.ErrBogus) != test.bogus {
				t.Errorf("%+v: got %v", test, err)
			}
		}
		if !r.Stats().FailingSince.IsZero() {
			t.Errorf("%+v: failing, though the server answered", test)
		}
	}
	// A server that is down says nothing about it.
	down, server := serve(t, ""), serve(t, zone)
	down.Behave(dnstest.Behaviour{Rcode: "REFUSED"})
	if _, err := asking(t, Config{TrustAD: true}, server, down).TLSA(t.Context(), "bogus.example.com"); !errors.Is(err, dns.ErrBogus) {
		t.Errorf("a broken server asked after it: got %v", err)
	}
	if a, err := asking(t, Config{TrustAD: true}, server, serve(t, "bogus.example.com TLSA 3 1 1 00")).TLSA(t.Context(), "bogus.example.com"); err != nil || a.Authentic {
		t.Errorf("another server has an answer: got %v, %v", a, err)
	}
}

func TestQuestionIsSentAsItShouldBe(t *testing.T) {
	for _, trust := range []bool{false, true} {
		r := asking(t, Config{TrustAD: trust}, serve(t, ""))
		ids := map[uint16]bool{}
		for range 20 {
			m := r.message(question{"example.com", mdns.TypeA}, validated)
			ids[m.Id] = true
			opt := m.IsEdns0()
			if !m.RecursionDesired || m.Question[0].Name != "example.com." || opt == nil || opt.UDPSize() != udpOctets || opt.Do() || m.AuthenticatedData != trust || m.CheckingDisabled {
				t.Fatalf("trust %v: got %v", trust, m)
			}
		}
		if len(ids) < 15 {
			t.Errorf("%d ids in 20 questions", len(ids))
		}
	}
}

func TestM1_ExchangeEndsWithItsContextThoughItHasNoDeadline(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		server, asked, land := serve(t, testZone), make(chan struct{}), make(chan struct{})
		defer close(land)
		server.Behave(dnstest.Behaviour{Before: func(string, string) { close(asked); <-land }})
		r := asking(t, Config{Timeout: time.Hour}, server)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-asked; cancel() }()
		if _, err := r.exchange(ctx, network, server.Addr().String(), question{"example.com", mdns.TypeA}, validated); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want cancelled", network, err)
		}
	}
}

func TestDeadlineOfTheCallerCountsBeforeOurs(t *testing.T) {
	server := serve(t, testZone)
	server.Behave(dnstest.Behaviour{Drop: true})
	r := asking(t, Config{Timeout: time.Hour}, server)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.A(ctx, "example.com"); !errors.Is(err, context.DeadlineExceeded) || !dns.NetError(err).IsTimeout {
		t.Errorf("got %v, want a time-out", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	before := server.Questions()
	if _, err := r.A(ended, "other.example.com"); !errors.Is(err, context.Canceled) || server.Questions() != before {
		t.Errorf("context that ended before: got %v, %d questions", err, server.Questions()-before)
	}
}

// The checks first ask with a context that has ended, and wait only for what is
// missing then.
func TestWhatIsRememberedIsToldWithoutTime(t *testing.T) {
	r := asking(t, Config{}, serve(t, testZone))
	if _, err := r.A(t.Context(), "example.com"); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.A(ended, "example.com"); err != nil {
		t.Errorf("context that ended before a remembered answer: %v", err)
	}
}
