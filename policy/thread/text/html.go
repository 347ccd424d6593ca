package text

import (
	"bytes"
	stdhtml "html"
	"strconv"
	"unicode/utf8"
)

// htmlReader turns HTML into lines in one pass, without a tree: depth costs
// nothing. Quotations get a "> " before each line, as in plain text. What a style
// sheet hides is text all the same; what an element says itself to hide goes on
// lines of its own at the end, so that it splits no word or number of the rest.
type htmlReader struct {
	out    []byte
	in     []byte
	quotes int    // open blockquotes
	space  bool   // white space was read since the last character
	fresh  bool   // nothing is on the line yet
	link   []byte // target of the open mailto link
	linked int    // where its text begins in out
	hidden hiding

	// Where the rest of in holds none of these, so that a hostile text is
	// searched once for each.
	noTagEnd, noQuote, noApostrophe, noCommentEnd, noQuotes bool
	unended                                                 string // names of elements without an end
	pre                                                     int    // open elements in which line ends count
}

// hiding is the element that is being hidden, if any.
type hiding struct {
	name  []byte // nil for none
	depth int    // open elements of that name inside, itself too
	begin int    // where its text begins in out
	aside []byte // all hidden text so far
}

// maxQuotes is how many marks are written before a line.
const maxQuotes = 8

func appendHTML(out, in []byte) []byte {
	r := htmlReader{out: out, in: in, fresh: true}
	for len(r.in) > 0 {
		i := indexSpecial(r.in)
		r.words(r.in[:i])
		r.in = r.in[i:]
		if len(r.in) == 0 {
			break
		}
		if r.in[0] == '&' {
			r.entity()
		} else if !r.markup() {
			r.glyph("<")
			r.in = r.in[1:]
		}
	}
	r.unhide()
	r.newLine()
	return append(r.out, r.hidden.aside...)
}

// indexSpecial returns where markup or an entity may begin.
func indexSpecial(b []byte) int {
	for i, c := range b {
		if c == '<' || c == '&' {
			return i
		}
	}
	return len(b)
}

// words writes text in which any white space is one space.
func (r *htmlReader) words(b []byte) {
	for len(b) > 0 {
		n := 0
		for n < len(b) && b[n] > ' ' {
			n++
		}
		if n > 0 {
			r.glyphs(b[:n])
		}
		b = b[n:]
		for len(b) > 0 && b[0] <= ' ' {
			if r.pre > 0 && b[0] == '\n' {
				r.fresh = false // an empty line, too
				r.newLine()
			}
			r.space, b = true, b[1:]
		}
	}
}

func (r *htmlReader) glyph(s string) { r.glyphs([]byte(s)) }

func (r *htmlReader) glyphs(b []byte) {
	if r.fresh {
		for range min(r.quotes, maxQuotes) {
			r.out = append(r.out, '>', ' ')
		}
	} else if r.space {
		r.out = append(r.out, ' ')
	}
	r.fresh, r.space = false, false
	r.out = append(r.out, b...)
}

// newLine ends the line if there is anything on it.
func (r *htmlReader) newLine() {
	if !r.fresh {
		r.out = append(r.out, '\n')
	}
	r.fresh, r.space = true, false
}

// entity reads a character reference.
func (r *htmlReader) entity() {
	const longest = 32
	b := r.in
	end := 1
	for end < len(b) && end < longest && (b[end] == '#' || isAlnum(b[end])) {
		end++
	}
	name := b[1:end]
	if end < len(b) && b[end] == ';' {
		end++
	}
	r.in = b[end:]
	switch string(name) {
	case "nbsp", "#160":
		r.space = true
	case "lt":
		r.glyph("<")
	case "gt":
		r.glyph(">")
	case "amp":
		r.glyph("&")
	case "quot":
		r.glyph(`"`)
	case "":
		r.glyph("&")
	default:
		r.named(name, b[:end])
	}
}

func (r *htmlReader) named(name, whole []byte) {
	text := string(whole)
	if name[0] == '#' {
		digits, base := string(name[1:]), 10
		if len(digits) > 1 && digits[0]|0x20 == 'x' {
			digits, base = digits[1:], 16
		}
		if n, err := strconv.ParseUint(digits, base, 21); err == nil && utf8.ValidRune(rune(n)) {
			text = string(rune(n))
		}
	} else {
		text = stdhtml.UnescapeString(text)
	}
	for _, c := range text {
		switch seen := visible(c); {
		case seen < 0, seen < ' ' && seen != '\n' && seen != '\t', seen == 0x7f:
		case seen <= ' ':
			r.space = true
		default:
			r.glyph(string(seen))
		}
	}
}

// markup reads what begins with "<"; false if that is text.
func (r *htmlReader) markup() bool {
	b := r.in
	switch {
	case len(b) < 2:
		return false
	case bytes.HasPrefix(b, []byte("<!--")):
		r.comment()
		return true
	case b[1] == '!' || b[1] == '?':
		return r.skipTag(1) != nil
	case b[1] == '/' && len(b) > 2 && isLetter(b[2]):
		if tag := r.skipTag(2); tag != nil {
			r.closing(tagName(tag))
			return true
		}
	case isLetter(b[1]):
		if tag := r.skipTag(1); tag != nil {
			name := tagName(tag)
			r.opening(name, tag[len(name):])
			return true
		}
	}
	return false
}

// comment passes over a comment, and over the marks of a conditional one: one
// mail program shows what stands in it.
func (r *htmlReader) comment() {
	const begin = len("<!--")
	body := r.in[begin:]
	if bytes.HasPrefix(body, []byte("[if")) || bytes.HasPrefix(body, []byte(">")) || bytes.HasPrefix(body, []byte("->")) {
		if i := bytes.IndexByte(body, '>'); i >= 0 {
			r.in = body[i+1:]
			return
		}
	}
	if !r.noCommentEnd {
		if i := bytes.Index(body, []byte("--")); i >= 0 {
			for rest := body[i:]; ; rest = rest[1:] {
				if bytes.HasPrefix(rest, []byte("-->")) || bytes.HasPrefix(rest, []byte("--!>")) {
					r.in = rest[bytes.IndexByte(rest, '>')+1:]
					return
				}
				next := bytes.Index(rest[1:], []byte("--"))
				if next < 0 {
					break
				}
				rest = rest[next:]
			}
		}
		r.noCommentEnd = true
	}
	r.in = body // a comment without an end: some would show it
}

// skipTag returns what stands between the first from octets of a tag and its
// ">", and moves behind it; nil if the tag has no end.
func (r *htmlReader) skipTag(from int) []byte {
	if r.noTagEnd {
		return nil
	}
	b := r.in
	for i := from; i < len(b); i++ {
		switch c := b[i]; {
		case c == '>':
			tag := b[from:i]
			r.in = b[i+1:]
			return tag
		case (c == '"' || c == '\'') && b[i-1] == '=' && !r.noQuotes: // a quote elsewhere opens nothing
			none := &r.noQuote
			if c == '\'' {
				none = &r.noApostrophe
			}
			if *none {
				continue
			}
			end := bytes.IndexByte(b[i+1:], c)
			if end < 0 {
				*none = true
				continue
			}
			i += 1 + end
		}
	}
	if i := bytes.IndexByte(b, '>'); i >= from { // a quote swallowed it
		r.noQuotes, r.in = true, b[i+1:]
		return b[from:i]
	}
	r.noTagEnd = true
	return nil
}

func tagName(tag []byte) []byte {
	n := 0
	for n < len(tag) && (isAlnum(tag[n]) || tag[n] == ':' || tag[n] == '-') {
		n++
	}
	return tag[:n]
}

func isLetter(c byte) bool { c |= 0x20; return c >= 'a' && c <= 'z' }
func isAlnum(c byte) bool  { return isLetter(c) || c >= '0' && c <= '9' }
