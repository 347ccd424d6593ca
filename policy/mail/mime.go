package mail

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
)

// Limits of the MIME walk, SMTP-DUTIES F9: one budget for multipart and
// message/rfc822 together.
const (
	MaxMIMEDepth = 64
	MaxMIMEParts = 1000
	maxBoundary  = 200 // RFC 2046, Section 5.1.1 allows 70
)

// ErrUnscannable says that the MIME structure exceeds a limit or contradicts itself.
var ErrUnscannable = errors.New("mail: MIME structure cannot be examined")

// WalkMIME checks the MIME structure of m against the limits in one pass over
// the body, holding one line at a time: a hostile structure costs no more than
// its own length. It returns ErrUnscannable, or an error of reading.
//
// We scan for boundary lines ourselves rather than nest readers as MIME
// libraries do: with nested readers each line is read once for each level, and
// one known library takes seconds for a message of a kilobyte.
func WalkMIME(m *Message) error {
	w := &mimeWalk{header: true}
	for _, f := range m.Fields {
		if f.Is("Content-Type") {
			w.contentType = append(w.contentType, f.Value())
		}
	}
	if err := w.endHeader(); err != nil {
		return err
	}
	if len(w.open) == 0 && !w.header {
		return nil // a single part: nothing to walk
	}
	r := bufio.NewReaderSize(m.Body(), 32<<10)
	continued := false // the rest of a line longer than the buffer
	for {
		line, err := r.ReadSlice('\n')
		if !continued {
			if err := w.line(bytes.TrimRight(line, "\r\n")); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
			continued = false
		case errors.Is(err, bufio.ErrBufferFull):
			continued = true
		case errors.Is(err, io.EOF):
			return nil
		default:
			return fmt.Errorf("mail: reading the body: %w", err)
		}
	}
}

// mimeWalk is the state of one pass.
type mimeWalk struct {
	open        []string // boundaries of the open multiparts, outermost first
	depth       int      // message/rfc822 levels inside them count too
	nested      []int    // depth at which each open multipart began
	parts       int
	header      bool // reading the header section of a part
	contentType []string
	current     []byte // the Content-Type field being unfolded, nil if another field is read
}

// line takes one line of the body without its end.
func (w *mimeWalk) line(line []byte) error {
	if len(line) > 2 && line[0] == '-' && line[1] == '-' {
		if done, err := w.boundary(line[2:]); done || err != nil {
			return err
		}
	}
	if !w.header {
		return nil
	}
	if len(line) == 0 {
		w.endField()
		return w.endHeader()
	}
	if line[0] == ' ' || line[0] == '\t' {
		if w.current != nil && len(w.current) < MaxFieldOctets {
			w.current = append(w.current, line...)
		}
		return nil
	}
	w.endField()
	if name := fieldName(line); strings.EqualFold(name, "Content-Type") {
		w.current = append([]byte{}, line[bytes.IndexByte(line, ':')+1:]...)
	}
	return nil
}

func (w *mimeWalk) endField() {
	if w.current != nil {
		w.contentType = append(w.contentType, string(w.current))
		w.current = nil
	}
}

// boundary handles a line that may delimit a part of an open multipart. An
// outer boundary closes the inner ones: RFC 2046, Section 5.1.2.
func (w *mimeWalk) boundary(text []byte) (bool, error) {
	text = bytes.TrimRight(text, " \t")
	for i := len(w.open) - 1; i >= 0; i-- {
		rest, ok := bytes.CutPrefix(text, []byte(w.open[i]))
		switch {
		case ok && len(rest) == 0: // next part
			w.depth, w.open, w.nested = w.nested[i], w.open[:i+1], w.nested[:i+1]
			w.header, w.contentType, w.current = true, nil, nil
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
	types := w.contentType
	w.contentType = nil
	if len(types) == 0 {
		return nil
	}
	if len(types) > 1 {
		return fmt.Errorf("%w: a part with %d Content-Type fields", ErrUnscannable, len(types))
	}
	kind, boundary, err := mediaType(types[0])
	if err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(kind, "multipart/") && boundary != "":
		w.open = append(w.open, boundary)
		w.depth++
		w.nested = append(w.nested, w.depth)
	case kind == "message/rfc822" || kind == "message/global":
		w.depth++
		w.header = true // its header section follows
	}
	if w.depth > MaxMIMEDepth {
		return fmt.Errorf("%w: nested deeper than %d", ErrUnscannable, MaxMIMEDepth)
	}
	return nil
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
