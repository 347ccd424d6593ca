package authres

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrSyntax says that a value cannot be read as Authentication-Results. The
// field then says nothing: half a field may be the half its sender chose.
var ErrSyntax = errors.New("authres: not an Authentication-Results value")

// lexer reads the elements of RFC 8601, Section 2.2 from the start of s. The
// first error stays, and after it there is nothing left to read.
type lexer struct {
	s       string // what is left; a line without controls but tab
	comment string // text of the first comment since it was emptied
	err     error
}

// unfolding takes the line ends out of a folded value.
var unfolding = strings.NewReplacer("\r\n ", " ", "\r\n\t", "\t", "\n ", " ", "\n\t", "\t")

// unfold returns value as one line, or ok == false if it holds a line end that
// folds nothing, NUL or another control. RFC 5322, Section 2.2.3.
func unfold(value string) (line string, ok bool) {
	value = strings.TrimRight(value, "\r\n")
	if strings.Contains(value, "\n") {
		value = unfolding.Replace(value)
	}
	for i := 0; i < len(value); i++ {
		if value[i] < ' ' && value[i] != '\t' || value[i] == 0x7f {
			return "", false
		}
	}
	return value, true
}

func (x *lexer) fail(want string) {
	if x.err == nil {
		x.err = fmt.Errorf("%w: no %s at %.40q", ErrSyntax, want, x.s)
	}
	x.s = ""
}

// at reports whether c comes next.
func (x *lexer) at(c byte) bool { return x.s != "" && x.s[0] == c }

// take reads c if it comes next.
func (x *lexer) take(c byte) bool {
	if !x.at(c) {
		return false
	}
	x.s = x.s[1:]
	return true
}

// must reads c.
func (x *lexer) must(c byte) {
	if !x.take(c) {
		x.fail(string(rune(c)))
	}
}

// skip reads CFWS and reports whether there was any.
func (x *lexer) skip() bool {
	before := len(x.s)
	for {
		x.s = strings.TrimLeft(x.s, " \t")
		if !x.at('(') {
			return len(x.s) < before
		}
		x.skipComment()
	}
}

// skipComment reads a comment, with those in it. RFC 5322, Section 3.2.2.
// Octets that are no ASCII stand for themselves whatever their character set.
func (x *lexer) skipComment() {
	depth := 0
	for i := 0; i < len(x.s); i++ {
		switch x.s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			if x.comment == "" {
				x.comment = strings.TrimSpace(x.s[1:i])
			}
			x.s = x.s[i+1:]
			return
		}
	}
	x.fail("end of the comment")
}

// while reads the octets for which ok holds, at least one. Those that are no
// ASCII must be UTF-8: RFC 6532, Section 3.
func (x *lexer) while(want string, ok func(c byte) bool) string {
	n := 0
	for n < len(x.s) && ok(x.s[n]) {
		n++
	}
	if n == 0 || !utf8.ValidString(x.s[:n]) {
		x.fail(want)
		return ""
	}
	word := x.s[:n]
	x.s = x.s[n:]
	return word
}

// name reads a Keyword in lower case. Others' property names hold "_", too.
func (x *lexer) name(want string) string {
	return strings.ToLower(x.while(want, func(c byte) bool { return isKeywordByte(c) || c == '_' }))
}

// number reads 1*DIGIT. No version has more than 4 digits.
func (x *lexer) number(want string) int {
	n := 0
	for i, c := range []byte(x.while(want, isDigit)) {
		if i == 4 {
			x.fail(want)
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// quoted reads a quoted-string and returns what it means. RFC 5322, Section 3.2.4.
func (x *lexer) quoted() string {
	var b strings.Builder
	for i := 1; i < len(x.s); i++ {
		switch c := x.s[i]; {
		case c == '\\' && i+1 < len(x.s):
			i++
			b.WriteByte(x.s[i])
		case c == '"':
			x.s = x.s[i+1:]
			if !utf8.ValidString(b.String()) {
				x.fail("UTF-8 in the quoted string")
			}
			return b.String()
		default:
			b.WriteByte(c)
		}
	}
	x.fail("end of the quoted string")
	return ""
}

// isUnquotedByte reports whether c may stand in a value that its writer did not
// quote. Where the value ends must not be a matter of taste.
func isUnquotedByte(c byte) bool {
	return c > ' ' && c != 0x7f && strings.IndexByte(`;()"\`, c) < 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
