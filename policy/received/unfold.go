package received

import (
	"encoding/binary"
	"math/bits"
)

// maxControls bounds the control characters of a field, of which an honest one
// has none.
const maxControls = 64

// unfold lets p scan value: every run of white space in it, folding included,
// becomes one space, and what exceeds maxFieldOctets is cut off. It counts how
// often "by" stands as a word anywhere in value, behind the cut, in comments and
// in quoted strings too: what cannot be seen must not help.
//
// A client that smuggles " by provider.example" into a field through its name
// needs a second "by" to do so, because the writer's own is always there; so two
// of them, wherever they are, mean that the writer is not known.
//
// Controls and 8-bit octets stay, as defects; so does a CR that ends no line.
//
// It works in out, whatever that holds, and returns it for the next field.
func unfold(p *parser, value []byte, out []byte) []byte {
	size, controls := min(len(value), maxFieldOctets), 0
	high, y := uint64(highs), uint64(highs)
	out = out[:0]
	start := 0 // of what is to be copied
	for i := nextNotable(value[:size], 0, high, y); i < size; i = nextNotable(value[:size], i+1, high, y) {
		switch c := value[i]; {
		case c|0x20 == 'y':
			if p.claims += isBy(value, i); p.claims > 1 {
				y = 0 // two are enough to know
			}
		case c >= 0x80:
			high = 0 // and one of these
		case c == ' ' && i > start && value[i-1] != ' ':
		case isFold(value, i):
			out = append(out, value[start:i]...)
			if i > start && value[i-1] != ' ' {
				out = append(out, ' ')
			}
			for i+1 < size && isFold(value, i+1) {
				i++
			}
			start = i + 1
		case class[c] == control:
			if controls++; controls == maxControls {
				size = i
			}
		}
	}
	for i := size; i < len(value); i++ {
		if value[i]|0x20 == 'y' {
			p.claims += isBy(value, i)
		}
	}
	if start = min(start, size); start == 0 {
		p.octets = value[:size]
	} else {
		out = append(out, value[start:size]...)
		p.octets = out
	}
	if size < len(value) {
		p.defect(DefectCut)
	}
	if controls > 0 {
		p.defect(DefectControl)
	}
	if high == 0 {
		p.defect(Defect8Bit)
	}
	return out
}

// isFold reports whether the octet at i is white space or of a line end.
func isFold(s []byte, i int) bool {
	return class[s[i]] == space || s[i] == '\r' && i+1 < len(s) && s[i+1] == '\n'
}

// isBy is 1 if the letter at i ends a word that is "by", else 0.
func isBy(s []byte, i int) int {
	if i == 0 || s[i-1]|0x20 != 'b' || i > 1 && !startsWord(s[i-2]) || i+1 < len(s) && !endsWord(s[i+1]) {
		return 0
	}
	return 1
}

func startsWord(before byte) bool { return class[before] != plain || before == '"' || before == '<' }

func endsWord(after byte) bool { return class[after] != plain && class[after] != eightBit }

// Eight octets in one number.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// nextNotable returns the index, from i on, of the first octet of s that is
// a control, a space behind a space, 8-bit unless high is 0, or the second letter of
// "by" unless y is 0; else the length of s. It may also stop at others, before the first eight octets
// and among the last ones.
//
// It looks at eight octets at once, because a forger may send a hundred fields
// of 8 KiB and nearly all of them are dull.
func nextNotable(s []byte, i int, high, y uint64) int {
	if i == 0 {
		return 0
	}
	for ; i+8 <= len(s); i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		before := x<<8 | uint64(s[i-1])
		found := (x - ' '*ones) &^ x // below a space
		found |= zeros((x ^ ' '*ones) | (before ^ ' '*ones))
		found |= zeros(((x^'y'*ones)|(before^'b'*ones))&^(0x20*ones)) & y
		found |= (x&^highs + ones) &^ x // DEL
		found = found&highs | x&high
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(s) && class[s[i]] == plain && s[i]|0x20 != 'y' {
		i++
	}
	return i
}

// zeros has the highest bit set of the first octet that is zero in z, and of none
// before it; what it has behind that one is of no meaning.
func zeros(z uint64) uint64 { return (z - ones) &^ z }
