// Package text reads the text of a message: the text/plain and text/html parts,
// transfer encodings and character sets decoded, HTML turned into lines, and the
// header sections of attached messages. RFC 2045, Section 6, RFC 2046.
//
// Both forms of a multipart/alternative are read: which of them is shown is the
// reader's choice. Attachments are passed over undecoded. Nothing is judged:
// mail.WalkMIME refuses structures that two programs may read differently.
package text

import (
	"bytes"
	"io"
	"sync"

	"mxgate/policy/mail"
)

// Limits of what is read of one message.
const (
	MaxOctets   = 256 << 10 // decoded, of all parts together
	maxParts    = 100       // of text, header sections of attached messages among them
	maxValue    = 2 << 10   // octets of one field that describes a part
	maxBoundary = 200       // as in mail.WalkMIME
	blockOctets = 32 << 10  // a longer line comes in pieces
)

// Part is a piece of text.
type Part struct {
	Text   []byte // valid UTF-8, lines end in "\n", nothing invisible in it but Mark; good until the function it was given to returns
	Header bool   // the header section of an attached message
	Quoted bool   // it stands in an attached message
}

// Mark begins a line that HTML marks as naming the author of a quotation. It
// comes from nothing that a sender can write as text.
const Mark = '\x01'

// Each calls do for each piece of the text of m, in order, and returns which
// limit kept the rest from being read, "" if none did. m is read once; time is
// linear in its length, memory is bounded by MaxOctets.
func Each(m *mail.Message, do func(Part)) (unread string) {
	w := walkers.Get().(*walker)
	defer func() {
		w.do = nil
		walkers.Put(w)
	}()
	w.reset(do)
	for _, f := range m.Fields {
		if describes(f.Name) != nil {
			w.field(f.Raw)
		}
	}
	w.endHeader()
	if w.take == skip && len(w.open) == 0 {
		return "" // one part, and no text
	}
	if w.unread == "" {
		w.walk(m.Body())
	}
	if w.unread == "" {
		w.endPart()
	}
	return w.unread
}

var walkers = sync.Pool{New: func() any { return new(walker) }}

// taking is what becomes of the lines of a part.
type taking byte

const (
	skip taking = iota
	header
	plain
	html
)

// walker is the state of one pass.
type walker struct {
	block    [blockOctets]byte
	do       func(Part)
	unread   string
	take     taking
	open     []string // boundaries of the open multiparts, outermost first
	attached []int    // how many were open where each attached message began
	left     int      // octets that may be decoded yet
	parts    int
	fields   [3][]byte // values of Content-Type, Content-Transfer-Encoding, Content-Disposition
	into     *[]byte   // which of them is being unfolded; nil for none
	cte      byte      // 'q', 'b', or 0 for none
	base64   base64State
	charset  string
	text     []byte // decoded so far, of this part
	lines    []byte // of HTML
	keep     bool   // the header section being read is that of an attached message
	inside   bool   // what comes next is the rest of a line longer than the block
}

func (w *walker) reset(do func(Part)) {
	w.do, w.unread, w.open, w.attached = do, "", w.open[:0], w.attached[:0]
	w.left, w.parts, w.inside = MaxOctets, 0, false
	w.startHeader(false)
}

// walk takes the lines of the body.
func (w *walker) walk(body io.Reader) {
	held := 0 // octets of a line whose end was not in the block
	for w.unread == "" {
		n, err := body.Read(w.block[held:])
		n += held
		taken := w.whole(w.block[:n])
		held = n - taken
		if held > 0 && w.unread == "" && (held == len(w.block) || err != nil) {
			end := n
			if err == nil { // an encoded octet stays in one piece
				if i := bytes.LastIndexByte(w.block[n-2:n], '='); i >= 0 {
					end = n - 2 + i
				}
			}
			w.line(w.block[taken:end])
			w.inside, held = true, n-end
		}
		if err != nil {
			if err != io.EOF {
				w.unread = "the message could not be read to its end"
			}
			return
		}
		copy(w.block[:held], w.block[n-held:n])
	}
}

// whole takes the whole lines at the beginning of b and returns their length.
func (w *walker) whole(b []byte) (taken int) {
	for w.unread == "" {
		if w.take == skip { // only a line that may be a boundary is looked at
			if !w.inside && bytes.HasPrefix(b[taken:], dashes[1:]) {
				// at the start of such a line
			} else if i := bytes.Index(b[taken:], dashes); i >= 0 {
				taken += i + 1
				w.inside = false
			} else {
				if i := bytes.LastIndexByte(b[taken:], '\n'); i >= 0 {
					taken += i + 1
					w.inside = false
				}
				return taken
			}
		}
		i := bytes.IndexByte(b[taken:], '\n')
		if i < 0 {
			return taken
		}
		w.line(b[taken : taken+i+1])
		w.inside = false
		taken += i + 1
	}
	return taken
}

var dashes = []byte("\n--")

// line takes a line with its end, or a piece of a long one.
func (w *walker) line(line []byte) {
	if !w.inside && len(w.open) > 0 && len(line) > 2 && line[0] == '-' && line[1] == '-' && w.boundary(line[2:]) {
		return
	}
	switch w.take {
	case header:
		w.headerLine(line)
	case plain, html:
		if w.left -= w.decode(line); w.left < 0 {
			w.text = w.text[:len(w.text)+w.left]
			w.endPart()
			w.unread = "more than 256 KiB of text"
		}
	}
}

// boundary handles a line that may delimit a part. An outer boundary closes the
// inner ones: RFC 2046, Section 5.1.2.
func (w *walker) boundary(line []byte) bool {
	line = bytes.TrimRight(line, " \t\r\n")
	for i := len(w.open) - 1; i >= 0; i-- {
		if !bytes.HasPrefix(line, []byte(w.open[i])) {
			continue
		}
		rest := line[len(w.open[i]):]
		switch {
		case len(rest) == 0:
			w.endPart()
			w.open = w.open[:i+1]
			w.leaveAttached()
			w.startHeader(false)
			return true
		case string(rest) == "--":
			w.endPart()
			w.open = w.open[:i]
			w.leaveAttached()
			w.take = skip
			return true
		}
	}
	return false
}

// leaveAttached forgets the attached messages that ended.
func (w *walker) leaveAttached() {
	for n := len(w.attached); n > 0 && w.attached[n-1] >= len(w.open); n-- {
		w.attached = w.attached[:n-1]
	}
}
