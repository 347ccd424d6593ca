package mail

import (
	"bytes"
	"encoding/hex"
	"io"
	"mime"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/unicode/rangetable"
)

// maxCharsetOctets bounds the name of a character set with its language tag.
const maxCharsetOctets = 128

// wordDecoder lets net/mail read names in any character set.
var wordDecoder = &mime.WordDecoder{CharsetReader: func(charset string, in io.Reader) (io.Reader, error) {
	text, err := io.ReadAll(in)
	return strings.NewReader(DecodeCharset(charset, text)), err
}}

// DecodeWords decodes the encoded words of RFC 2047 in s wherever they stand.
//
// It reads them as the most lenient mail client does, because what one client
// shows is what an attacker writes: broken and unpadded encodings are decoded as
// far as they go, unknown character sets are read as Latin-1, adjacent words are
// joined before their octets become characters. A word ends where another one
// starts in it, so that both are seen. It never fails and is linear in s.
func DecodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return s
	}
	var b strings.Builder
	var run encodedRun
	at, written, closing := 0, 0, -1
	for {
		word, ok := nextWord(s, at, len(s))
		if !ok {
			break
		}
		if closing < word.text { // looked for once only: a text without end costs no more
			closing = strings.Index(s[word.text:], "?=")
			if closing < 0 {
				break
			}
			closing += word.text
		}
		end, next := closing, closing+2
		if inner, ok := nextWord(s, word.text, closing); ok {
			end, next = inner.start, inner.start
		}
		between := s[written:word.start]
		if len(run.octets) == 0 || strings.Trim(between, " \t\r\n") != "" {
			run.flush(&b)
			b.WriteString(between)
		}
		run.add(&b, word, s[word.text:end])
		at, written = next, next
	}
	run.flush(&b)
	b.WriteString(s[written:])
	return b.String()
}

// encodedWord is where "=?charset?encoding?text" stands in a string.
type encodedWord struct {
	start, text int
	charset     string
	base64      bool
}

// nextWord finds the first start of an encoded word in s[at:end].
func nextWord(s string, at, end int) (encodedWord, bool) {
	for {
		i := strings.Index(s[at:end], "=?")
		if i < 0 {
			return encodedWord{}, false
		}
		w := encodedWord{start: at + i}
		at = w.start + 2
		n := strings.IndexByte(s[at:min(end, at+maxCharsetOctets)], '?')
		if n < 0 || at+n+2 >= end || s[at+n+2] != '?' {
			continue
		}
		kind := s[at+n+1] | 0x20 // lower case
		if kind != 'q' && kind != 'b' {
			continue
		}
		w.text, w.charset, w.base64 = at+n+3, s[at:at+n], kind == 'b'
		return w, true
	}
}

// encodedRun holds the octets of adjacent encoded words of one character set: a
// character may begin in one and end in the next.
type encodedRun struct {
	charset string
	octets  []byte
}

func (r *encodedRun) add(b *strings.Builder, w encodedWord, text string) {
	if w.charset != r.charset {
		r.flush(b)
	}
	r.charset = w.charset
	if w.base64 {
		r.octets = appendBase64(r.octets, text)
	} else {
		r.octets = appendQ(r.octets, text)
	}
}

func (r *encodedRun) flush(b *strings.Builder) {
	if len(r.octets) > 0 {
		b.WriteString(DecodeCharset(r.charset, r.octets))
	}
	r.octets = r.octets[:0]
}

// appendQ decodes the "Q" encoding; what is none stands for itself.
func appendQ(out []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '_':
			c = ' '
		case c == '=' && i+2 < len(s):
			var octet [1]byte
			if _, err := hex.Decode(octet[:], []byte(s[i+1:i+3])); err == nil {
				c = octet[0]
				i += 2
			}
		}
		out = append(out, c)
	}
	return out
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// appendBase64 decodes base64 with or without padding, skips what is none, and
// goes on behind padding.
func appendBase64(out []byte, s string) []byte {
	held, bits := uint32(0), 0
	for i := 0; i < len(s); i++ {
		if s[i] == '=' {
			held, bits = 0, 0
		}
		value := strings.IndexByte(base64Alphabet, s[i])
		if value < 0 {
			continue
		}
		held, bits = held<<6|uint32(value), bits+6
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(held>>bits))
		}
	}
	return out
}

// DecodeCharset reads octets in the named character set, in any case. Those of a
// set that nobody knows are Latin-1, so that an address in them stays visible. It
// never fails.
func DecodeCharset(charset string, octets []byte) string {
	charset, _, _ = strings.Cut(charset, "*") // a language tag, RFC 2231, Section 5
	charset = strings.ToLower(strings.TrimSpace(charset))
	switch charset {
	case "utf-7", "unicode-1-1-utf-7": // the web refuses it, mail clients do not
		return decodeUTF7(string(octets))
	case "utf-16":
		if bytes.HasPrefix(octets, []byte{0xfe, 0xff}) {
			charset = "utf-16be"
		}
	}
	decoded, err := encodingOf(charset).NewDecoder().Bytes(octets)
	if err != nil {
		return toUTF8(string(octets))
	}
	return string(decoded)
}

// encodingOf knows the character sets of the web, and those of IANA that the
// Go project knows; what it does not know is Latin-1, so that an address in it
// stays visible.
func encodingOf(charset string) encoding.Encoding {
	if enc, err := htmlindex.Get(charset); err == nil && enc != encoding.Replacement {
		return enc
	}
	if enc, err := ianaindex.MIME.Encoding(charset); err == nil && enc != nil {
		return enc
	}
	return charmap.ISO8859_1
}

// decodeUTF7 reads UTF-7, RFC 2152, leniently.
func decodeUTF7(s string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, "+")
		b.WriteString(toUTF8(before))
		if !ok {
			return b.String()
		}
		encoded := after[:len(after)-len(strings.TrimLeft(after, base64Alphabet))]
		if encoded == "" && strings.HasPrefix(after, "-") {
			b.WriteByte('+')
		}
		octets := appendBase64(nil, encoded)
		units := make([]uint16, len(octets)/2)
		for i := range units {
			units[i] = uint16(octets[2*i])<<8 | uint16(octets[2*i+1])
		}
		b.WriteString(string(utf16.Decode(units)))
		s = strings.TrimPrefix(after[len(encoded):], "-")
	}
}

func hasEncodedWord(s string) bool {
	start := strings.Index(s, "=?")
	return start >= 0 && strings.Contains(s[start+2:], "?=")
}

// Invisible reports whether a reader does not see r: controls, format characters
// and what else Unicode tells programs to show nothing for. White space is seen.
func Invisible(r rune) bool {
	if r < 0x80 { // what nearly all text consists of
		return (r < ' ' || r == 0x7f) && !unicode.IsSpace(r)
	}
	return unicode.Is(invisible, r) && !unicode.IsSpace(r)
}

// invisible is one table, because all of a hostile text is looked up many times.
var invisible = rangetable.Merge(unicode.Cc, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)

// toUTF8 reads octets that are no UTF-8 as Latin-1.
func toUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			r = rune(s[0])
		}
		b.WriteRune(r)
		s = s[n:]
	}
	return b.String()
}
