package bootstrap

import (
	"context"
	"net/netip"

	"mxgate/policy"
	"mxgate/policy/dns"
)

// silent is a DNS without names: what it says today is no proof of mail of old.
type silent struct{}

func none(kind, name string) error {
	return &dns.Error{Type: kind, Name: name, Class: dns.ErrNoSuchName}
}

func (silent) TXT(_ context.Context, name string) (a dns.Answer[string], err error) {
	return a, none("TXT", name)
}

func (silent) A(_ context.Context, name string) (a dns.Answer[netip.Addr], err error) {
	return a, none("A", name)
}

func (silent) AAAA(_ context.Context, name string) (a dns.Answer[netip.Addr], err error) {
	return a, none("AAAA", name)
}

func (silent) MX(_ context.Context, name string) (a dns.Answer[dns.MX], err error) {
	return a, none("MX", name)
}

func (silent) PTR(_ context.Context, addr netip.Addr) (a dns.Answer[string], err error) {
	return a, none("PTR", addr.String())
}

// empty is a memory of nothing: a message is read for what it teaches, whatever
// else is known.
type empty struct{}

func (empty) Recall(_ context.Context, q policy.Question) (r policy.Recollection, err error) {
	r.Domains = make([]policy.KnownDomain, len(q.Domains))
	return r, nil
}
