package policy

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"mxgate/policy/mail"
)

// jsonWriter writes JSON as encoding/json does. Names are those of the tags.
type jsonWriter struct {
	b   []byte
	err error // the first
}

func (w *jsonWriter) open()              { w.b = append(w.b, '{') }
func (w *jsonWriter) close()             { w.b = append(w.b, '}') }
func (w *jsonWriter) openAt(name string) { w.key(name); w.open() }

func (w *jsonWriter) key(name string) { w.b = appendKey(w.b, name) }

func appendKey(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// text is a string, some one that is left out if empty.
func (w *jsonWriter) text(name, s string) { w.quotedAfter(appendKey(w.b, name), s) }

func (w *jsonWriter) some(name, s string) {
	if s != "" {
		w.text(name, s)
	}
}

// truth is a bool, flag one that is left out if false.
func (w *jsonWriter) truth(name string, v bool) { w.key(name); w.b = strconv.AppendBool(w.b, v) }

func (w *jsonWriter) flag(name string, v bool) {
	if v {
		w.truth(name, v)
	}
}

// number is an integer, count one that is left out if 0.
func (w *jsonWriter) number(name string, n int64) { w.key(name); w.b = strconv.AppendInt(w.b, n, 10) }

func (w *jsonWriter) count(name string, n int64) {
	if n != 0 {
		w.number(name, n)
	}
}

// time is a time, moment one that is left out if zero.
func (w *jsonWriter) time(name string, t time.Time) {
	w.key(name)
	b, err := t.AppendText(append(w.b, '"'))
	if err != nil {
		w.fail(err)
		return
	}
	w.b = append(b, '"')
}

func (w *jsonWriter) moment(name string, t time.Time) {
	if !t.IsZero() {
		w.time(name, t)
	}
}

func (w *jsonWriter) texts(name string, all []string) {
	w.key(name)
	w.list(all == nil, len(all), func(i int) { w.quoted(all[i]) })
}

func (w *jsonWriter) domains(name string, all []mail.Domain) {
	w.key(name)
	w.list(all == nil, len(all), func(i int) { w.quoted(string(all[i])) })
}

func (w *jsonWriter) list(isNil bool, n int, item func(int)) {
	if isNil {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = append(w.b, '[')
	for i := range n {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		item(i)
	}
	w.b = append(w.b, ']')
}

// other is what encoding/json writes.
func (w *jsonWriter) other(name string, v any) { w.key(name); w.marshalled(v) }

func (w *jsonWriter) marshalled(v any) {
	text, err := json.Marshal(v)
	w.fail(err)
	w.b = append(w.b, text...)
}

// asIs are the octets that stand for themselves in a JSON string.
var asIs = func() (as [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		as[c] = !strings.ContainsRune(`"\<>&`, c)
	}
	return as
}()

func (w *jsonWriter) quoted(s string) { w.quotedAfter(w.b, s) }

// quotedAfter is quoted, for who has appended to w.b already.
func (w *jsonWriter) quotedAfter(b []byte, s string) {
	start, from := len(b), 0
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		if asIs[s[i]] {
			continue
		}
		if s[i] != '"' && s[i] != '\\' {
			w.b = b[:start]
			w.marshalled(s)
			return
		}
		b = append(b, s[from:i]...)
		b = append(b, '\\')
		from = i
	}
	b = append(b, s[from:]...)
	w.b = append(b, '"')
}

func (w *jsonWriter) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}
