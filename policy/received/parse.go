package received

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// parser reads one field. Strings of the hop are parts of text.
type parser struct {
	octets   []byte // what is scanned; it is overwritten by the next field
	text     string // the part of it that was cut into tokens
	fromText string // all before `by`
	claims   int    // how often somebody says to have written the field
	comments int    // those within others included
	unopened bool   // a parenthesis is closed that was never opened
	hop      Hop
	from     fromPart
	exim     bool   // the writer calls itself Exim
	local    bool   // something says that no network was involved
	byNote   bool   // a comment stands directly behind the `by` host
	path     bool   // a path was seen in the `by` part: from there on the client may have a say
	proto    string // Proto, if it stands before any path
}

// Parse reads the value of one Received field, folded or not.
//
// It accepts any octets and always returns: what cannot be read is Garbage with
// its defects. It reads at most 8 KiB, 64 comments and 256 tokens.
func Parse(value string) Hop {
	var p parser
	unfold(&p, []byte(value), nil)
	return p.read()
}

// read reads what unfold has prepared.
func (p *parser) read() Hop {
	var tokens [maxTokens]token
	p.hop.Field = -1
	clauses := p.scan(tokens[:0])
	if p.unopened {
		p.defect(DefectParenthesis)
	}
	p.fields(clauses)
	p.resolve()
	p.hop.from = p.from.present
	if p.claims > 1 {
		p.defect(DefectTwoBy)
		p.hop.By, p.hop.ByIP, p.hop.IP, p.hop.Kind = "", netip.Addr{}, netip.Addr{}, Garbage
	}
	return p.hop
}

func (p *parser) defect(d string) {
	if !slices.Contains(p.hop.Defects, d) {
		p.hop.Defects = append(p.hop.Defects, d)
	}
}

func (p *parser) str(t token) string { return p.text[t.start:t.end] }

// Bounds of the search for a date that has no semicolon before it.
const (
	maxDateOctets = 128
	maxDateTries  = 4
)

// maxFromOctets is more than any honest `from` part has. A longer one is not
// looked through: its client counts as somebody outside who cannot be told.
const maxFromOctets = 2 << 10

// fields divides the tokens into leading comments, `from` part, `by` part and
// date, and reads each.
func (p *parser) fields(tokens []token) {
	clauses := p.date(tokens)
	first := slices.IndexFunc(clauses, func(t token) bool { return t.kind == word })
	if first < 0 {
		first = len(clauses)
	}
	by := first
	for by < len(clauses) && !p.is(clauses[by], "by") {
		by++
	}
	if by < len(clauses) {
		p.fromText = p.text[:clauses[by].start]
	}
	if by > 0 && clauses[by-1].end > maxFromOctets {
		p.defect(DefectCut)
		p.fromText, p.from.present, p.from.clash = "", true, true
		p.hop.outsiders.n = len(p.hop.outsiders.addrs) + 1
	} else {
		p.readLeft(clauses[:first], clauses[first:by])
	}
	if by < len(clauses) {
		p.readBy(clauses[by+1:])
	}
}

// readLeft reads all that stands before `by`.
func (p *parser) readLeft(leading, from []token) {
	for _, t := range leading {
		if t.kind == comment {
			p.leading(p.str(t))
		}
	}
	if len(from) == 0 {
		return
	}
	p.from.present, p.local = true, false // Sendmail's "(from user)" stands alone
	if p.is(from[0], "from") {
		from = from[1:]
	}
	p.readFrom(from)
}

// date finds the date, behind the last semicolon outside comments, and returns
// the tokens before it.
func (p *parser) date(tokens []token) []token {
	for i := len(tokens) - 1; i >= 0; i-- {
		if tokens[i].kind != semicolon {
			continue
		}
		for _, t := range tokens[i+1:] {
			if t.kind == comment {
				p.byRemark(p.str(t)) // PowerMTA writes the reverse-path behind the date
			}
		}
		p.readDate(p.text[tokens[i].end:])
		return tokens[:i]
	}
	// SendGrid forgets the semicolon. Only what begins like a date is tried.
	for i, tries := 1, 0; i < len(tokens) && tries < maxDateTries; i++ {
		t := tokens[i]
		if t.kind != word || !isWeekday(strings.TrimSuffix(p.str(t), ",")) {
			continue
		}
		tries++
		if when, defects, ok := parseDate(p.text[t.start:min(len(p.text), int(t.start)+maxDateOctets)]); ok {
			p.setDate(when, append(defects, DefectSemicolon))
			return tokens[:i]
		}
	}
	p.defect(DefectNoDate)
	return tokens
}

func (p *parser) readDate(text string) {
	if strings.TrimSpace(text) == "" {
		p.defect(DefectNoDate)
		return
	}
	when, defects, ok := parseDate(text)
	if !ok {
		p.defect(DefectDate)
		return
	}
	p.setDate(when, defects)
}

func (p *parser) setDate(when time.Time, defects []string) {
	p.hop.Time = when
	for _, d := range defects {
		p.defect(d)
	}
}

// leading reads a comment before the first clause: qmail and Sendmail say there
// what had no client.
func (p *parser) leading(c string) {
	switch {
	case hasPrefixFold(c, "qmail ") && strings.Contains(c, "invoked"):
		p.hop.Kind, p.hop.Program = Local, c
		if strings.Contains(c, "from network") {
			p.hop.Kind = Internal
		}
	case hasPrefixFold(c, "from "):
		if strings.Contains(c, " [") { // NAVGW puts the whole clause into a comment
			p.from.present = true
			first, rest, _ := strings.Cut(c[5:], " ")
			p.from.first = first
			p.shape(rest)
			return
		}
		p.local = true
	}
}

func (p *parser) is(t token, s string) bool {
	return t.kind == word && int(t.end-t.start) == len(s) && strings.EqualFold(p.str(t), s)
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && s[0]|0x20 == prefix[0]|0x20 && strings.EqualFold(s[:len(prefix)], prefix)
}
