package received

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// tokenKind tells the three things a field is made of.
type tokenKind uint8

const (
	word tokenKind = iota
	comment
	semicolon
)

// token is a piece of the field. For a comment start and end enclose what is
// inside the outermost parentheses.
type token struct {
	kind       tokenKind
	start, end int32
}

// Classes of octets. Everything up to space separates words: a NUL or a stray
// CR must not glue two of them together.
const (
	plain = iota
	eightBit
	space
	control
	open
	closing
	semi
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c == ' ' || c == '\t' || c == '\n':
			t[c] = space
		case c < ' ' || c == 0x7f:
			t[c] = control
		case c >= 0x80:
			t[c] = eightBit
		}
	}
	t['('], t[')'], t[';'] = open, closing, semi
	return t
}()

// scan cuts the field into tokens, which it appends to tokens.
//
// Quoted strings have no meaning outside comments, and a backslash has none at
// all: those who write Received fields escape nothing, and a client that may
// choose one octet of its name must not be able to hide the rest of the field.
func (p *parser) scan(tokens []token) []token {
	s, i := p.octets, 0
	for i < len(s) {
		if len(tokens) == maxTokens || p.comments > maxComments {
			p.defect(DefectCut)
			break
		}
		switch class[s[i]] {
		case semi:
			tokens = append(tokens, token{semicolon, int32(i), int32(i + 1)})
			i++
		case closing:
			p.unopened = true
			for i < len(s) && s[i] == ')' {
				i++
			}
		case open:
			end := p.commentEnd(i)
			tokens = append(tokens, token{comment, int32(i + 1), int32(end)})
			i = end + 1
		case space, control:
			i++
		default:
			end := wordEnd(s, i)
			tokens = append(tokens, token{word, int32(i), int32(end)})
			i = end
		}
	}
	p.text = string(s[:min(i, len(s))])
	return tokens
}

// wordEnd returns the offset behind the word that begins at i. Behind the first
// octets it looks at eight at once: honest words are short, and a forged one may
// fill the field.
func wordEnd(s []byte, i int) int {
	for short := min(len(s), i+16); i < short; i++ {
		if class[s[i]] > eightBit {
			return i
		}
	}
	for ; i+8 <= len(s); i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		end := (x - (' '+1)*ones) &^ x                     // space and below
		end |= (x&^highs + ones) &^ x                      // DEL
		end |= zeros(x&^ones^'('*ones) | zeros(x^';'*ones) // either parenthesis
		if end&highs != 0 {
			return i + bits.TrailingZeros64(end&highs)/8
		}
	}
	for i < len(s) && class[s[i]] <= eightBit {
		i++
	}
	return i
}

// commentEnd returns the offset of the ")" that closes the comment opened at
// start, or the length of the field. It counts the comments within, too.
func (p *parser) commentEnd(start int) int {
	s, depth := p.octets, 0
	if bytes.HasPrefix(s[start+1:], []byte("Client CN ")) {
		return p.certificateEnd(start)
	}
	for i := start; p.comments <= maxComments; {
		inner := bytes.IndexByte(s[i:], ')')
		if inner < 0 {
			break
		}
		opened := bytes.Count(s[i:i+inner], []byte{'('})
		p.comments += opened
		depth += opened - 1
		i += inner + 1
		if depth == 0 {
			return i - 1
		}
	}
	return p.openComment()
}

// maxCertificateOctets is more than Postfix writes about a certificate.
const maxCertificateOctets = 1 << 10

// certificateEnd is commentEnd for what Postfix writes about a client
// certificate, whose names it quotes, and which may hold any character: there,
// and only there, a quoted ")" is text.
func (p *parser) certificateEnd(start int) int {
	s, depth, quoted := p.octets[:min(len(p.octets), start+maxCertificateOctets)], 0, false
	for i := start; i < len(s) && p.comments <= maxComments; i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
			p.comments++
		case c == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return p.openComment()
}

// openComment is the end of a comment that is not closed, or not within the limits.
func (p *parser) openComment() int {
	if p.comments > maxComments {
		p.defect(DefectCut)
	} else {
		p.defect(DefectOpenComment)
	}
	return len(p.octets)
}
