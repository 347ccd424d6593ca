package thread

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// other stands for a letter that resembles none of ASCII.
const other = 0xff

// latin are the letters that Unicode does not take apart.
var latin = map[rune]string{'ß': "ss", 'æ': "ae", 'Æ': "AE", 'ø': "o", 'Ø': "O", 'œ': "oe", 'Œ': "OE", 'ł': "l", 'Ł': "L", 'đ': "d", 'Đ': "D", 'ı': "i", 'þ': "th", 'ð': "d"}

// alike are letters of other scripts that look like those of ASCII below them.
var alike = func() map[rune]byte {
	m := map[rune]byte{}
	for _, pair := range [][2]string{
		{"АВЕКМНОРСТУХІЈЅԚԜавеорсухіјѕһԁԛԝѵкмт", "ABEKMHOPCTYXIJSQWabeopcyxijshdqwvkmt"}, // Cyrillic
		{"ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαιοκνρτυχϲϳ", "ABEZHIKMNOPTYXaioknptuxcj"},                       // Greek
		{"ɑɡɩʏɴʀӏǀօոսԍ", "agiynrllonuG"},                                                 // and others
	} {
		to := []byte(pair[1])
		for i, r := range []rune(pair[0]) {
			m[r] = to[i]
		}
	}
	return m
}()

// kinds of characters in folded text.
const (
	none = iota
	letter
	number
)

// class is the kind of each octet of folded text.
var class = func() (t [256]uint8) {
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = letter, letter
	}
	for c := byte('0'); c <= '9'; c++ {
		t[c] = number
	}
	t[other] = letter
	return t
}()

// fold returns b as a reader takes its letters and digits, and where its
// quotations are in that.
func (r *reader) fold(b []byte) ([]byte, []segment) {
	r.folded, r.moved = r.folded[:0], r.moved[:0]
	for i, s := range r.segs {
		end := len(b)
		if i+1 < len(r.segs) {
			end = r.segs[i+1].from
		}
		r.moved = append(r.moved, segment{len(r.folded), s.quoted})
		r.folded = appendFolded(r.folded, b[s.from:end])
	}
	return r.folded, r.moved
}

// appendFolded appends text with every character as the letter or digit of ASCII
// that a reader takes it for: without marks, in whatever script or style.
// Characters that resemble none become other, so that words keep their length.
func appendFolded(out, text []byte) []byte {
	for i := 0; i < len(text); {
		n := 0
		for i+n < len(text) && text[i+n] < utf8.RuneSelf {
			n++
		}
		out = append(out, text[i:i+n]...)
		if i += n; i == len(text) {
			break
		}
		r, n := utf8.DecodeRune(text[i:])
		out = appendLike(out, r, text[i:i+n])
		i += n
	}
	return out
}

// endLatin is where the blocks of Latin letters end.
const endLatin = 0x250

// latinLike is what appendLike appends for each character before endLatin.
var latinLike = func() (t [endLatin]string) {
	for r := range rune(endLatin) {
		t[r] = string(appendAnyLike(nil, r, []byte(string(r))))
	}
	return t
}()

// appendLike appends what a reader takes r for.
func appendLike(out []byte, r rune, encoded []byte) []byte {
	if r < endLatin {
		return append(out, latinLike[r]...)
	}
	return appendAnyLike(out, r, encoded)
}

func appendAnyLike(out []byte, r rune, encoded []byte) []byte {
	if r > 0x303f && r < 0xd7a4 { // ideographs and their like: nothing to compare
		return append(out, other)
	}
	if s, ok := latin[r]; ok {
		return append(out, s...)
	}
	if c, ok := alike[r]; ok {
		return append(out, c)
	}
	if unicode.Is(unicode.Mn, r) {
		return out
	}
	if parts := norm.NFKD.Properties(encoded).Decomposition(); parts != nil {
		for _, c := range parts {
			if c < utf8.RuneSelf {
				out = append(out, c)
			}
		}
		return out
	}
	if d := digit(r); d >= 0 {
		return append(out, '0'+byte(d))
	}
	if unicode.IsLetter(r) {
		return append(out, other)
	}
	return append(out, ' ')
}

// digit returns the value of a decimal digit of any script, or -1. They stand
// in tens.
func digit(r rune) int {
	if unicode.Is(unicode.Nd, r) {
		for _, t := range unicode.Nd.R16 {
			if r >= rune(t.Lo) && r <= rune(t.Hi) {
				return int(r-rune(t.Lo)) % 10
			}
		}
		for _, t := range unicode.Nd.R32 {
			if r >= rune(t.Lo) && r <= rune(t.Hi) {
				return int(r-rune(t.Lo)) % 10
			}
		}
	}
	return -1
}

// mayBeNumber reports whether r may fold to something with a digit in it. For
// the letters of most languages it takes a comparison or two.
func mayBeNumber(r rune) bool {
	switch {
	case r < 0x660:
		return r <= '9' && r >= '0' || r >= 0xb2 && r <= 0xbe
	case r >= 0x2000 && r < 0x2070, r > 0x303f && r < 0xd7a4:
		return false
	}
	return unicode.Is(unicode.N, r)
}
