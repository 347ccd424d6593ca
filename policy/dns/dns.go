package dns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
)

// Error classes. A *Error matches exactly one of ErrNoSuchName, ErrNoData,
// ErrTemporary and ErrPermanent with errors.Is; the first two also match ErrNotFound.
var (
	ErrNotFound   = errors.New("dns: not found")
	ErrNoSuchName = errors.New("dns: name does not exist")       // NXDOMAIN
	ErrNoData     = errors.New("dns: no record of that type")    // NODATA
	ErrTemporary  = errors.New("dns: temporary failure")         // SERVFAIL, time-out, no server, budget spent
	ErrPermanent  = errors.New("dns: name that cannot be asked") // not a valid DNS name
)

// Error is a failed question.
type Error struct {
	Type  string // "TXT", "A", ...
	Name  string
	Class error // one of the four classes
	Cause error // what happened below, if anything did
}

func (e *Error) Error() string {
	text := e.Class.Error() + ": " + e.Type + " " + strconv.Quote(e.Name)
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Is matches the class, and ErrNotFound for both ways of not being there.
func (e *Error) Is(target error) bool {
	return target == e.Class || target == ErrNotFound && (e.Class == ErrNoSuchName || e.Class == ErrNoData)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// NetError returns err as the *net.DNSError that SPF and DKIM libraries
// classify; nil for nil. What is not known to be "not found" or permanent is
// temporary, so that a time-out of ours never becomes a permanent verdict.
func NetError(err error) *net.DNSError {
	if err == nil {
		return nil
	}
	n := &net.DNSError{Err: err.Error()}
	if e, ok := errors.AsType[*Error](err); ok {
		n.Name = e.Name
	}
	switch {
	case errors.Is(err, ErrNotFound):
		n.IsNotFound = true
	case errors.Is(err, ErrPermanent):
	default:
		n.IsTemporary = true
		n.IsTimeout = errors.Is(err, context.DeadlineExceeded)
	}
	return n
}

// Answer holds the records of one question.
type Answer[T any] struct {
	Records   []T  // never empty when the error is nil
	Authentic bool // DNSSEC-validated by a resolver we were told to trust
}

// MX is one mail exchanger; Host is "" for a null MX (RFC 7505).
type MX struct {
	Preference uint16
	Host       string
}

// FromMemory is ctx as if it had ended: with it a Resolver asks nobody and answers
// what it holds in memory.
func FromMemory(ctx context.Context) context.Context { return ended{ctx} }

type ended struct{ context.Context }

func (ended) Done() <-chan struct{} { return over }
func (ended) Err() error            { return context.Canceled }

var over = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Resolver asks DNS. Names carry no trailing dot; what else they may hold, CheckName
// says.
//
// All methods return *Error on failure. TXT joins the strings of one record
// without a separator (RFC 7208, Section 3.3). Implementations follow CNAME,
// are safe for concurrent use, and honour ctx with or without a deadline. With a
// ctx that has ended one answers from memory, if it has any, or fails at once.
type Resolver interface {
	TXT(ctx context.Context, name string) (Answer[string], error)
	A(ctx context.Context, name string) (Answer[netip.Addr], error)
	AAAA(ctx context.Context, name string) (Answer[netip.Addr], error)
	MX(ctx context.Context, name string) (Answer[MX], error)
	PTR(ctx context.Context, addr netip.Addr) (Answer[string], error)
}
