package relay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"mxgate/policy/dns"
)

// maxAliases is how many CNAME records lead from the name of a host to the one
// whose TLSA records count.
const maxAliases = 8

// Fields of a TLSA record, by the names of RFC 7218.
const (
	daneTA = 2 // certificate usage: an issuer of the server's certificate
	daneEE = 3 // certificate usage: the server's certificate itself

	selectorCert = 0 // the certificate
	selectorSPKI = 1 // its key

	matchFull   = 0 // as it is
	matchSHA256 = 1
	matchSHA512 = 2
)

// dane completes the plan for a host of that name and port with its TLSA records.
// RFC 7672, Section 2.2; errors as of secure.
func (c Config) dane(ctx context.Context, p tlsPlan, name, port string) (tlsPlan, error) {
	if _, err := netip.ParseAddr(name); err == nil || name == "" {
		return p.withoutDANE(fmt.Errorf("%q has no name to ask for", name))
	}
	if c.Resolver == nil {
		return tlsPlan{}, tlsFailure(errors.New("no resolver for DANE"))
	}
	bases, why, err := c.baseDomains(ctx, name)
	if err != nil {
		return tlsPlan{}, dnsFailure(err)
	}
	for _, base := range bases {
		question := "_" + port + "._tcp." + base
		a, err := c.Resolver.TLSA(ctx, question)
		switch {
		case errors.Is(err, dns.ErrNotFound):
			why = fmt.Errorf("%q has no TLSA record", question)
		case err != nil:
			// An attacker who cannot forge the answer can withhold it:
			// no mail until there is one. RFC 7672, Section 2.1.2.
			return tlsPlan{}, dnsFailure(err)
		case !a.Authentic:
			why = fmt.Errorf("%q has TLSA records that are not signed", question)
		default:
			return p.withRecords(base, name, a.Records)
		}
	}
	return p.withoutDANE(why)
}

// withoutDANE is the plan for a host for which DNSSEC promises nothing.
func (p tlsPlan) withoutDANE(why error) (tlsPlan, error) {
	if p.mode == TLSDaneOnly {
		return tlsPlan{}, tlsFailure(fmt.Errorf("DANE is required: %w", why))
	}
	p.mode = TLSOpportunistic
	return p, nil
}

// withRecords is the plan for a host with TLSA records at base. Where none can be
// used, that they are there still promises TLS: RFC 7672, Section 2.2.
func (p tlsPlan) withRecords(base, host string, records []dns.TLSA) (tlsPlan, error) {
	p.name, p.names, p.records = base, []string{base, host}, usable(records)
	switch {
	case len(p.records) > 0:
	case p.mode == TLSDaneOnly:
		return tlsPlan{}, tlsFailure(fmt.Errorf("DANE is required: none of the %d TLSA records of %q is usable", len(records), base))
	default:
		p.mode = TLSRequired
	}
	return p, nil
}

// baseDomains lists the names at which TLSA records of the host may stand, best
// first: that at the end of its aliases, then its own. None, and why, where its
// addresses are not signed: who can forge those needs no certificate. The error
// is of the resolver. RFC 7672, Sections 2.2.1 to 2.2.3.
func (c Config) baseDomains(ctx context.Context, name string) (bases []string, why, err error) {
	authentic, why, err := c.addresses(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	for at, links := name, 0; ; links++ {
		alias, err := c.Resolver.CNAME(ctx, at)
		switch {
		case errors.Is(err, dns.ErrNotFound) && !authentic:
			return nil, why, nil
		case errors.Is(err, dns.ErrNotFound):
			return slices.Compact([]string{at, name}), nil, nil
		case err != nil:
			return nil, nil, err
		case !authentic && alias.Authentic:
			// Signed up to where it leaves for a zone that is not: what its
			// own zone says of it stands.
			return []string{name}, nil, nil
		case !authentic:
			return nil, why, nil
		case links == maxAliases:
			return nil, nil, fmt.Errorf("%q: more than %d aliases", name, maxAliases)
		}
		at = alias.Records[0]
	}
}

// addresses reports whether the addresses of the host are signed, all of them and
// the aliases before them, or why not.
func (c Config) addresses(ctx context.Context, name string) (authentic bool, why, err error) {
	found, authentic := false, true
	for _, ask := range []func(context.Context, string) (dns.Answer[netip.Addr], error){c.Resolver.A, c.Resolver.AAAA} {
		a, err := ask(ctx, name)
		if errors.Is(err, dns.ErrNotFound) {
			continue
		}
		if err != nil {
			return false, nil, err
		}
		found = true
		authentic = authentic && a.Authentic
	}
	switch {
	case !found:
		// It may stand in /etc/hosts.
		return false, fmt.Errorf("DNS has no address of %q", name), nil
	case !authentic:
		return false, fmt.Errorf("addresses of %q are not signed", name), nil
	}
	return true, nil, nil
}

// dnsFailure is the failure of a question that DANE depends on. What does not
// pass DNSSEC is not to be trusted; for the rest DNS may know better soon.
func dnsFailure(err error) *Failure {
	if errors.Is(err, dns.ErrTemporary) && !errors.Is(err, dns.ErrBogus) {
		return &Failure{Class: Resolve, Err: fmt.Errorf("DANE: %w", err)}
	}
	return tlsFailure(fmt.Errorf("DANE: %w", err))
}

// usable leaves out records that we cannot use: those of the usages 0 and 1,
// which need not be honoured for SMTP (RFC 7672, Section 3.1.3), unknown and
// malformed ones; and of two digests of the same thing the weaker one (RFC 7671,
// Section 9).
func usable(records []dns.TLSA) []dns.TLSA {
	var kept []dns.TLSA
	for _, t := range records {
		if (t.Usage == daneTA || t.Usage == daneEE) && t.Selector <= selectorSPKI && wellFormed(t) {
			kept = append(kept, t)
		}
	}
	return slices.DeleteFunc(slices.Clone(kept), func(t dns.TLSA) bool {
		return t.MatchingType == matchSHA256 && slices.ContainsFunc(kept, func(other dns.TLSA) bool {
			return other.MatchingType == matchSHA512 && other.Usage == t.Usage && other.Selector == t.Selector
		})
	})
}

// wellFormed reports whether the data of t, with a known selector, can be what
// its matching type says.
func wellFormed(t dns.TLSA) bool {
	switch t.MatchingType {
	case matchSHA256:
		return len(t.Data) == sha256.Size
	case matchSHA512:
		return len(t.Data) == sha512.Size
	case matchFull:
		var err error
		if t.Selector == selectorCert {
			_, err = x509.ParseCertificate(t.Data)
		} else {
			_, err = x509.ParsePKIXPublicKey(t.Data)
		}
		return err == nil
	}
	return false
}

// verifyDANE checks the chain against usable records. With DANE-EE the key counts,
// and neither name nor date (RFC 7671, Section 5.1); with DANE-TA a chain below
// the given issuer, with its dates, and one of names (RFC 7672, Section 3.2.2).
func verifyDANE(chain []*x509.Certificate, records []dns.TLSA, names []string) error {
	anchors, found := x509.NewCertPool(), false
	trust := func(cert *x509.Certificate) {
		if !cert.Equal(chain[0]) { // which is no issuer
			anchors.AddCert(cert)
			found = true
		}
	}
	for _, t := range records {
		switch {
		case t.Usage == daneEE && matches(t, chain[0]):
			return nil
		case t.Usage != daneTA:
			continue
		}
		for _, cert := range chain[1:] {
			if matches(t, cert) {
				trust(cert)
			}
		}
		if t.Selector == selectorCert && t.MatchingType == matchFull {
			// The record is the issuer: the server need not send it.
			if cert, err := x509.ParseCertificate(t.Data); err == nil {
				trust(cert)
			}
		}
	}
	if !found {
		return fmt.Errorf("certificate matches none of %d TLSA records", len(records))
	}
	if err := verifyChain(chain, anchors, names...); err != nil {
		return fmt.Errorf("below the issuer of a TLSA record: %w", err)
	}
	return nil
}

// matches reports whether t is about cert: RFC 6698, Section 2.1.
func matches(t dns.TLSA, cert *x509.Certificate) bool {
	data := cert.Raw
	if t.Selector == selectorSPKI {
		data = cert.RawSubjectPublicKeyInfo
	}
	switch t.MatchingType {
	case matchFull:
		return bytes.Equal(t.Data, data)
	case matchSHA256:
		sum := sha256.Sum256(data)
		return bytes.Equal(t.Data, sum[:])
	case matchSHA512:
		sum := sha512.Sum512(data)
		return bytes.Equal(t.Data, sum[:])
	}
	return false
}
