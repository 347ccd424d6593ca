package dkim

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	library "github.com/emersion/go-msgauth/dkim"

	"mxgate/policy/mail"
	"mxgate/policy/sig"
)

func benchmark(b *testing.B, size, signatures int) {
	body := strings.Repeat("The quick brown fox jumps over the lazy dog, and then some more text.\r\n", size/71)
	raw := sign(b, plain+body, func(o *library.SignOptions) { o.Signer = rsaKey() })
	raw = strings.Repeat(strings.TrimSuffix(raw, plain+body), signatures-1) + raw
	z := &keys{Resolver: zone(b, keyRecord(rsaKey().Public())).Resolver}
	content := []byte(raw)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		z.asked = z.asked[:0]
		got := Verify(b.Context(), z, message(b, content), "example.com", time.Now())
		if len(got) != signatures || got[0].Status != mail.Pass {
			b.Fatal(got)
		}
	}
}

func BenchmarkVerify4K(b *testing.B)      { benchmark(b, 4<<10, 1) }
func BenchmarkVerify100K(b *testing.B)    { benchmark(b, 100<<10, 1) }
func BenchmarkVerify10M(b *testing.B)     { benchmark(b, 10<<20, 1) }
func BenchmarkVerify10MFive(b *testing.B) { benchmark(b, 10<<20, 5) }

// BenchmarkBare4K is what the cryptography alone costs: the bar of Verify4K.
func BenchmarkBare4K(b *testing.B) {
	content := make([]byte, 4<<10)
	sum := sha256.Sum256(content)
	signature, err := rsa.SignPKCS1v15(nil, rsaKey(), crypto.SHA256, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		sum := sha256.Sum256(content)
		if err := rsa.VerifyPKCS1v15(&rsaKey().PublicKey, crypto.SHA256, sum[:], signature); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRelaxedBody verifies 10 MB and tells how fast that is measured by
// SHA-256 alone over the same octets. At least 0.6 is wanted of bodies whose lines
// are canonical as they stand (text, base64); white space in most lines costs more.
func BenchmarkRelaxedBody(b *testing.B) {
	for name, line := range map[string]string{
		"text":     "The quick brown fox jumps over the lazy dog, and then some more text.\r\n",
		"base64":   strings.Repeat("QUJD", 19) + "\r\n",
		"html":     "      <td class=\"x\"  style=\"color: red\">text of a cell</td>\r\n",
		"trailing": "The quick brown fox jumps over the lazy dog, and then some more. \r\n",
		"tabs":     "\tThe\tquick\tbrown\tfox\tjumps\tover\tthe\tlazy\tdog, and then some more\r\n",
		"mixed":    "plain text that is canonical already\r\nand  some \t that is not \r\n\r\n> quoted\r\n",
	} {
		b.Run(name, func(b *testing.B) {
			body := strings.Repeat(line, 10<<20/len(line))
			content := []byte(sign(b, plain+body, nil))
			z := zone(b, keyRecord(edKey.Public()))
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				if got := Verify(b.Context(), z, message(b, content), "example.com", time.Now()); got[0].Status != mail.Pass {
					b.Fatal(got)
				}
			}
			verified := b.Elapsed() / time.Duration(b.N)
			var alone []time.Duration
			for range 7 {
				start := time.Now()
				sha256.Sum256(content)
				alone = append(alone, time.Since(start))
			}
			slices.Sort(alone)
			b.ReportMetric(float64(alone[3])/float64(verified), "of-SHA-256")
		})
	}
}

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

// hostile are messages made to cost as much as they can, each with the record
// that is published for its key and the status it ends with. No more than 10 ms
// is wanted for one.
func hostile(t testing.TB) map[string]struct {
	raw    string
	record string
	want   mail.Status
} {
	t.Helper()
	const tags = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=sel; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; "
	sound := keyRecord(rsaKey().Public())
	signed := func(bits int) string {
		return "h=From; b=" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0x33}, bits/8)) + "\r\n"
	}
	bodyHash, err := sig.NewBody(message(t, []byte(plain))).Hash(t.Context(), sig.Relaxed)
	if err != nil {
		t.Fatal(err)
	}
	overBody := strings.Replace(tags, "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=", base64.StdEncoding.EncodeToString(bodyHash), 1)
	largest := new(big.Int).Lsh(big.NewInt(1), 8192)
	largest.Sub(largest, big.NewInt(1)).Div(largest, big.NewInt(3)) // any signature is less
	// All that is let through: the largest header section with the longest h=.
	fields := strings.Repeat("X:"+strings.Repeat(" ", 200)+"\r\n", 900)
	covered := sign(t, fields+plain, func(o *library.SignOptions) {
		o.Signer, o.HeaderKeys = rsaKey(), append([]string{"From"}, slices.Repeat([]string{"X"}, 99)...)
	})
	type hostileMessage = struct {
		raw    string
		record string
		want   mail.Status
	}
	return map[string]hostileMessage{
		"109 KB of h=":              {tags + "b=QUJD; h=From" + strings.Repeat(":To", 109<<10/3) + "\r\n" + plain, sound, mail.PermError},
		"109 KB of empty h=":        {tags + "b=QUJD; h=" + strings.Repeat(":", 109<<10) + "From\r\n" + plain, sound, mail.Fail},
		"109 KB of one name":        {tags + "b=QUJD; h=From:" + strings.Repeat("x", 109<<10) + "\r\n" + plain, sound, mail.Fail},
		"109 KB of tags":            {tags + strings.Repeat("x=;", 109<<10/3) + "\r\n" + plain, sound, mail.PermError},
		"109 KB of folds":           {tags + "h=From; b=QUJD" + strings.Repeat("\r\n ", 109<<10/3) + "\r\n" + plain, sound, mail.Fail},
		"2000 signatures":           {strings.Repeat(tags+signed(2048), 1990) + plain, sound, mail.PermError},
		"990 signatures":            {strings.Repeat(tags+"h=From; b=QUJD\r\n", 990) + plain, sound, mail.Fail},
		"a 32768-bit key":           {strings.Repeat(tags+signed(32768), 5) + plain, rsaRecord(32768), mail.Policy},
		"five 8192-bit keys":        {strings.Repeat(tags+signed(8192), 5) + plain, "p=" + base64.StdEncoding.EncodeToString(publicKey(largest, 65537)), mail.Fail},
		"five over the body":        {strings.Repeat(overBody+signed(8192), 5) + plain, "p=" + base64.StdEncoding.EncodeToString(publicKey(largest, 65537)), mail.Fail},
		"five exponents of 31 bits": {strings.Repeat(tags+signed(8192), 5) + plain, "p=" + base64.StdEncoding.EncodeToString(publicKey(largest, 1<<31-1)), mail.Policy},
		"a large header, covered":   {strings.Repeat(strings.TrimSuffix(covered, fields+plain), 4) + covered, sound, mail.Pass},
	}
}

func BenchmarkVerifyHostile(b *testing.B) {
	for name, c := range hostile(b) {
		b.Run(name, func(b *testing.B) {
			z := &keys{Resolver: zone(b, c.record).Resolver}
			content := []byte(c.raw)
			b.ReportAllocs()
			for b.Loop() {
				z.asked = z.asked[:0]
				if got := Verify(b.Context(), z, message(b, content), "example.com", time.Now()); got[0].Status != c.want {
					b.Fatalf("%+v", got)
				}
			}
		})
	}
}
