package sig

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"sync"
	"time"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// FetchKeys asks for the keys of those of sigs that were not refused, side by
// side, and yields each with the index of its signature as soon as it is there.
// Keys that r holds in memory come first, and a key that nobody waits with is
// asked for here: only waiting is worth a goroutine, and a clock. What has not come
// within the time given is TempError. The number of sigs, and so of questions, is the
// caller's to limit.
//
// All goroutines have ended when it returns. A panic of r is one of the caller.
func FetchKeys(ctx context.Context, r dns.Resolver, sigs []*Signature, within time.Duration) iter.Seq2[int, KeyAnswer] {
	return func(yield func(int, KeyAnswer) bool) {
		var missing []int
		past := dns.FromMemory(ctx)
		for i, s := range sigs {
			if s.Refused != "" {
				continue
			}
			a := FetchKey(past, r, s)
			if a.Status == mail.TempError {
				missing = append(missing, i)
			} else if !yield(i, a) {
				return
			}
		}
		if len(missing) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		if len(missing) == 1 {
			yield(missing[0], FetchKey(ctx, r, sigs[missing[0]]))
			return
		}
		waitForKeys(ctx, r, sigs, missing, yield)
	}
}

// waitForKeys asks for the keys of the signatures with these indexes.
func waitForKeys(ctx context.Context, r dns.Resolver, sigs []*Signature, missing []int, yield func(int, KeyAnswer) bool) {
	type answer struct {
		KeyAnswer
		index int
		panic any
	}
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	answers := make(chan answer, len(missing)) // so that nobody waits to be heard
	for _, i := range missing {
		asking.Go(func() {
			a := answer{index: i}
			defer func() {
				if p := recover(); p != nil {
					a.panic = fmt.Sprintf("sig: asking for a key: %v\n%s", p, debug.Stack())
				}
				answers <- a
			}()
			a.KeyAnswer = FetchKey(ctx, r, sigs[i])
		})
	}
	for range missing {
		a := <-answers
		if a.panic != nil {
			panic(a.panic)
		}
		if !yield(a.index, a.KeyAnswer) {
			return
		}
	}
}

// FetchKey asks for the key of s, which was not refused, and judges it: RFC 6376,
// Sections 3.6.1 and 6.1.2. Trouble of DNS is TempError.
func FetchKey(ctx context.Context, r dns.Resolver, s *Signature) KeyAnswer {
	name := s.KeyName()
	answer, err := r.TXT(ctx, name)
	switch {
	case errors.Is(err, dns.ErrNotFound):
		return KeyAnswer{Status: mail.PermError, Why: "no key at " + name, Gone: true}
	case errors.Is(err, dns.ErrPermanent):
		return KeyAnswer{Status: mail.PermError, Why: "no key can be at " + name}
	case err != nil:
		return KeyAnswer{Status: mail.TempError, Why: "the key at " + name + " could not be asked for: DNS failed or did not answer in time"}
	case len(answer.Records) != 1: // RFC 6376, Section 3.6.2.2: undefined
		return KeyAnswer{Status: mail.PermError, Why: fmt.Sprintf("%d records stand for the key at %s", len(answer.Records), name)}
	}
	a := ParseKey(answer.Records[0], s.KeyType)
	if a.Status != "" {
		a.Why = "the key at " + name + " " + a.Why
	}
	return a
}
