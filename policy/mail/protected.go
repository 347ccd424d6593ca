package mail

import (
	"bytes"
	"fmt"
	"strings"
)

// Limits of what is kept of the header sections inside signed mail. Honest mail
// has one such section, with one From and one Subject.
const (
	maxProtectedParts  = 8
	maxProtectedOctets = 16 << 10 // of all; less than maxMIMELine, so that a longer line is seen
)

// ProtectedHeader holds the From and Subject fields of one part inside signed
// mail, in their order. A mail client may show them in place of the message's
// own. RFC 9788, Section 2.1.
type ProtectedHeader []Field

// protection gathers protected header sections during a MIME walk: those of the
// first part of a multipart/signed, which is what the signature covers, of the
// message that this part may be (RFC 8551, Section 3.1), and of every part
// whose Content-Type has an hp parameter or the older protected-headers. Nothing is verified: it is
// enough that a mail client could.
type protection struct {
	found   []ProtectedHeader
	fields  ProtectedHeader // of the section being read
	octets  int             // of it
	kept    int             // octets of found
	open    bool            // the last line belongs to the last of fields
	payload bool            // the part is the first of a multipart/signed
	awaits  bool            // a multipart/signed began and its first part has not
}

// startPart begins a part; innermost says that it is one of the multipart that
// was opened last, and not inside an attached message.
func (p *protection) startPart(innermost bool) {
	p.payload = p.awaits && innermost
	p.awaits = false
}

// field takes the first line of a field, or a line that is none.
func (p *protection) field(name string, line []byte) {
	visible := Field{Name: name, Raw: line}.VisibleName()
	// What stands behind From and is no field may be taken for its continuation.
	p.open = strings.EqualFold(visible, "From") || strings.EqualFold(visible, "Subject") || p.open && name == ""
	if p.open && p.octets <= maxProtectedOctets {
		p.fields = append(p.fields, Field{Name: name})
	}
	p.fold(line)
}

// fold takes a line of the field that was begun last. line is copied.
func (p *protection) fold(line []byte) {
	if !p.open {
		return
	}
	if p.octets += len(line); p.octets <= maxProtectedOctets {
		last := &p.fields[len(p.fields)-1]
		last.Raw = append(last.Raw, line...)
	}
}

// end takes the end of a header section, whatever ended it, and keeps the fields
// if they are protected. What exceeds a limit is ErrUnscannable: a mail client
// may have larger ones.
func (p *protection) end(contentType []byte) error {
	fields, octets := p.fields, p.octets
	p.fields, p.octets, p.open = nil, 0, false
	switch {
	case len(fields) == 0 || !p.payload && !mayProtect(contentType):
		return nil
	case p.kept+octets > maxProtectedOctets:
		return fmt.Errorf("%w: protected From and Subject fields of more than %d octets", ErrUnscannable, maxProtectedOctets)
	case len(p.found) == maxProtectedParts:
		return fmt.Errorf("%w: more than %d parts with protected header fields", ErrUnscannable, maxProtectedParts)
	}
	p.found, p.kept = append(p.found, fields), p.kept+octets
	return nil
}

// mayProtect reports whether anybody could read an hp parameter, or what it was
// called before, in a Content-Type value. It searches rather than parses: finding one too many costs
// a comparison.
func mayProtect(contentType []byte) bool {
	squeezed := bytes.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, bytes.ToLower(contentType))
	for _, name := range []string{"hp=", "hp*", "protected-headers=", "protected-headers*"} { // "*": RFC 2231
		if bytes.Contains(squeezed, []byte(name)) {
			return true
		}
	}
	return false
}
