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
	"unicode/utf8"

	"mxgate/policy/mail"
)

// Limits of what is read of one message.
const (
	MaxOctets   = 256 << 10         // decoded, of all parts together
	maxParts    = 100               // of text, header sections of attached messages among them
	maxSections = mail.MaxMIMEParts // parts of any kind
	maxHeaders  = 256 << 10         // octets of the header sections of all parts
	maxLooks    = 2 << 20           // at lines that begin with "--", lookCost for each and one for each open multipart
	lookCost    = 8
	maxValue    = 2 << 10  // octets of one field that describes a part
	maxBoundary = 200      // as in mail.WalkMIME
	blockOctets = 32 << 10 // a longer line comes in pieces
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
	if w.unread == "" {
		w.walk(m.Body())
	}
	if w.unread == "" {
		w.endPart()
	}
	if w.unread == "" && !w.said && w.enclosed != "" {
		w.unread = "its text is enclosed in " + w.enclosed
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
	open     []string  // boundaries of the open multiparts, outermost first
	attached []int     // how many were open where each attached message began
	left     int       // octets that may be decoded yet
	parts    int       // of text, so far
	sections int       // parts of any kind, so far
	headers  int       // octets of their header sections
	looks    int       // at lines that may delimit a part
	fields   [3][]byte // values of Content-Type, Content-Transfer-Encoding, Content-Disposition
	into     *[]byte   // which of them is being unfolded; nil for none
	cte      byte      // 'q', 'b', or 0 for none
	base64   base64State
	charset  string
	text     []byte // decoded so far, of this part
	lines    []byte // of HTML
	calendar bool   // this part is an invitation
	enclosed string // the type of a part that holds others we do not open; "" if there is none
	said     bool   // there was text
	keep     bool   // the header section being read is that of an attached message
	inside   bool   // what comes next is the rest of a line longer than the block
}

func (w *walker) reset(do func(Part)) {
	w.do, w.unread, w.open, w.attached = do, "", w.open[:0], w.attached[:0]
	w.left, w.parts, w.inside, w.enclosed, w.said = MaxOctets, 0, false, "", false
	w.sections, w.headers, w.looks = 0, 0, 0
	w.startHeader(false)
}

// walk takes the lines of the body.
func (w *walker) walk(body io.Reader) {
	held := 0 // octets of a line whose end was not in the block
	for w.unread == "" && !w.over() {
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

// over reports whether the last multipart has ended: no text can follow.
func (w *walker) over() bool { return w.take == skip && len(w.open) == 0 }

// whole takes the whole lines at the beginning of b and returns their length.
func (w *walker) whole(b []byte) (taken int) {
	for w.unread == "" {
		if w.take == skip || w.take != header && w.cte != 'q' { // only lines that may be a boundary are looked at one by one
			n, more := w.beforeDashes(b[taken:])
			if n > 0 {
				w.content(b[taken : taken+n])
				w.inside = false
				taken += n
			}
			if !more || w.unread != "" {
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

// beforeDashes returns the length of the whole lines before one that begins as
// boundaries do, and whether there is such a line.
func (w *walker) beforeDashes(b []byte) (n int, more bool) {
	if len(w.open) > 0 {
		if !w.inside && bytes.HasPrefix(b, dashes[1:]) {
			return 0, true
		}
		if i := bytes.Index(b, dashes); i >= 0 {
			return i + 1, true
		}
	}
	return bytes.LastIndexByte(b, '\n') + 1, false
}

var dashes = []byte("\n--")

// line takes a line with its end, or a piece of a long one.
func (w *walker) line(line []byte) {
	switch {
	case !w.inside && len(w.open) > 0 && bytes.HasPrefix(line, dashes[1:]) && w.boundary(line[2:]):
	case w.take == header:
		w.headerLine(line)
	default:
		w.content(line)
	}
}

// content takes what stands in a part.
func (w *walker) content(b []byte) {
	if w.take != plain && w.take != html {
		return
	}
	if w.left -= w.decode(b); w.left < 0 {
		end := len(w.text) + w.left
		for i := 0; i < utf8.UTFMax && end > 0 && !utf8.RuneStart(w.text[end]); i++ {
			end-- // half a character would make all of it no UTF-8
		}
		w.text = w.text[:end]
		w.stop("more than 256 KiB of text")
	}
}

// stop gives what was read and reads no more.
func (w *walker) stop(limit string) {
	if w.take == plain || w.take == html {
		w.endPart()
	}
	w.unread = limit
}

// boundary handles a line that may delimit a part. An outer boundary closes the
// inner ones: RFC 2046, Section 5.1.2.
func (w *walker) boundary(line []byte) bool {
	if w.looks += lookCost + len(w.open); w.looks > maxLooks {
		w.stop("more lines like boundaries than are read")
		return true
	}
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
			if w.sections++; w.sections > maxSections {
				w.stop("more parts than are read")
				return true
			}
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
