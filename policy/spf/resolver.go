package spf

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"

	"mxgate/policy/dns"
)

// resolver answers the library's questions from a dns.Resolver.
//
// Every error is a *net.DNSError, because the library takes anything else for
// permanent, a deadline too. A name that cannot be asked does not exist:
// RFC 7208, Section 4.3, and so it matches nothing.
type resolver struct {
	dns        dns.Resolver
	client     netip.Addr
	lastTXT    string // the domain whose record is being evaluated
	lastFailed string // type and name of the last question that failed for a time
	badRecord  error  // why a record was refused before evaluation
}

// LookupTXT returns the TXT records of name. If there is exactly one SPF record
// among them and its syntax is wrong, it fails for good: RFC 7208, Section 4.6.
func (r *resolver) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if !askable(name) {
		return nil, notFound(name)
	}
	r.lastTXT = strings.TrimSuffix(name, ".")
	answer, err := r.dns.TXT(ctx, r.lastTXT)
	if err != nil {
		return nil, r.failed("TXT", err)
	}
	var records []string
	for _, txt := range answer.Records {
		if isRecord(txt) {
			records = append(records, txt)
		}
	}
	if len(records) == 1 {
		if err := checkSyntax(records[0]); err != nil {
			r.badRecord = &recordError{domain: r.lastTXT, cause: err}
			return nil, r.badRecord
		}
	}
	return records, nil
}

// LookupMX returns the mail exchangers of name, without a null MX.
func (r *resolver) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	if !askable(name) {
		return nil, notFound(name)
	}
	answer, err := r.dns.MX(ctx, strings.TrimSuffix(name, "."))
	if err != nil {
		return nil, r.failed("MX", err)
	}
	var hosts []*net.MX
	for _, mx := range answer.Records {
		if mx.Host != "" {
			hosts = append(hosts, &net.MX{Host: mx.Host, Pref: mx.Preference})
		}
	}
	return hosts, nil
}

// LookupIPAddr returns the addresses of host. For an IPv4 client only A can
// matter. For an IPv6 client both are asked: "exists" looks for A whatever the
// client is (RFC 7208, Section 5.7), and the library does not say who asks.
func (r *resolver) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	if !askable(host) {
		return nil, notFound(host)
	}
	host = strings.TrimSuffix(host, ".")
	var found []net.IPAddr
	v4, err := r.dns.A(ctx, host)
	if err != nil && !absent(err) {
		return nil, r.failed("A", err)
	}
	found = appendAddrs(found, v4.Records)
	if !r.client.Is4() {
		v6, err6 := r.dns.AAAA(ctx, host)
		if err6 != nil && !absent(err6) {
			return nil, r.failed("AAAA", err6)
		}
		found = appendAddrs(found, v6.Records)
	}
	if len(found) == 0 {
		return nil, notFound(host)
	}
	return found, nil
}

// LookupAddr returns the names of addr.
func (r *resolver) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return nil, notFound(addr)
	}
	answer, err := r.dns.PTR(ctx, ip)
	if err != nil {
		return nil, r.failed("PTR", err)
	}
	return answer.Records, nil
}

// failed turns a failure of the resolver into the error the library classifies.
func (r *resolver) failed(typ string, err error) error {
	n := dns.NetError(err)
	switch {
	case errors.Is(err, dns.ErrPermanent):
		n.IsNotFound = true
	case n.IsTemporary:
		r.lastFailed = typ
		if n.Name != "" {
			r.lastFailed += " " + n.Name
		}
	}
	return n
}

// absent reports whether err says that there is no such record.
func absent(err error) bool {
	return errors.Is(err, dns.ErrNotFound) || errors.Is(err, dns.ErrPermanent)
}

func notFound(name string) *net.DNSError {
	return &net.DNSError{Err: "not a name", Name: name, IsNotFound: true}
}

func appendAddrs(list []net.IPAddr, addrs []netip.Addr) []net.IPAddr {
	for _, a := range addrs {
		list = append(list, net.IPAddr{IP: net.IP(a.Unmap().AsSlice())})
	}
	return list
}

// Limits of a name without its trailing dot: RFC 1035, Section 2.3.4.
const (
	maxNameOctets  = 253
	maxLabelOctets = 63
)

// askable reports whether name, which may come out of a macro, can be a DNS
// name. Printable ASCII may stand in a label; a resolver may want less.
func askable(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if len(name) > maxNameOctets {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabelOctets {
			return false
		}
		for i := 0; i < len(label); i++ {
			if c := label[i]; c < ' ' || c >= 0x7f || c == '\\' || c == '"' {
				return false
			}
		}
	}
	return true
}
