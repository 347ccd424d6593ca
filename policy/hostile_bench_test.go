package policy

import (
	"fmt"
	"strings"
	"testing"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// hostileMessages are what costs the most in the fields that show who wrote it.
func hostileMessages() map[string]string {
	var han strings.Builder
	for i := range 330 {
		han.WriteRune(rune(0x4e00 + i))
	}
	odd := "=?utf-8?q?x?= (c) \"q\" \u200b"
	list := func(n int, name func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString("a@" + name(i) + ", ")
		}
		return odd + b.String()
	}
	none := func(int) string { return han.String() }
	valid := func(i int) string {
		return fmt.Sprintf("a%d%s.%s.example", i, "company77bank-service", strings.Repeat("abcdefghi.", 10))
	}
	fields := func(n int, name func(i int) string) string {
		var b strings.Builder
		for _, field := range []string{"Sender", "Resent-From", "Reply-To", "To", "Cc"} {
			b.WriteString(field + ": " + list(n, name) + "\r\n")
		}
		return b.String()
	}
	inside := func(n int, name func(i int) string) string {
		var b strings.Builder
		b.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
		for i := range 8 {
			b.WriteString("--b\r\nContent-Type: text/plain; hp=\"clear\"\r\nFrom: " + list(n, func(j int) string { return name(100*i + j) }) + "\r\n\r\nx\r\n")
		}
		return b.String() + "--b--\r\n"
	}
	author := "From: a@partner.example\r\n"
	signatures := strings.Repeat("DKIM-Signature: v=1; a=rsa-sha256; d="+han.String()+"; s="+han.String()+"; i=@"+han.String()+"; h=from; bh=AAAA; b=AAAA\r\n", 300)
	return map[string]string{
		"five fields of 63 KB":     author + fields(63, none) + "\r\n",
		"a From of 31 KB":          "From: " + list(31, none) + "\r\n\r\n",
		"a From of 8 KB":           "From: " + list(7, none) + "\r\n\r\n",
		"inside signed mail":       author + inside(15, none),
		"inside it, 16 KB":         author + inside(2, none),
		"look-alikes everywhere":   padded(),
		"signatures of no domain":  signatures + author + "\r\n",
		"many domains":             author + fields(31, valid) + inside(12, valid),
		"many domains inside":      author + inside(50, func(i int) string { return fmt.Sprintf("company%dbank-serv.example", 7*i) }),
		"hidden From fields, 1 MB": strings.Repeat("X: y\r\n From: "+odd+" a@"+han.String()+"\r\n", 900) + author + "\r\n",
	}
}

// BenchmarkCollectHostile: none may take more than 50 ms.
func BenchmarkCollectHostile(b *testing.B) {
	var targets []lookalike.Target
	for i := range 550 {
		targets = append(targets, lookalike.Target{Domain: mail.Domain(fmt.Sprintf("company%dbank-services.example", i*7)), Tier: lookalike.Protected})
	}
	for name, text := range hostileMessages() {
		b.Run(name, func(b *testing.B) {
			col := collector(b)
			col.Resolver, col.Lookalike = held{col.Resolver}, lookalike.NewIndex(targets)
			tx := transaction(b, "192.0.2.10", "a@partner.example", text)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := col.Collect(b.Context(), tx, viaProvider, Given{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
