package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Question is one question asked of a Resolver, and what it said.
type Question struct {
	Type string // "TXT", "A", "AAAA", "MX" or "PTR"
	Name string // as asked; of a PTR question the address

	// Answer holds the records as text: TXT as published, any octets, its
	// strings joined; "10 mail.example.com" for an MX, "0 ." for a null MX.
	// Empty with an error.
	Answer    []string
	Err       error // an *Error; nil: there are records
	Authentic bool
	Took      time.Duration
}

// Traced asks r and tells note of every question answered or failed, one call at
// a time, in the order of their ends. A question that was not asked because its
// ctx had ended before is not told of. now is the clock for Question.Took.
func Traced(r Resolver, now func() time.Time, note func(Question)) Resolver {
	return &traced{r: r, now: now, note: note}
}

type traced struct {
	r    Resolver
	now  func() time.Time
	mu   sync.Mutex // held while note runs
	note func(Question)
}

// trace asks question, and tells of it with its records made text.
func trace[T any](ctx context.Context, t *traced, typ, name string, question func() (Answer[T], error), text func(T) string) (Answer[T], error) {
	began, ended := t.now(), ctx.Err()
	answer, err := question()
	if ended != nil && errors.Is(err, ended) {
		return answer, err
	}
	q := Question{Type: typ, Name: name, Err: err, Authentic: answer.Authentic, Took: t.now().Sub(began)}
	for _, record := range answer.Records {
		q.Answer = append(q.Answer, text(record))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note(q)
	return answer, err
}

func (t *traced) TXT(ctx context.Context, name string) (Answer[string], error) {
	return trace(ctx, t, "TXT", name, func() (Answer[string], error) { return t.r.TXT(ctx, name) }, same)
}

func (t *traced) A(ctx context.Context, name string) (Answer[netip.Addr], error) {
	return trace(ctx, t, "A", name, func() (Answer[netip.Addr], error) { return t.r.A(ctx, name) }, netip.Addr.String)
}

func (t *traced) AAAA(ctx context.Context, name string) (Answer[netip.Addr], error) {
	return trace(ctx, t, "AAAA", name, func() (Answer[netip.Addr], error) { return t.r.AAAA(ctx, name) }, netip.Addr.String)
}

func (t *traced) MX(ctx context.Context, name string) (Answer[MX], error) {
	return trace(ctx, t, "MX", name, func() (Answer[MX], error) { return t.r.MX(ctx, name) }, mxText)
}

func (t *traced) PTR(ctx context.Context, addr netip.Addr) (Answer[string], error) {
	return trace(ctx, t, "PTR", addr.String(), func() (Answer[string], error) { return t.r.PTR(ctx, addr) }, same)
}

func same(text string) string { return text }

func mxText(mx MX) string {
	if mx.Host == "" {
		return fmt.Sprintf("%d .", mx.Preference)
	}
	return fmt.Sprintf("%d %s", mx.Preference, mx.Host)
}
