//go:build interop

package relay

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/resolve"
	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/resolve/unboundtest"
	"mxgate/policy/dns"
)

// From the records of a signed zone, through a real validating resolver, to the
// certificate of a real TLS server.
func TestDANEThroughUnbound(t *testing.T) {
	ca := newCA(t)
	leaf, another := ca.sign(t, template("mail.example.com", today)), ca.sign(t, template("mail.example.com", today))
	tlsa := func(owner string) string {
		return record("_25._tcp."+owner, 3, 1, 1, leaf.cert)
	}
	hosts := `
		@        SOA   ns hostmaster 1 7200 3600 86400 60
		@        NS    ns
		ns       A     192.0.2.53
		mail     A     192.0.2.1
		bogus    A     192.0.2.2
		none     A     192.0.2.3
		alias    CNAME mail
		out      CNAME mail.example.net.
		old      A     192.0.2.4
		_25._tcp.old TLSA 3 1 1 00
	` + tlsa("mail") + tlsa("bogus") + tlsa("out")
	signed, anchor := unboundtest.Sign(t, "example.com", hosts)
	// A TLSA record that someone replaced on the way.
	good, bad := fmt.Sprintf("%x", association(leaf.cert, 1, 1)), fmt.Sprintf("%x", association(another.cert, 1, 1))
	lines := strings.SplitAfter(signed, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "_25._tcp.bogus.example.com.") {
			lines[i] = strings.Replace(line, good, bad, 1)
		}
	}
	silent, err := dnstest.Serve("127.0.0.1:0", dns.MustSnapshot(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(silent.Close)
	silent.Behave(dnstest.Behaviour{Rcode: "SERVFAIL"})
	addr := unboundtest.Start(t, unboundtest.Server{`module-config: "validator iterator"`, anchor},
		unboundtest.AuthZone(t, "example.com", strings.Join(lines, "")),
		unboundtest.AuthZone(t, "example.net", hosts),
		fmt.Sprintf("forward-zone:\n\tname: broken.example\n\tforward-addr: 127.0.0.1@%d\n", silent.Addr().Port()),
	)
	resolver, err := resolve.New(resolve.Config{Servers: []netip.AddrPort{addr}, TrustAD: true, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Resolver: resolver}
	right := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{leaf.certificate()}})
	wrong := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{another.certificate(ca)}})
	for _, test := range []struct {
		host  string
		class Class   // of the failure before any connection
		mode  TLSMode // that the records lead to
		text  string  // of the failure with DANE only
	}{
		{"mail.example.com:25", "", TLSDane, ""},
		{"alias.example.com:25", "", TLSDane, ""},
		{"out.example.com:25", "", TLSDane, ""},
		{"mail.example.com:24", "", TLSOpportunistic, "no TLSA record"},
		{"none.example.com:25", "", TLSOpportunistic, "no TLSA record"},
		{"old.example.com:25", "", TLSRequired, "usable"},
		{"mail.example.net:25", "", TLSOpportunistic, "not signed"},
		{"alias.example.net:25", "", TLSOpportunistic, "not signed"},
		{"bogus.example.com:25", TLS, 0, "bogus"},
		{"mail.broken.example:25", Resolve, 0, "temporary"},
	} {
		if test.text != "" {
			if _, err := cfg.secure(t.Context(), test.host, TLSPolicy{Mode: TLSDaneOnly}); err == nil || !strings.Contains(err.Error(), test.text) {
				t.Errorf("%s, DANE only: got %v, want %q", test.host, err, test.text)
			}
		}
		plan, err := cfg.secure(t.Context(), test.host, TLSPolicy{Mode: TLSDane})
		if test.class != "" {
			wantClass(t, err, test.class)
			continue
		}
		if err != nil || plan.mode != test.mode {
			t.Errorf("%s: got %s, %v", test.host, plan.mode, err)
			continue
		}
		state, err := shake(t, plan, right)
		if err != nil || state.Verified != (test.mode == TLSDane) {
			t.Errorf("%s, right certificate: got %+v, %v", test.host, state, err)
		}
		if state, err = shake(t, plan, wrong); (err == nil) == (test.mode == TLSDane) {
			t.Errorf("%s, wrong certificate: got %+v, %v", test.host, state, err)
		}
	}
}
