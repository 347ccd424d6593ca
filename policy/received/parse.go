package received

import (
	"net/netip"
	"slices"
	"strings"
)

// parser reads one field. Strings of the hop are parts of text.
type parser struct {
	text     string
	fromText string // all before `by`
	hop      Hop
	from     fromPart
	exim     bool   // the writer calls itself Exim
	local    bool   // something says that no network was involved
	byNote   bool   // a comment stands directly behind the `by` host
	path     bool   // a path was seen in the `by` part: from there on the client may have a say
	proto    string // Proto, if it stands before any path
}

// Parse reads the unfolded value of one Received field.
//
// It accepts any octets and always returns: what cannot be read is Garbage with
// its defects. It reads at most 8 KiB, 64 comments and 256 tokens.
func Parse(value string) Hop {
	var tokens [maxTokens]token
	p := parser{text: value, hop: Hop{Field: -1}}
	// Counted before anything is cut off: what cannot be seen must not help.
	claims := byWords(value)
	if len(value) > maxFieldOctets {
		p.text = value[:maxFieldOctets]
		p.defect(DefectCut)
	}
	p.text = collapse(p.text)
	p.fields(p.scan(tokens[:0]))
	p.resolve()
	if claims > 1 {
		p.defect(DefectTwoBy)
		p.hop.By, p.hop.ByIP, p.hop.IP, p.hop.Kind = "", netip.Addr{}, netip.Addr{}, Garbage
	}
	return p.hop
}

// collapse makes every run of white space one space, folding included. A CR that
// is not part of a line end stays: it is a defect.
func collapse(s string) string {
	clean, before := 0, byte(0)
	for clean < len(s) && s[clean] != '\t' && s[clean] != '\n' && (s[clean] != ' ' || before != ' ') {
		before = s[clean]
		clean++
	}
	if clean == len(s) {
		return s
	}
	if s[clean] == '\n' && before == '\r' {
		clean--
	}
	b := append(make([]byte, 0, len(s)), s[:clean]...)
	for i := clean; i < len(s); i++ {
		c := s[i]
		if class[c] == space || c == '\r' && i+1 < len(s) && s[i+1] == '\n' {
			if n := len(b); n > 0 && b[n-1] != ' ' {
				b = append(b, ' ')
			}
			continue
		}
		b = append(b, c)
	}
	return string(b)
}

func (p *parser) defect(d string) {
	if !slices.Contains(p.hop.Defects, d) {
		p.hop.Defects = append(p.hop.Defects, d)
	}
}

func (p *parser) str(t token) string { return p.text[t.start:t.end] }

// maxDateOctets bounds the search for a date that has no semicolon before it.
const maxDateOctets = 128

// fields divides the tokens into leading comments, `from` part, `by` part and
// date, and reads each.
func (p *parser) fields(tokens []token) {
	clauses := p.date(tokens)
	i := 0
	for i < len(clauses) && clauses[i].kind != word {
		if clauses[i].kind == comment {
			p.leading(p.str(clauses[i]))
		}
		i++
	}
	if i == len(clauses) {
		return
	}
	by := i
	for by < len(clauses) && !p.is(clauses[by], "by") {
		by++
	}
	if by < len(clauses) {
		p.fromText = p.text[:clauses[by].start]
	}
	if by > i {
		p.from.present, p.local = true, false // Sendmail's "(from user)" stands alone
		if p.is(clauses[i], "from") {
			i++
		}
		p.readFrom(clauses[i:by])
	}
	if by < len(clauses) {
		p.readBy(clauses[by+1:])
	}
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
	for i, t := range tokens {
		if t.kind == word && i > 0 && isWeekday(strings.TrimSuffix(p.str(t), ",")) {
			if when, defects, ok := parseDate(p.text[t.start:min(len(p.text), int(t.start)+maxDateOctets)]); ok {
				p.hop.Time = when
				p.defect(DefectSemicolon)
				for _, d := range defects {
					p.defect(d)
				}
				return tokens[:i]
			}
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
		p.hop.Kind = Local
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

// keyword tells the clauses of the `by` part apart.
type keyword uint8

const (
	kwBy keyword = iota
	kwWith
	kwID
	kwFor
	kwVia
	kwEnvFrom
	kwTLS
)

var keywords = []struct {
	text string
	kw   keyword
}{
	{"with", kwWith}, {"id", kwID}, {"for", kwFor}, {"via", kwVia}, {"tls", kwTLS},
	{"from", kwEnvFrom}, {"envelope-from", kwEnvFrom}, {"envelope-sender", kwEnvFrom},
}

// readBy reads what follows the word "by". Clauses before it were written into
// the client's name, or by writers that we do not know.
func (p *parser) readBy(tokens []token) {
	h, current, words := &p.hop, kwBy, 0
	for i, t := range tokens {
		text := p.str(t)
		p.path = p.path || strings.ContainsAny(text, `<@"`)
		if t.kind == comment {
			if current == kwBy && !p.byNote {
				p.byComment(text)
			}
			p.byRemark(text)
			continue
		}
		if t.kind == semicolon {
			continue
		}
		if kw, ok := asKeyword(text); ok {
			current, words = kw, 0
			h.TLS = h.TLS || kw == kwTLS
			p.path = p.path || kw == kwFor || kw == kwEnvFrom
			continue
		}
		words++
		switch current {
		case kwBy:
			p.byWord(text, words, i)
		case kwWith:
			p.protoWord(text, words == 1)
		case kwVia:
			if words == 1 && h.Proto == "" && isMailProto(text) {
				p.protoWord(text, true)
			}
		case kwID:
			if words == 1 && h.ID == "" {
				h.ID = strings.Trim(text, "<>,")
			}
		case kwFor:
			if path := strings.Trim(text, "<>,"); path != "" && len(h.For) < maxFor {
				h.For = append(h.For, path)
			}
		case kwEnvFrom:
			if words == 1 && h.EnvFrom == "" {
				h.EnvFrom = strings.Trim(text, "<>,")
			}
		}
	}
}

func asKeyword(s string) (keyword, bool) {
	if len(s) > len("envelope-sender") {
		return 0, false
	}
	for _, k := range keywords {
		if len(k.text) == len(s) && strings.EqualFold(k.text, s) {
			return k.kw, true
		}
	}
	return 0, false
}

// byWord takes a word of the `by` host. A name with a space is only believed to
// be one while it has no dot: "Forcepoint Email", but not "mx.example on a Friday".
func (p *parser) byWord(text string, nth, offset int) {
	h := &p.hop
	switch {
	case nth == 1:
		h.By = strings.TrimRight(text, ",")
		if ip, ok := parseAddr(h.By); ok {
			h.ByIP = ip
			h.By = strings.Trim(h.By, "[]")
		}
	case offset == nth-1 && nth <= 4 && !strings.ContainsAny(h.By, ".:"):
		h.By += " " + text
	}
}

// byComment reads the comment directly behind the `by` host: its address, as
// "ip", "[ip]" or "host [ip]", or its program. Later ones, and any that holds a
// path, may have been written by the client.
func (p *parser) byComment(c string) {
	p.byNote = true
	if p.path {
		return
	}
	p.local = p.local || hasPrefixFold(c, "Postfix, from userid") || strings.HasSuffix(c, "/Submit")
	c = strings.TrimSpace(c)
	if host, literal, ok := strings.Cut(c, " "); ok && strings.HasPrefix(literal, "[") && !hasPrefixFold(host, "envelope-") && !hasPrefixFold(host, "mailfrom:") {
		c = literal
	}
	if ip, ok := parseAddr(c); ok && !p.hop.ByIP.IsValid() {
		p.hop.ByIP = ip
	}
}

// protoWord takes a word of a `with` clause; the first known protocol counts,
// wherever it stands: "Microsoft SMTP Server", "AES128-SHA encrypted SMTP".
func (p *parser) protoWord(text string, first bool) {
	h := &p.hop
	if strings.EqualFold(text, "STARTTLS") || strings.EqualFold(text, "encrypted") {
		h.TLS = true
		return
	}
	name, detail, slash := strings.Cut(text, "/")
	if slash && hasPrefixFold(detail, "TLS") {
		h.TLS = true
	}
	if !first && (isKnownProto(h.Proto) || !isMailProto(name)) {
		return
	}
	if h.Proto != "" && isKnownProto(h.Proto) {
		return
	}
	h.Proto = strings.ToUpper(strings.TrimPrefix(name, "["))
	if !p.path {
		p.proto = h.Proto
	}
	if !isKnownProto(h.Proto) {
		return
	}
	// RFC 3848: a final A says authenticated, an S before it or at the end TLS.
	base, auth := strings.CutSuffix(h.Proto, "A")
	h.Auth = h.Auth || auth || h.Proto == "ASMTP"
	h.TLS = h.TLS || strings.HasSuffix(base, "MTPS") || h.Proto == "HTTPS"
}

// isMailProto reports whether text names a protocol we know, in any case.
func isMailProto(text string) bool { return len(text) <= 14 && isKnownProto(strings.ToUpper(text)) }

func isKnownProto(upper string) bool {
	switch upper {
	case "SMTP", "SMTPS", "SMTPA", "SMTPSA", "ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA", "ASMTP", "SMTPSVC",
		"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA", "UTF8ESMTP", "UTF8ESMTPS", "UTF8ESMTPA", "UTF8ESMTPSA",
		"LMTP", "LMTPS", "LMTPA", "LMTPSA", "UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA",
		"MAPI", "HTTP", "HTTPS", "HTTPREST", "NNFMP", "QMQP", "POP3", "POP3S", "IMAP", "IMAPS", "LOCAL", "ECSTREAM", "MMS":
		return true
	}
	return false
}

func (p *parser) is(t token, s string) bool {
	return t.kind == word && int(t.end-t.start) == len(s) && strings.EqualFold(p.str(t), s)
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
