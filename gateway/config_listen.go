package gateway

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
)

// checkListen checks where the gateway listens: for mail, and for metrics.
func (c *Config) checkListen(k *checker) {
	type place struct {
		key  string
		addr netip.AddrPort
	}
	var taken []place
	claim := func(key, address string) {
		addr, err := parseListen(address)
		if err != nil {
			k.add(key, quote(address), `expected ADDRESS:PORT such as "0.0.0.0:25" or "[::]:25"`)
			return
		}
		for _, t := range taken {
			if collide(t.addr, addr) {
				k.add(key, quote(address), "is taken by %s already (%s): expected another address or port", t.key, t.addr)
				return
			}
		}
		taken = append(taken, place{key, addr})
	}
	for i, l := range c.Listeners {
		claim(fmt.Sprintf("listener[%d].address", i), l.Address)
	}
	if len(c.Listeners) == 0 {
		k.add("listener", "[]", "expected at least one [[listener]] with an address, or none at all for \":25\"")
	}
	if c.Metrics.Address != "" {
		claim("metrics.address", c.Metrics.Address)
	}
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

func (c *Config) checkTLS(k *checker) {
	t := c.TLS
	switch {
	case t.CertFile == "" && t.KeyFile == "":
		if t.Require {
			k.add("tls.require", "true", "expected cert_file and key_file as well: without a certificate STARTTLS cannot be offered")
		}
		return
	case t.CertFile == "":
		k.add("tls.cert_file", "", "missing: expected the PEM file with the certificate that key_file belongs to")
		return
	case t.KeyFile == "":
		k.add("tls.key_file", "", "missing: expected the PEM file with the private key of cert_file")
		return
	}
	cert, certErr := os.ReadFile(t.CertFile)
	key, keyErr := os.ReadFile(t.KeyFile)
	const readable = "cannot be read (%v): expected a PEM file that the user running mxgate may read"
	if certErr != nil {
		k.add("tls.cert_file", quote(t.CertFile), readable, rootCause(certErr))
	} else if certErr = leadsWithCertificate(cert); certErr != nil {
		k.add("tls.cert_file", quote(t.CertFile), "is no certificate (%v): expected a PEM file that begins with BEGIN CERTIFICATE", certErr)
	}
	if keyErr != nil {
		k.add("tls.key_file", quote(t.KeyFile), readable, rootCause(keyErr))
	}
	if certErr != nil || keyErr != nil {
		return
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		k.add("tls.key_file", quote(t.KeyFile), "does not fit cert_file (%v): expected the PEM private key of that certificate", err)
		return
	}
	c.certificate = &pair
}

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
