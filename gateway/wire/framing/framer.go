package framing

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// EndOfData is the line that ends content, without the CRLF before it.
const EndOfData = ".\r\n"

// Framer finds the end of content, undoes dot-stuffing and notes what honest
// content does not have. RFC 5321, Sections 4.1.1.4 and 4.5.2. The zero Framer
// is at the start of content.
//
// The end is CR LF "." CR LF and nothing else. Whatever looks like an end to a
// server that takes a bare CR or LF for a line end sets Bad, and the content is
// refused at its true end: to stop earlier would be to read the rest as
// commands.
type Framer struct {
	Bad      bool // a bare CR, a bare LF or NUL was seen
	EightBit bool // an octet above 127 was seen

	midLine bool // the next octet does not begin a line
}

// Frame returns the content at the start of b without stuffed dots, how many
// octets of b it took, and whether the end of content was the last of them. At
// most two octets that need a look at the next ones are left. content lies in
// the octets that were taken, and these are not what they were.
func (f *Framer) Frame(b []byte) (content []byte, taken int, end bool) {
	from, at, pairs := 0, 0, 0 // not yet in content; looked at; CRLF seen
	for at < len(b) {
		if !f.midLine && b[at] == '.' {
			rest := b[at:min(at+len(EndOfData), len(b))]
			content = gather(b, len(content), from, at)
			if strings.HasPrefix(EndOfData, string(rest)) {
				f.inspect(content, pairs)
				if len(rest) == len(EndOfData) {
					return content, at + len(rest), true
				}
				return content, at, false
			}
			at++
			from = at
		}
		f.midLine = true
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
		if at >= 2 && b[at-2] == '\r' {
			pairs++
			f.midLine = false
		} else {
			f.Bad = true
		}
	}
	taken = len(b)
	if f.midLine && taken > from && b[taken-1] == '\r' {
		taken-- // the next octet decides what it is
	}
	content = gather(b, len(content), from, taken)
	f.inspect(content, pairs)
	return content, taken, false
}

// gather appends b[from:to] to the content that b starts with, n octets.
func gather(b []byte, n, from, to int) []byte {
	if n < from { // a dot was left out: what follows moves down
		copy(b[n:], b[from:to])
	}
	return b[:n+to-from]
}

// inspect looks at content in which Frame saw so many CRLF.
func (f *Framer) inspect(b []byte, pairs int) {
	if bytes.Count(b, []byte{'\r'}) != pairs || bytes.IndexByte(b, 0) >= 0 {
		f.Bad = true
	}
	f.EightBit = f.EightBit || hasHighBit(b)
}

// hasHighBit reads words directly from an array: a slice is checked, and a
// function value called, for each, which costs seven times as much.
func hasHighBit(b []byte) bool {
	const high = 0x8080808080808080
	for ; len(b) >= 32; b = b[32:] {
		w := (*[32]byte)(b)
		if (binary.NativeEndian.Uint64(w[0:8])|binary.NativeEndian.Uint64(w[8:16])|
			binary.NativeEndian.Uint64(w[16:24])|binary.NativeEndian.Uint64(w[24:32]))&high != 0 {
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
