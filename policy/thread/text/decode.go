package text

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf8"

	"mxgate/policy/mail"
)

// encodingOf reads a Content-Transfer-Encoding: 'q', 'b', or 0 for none.
func encodingOf(value []byte) byte {
	value = bytes.TrimSpace(value)
	switch {
	case hasPrefixFold(value, "quoted-printable"):
		return 'q'
	case hasPrefixFold(value, "base64"):
		return 'b'
	}
	return 0
}

// decode appends what b stands for and returns how many octets that is. It is
// one line, or a piece of one, if it is quoted-printable.
func (w *walker) decode(b []byte) int {
	before := len(w.text)
	switch w.cte {
	case 'q':
		w.text = appendQP(w.text, b)
	case 'b':
		w.text = w.base64.append(w.text, b)
	default:
		w.text = append(w.text, b...)
	}
	return len(w.text) - before
}

// appendQP decodes one line of quoted-printable, RFC 2045, Section 6.7; what is
// none stands for itself.
func appendQP(out, line []byte) []byte {
	body := line
	for len(body) > 0 && (body[len(body)-1] == '\n' || body[len(body)-1] == '\r') {
		body = body[:len(body)-1]
	}
	ended := len(body) < len(line)
	for ended && len(body) > 0 && (body[len(body)-1] == ' ' || body[len(body)-1] == '\t') {
		body = body[:len(body)-1]
	}
	for {
		i := bytes.IndexByte(body, '=')
		if i < 0 {
			break
		}
		out = append(out, body[:i]...)
		body = body[i+1:]
		switch {
		case len(body) == 0 && ended:
			return out // a soft line break
		case len(body) >= 2 && unhex[body[0]] > 0 && unhex[body[1]] > 0:
			out = append(out, (unhex[body[0]]-1)<<4|(unhex[body[1]]-1))
			body = body[2:]
		default:
			out = append(out, '=')
		}
	}
	out = append(out, body...)
	if ended {
		out = append(out, '\n')
	}
	return out
}

// unhex holds one more than the value of a hexadecimal digit.
var unhex = func() (t [256]byte) {
	for i := range byte(16) {
		t["0123456789ABCDEF"[i]], t["0123456789abcdef"[i]] = i+1, i+1
	}
	return t
}()

// base64State decodes base64 with or without padding, skips what is none, and
// goes on behind padding, as the most lenient client does.
type base64State struct {
	held uint32
	bits uint8
}

func (s *base64State) append(out, in []byte) []byte {
	held, bits := s.held, s.bits
	for len(in) > 0 {
		for bits == 0 && len(in) >= 4 { // as long as there is nothing but digits
			a, b, c, d := unbase64[in[0]], unbase64[in[1]], unbase64[in[2]], unbase64[in[3]]
			if a == 0 || b == 0 || c == 0 || d == 0 {
				break
			}
			v := uint32(a-1)<<18 | uint32(b-1)<<12 | uint32(c-1)<<6 | uint32(d-1)
			out, in = append(out, byte(v>>16), byte(v>>8), byte(v)), in[4:]
		}
		if len(in) == 0 {
			break
		}
		c := in[0]
		in = in[1:]
		v := unbase64[c]
		if v == 0 {
			if c == '=' {
				held, bits = 0, 0
			}
			continue
		}
		held, bits = held<<6|uint32(v-1), bits+6
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(held>>bits))
		}
	}
	s.held, s.bits = held, bits
	return out
}

// unbase64 holds one more than the value of a digit.
var unbase64 = func() (t [256]byte) {
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i) + 1
	}
	return t
}()

// utf8Text reads octets in the named character set. UTF-8 that is some is read
// as such whatever is said of it, for that is what clients do with text that
// declares ASCII or nothing.
func utf8Text(charset string, octets []byte) []byte {
	switch charset {
	case "", "utf-8", "us-ascii", "utf8", "ascii", "unknown-8bit", "x-unknown":
		if utf8.Valid(octets) {
			return octets
		}
		charset = "windows-1252"
	case "iso-8859-1", "iso-8859-15", "windows-1252":
		if IsASCII(octets) {
			return octets
		}
	}
	return bytes.ToValidUTF8([]byte(mail.DecodeCharset(charset, octets)), []byte("?"))
}

// clean takes what a reader does not see out of b, in place: invisible
// characters vanish, every kind of space is a space, every kind of line end "\n".
func clean(b []byte) []byte {
	n := unchanged(b)
	for i := n; i < len(b); {
		r, size := rune(b[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(b[i:])
		}
		i += size
		if r == '\r' && endsLine(b[i:]) {
			// its "\n" follows
		} else if seen := visible(r); seen >= 0 {
			b[n] = byte(seen)
			n++
		}
		same := unchanged(b[i:])
		copy(b[n:], b[i:i+same])
		n, i = n+same, i+same
	}
	return b[:n]
}

// endsLine reports whether what stands behind CR ends the same line: LF, or CRLF
// where a program wrote CRLF for the LF of CRLF.
func endsLine(b []byte) bool {
	return len(b) > 0 && b[0] == '\n' || len(b) > 1 && b[0] == '\r' && b[1] == '\n'
}

// plainOctet are those that stand for themselves.
var plainOctet = func() (t [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		t[c] = true
	}
	t['\n'], t['\t'] = true, true
	return t
}()

// visible returns what a reader sees of r: -1 for nothing, ' ' for any space,
// '\n' for any end of a line.
func visible(r rune) rune {
	switch {
	case r >= 0x3400 && r < 0xd800, r > 0xad && r < 0x300: // most of what is not ASCII
		return r
	case r == '\r', r == '\v', r == '\f', r == '\u0085', r == '\u2028', r == '\u2029':
		return '\n'
	case mail.Invisible(r):
		return -1
	case r >= utf8.RuneSelf && unicode.IsSpace(r):
		return ' '
	}
	return r
}

// IsASCII reports whether b holds nothing else.
func IsASCII(b []byte) bool {
	const high = 0x8080808080808080
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b)&high != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// unchanged returns how many octets at the beginning of b stand for themselves.
// Eight at a time are looked at: most text is nothing but plain ones.
func unchanged(b []byte) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for n := 0; n < len(b); {
		if n+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[n:])
			// Is an octet below 0x20, or 0x7f, or not ASCII? Of those found, the first is one.
			found := (w-ones*0x20)&^w&high | w&high | (w+ones)&high
			if found == 0 {
				n += 8
				continue
			}
			n += bits.TrailingZeros64(found) / 8
		}
		size := 1
		if !plainOctet[b[n]] {
			var r rune
			if r, size = utf8.DecodeRune(b[n:]); r < utf8.RuneSelf || visible(r) != r {
				return n
			}
		}
		n += size
	}
	return len(b)
}
