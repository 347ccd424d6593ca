package dkim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	library "github.com/emersion/go-msgauth/dkim"

	"mxgate/policy/mail"
)

func benchmark(b *testing.B, size, signatures int) {
	body := strings.Repeat("The quick brown fox jumps over the lazy dog, and then some more text.\r\n", size/71)
	raw := sign(b, plain+body, func(o *library.SignOptions) { o.Signer = rsaKey() })
	raw = strings.Repeat(strings.TrimSuffix(raw, plain+body), signatures-1) + raw
	z := &keys{Resolver: zone(b, keyRecord(rsaKey().Public())).Resolver}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		z.asked = z.asked[:0]
		got := Verify(b.Context(), z, message(b, []byte(raw)), "example.com", time.Now())
		if len(got) != signatures || got[0].Status != mail.Pass {
			b.Fatal(got)
		}
	}
}

func BenchmarkVerify4K(b *testing.B)      { benchmark(b, 4<<10, 1) }
func BenchmarkVerify100K(b *testing.B)    { benchmark(b, 100<<10, 1) }
func BenchmarkVerify10M(b *testing.B)     { benchmark(b, 10<<20, 1) }
func BenchmarkVerify10MFive(b *testing.B) { benchmark(b, 10<<20, 5) }

// The worst body that the library is given.
func BenchmarkVerifyEmptyLines(b *testing.B) {
	const size = maxLibraryBody
	fields := strings.TrimSuffix(sign(b, emptyBody, func(o *library.SignOptions) { o.BodyCanonicalization = library.CanonicalizationSimple }), emptyBody)
	raw := []byte(strings.Repeat(fields, 5) + emptyBody + strings.Repeat("\n", size-2))
	z := zone(b, keyRecord(edKey.Public()))
	b.ReportAllocs()
	for b.Loop() {
		if got := Verify(b.Context(), z, message(b, raw), "example.com", time.Now()); len(got) != 5 || got[4].Status != mail.Pass {
			b.Fatal(fmt.Sprint(got))
		}
	}
}

// The worst header section that is let through.
func BenchmarkVerifyHostile(b *testing.B) {
	fields := strings.Repeat("To:"+strings.Repeat(" ", 200)+"\r\n", 900)
	names := []string{"From"}
	for range 99 {
		names = append(names, "To")
	}
	signed := sign(b, fields+plain, func(o *library.SignOptions) { o.Signer, o.HeaderKeys = rsaKey(), names })
	field := strings.TrimSuffix(signed, fields+plain)
	raw := []byte(strings.Repeat(field, 4) + signed)
	z := zone(b, keyRecord(rsaKey().Public()))
	for b.Loop() {
		if got := Verify(b.Context(), z, message(b, raw), "example.com", time.Now()); len(got) != 5 || got[4].Status != mail.Pass {
			b.Fatal(fmt.Sprint(got))
		}
	}
}
