package hijack

import (
	"bytes"
	"errors"
	"io"
	"mime"
	netmail "net/mail"
	"strings"
	"time"
)

// ErrUnusable says that nobody can be imitated by a message: its From is no
// single address, or it bears no id.
var ErrUnusable = errors.New("hijack: message without author or id")

// maxText is how many lines of a message are quoted.
const maxText = 12

// Read reads a message as a hijacker does who has got hold of it.
func Read(file, thread string, raw []byte) (Mail, error) {
	m, err := netmail.ReadMessage(bytes.NewReader(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))))
	if err != nil {
		return Mail{}, err
	}
	h := m.Header
	from, err := netmail.ParseAddress(h.Get("From"))
	id := ids(h.Get("Message-Id"))
	if err != nil || len(id) == 0 {
		return Mail{}, ErrUnusable
	}
	r := Mail{File: file, Thread: thread, At: arrival(h), From: person(from), ID: id[0], Subject: decoded(h.Get("Subject")),
		References: ids(h.Get("References") + " " + h.Get("In-Reply-To"))}
	for _, name := range []string{"To", "Cc"} {
		list, err := netmail.ParseAddressList(h.Get(name))
		if err != nil {
			continue // as they were written in 2002
		}
		for _, a := range list {
			r.Others = append(r.Others, person(a))
		}
	}
	body, err := io.ReadAll(io.LimitReader(m.Body, 64<<10))
	for line := range strings.Lines(string(body)) {
		if line = strings.TrimSpace(printable(line)); len(r.Text) < maxText && line != "" && !strings.HasPrefix(line, "--") && !strings.HasPrefix(line, "Content-") {
			r.Text = append(r.Text, line)
		}
	}
	return r, err
}

func person(a *netmail.Address) Person {
	local, domain, _ := strings.Cut(a.Address, "@")
	return Person{Name: a.Name, Local: local, Domain: strings.ToLower(domain)}
}

// ids returns what stands between angle brackets, without repeats.
func ids(value string) []string {
	var found []string
	seen := map[string]bool{}
	for field := range strings.FieldsSeq(value) {
		id, ok := strings.CutPrefix(field, "<")
		if id, closed := strings.CutSuffix(id, ">"); ok && closed && strings.Contains(id, "@") && !seen[id] {
			seen[id] = true
			found = append(found, id)
		}
	}
	return found
}

// arrival is when the newest Received field was written: dates of authors are
// wrong by years.
func arrival(h netmail.Header) time.Time {
	for _, field := range h["Received"] {
		_, date, ok := strings.Cut(field, ";")
		if at, err := netmail.ParseDate(strings.TrimSpace(date)); ok && err == nil {
			return at.UTC()
		}
	}
	at, err := h.Date()
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

func decoded(value string) string {
	if text, err := new(mime.WordDecoder).DecodeHeader(value); err == nil {
		value = text
	}
	return strings.TrimSpace(printable(value))
}

// printable keeps ASCII, so that what is made needs no charset but its own.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, s)
}
