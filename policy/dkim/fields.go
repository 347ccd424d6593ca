package dkim

import (
	"bytes"

	"mxgate/policy/mail"
)

// signedFields returns the fields that sig covers, in the order of h=, each as
// its raw octets with a line end: of several with one name, from the bottom up,
// and none for a name that is used up. RFC 6376, Section 5.4.2. The field of the
// signature itself is never among them (Section 3.5).
func signedFields(m *mail.Message, sig *signature) [][]byte {
	wanted := map[string]int{}
	for _, name := range sig.signed {
		wanted[name]++
	}
	byName := map[string][][]byte{} // from the bottom up
	var lower []byte
	for i := len(m.Fields) - 1; i >= 0; i-- {
		f := m.Fields[i]
		if lower = appendLower(lower[:0], f.Name); i != sig.field && len(byName[string(lower)]) < wanted[string(lower)] {
			byName[string(lower)] = append(byName[string(lower)], line(f.Raw))
		}
	}
	var fields [][]byte
	for _, name := range sig.signed {
		if left := byName[name]; len(left) > 0 {
			fields = append(fields, left[0])
			byName[name] = left[1:]
		}
	}
	return fields
}

// appendLower appends a field name, which is ASCII, in lower case.
func appendLower(b []byte, name string) []byte {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		b = append(b, c)
	}
	return b
}

// line returns raw with a line end: the last field of a message without a body
// may have none.
func line(raw []byte) []byte {
	if bytes.HasSuffix(raw, []byte("\n")) {
		return raw
	}
	return append(bytes.Clone(raw), "\r\n"...)
}
