package relay

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const tlsHost = "Mail.example.com.:25"

func TestTLSModesHaveNames(t *testing.T) {
	for m := TLSNone; m <= TLSDaneOnly; m++ {
		if back, err := ParseTLSMode(m.String()); err != nil || back != m {
			t.Errorf("%d: %q is read as %v, %v", m, m, back, err)
		}
	}
	for _, bad := range []string{"", "may", "DANE", TLSMode(99).String()} {
		if m, err := ParseTLSMode(bad); err == nil || !strings.Contains(err.Error(), "dane-only") {
			t.Errorf("%q: %v, %v", bad, m, err)
		}
	}
}

// TLS 1.2 or newer, verified by a pinned key, or by the PKI with a DNS-ID match;
// by DANE: TestDuty_S1_DANE.
func TestDuty_S1_Relay(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	between := ca.sign(t, template("", today))
	good := ca.sign(t, template("mail.example.com", today))
	self := (*authority)(nil).sign(t, template("elsewhere.example.net", lastYear))
	clientOnly := template("mail.example.com", today)
	clientOnly.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	nameless := template("mail.example.com", today)
	nameless.DNSNames = nil

	pki := TLSPolicy{Mode: TLSVerified, Roots: ca.pool()}
	named := TLSPolicy{Mode: TLSVerified, Roots: ca.pool(), ServerName: "mx.example.net"}
	pin := func(certs ...*authority) TLSPolicy {
		p := TLSPolicy{Mode: TLSVerified, Roots: ca.pool()}
		for _, c := range certs {
			p.Pins = append(p.Pins, sha256.Sum256(c.cert.RawSubjectPublicKeyInfo))
		}
		return p
	}
	for _, test := range []struct {
		name   string
		policy TLSPolicy
		server tls.Certificate
		max    uint16
		how    string // "": no connection
	}{
		{"CA and name", pki, good.certificate(), 0, "ca"},
		{"TLS 1.2", pki, good.certificate(), tls.VersionTLS12, "ca"},
		{"TLS 1.1", pki, good.certificate(), tls.VersionTLS11, ""},
		{"intermediate CA", pki, between.sign(t, template("mail.example.com", today)).certificate(between), 0, "ca"},
		{"intermediate CA not sent", pki, between.sign(t, template("mail.example.com", today)).certificate(), 0, ""},
		{"wildcard", pki, ca.sign(t, template("*.example.com", today)).certificate(), 0, "ca"},
		{"wildcard of another level", pki, ca.sign(t, template("*.com", today)).certificate(), 0, ""},
		{"name in capitals", pki, ca.sign(t, template("MAIL.Example.COM", today)).certificate(), 0, "ca"},
		{"configured name", named, ca.sign(t, template("mx.example.net", today)).certificate(), 0, "ca"},
		{"host where another name is configured", named, good.certificate(), 0, ""},
		{"another name", pki, ca.sign(t, template("mail.example.net", today)).certificate(), 0, ""},
		{"common name only", pki, ca.sign(t, nameless).certificate(), 0, ""},
		{"expired", pki, ca.sign(t, template("mail.example.com", lastYear)).certificate(), 0, ""},
		{"not yet valid", pki, ca.sign(t, template("mail.example.com", nextYear)).certificate(), 0, ""},
		{"for clients only", pki, ca.sign(t, clientOnly).certificate(), 0, ""},
		{"another CA", pki, other.sign(t, template("mail.example.com", today)).certificate(other), 0, ""},
		{"issued by a server", pki, good.sign(t, template("mail.example.com", today)).certificate(good), 0, ""},
		{"a CA of the system is wanted", TLSPolicy{Mode: TLSVerified}, good.certificate(ca), 0, ""},

		{"pinned key, whatever name and date", pin(other, self), self.certificate(), 0, "pin"},
		{"another key, with a good certificate", pin(self), good.certificate(), 0, ""},
		{"pinned key in the chain only", pin(self), good.certificate(self), 0, ""},
		{"pinned CA", pin(ca), good.certificate(ca), 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{test.server}, MinVersion: tls.VersionTLS10, MaxVersion: test.max})
			state, err := shake(t, planned(t, Config{}, tlsHost, test.policy), server)
			if test.how == "" {
				wantClass(t, err, TLS)
				return
			}
			if err != nil || !state.Verified || state.How != test.how || state.Version < tls.VersionTLS12 || !strings.HasPrefix(state.Cipher, "TLS_") {
				t.Errorf("got %+v, %v", state, err)
			}
		})
	}
}

func TestIPAddressIsVerifiedAsOne(t *testing.T) {
	ca := newCA(t)
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, template("192.0.2.1", today)).certificate()}})
	policy := TLSPolicy{Mode: TLSVerified, Roots: ca.pool()}
	if state, err := shake(t, planned(t, Config{}, "192.0.2.1:25", policy), server); err != nil || !state.Verified {
		t.Errorf("got %+v, %v", state, err)
	}
	if got := server.saw(0).state.ServerName; got != "" {
		t.Errorf("server name %q was sent for an address", got)
	}
	_, err := shake(t, planned(t, Config{}, "192.0.2.2:25", policy), server)
	wantClass(t, err, TLS)
}

func TestServerNameIsSent(t *testing.T) {
	ca := newCA(t)
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, template("mail.example.com", today)).certificate()}})
	for i, test := range []struct {
		host   string
		policy TLSPolicy
		want   string
	}{
		{tlsHost, TLSPolicy{Mode: TLSOpportunistic}, "mail.example.com"},
		{tlsHost, TLSPolicy{Mode: TLSRequired, ServerName: "mx.example.net"}, "mx.example.net"},
		{"unix:/run/lmtp", TLSPolicy{Mode: TLSRequired}, ""},
	} {
		if _, err := shake(t, planned(t, Config{}, test.host, test.policy), server); err != nil {
			t.Fatal(err)
		}
		if got := server.saw(i).state.ServerName; got != test.want {
			t.Errorf("%s: %q was sent, want %q", test.host, got, test.want)
		}
	}
}

// REQUIRETLS is offered and honoured where Verified is true: with any mode, when
// the certificate proves the server; never because the mode does not ask.
func TestDuty_X_RTLS_Verified(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	good := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, template("mail.example.com", today)).certificate()}})
	bad := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{other.sign(t, template("mail.example.com", today)).certificate()}})
	for _, mode := range []TLSMode{TLSOpportunistic, TLSRequired} {
		plan := planned(t, Config{}, tlsHost, TLSPolicy{Mode: mode, Roots: ca.pool()})
		if state, err := shake(t, plan, good); err != nil || !state.Verified || state.How != "ca" {
			t.Errorf("%s: got %+v, %v", mode, state, err)
		}
		if state, err := shake(t, plan, bad); err != nil || state.Verified || state.How != "" || state.Version != tls.VersionTLS13 {
			t.Errorf("%s, unknown CA: got %+v, %v", mode, state, err)
		}
	}
	if plan, _ := (tlsPlan{mode: TLSOpportunistic}).withoutTLS(io.EOF); plan.clear.Verified || plan.clear.Version != 0 {
		t.Errorf("in clear: got %+v", plan.clear)
	}
}

// TLS required and not offered, handshake or name check failed: never clear text.
func TestDuty_R7_TLS(t *testing.T) {
	ca := newCA(t)
	cfg := Config{Resolver: snapshot(t, "example.com DNSSEC signed\nmail.example.com A 192.0.2.1\n"+
		"_25._tcp.mail.example.com TLSA 3 1 1 "+strings.Repeat("00", 32))}
	notTLS := scriptedTLS(t, func(nc net.Conn) { io.WriteString(nc, "454 4.7.0 no TLS today\r\n") })
	hangsUp := scriptedTLS(t, func(net.Conn) {})
	for _, mode := range []TLSMode{TLSRequired, TLSVerified, TLSDane, TLSDaneOnly} {
		plan := planned(t, cfg, tlsHost, TLSPolicy{Mode: mode, Roots: ca.pool()})
		start, err := plan.wants(false)
		if f := wantClass(t, err, TLS); start || !errors.Is(f, errNotOffered) {
			t.Errorf("%s: not offered: %v, %v", mode, start, err)
		}
		if start, err := plan.wants(true); !start || err != nil {
			t.Errorf("%s: offered: %v, %v", mode, start, err)
		}
		for _, server := range []*tlsServer{notTLS, hangsUp} {
			_, err := shake(t, plan, server)
			wantClass(t, err, TLS)
			if _, ok := plan.withoutTLS(err); ok {
				t.Errorf("%s: a second try in clear text after %v", mode, err)
			}
		}
	}
}

func TestOpportunisticTLSFallsBackOnceAndSaysSo(t *testing.T) {
	server := scriptedTLS(t, func(nc net.Conn) { io.WriteString(nc, "454 4.7.0 no TLS today\r\n") })
	plan := planned(t, Config{}, tlsHost, TLSPolicy{Mode: TLSOpportunistic})
	if start, err := plan.wants(false); start || err != nil || plan.clear != nil {
		t.Errorf("not offered: %v, %v, %+v", start, err, plan.clear)
	}
	if start, err := plan.wants(true); !start || err != nil {
		t.Errorf("offered: %v, %v", start, err)
	}
	_, err := shake(t, plan, server)
	wantClass(t, err, TLS)
	plan, ok := plan.withoutTLS(err)
	if !ok || !strings.Contains(plan.clear.Fallback, "handshake") {
		t.Fatalf("got %+v, %v", plan, ok)
	}
	if start, err := plan.wants(true); start || err != nil {
		t.Errorf("second try: %v, %v", start, err)
	}
	if _, ok := plan.withoutTLS(err); ok {
		t.Error("a third try")
	}
}

func TestNoTLSIsClearText(t *testing.T) {
	plan := planned(t, Config{}, tlsHost, TLSPolicy{})
	for _, offered := range []bool{false, true} {
		if start, err := plan.wants(offered); start || err != nil || plan.clear != nil {
			t.Errorf("offered %v: %v, %v, %+v", offered, start, err, plan.clear)
		}
	}
}

func TestHostThatCannotBeVerifiedIsNotConnectedTo(t *testing.T) {
	for host, policy := range map[string]TLSPolicy{
		"unix:/run/lmtp":   {Mode: TLSVerified},
		"mail.example.com": {Mode: TLSNone},
	} {
		_, err := Config{}.secure(t.Context(), host, policy)
		wantClass(t, err, TLS)
	}
	for _, policy := range []TLSPolicy{
		{Mode: TLSNone}, {Mode: TLSRequired}, {Mode: TLSVerified, ServerName: "mail.example.com"}, {Mode: TLSVerified, Pins: make([][32]byte, 1)},
	} {
		if _, err := (Config{}).secure(t.Context(), "unix:/run/lmtp", policy); err != nil {
			t.Error(err)
		}
	}
}

func TestClientCertificateIsShownToWhoAsks(t *testing.T) {
	ca, client := newCA(t), (*authority)(nil).sign(t, template("gate.example.com", today))
	own := client.certificate()
	config := &tls.Config{
		Certificates: []tls.Certificate{ca.sign(t, template("mail.example.com", today)).certificate()},
		ClientAuth:   tls.RequestClientCert,
		ClientCAs:    ca.pool(), // it names this one, and takes ours all the same
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := config.Clone()
		config.MaxVersion = version
		server := serveTLS(t, config)
		for i, shown := range []*tls.Certificate{&own, nil} {
			if _, err := shake(t, planned(t, Config{}, tlsHost, TLSPolicy{Mode: TLSRequired, Certificate: shown}), server); err != nil {
				t.Fatal(err)
			}
			got := server.saw(i).state.PeerCertificates
			if (shown != nil) != (len(got) == 1) || shown != nil && !got[0].Equal(client.cert) {
				t.Errorf("TLS %x, with %v: got %d certificates", version, shown != nil, len(got))
			}
		}
	}
}

func TestNoSessionIsResumed(t *testing.T) {
	ca := newCA(t)
	plan := planned(t, Config{}, tlsHost, TLSPolicy{Mode: TLSVerified, Roots: ca.pool()})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, template("mail.example.com", today)).certificate()}, MaxVersion: version})
		for i := range 3 {
			state, err := shake(t, plan, server)
			if err != nil || !state.Verified {
				t.Fatalf("%+v, %v", state, err)
			}
			if server.saw(i).state.DidResume {
				t.Errorf("TLS %x: resumed", version)
			}
		}
	}
}

// scriptedTLS is a next hop that does what serve says after its 220 to STARTTLS,
// and hangs up.
func scriptedTLS(t *testing.T, serve func(net.Conn)) *tlsServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // until the listener is closed
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			serve(nc)
			nc.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return &tlsServer{addr: l.Addr().String()}
}

// The time of a handshake ends though the next hop goes on sending.
func TestHandshakeHasHalfAMinute(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"silent": func(nc net.Conn) { io.Copy(io.Discard, nc) },
		"slow": func(nc net.Conn) {
			go io.Copy(io.Discard, nc) // until either end is closed
			// The first bytes of a long record, one each second.
			for _, b := range append([]byte{22, 3, 3, 64, 0, 2, 0, 63, 252}, make([]byte, 100)...) {
				if _, err := nc.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				var server sync.WaitGroup
				server.Go(func() { serve(theirs); theirs.Close() }) // until ours is closed
				began := time.Now()
				_, _, err := tlsPlan{mode: TLSRequired, name: "mail.example.com"}.handshake(t.Context(), ours)
				wantClass(t, err, TLS)
				if took := time.Since(began); took != handshakeTimeout {
					t.Errorf("ended after %v", took)
				}
				server.Wait()
			})
		})
	}
}

func TestHandshakeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan struct{})
	server := scriptedTLS(t, func(nc net.Conn) {
		nc.Read(make([]byte, 1))
		close(heard)
		io.Copy(io.Discard, nc)
	})
	go func() { <-heard; cancel() }()
	nc, err := net.Dial("tcp", server.addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = tlsPlan{mode: TLSRequired, name: "mail.example.com"}.handshake(ctx, nc)
	if wantClass(t, err, TLS); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
