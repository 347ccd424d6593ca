//go:build !linux

package framing

// reserve takes memory of the heap.
func reserve(octets int) []byte { return make([]byte, octets) }

// relinquish keeps the memory: what other systems call giving up is a hint.
func relinquish([]byte) {}
