package arc

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// benchmark verifies raw, whose chain holds, with keys in memory.
func benchmark(b *testing.B, z *zone, raw string) {
	m := parse(b, raw)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		z.asked = z.asked[:0]
		if got := Verify(b.Context(), z, m, now); got.Status != mail.Pass {
			b.Fatal(got)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	body := strings.Repeat("The quick brown fox jumps over the lazy dog, and then some more text.\r\n", 4<<10/71)
	for _, n := range []int{1, 3, maxSets} {
		raw := plain + body
		for range n {
			raw = sealer{domain: "rsa.example", algorithm: "rsa-sha256", sign: signRSA}.add(b, raw)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmark(b, newZone(b), raw) })
	}
}

// Most mail has no chain.
func BenchmarkVerifyNone(b *testing.B) {
	m := parse(b, strings.Repeat("X-Field: value\r\n", 30)+plain)
	b.ReportAllocs()
	for b.Loop() {
		if got := Verify(b.Context(), nil, m, now); got.Status != mail.None {
			b.Fatal(got)
		}
	}
}

// The worst chains that hold: as many of the largest keys as are let through,
// and as large a header section.
func BenchmarkVerifyHostile(b *testing.B) {
	key, sign := largeKey(b)
	z := newZone(b)
	z.Add("sel._domainkey.large.example", "TXT", keyRecord(key))
	raw := plain
	for range 3 {
		raw = sealer{domain: "large.example", algorithm: "rsa-sha256", sign: sign}.add(b, raw)
	}
	b.Run("8192", func(b *testing.B) { benchmark(b, z, raw) })

	raw = strings.Repeat("X:"+strings.Repeat(" ", 200)+"\r\n", 800) + plain
	names := "From" + strings.Repeat(":X", 99)
	for range maxSets {
		raw = sealer{domain: "rsa.example", algorithm: "rsa-sha256", sign: signRSA, names: names}.add(b, raw)
	}
	b.Run("header", func(b *testing.B) { benchmark(b, z, raw) })

	raw = plain
	for range maxSets - 1 {
		raw = sealer{}.add(b, raw)
	}
	raw = sealer{seal: " h=from;"}.add(b, raw)
	b.Run("refused", func(b *testing.B) {
		m := parse(b, raw)
		b.ReportAllocs()
		for b.Loop() {
			Verify(b.Context(), z, m, now)
		}
	})
}

// largeKey returns an RSA key of 1024 octets from eight primes, which are found in
// a moment, and what signs with it.
func largeKey(t testing.TB) (*rsa.PublicKey, func([]byte) []byte) {
	t.Helper()
	one, n, phi := big.NewInt(1), big.NewInt(1), big.NewInt(1)
	for range 8 {
		p, err := rand.Prime(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		n.Mul(n, p)
		phi.Mul(phi, new(big.Int).Sub(p, one))
	}
	d := new(big.Int).ModInverse(big.NewInt(65537), phi)
	sign := func(digest []byte) []byte {
		info := append([]byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, sha256.Size}, digest...)
		padded := append([]byte{1}, strings.Repeat("\xff", 1024-3-len(info))...) // RFC 8017, Section 9.2
		padded = append(append(padded, 0), info...)
		return new(big.Int).Exp(new(big.Int).SetBytes(padded), d, n).FillBytes(make([]byte, 1024))
	}
	return &rsa.PublicKey{N: n, E: 65537}, sign
}
