package received

import "strings"

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
	space
	control
	eightBit
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
	s, comments := p.text, 0
	for i := 0; i < len(s); {
		if len(tokens) == maxTokens || comments > maxComments {
			p.defect(DefectCut)
			p.text = s[:i]
			return tokens
		}
		switch class[s[i]] {
		case space:
			i++
		case control:
			p.defect(DefectControl)
			i++
		case semi:
			tokens = append(tokens, token{semicolon, int32(i), int32(i + 1)})
			i++
		case closing:
			p.defect(DefectParenthesis)
			i++
		case open:
			comments++
			end := p.commentEnd(i)
			tokens = append(tokens, token{comment, int32(i + 1), int32(end)})
			i = end + 1
		default:
			start := i
			for i < len(s) && (class[s[i]] == plain || class[s[i]] == eightBit) {
				if s[i] >= 0x80 {
					p.defect(Defect8Bit)
				}
				i++
			}
			tokens = append(tokens, token{word, int32(start), int32(i)})
		}
	}
	return tokens
}

// commentEnd returns the offset of the ")" that closes the comment opened at
// start, or the length of the field.
//
// Postfix quotes the names of a client certificate, and a certificate may hold
// any character: in such a comment, and only there, a quoted ")" is text.
func (p *parser) commentEnd(start int) int {
	s := p.text
	quotes := strings.HasPrefix(s[start+1:], "Client CN ")
	depth, quoted := 0, false
	for i := start; i < len(s); i++ {
		switch class[s[i]] {
		case open:
			if !quoted {
				depth++
			}
		case closing:
			if quoted {
				continue
			}
			if depth--; depth == 0 {
				return i
			}
		case control:
			p.defect(DefectControl)
		case eightBit:
			p.defect(Defect8Bit)
		case plain:
			if quotes && s[i] == '"' {
				quoted = !quoted
			}
		}
	}
	p.defect(DefectOpenComment)
	return len(s)
}

// byWords counts how often "by" stands as a word anywhere in s, comments and
// quoted strings included.
//
// A client that smuggles " by provider.example" into a field through its name
// needs a second "by" to do so, because the writer's own is always there; so two
// of them, wherever they are, mean that the writer is not known.
func byWords(s string) int {
	n := 0
	for _, y := range [2]byte{'y', 'Y'} {
		for off := 0; ; {
			i := strings.IndexByte(s[off:], y)
			if i < 0 {
				break
			}
			i += off
			off = i + 1
			if i > 0 && s[i-1]|0x20 == 'b' && (i == 1 || startsWord(s[i-2])) && (off == len(s) || endsWord(s[off])) {
				n++
			}
		}
	}
	return n
}

func startsWord(before byte) bool { return class[before] != plain || before == '"' || before == '<' }

func endsWord(after byte) bool { return class[after] != plain && class[after] != eightBit }
