package dns

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ErrBogus is the cause of an ErrTemporary *Error when a validating resolver
// found data that do not pass DNSSEC validation (RFC 4033, Section 5): someone
// forged them, or the zone is signed wrongly.
var ErrBogus = errors.New("dns: bogus: DNSSEC validation failed")

// TLSA says which certificate or key a server of a name presents: RFC 6698,
// Section 2.1. Unknown values are kept: who uses the record decides.
type TLSA struct {
	Usage, Selector, MatchingType uint8
	Data                          []byte // certificate, key or digest; at most 64 KiB, may be empty
}

// MaxTLSA is how many TLSA records a name may have. With more of them the
// question fails: to use some only could refuse the right certificate.
const MaxTLSA = 32

// TLSAResolver is what DANE asks of DNS. Names and errors are as of Resolver.
type TLSAResolver interface {
	A(ctx context.Context, name string) (Answer[netip.Addr], error)
	AAAA(ctx context.Context, name string) (Answer[netip.Addr], error)
	TLSA(ctx context.Context, name string) (Answer[TLSA], error)
	// CNAME returns the record that makes name an alias, and follows no other:
	// RFC 7672, Section 2.2.2, asks how this one link is secured.
	CNAME(ctx context.Context, name string) (Answer[string], error)
}

// parseTLSA reads "3 1 1 0123abcd...", the data in hexadecimal with spaces
// anywhere: RFC 6698, Section 2.2.
func parseTLSA(text string) (TLSA, error) {
	var t TLSA
	fields := strings.Fields(text)
	if len(fields) < 3 {
		return t, fmt.Errorf("TLSA data %q: want usage, selector, matching type and data", text)
	}
	for i, to := range []*uint8{&t.Usage, &t.Selector, &t.MatchingType} {
		n, err := strconv.ParseUint(fields[i], 10, 8)
		if err != nil {
			return TLSA{}, fmt.Errorf("TLSA data %q: %w", text, err)
		}
		*to = uint8(n)
	}
	data, err := hex.DecodeString(strings.Join(fields[3:], ""))
	if err != nil {
		return TLSA{}, fmt.Errorf("TLSA data %q: %w", text, err)
	}
	t.Data = data
	return t, nil
}
