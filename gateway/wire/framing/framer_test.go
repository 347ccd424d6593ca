package framing

import (
	"bytes"
	"testing"
)

func TestOneOctetIsSeenWhereverItIs(t *testing.T) {
	const octets = 131 // more than one step of everything, and not a whole number of them
	for at := range octets {
		for _, odd := range []struct {
			octet         byte
			bad, eightBit bool
		}{{0, true, false}, {'\r', true, false}, {'\n', true, false}, {0x7f, false, false}, {0x80, false, true}, {0xff, false, true}} {
			b := append(bytes.Repeat([]byte{'x'}, octets), "y\r\n"+EndOfData...)
			b[at] = odd.octet
			var f Framer
			if _, n, end := f.Frame(b); n != len(b) || !end || f.Bad != odd.bad || f.EightBit != odd.eightBit {
				t.Errorf("%#x at %d: taken %d, end %t, bad %t, eight bit %t", odd.octet, at, n, end, f.Bad, f.EightBit)
			}
		}
	}
}
