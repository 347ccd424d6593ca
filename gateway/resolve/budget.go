package resolve

import (
	"context"
	"sync/atomic"
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
