package dns

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
)

// ErrLimit is the cause of an *Error when a Limited resolver has been asked too often.
var ErrLimit = errors.New("dns: too many questions for one check")

// Limited answers at most most questions from r; further ones fail for good
// (ErrPermanent, caused by ErrLimit).
//
// It bounds what the author of one message can make us ask in one check. The
// failure is permanent because the author chose the names: as a temporary one
// it would be a way to be deferred, and then delivered.
func Limited(r Resolver, most int) Resolver {
	l := &limited{r: r}
	l.left.Store(int64(most))
	return l
}

type limited struct {
	r    Resolver
	left atomic.Int64
}

// ask takes one question from the limit and asks it.
func ask[T any](l *limited, typ, name string, question func() (Answer[T], error)) (Answer[T], error) {
	if l.left.Add(-1) < 0 {
		return Answer[T]{}, &Error{Type: typ, Name: name, Class: ErrPermanent, Cause: ErrLimit}
	}
	return question()
}

func (l *limited) TXT(ctx context.Context, name string) (Answer[string], error) {
	return ask(l, "TXT", name, func() (Answer[string], error) { return l.r.TXT(ctx, name) })
}

func (l *limited) A(ctx context.Context, name string) (Answer[netip.Addr], error) {
	return ask(l, "A", name, func() (Answer[netip.Addr], error) { return l.r.A(ctx, name) })
}

func (l *limited) AAAA(ctx context.Context, name string) (Answer[netip.Addr], error) {
	return ask(l, "AAAA", name, func() (Answer[netip.Addr], error) { return l.r.AAAA(ctx, name) })
}

func (l *limited) MX(ctx context.Context, name string) (Answer[MX], error) {
	return ask(l, "MX", name, func() (Answer[MX], error) { return l.r.MX(ctx, name) })
}

func (l *limited) PTR(ctx context.Context, addr netip.Addr) (Answer[string], error) {
	return ask(l, "PTR", addr.String(), func() (Answer[string], error) { return l.r.PTR(ctx, addr) })
}
