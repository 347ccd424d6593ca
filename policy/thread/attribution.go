package thread

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// verbs are how the line above a quotation says that somebody wrote it, folded.
var verbs = func() map[string]bool {
	m := map[string]bool{}
	for word := range strings.FieldsSeq(`wrote writes said schrieb schreibt geschrieben écrit skrev skreiv skriver escribió escribe scritto scrisse scrive
		schreef geschreven schreven escreveu escreve kirjoitti napisał napisała napisał(a) pisze napsal napsala írta написал написала пишет yazdı 写道 寫道 のメール`) {
		m[string(foldWord(nil, []byte(word)))] = true
	}
	return m
}()

// Limits of the line above a quotation: it is wrapped over four lines at most.
const (
	attributionLines  = 4
	attributionOctets = 640
	minDateDigits     = 4 // "3.3. 10h"
)

// clues are what makes a line one that names the author of a quotation.
type clues struct {
	verb, address, date, closed bool // closed: it ends in ">:"
}

func cluesOf(line []byte) (c clues) {
	c.address = bytes.IndexByte(line, '@') > 0
	digits := 0
	for _, b := range line {
		if b >= '0' && b <= '9' {
			digits++
		}
	}
	c.date = digits >= minDateDigits
	if !c.address && !c.date {
		return c
	}
	end := bytes.TrimRight(line, ": \t*_\xef\xbc\x9a")
	c.closed = len(end) > 0 && (end[len(end)-1] == '>' || end[len(end)-1] == ']' || end[len(end)-1] == ')')
	for word := range bytes.FieldsFuncSeq(end, splitsWords) {
		var buf [maxLabel]byte
		if len(word) <= maxLabel/2 && (verbs[string(foldWord(buf[:0], word))] || verbs[string(word)]) {
			c.verb = true
		}
	}
	if !c.verb {
		c.verb = bytes.HasSuffix(end, []byte("写道")) || bytes.HasSuffix(end, []byte("寫道"))
	}
	return c
}

func splitsWords(r rune) bool { return r <= ' ' || strings.ContainsRune(`,.;:<>[]"*_`, r) }

// weight orders readings: 0 is none.
func (c clues) weight() int {
	switch {
	case c.verb && c.address && c.date:
		return 4
	case c.verb && c.address:
		return 3
	case c.closed && c.address && c.date:
		return 2
	case c.verb && c.date:
		return 1
	}
	return 0
}

// endsAttribution reports whether a line ends in a colon.
func endsAttribution(line []byte) bool {
	for n := len(line); n > 0; n-- {
		switch c := line[n-1]; {
		case c == ':':
			return true
		case isMargin(c):
		default:
			return n > 2 && c == 0x9a && line[n-2] == 0xbc && line[n-3] == 0xef
		}
	}
	return false
}

// author keeps the party that the line above a quotation names.
func (r *reader) author(line []byte) {
	s := string(line)
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return
	}
	start, end := mailboxAround(s, at)
	before := nameBefore(s[:start])
	if n := len(before) - len("message"); n >= 0 && strings.EqualFold(before[n:], "message") {
		return // "In message <id> Name writes:"
	}
	r.party(s[start:at], s[at+1:end], cleanName(authorName(before)), QuotedFrom)
}

// authorName returns the name at the end of "On 3 Mar 2025, at 10:00, Name": the
// words behind the last number, verb or half of a day.
func authorName(s string) string {
	s = strings.TrimRight(s, " (")
	if strings.HasSuffix(s, `"`) {
		if i := strings.LastIndexByte(s[:len(s)-1], '"'); i >= 0 {
			return s[i:]
		}
	}
	const words = 8
	start := len(s)
	for range words {
		rest := strings.TrimRight(s[:start], " \t")
		i := strings.LastIndexAny(rest, " \t") + 1
		if rest == "" || !inName(rest[i:]) {
			break
		}
		start = i
	}
	return strings.TrimLeft(s[start:], " ,-")
}

// inName reports whether a word may be part of a name there.
func inName(word string) bool {
	if word == "==" || strings.ContainsAny(word, "0123456789(<>@") || strings.HasSuffix(word, ":") {
		return false
	}
	bare := strings.Trim(word, ".,")
	switch strings.ToLower(strings.ReplaceAll(bare, ".", "")) {
	case "am", "pm", "uhr", "kl", "klo", "om", "schrieb", "skrev", "schreef", "heeft", "wrote", "geschrieben", "hat", "dato", "h", "kello":
		return false
	}
	return utf8.ValidString(bare)
}
