package dmarc

import (
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// BenchmarkEvaluate is with records that a resolver holds in memory.
func BenchmarkEvaluate(b *testing.B) {
	zone := dns.MustSnapshot(b, `
		_dmarc.example.com  TXT  "v=DMARC1; p=reject; sp=quarantine; adkim=r; aspf=r; rua=mailto:d@example.com; ruf=mailto:f@example.com; fo=1"
		a.example.com       A    192.0.2.1
	`)
	for _, bm := range []struct {
		name string
		id   Identifiers
	}{
		{"same domain", Identifiers{Author: "example.com", SPF: mail.Pass, SPFDomain: "example.com", DKIM: []Signature{{"example.com", mail.Pass}}}},
		{"siblings", Identifiers{Author: "a.example.com", SPF: mail.Pass, SPFDomain: "b.example.com", DKIM: []Signature{{"c.example.com", mail.Pass}}}},
		{"no record", Identifiers{Author: "example.org", SPF: mail.Pass, SPFDomain: "example.org"}},
		{"deep names, 16 signatures", Identifiers{Author: "a.b.c.d.e.f.g.example.com", DKIM: deepSignatures()}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Evaluate(b.Context(), zone, bm.id)
			}
		})
	}
}

// deepSignatures share few parents with each other; all have to be walked.
func deepSignatures() (signatures []Signature) {
	for c := byte('a'); len(signatures) < maxSignatures; c++ {
		x := mail.Domain([]byte{c})
		signatures = append(signatures, Signature{x + ".b" + x + ".c" + x + ".d" + x + ".e" + x + ".f" + x + ".example.com", mail.Pass})
	}
	return signatures
}

func BenchmarkParseRecord(b *testing.B) {
	const txt = "v=DMARC1; p=reject; sp=quarantine; adkim=r; aspf=r; rua=mailto:d@example.com; ruf=mailto:f@example.com; fo=1"
	b.Run("first time", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			readTags(txt, txt[len("v=DMARC1;"):])
		}
	})
	b.Run("again", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parseRecord(txt)
		}
	})
}
