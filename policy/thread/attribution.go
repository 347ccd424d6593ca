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
	minDateDigits     = 4  // "3.3. 10h"
	minVerb           = 4  // octets: "said"
	maxVerb           = 20 // "napisał(a)", with room
)

// clue is a line that may name the author of a quotation, or be part of that, and
// what of it is known: a line is looked at once, however many follow.
type clue struct {
	from  int // where it begins in the text
	depth int
	bare  []byte

	read, verbRead bool
	verb, address  bool
	digits         int
}

// nearby are the last lines of a paragraph of n.
type nearby struct {
	lines [attributionLines]clue // the line i is at i % attributionLines
	n     int
}

func (p *nearby) line(i int) *clue { return &p.lines[i%attributionLines] }

func (p *nearby) add(from, depth int, bare []byte) {
	*p.line(p.n) = clue{from: from, depth: depth, bare: bare}
	p.n++
}

// weigh returns how surely the last lines, up to end, name the author of a
// quotation, and where they begin; 0 if they do not. marked says that HTML calls
// the last of them one that does.
func (p *nearby) weigh(end int, marked bool) (best, from int) {
	var all clue
	last := p.line(p.n - 1)
	verbs := p.n // from there on they have been looked for
	for i := p.n - 1; i >= max(0, p.n-attributionLines) && best < 4; i-- {
		c := p.line(i)
		if end-c.from > attributionOctets || c.depth != last.depth {
			break
		}
		c.count()
		all.address, all.digits = all.address || c.address, all.digits+c.digits
		if date := all.digits >= minDateDigits; !all.address && !date {
			continue
		}
		for ; verbs > i; verbs-- {
			all.verb = p.line(verbs-1).hasVerb() || all.verb
		}
		if weight := all.weight(last.bare, marked); weight > best {
			best, from = weight, c.from
		}
	}
	return best, from
}

// count looks for an address and counts digits.
func (c *clue) count() {
	if c.read {
		return
	}
	c.read, c.address = true, bytes.IndexByte(c.bare, '@') > 0
	for _, b := range c.bare {
		if class[b] == number {
			c.digits++
		}
	}
}

// hasVerb looks for a verb.
func (c *clue) hasVerb() bool {
	if c.verbRead {
		return c.verb
	}
	end := beforeColon(c.bare)
	c.verbRead, c.verb = true, bytes.HasSuffix(end, []byte("写道")) || bytes.HasSuffix(end, []byte("寫道"))
	for len(end) > 0 && !c.verb {
		n := 0
		for n < len(end) && !splits[end[n]] {
			n++
		}
		if n >= minVerb && n <= maxVerb {
			var buf [2 * maxVerb]byte
			c.verb = verbs[string(foldWord(buf[:0], end[:n]))]
		}
		end = end[min(n+1, len(end)):]
	}
	return c.verb
}

// beforeColon is a line without what ends it.
func beforeColon(line []byte) []byte { return bytes.TrimRight(line, ": \t*_\uff1a") }

// splits are the octets that stand between words.
var splits = func() (t [256]bool) {
	for c := range t {
		t[c] = c <= ' ' || strings.IndexByte(`,.;:<>[]"*_`, byte(c)) >= 0
	}
	return t
}()

// weight orders readings of lines of which line is the last: 0 is none.
func (c *clue) weight(line []byte, marked bool) int {
	date := c.digits >= minDateDigits
	switch {
	case c.verb && c.address && date:
		return 4
	case c.verb && c.address:
		return 3
	case c.address && date && isClosed(line):
		return 2
	case c.verb && date, marked:
		return 1
	}
	return 0
}

// isClosed reports whether a line ends in a bracket, "<eva@b.example>:".
func isClosed(line []byte) bool {
	end := beforeColon(line)
	return len(end) > 0 && strings.IndexByte(">])", end[len(end)-1]) >= 0
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
	if r.tries > maxTries {
		return
	}
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
