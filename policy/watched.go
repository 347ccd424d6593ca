package policy

import (
	"context"
	"errors"
	"net/netip"

	"mxgate/policy/dns"
)

// watched is a Resolver that tells whether another one had to be waited for. It is
// asked with a context that has ended: a resolver with a memory answers from it
// all the same and asks nobody, and what fails for a time was missing there. A
// check may get over a failure without a trace of it in its result, so the
// questions are watched, not the result.
type watched struct {
	r       dns.Resolver
	missing bool
}

func (w *watched) note(err error) {
	if err != nil && !errors.Is(err, dns.ErrNotFound) && !errors.Is(err, dns.ErrPermanent) {
		w.missing = true
	}
}

func (w *watched) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	a, err := w.r.TXT(ctx, name)
	w.note(err)
	return a, err
}

func (w *watched) A(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	a, err := w.r.A(ctx, name)
	w.note(err)
	return a, err
}

func (w *watched) AAAA(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	a, err := w.r.AAAA(ctx, name)
	w.note(err)
	return a, err
}

func (w *watched) MX(ctx context.Context, name string) (dns.Answer[dns.MX], error) {
	a, err := w.r.MX(ctx, name)
	w.note(err)
	return a, err
}

func (w *watched) PTR(ctx context.Context, addr netip.Addr) (dns.Answer[string], error) {
	a, err := w.r.PTR(ctx, addr)
	w.note(err)
	return a, err
}
