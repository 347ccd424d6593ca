package text

import (
	"bytes"

	"mxgate/policy/mail"
)

// describers are the fields that say what a part is.
var describers = [3]string{"content-type", "content-transfer-encoding", "content-disposition"}

func describes(name string) *string {
	if len(name) < len(describers[0]) || name[0]|0x20 != 'c' || name[7] != '-' {
		return nil
	}
	for i := range describers {
		if equalFold(name, describers[i]) {
			return &describers[i]
		}
	}
	return nil
}

// startHeader begins the header section of a part; keep says that it is that of
// an attached message.
func (w *walker) startHeader(keep bool) {
	w.take, w.keep, w.into, w.text = header, keep, nil, w.text[:0]
	for i := range w.fields {
		w.fields[i] = w.fields[i][:0]
	}
}

func (w *walker) headerLine(line []byte) {
	if w.headers += len(line); !w.keep && w.headers > maxHeaders {
		w.stop("more header lines of parts than are read")
		return
	}
	if w.inside {
		return
	}
	if len(bytes.TrimRight(line, "\r\n")) == 0 {
		w.endHeader()
		return
	}
	if w.keep {
		if w.left -= len(line); w.left < 0 {
			w.stop("more than 256 KiB of text")
			return
		}
		w.text = append(w.text, line...)
	}
	w.field(line)
}

// field takes a field, or a line of one.
func (w *walker) field(raw []byte) {
	if raw[0] != ' ' && raw[0] != '\t' {
		w.into = nil
		colon := bytes.IndexByte(raw, ':')
		if colon < 0 {
			return
		}
		name := bytes.TrimRight(raw[:colon], " \t")
		for i, d := range describers {
			if equalFold(name, d) && len(w.fields[i]) == 0 {
				w.into, raw = &w.fields[i], raw[colon+1:]
			}
		}
	}
	if w.into != nil && len(*w.into)+len(raw) <= maxValue {
		*w.into = append(*w.into, raw...)
	}
}

// endHeader acts on what the fields of a part say it is.
func (w *walker) endHeader() {
	if w.keep {
		w.give(Part{Text: clean(utf8Text("", w.text)), Header: true})
		w.keep = false
	}
	w.text = w.text[:0]
	v := parseValue(w.fields[0])
	w.take, w.calendar = w.takes(v.kind), string(v.kind) == "text/calendar"
	switch {
	case w.take == plain || w.take == html:
		w.charset = v.charset
		w.cte = encodingOf(w.fields[1])
		w.base64 = base64State{}
	case bytes.HasPrefix(v.kind, []byte("multipart/")) && v.boundary != "" && len(v.boundary) <= maxBoundary:
		if len(w.open) == mail.MaxMIMEDepth {
			w.stop("parts nested too deep")
			return
		}
		w.open = append(w.open, v.boundary)
	case isMessage(v.kind) && encodingOf(w.fields[1]) == 0: // RFC 2046, Section 5.2.1: never encoded
		if len(w.attached) == mail.MaxMIMEDepth {
			w.stop("parts nested too deep")
			return
		}
		w.attached = append(w.attached, len(w.open))
		w.startHeader(true)
	}
}

// takes says what becomes of a part: text is read unless it is attached to the
// message. The whole message is shown, whatever it says of itself.
func (w *walker) takes(kind []byte) taking {
	attachment := len(w.open) > 0 && bytes.HasPrefix(bytes.ToLower(bytes.TrimLeft(w.fields[2], " \t\r\n")), []byte("attachment"))
	switch {
	case len(kind) == 0:
		return plain
	case attachment:
		return skip
	}
	switch string(kind) {
	case "text/html", "application/xhtml+xml", "text/enriched", "text/richtext":
		return html
	case "text/csv", "text/vcard", "text/x-vcard", "text/css", "text/rfc822-headers", "text/rtf":
		return skip
	}
	if bytes.HasPrefix(kind, []byte("text/")) || bytes.IndexByte(kind, '/') < 0 {
		return plain
	}
	if encloses(kind) {
		w.enclosed = string(kind)
	}
	return skip
}

// unescaped undoes, in its place, the folding and the escapes of an invitation: RFC 5545,
// Sections 3.1 and 3.3.11.
func unescaped(text []byte) []byte {
	out := text[:0]
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\n' && i+1 < len(text) && (text[i+1] == ' ' || text[i+1] == '\t'):
			i++
			continue
		case c == '\\' && i+1 < len(text):
			i++
			if c = text[i]; c == 'n' || c == 'N' {
				c = '\n'
			}
		}
		out = append(out, c)
	}
	return out
}

// encloses reports whether mail programs show the text of what such a message holds:
// RFC 8551, Section 3.2, and MS-OXTNEF. We do not open it.
func encloses(kind []byte) bool {
	switch string(kind) {
	case "application/pkcs7-mime", "application/x-pkcs7-mime", "application/ms-tnef", "application/vnd.ms-tnef":
		return true
	}
	return false
}

func isMessage(kind []byte) bool {
	return string(kind) == "message/rfc822" || string(kind) == "message/global" || string(kind) == "text/rfc822-headers"
}

// endPart gives what was gathered of a part.
func (w *walker) endPart() {
	switch w.take {
	case header:
		w.endHeader()
	case plain:
		text := clean(utf8Text(w.charset, w.text))
		if w.calendar {
			text = unescaped(text)
		}
		w.give(Part{Text: text})
	case html:
		w.lines = appendHTML(w.lines[:0], clean(utf8Text(w.charset, w.text)))
		w.give(Part{Text: w.lines})
	}
	w.take, w.text = skip, w.text[:0]
}

func (w *walker) give(p Part) {
	if w.unread != "" || len(p.Text) == 0 {
		return
	}
	if w.parts++; w.parts > maxParts {
		w.unread = "more than 100 parts of text"
		return
	}
	p.Quoted = len(w.attached) > 0
	w.said = w.said || !p.Header && len(bytes.TrimSpace(p.Text)) > 0
	w.do(p)
}
