package dkim

import (
	"bytes"
	"strings"

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
	for i := len(m.Fields) - 1; i >= 0; i-- {
		f := m.Fields[i]
		if name := strings.ToLower(f.Name); i != sig.field && len(byName[name]) < wanted[name] {
			byName[name] = append(byName[name], line(f.Raw))
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

// line returns raw with a line end: the last field of a message without a body
// may have none.
func line(raw []byte) []byte {
	if bytes.HasSuffix(raw, []byte("\n")) {
		return raw
	}
	return append(bytes.Clone(raw), "\r\n"...)
}
