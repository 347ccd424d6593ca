//go:build interop

package resolve

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/resolve/unboundtest"
	"mxgate/policy/dns"
)

// unbound starts a real recursive server that knows its local data only, with
// further lines of configuration, and returns where it listens.
func unbound(t *testing.T, lines ...string) netip.AddrPort {
	t.Helper()
	return unboundtest.Start(t, append(unboundtest.Server{
		`module-config: "iterator"`,
		`local-zone: "." static`,
		`local-zone: "example.com." static`,
		`local-zone: "2.0.192.in-addr.arpa." static`,
		`local-data: 'example.com. 900 IN SOA ns.example.com. hostmaster.example.com. 1 7200 3600 86400 60'`,
	}, lines...))
}

// data is a line of configuration that holds one record.
func data(record string) string { return "local-data: '" + record + "'" }

// stringsOf is zone text of a TXT record: strings of at most 255 octets.
func stringsOf(text string) string {
	var parts []string
	for ; len(text) > 255; text = text[255:] {
		parts = append(parts, `"`+text[:255]+`"`)
	}
	return strings.Join(append(parts, `"`+text+`"`), " ")
}

func TestUnboundIsUnderstood(t *testing.T) {
	big := strings.Repeat("0123456789", 400)
	server := unbound(t,
		data(`example.com. 300 IN TXT "v=spf1 " "-all"`),
		data(`example.com. 300 IN A 192.0.2.1`),
		data(`example.com. 300 IN AAAA 2001:db8::1`),
		data(`example.com. 300 IN MX 10 MAIL.example.com.`),
		data(`null.example.com. 300 IN MX 0 .`),
		data(`quoted.example.com. 300 IN TXT "a \"b\" \\ \200 c"`),
		data(`big.example.com. 300 IN TXT `+stringsOf(big)),
		data(`www.example.com. 300 IN CNAME example.com.`),
		data(`1.2.0.192.in-addr.arpa. 300 IN PTR mail.example.com.`),
	)
	c := newClock()
	r, err := New(Config{Servers: []netip.AddrPort{server}, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %.200s, want %.200s", what, got, want)
		}
	}
	check("TXT", outcome(r.TXT(ctx, "example.com")), `"[v=spf1 -all]"`)
	check("A", outcome(r.A(ctx, "EXAMPLE.com")), `"[192.0.2.1]"`)
	check("AAAA", outcome(r.AAAA(ctx, "example.com")), `"[2001:db8::1]"`)
	check("MX", outcome(r.MX(ctx, "example.com")), `"[{10 mail.example.com}]"`)
	check("null MX", outcome(r.MX(ctx, "null.example.com")), `"[{0 }]"`)
	check("PTR", outcome(r.PTR(ctx, netip.MustParseAddr("192.0.2.1"))), `"[mail.example.com]"`)
	check("quoted", outcome(r.TXT(ctx, "quoted.example.com")), fmt.Sprintf("%q", "[a \"b\" \\ \xc8 c]"))
	check("CNAME", outcome(r.A(ctx, "www.example.com")), `"[192.0.2.1]"`)
	check("NXDOMAIN", outcome(r.A(ctx, "nosuch.example.com")), class(dns.ErrNoSuchName))
	check("NODATA", outcome(r.AAAA(ctx, "big.example.com")), class(dns.ErrNoData))

	before := r.Stats()
	check("big", outcome(r.TXT(ctx, "big.example.com")), fmt.Sprintf("%q", "["+big+"]"))
	after := r.Stats()
	if after.TCPRetries != before.TCPRetries+1 {
		t.Errorf("big TXT: got %+v, want a retry over TCP", after)
	}

	// Both negative answers are kept for the 60 s of the SOA record.
	c.pass(59 * time.Second)
	r.A(ctx, "nosuch.example.com")
	r.AAAA(ctx, "big.example.com")
	if n := r.Stats().Questions; n != after.Questions {
		t.Errorf("%d questions for names known not to be there", n-after.Questions)
	}
	c.pass(time.Second)
	r.A(ctx, "nosuch.example.com")
	if n := r.Stats().Questions; n != after.Questions+1 {
		t.Errorf("%d questions after the time of the SOA record, want 1", n-after.Questions)
	}
}

func TestUnboundThatRefusesIsTemporary(t *testing.T) {
	refuses, answers := unbound(t, "access-control: 127.0.0.0/8 refuse"), unbound(t, data("example.com. 300 IN A 192.0.2.1"))
	r, err := New(Config{Servers: []netip.AddrPort{refuses}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.A(t.Context(), "example.com"); !errors.Is(err, dns.ErrTemporary) || !strings.Contains(err.Error(), "REFUSED") {
		t.Errorf("alone: got %v", err)
	}
	r, err = New(Config{Servers: []netip.AddrPort{refuses, answers}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.A(t.Context(), "example.com"); err != nil {
		t.Errorf("before one that answers: %v", err)
	}
}

// validating starts an unbound that validates what stands in the signed zone
// example.com, knows the unsigned zone example.net, and gets nothing but SERVFAIL
// for broken.example.
func validating(t *testing.T) *Resolver {
	t.Helper()
	signed, anchor := unboundtest.Sign(t, "example.com", `
		@               SOA   ns hostmaster 1 7200 3600 86400 60
		@               NS    ns
		ns              A     192.0.2.53
		mail            A     192.0.2.1
		_25._tcp.mail   TLSA  3 1 1 00ff
		bogus           A     192.0.2.2
		_25._tcp.bogus  TLSA  3 1 1 00ff
		in              CNAME mail
		out             CNAME mail.example.net.
		tobogus         CNAME bogus
	`)
	forged := strings.Replace(signed, "192.0.2.2", "192.0.2.66", 1)
	if forged == signed {
		t.Fatal("nothing to forge")
	}
	unsigned := `
		@             SOA   ns hostmaster 1 7200 3600 86400 60
		@             NS    ns
		ns           A     192.0.2.53
		mail         A     192.0.2.3
		_25._tcp.mail   TLSA  3 1 1 00ff
		in              CNAME mail.example.com.
	`
	broken := serve(t, "")
	broken.Behave(dnstest.Behaviour{Rcode: "SERVFAIL"})
	server := unboundtest.Start(t, unboundtest.Server{`module-config: "validator iterator"`, anchor},
		unboundtest.AuthZone(t, "example.com", forged),
		unboundtest.AuthZone(t, "example.net", unsigned),
		fmt.Sprintf("forward-zone:\n\tname: broken.example\n\tforward-addr: 127.0.0.1@%d\n", broken.Addr().Port()),
	)
	r, err := New(Config{Servers: []netip.AddrPort{server}, TrustAD: true, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestUnboundTellsSecureInsecureBogusAndBroken(t *testing.T) {
	r := validating(t)
	ctx := t.Context()
	state := func(authentic bool, err error) string {
		switch {
		case err == nil && authentic:
			return "secure"
		case err == nil:
			return "insecure"
		case errors.Is(err, dns.ErrBogus):
			return "bogus"
		}
		return class(err)
	}
	for _, test := range []struct{ name, a, tlsa, cname string }{
		{"mail.example.com", "secure", "secure", class(dns.ErrNoData)},
		{"mail.example.net", "insecure", "insecure", class(dns.ErrNoData)},
		{"bogus.example.com", "bogus", "secure", class(dns.ErrNoData)},
		{"tobogus.example.com", "bogus", class(dns.ErrNoSuchName), "secure"},
		{"in.example.com", "secure", class(dns.ErrNoSuchName), "secure"},
		{"out.example.com", "insecure", class(dns.ErrNoSuchName), "secure"},
		{"in.example.net", "insecure", class(dns.ErrNoSuchName), "insecure"},
		{"nosuch.example.com", class(dns.ErrNoSuchName), class(dns.ErrNoSuchName), class(dns.ErrNoSuchName)},
		{"mail.broken.example", class(dns.ErrTemporary), class(dns.ErrTemporary), class(dns.ErrTemporary)},
	} {
		a, err := r.A(ctx, test.name)
		if got := state(a.Authentic, err); got != test.a {
			t.Errorf("%s A: %s, want %s (%v)", test.name, got, test.a, err)
		}
		tlsa, err := r.TLSA(ctx, "_25._tcp."+test.name)
		if got := state(tlsa.Authentic, err); got != test.tlsa {
			t.Errorf("%s TLSA: %s, want %s (%v)", test.name, got, test.tlsa, err)
		}
		if err == nil && fmt.Sprint(tlsa.Records) != "[{3 1 1 [0 255]}]" {
			t.Errorf("%s TLSA: %v", test.name, tlsa.Records)
		}
		cname, err := r.CNAME(ctx, test.name)
		if got := state(cname.Authentic, err); got != test.cname {
			t.Errorf("%s CNAME: %s, want %s (%v)", test.name, got, test.cname, err)
		}
	}
	untrusting, err := New(Config{Servers: []netip.AddrPort{netip.MustParseAddrPort(r.servers[0].addr)}})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := untrusting.A(ctx, "mail.example.com"); err != nil || a.Authentic {
		t.Errorf("without trust: got %v, %v", a, err)
	}
}
