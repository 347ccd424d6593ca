//go:build !unix

package framing

// reserve takes memory of the heap.
func reserve(octets int) []byte { return make([]byte, octets) }
