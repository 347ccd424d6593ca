package dns

import (
	"context"
	"errors"
	"net/netip"
	"sync"
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

// Remembering asks r each question once and gives the same answer again, good or
// bad, whatever has become of the context since. It lives as long as the
// judgement of one message: what was learned at its start must not be lost
// because another check used up the time.
func Remembering(r Resolver) Resolver { return &remembering{r: r} }

type remembering struct {
	r    Resolver
	txt  remembered[string]
	a    remembered[netip.Addr]
	aaaa remembered[netip.Addr]
	mx   remembered[MX]
	ptr  remembered[string]
}

// remembered holds the questions of one type. They are as few as one message may
// ask: a search is cheaper than a map.
type remembered[T any] struct {
	mu  sync.Mutex
	all []*once[T]
}

// once is a question with its answer.
type once[T any] struct {
	name   string
	asked  sync.Once
	answer Answer[T]
	err    error
}

// ask asks question unless it was asked before; who comes in between waits.
func (m *remembered[T]) ask(name string, question func() (Answer[T], error)) (Answer[T], error) {
	o := m.of(name)
	o.asked.Do(func() { o.answer, o.err = question() })
	return o.answer, o.err
}

func (m *remembered[T]) of(name string) *once[T] {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range m.all {
		if o.name == name {
			return o
		}
	}
	if m.all == nil {
		m.all = make([]*once[T], 0, 4) // as many as most messages ask
	}
	o := &once[T]{name: name}
	m.all = append(m.all, o)
	return o
}

func (m *remembering) TXT(ctx context.Context, name string) (Answer[string], error) {
	return m.txt.ask(name, func() (Answer[string], error) { return m.r.TXT(ctx, name) })
}

func (m *remembering) A(ctx context.Context, name string) (Answer[netip.Addr], error) {
	return m.a.ask(name, func() (Answer[netip.Addr], error) { return m.r.A(ctx, name) })
}

func (m *remembering) AAAA(ctx context.Context, name string) (Answer[netip.Addr], error) {
	return m.aaaa.ask(name, func() (Answer[netip.Addr], error) { return m.r.AAAA(ctx, name) })
}

func (m *remembering) MX(ctx context.Context, name string) (Answer[MX], error) {
	return m.mx.ask(name, func() (Answer[MX], error) { return m.r.MX(ctx, name) })
}

func (m *remembering) PTR(ctx context.Context, addr netip.Addr) (Answer[string], error) {
	return m.ptr.ask(addr.String(), func() (Answer[string], error) { return m.r.PTR(ctx, addr) })
}
