package ranges

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"mxgate/policy/dns"
)

// hosts adds what an a or mx term names: RFC 7208, Sections 5.3 and 5.4.
func (e *expansion) hosts(ctx context.Context, name, term, kind, rest string) error {
	target, bits, _ := strings.Cut(strings.TrimPrefix(rest, ":"), "/")
	if target == "" {
		target = name
	}
	if strings.Contains(target, "%") {
		e.unread(name, term, "depends on the message")
		return nil
	}
	bits4, bits6, ok := dualBits(bits)
	if !ok {
		return fmt.Errorf("%w: %.80q in the SPF record of %s", ErrBadForm, term, name)
	}
	names := []string{target}
	if kind == "mx" {
		answer, err := e.dns.MX(ctx, target)
		if err != nil && !errors.Is(err, dns.ErrNotFound) {
			return bounded(err)
		}
		if len(answer.Records) > maxExchangers {
			return fmt.Errorf("%w: %s has over %d mail exchangers", ErrBounds, target, maxExchangers)
		}
		names = nil
		for _, mx := range answer.Records {
			if mx.Host != "" {
				names = append(names, mx.Host)
			}
		}
	}
	for _, host := range names {
		if err := e.host(ctx, host, bits4, bits6); err != nil {
			return err
		}
	}
	return nil
}

// host adds the networks around the addresses of a host.
func (e *expansion) host(ctx context.Context, name string, bits4, bits6 int) error {
	four, err4 := e.dns.A(ctx, name)
	six, err6 := e.dns.AAAA(ctx, name)
	for _, err := range []error{err4, err6} {
		if err != nil && !errors.Is(err, dns.ErrNotFound) {
			return bounded(err)
		}
	}
	for _, addr := range slices.Concat(four.Records, six.Records) {
		bits := bits4
		if addr = addr.Unmap().WithZone(""); addr.Is6() {
			bits = bits6
		}
		if err := e.add(netip.PrefixFrom(addr, bits)); err != nil {
			return err
		}
	}
	return nil
}

// dualBits reads "24", "24//64", "/64" and "": what follows the first slash of
// a and mx. RFC 7208, Section 5.6 (dual-cidr-length).
func dualBits(text string) (bits4, bits6 int, ok bool) {
	bits4, bits6 = 32, 128
	first, second, dual := strings.Cut(text, "/")
	if first != "" {
		if dual && !strings.HasPrefix(second, "/") {
			return 0, 0, false
		}
		second = strings.TrimPrefix(second, "/")
		n, err := strconv.ParseUint(first, 10, 8)
		if err != nil || n > 32 {
			return 0, 0, false
		}
		bits4 = int(n)
	}
	if dual {
		n, err := strconv.ParseUint(second, 10, 8)
		if err != nil || n > 128 {
			return 0, 0, false
		}
		bits6 = int(n)
	}
	return bits4, bits6, true
}
