package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/smtptest"
)

// proof is the certificate of a next hop, and what it can be known by.
type proof struct {
	tls    *tls.Config
	caFile string
	pin    string // SHA-256 of the key, in hex
}

// newProof makes a self-signed certificate for name.
func newProof(t *testing.T, name string) proof {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(name); ip != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return proof{&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, file, fmt.Sprintf("%x", sha256.Sum256(cert.RawSubjectPublicKeyInfo))}
}

// Mail that must not go in clear waits until it need not.
func TestDuty_R7_Gateway(t *testing.T) {
	p, other := newProof(t, "127.0.0.1"), newProof(t, "127.0.0.1")
	for _, c := range []struct {
		name, keys string
		tls        *tls.Config
		says       string // to STARTTLS
		want       string
		secure     bool
	}{
		{"required and had", "tls = \"required\"\n", p.tls, "", "250 2.0.0", true},
		{"required and not offered", "tls = \"required\"\n", nil, "", "451 4.7.5", false},
		{"required and refused", "tls = \"required\"\n", p.tls, "454 4.7.0 not now", "451 4.", false},
		{"the CA is ours", "tls = \"verified\"\nca_file = \"" + p.caFile + "\"\n", p.tls, "", "250 2.0.0", true},
		{"the CA is another", "tls = \"verified\"\nca_file = \"" + other.caFile + "\"\n", p.tls, "", "451 4.7.5", false},
		{"the name is another", "tls = \"verified\"\ntls_name = \"mail.example.net\"\nca_file = \"" + p.caFile + "\"\n", p.tls, "", "451 4.7.5", false},
		{"the key is pinned", "tls = \"verified\"\npins = [\"sha256:" + p.pin + "\"]\n", p.tls, "", "250 2.0.0", true},
		{"the key is another", "tls = \"verified\"\npins = [\"sha256:" + other.pin + "\"]\n", p.tls, "", "451 4.7.5", false},
		{"wanted and had", "", p.tls, "", "250 2.0.0", true},
		{"wanted and not offered", "", nil, "", "250 2.0.0", false},
		{"not wanted", "tls = \"none\"\n", p.tls, "", "250 2.0.0", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, _ := newSetting(t, setting{keys: c.keys, hosts: []smtptest.Options{{TLS: c.tls}}})
			if c.says != "" {
				g.nextHopSaysTo("STARTTLS", c.says)
				g.sink.Drop()
			}
			g.wantReplyPrefix(g.deliver(partner, []string{bob}, theMail), c.want)
			if !strings.HasPrefix(c.want, "250") {
				g.wantNothingMoved()
				return
			}
			if m := g.only(); m.TLS != c.secure {
				t.Errorf("came over TLS: %v", m.TLS)
			}
		})
	}
}

// wantReplyPrefix is wantReply for a code that is not told in full.
func (g *stage) wantReplyPrefix(reply, want string) {
	g.t.Helper()
	if !strings.HasPrefix(reply, want) {
		g.t.Errorf("answered %q, want %q", reply, want)
	}
}

// Signed TLSA records say which key the next hop has. Where they are bogus or not
// to be had nothing goes; where there are none DANE promises nothing.
func TestDuty_S1_Gateway_DANE(t *testing.T) {
	p, other := newProof(t, "mail.dane.example"), newProof(t, "mail.dane.example")
	const signedHost = "dane.example DNSSEC signed\nmail.dane.example A 127.0.0.1\n"
	tlsa := func(pin string) string { return "_25._tcp.mail.dane.example TLSA 3 1 1 " + pin + "\n" }
	for _, c := range []struct{ name, mode, zone, want string }{
		{"the key is as signed", "dane", signedHost + tlsa(p.pin), "250 2.0.0"},
		{"the key is another", "dane", signedHost + tlsa(other.pin), "451 4.7.5"},
		{"the records are bogus", "dane", signedHost + "_25._tcp.mail.dane.example TLSA BOGUS\n", "451 4."},
		{"no answer", "dane", signedHost + "_25._tcp.mail.dane.example TLSA SERVFAIL\n", "451 4."},
		{"no records", "dane", signedHost, "250 2.0.0"},
		{"not signed", "dane", "mail.dane.example A 127.0.0.1\n" + tlsa(other.pin), "250 2.0.0"},
		{"no records where they must be", "dane-only", signedHost, "451 4.7.5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &dialled{at: map[string]string{}}
			g, _ := newSetting(t, setting{zone: c.zone, keys: "tls = \"" + c.mode + "\"\n", hosts: []smtptest.Options{{TLS: p.tls}},
				edit: func(text string) string {
					_, rest, _ := strings.Cut(text, "hosts = [\"")
					addr, _, _ := strings.Cut(rest, "\"")
					d.at["mail.dane.example:25"] = addr
					return replacing(t, addr, "mail.dane.example:25")(text)
				}, tune: d.use})
			g.wantReplyPrefix(g.deliver(partner, []string{bob}, theMail), c.want)
			if !strings.HasPrefix(c.want, "250") {
				g.wantNothingMoved()
			} else if !g.only().TLS {
				t.Error("came in clear")
			}
		})
	}
}
