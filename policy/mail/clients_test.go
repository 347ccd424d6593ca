package mail

import (
	"encoding/json"
	"fmt"
	"mime"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"mxgate/policy/corpustest"
)

// This file models how mail clients find and read From, each fault of which has
// been seen in one: PITFALLS.md, "Message parsing"; Composition Kills (USENIX
// Security 2020); Weak Links (USENIX Security 2021); CVE-2024-49040. It shares no
// code with the parser under test but ParseDomain and toUTF8.

// fieldReader is a way to find From fields in a header section.
type fieldReader struct {
	name    string
	lineEnd string // what ends a line: "\r\n", "\n", or "\r" for either alone
	trims   bool   // white space before a name does not make a continuation
	skips   bool   // octets of a name that are not printable ASCII
	joins   bool   // a name that is folded before its colon
	stops   bool   // at the first line that is no field
}

var fieldReaders = []fieldReader{
	{name: "RFC 5322", lineEnd: "\n"},
	{name: "strict line ends", lineEnd: "\r\n"},
	{name: "lenient line ends", lineEnd: "\r"},
	{name: "trims lines", lineEnd: "\n", trims: true},
	{name: "skips odd octets", lineEnd: "\n", skips: true},
	{name: "trims and skips", lineEnd: "\n", trims: true, skips: true},
	{name: "joins folded names", lineEnd: "\n", joins: true},
	{name: "stops at junk", lineEnd: "\n", stops: true},
}

// values returns the unfolded values of what the reader takes for From.
func (r fieldReader) values(header string) []string {
	var found []string
	inFrom := false
	name := ""
	for _, line := range r.lines(header) {
		if line == "" {
			break
		}
		if (line[0] == ' ' || line[0] == '\t') && !(r.trims && strings.HasPrefix(strings.ToLower(strings.TrimLeft(line, " \t")), "from")) {
			if inFrom {
				found[len(found)-1] += line
			} else if r.joins && name != "" && strings.HasPrefix(strings.TrimLeft(line, " \t"), ":") {
				_, value, _ := strings.Cut(line, ":")
				if inFrom = strings.EqualFold(name, "From"); inFrom {
					found = append(found, value)
				}
			}
			continue
		}
		before, value, ok := strings.Cut(line, ":")
		name = r.fieldName(before)
		if !ok {
			if r.stops {
				break
			}
			name, inFrom = r.fieldName(line), false
			continue
		}
		if inFrom = strings.EqualFold(name, "From"); inFrom {
			found = append(found, value)
		}
	}
	return found
}

func (r fieldReader) lines(header string) []string {
	if r.lineEnd == "\r" {
		header = strings.ReplaceAll(strings.ReplaceAll(header, "\r\n", "\n"), "\r", "\n")
		return strings.Split(header, "\n")
	}
	if section := header[:max(0, headerEnd([]byte(header)))]; !strings.Contains(section, r.lineEnd) {
		return nil // a file of another system: there is no header section at all
	}
	lines := strings.Split(header, r.lineEnd)
	if r.lineEnd == "\n" {
		for i := range lines {
			lines[i] = strings.TrimSuffix(lines[i], "\r")
		}
	}
	return lines
}

func (r fieldReader) fieldName(s string) string {
	if r.skips {
		s = strings.Map(func(c rune) rune {
			if c <= ' ' || c >= 0x7f {
				return -1
			}
			return c
		}, s)
	}
	if r.trims {
		s = strings.TrimLeft(s, " \t")
	}
	return strings.TrimRight(s, " \t")
}

// valueReader is a way to read the value of a From field.
type valueReader struct {
	decodes  bool // encoded words, before anything else
	quotes   bool // knows quoted strings
	comments bool // knows comments
	entry    string
	brackets string // which brackets hold the address; "" if it looks for an "@"
	last     bool   // takes the last "@", and the last address
}

// lists reports whether the reader parses an address list, so that what it finds
// is the author to it, in place of text that it merely shows.
func (r valueReader) lists() bool { return r.brackets != "" || r.quotes && !r.decodes }

var valueReaders = func() []valueReader {
	var all []valueReader
	for bits := range 16 {
		for _, entry := range []string{"first", "last", "whole"} {
			for _, brackets := range []string{"", "first", "last"} {
				all = append(all, valueReader{bits&1 != 0, bits&2 != 0, bits&4 != 0, entry, brackets, bits&8 != 0})
			}
		}
	}
	return all
}()

// domain returns the author domain that the reader reads, "" for none.
func (r valueReader) domain(value string) Domain {
	s := toUTF8(strings.Trim(value, " \t\r\n"))
	if r.decodes {
		if decoded, err := new(mime.WordDecoder).DecodeHeader(s); err == nil {
			s = decoded
		}
	}
	if !r.quotes {
		s = strings.NewReplacer(`"`, "", `\`, "").Replace(s)
	}
	s, shape := r.choose(s, r.shape(s))
	s = r.address(s, shape)
	s = strings.NewReplacer(`"`, "", `\`, "").Replace(s)
	if route, after, ok := strings.Cut(s, ":"); ok && strings.HasPrefix(route, "@") && r.last {
		s = after
	}
	at := strings.IndexByte(s, '@')
	if r.last {
		at = strings.LastIndexByte(s, '@')
	}
	if at < 0 {
		return ""
	}
	s = s[at+1:]
	if end := strings.IndexFunc(s, func(c rune) bool {
		return !strings.ContainsRune(letters+".-_", c) && (c < 0x80 || !unicode.In(c, unicode.L, unicode.M, unicode.N))
	}); end >= 0 {
		s = s[:end]
	}
	d, err := ParseDomain(strings.Trim(s, ".-_"))
	if err != nil { // to those who know no other letters
		d, err = ParseDomain(strings.Trim(s[:len(s)-len(strings.TrimLeft(s, letters+".-_"))], ".-_"))
	}
	if err != nil || !strings.Contains(string(d), ".") || strings.Trim(string(d[strings.LastIndexByte(string(d), '.'):]), ".0123456789") == "" {
		return ""
	}
	return d
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// shape blanks what is quoted and commented out to the reader.
func (r valueReader) shape(s string) string {
	out := []byte(s)
	quoted, depth := false, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case (quoted || depth > 0) && c == '\\' && i+1 < len(s):
			out[i], out[i+1] = 'q', 'q'
			i++
		case r.quotes && c == '"' && depth == 0:
			quoted = !quoted
		case quoted:
			out[i] = 'q'
		case r.comments && c == '(':
			depth++
			out[i] = ' '
		case depth > 0:
			if c == ')' {
				depth--
			}
			out[i] = ' '
		}
	}
	return string(out)
}

// choose returns the entry of the list that the reader takes.
func (r valueReader) choose(s, shape string) (string, string) {
	if r.entry == "whole" {
		return s, shape
	}
	start := 0
	text, outline := s, shape
	for i := 0; i <= len(shape); i++ {
		if i < len(shape) && shape[i] != ',' && shape[i] != ';' {
			continue
		}
		if strings.Contains(s[start:i], "@") {
			text, outline = s[start:i], shape[start:i]
			if r.entry == "first" {
				break
			}
		}
		start = i + 1
	}
	return text, outline
}

// address returns the text of the address in an entry.
func (r valueReader) address(s, shape string) string {
	lt := -1
	switch r.brackets {
	case "first":
		lt = strings.IndexByte(shape, '<')
	case "last":
		lt = strings.LastIndexByte(shape, '<')
	}
	if lt >= 0 {
		if gt := strings.IndexByte(shape[lt:], '>'); gt >= 0 {
			return s[lt+1 : lt+gt]
		}
		return s[lt+1:]
	}
	found := ""
	start := 0
	for i := 0; i <= len(shape); i++ {
		if i < len(shape) && !strings.ContainsRune(" \t<>(),;", rune(shape[i])) {
			continue
		}
		if strings.Contains(shape[start:i], "@") && (found == "" || r.last) {
			found = s[start:i]
		}
		start = i + 1
	}
	if found == "" && r.entry != "whole" { // an entry that is all name
		return s
	}
	return found
}

// otherReading returns how some client reads another author out of a header
// section than a does, "" if none does. What a client only shows has to be among
// the candidates; what it takes for the address has to be the address.
func otherReading(header string, a Author) string {
	if a.Ambiguous != "" {
		return ""
	}
	seen := map[string]bool{} // most readers find the same
	for _, f := range fieldReaders {
		for _, value := range f.values(header) {
			if seen[value] {
				continue
			}
			seen[value] = true
			if other := otherValue(value, a); other != "" {
				return f.name + ", " + other
			}
		}
	}
	return ""
}

func otherValue(value string, a Author) string {
	for _, v := range valueReaders {
		d := v.domain(value)
		if d != "" && d != a.Address.Domain && (v.lists() || !slices.Contains(a.Candidates, d)) {
			return fmt.Sprintf("%+v reads %s", v, d)
		}
	}
	return ""
}

// behind returns a header section as it is when servers have added to it.
func behind(header string) string {
	return "Received: from mx.example.net (mx.example.net [192.0.2.1])\r\n\tby mx.example.org with ESMTPS; Mon, 1 Jan 2024 00:00:00 +0000\r\n" + header
}

// checkReadings reports whether all clients agree, and whether they need not.
func checkReadings(t *testing.T, header string) (agreed, ambiguous bool) {
	t.Helper()
	a := ParseAuthor(parsed(t, header))
	other := otherReading(header, a)
	if other != "" {
		t.Errorf("%q has the author %q, candidates %q; %s", header, a.Address, a.Candidates, other)
	}
	return other == "", a.Ambiguous != ""
}

func TestNoClientReadsAnotherAuthor(t *testing.T) {
	for _, form := range fromForms {
		checkReadings(t, "From: "+form.from+"\r\n\r\n")
	}
	for _, from := range pretences {
		checkReadings(t, "From: "+from+"\r\n\r\n")
	}
}

// The blocks are malformed headers of the Weak Links paper, and of some the
// second line alone is tried as well.
func TestNoClientReadsAnotherAuthorOfTheFuzzCorpus(t *testing.T) {
	raw, err := os.ReadFile(corpustest.Path(t, "mime/from-header-fuzz/from-headers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	if err := json.Unmarshal(raw, &blocks); err != nil {
		t.Fatal(err)
	}
	passed, ambiguous, received := 0, 0, 0
	for _, block := range blocks {
		_, second, _ := strings.Cut(block, "\r\n")
		given, first := checkReadings(t, block+"\r\n\r\n")
		below, inner := checkReadings(t, behind(block)+"\r\n\r\n")
		alone, _ := checkReadings(t, second+"\r\n\r\n")
		if first {
			ambiguous++
		}
		if inner {
			received++
		}
		if given && below && alone {
			passed++
		}
	}
	t.Logf("%d header blocks: %d ambiguous as given, %d behind a Received field", len(blocks), ambiguous, received)
	t.Logf("suite: From, malformed blocks: no mail client reads another author | passed %d | of %d | argued 0", passed, len(blocks))
}

// pieces are what hostile From values are made of.
var pieces = []string{"ceo@bank.example", "x@evil.test", "<ceo@bank.example>", "<x@evil.test>", `"ceo@bank.example"`, `"x@evil.test"`,
	`"<ceo@bank.example>"`, `"ceo@bank.example,"`, "(ceo@bank.example)", "=?utf-8?q?ceo=40bank=2Eexample?=", "=?utf-8?b?PGNlb0BiYW5rLmV4YW1wbGU+?=",
	"=?utf-8?q?ceo=40bank=2Eexample=2C?=", ",", ";", ":", " ", `"`, `\`, "(", ")", "<", ">", "@", ".", "Erika", "\x00", "@bank.example:", "..bank.example"}

func TestNoClientReadsAnotherAuthorOfAnyPieces(t *testing.T) {
	single := 0
	var try func(value string, left int)
	try = func(value string, left int) {
		a := ParseAuthor(&Message{Fields: []Field{{Name: "From", Raw: []byte("From:" + value + "\r\n")}}})
		if a.Ambiguous == "" {
			single++
			if other := otherValue(value, a); other != "" {
				t.Errorf("%q has the author %q, candidates %q; %s", value, a.Address, a.Candidates, other)
			}
		}
		for i := 0; left > 0 && i < len(pieces) && !t.Failed(); i++ {
			try(value+pieces[i], left-1)
		}
	}
	try("", 3)
	t.Logf("%d have one author", single)
}

func FuzzClients(f *testing.F) {
	for _, form := range fromForms {
		f.Add("From: " + form.from)
	}
	for _, from := range pretences {
		f.Add(behind("From: " + from))
	}
	f.Add("Received: x\r\n From: a@b.example\r\nFrom : c@d.example")
	f.Add("Subject: x\rFrom: a@b.example\r\nFrom: c@d.example")
	f.Add("From: a@b.example\nX: c@d.example\r\n")
	f.Add("X: y\n\r\nFrom: a@b.example\r\n\r\n")
	f.Fuzz(func(t *testing.T, header string) {
		header += "\r\n\r\n"
		m, err := ParseMessage(strings.NewReader(header), int64(len(header)))
		if err != nil {
			return
		}
		if other := otherReading(header, ParseAuthor(m)); other != "" {
			t.Errorf("%q: %+v; %s", header, ParseAuthor(m), other)
		}
	})
}
