package arc

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// silent never answers.
type silent struct{ dns.Resolver }

func (silent) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	<-ctx.Done()
	return dns.Answer[string]{}, &dns.Error{Type: "TXT", Name: name, Class: dns.ErrTemporary, Cause: ctx.Err()}
}

// asked returns the questions that a message costs.
func asked(t *testing.T, raw string) ([]string, Result) {
	t.Helper()
	z := newZone(t)
	got := Verify(t.Context(), z, parse(t, raw), now)
	return z.questions(), got
}

// sealedBy returns plain with one set of each domain.
func sealedBy(t testing.TB, domains ...string) string {
	t.Helper()
	return sealedAfter(t, plain, domains...)
}

// sealedAfter returns raw with one set of each domain on top.
func sealedAfter(t testing.TB, raw string, domains ...string) string {
	t.Helper()
	for _, d := range domains {
		raw = sealer{domain: d}.add(t, raw)
	}
	return raw
}

func TestWhatFailsForNothingAsksNothing(t *testing.T) {
	hostile := func(n int) string {
		var domains []string
		for i := range n {
			domains = append(domains, fmt.Sprintf("d%d.example", i))
		}
		return sealedBy(t, domains...)
	}
	tests := map[string]string{
		"no chain":                             plain,
		"more than 50 sets":                    sealer{}.add(t, chain(t, maxSets)),
		"as many keys as sets":                 hostile(maxSets),
		"one key too many":                     hostile(maxKeys + 1),
		"a seal that cannot pass":              sealer{seal: " h=from;"}.add(t, chain(t, 2)),
		"an older seal that cannot pass":       sealer{}.add(t, sealer{seal: " h=from;"}.add(t, plain)),
		"a message signature that cannot pass": sealer{names: "To"}.add(t, chain(t, 2)),
		"a body that was changed":              chain(t, 3) + "more\r\n",
		"signatures of 8192 bits":              largeSignatures(t, 4, 1024),
		"signatures of 4096 bits":              largeSignatures(t, 20, 512),
	}
	for name, raw := range tests {
		questions, got := asked(t, raw)
		if len(questions) != 0 || name != "no chain" && got.Status != mail.Fail {
			t.Errorf("%s: %+v, asked %q", name, got, questions)
		}
	}
}

// largeSignatures returns a chain whose seals are so long; they verify nowhere.
func largeSignatures(t testing.TB, sets, octets int) string {
	t.Helper()
	raw := plain
	for range sets {
		raw = sealer{algorithm: "rsa-sha256", domain: "rsa.example", sign: func([]byte) []byte { return make([]byte, octets) }}.add(t, raw)
	}
	return raw
}

func TestTheWorkOfLargeKeysIsBounded(t *testing.T) {
	for _, tc := range []struct {
		sets, octets int
		tooMuch      bool
	}{{3, 1024, false}, {4, 1024, true}, {19, 512, false}, {20, 512, true}, {maxSets, 256, false}, {1, 64 << 10, false}, {4, 1025, true}} {
		_, got := asked(t, largeSignatures(t, tc.sets, tc.octets))
		if strings.Contains(got.Why, "take too long") != tc.tooMuch {
			t.Errorf("%d sets of %d octets: %s", tc.sets, tc.octets, got.Why)
		}
	}
}

func TestEachKeyIsAskedForOnce(t *testing.T) {
	raw := sealedBy(t, "list.example", "example.net", "list.example", "forwarder.example", "example.net")
	got, result := asked(t, raw)
	want := []string{"sel._domainkey.example.net", "sel._domainkey.forwarder.example", "sel._domainkey.list.example"}
	if !slices.Equal(got, want) || result.Status != mail.Pass || result.OldestPass != 0 {
		t.Errorf("asked %q: %+v", got, result)
	}
}

// A message signature that fails saves the questions for the seals, one seal
// that fails those for older message signatures.
func TestAFailureEndsTheQuestions(t *testing.T) {
	raw := strings.Replace(sealedBy(t, "list.example", "example.net"), "a  text", "b", 1)
	if got, result := asked(t, raw); len(got) != 1 || result.Status != mail.Fail {
		t.Errorf("asked %q: %+v", got, result)
	}
}

// meeting answers when as many questions wait as there are keys.
type meeting struct {
	dns.Resolver
	waiting chan struct{}
	all     chan struct{}
	once    *sync.Once
}

func (m meeting) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	if ctx.Err() == nil && !strings.Contains(name, "newest") {
		m.waiting <- struct{}{}
		if len(m.waiting) == cap(m.waiting) {
			m.once.Do(func() { close(m.all) }) // two may see that they are the last
		}
		select {
		case <-m.all:
		case <-ctx.Done():
		}
	}
	return m.Resolver.TXT(ctx, name)
}

func TestKeysOfSealsAreAskedForSideBySide(t *testing.T) {
	z := newZone(t)
	z.Add("sel._domainkey.newest.example", "TXT", keyRecord(edKey.Public()))
	raw := sealedBy(t, "list.example", "example.net", "forwarder.example", "newest.example")
	m := meeting{z, make(chan struct{}, 3), make(chan struct{}), new(sync.Once)}
	if got := Verify(t.Context(), m, parse(t, raw), now); got.Status != mail.Pass {
		t.Errorf("%+v", got)
	}
}

func TestLongResultsAreNotCut(t *testing.T) {
	for n, kept := range map[int]bool{maxResultsOctets: true, maxResultsOctets + 1: false} {
		results := "x; spf=pass (" + strings.Repeat("y", n-len("x; spf=pass ()")) + ")"
		got := verify(t, sealer{results: results}.add(t, plain))
		if got.Status != mail.Pass || got.Sets[0].Results != "" != kept {
			t.Errorf("%d octets: %s, %d octets", n, got.Status, len(got.Sets[0].Results))
		}
	}
}

// What is left of the bounds for older message signatures decides how far back
// the message is known to be unchanged, never whether the chain holds.
func TestOlderMessageSignaturesKeepTheBounds(t *testing.T) {
	z := newZone(t)
	raw := ""
	for i := range maxKeys {
		o := sealer{domain: fmt.Sprintf("d%d.example", i)}
		z.Add("sel._domainkey."+o.domain, "TXT", keyRecord(edKey.Public()))
		if i == 0 {
			raw, o.messageDomain = plain, "example.net"
		}
		raw = o.add(t, raw)
	}
	got := Verify(t.Context(), z, parse(t, raw), now)
	if got.Status != mail.Pass || got.OldestPass != 2 || len(z.asked) != maxKeys {
		t.Errorf("%d questions: %s, oldest pass %d", len(z.asked), got.Why, got.OldestPass)
	}
}

// As many sets as there may be, and nearly as many octets.
func TestALargeChainCostsLittle(t *testing.T) {
	raw := plain
	for range maxSets {
		raw = sealer{results: "x; spf=pass (" + strings.Repeat("y", 4000) + ")"}.add(t, raw)
	}
	m := parse(t, raw)
	z := newZone(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := Verify(t.Context(), z, m, now)
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; got.Status != mail.Pass || allocated > 4<<20 {
		t.Errorf("%s, %d octets were allocated", got.Status, allocated)
	}
	if got.OldestPass < maxSets/2 || got.OldestPass == maxSets { // hashing the header section so often is work
		t.Errorf("oldest pass %d", got.OldestPass)
	}
}
