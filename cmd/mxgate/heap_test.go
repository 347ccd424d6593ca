package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGCPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 400, 1 << 20: 400, 2 << 20: 250, 4 << 20: 125, 5 << 20: 100, 1 << 30: 100} {
		if got := gcPercent(live); got != want {
			t.Errorf("%d octets live: %d %%, want %d", live, got, want)
		}
	}
}

// A heap that is small has headroom; one that has grown is collected as usual.
func TestTheHeapKeepsItsHeadroom(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(leastPercent)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	keepHeadroom()
	becomes := func(what string, good func(percent int) bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); ; {
			runtime.GC() // the finalizer runs some time after it
			sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
			metrics.Read(sample)
			percent := int(sample[0].Value.Uint64())
			if good(percent) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %d %%", what, percent)
			}
		}
	}
	becomes("small", func(p int) bool { return p > leastPercent })
	ballast := make([]byte, 4*headroom)
	becomes("large", func(p int) bool { return p == leastPercent })
	runtime.KeepAlive(ballast)
	ballast = nil
	becomes("small again", func(p int) bool { return p > leastPercent })
}
