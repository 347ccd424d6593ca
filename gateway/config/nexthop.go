package config

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"mxgate/gateway/config/strict"
	"mxgate/gateway/relay"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

const (
	maxHosts      = 16  // of one next hop: all of them are tried while the client waits
	maxUnixOctets = 107 // of a socket's path: sun_path of unix(7) less its NUL

	unixPrefix = "unix:"
	pinPrefix  = "sha256:"
)

// The words of next_hop.client and what they mean.
var clientWords = map[string]relay.ClientInfo{"xforward": relay.Forward, "xclient": relay.Replace, "none": relay.None}

// checkNextHops builds a Route for each [[next_hop]].
func (c *Config) checkNextHops(k *strict.Problems) {
	c.named = map[string]*relay.Route{}
	for i, n := range c.NextHops {
		key := fmt.Sprintf("next_hop[%d]", i)
		switch _, twice := c.named[n.Name]; {
		case n.Name == "":
			k.Add(key+".name", "", "missing: expected the name that next_hop of [[domain]] refers to, such as \"mail\"")
		case strings.ContainsAny(n.Name, ":/ \t\r\n"):
			k.Add(key+".name", quote(n.Name), "expected a name without colon, slash and space, so that it is not taken for HOST:PORT, such as \"mail\"")
		case twice:
			k.Add(key+".name", quote(n.Name), "used twice: expected a name of its own for each [[next_hop]]")
		}
		route := n.build(k, key)
		if _, twice := c.named[n.Name]; !twice {
			c.named[n.Name] = route
		}
		c.checkDANE(k, key, route)
	}
}

// build makes the Route of n; its faults go to k.
func (n NextHop) build(k *strict.Problems, key string) *relay.Route {
	r := &relay.Route{Name: n.Name, LMTP: n.Protocol == "lmtp"}
	if n.Protocol != "" && n.Protocol != "smtp" && n.Protocol != "lmtp" {
		k.Add(key+".protocol", quote(n.Protocol), `expected "smtp" or "lmtp"`)
	}
	r.Client = relay.Forward
	if client, ok := clientWords[n.Client]; ok {
		r.Client = client
	} else if n.Client != "" {
		k.Add(key+".client", quote(n.Client), `expected "xforward" (tell the next hop who the client is, if it wants to know), "xclient" (it is to treat us as the client) or "none"`)
	}
	r.Hosts = n.buildHosts(k, key)
	r.TLS = n.buildTLS(k, key)
	return r
}

// buildHosts checks hosts and returns them as they are dialled.
func (n NextHop) buildHosts(k *strict.Problems, key string) []string {
	if len(n.Hosts) == 0 || len(n.Hosts) > maxHosts {
		k.Add(key+".hosts", "", "expected 1 to %d servers in the order they are tried, such as [\"mail1.internal:25\", \"mail2.internal:25\"]", maxHosts)
		return nil
	}
	var hosts []string
	for i, text := range n.Hosts {
		at := fmt.Sprintf("%s.hosts[%d]", key, i)
		host, err := parseHost(text)
		switch {
		case err != nil:
			k.Add(at, quote(text), "%v", err)
		case slices.Contains(hosts, host):
			k.Add(at, quote(text), "listed twice: expected each server once")
		case n.Protocol == "lmtp" && strings.HasSuffix(host, ":25") && !strings.HasPrefix(host, unixPrefix):
			k.Add(at, quote(text), "LMTP is never spoken on port 25 (RFC 2033, Section 5): expected another port, such as 24, or protocol = \"smtp\"")
		}
		hosts = append(hosts, host)
	}
	return hosts
}

// parseHost reads "mail.internal:25", "192.0.2.10:25" or "unix:/run/lmtp". Two
// texts that mean the same host:port give the same result.
func parseHost(text string) (string, error) {
	path, isUnix := strings.CutPrefix(text, unixPrefix)
	if !isUnix {
		return parseHostPort(text)
	}
	if !strings.HasPrefix(path, "/") || len(path) > maxUnixOctets || strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("expected the whole path of a socket, at most %d octets, such as \"unix:/run/dovecot/lmtp\"", maxUnixOctets)
	}
	return text, nil
}

// parseHostPort reads HOST:PORT. The host is lower case in the result, with
// A-labels, and the port has no leading zeros.
func parseHostPort(text string) (string, error) {
	expected := errors.New("expected HOST:PORT such as \"mail.internal:25\" or \"192.0.2.10:25\"")
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", expected
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return "", expected
	}
	if addr, err := netip.ParseAddr(host); err == nil && !strings.ContainsFunc(addr.Zone(), unprintable) {
		host = addr.Unmap().String()
	} else if name, err := mail.ParseDomain(host); err == nil {
		host = string(name)
	} else {
		return "", expected
	}
	return net.JoinHostPort(host, strconv.FormatUint(number, 10)), nil
}

// buildTLS checks what the next hop has to prove.
func (n NextHop) buildTLS(k *strict.Problems, key string) relay.TLSPolicy {
	t := relay.TLSPolicy{Mode: relay.TLSOpportunistic, ServerName: n.TLSName}
	if n.TLS != "" {
		mode, err := relay.ParseTLSMode(n.TLS)
		if err != nil {
			k.Add(key+".tls", quote(n.TLS), `expected "none", "opportunistic", "required", "verified", "dane" or "dane-only"`)
			return t
		}
		t.Mode = mode
	}
	if t.Mode != relay.TLSVerified {
		n.rejectProofs(k, key)
		return t
	}
	if n.TLSName != "" {
		t.ServerName = checkTLSName(k, key, n.TLSName)
	}
	for i, text := range n.Pins {
		pin, err := parsePin(text)
		if err != nil {
			k.Add(fmt.Sprintf("%s.pins[%d]", key, i), quote(text), "%v", err)
		}
		t.Pins = append(t.Pins, pin)
	}
	switch {
	case n.CAFile != "" && len(n.Pins) > 0:
		k.Add(key+".ca_file", quote(n.CAFile), "stands beside pins: expected one of both, because a pinned key needs no CA")
	case n.CAFile != "":
		t.Roots = checkCAFile(k, key+".ca_file", n.CAFile)
	}
	if i := slices.IndexFunc(n.Hosts, func(h string) bool { return strings.HasPrefix(h, unixPrefix) }); i >= 0 && n.TLSName == "" && len(n.Pins) == 0 {
		k.Add(key+".tls_name", "", "missing: %s has no name that a certificate could be for; expected tls_name, or pins", quote(n.Hosts[i]))
	}
	return t
}

// rejectProofs refuses keys that only tls = "verified" reads: whoever sets them
// believes that something is checked.
func (n NextHop) rejectProofs(k *strict.Problems, key string) {
	const expected = `is only for tls = "verified": expected that, or no such key`
	if n.TLSName != "" {
		k.Add(key+".tls_name", quote(n.TLSName), expected)
	}
	if n.CAFile != "" {
		k.Add(key+".ca_file", quote(n.CAFile), expected)
	}
	if n.Pins != nil {
		k.Add(key+".pins", "", expected)
	}
}

func checkTLSName(k *strict.Problems, key, text string) string {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Unmap().String()
	}
	name, err := mail.ParseDomain(text)
	if err != nil {
		k.Add(key+".tls_name", quote(text), "expected the name in the certificate, such as \"mail.example.com\"")
	}
	return string(name)
}

// checkCAFile reads the certificates of CAs that the operator trusts.
func checkCAFile(k *strict.Problems, key, file string) *x509.CertPool {
	text, err := os.ReadFile(file)
	if err != nil {
		k.Add(key, quote(file), unreadable, rootCause(err))
		return nil
	}
	if err := leadsWithCertificate(text); err != nil {
		k.Add(key, quote(file), notCertificate, err)
		return nil
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// parsePin reads "sha256:" and the SHA-256 digest of a SubjectPublicKeyInfo, in
// hex, with or without colons, or in base64.
func parsePin(text string) (pin [sha256.Size]byte, err error) {
	digest, ok := strings.CutPrefix(text, pinPrefix)
	raw, hexErr := hex.DecodeString(strings.ReplaceAll(digest, ":", ""))
	if hexErr != nil {
		raw, err = base64.StdEncoding.DecodeString(digest)
	}
	if !ok || err != nil || len(raw) != len(pin) {
		return pin, errors.New(`expected "sha256:" and 64 hex digits or 44 of base64: the digest of the server's public key`)
	}
	return [sha256.Size]byte(raw), nil
}

// checkDANE refuses DANE where it could prove nothing. RFC 7672, Section 2.2.
func (c *Config) checkDANE(k *strict.Problems, key string, r *relay.Route) {
	if r.TLS.Mode != relay.TLSDane && r.TLS.Mode != relay.TLSDaneOnly {
		return
	}
	if !c.TrustAD() {
		k.Add(key+".tls", quote(r.TLS.Mode.String()), "needs a resolver whose DNSSEC answers can be believed: expected dns.servers on loopback only, such as [\"127.0.0.1:53\"], or dns.trust_ad = true")
	}
	for i, host := range r.Hosts {
		name, _, _ := net.SplitHostPort(host)
		if _, err := netip.ParseAddr(name); err == nil || strings.HasPrefix(host, unixPrefix) {
			k.Add(fmt.Sprintf("%s.hosts[%d]", key, i), quote(host), "has no TLSA records: expected a host name, or another tls than %q", r.TLS.Mode)
		}
	}
}

// checkDomains builds what is ours and the way to it.
func (c *Config) checkDomains(k *strict.Problems) {
	if len(c.Domains) == 0 {
		k.Add("domain", "", "missing: expected at least one [[domain]] with name and next_hop")
	}
	c.Routes = map[mail.Domain]*relay.Route{}
	for i, d := range c.Domains {
		key := fmt.Sprintf("domain[%d]", i)
		name, err := mail.ParseDomain(d.Name)
		_, twice := c.Routes[name]
		switch {
		case d.Name == "":
			k.Add(key+".name", "", "missing: expected a domain such as \"example.com\"")
		case err != nil:
			k.Add(key+".name", quote(d.Name), "expected a domain such as \"example.com\"")
		case twice:
			k.Add(key+".name", quote(d.Name), "listed twice: expected one [[domain]] for each domain")
		}
		var route *relay.Route
		if d.NextHop == "" {
			k.Add(key+".next_hop", "", "missing: expected the mail server that takes the mail for %q, such as \"mail.internal:25\", or the name of a [[next_hop]]", d.Name)
		} else if route, err = c.Route(d.NextHop); err != nil {
			k.Add(key+".next_hop", quote(d.NextHop), "%v", err)
		} else {
			c.named[route.Name] = route
		}
		c.Routes[name] = route
		if route != nil && !slices.Contains(c.Used, route) {
			c.Used = append(c.Used, route)
		}
		c.Own = append(c.Own, name)
		c.Targets = append(c.Targets, lookalike.Target{Domain: name, Tier: lookalike.Own})
	}
}

// Route finds the way that name stands for: a [[next_hop]], or HOST:PORT, which
// is spoken to with all defaults. One that is in use is the same *relay.Route
// each time. The error says what was expected.
func (c *Config) Route(name string) (*relay.Route, error) {
	if route, ok := c.named[name]; ok && name != "" {
		return route, nil
	}
	if strings.Contains(name, ":") {
		host, err := parseHostPort(name)
		if err != nil {
			return nil, fmt.Errorf("%w; a Unix socket stands in hosts of a [[next_hop]]", err)
		}
		if route, ok := c.named[host]; ok {
			return route, nil
		}
		return (NextHop{Name: host, Hosts: []string{host}}).build(new(strict.Problems), ""), nil
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(c.named)), func(n string) bool { return strings.Contains(n, ":") })
	if near, distance := strict.Nearest(name, names); distance <= 2 && distance < len(name) {
		return nil, fmt.Errorf("no [[next_hop]] has this name: did you mean %q?", near)
	}
	return nil, errors.New("expected the name of a [[next_hop]], or HOST:PORT such as \"mail.internal:25\"")
}
