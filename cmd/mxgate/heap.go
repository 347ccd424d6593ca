package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// headroom is what the heap may grow before it is collected, while it is small:
// the collector's own default doubles the heap, and the 3 MiB that a gateway of
// few sessions lives in would be collected 70 times a second. That took 8 % of the
// CPU of a 4 KB message; with 5 MiB it is as with 8, within what can be measured,
// in 3 MB less of memory.
const headroom = 5 << 20

// Bounds of the collector's target, in percent of what lives. A large heap keeps
// the default: twice the memory of 5000 sessions is not headroom.
const (
	leastPercent = 100
	mostPercent  = 400
)

// Nobody asks this program for a profile of its memory, and to sample for one takes
// the runtime 1.4 MB.
func init() { runtime.MemProfileRate = 0 }

// keepHeadroom has the collector's target set anew after each collection, until
// the process ends. It does nothing if the operator has set one with GOGC.
func keepHeadroom() {
	if os.Getenv("GOGC") != "" {
		return
	}
	h := &heap{percent: leastPercent, samples: []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}}
	h.await()
}

// heap follows what lives after a collection. Its fields belong to the goroutine
// of the finalizers, of which there is one.
type heap struct {
	percent int
	samples []metrics.Sample // what the percentage is taken of
}

// await comes back after the next collection. A finalizer and no timer: a burst
// of sessions must not run into the target of a small heap.
func (h *heap) await() {
	runtime.SetFinalizer(&struct{ *heap }{h}, func(*struct{ *heap }) {
		h.adjust()
		h.await()
	})
}

// adjust sets the target when it is off by a tenth; it stops the world for that.
func (h *heap) adjust() {
	metrics.Read(h.samples)
	var live uint64
	for _, s := range h.samples {
		live += s.Value.Uint64()
	}
	if p := gcPercent(live); 10*p > 11*h.percent || 11*p < 10*h.percent {
		debug.SetGCPercent(p)
		h.percent = p
	}
}

// gcPercent is the target that gives a heap of so many live octets the headroom.
func gcPercent(live uint64) int {
	return int(min(max(headroom*100/max(live, 1), leastPercent), mostPercent))
}
