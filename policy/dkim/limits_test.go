package dkim

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	library "github.com/emersion/go-msgauth/dkim"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// emptyBody is a message whose body is one empty line. However many empty lines
// follow, the canonical body is the same: RFC 6376, Section 3.4.3.
const emptyBody = "From: Erika <erika@example.com>\r\nTo: max@example.net\r\nSubject: a  text\r\n\r\n\r\n"

// repeating is head and then unit over and over; nothing of it is held.
type repeating struct{ head, unit string }

func (r repeating) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(r.head)) {
		n = copy(p, r.head[off:])
	}
	if n < len(p) {
		at := int(off+int64(n)-int64(len(r.head))) % len(r.unit)
		n += copy(p[n:], r.unit[at:])
	}
	for n < len(p) {
		n += copy(p[n:], r.unit)
	}
	return n, nil
}

// fiveTimes signs raw and returns it with the signature on top five times.
func fiveTimes(t testing.TB, raw string, change func(*library.SignOptions)) string {
	t.Helper()
	signed := sign(t, raw, change)
	return strings.Repeat(strings.TrimSuffix(signed, raw), maxEvaluated-1) + signed
}

func allPass(t *testing.T, results []Result) {
	t.Helper()
	if len(results) != maxEvaluated {
		t.Errorf("%d results", len(results))
	}
	for _, r := range results {
		if r.Status != mail.Pass {
			t.Errorf("%+v", r)
		}
	}
}

// emptyLines is a message with five signatures of both canonicalizations, over
// a body of that many octets and nothing but units, which are line ends.
func emptyLines(t *testing.T, unit string, octets int64) (content repeating, size int64) {
	t.Helper()
	head := emptyBody
	for i := range maxEvaluated {
		canon := []library.Canonicalization{library.CanonicalizationRelaxed, library.CanonicalizationSimple}[i%2]
		head = sign(t, head, func(o *library.SignOptions) { o.BodyCanonicalization = canon })
	}
	head = strings.TrimSuffix(head, "\r\n")
	return repeating{head, strings.Repeat(unit, 4<<10)}, int64(len(head)) + octets
}

// The library holds a run of line ends until something follows it.
func TestMemoryDoesNotGrowWithTheBody(t *testing.T) {
	m, err := mail.ParseMessage(emptyLines(t, "\r\n", 16<<20))
	if err != nil {
		t.Fatal(err)
	}
	z := zone(t, keyRecord(edKey.Public()))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := Verify(t.Context(), z, m, "example.com", time.Now())
	runtime.ReadMemStats(&after)
	allPass(t, got)
	allocated := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d KiB", allocated>>10)
	if allocated > 512<<10 { // all that is ever allocated, and so all that is held
		t.Errorf("%d octets were allocated for one message", allocated)
	}
}

// watched is content that notes how much is held while it is read.
type watched struct {
	io.ReaderAt
	most *uint64
}

func (w watched) ReadAt(p []byte, off int64) (int, error) {
	*w.most = max(*w.most, held())
	return w.ReaderAt.ReadAt(p, off)
}

func held() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func TestTheLibraryHoldsLittleOfTheLargestBodyItIsGiven(t *testing.T) {
	content, size := emptyLines(t, "\n", maxLibraryBody)
	most := uint64(0)
	m, err := mail.ParseMessage(watched{content, &most}, size)
	if err != nil {
		t.Fatal(err)
	}
	z := zone(t, keyRecord(edKey.Public()))
	before := held()
	most = before
	allPass(t, Verify(t.Context(), z, m, "example.com", time.Now()))
	t.Logf("%d KiB", (most-before)>>10)
	if most-before > 1<<20 {
		t.Errorf("%d octets were held at once", most-before)
	}
}

// counted is content that notes how many octets were read.
type counted struct {
	io.ReaderAt
	octets *int64
}

func (c counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	*c.octets += int64(n)
	return n, err
}

func TestALargeBodyIsReadOnceForAllItsSignatures(t *testing.T) {
	raw := fiveTimes(t, plain+strings.Repeat("text\r\n", 1<<16), nil)
	octets := int64(0)
	m, err := mail.ParseMessage(counted{strings.NewReader(raw), &octets}, int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	octets = 0
	allPass(t, Verify(t.Context(), zone(t, keyRecord(edKey.Public())), m, "", time.Now()))
	if octets != m.Size-int64(m.HeaderOctets) {
		t.Errorf("%d octets of a body of %d were read", octets, m.Size-int64(m.HeaderOctets))
	}
}

// Both ways of verifying agree below the limit that stands between them, at it,
// above it, and where buffers end.
func TestTheVerdictDoesNotDependOnTheSizeOfTheBody(t *testing.T) {
	z := zone(t, keyRecord(edKey.Public()))
	tails := []string{"", "\r\n", " ", " \t\r\n \r\n\r\n", "x", "x\n\n", strings.Repeat(" ", 5000) + "x", strings.Repeat("\r\n", 3000) + "x"}
	for _, octets := range []int{4 << 10, 32 << 10, maxLibraryBody} {
		for off := -1; off <= 1; off++ {
			for i, tail := range tails {
				fill := octets + off - len(tail)
				if fill < 0 {
					continue
				}
				text := strings.Repeat("some \t words\r\n", octets/14+1)[:fill]
				body := strings.TrimSuffix(text, "\r") + tail
				for _, canon := range []library.Canonicalization{"simple", "relaxed"} {
					raw := sign(t, "From: erika@example.com\r\n\r\n"+body, func(o *library.SignOptions) { o.BodyCanonicalization = canon })
					agree(t, []byte(raw), mail.Pass)
					changed := strings.Replace(raw, "words", "worts", 1)
					if got := verifyOne(t, raw, z); got.Status != mail.Pass {
						t.Errorf("%d%+d, tail %d: %+v", octets, off, i, got)
					}
					if got := verifyOne(t, changed, z); got.Status != mail.Fail || got.Why != whyBody {
						t.Errorf("%d%+d, tail %d, changed: %+v", octets, off, i, got)
					}
				}
			}
		}
	}
}

// late answers for names below slow.example after a time, or when ctx ends.
type late struct {
	dns.Resolver
	after time.Duration
}

func (l late) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	if !strings.HasSuffix(name, "slow.example") {
		return l.Resolver.TXT(ctx, name)
	}
	select {
	case <-time.After(l.after):
		return l.Resolver.TXT(ctx, "sel._domainkey.example.com")
	case <-ctx.Done():
		return dns.Answer[string]{}, &dns.Error{Type: "TXT", Name: name, Class: dns.ErrTemporary, Cause: ctx.Err()}
	}
}

func signedBy(t testing.TB, raw string, domains ...string) string {
	t.Helper()
	for _, d := range domains {
		raw = sign(t, raw, func(o *library.SignOptions) { o.Domain = d })
	}
	return raw
}

func TestSlowKeysOfOthersDoNotKeepASignatureFromPassing(t *testing.T) {
	large := plain + strings.Repeat("text\r\n", maxLibraryBody/6+1)
	tests := []struct {
		name, raw string
		after     time.Duration
		takes     time.Duration
		want      map[mail.Domain]mail.Status
	}{
		{"the author's, among four that never answer", signedBy(t, plain, "example.com", "a.slow.example", "b.slow.example", "c.slow.example", "d.slow.example"),
			time.Hour, maxTime, map[mail.Domain]mail.Status{"example.com": mail.Pass, "a.slow.example": mail.TempError}},
		{"the same over a large body", signedBy(t, large, "example.com", "a.slow.example", "b.slow.example", "c.slow.example", "d.slow.example"),
			time.Hour, maxTime, map[mail.Domain]mail.Status{"example.com": mail.Pass, "a.slow.example": mail.TempError}},
		{"another's, below four that never answer", signedBy(t, plain, "other.example", "a.slow.example", "b.slow.example", "c.slow.example", "d.slow.example"),
			time.Hour, maxTime, map[mail.Domain]mail.Status{"other.example": mail.Pass, "d.slow.example": mail.TempError}},
		{"five that take nine seconds each", signedBy(t, plain, "a.slow.example", "b.slow.example", "c.slow.example", "d.slow.example", "slow.example"),
			9 * time.Second, 9 * time.Second, map[mail.Domain]mail.Status{"a.slow.example": mail.Pass, "slow.example": mail.Pass}},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			m := message(t, []byte(test.raw))
			start := time.Now()
			got := Verify(t.Context(), late{zone(t, keyRecord(edKey.Public())), test.after}, m, "example.com", start.AddDate(50, 0, 0))
			if took := time.Since(start); took != test.takes || len(got) != maxEvaluated {
				t.Errorf("%s: %d results after %v", test.name, len(got), took)
			}
			if test.want["example.com"] != "" && got[0].Domain != "example.com" {
				t.Errorf("%s: the author's signature does not come first", test.name)
			}
			for _, r := range got {
				if want := test.want[r.Domain]; want != "" && r.Status != want {
					t.Errorf("%s: %+v", test.name, r)
				}
			}
		})
	}
}

func TestOneKeyHasItsTimeToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := message(t, []byte(signedBy(t, plain, "slow.example")))
		start := time.Now()
		got := Verify(t.Context(), late{zone(t, ""), time.Hour}, m, "", start)
		if took := time.Since(start); took != maxTime || got[0].Status != mail.TempError {
			t.Errorf("%v: %+v", took, got)
		}
	})
}

func TestTheCallersTimeEndsAVerification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		m := message(t, []byte(signedBy(t, plain, "slow.example")))
		start := time.Now()
		got := Verify(ctx, late{zone(t, ""), time.Hour}, m, "", start)
		if took := time.Since(start); took != time.Second || got[0].Status != mail.TempError {
			t.Errorf("%v: %+v", took, got)
		}
	})
}

// broken panics when it is asked for a name of slow.example; others it lets
// wait until nobody wants to know any more, and a second longer.
type broken struct {
	dns.Resolver
	held atomic.Int32 // how many questions come first for what is held in memory: nothing
}

func (b *broken) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	if b.held.Add(-1) >= 0 {
		return dns.Answer[string]{}, ctx.Err()
	}
	if strings.HasSuffix(name, "slow.example") {
		panic("out of cheese")
	}
	<-ctx.Done()
	<-time.After(time.Second)
	return dns.Answer[string]{}, ctx.Err()
}

// The caller recovers; recovery does not cross goroutines.
func TestAPanicOfTheResolverIsThePanicOfTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := message(t, []byte(signedBy(t, plain, "example.com", "slow.example", "other.example")))
		start := time.Now()
		defer func() {
			text := fmt.Sprint(recover())
			if !strings.Contains(text, "out of cheese") || !strings.Contains(text, "(*broken).TXT") {
				t.Error(text)
			}
			if took := time.Since(start); took != time.Second {
				t.Errorf("the other questions were not ended, or not waited for: %v", took)
			}
		}()
		r := new(broken)
		r.held.Store(3)
		Verify(t.Context(), r, m, "example.com", start)
		t.Error("there was no panic")
	})
}

// inMemory holds its answers in memory: it gives them when the time is up, too.
// Asked while there is time it would have to wait.
type inMemory struct{ dns.Resolver }

func (r inMemory) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	if ctx.Err() == nil {
		panic("asked for what was in memory")
	}
	return r.Resolver.TXT(context.Background(), name)
}

func TestKeysInMemoryAreNotWaitedFor(t *testing.T) {
	raw := fiveTimes(t, plain, nil)
	z := zone(t, keyRecord(edKey.Public()))
	allPass(t, Verify(t.Context(), inMemory{z.Resolver}, message(t, []byte(raw)), "example.com", time.Now()))
}

// A diagnosis takes as long as a verification.
func TestOneSignatureByALargeKeyIsDiagnosed(t *testing.T) {
	fields := hostile(t)["five 8192-bit keys"]
	small := strings.TrimSuffix(sign(t, plain, func(o *library.SignOptions) { o.Domain, o.Signer = "other.example", rsaKey() }), plain)
	for octets, want := range map[int]int{maxDiagnosedOctets: maxEvaluated, maxDiagnosedOctets + 1: 1, 1024: 1} {
		// Of each length as many octets as its key has.
		b := "b=" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0x33}, octets))
		raw := regexp.MustCompile(`b=[^=;\r]*=*\r`).ReplaceAllLiteralString(fields.raw, b+"\r")
		refused := strings.Replace(raw[:strings.Index(raw, "\r")+2], "v=1;", "v=1; l=1;", 1)
		foreign := strings.ReplaceAll(raw, "d=example.com", "d=other.example")
		// Those of other domains come last; one that is refused takes nothing from the others.
		for _, raw := range []string{raw, small + raw, refused + raw, refused + foreign} {
			z := zone(t, rsaRecord(uint(octets*8)))
			got := Verify(t.Context(), z, message(t, []byte(raw)), "example.com", time.Now())
			diagnosed, refusals := 0, 0
			for i, r := range got {
				switch {
				case r.Status == mail.Policy && strings.Contains(r.Why, "l="):
					refusals++
				case r.Status != mail.Fail:
					t.Errorf("%d octets: %+v", octets, r)
				case r.Breakage == OtherKey && r.Why == whyOther && diagnosed+refusals == i:
					diagnosed++
				case r.Breakage != "" || r.Why != whyUndiagnosed:
					t.Errorf("%d octets: %+v", octets, r)
				}
			}
			if len(got) != maxEvaluated || diagnosed != min(want, maxEvaluated-refusals) {
				t.Errorf("%d octets: %d results, %d diagnosed", octets, len(got), diagnosed)
			}
		}
	}
}

// Whoever writes a header section that is too large does not choose the work.
func TestAHeaderSectionTooLargeIsNotRead(t *testing.T) {
	m := message(t, []byte(hostile(t)["2000 signatures"].raw))
	if n := testing.AllocsPerRun(5, func() { choose(m, "example.com", time.Now()) }); n > 10*maxEvaluated {
		t.Errorf("%v allocations", n)
	}
	if got := Verify(t.Context(), zone(t, ""), m, "example.com", time.Now()); len(got) != maxEvaluated {
		t.Errorf("%d results", len(got))
	}
}
