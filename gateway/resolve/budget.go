package resolve

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

type budgetKey struct{}

// budget counts the questions that one message may still cause.
type budget struct {
	left  atomic.Int64
	outer *budget
}

// Budget returns a context under which at most n questions are asked. Answers
// from the cache are free; an alias that leads out of an answer costs one more.
// Beyond n a look-up fails with dns.ErrTemporary caused by ErrBudget.
//
// It bounds what the author of one message can make us ask: SPF, DKIM and DMARC
// each have limits of their own, but they multiply. A budget inside a budget
// counts against both.
func Budget(ctx context.Context, n int) context.Context {
	b := &budget{}
	b.outer, _ = ctx.Value(budgetKey{}).(*budget)
	b.left.Store(int64(n))
	return context.WithValue(ctx, budgetKey{}, b)
}

// spend takes one question from every budget of ctx and reports whether all had
// one left.
func spend(ctx context.Context) bool {
	ok := true
	b, _ := ctx.Value(budgetKey{}).(*budget)
	for ; b != nil; b = b.outer {
		if b.left.Add(-1) < 0 {
			ok = false
		}
	}
	return ok
}

// waitKey is the key of the time until which questions of a context may wait.
type waitKey struct{}

// errNoWait is the cause where that time is over.
var errNoWait = errors.New("resolve: too many messages wait for DNS, this one no longer")

// WaitUntil returns a context whose questions wait until then at most, however long it
// lasts. Answers from the cache cost no time.
func WaitUntil(ctx context.Context, then time.Time) context.Context {
	return context.WithValue(ctx, waitKey{}, then)
}

type oursKey struct{}

// NoteOurs returns a context, and whether a look-up under it has failed through us
// rather than through those who were asked: because it might not wait (WaitUntil), or
// because too many questions were in flight. Such a failure says nothing of a name.
func NoteOurs(ctx context.Context) (context.Context, func() bool) {
	ours := new(atomic.Bool)
	return context.WithValue(ctx, oursKey{}, ours), ours.Load
}

func noteOurs(ctx context.Context) {
	if ours, ok := ctx.Value(oursKey{}).(*atomic.Bool); ok {
		ours.Store(true)
	}
}

// patience returns a channel on which the end of the time comes that WaitUntil set, nil
// if it set none; stop is to be called.
func patience(ctx context.Context) (over <-chan time.Time, stop func() bool) {
	then, ok := ctx.Value(waitKey{}).(time.Time)
	if !ok {
		return nil, func() bool { return true }
	}
	timer := time.NewTimer(time.Until(then))
	return timer.C, timer.Stop
}
