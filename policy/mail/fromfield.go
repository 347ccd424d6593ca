package mail

import (
	"bytes"
	"slices"
	"strings"
)

// fromValues returns the unfolded values of all that a mail client may take for
// a From field, newest first. malformed says what is wrong with the shape of one
// of them, or of the header section around it.
func fromValues(m *Message) (values []string, malformed string) {
	junk, left := false, maxFromOctets
	for i, f := range m.Fields {
		if !strings.EqualFold(f.VisibleName(), "From") {
			junk = junk || f.Name == ""
			if v, ok := hiddenFrom(f, &left); ok {
				values, malformed = append(values, v), "a line inside another field looks like From"
			}
			continue
		}
		value := f.Value()
		if f.Name == "" { // octets that a client skips, or a folded name
			_, value, _ = strings.Cut(value, ":")
			malformed = "From stands in a malformed header field"
		} else if junk { // where another program ends the header section
			malformed = "a line above From is no header field"
		} else if runsOn(m, f) {
			malformed = "From has a line that ends in LF alone, unlike other lines"
		}
		for _, next := range m.Fields[i+1:] {
			if !noHonestName(next.Name) || len(value) > maxFromOctets || strings.EqualFold(next.VisibleName(), "From") {
				break // at a From field of its own, too
			}
			value += " " + string(next.Raw)
			malformed = "From is followed by a line that is no header field"
		}
		values = append(values, value)
	}
	if m.mixedEnd && malformed == "" {
		malformed = "the header section ends in another kind of line end than its last line"
	}
	return values, malformed
}

// noHonestName reports whether a line is no field, or one whose name, though RFC
// 5322, Section 2.2 allows it, is made of what addresses are made of.
func noHonestName(name string) bool { return name == "" || strings.ContainsAny(name, `<>()@,;"[]\`) }

// runsOn reports whether a program for which only CRLF ends a line reads on
// behind f, or behind a line of it.
func runsOn(m *Message, f Field) bool {
	crlf := []byte("\r\n")
	if bytes.Count(f.Raw, crlf) == bytes.Count(f.Raw, crlf[1:]) {
		return false
	}
	return slices.ContainsFunc(m.Fields, func(o Field) bool { return bytes.HasSuffix(o.Raw, crlf) })
}

// hiddenFrom returns what stands inside f behind the start of a line that looks
// like a From field, if it shows a domain: a continuation line, which is what a
// leading space makes of the first field of a message as soon as a server writes
// another above it, or what follows a bare CR. Some mail clients take either for
// a field.
//
// Left out are continuation lines of signatures, which list field names before
// an i= with a domain, and of Subject, where people write such things. left is
// how many octets may be searched yet for all fields; what is more shows one.
func hiddenFrom(f Field, left *int) (value string, ok bool) {
	for start := 0; start < len(f.Raw); {
		end := len(f.Raw)
		if lf := bytes.IndexByte(f.Raw[start:], '\n'); lf >= 0 {
			end = start + lf + 1
		}
		if start > 0 && hasFromName(f.Raw[start:end]) && !foldsNames(f) {
			return shownFrom(f.Raw[start:], left)
		}
		for {
			cr := bytes.IndexByte(f.Raw[start:end], '\r')
			if cr < 0 || start+cr >= end-2 {
				break
			}
			start += cr + 1
			if hasFromName(f.Raw[start:end]) {
				return shownFrom(f.Raw[start:], left)
			}
		}
		start = end
	}
	return "", false
}

// foldsNames reports whether honest fields of that name have lines that begin
// like a field. No other name will do: its sender chooses it.
func foldsNames(f Field) bool {
	return f.Is("Subject") || f.Is("DKIM-Signature") || f.Is("ARC-Message-Signature") || f.Is("ARC-Seal") || f.Is("X-Google-DKIM-Signature")
}

// hasFromName reports whether line starts with "From:", white space and octets
// that a client skips aside. A line ends at a CR, too.
func hasFromName(line []byte) bool {
	name := "from:"
	for _, c := range line {
		switch {
		case c == '\r':
			return false
		case c <= ' ' || c >= 0x7f:
		case c != name[0] && c|0x20 != name[0]:
			return false
		case len(name) == 1:
			return true
		default:
			name = name[1:]
		}
	}
	return false
}

// shownFrom returns the value of the field that starts in raw, if it shows a
// domain. All that follows in raw is part of it: it is looked at once.
func shownFrom(raw []byte, left *int) (value string, ok bool) {
	value = Field{Name: "From", Raw: raw}.Value()
	if *left -= len(value); *left < 0 {
		*left = 0
		return value, true
	}
	shown := candidates{most: 1}
	shown.collect(value)
	return value, len(shown.domains) > 0 || shown.more
}
