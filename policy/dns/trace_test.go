package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"
)

func TestTracedTellsEveryQuestionAndItsAnswer(t *testing.T) {
	at := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	var told []string
	r := Traced(MustSnapshot(t, zone), func() time.Time { at = at.Add(time.Second); return at }, func(q Question) {
		told = append(told, fmt.Sprintf("%s %s %q %v %v %v", q.Type, q.Name, q.Answer, q.Err, q.Authentic, q.Took))
	})
	ctx := t.Context()
	r.TXT(ctx, "Example.com")
	r.A(ctx, "a.signed.example")
	r.AAAA(ctx, "example.com")
	r.MX(ctx, "example.com")
	r.MX(ctx, "null.example.com")
	r.PTR(ctx, netip.MustParseAddr("192.0.2.1"))
	r.A(ctx, "no.example.com")
	r.TXT(ctx, "late.example.com")
	want := []string{
		`TXT Example.com ["v=spf1 -all" "a \"quoted\" text"] <nil> false 1s`,
		`A a.signed.example ["192.0.2.4"] <nil> true 1s`,
		`AAAA example.com ["2001:db8::1"] <nil> false 1s`,
		`MX example.com ["10 mail.example.com"] <nil> false 1s`,
		`MX null.example.com ["0 ."] <nil> false 1s`,
		`PTR 192.0.2.1 ["mail.example.com"] <nil> false 1s`,
		`A no.example.com [] dns: name does not exist: A "no.example.com" false 1s`,
		`TXT late.example.com [] dns: temporary failure: TXT "late.example.com": context deadline exceeded false 1s`,
	}
	for i := range max(len(told), len(want)) {
		switch {
		case i >= len(told):
			t.Errorf("not told: %s", want[i])
		case i >= len(want) || told[i] != want[i]:
			t.Errorf("got %s, want %q", told[i], want[min(i, len(want)-1)])
		}
	}
}

func TestTracedHandsThroughWhatItTraces(t *testing.T) {
	s := MustSnapshot(t, zone)
	r := Traced(s, time.Now, func(Question) {})
	got, err := r.MX(t.Context(), "example.com")
	want, _ := s.MX(t.Context(), "example.com")
	if fmt.Sprint(got) != fmt.Sprint(want) || err != nil {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := r.A(t.Context(), "no.example.com"); !errors.Is(err, ErrNoSuchName) {
		t.Errorf("got %v", err)
	}
}

// The collector first asks for what is remembered, with a context that has ended:
// that nothing was is no question.
func TestTracedTellsNothingOfQuestionsNeverAsked(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	n := 0
	note := func(Question) { n++ }
	if _, err := Traced(MustSnapshot(t, zone), time.Now, note).TXT(ended, "example.com"); !errors.Is(err, context.Canceled) || n != 0 {
		t.Errorf("never asked: told %d times, %v", n, err)
	}
	remembers := &remembering{Resolver: MustSnapshot(t, zone), txt: map[string]remembered{}}
	remembers.TXT(t.Context(), "example.com")
	remembers.TXT(t.Context(), "no.example.com")
	remembers.TXT(t.Context(), "slow.example.com")
	r := Traced(remembers, time.Now, note)
	r.TXT(ended, "example.com")
	r.TXT(ended, "no.example.com")
	r.TXT(ended, "slow.example.com")
	if n != 3 {
		t.Errorf("from memory: told %d times, want 3", n)
	}
	late, cancelLate := context.WithCancel(t.Context())
	n = 0
	if _, err := Traced(endsWhileAsked{remembers, cancelLate}, time.Now, note).TXT(late, "new.example.com"); n != 1 {
		t.Errorf("ended while it was asked: told %d times, %v", n, err)
	}
}

// remembering gives the same answer again, whatever has become of the context.
type remembering struct {
	Resolver
	txt map[string]remembered
}

type remembered struct {
	answer Answer[string]
	err    error
}

func (r *remembering) TXT(ctx context.Context, name string) (Answer[string], error) {
	x, ok := r.txt[name]
	if !ok {
		x.answer, x.err = r.Resolver.TXT(ctx, name)
		r.txt[name] = x
	}
	return x.answer, x.err
}

// endsWhileAsked is a resolver during whose answer the context ends.
type endsWhileAsked struct {
	Resolver
	cancel func()
}

func (r endsWhileAsked) TXT(ctx context.Context, name string) (Answer[string], error) {
	r.cancel()
	return r.Resolver.TXT(ctx, name)
}

func TestTracedTellsOneAfterTheOther(t *testing.T) {
	n := 0
	r := Traced(MustSnapshot(t, zone), time.Now, func(Question) { n++ })
	var askers sync.WaitGroup
	for range 8 {
		askers.Go(func() {
			for range 100 {
				r.TXT(t.Context(), "example.com")
			}
		})
	}
	if askers.Wait(); n != 800 {
		t.Errorf("told %d times", n)
	}
}
