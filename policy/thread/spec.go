package thread

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"mxgate/policy/mail"
)

// What shape writes for the octets of a quoted string and of a comment: bare has
// left none of them in the text.
const (
	inQuotes  = '\x00'
	inComment = '\x01'
)

// written is a text of an address list and, octet for octet, its shape: where that
// differs, it says what the octet is part of. A quote or a comment that has no end
// is none.
type written struct{ s, shape string }

// asShown returns s as a mail program shows it: without what is invisible, and with
// every domain in one piece.
func asShown(s string) written { return shapeOf(visible(s)).joined(false) }

func (w written) cut(from, to int) written { return written{w.s[from:to], w.shape[from:to]} }

// without returns w without the octets from from to to.
func (w written) without(from, to int) written {
	if from == to {
		return w
	}
	return written{w.s[:from] + w.s[to:], w.shape[:from] + w.shape[to:]}
}

// visible returns s without what is not shown, every other space of Unicode as a
// blank. Octets that are no UTF-8 stay.
func visible(s string) string {
	plain := true
	for i := range len(s) {
		plain = plain && s[i] >= ' ' && s[i] < 0x7f
	}
	if plain {
		return s
	}
	out := make([]byte, 0, len(s))
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case unicode.IsSpace(r):
			out = append(out, ' ')
		case r == utf8.RuneError && n == 1 || !mail.Invisible(r):
			out = append(out, s[:n]...)
		}
		s = s[n:]
	}
	return string(out)
}

// shapeOf finds the quoted strings and the comments in s.
func shapeOf(s string) written {
	if strings.IndexByte(s, '"') < 0 && strings.IndexByte(s, '(') < 0 {
		return written{s, s}
	}
	out := []byte(s)
	noQuotes, noComments := false, false // in the rest, one has no end
	for i := 0; i < len(s); i++ {
		mark, n := byte(inQuotes), -1
		switch {
		case s[i] == '"' && !noQuotes:
			n = quotedEnd(s[i+1:])
			noQuotes = n < 0
		case s[i] == '(' && !noComments:
			mark, n = inComment, commentEnd(s[i+1:])
			noComments = n < 0
		}
		if n >= 0 {
			for end := i + 1 + n; ; i++ {
				if out[i] = mark; i == end {
					break
				}
			}
		}
	}
	return written{s, string(out)}
}

// quotedEnd returns where the quoted string that s continues ends, or -1.
func quotedEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// commentEnd returns where the comment that s continues ends, with those in it, or -1.
func commentEnd(s string) int {
	depth := 1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// maxOpen is how far the end of a comment is looked for, inside a domain, where
// comments have no end elsewhere.
const maxOpen = 64

// gap returns where the white space and the comments end that begin at i.
func (w written) gap(i int) int {
	for i < len(w.s) {
		switch c := w.shape[i]; {
		case c == ' ' || c == inComment:
			i++
			continue
		case c == '(':
			s, _, _ := strings.Cut(w.s[i+1:min(len(w.s), i+maxOpen)], "@") // the next address
			if n := commentEnd(s); n >= 0 {
				i += n + 2
				continue
			}
		}
		break
	}
	return i
}

// joined returns w without the gaps that RFC 5322, Section 4.4 allows in a domain:
// before a dot, and then behind it. What stands behind a dot without one before it may
// be another sentence: that is joined if loose.
func (w written) joined(loose bool) written {
	var s, shape strings.Builder
	done := 0
	drop := func(from, to int) {
		s.WriteString(w.s[done:from])
		shape.WriteString(w.shape[done:from])
		done = to
	}
	for i := 0; ; {
		n := strings.IndexByte(w.shape[i:], '@')
		if n < 0 {
			break
		}
		i = w.gap(i + n + 1)
		for {
			end := i
			for end < len(w.s) && inDomain(w.shape[end]) {
				end++
			}
			dot := w.gap(end)
			if loose && dot > end && end > i && w.shape[end-1] == '.' {
				drop(end, dot)
				i = dot
				continue
			}
			if end == i || dot == end || dot == len(w.s) || w.shape[dot] != '.' {
				i = end
				break
			}
			i = w.gap(dot + 1)
			drop(end, dot)
			drop(dot+1, i)
		}
	}
	if done == 0 {
		return w
	}
	drop(len(w.s), len(w.s))
	return written{s.String(), shape.String()}
}

// address returns w with its address written without what RFC 5322, Section 4.4
// allows in it and mail programs do not show: spaces, folds, comments, a route. at is
// where its "@" stands; -1 if there is none. The last bracket holds the address:
// names may have brackets, too.
func (w written) address() (bare written, at int) {
	if strings.IndexByte(w.shape, '@') < 0 { // but what is no address is shown
		w.shape = w.s
	}
	if from := strings.LastIndexByte(w.shape, '<') + 1; from > 0 && strings.IndexByte(w.shape[from:], '@') >= 0 {
		w = w.bracket(from)
		return w, from + strings.IndexByte(w.shape[from:], '@')
	}
	if at = strings.LastIndexByte(w.shape, '@'); at < 0 {
		return w, -1
	}
	w = w.without(at+1, w.gap(at+1))
	start := at
	for start > 0 && (w.shape[start-1] == ' ' || w.shape[start-1] == inComment) {
		start--
	}
	return w.without(start, at), start
}

// bracket returns w with the address bare in the bracket that opens before w.s[from].
func (w written) bracket(from int) written {
	to := from + strings.IndexByte(w.shape[from:], '>')
	if to < from {
		return w
	}
	spec := w.cut(from, to)
	if colon := strings.LastIndexByte(spec.shape, ':'); colon > 0 && strings.HasPrefix(strings.TrimLeft(spec.shape, " "), "@") && strings.IndexByte(spec.shape[colon:], '@') > 0 {
		spec = spec.cut(colon+1, len(spec.s)) // "<@route.example:a@b.example>"
	}
	s, shape := make([]byte, 0, len(spec.s)), make([]byte, 0, len(spec.s))
	for i := 0; i < len(spec.s); i++ {
		if i = spec.gap(i); i < len(spec.s) {
			s, shape = append(s, spec.s[i]), append(shape, spec.shape[i])
		}
	}
	if len(s) == to-from {
		return w
	}
	return written{w.s[:from] + string(s) + w.s[to:], w.shape[:from] + string(shape) + w.shape[to:]}
}
