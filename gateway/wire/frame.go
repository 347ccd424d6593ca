package wire

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// endOfData is the line that ends content, without the CRLF before it.
const endOfData = ".\r\n"

// framer finds the end of content, undoes dot-stuffing and notes what honest
// content does not have. RFC 5321, Sections 4.1.1.4 and 4.5.2.
//
// The end is CR LF "." CR LF and nothing else. Whatever looks like an end to a
// server that takes a bare CR or LF for a line end sets bad, and the content is
// refused at its true end: to stop earlier would be to read the rest as
// commands.
type framer struct {
	lineStart bool // the next octet begins a line
	bad       bool // a bare CR, a bare LF or NUL was seen
	eightBit  bool // an octet above 127 was seen
}

// frame passes the content at the start of b to sink, without stuffed dots, and
// returns how many octets it took and whether the end of content was the last
// of them. At most two octets that need a look at the next ones are left.
func (f *framer) frame(b []byte, sink *spool) (taken int, end bool) {
	from, at, pairs := 0, 0, 0 // not yet passed on; looked at; CRLF seen
	for at < len(b) {
		if f.lineStart && b[at] == '.' {
			if rest := b[at:min(at+len(endOfData), len(b))]; strings.HasPrefix(endOfData, string(rest)) {
				sink.write(b[from:at])
				f.inspect(b[:at], pairs)
				if len(rest) == len(endOfData) {
					return at + len(endOfData), true
				}
				return at, false
			}
			sink.write(b[from:at])
			at++
			from = at
		}
		f.lineStart = false
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
		if at >= 2 && b[at-2] == '\r' {
			pairs++
			f.lineStart = true
		} else {
			f.bad = true
		}
	}
	taken = len(b)
	if !f.lineStart && taken > from && b[taken-1] == '\r' {
		taken-- // the next octet decides what it is
	}
	sink.write(b[from:taken])
	f.inspect(b[:taken], pairs)
	return taken, false
}

// inspect looks at octets that frame took, in which it saw so many CRLF.
func (f *framer) inspect(b []byte, pairs int) {
	if bytes.Count(b, []byte{'\r'}) != pairs || bytes.IndexByte(b, 0) >= 0 {
		f.bad = true
	}
	f.eightBit = f.eightBit || hasHighBit(b)
}

func hasHighBit(b []byte) bool {
	const high = 0x8080808080808080
	word := binary.NativeEndian.Uint64
	for ; len(b) >= 32; b = b[32:] {
		if (word(b)|word(b[8:])|word(b[16:])|word(b[24:]))&high != 0 {
			return true
		}
	}
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}
