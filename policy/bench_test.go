package policy

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/policy/mail"
)

// BenchmarkCollectBound measures Collect on 4 KB, signed with RSA-2048, all of
// DNS in memory, beside the bare verification and SHA-256 of the same octets, by
// turns so that other load meets both. limit% is the median in percent of what
// it may be: 1.5 times the bare one and 30 us.
func BenchmarkCollectBound(b *testing.B) {
	text := signed(b, message("a@partner.example", "X: "+strings.Repeat("x", 70)+"\r\n")+strings.Repeat("The quick brown fox jumps over the lazy dog, and then some more text.\r\n", 4<<10/71))
	tx := transaction(b, "192.0.2.10", "a@partner.example", text)
	octets, err := io.ReadAll(tx.Message.Reader())
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(octets)
	signature, err := rsa.SignPKCS1v15(rand.Reader, signingKey(), crypto.SHA256, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	col := collector(b)
	col.Resolver = held{col.Resolver}
	var bare, whole []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		t0 := time.Now()
		digest := sha256.Sum256(octets)
		if err := rsa.VerifyPKCS1v15(&signingKey().PublicKey, crypto.SHA256, digest[:], signature); err != nil {
			b.Fatal(err)
		}
		t1 := time.Now()
		e, err := col.Collect(b.Context(), tx, viaProvider, Given{})
		if err != nil || !e.DMARC.DKIMAligned {
			b.Fatalf("%+v %v", e, err)
		}
		bare, whole = append(bare, t1.Sub(t0)), append(whole, time.Since(t1))
	}
	slices.Sort(bare)
	slices.Sort(whole)
	m, w := bare[len(bare)/2], whole[len(whole)/2]
	b.ReportMetric(float64(m.Nanoseconds()), "bare-ns")
	b.ReportMetric(float64(w.Nanoseconds()), "collect-ns")
	b.ReportMetric(100*float64(w)/(1.5*float64(m)+30e3), "limit%")
}

// BenchmarkDecide is what a second look at the journal costs.
func BenchmarkDecide(b *testing.B) {
	rules := Rules{AsReject: []mail.Domain{"other.example"}, Sealers: []mail.Domain{"list.example"}, Forwarders: []Forwarder{{Name: "a list", DKIM: []mail.Domain{"list.example"}}}}
	for name, e := range map[string]Evidence{"clean": proven(), "fails": unproven("reject"), "lifted": listed("reject")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Decide(&rules, &e)
			}
		})
	}
}
