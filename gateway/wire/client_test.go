package wire_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"mxgate/gateway/wire"
	"mxgate/policy/mail"
)

// authority is a CA, or one below another.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newAuthority(t *testing.T, name string, above *authority) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.cert, a.key = issue(t, template, above)
	return a
}

// issue makes a certificate, by itself without an issuer.
func issue(t *testing.T, template *x509.Certificate, by *authority) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := template, crypto.Signer(key)
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// shown is what a client shows: a certificate of names, and what leads to its CA.
func shown(t *testing.T, by *authority, between []*authority, change func(*x509.Certificate), names ...string) []tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "subject.example"}, DNSNames: names, NotAfter: time.Now().AddDate(1, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if change != nil {
		change(template)
	}
	cert, key := issue(t, template, by)
	chain := [][]byte{cert.Raw}
	for _, a := range between {
		chain = append(chain, a.cert.Raw)
	}
	return []tls.Certificate{{Certificate: chain, PrivateKey: key}}
}

// Only names that a trusted CA vouches for are known of a client; and without any,
// or with a certificate of whomever, it is served all the same.
func TestOnlyVouchedNamesOfCertificatesAreKnown(t *testing.T) {
	root, other := newAuthority(t, "root", nil), newAuthority(t, "root", nil) // of the same name
	middle := newAuthority(t, "middle", root)
	pool := x509.NewCertPool()
	pool.AddCert(root.cert)
	const name, second = "gate.provider.example", "gate2.provider.example"
	for _, c := range []struct {
		what string
		cas  *x509.CertPool
		own  []tls.Certificate
		want []string
	}{
		{"of the CA", pool, shown(t, root, nil, nil, name, second), []string{name, second}},
		{"through another CA", pool, shown(t, middle, []*authority{middle}, nil, name), []string{name}},
		{"of a server", pool, shown(t, root, nil, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, name), []string{name}},
		{"to sign programs", pool, shown(t, root, nil, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }, name), nil},
		{"whose chain has a gap", pool, shown(t, middle, nil, nil, name), nil},
		{"of another CA", pool, shown(t, other, nil, nil, name), nil},
		{"of another CA, with ours beside it", pool, shown(t, other, []*authority{root}, nil, name), nil},
		{"of nobody", pool, shown(t, nil, nil, nil, name), nil},
		{"that is over", pool, shown(t, root, nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }, name), nil},
		{"to come", pool, shown(t, root, nil, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }, name), nil},
		{"without a name but its subject", pool, shown(t, root, nil, nil), nil},
		{"none", pool, nil, nil},
		{"not asked for", nil, shown(t, root, nil, nil, name), nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			met := make(chan mail.Client, 2)
			s := start(t, func(cfg *wire.Config) { cfg.TLSConfig, cfg.ClientCAs = serverTLS(), c.cas })
			s.meet = func(c mail.Client) { met <- c }
			conn := s.open(t)
			conn.send("MAIL FROM:<a@partner.example>\r\n")
			conn.expect("250")
			if got := <-met; got.Certificate != nil {
				t.Errorf("in clear: %q", got.Certificate)
			}
			conn.send("RSET\r\nSTARTTLS\r\n")
			conn.expect("250", "220")
			conn.startTLS(c.own...)
			conn.ehlo()
			conn.send("MAIL FROM:<a@partner.example>\r\n")
			conn.expect("250")
			if got := <-met; !slices.Equal(got.Certificate, c.want) {
				t.Errorf("known by %q, want %q", got.Certificate, c.want)
			}
			conn.send("QUIT\r\n")
			conn.expect("221")
		})
	}
}

// Our end of the connection is that of the socket, or what the balancer says that
// the client came to.
func TestOurEndOfTheConnectionIsKnown(t *testing.T) {
	for _, c := range []struct {
		header string
		want   string // "": the socket's
	}{
		{"", ""},
		{"PROXY TCP4 192.0.2.7 198.51.100.1 56324 2525\r\n", "198.51.100.1:2525"},
		{"PROXY TCP6 2001:db8::7 2001:DB8::1 56324 25\r\n", "[2001:db8::1]:25"},
		{"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 56324 25\r\n", "198.51.100.1:25"},
		{"PROXY UNKNOWN 192.0.2.7 198.51.100.1 56324 2525\r\n", ""},
		{v2(0x21, 0x11, tcp4), "198.51.100.1:25"},
		{v2(0x21, 0x21, tcp6), "[2001:db8::1]:25"},
		{v2(0x20, 0x11, tcp4), ""}, // LOCAL
	} {
		met := make(chan mail.Client, 1)
		socket := wire.Socket{Listener: loopback(t)}
		if c.header != "" {
			socket.Balancers = loopbackOnly
		}
		s := startOn(t, nil, socket)
		s.meet = func(c mail.Client) { met <- c }
		conn := s.dial(t)
		conn.send(c.header)
		conn.expect("220")
		conn.ehlo()
		conn.send("MAIL FROM:<a@partner.example>\r\n")
		conn.expect("250")
		want := socket.Addr().(*net.TCPAddr).AddrPort()
		if c.want != "" {
			want = netip.MustParseAddrPort(c.want)
		}
		if got := <-met; got.Listener != want {
			t.Errorf("%q: %v, want %v", c.header, got.Listener, want)
		}
	}
}
