package framing

import (
	"bytes"
	"strings"
	"testing"
)

// BenchmarkFrame frames what one large read gives.
func BenchmarkFrame(b *testing.B) {
	for _, text := range []struct{ name, line string }{
		{"base64", strings.Repeat("x", 76) + "\r\n"},
		{"dots", ".." + strings.Repeat("x", 74) + "\r\n"},
	} {
		b.Run(text.name, func(b *testing.B) {
			read := bytes.Repeat([]byte(text.line), largeOctets/len(text.line))
			in := make([]byte, len(read))
			var f Framer
			b.SetBytes(int64(len(read)))
			b.ReportAllocs()
			for b.Loop() {
				copy(in, read) // Frame leaves nothing as it was
				if _, n, end := f.Frame(in); end || n != len(in) || f.Bad {
					b.Fatal("not taken")
				}
			}
		})
	}
}
