package config

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// Whoever reloads has the running gateway read the file: it must not cost its memory.
func TestAFileIsReadWithinBounds(t *testing.T) {
	var many strings.Builder
	for i := range 300 {
		fmt.Fprintf(&many, "unknown%03d = 1\n", i)
	}
	deep := strings.Repeat("a.", 20_000) + "a"
	for _, c := range []struct {
		name, text, want string
	}{
		{"too large", minimal + strings.Repeat("# remark\n", 500_000), "c.toml: has more than 4194304 octets"},
		{"a deep key", deep + " = 1\n" + minimal, "a: unknown key"},
		{"a deep table", minimal + "[" + deep + "]\n", "a: unknown key"},
		{"many faults", many.String() + minimal, "c.toml: and 200 more"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Parse("c.toml", []byte(c.text))
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), "\n") > maxTold {
			t.Errorf("%s: %.300v", c.name, err)
		}
		if octets := after.TotalAlloc - before.TotalAlloc; octets > 64<<20 {
			t.Errorf("%s: %d MiB were allocated", c.name, octets>>20)
		}
	}
}
