package dns

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestLimitedFailsForGoodWhenAskedTooOften(t *testing.T) {
	r := Limited(MustSnapshot(t, "example.com TXT \"x\"\nexample.com A 192.0.2.1"), 2)
	ctx := context.Background()
	if _, err := r.TXT(ctx, "example.com"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.A(ctx, "example.com"); err != nil {
		t.Fatal(err)
	}
	_, err := r.MX(ctx, "example.com")
	if !errors.Is(err, ErrLimit) || !errors.Is(err, ErrPermanent) || NetError(err).Temporary() {
		t.Errorf("the third question: %v", err)
	}
}

func TestFromMemoryIsOverForWhoAsksAndForNobodyElse(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, 1)
	past := FromMemory(ctx)
	select {
	case <-past.Done():
	default:
		t.Error("it goes on")
	}
	below, cancel := context.WithTimeout(past, time.Hour)
	defer cancel()
	if past.Err() == nil || below.Err() == nil || past.Value(key{}) != 1 || ctx.Err() != nil {
		t.Error(past.Err(), below.Err(), past.Value(key{}), ctx.Err())
	}
	z := MustSnapshot(t, "example.com TXT \"x\"\n")
	if _, err := z.TXT(past, "example.com"); !errors.Is(err, ErrTemporary) {
		t.Error(err)
	}
}
