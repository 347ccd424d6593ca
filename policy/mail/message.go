package mail

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Limits of the header section, SMTP-DUTIES F6. What exceeds them is refused:
// no honest message comes near, and every check is linear in them.
const (
	MaxHeaderOctets = 1 << 20
	MaxFieldOctets  = 128 << 10
	MaxFields       = 2000
)

// maxVisibleName is longer than any name that someone looks for.
const maxVisibleName = 256

// ErrHeaderLimit says that a header section exceeds a limit above.
var ErrHeaderLimit = errors.New("mail: header section exceeds a limit")

// Field is one header field as received.
type Field struct {
	Name string // as written, without white space before the colon; "" for a line that is no field
	Raw  []byte // name, colon, value, folding and the final line end
}

// Is reports whether f has the given name, ignoring case.
func (f Field) Is(name string) bool { return strings.EqualFold(f.Name, name) }

// VisibleName returns the name that a lenient reader may see: all before the
// first colon, without controls, white space and non-ASCII octets, and without
// what stands behind maxVisibleName octets of it; "" without a colon. For a
// field with a Name it is that name.
func (f Field) VisibleName() string {
	if f.Name != "" {
		return f.Name[:min(len(f.Name), maxVisibleName)]
	}
	var name []byte
	for _, c := range f.Raw[:max(0, bytes.IndexByte(f.Raw, ':'))] {
		if c > ' ' && c < 0x7f && len(name) < maxVisibleName {
			name = append(name, c)
		}
	}
	return string(name)
}

// Value returns the unfolded value without surrounding white space. NUL and
// stray CR are kept: the caller decides what they mean.
func (f Field) Value() string {
	raw := f.Raw
	if f.Name != "" {
		raw = raw[bytes.IndexByte(raw, ':')+1:]
	}
	var b strings.Builder
	b.Grow(len(raw))
	for line := range bytes.Lines(raw) {
		b.Write(bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")))
	}
	return strings.Trim(b.String(), " \t")
}

// Message is a message as received: its bytes, and its header fields newest
// first, as they stand.
type Message struct {
	Fields       []Field
	HeaderOctets int // the header section with the empty line that ends it, if there is one
	Junk         int // lines in the header section that are no field
	NoBlankLine  bool
	Size         int64 // octets of the whole content
	content      io.ReaderAt
	mixedEnd     bool // the empty line ends in CRLF and the line above it in LF, or the other way round
}

// ParseMessage splits the header section of a message of size octets held by
// content, which must stay readable and unchanged while the Message is used.
//
// Lines may end in CRLF or LF. What a mail client survives is survived: junk
// lines, a leading continuation line, an mbox "From " line, white space before
// the colon. It fails with ErrHeaderLimit, or with an error of content.
//
// With ErrHeaderLimit the Message has the fields that stand before the limit, for
// reports: what is missing may be all that matters, so nothing passes by it.
func ParseMessage(content io.ReaderAt, size int64) (*Message, error) {
	m := &Message{Size: size, content: content}
	header, err := m.readHeader()
	if err != nil && !errors.Is(err, ErrHeaderLimit) {
		return nil, err
	}
	m.HeaderOctets = len(header)
	return m, cmp.Or(m.split(header), err)
}

// headerBlocks are what nearly every header section fits into; it is read into
// one of them, so that no more than its own length has to be kept.
var headerBlocks = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// readHeader returns the octets up to and with the first empty line. With
// ErrHeaderLimit they are the whole lines before the limit.
func (m *Message) readHeader() ([]byte, error) {
	block := headerBlocks.Get().(*[16 << 10]byte)
	defer headerBlocks.Put(block)
	header, err := m.headerWithin(block[:])
	return bytes.Clone(header), err
}

// headerWithin reads the header section into buf if it fits there, else into
// a larger one.
func (m *Message) headerWithin(buf []byte) ([]byte, error) {
	window := int64(len(buf))
	for {
		n := min(window, m.Size)
		if n > int64(len(buf)) {
			buf = make([]byte, n)
		}
		buf = buf[:n]
		if _, err := io.ReadFull(io.NewSectionReader(m.content, 0, n), buf); err != nil {
			return nil, fmt.Errorf("mail: reading the header section: %w", err)
		}
		if end := headerEnd(buf); end >= 0 {
			if end > MaxHeaderOctets {
				return beforeLimit(buf)
			}
			return buf[:end], nil
		}
		if n == m.Size && n <= MaxHeaderOctets {
			m.NoBlankLine = true
			return buf, nil
		}
		if n > MaxHeaderOctets {
			return beforeLimit(buf)
		}
		window = min(window*8, MaxHeaderOctets+1)
	}
}

// beforeLimit returns what can be read of a header section that is too long.
func beforeLimit(header []byte) ([]byte, error) {
	header = header[:bytes.LastIndexByte(header[:MaxHeaderOctets], '\n')+1]
	return header, fmt.Errorf("%w: more than %d octets", ErrHeaderLimit, MaxHeaderOctets)
}

// headerEnd returns the offset behind the first empty line, or -1.
func headerEnd(b []byte) int {
	for off := 0; off < len(b); {
		i := bytes.IndexByte(b[off:], '\n')
		if i < 0 {
			return -1
		}
		if i == 0 || i == 1 && b[off] == '\r' {
			return off + i + 1
		}
		off += i + 1
	}
	return -1
}

// isBlank reports whether line is what headerEnd takes for the empty line: a
// line of several CR is junk among the fields, not their end.
func isBlank(line []byte) bool {
	return len(line) == 1 && line[0] == '\n' || len(line) == 2 && line[0] == '\r' && line[1] == '\n'
}

// usualFields are as many as most messages have.
const usualFields = 32

func (m *Message) split(header []byte) error {
	m.Fields = make([]Field, 0, usualFields)
	start, end := 0, 0 // of the field being read, in header
	for line := range bytes.Lines(header) {
		if isBlank(line) {
			m.mixedEnd = bytes.HasSuffix(header[:end], []byte("\r\n")) != (len(line) == 2)
			break
		}
		last := len(m.Fields) - 1
		folded := (line[0] == ' ' || line[0] == '\t') && last >= 0
		if !folded {
			start = end
		}
		end += len(line)
		if end-start > MaxFieldOctets {
			if folded {
				m.Fields = m.Fields[:last] // half a field says what nobody wrote
			}
			return fmt.Errorf("%w: a field of more than %d octets", ErrHeaderLimit, MaxFieldOctets)
		}
		if folded {
			m.Fields[last].Raw = header[start:end:end]
			continue
		}
		if len(m.Fields) == MaxFields {
			return fmt.Errorf("%w: more than %d fields", ErrHeaderLimit, MaxFields)
		}
		name := fieldName(line)
		if name == "" {
			m.Junk++
		}
		m.Fields = append(m.Fields, Field{Name: name, Raw: header[start:end:end]})
	}
	return nil
}

// fieldName returns the name of the field that line starts, or "".
func fieldName(line []byte) string {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return ""
	}
	name := bytes.TrimRight(line[:colon], " \t")
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return "" // RFC 5322, Section 3.6.8
		}
	}
	if usual, ok := usualNames[string(name)]; ok {
		return usual // not a string of its own for each field of each message
	}
	return string(name)
}

// usualNames are field names that most messages have.
var usualNames = func() map[string]string {
	names := map[string]string{}
	for name := range strings.FieldsSeq(`From To Cc Subject Date Message-ID Message-Id Reply-To Sender References In-Reply-To
		Received Return-Path Delivered-To MIME-Version Mime-Version Content-Type Content-Transfer-Encoding Content-Language Content-Disposition
		DKIM-Signature Authentication-Results Received-SPF ARC-Seal ARC-Message-Signature ARC-Authentication-Results
		List-Unsubscribe List-Unsubscribe-Post List-ID List-Id Feedback-ID Precedence Auto-Submitted X-Mailer User-Agent
		Thread-Topic Thread-Index Accept-Language Importance X-Priority X-Originating-IP X-Spam-Status X-Spam-Score`) {
		names[name] = name
	}
	return names
}()

// Named returns the fields with the given name, newest first.
func (m *Message) Named(name string) []Field {
	var found []Field
	for _, f := range m.Fields {
		if f.Is(name) {
			found = append(found, f)
		}
	}
	return found
}

// First returns the value of the newest field of that name, or "".
func (m *Message) First(name string) string {
	for _, f := range m.Fields {
		if f.Is(name) {
			return f.Value()
		}
	}
	return ""
}

// Reader reads the whole content as received.
func (m *Message) Reader() io.Reader { return io.NewSectionReader(m.content, 0, m.Size) }

// Body reads what follows the header section.
func (m *Message) Body() io.Reader {
	return io.NewSectionReader(m.content, int64(m.HeaderOctets), m.Size-int64(m.HeaderOctets))
}
