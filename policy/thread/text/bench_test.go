package text

import (
	"strings"
	"testing"
)

// floods are messages of 32 MB that ask for as much work as they can.
func floods() map[string]string {
	const size = 32 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	deep := deep(60)
	return map[string]string{
		"an attachment":        two + "--b\nContent-Type: image/png\n\n" + fill(strings.Repeat("A", 76)+"\r\n"),
		"one line":             two + "--b\nContent-Type: image/png\n\n" + fill("A"),
		"empty parts":          two + fill("--b\r\n\r\n"),
		"attached messages":    two + fill("--b\nContent-Type: message/rfc822\n\nA: b\n\n"),
		"RFC 2231":             two + fill("--b\nContent-Type: text/plain; "+strings.Repeat("charset*0*=utf-8''%41;", 90)+"\n\n"),
		"boundaries, RFC 2231": two + fill("--b\nContent-Type: multipart/mixed; "+strings.Repeat("a*0*=''%41; ", 140)+"boundary*=''b\n\n"),
		"header lines":         two + "--b\n" + fill("Content-Type: x/y\n"),
		"short header lines":   two + "--b\n" + fill("x\n"),
		"dashes":               two + "--b\nContent-Type: image/png\n\n" + fill("--\n"),
		"dashes, deep":         "Content-Type: multipart/mixed; boundary=\"x 1\"\n\n" + deep + "\n" + fill("--x "+strings.Repeat("1", 150)+"y\n"),
		"nothing else":         two + "--b--\n" + fill("x\n"),
	}
}

func BenchmarkFloods(b *testing.B) {
	for name, content := range floods() {
		m := message(b, content)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Each(m, func(Part) {})
			}
		})
	}
}
