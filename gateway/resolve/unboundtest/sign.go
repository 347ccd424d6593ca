//go:build interop

package unboundtest

import (
	"crypto"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

// Sign signs a zone (its records in text, SOA and NS among them) with a key made
// for it: an RRSIG for each RRset, and an NSEC chain that proves what is not
// there. RFC 4034, Sections 3 and 4. It returns the zone as text, and the line
// of configuration that makes unbound trust the key.
//
// The zone has neither delegations nor wildcards.
func Sign(t *testing.T, zone, text string) (signed, anchor string) {
	t.Helper()
	zone = mdns.Fqdn(zone)
	key := &mdns.DNSKEY{Hdr: header(zone, mdns.TypeDNSKEY), Flags: 257, Protocol: 3, Algorithm: mdns.ECDSAP256SHA256}
	private, err := key.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	sets := map[string]map[uint16][]mdns.RR{}
	add := func(rr mdns.RR) {
		name := strings.ToLower(rr.Header().Name)
		if sets[name] == nil {
			sets[name] = map[uint16][]mdns.RR{}
		}
		sets[name][rr.Header().Rrtype] = append(sets[name][rr.Header().Rrtype], rr)
	}
	add(key)
	parser := mdns.NewZoneParser(strings.NewReader(flush(text)), zone, "")
	parser.SetDefaultTTL(300)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		add(rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(sets))
	for name := range sets {
		names = append(names, name)
	}
	slices.SortFunc(names, canonicalOrder)
	var b strings.Builder
	for i, name := range names {
		chain := &mdns.NSEC{Hdr: header(name, mdns.TypeNSEC), NextDomain: names[(i+1)%len(names)], TypeBitMap: []uint16{mdns.TypeNSEC, mdns.TypeRRSIG}}
		for typ := range sets[name] {
			chain.TypeBitMap = append(chain.TypeBitMap, typ)
		}
		slices.Sort(chain.TypeBitMap)
		add(chain)
		for _, set := range sets[name] {
			for _, rr := range append(set, signature(t, zone, key, private.(crypto.Signer), set)) {
				b.WriteString(rr.String() + "\n")
			}
		}
	}
	return b.String(), `trust-anchor: "` + key.ToDS(mdns.SHA256).String() + `"`
}

func header(name string, typ uint16) mdns.RR_Header {
	return mdns.RR_Header{Name: name, Rrtype: typ, Class: mdns.ClassINET, Ttl: 300}
}

func signature(t *testing.T, zone string, key *mdns.DNSKEY, private crypto.Signer, set []mdns.RR) mdns.RR {
	t.Helper()
	now := time.Now()
	sig := &mdns.RRSIG{
		Hdr:        header(set[0].Header().Name, mdns.TypeRRSIG),
		Inception:  uint32(now.Add(-time.Hour).Unix()),
		Expiration: uint32(now.Add(time.Hour).Unix()),
		KeyTag:     key.KeyTag(),
		SignerName: zone,
		Algorithm:  key.Algorithm,
	}
	if err := sig.Sign(private, set); err != nil {
		t.Fatal(err)
	}
	return sig
}

// canonicalOrder compares labels from the right: RFC 4034, Section 6.1.
func canonicalOrder(a, b string) int {
	x, y := mdns.SplitDomainName(a), mdns.SplitDomainName(b)
	slices.Reverse(x)
	slices.Reverse(y)
	return slices.Compare(x, y)
}
