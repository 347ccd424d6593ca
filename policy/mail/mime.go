package mail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"sync"
)

// Limits of the MIME walk, SMTP-DUTIES F9: one budget for multipart and
// message/rfc822 together. The fields of one part may have MaxHeaderOctets.
const (
	MaxMIMEDepth   = 64
	MaxMIMEParts   = 1000
	maxBoundary    = 200      // RFC 2046, Section 5.1.1 allows 70
	maxContentType = 8 << 10  // of one value; less than maxMIMELine, so that a longer line is seen
	maxMIMELine    = 32 << 10 // what is held of one line
)

// ErrUnscannable says that the MIME structure exceeds a limit or contradicts itself.
var ErrUnscannable = errors.New("mail: MIME structure cannot be examined")

// WalkMIME checks the MIME structure of m against the limits in one pass over
// the body, holding one line and one Content-Type at a time: a hostile structure
// costs time in proportion to its length, and memory of the limits above. It
// returns the header fields that signed mail protects, not those inside attached
// messages, in their order; or ErrUnscannable, or an error of reading.
//
// We scan for boundary lines ourselves rather than nest readers as MIME
// libraries do: with nested readers each line is read once for each level, and
// one known library takes seconds for a message of a kilobyte.
func WalkMIME(m *Message) ([]ProtectedHeader, error) {
	w := &mimeWalk{header: true}
	for _, f := range m.Fields {
		if f.Is("Content-Type") {
			if err := w.startType([]byte(f.Value())); err != nil {
				return nil, err
			}
		}
	}
	if err := w.endHeader(); err != nil {
		return nil, err
	}
	if len(w.open) == 0 && !w.header {
		return nil, nil // a single part: nothing to walk
	}
	if err := w.walk(m.Body()); err != nil {
		return nil, err
	}
	if err := w.inner.end(w.contentType); err != nil { // a header section that the message ends in
		return nil, err
	}
	return w.inner.found, nil
}

// mimeBlocks holds what walk reads the body into.
var mimeBlocks = sync.Pool{New: func() any { return new([maxMIMELine]byte) }}

// walk takes the lines of the body. A line longer than the block comes in pieces.
func (w *mimeWalk) walk(body io.Reader) error {
	block := mimeBlocks.Get().(*[maxMIMELine]byte)
	defer mimeBlocks.Put(block)
	held := 0 // octets of a line whose end was not in the block
	for {
		n, rerr := body.Read(block[held:])
		n += held
		taken, err := w.lines(block[:n])
		if err != nil {
			return err
		}
		held = n - taken
		if held == len(block) || rerr == io.EOF {
			if err := w.piece(block[taken:n]); err != nil {
				return err
			}
			w.continued, held = true, 0
		}
		switch rerr {
		case nil:
		case io.EOF:
			return nil
		default:
			return fmt.Errorf("mail: reading the body: %w", rerr)
		}
		copy(block[:held], block[n-held:n])
	}
}

// lines takes the whole lines at the beginning of b and returns their length.
// Outside of header sections only lines that may be a boundary are looked at.
func (w *mimeWalk) lines(b []byte) (taken int, err error) {
	for {
		if !w.header && !bytes.HasPrefix(b[taken:], dashed[1:]) {
			i := bytes.Index(b[taken:], dashed)
			if i < 0 {
				i = bytes.LastIndexByte(b[taken:], '\n')
			}
			if i < 0 {
				return taken, nil
			}
			taken, w.continued = taken+i+1, false
		}
		i := bytes.IndexByte(b[taken:], '\n')
		if i < 0 {
			return taken, nil
		}
		line := b[taken : taken+i+1]
		taken += i + 1
		if w.header || w.mayBound(line) {
			if err := w.piece(line); err != nil {
				return taken, err
			}
		}
		w.continued = false
	}
}

// dashed is the end of a line before one that may be a boundary.
var dashed = []byte("\n--")

// mayBound reports whether a line that begins with two dashes, its end with it,
// goes on as the boundary of an open multipart does: few do, and the others need
// not be looked at closely.
func (w *mimeWalk) mayBound(line []byte) bool {
	text := line[len(dashed)-1:]
	for _, boundary := range w.open {
		if n := len(boundary); n < len(text) && (text[n] <= ' ' || text[n] == '-') && string(text[:n]) == boundary {
			return true
		}
	}
	return false
}

// piece takes a line, or a part of a long one.
func (w *mimeWalk) piece(b []byte) error {
	if w.continued {
		return w.count(b)
	}
	return w.line(b)
}

// mimeWalk is the state of one pass.
type mimeWalk struct {
	open        []string // boundaries of the open multiparts, outermost first
	depth       int      // message/rfc822 levels inside them count too
	nested      []int    // depth at which each open multipart began
	parts       int
	header      bool   // reading the header section of a part
	octets      int    // of the fields in it so far
	inField     bool   // the last line is part of a field
	contentType []byte // of the part; nil if it has none so far
	inType      bool   // that field is still being unfolded
	continued   bool   // what comes next is the rest of a line longer than the block
	inner       protection
}

// attached reports whether the walk is inside a message/rfc822, which has a
// level of its own.
func (w *mimeWalk) attached() bool { return w.depth > len(w.open) }

// line takes one line of the body, or the start of a long one.
func (w *mimeWalk) line(whole []byte) error {
	line := bytes.TrimRight(whole, "\r\n")
	if len(line) > 2 && line[0] == '-' && line[1] == '-' {
		if done, err := w.boundary(line[2:]); done || err != nil {
			return err
		}
	}
	if !w.header {
		return nil
	}
	if len(line) == 0 {
		return w.endHeader()
	}
	if line[0] == ' ' || line[0] == '\t' {
		if w.inType {
			if err := w.growType(line); err != nil {
				return err
			}
		}
		w.inner.fold(whole)
		return w.count(whole)
	}
	name := fieldName(line)
	if !w.attached() || w.inner.payload {
		w.inner.field(name, whole)
	}
	w.inField, w.inType = name != "", false
	if strings.EqualFold(name, "Content-Type") {
		if err := w.startType(line[bytes.IndexByte(line, ':')+1:]); err != nil {
			return err
		}
	}
	return w.count(whole)
}

// count takes a line, or the rest of a long one, towards the limit of a header
// section. What is no field does not count: a message/rfc822 that is encoded in
// base64, against RFC 2046, Section 5.2.1, has no header section to us and no
// end of it.
func (w *mimeWalk) count(line []byte) error {
	if !w.header || !w.inField {
		return nil
	}
	if w.octets += len(line); w.octets > MaxHeaderOctets {
		return fmt.Errorf("%w: a part with a header section of more than %d octets", ErrUnscannable, MaxHeaderOctets)
	}
	return nil
}

// startType takes the first line of a Content-Type value. A second field is an
// error at once: two clients may see two different messages.
func (w *mimeWalk) startType(value []byte) error {
	if w.contentType != nil {
		return fmt.Errorf("%w: a part with two Content-Type fields", ErrUnscannable)
	}
	w.contentType, w.inType = []byte{}, true
	return w.growType(value)
}

func (w *mimeWalk) growType(value []byte) error {
	if len(w.contentType)+len(value) > maxContentType {
		return fmt.Errorf("%w: a Content-Type of more than %d octets", ErrUnscannable, maxContentType)
	}
	w.contentType = append(w.contentType, value...)
	return nil
}

// startHeader begins the header section of a part.
func (w *mimeWalk) startHeader() {
	w.header, w.octets, w.inField, w.contentType, w.inType = true, 0, false, nil, false
}

// boundary handles a line that may delimit a part of an open multipart. An
// outer boundary closes the inner ones: RFC 2046, Section 5.1.2.
func (w *mimeWalk) boundary(text []byte) (bool, error) {
	text = bytes.TrimRight(text, " \t")
	for i := len(w.open) - 1; i >= 0; i-- {
		rest, ok := bytes.CutPrefix(text, []byte(w.open[i]))
		if ok && (len(rest) == 0 || string(rest) == "--") {
			if err := w.inner.end(w.contentType); err != nil { // of a part without an empty line
				return true, err
			}
			w.inner.startPart(i == len(w.open)-1 && w.nested[i] == i+1)
		}
		switch {
		case ok && len(rest) == 0: // next part
			w.depth, w.open, w.nested = w.nested[i], w.open[:i+1], w.nested[:i+1]
			w.startHeader()
			w.parts++
			if w.parts > MaxMIMEParts {
				return true, fmt.Errorf("%w: more than %d parts", ErrUnscannable, MaxMIMEParts)
			}
			return true, nil
		case ok && string(rest) == "--": // closes this multipart
			w.open, w.depth, w.nested = w.open[:i], w.nested[i]-1, w.nested[:i]
			w.header = false
			return true, nil
		}
	}
	return false, nil
}

// endHeader acts on the Content-Type of the part whose header section ended.
func (w *mimeWalk) endHeader() error {
	w.header = false
	if err := w.inner.end(w.contentType); err != nil {
		return err
	}
	if !hasWord(w.contentType, "boundary") && !hasWord(w.contentType, "message") { // most: nothing is inside
		return nil
	}
	kind, boundary, err := mediaType(string(w.contentType))
	if err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(kind, "multipart/") && boundary != "":
		w.open = append(w.open, boundary)
		w.depth++
		w.nested = append(w.nested, w.depth)
		w.inner.awaits = kind == "multipart/signed"
	case kind == "message/rfc822" || kind == "message/global":
		w.inner.payload = w.inner.payload && !w.attached() // signed as a whole; what is attached to it is not
		w.depth++
		w.startHeader() // of the message in it
	}
	if w.depth > MaxMIMEDepth {
		return fmt.Errorf("%w: nested deeper than %d", ErrUnscannable, MaxMIMEDepth)
	}
	return nil
}

// hasWord reports whether word, which is in lower case, is anywhere in text.
func hasWord(text []byte, word string) bool {
	for i := 0; i+len(word) <= len(text); i++ {
		n := 0
		for n < len(word) && text[i+n]|0x20 == word[n] {
			n++
		}
		if n == len(word) {
			return true
		}
	}
	return false
}

// lowerASCII lowers A-Z only, so that offsets into the result are offsets into s.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// mediaType reads the type and the boundary parameter of a Content-Type value,
// strictly if possible and by search otherwise, as mail clients do.
func mediaType(value string) (kind, boundary string, err error) {
	kind, params, perr := mime.ParseMediaType(value)
	if perr == nil {
		boundary = params["boundary"]
	} else {
		// The standard parser refuses duplicates among other things; two
		// boundaries mean that two clients may see two different messages.
		lower := lowerASCII(value)
		if strings.Count(lower, "boundary=") > 1 {
			return "", "", fmt.Errorf("%w: two boundary parameters", ErrUnscannable)
		}
		kind, _, _ = strings.Cut(lower, ";")
		kind = strings.TrimSpace(kind)
		if _, after, ok := strings.Cut(lower, "boundary="); ok {
			after = value[len(value)-len(after):]
			if inner, ok := strings.CutPrefix(after, `"`); ok {
				boundary, _, _ = strings.Cut(inner, `"`)
			} else {
				boundary, _, _ = strings.Cut(after, ";")
			}
			boundary = strings.TrimSpace(boundary)
		}
	}
	if len(boundary) > maxBoundary {
		return "", "", fmt.Errorf("%w: a boundary of more than %d characters", ErrUnscannable, maxBoundary)
	}
	return kind, boundary, nil
}
