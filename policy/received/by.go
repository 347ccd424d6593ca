package received

import "strings"

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

// readBy reads what follows the word "by". Clauses before it were written into
// the client's name, or by writers that we do not know.
func (p *parser) readBy(tokens []token) {
	h, current, words, pathAt := &p.hop, kwBy, 0, len(p.text)
	if len(tokens) > 0 {
		pathAt = p.firstPath(int(tokens[0].start))
	}
	for i, t := range tokens {
		text := p.str(t)
		p.path = p.path || int(t.end) > pathAt
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

// firstPath returns the offset of the first octet at or behind from that may be of
// a path, which the client has chosen.
func (p *parser) firstPath(from int) int {
	end := len(p.text)
	for _, mark := range [...]byte{'<', '@', '"'} {
		if i := strings.IndexByte(p.text[from:end], mark); i >= 0 {
			end = from + i
		}
	}
	return end
}

func asKeyword(s string) (keyword, bool) {
	word, kw := "", kwBy
	switch len(s) {
	case 2:
		word, kw = "id", kwID
	case 3:
		switch s[0] | 0x20 {
		case 'f':
			word, kw = "for", kwFor
		case 'v':
			word, kw = "via", kwVia
		default:
			word, kw = "tls", kwTLS
		}
	case 4:
		word, kw = "with", kwWith
		if s[0]|0x20 == 'f' {
			word, kw = "from", kwEnvFrom
		}
	case 13:
		word, kw = "envelope-from", kwEnvFrom
	case 15:
		word, kw = "envelope-sender", kwEnvFrom
	default:
		return kwBy, false
	}
	return kw, strings.EqualFold(s, word)
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
	switch ip, ok := parseAddr(c); {
	case !ok:
		p.hop.Program = c
	case !p.hop.ByIP.IsValid():
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
	h.TLS = h.TLS || slash && hasPrefixFold(detail, "TLS")
	if strings.EqualFold(text, "AUTH") || slash && strings.EqualFold(detail, "AUTH") {
		h.Auth = true
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
