package container

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"

	"mxgate/policy/mail"
)

// Limits of the search for attached messages.
const (
	maxAttached = 20       // messages in one message
	maxDepth    = 8        // of multiparts and messages, one in the other
	maxParts    = 500      // looked at in one message
	maxDecoded  = 64 << 20 // octets decoded of all parts: each depth makes a copy
)

// attached returns the messages in content: parts of type message/rfc822 or
// message/global, and the headers that bounces return as text/rfc822-headers.
func attached(content []byte) [][]byte {
	s := search{parts: maxParts, decode: maxDecoded}
	s.part(content, "text/plain", 0)
	return s.found
}

type search struct {
	found  [][]byte
	parts  int
	decode int // octets that may still be decoded
}

// part looks at one part with its header section; usual is its type if it
// states none.
func (s *search) part(part []byte, usual string, depth int) {
	if s.parts--; s.parts < 0 || depth > maxDepth {
		return
	}
	m, err := mail.ParseMessage(bytes.NewReader(part), int64(len(part)))
	if err != nil {
		return
	}
	value := m.First("Content-Type")
	if value == "" {
		value = usual
	}
	kind, params, err := mime.ParseMediaType(value)
	if err != nil {
		return
	}
	body := part[m.HeaderOctets:]
	switch {
	case strings.HasPrefix(kind, "multipart/") && params["boundary"] != "":
		usual = "text/plain"
		if kind == "multipart/digest" {
			usual = "message/rfc822" // RFC 2046, Section 5.1.5
		}
		s.multipart(body, params["boundary"], usual, depth)
	case kind == "message/rfc822", kind == "message/global", kind == "text/rfc822-headers":
		inner := s.decoded(body, m.First("Content-Transfer-Encoding"))
		if len(s.found) == maxAttached || !looksLikeMessage(inner) {
			return
		}
		s.found = append(s.found, inner)
		s.part(inner, "text/plain", depth+1)
	}
}

// multipart cuts body at the lines that are "--" and boundary.
func (s *search) multipart(body []byte, boundary, usual string, depth int) {
	delimiter := []byte("--" + boundary)
	start := -1
	for off := 0; s.parts > 0; {
		i := bytes.Index(body[off:], delimiter)
		if i < 0 {
			break
		}
		i += off
		off = i + len(delimiter)
		if i > 0 && body[i-1] != '\n' {
			continue
		}
		rest := body[off:]
		end := bytes.HasPrefix(rest, []byte("--"))
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		if !end && len(bytes.TrimSpace(line)) > 0 {
			continue // the boundary is the beginning of another one
		}
		if start >= 0 {
			s.part(body[start:i], usual, depth+1)
		}
		if end {
			return
		}
		off = min(off+len(line)+1, len(body))
		start = off
	}
	if start >= 0 { // its end was cut off
		s.part(body[start:], usual, depth+1)
	}
}

// decoded undoes the transfer encoding as far as it can be read and the limit
// allows. Base64 is against RFC 2046, Section 5.2.1, and common.
func (s *search) decoded(body []byte, encoding string) []byte {
	var r io.Reader
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body))
	case "quoted-printable":
		r = quotedprintable.NewReader(bytes.NewReader(body))
	default:
		return body
	}
	text, _ := io.ReadAll(io.LimitReader(r, int64(s.decode))) // what comes before a fault is worth a look
	s.decode -= len(text)
	return bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

func looksLikeMessage(text []byte) bool {
	m, err := mail.ParseMessage(bytes.NewReader(text), int64(len(text)))
	if err != nil && !errors.Is(err, mail.ErrHeaderLimit) {
		return false
	}
	for _, f := range m.Fields {
		if f.Name != "" {
			return true
		}
	}
	return false
}
