package sig

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"sort"
	"strings"

	"mxgate/policy/mail"
)

// HeaderHash returns the SHA-256 hash that the signature s in field number at of
// m is made over: the fields that it covers, then its own field without the
// value of b=. RFC 6376, Section 3.7.
func HeaderHash(m *mail.Message, s *Signature, at int) []byte {
	buf := make([]byte, 0, usualHeader)
	for _, raw := range Covered(m, s.Names, at) {
		buf = s.appendField(buf, raw)
	}
	buf = s.appendField(buf, WithoutB(Line(m.Fields[at].Raw)))
	sum := sha256.Sum256(bytes.TrimSuffix(buf, []byte("\r\n")))
	return sum[:]
}

// usualHeader is more than most of what is signed has octets.
const usualHeader = 2 << 10

func (s *Signature) appendField(b, raw []byte) []byte {
	if s.HeaderCanon == Relaxed {
		return AppendRelaxed(b, raw)
	}
	return AppendSimple(b, raw)
}

// Covered returns the fields of m that a list of names covers, in its order, each
// as its raw octets with a line end: of several with one name, from the bottom
// up, and none for a name that is used up. RFC 6376, Section 5.4.2.
//
// names are in lower case. The field number at, that of the signature itself, is
// never among them (Section 3.5).
func Covered(m *mail.Message, names []string, at int) [][]byte {
	// order holds the indexes of names, sorted, equal names in their order.
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(names[a], names[b]) })
	fields := make([][]byte, len(names)) // nil: none yet
	var buf [maxSingleName]byte          // most names are no longer
	lower := buf[:0]
	for i := len(m.Fields) - 1; i >= 0; i-- {
		if i == at {
			continue
		}
		lower = appendLower(lower[:0], m.Fields[i].Name)
		k := sort.Search(len(order), func(k int) bool { return names[order[k]] >= string(lower) })
		for ; k < len(order) && names[order[k]] == string(lower); k++ {
			if n := order[k]; fields[n] == nil {
				fields[n] = Line(m.Fields[i].Raw)
				break
			}
		}
	}
	return slices.DeleteFunc(fields, func(raw []byte) bool { return raw == nil })
}

// appendLower appends a field name, which is ASCII, in lower case.
func appendLower[T []byte | string](b []byte, name T) []byte {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		b = append(b, c)
	}
	return b
}

// Line returns raw with a line end: the last field of a message without a body
// may have none.
func Line(raw []byte) []byte {
	if bytes.HasSuffix(raw, []byte("\n")) {
		return raw
	}
	return append(bytes.Clone(raw), "\r\n"...)
}

// WithoutB returns a whole field with an empty value of its b= tag: RFC 6376,
// Section 3.5.
func WithoutB(raw []byte) []byte {
	at := bytes.IndexByte(raw, ':') + 1
	for {
		end := len(raw)
		if i := bytes.IndexByte(raw[at:], ';'); i >= 0 {
			end = at + i
		}
		name, _, ok := bytes.Cut(raw[at:end], []byte("="))
		if ok && string(bytes.Trim(name, fws)) == "b" {
			value := at + len(name) + 1
			rest := raw[end:]
			if end == len(raw) {
				rest = []byte("\r\n")
			}
			return append(bytes.Clone(raw[:value]), rest...)
		}
		if end == len(raw) {
			return raw
		}
		at = end + 1
	}
}

// AppendSimple appends a whole field as it stands, with CRLF line ends: RFC 6376,
// Section 3.4.1.
func AppendSimple(b, raw []byte) []byte {
	for line := range bytes.Lines(raw) {
		text, ended := bytes.CutSuffix(line, []byte("\n"))
		b = append(b, text...)
		if ended {
			b = append(bytes.TrimSuffix(b, []byte("\r")), "\r\n"...)
		}
	}
	return b
}

// AppendRelaxed appends a whole field, unfolded, with its name in lower case and
// white space reduced: RFC 6376, Section 3.4.2.
func AppendRelaxed(b, raw []byte) []byte {
	name, value, _ := bytes.Cut(raw, []byte(":"))
	b = appendLower(b, bytes.Trim(name, fws))
	b = append(b, ':')
	begun := false
	for at := 0; at < len(value); {
		if isFWS(value[at]) {
			at++
			continue
		}
		end := at + 1
		for end < len(value) && !isFWS(value[end]) {
			end++
		}
		if begun {
			b = append(b, ' ')
		}
		b, begun = append(b, value[at:end]...), true
		at = end
	}
	return append(b, "\r\n"...)
}
