package mail

import (
	"errors"
	"fmt"
	"strings"
)

// ErrBadXtext says that a text is not xtext of printable ASCII.
var ErrBadXtext = errors.New("mail: not xtext")

const upperHex = "0123456789ABCDEF"

// EncodeXtext writes s as xtext: "+", "=" and all that is not printable ASCII
// without the space become "+" and two hexadecimal digits. RFC 3461, Section 4.
func EncodeXtext(s string) string {
	plain := 0
	for plain < len(s) && isXchar(s[plain]) {
		plain++
	}
	if plain == len(s) {
		return s
	}
	b := append(make([]byte, 0, len(s)+8), s[:plain]...)
	for i := plain; i < len(s); i++ {
		if c := s[i]; isXchar(c) {
			b = append(b, c)
		} else {
			b = append(b, '+', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

// DecodeXtext reads xtext of at most limit octets. What it says must be
// printable ASCII, the space included: RFC 3461, Sections 4.2 and 4.4, allow no
// more, and control characters have no place in a command, a log or a field.
// The error is ErrBadXtext.
//
// Deviation: hexadecimal digits may be in lower case.
func DecodeXtext(s string, limit int) (string, error) {
	if len(s) > limit {
		return "", fmt.Errorf("%w: %d octets", ErrBadXtext, len(s))
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+' && i+2 < len(s):
			high, low := strings.IndexByte(upperHex, upper(s[i+1])), strings.IndexByte(upperHex, upper(s[i+2]))
			c = byte(high<<4 | low)
			if high < 0 || low < 0 || c < ' ' || c >= 0x7f {
				return "", fmt.Errorf("%w: %.80q", ErrBadXtext, s)
			}
			i += 2
		case !isXchar(c):
			return "", fmt.Errorf("%w: %.80q", ErrBadXtext, s)
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}

// isXchar reports whether c stands for itself in xtext.
func isXchar(c byte) bool { return c > ' ' && c < 0x7f && c != '+' && c != '=' }

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}
