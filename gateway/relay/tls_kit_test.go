package relay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// validFor says which days a certificate is valid.
type validFor int

const (
	today validFor = iota
	lastYear
	nextYear
)

// template is a certificate for name, "" for that of a CA.
func template(name string, when validFor) *x509.Certificate {
	middle := time.Now().AddDate([]int{0, -1, 1}[when], 0, 0)
	c := &x509.Certificate{
		SerialNumber:          big.NewInt(middle.UnixNano()),
		Subject:               pkix.Name{CommonName: "mail.example.com"}, // must not count
		NotBefore:             middle.Add(-time.Hour),
		NotAfter:              middle.Add(time.Hour),
		BasicConstraintsValid: true,
	}
	switch ip := net.ParseIP(name); {
	case name == "":
		c.Subject.CommonName = "Test CA"
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
		return c
	case ip != nil:
		c.IPAddresses = []net.IP{ip}
	default:
		c.DNSNames = []string{name}
	}
	c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return c
}

// sign makes a certificate with a new key; a nil authority signs with that key.
func (a *authority) sign(t testing.TB, template *x509.Certificate) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer := &authority{template, key}
	if a != nil {
		issuer = a
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func newCA(t testing.TB) *authority { return (*authority)(nil).sign(t, template("", today)) }

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// certificate is a with its key, and the chain that a server sends with it.
func (a *authority) certificate(chain ...*authority) tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{a.cert.Raw}, PrivateKey: a.key}
	for _, issuer := range chain {
		c.Certificate = append(c.Certificate, issuer.cert.Raw)
	}
	return c
}

// seen is what a TLS server saw of a handshake.
type seen struct {
	state tls.ConnectionState
	err   error
}

// tlsServer is a next hop after its 220 to STARTTLS. After a handshake it sends
// "hello" and waits for the end.
type tlsServer struct {
	addr string
	mu   sync.Mutex
	more *sync.Cond
	seen []seen
}

func serveTLS(t testing.TB, config *tls.Config) *tlsServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &tlsServer{addr: l.Addr().String()}
	s.more = sync.NewCond(&s.mu)
	var running sync.WaitGroup
	running.Go(func() { // until the listener is closed
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { s.serve(nc, config) }) // until the client closes
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return s
}

func (s *tlsServer) serve(nc net.Conn, config *tls.Config) {
	defer nc.Close()
	conn := tls.Server(nc, config)
	err := conn.Handshake()
	s.mu.Lock()
	s.seen = append(s.seen, seen{conn.ConnectionState(), err})
	s.mu.Unlock()
	s.more.Broadcast()
	if err == nil {
		io.WriteString(conn, "hello")
		io.Copy(io.Discard, conn)
	}
}

// saw returns what the server saw of handshake number i, from 0, when it has ended.
func (s *tlsServer) saw(i int) seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.seen) <= i {
		s.more.Wait()
	}
	return s.seen[i]
}

// shake makes a handshake with s as planned, reads the server's "hello" and
// closes the connection.
func shake(t testing.TB, plan tlsPlan, s *tlsServer) (*TLSState, error) {
	t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	conn, state, err := plan.handshake(t.Context(), nc)
	if err != nil {
		if _, err := nc.Read(make([]byte, 1)); err == nil {
			t.Error("the connection is still open after a failed handshake")
		}
		return nil, err
	}
	defer conn.Close()
	hello := make([]byte, 5)
	if _, err := io.ReadFull(conn, hello); err != nil || string(hello) != "hello" {
		t.Errorf("after the handshake: %q, %v", hello, err)
	}
	return state, nil
}

// planned is Config.secure for a host that must have a plan.
func planned(t testing.TB, cfg Config, host string, policy TLSPolicy) tlsPlan {
	t.Helper()
	plan, err := cfg.secure(t.Context(), host, policy)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}
