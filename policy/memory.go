package policy

import (
	"context"
	"errors"
	"net/netip"

	"mxgate/policy/dns"
)

// memory is a Resolver that tells whether another one had to be waited for. It is
// asked with a context that has ended: a resolver with a memory answers from it
// all the same and asks nobody, and what fails for a time was missing there. A
// check may get over a failure without a trace of it in its result, so the
// questions are watched, not the result.
type memory struct {
	r       dns.Resolver
	missing bool
}

func (m *memory) note(err error) {
	if err != nil && !errors.Is(err, dns.ErrNotFound) && !errors.Is(err, dns.ErrPermanent) {
		m.missing = true
	}
}

func (m *memory) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	a, err := m.r.TXT(ctx, name)
	m.note(err)
	return a, err
}

func (m *memory) A(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	a, err := m.r.A(ctx, name)
	m.note(err)
	return a, err
}

func (m *memory) AAAA(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	a, err := m.r.AAAA(ctx, name)
	m.note(err)
	return a, err
}

func (m *memory) MX(ctx context.Context, name string) (dns.Answer[dns.MX], error) {
	a, err := m.r.MX(ctx, name)
	m.note(err)
	return a, err
}

func (m *memory) PTR(ctx context.Context, addr netip.Addr) (dns.Answer[string], error) {
	a, err := m.r.PTR(ctx, addr)
	m.note(err)
	return a, err
}
