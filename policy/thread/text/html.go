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
		switch r.words(); {
		case len(r.in) == 0:
		case r.in[0] == '&':
			r.entity()
		case !r.markup():
			r.glyph("<")
			r.in = r.in[1:]
		}
	}
	r.unhide()
	r.newLine()
	return append(r.out, r.hidden.aside...)
}

// inWord are the octets that are neither white space nor the beginning of markup
// or of an entity.
var inWord = func() (t [256]bool) {
	for c := range t {
		t[c] = c > ' ' && c != '<' && c != '&'
	}
	return t
}()

// words writes the text up to markup or an entity; any white space in it is one
// space.
func (r *htmlReader) words() {
	b := r.in
	for len(b) > 0 && b[0] != '<' && b[0] != '&' {
		n := 0
		for n < len(b) && (inWord[b[n]] || b[n] == ' ' && n > 0 && n+1 < len(b) && inWord[b[n+1]]) {
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
	r.in = b
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
	if !r.noTagEnd && (bytes.HasPrefix(body, []byte("[if")) || bytes.HasPrefix(body, []byte(">")) || bytes.HasPrefix(body, []byte("->"))) {
		if i := bytes.IndexByte(body, '>'); i >= 0 {
			r.in = body[i+1:]
			return
		}
		r.noTagEnd = true
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
	for i, end := from, -1; ; {
		if end < i {
			n := bytes.IndexByte(b[i:], '>')
			if n < 0 {
				break
			}
			end = i + n
		}
		n := r.quote(b[i:end])
		if n < 0 {
			r.in = b[end+1:]
			return b[from:end]
		}
		i += n + 1
		if n = bytes.IndexByte(b[i:], b[i-1]); n >= 0 {
			i += n + 1
		} else if b[i-1] == '"' {
			r.noQuote = true
		} else {
			r.noApostrophe = true
		}
	}
	if i := bytes.IndexByte(b, '>'); i >= from { // a quote swallowed it
		r.noQuotes, r.in = true, b[i+1:]
		return b[from:i]
	}
	r.noTagEnd = true
	return nil
}

// quote returns where in a tag the value of an attribute is quoted that has an end
// as far as is known; -1 for nowhere. A quote behind anything else opens nothing.
func (r *htmlReader) quote(tag []byte) int {
	if r.noQuotes {
		return -1
	}
	for i := 0; ; {
		n := bytes.IndexByte(tag[i:], '=')
		if n < 0 || i+n+1 == len(tag) {
			return -1
		}
		i += n + 1
		if tag[i] == '"' && !r.noQuote || tag[i] == '\'' && !r.noApostrophe {
			return i
		}
	}
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
