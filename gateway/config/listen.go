package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"mxgate/gateway/config/strict"
	"mxgate/policy/provider"
)

// systemdPrefix begins the address of a listener whose sockets systemd opens.
const systemdPrefix = "systemd:"

// maxSystemdName bounds the name of a file descriptor. sd_listen_fds(3).
const maxSystemdName = 255

// Shortest prefixes of balancers: whoever is one says who its clients are.
const (
	minBalancerBits4 = 8
	minBalancerBits6 = 16
)

// Socket is a place to listen on.
type Socket struct {
	Address string // ADDRESS:PORT; "" if systemd has opened it
	Systemd string // its FileDescriptorName; several sockets may have it
	// Balancers are the only peers, and must speak the PROXY protocol. nil:
	// clients connect themselves.
	Balancers []netip.Prefix
}

// checkListen checks where the gateway listens: for mail, and for metrics.
func (c *Config) checkListen(k *strict.Problems) {
	const place = `expected ADDRESS:PORT such as "0.0.0.0:25" or "[::]:25"`
	type claimed struct {
		key  string
		addr netip.AddrPort
	}
	var taken []claimed
	claim := func(key, address, expected string) {
		addr, err := parseListen(address)
		if err != nil {
			k.Add(key, quote(address), "%s", expected)
			return
		}
		for _, t := range taken {
			if collide(t.addr, addr) {
				k.Add(key, quote(address), "is taken by %s already (%s): expected another address or port", t.key, t.addr)
				return
			}
		}
		taken = append(taken, claimed{key, addr})
	}
	passed := map[string]string{} // by systemd
	for i, l := range c.Listeners {
		key := fmt.Sprintf("listener[%d]", i)
		socket := Socket{Address: l.Address, Balancers: l.balancers(k, key)}
		if name, isPassed := strings.CutPrefix(l.Address, systemdPrefix); isPassed {
			socket.Address, socket.Systemd = "", name
			checkSystemd(k, key+".address", name, passed)
		} else {
			claim(key+".address", l.Address, place+`, or "systemd:NAME" for a socket that systemd opens`)
		}
		c.Sockets = append(c.Sockets, socket)
	}
	if len(c.Listeners) == 0 {
		k.Add("listener", "[]", "expected at least one [[listener]] with an address, or none at all for \":25\"")
	}
	if c.Metrics.Address != "" {
		claim("metrics.address", c.Metrics.Address, `expected ADDRESS:PORT such as "127.0.0.1:9925"`)
	}
}

// checkSystemd checks a FileDescriptorName=, systemd.socket(5); passed has the
// keys of those before.
func checkSystemd(k *strict.Problems, key, name string, passed map[string]string) {
	switch {
	case name == "" || len(name) > maxSystemdName || strings.ContainsFunc(name, unprintable) || strings.Contains(name, ":"):
		k.Add(key, quote(systemdPrefix+name), `expected "systemd:" and the FileDescriptorName of the socket unit, such as "systemd:smtp"`)
	case passed[name] != "":
		k.Add(key, quote(systemdPrefix+name), "is taken by %s already: one [[listener]] has all sockets of a name", passed[name])
	default:
		passed[name] = key
	}
}

func unprintable(r rune) bool { return r <= ' ' || r >= 0x7f }

// balancers checks proxy_protocol.
func (l Listener) balancers(k *strict.Problems, key string) []netip.Prefix {
	var balancers []netip.Prefix
	for i, text := range l.ProxyProtocol {
		p, err := provider.ParseRange(text)
		least := minBalancerBits6
		if p.Addr().Is4() {
			least = minBalancerBits4
		}
		switch at := fmt.Sprintf("%s.proxy_protocol[%d]", key, i); {
		case err != nil:
			k.Add(at, quote(text), "%s", rangeFault(text, err))
		case p.Bits() < least:
			k.Add(at, quote(text), "lets strangers say who they are: expected the addresses of the balancers, at least /%d", least)
		}
		balancers = append(balancers, p)
	}
	return balancers
}

// parseListen reads "192.0.2.1:25", "[::]:25" or ":25"; the last is [::]:25.
func parseListen(address string) (netip.AddrPort, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	addr := netip.IPv6Unspecified()
	if host != "" {
		if addr, err = netip.ParseAddr(host); err != nil {
			return netip.AddrPort{}, err
		}
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}

// collide reports whether a and b cannot both be listened on. Package net opens
// every wildcard for IPv4 and IPv6. Port 0 is a free one each time.
func collide(a, b netip.AddrPort) bool {
	return a.Port() == b.Port() && a.Port() != 0 &&
		(a.Addr() == b.Addr() || a.Addr().IsUnspecified() || b.Addr().IsUnspecified())
}

func (c *Config) checkTLS(k *strict.Problems) {
	t := c.TLS
	if t.ClientCAFile != "" && t.CertFile == "" && t.KeyFile == "" {
		k.Add("tls.client_ca_file", quote(t.ClientCAFile), "expected cert_file and key_file as well: without STARTTLS no client shows a certificate")
	}
	switch {
	case t.CertFile == "" && t.KeyFile == "":
		if t.Require {
			k.Add("tls.require", "true", "expected cert_file and key_file as well: without a certificate STARTTLS cannot be offered")
		}
	case t.CertFile == "":
		k.Add("tls.cert_file", "", "missing: expected the PEM file with the certificate that key_file belongs to")
	case t.KeyFile == "":
		k.Add("tls.key_file", "", "missing: expected the PEM file with the private key of cert_file")
	}
}

// readTLS reads what the listeners show, and whom they believe.
func (c *Config) readTLS(k *strict.Problems) {
	if file := c.TLS.ClientCAFile; file != "" {
		c.ClientCAs = checkCAFile(k, "tls.client_ca_file", file)
	}
	if c.TLS.CertFile != "" && c.TLS.KeyFile != "" {
		c.Certificate = c.TLS.pair(k)
	}
}

// ReadCertificate reads the files of the certificate again. Its error is a *Error that
// names them.
func (c *Config) ReadCertificate() (*tls.Certificate, error) {
	k := new(strict.Problems)
	if pair := c.TLS.pair(k); pair != nil {
		return pair, nil
	}
	return nil, &Error{c.File, c.Locate(*k)}
}

// pair reads certificate and key; it is nil if k got a reason.
func (t TLS) pair(k *strict.Problems) *tls.Certificate {
	cert, certErr := os.ReadFile(t.CertFile)
	key, keyErr := os.ReadFile(t.KeyFile)
	if certErr != nil {
		k.Add("tls.cert_file", quote(t.CertFile), unreadable, rootCause(certErr))
	} else if certErr = leadsWithCertificate(cert); certErr != nil {
		k.Add("tls.cert_file", quote(t.CertFile), notCertificate, certErr)
	}
	if keyErr != nil {
		k.Add("tls.key_file", quote(t.KeyFile), unreadable, rootCause(keyErr))
	}
	if keyErr == nil && encrypted(key) {
		keyErr = errors.New("encrypted")
		k.Add("tls.key_file", quote(t.KeyFile), "is encrypted, and nobody is there at a start to give the password: expected a key without one, from openssl pkey -in %s -out NEWFILE (mode 0600, owner the user running mxgate)", t.KeyFile)
	}
	if certErr != nil || keyErr != nil {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		k.Add("tls.key_file", quote(t.KeyFile), "does not fit cert_file (%v): expected the PEM private key of that certificate", err)
		return nil
	}
	return &pair
}

// encrypted reports whether the first private key of a PEM text wants a password.
// RFC 7468, Section 11, and the older RFC 1421, Section 4.6.1.1.
func encrypted(text []byte) bool {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return false
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")
		}
		text = rest
	}
}

// What is wrong with a file of certificates or keys.
const (
	unreadable     = "cannot be read (%v): expected a PEM file that the user running mxgate may read"
	notCertificate = "is no certificate (%v): expected a PEM file that begins with BEGIN CERTIFICATE"
)

// leadsWithCertificate says why the first certificate of a PEM text cannot be
// used. Other blocks before it do no harm.
func leadsWithCertificate(text []byte) error {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return errors.New("it holds none")
		}
		if block.Type == "CERTIFICATE" {
			_, err := x509.ParseCertificate(block.Bytes)
			return err
		}
		text = rest
	}
}
