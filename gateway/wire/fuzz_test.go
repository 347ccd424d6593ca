package wire

import (
	"strings"
	"testing"

	"mxgate/gateway/wire/syntax"
)

func FuzzReplies(f *testing.F) {
	f.Add([]byte("250-one\r\n250 2.0.0 two\r\n"), uint(3))
	f.Add([]byte("550 no code\r\n"), uint(1))
	f.Add([]byte("451 5.1.1 wrong class\r\n"), uint(1))
	f.Fuzz(func(t *testing.T, written []byte, step uint) {
		var r replies
		var out []byte
		for len(written) > 0 {
			n := min(int(step%50)+1, len(written))
			if !r.take(written[:n], func(a *answer) { out = a.appendTo(out) }) {
				break
			}
			written = written[n:]
		}
		if len(out) == 0 {
			return
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\r\n"), "\r\n") {
			if !syntax.Printable(line) || len(line) > 512-2 {
				t.Fatalf("line %q", line)
			}
			if class := line[0]; (class == '2' || class == '4' || class == '5') && (line[4] != class || line[5] != '.') {
				t.Fatalf("no enhanced code of its class in %q", line)
			}
		}
	})
}
