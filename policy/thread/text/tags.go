package text

import (
	"bytes"
	"strings"
)

// effect is what an element does to the lines.
type effect byte

const (
	inline effect = iota
	block         // stands on lines of its own
	cell          // is set apart
	quotation
	unseen // its content is no text
	anchor
	preformatted // a block whose line ends count
	empty        // a block without content or an end
	emptyI       // an element without content or an end
)

// maxName is longer than the name of any element with an effect.
const maxName = 10

// effectOf returns what the element of that name does, in any case.
func effectOf(name []byte) effect {
	var lower [maxName]byte
	if len(name) > maxName {
		return inline
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	switch string(lower[:len(name)]) {
	case "address", "article", "aside", "body", "center", "dd", "div", "dl", "dt", "fieldset", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
		"head", "header", "html", "li", "main", "nav", "ol", "option", "p", "section", "table", "tbody", "tfoot", "thead", "tr", "ul":
		return block
	case "td", "th":
		return cell
	case "blockquote":
		return quotation
	case "script", "style", "title", "noframes":
		return unseen
	case "a":
		return anchor
	case "pre":
		return preformatted
	case "br", "hr":
		return empty
	case "img", "meta", "link", "input", "base", "wbr", "col":
		return emptyI
	}
	return inline
}

func (r *htmlReader) opening(name, rest []byte) {
	does := effectOf(name)
	if r.hidden.name != nil {
		if bytes.EqualFold(name, r.hidden.name) {
			r.hidden.depth++
		}
	} else if does != empty && does != emptyI && hides(rest) {
		r.hide(name)
	}
	switch does {
	case block, empty:
		r.newLine()
		if namesAuthor(rest) {
			r.out, r.fresh = append(r.out, Mark), false
		}
	case cell:
		r.space = true
	case preformatted:
		r.newLine()
		r.pre++
	case quotation:
		r.newLine()
		r.quotes++
	case unseen:
		r.skipUnseen(name)
	case anchor:
		r.link, r.linked = mailto(rest), len(r.out)
	}
}

func (r *htmlReader) closing(name []byte) {
	switch effectOf(name) {
	case block:
		r.newLine()
	case cell:
		r.space = true
	case preformatted:
		r.newLine()
		r.pre = max(0, r.pre-1)
	case quotation:
		r.newLine()
		r.quotes = max(0, r.quotes-1)
	case anchor:
		// The address behind a link is what an answer goes to.
		if r.link != nil && bytes.IndexByte(r.out[min(r.linked, len(r.out)):], '@') < 0 {
			r.space = true
			r.glyph("<" + string(r.link) + ">")
		}
		r.link = nil
	}
	if r.hidden.name != nil && bytes.EqualFold(name, r.hidden.name) {
		if r.hidden.depth--; r.hidden.depth == 0 {
			r.unhide()
		}
	}
}

// skipUnseen passes over the content of a script or style sheet.
func (r *htmlReader) skipUnseen(name []byte) {
	if strings.Contains(r.unended, strings.ToLower(string(name))) {
		return
	}
	for rest := r.in; ; {
		i := bytes.Index(rest, []byte("</"))
		if i < 0 {
			r.unended += strings.ToLower(string(name)) + " " // it is text, then
			return
		}
		rest = rest[i+2:]
		if len(rest) >= len(name) && bytes.EqualFold(rest[:len(name)], name) {
			r.in = rest[len(name):]
			r.skipTag(0)
			return
		}
	}
}

// mayHide reports whether a colon stands between the letters of one of the signs
// below, which few tags have.
func mayHide(rest []byte) bool {
	for last := byte(0); ; { // what stands before the colon
		colon := bytes.IndexByte(rest, ':')
		if colon < 0 {
			return false
		}
		for i := colon - 1; i >= 0; i-- {
			if rest[i] > ' ' {
				last = rest[i] | 0x20
				break
			}
		}
		rest = rest[colon+1:]
		for len(rest) > 0 && rest[0] <= ' ' {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return false
		}
		switch first := rest[0] | 0x20; {
		case last == 'y' && (first == 'n' || first == 'h'), last == 'e' && (first == 'a' || first == '0'):
			return true
		}
	}
}

// hides reports whether an element says that it is not shown.
func hides(rest []byte) bool {
	if !mayHide(rest) {
		return false
	}
	_, style, ok := cutFold(rest, "style")
	if !ok {
		return false
	}
	var small [256]byte
	n := 0
	for _, c := range style {
		if n == len(small) {
			break
		}
		if c > ' ' {
			small[n], n = c|0x20, n+1 // of what is looked for, only "-" and ":" and digits: they stay
		}
	}
	s := small[:n]
	for _, sign := range []string{"display:none", "visibility:hidden", "mso-hide:all", "font-size:0"} {
		if i := bytes.Index(s, []byte(sign)); i >= 0 {
			after := s[i+len(sign):]
			if sign != "font-size:0" || len(after) == 0 || after[0] != '.' {
				return true
			}
		}
	}
	return false
}

// cutFold finds a lower-case word.
func cutFold(s []byte, word string) (before, after []byte, ok bool) {
	for i := 0; i+len(word) <= len(s); i++ {
		if s[i]|0x20 == word[0] && hasPrefixFold(s[i:], word) {
			return s[:i], s[i+len(word):], true
		}
	}
	return s, nil, false
}

func (r *htmlReader) hide(name []byte) {
	r.hidden.name, r.hidden.depth, r.hidden.begin = name, 1, len(r.out)
}

// unhide puts the hidden text aside.
func (r *htmlReader) unhide() {
	if r.hidden.name == nil {
		return
	}
	h := &r.hidden
	if text := r.out[h.begin:]; len(text) > 0 {
		h.aside = append(append(h.aside, text...), '\n')
	}
	r.out, h.name = r.out[:h.begin], nil
	r.fresh = len(r.out) == 0 || r.out[len(r.out)-1] == '\n'
}

// authorClasses are what mail programs call the line that names the author of
// a quotation: Gmail, Thunderbird.
var authorClasses = []string{"gmail_attr", "moz-cite-prefix"}

func namesAuthor(rest []byte) bool {
	if len(rest) < len("class=x") {
		return false
	}
	for _, class := range authorClasses {
		if bytes.Contains(rest, []byte(class)) {
			return true
		}
	}
	return false
}

// mailto returns the address of a mailto link; nil if it is another.
func mailto(rest []byte) []byte {
	_, after, ok := cutFold(rest, "mailto:")
	if !ok {
		return nil
	}
	end := bytes.IndexAny(after, "\"'?> \t\n")
	if end < 0 {
		end = len(after)
	}
	if address := after[:end]; bytes.IndexByte(address, '@') > 0 && len(address) <= maxMailto {
		return address
	}
	return nil
}

const maxMailto = 320
