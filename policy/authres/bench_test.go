package authres

import (
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// microsoft is a value as Exchange Online writes it, with 4 methods.
const microsoft = `spf=pass (sender IP is 192.0.2.7) smtp.mailfrom=news.example.com; dkim=pass (signature was verified) header.d=news.example.com;dmarc=pass action=none header.from=news.example.com;compauth=pass reason=100`

func BenchmarkClaims(b *testing.B) {
	for _, bb := range []struct{ name, value string }{
		{"foreign", microsoft},
		{"ours", "gate.example.com; spf=pass smtp.mailfrom=news.example.com"},
		{"hostile words", "=?utf-8?q?x?= (c(d)) \"q(\" \u200b . " + strings.Repeat("\u00e9\u4e00\u4e01\u4e02 ", 600)},
		{"hostile comments", "=?utf-8?q?x?= (c(d)) \"q(\" \u200b . " + strings.Repeat("(\u00e9 (a) \"a\")", 600)},
		{"hostile names", "=?utf-8?q?x?= (c(d)) \"q(\" \u200b . " + strings.Repeat(strings.Repeat("\u4e00\u4e01\u4e02", 110)+" ", 8)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Claims(bb.value, ours)
			}
		})
	}
}

func BenchmarkFormat(b *testing.B) {
	methods := []Method{
		{Name: "spf", Status: mail.Pass, Properties: []Property{{"smtp", "mailfrom", "news.example.com"}}},
		{Name: "dkim", Status: mail.Pass, Properties: []Property{{"header", "d", "news.example.com"}, {"header", "s", "s2026"}, {"header", "a", "rsa-sha256"}, {"header", "b", "abcd/fgh"}}},
		{Name: "dmarc", Status: mail.Pass, Properties: []Property{{"header", "from", "news.example.com"}, {"policy", "dmarc", "reject"}}},
	}
	b.ReportAllocs()
	for b.Loop() {
		Format(ours, methods)
	}
}
