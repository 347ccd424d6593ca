package received

import (
	"net/netip"
	"strings"
)

// shape says what the last comment of the `from` part that is not a remark was.
// The writer's own comment stands last; one before it may be the client's name.
type shape uint8

const (
	shapeNone    shape = iota
	shapeAddress       // "rdns [ip]", "[ip]:port", "ip", "user@ip"
	shapeHelo          // qmail, AsyncOS, CommuniGate: "HELO name"; the address is elsewhere
	shapeKeys          // Exim without name for the client: "port=40001 helo=name"
	shapeUnknown
)

// fromPart is what stands between "from" and "by".
type fromPart struct {
	present  bool
	first    string // the word behind "from"; "" if there is none
	literal  netip.Addr
	last     shape
	addr     netip.Addr // found in a comment
	clash    bool       // another address was found, too
	helo     string     // found in a comment
	hasHelo  bool
	keys     bool   // Exim has written a comment without the address
	envelope bool   // Alibaba: the reverse-path stands where others put the address
	rdns     string // found in a comment
	bare     bool   // the address had no brackets: qmail, Exchange
	pickup   bool
	claims   bool // "claiming to be", written by an smtpd of old
	// Where the address and the HELO stand: 1 is the first word, 2 what follows
	// it, 0 nowhere. The two are beside each other, or one was made up.
	addrAt, heloAt int
}

func (p *parser) readFrom(tokens []token) {
	f := &p.from
	if n := len(tokens); n > 0 { // IIS
		f.pickup = p.text[tokens[0].start:tokens[n-1].end] == "mail pickup service"
	}
	f.envelope = strings.Contains(p.fromText, "mailfrom:")
	for i, t := range tokens {
		text := p.str(t)
		switch {
		case t.kind == comment:
			p.fromComment(strings.TrimSpace(text))
		case t.kind == semicolon:
		case i == 0:
			f.first = text
		default:
			p.fromWord(tokens, i, text)
		}
		if f.addrAt == 0 && (f.addr.IsValid() || f.literal.IsValid()) {
			f.addrAt = i + 1
		}
		if t.kind == comment && f.heloAt == 0 && f.hasHelo {
			f.heloAt = i + 1
		}
	}
}

// fromWord reads a word behind the first one, where honest writers have few.
func (p *parser) fromWord(tokens []token, i int, text string) {
	f := &p.from
	switch {
	case strings.EqualFold(text, "from"):
		p.defect(DefectTwoFrom)
		f.clash = true
	case text[0] == '[':
		if ip, ok := parseAddr(text); ok {
			f.clash = f.clash || f.literal.IsValid() && f.literal != ip
			f.literal = ip
		}
	case i > 1 && text == "be" && p.is(tokens[i-1], "to") && i+1 < len(tokens) && tokens[i+1].kind == word:
		f.helo, f.hasHelo, f.claims = strings.Trim(p.str(tokens[i+1]), `",`), true, true
	}
}

// fromComment reads a comment of the `from` part.
func (p *parser) fromComment(c string) {
	f := &p.from
	if p.note(c) {
		return
	}
	if helo, ok := cutHelo(c); ok {
		f.helo, f.hasHelo, f.last = helo, true, shapeHelo
		return
	}
	if hasPrefixFold(c, "account ") { // CommuniGate
		p.hop.Auth = true
		if _, helo, ok := strings.Cut(c, " HELO "); ok {
			f.helo, f.hasHelo = helo, true
		}
		f.last = shapeHelo
		return
	}
	if strings.HasPrefix(c, "mailfrom:") {
		f.last = shapeUnknown
		return
	}
	p.shape(c)
}

// cutHelo reads "HELO name"; the name may be empty or have spaces in it.
func cutHelo(c string) (string, bool) {
	if len(c) < 4 || c[:4] != "HELO" && c[:4] != "EHLO" && c[:4] != "LHLO" || len(c) > 4 && c[4] != ' ' {
		return "", false
	}
	return strings.TrimSpace(c[4:]), true
}

// shape reads a comment in which the writer put the client's address, and
// whatever else it knew: a name, a user, a port, the name the client gave.
func (p *parser) shape(c string) {
	f := &p.from
	var name, bare string
	var keys, found bool
	fields := 0
	for field := range strings.FieldsSeq(c) {
		switch {
		case field[0] == '(':
			nested, rest, _ := strings.Cut(c[strings.IndexByte(c, '(')+1:], ")")
			p.note(nested)
			f.clash = f.clash || strings.Contains(rest, "[") // nobody writes the address there
			goto done
		case strings.HasPrefix(field, "helo="):
			f.helo, f.hasHelo, keys = field[5:], true, true
		case strings.HasPrefix(field, "port="):
			keys = true
		case strings.HasPrefix(field, "ident="):
			p.hop.Ident, keys = field[6:], true
		case found && (field == `"EHLO` || field == `"HELO`):
			_, helo, _ := strings.Cut(c, field+" ")
			f.helo, _, f.hasHelo = strings.Cut(helo, `"`)
			goto done // the client's words, from here on
		case strings.IndexByte(field, '[') >= 0:
			// Behind helo= and the like an address is the client's word.
			f.clash = f.clash || keys
			found = p.bracket(field, &name) || found
			fields++
		default:
			if fields == 0 {
				bare = field
			}
			if name == "" && !found {
				name = field
			}
			fields++
		}
	}
done:
	if !found && !keys && fields == 1 && p.bareAddr(bare) {
		found, name = true, ""
	}
	switch {
	case found:
		f.last = shapeAddress
		p.clientName(name)
	case keys:
		f.last, f.keys = shapeKeys, true
	case !p.local:
		f.last = shapeUnknown
	}
}

// bracket reads "[ip]", "[ip]:port", "name[ip]", "user@[ip]" and "[local]".
func (p *parser) bracket(field string, name *string) bool {
	i := strings.IndexByte(field, '[')
	ip, ok := parseAddr(field[i:])
	if !ok {
		p.local = p.local || field == "[local]" || field == "[unix"
		return false
	}
	if user, isUser := strings.CutSuffix(field[:i], "@"); isUser {
		p.hop.Ident = user
	} else if i > 0 {
		*name = field[:i]
	}
	p.candidate(ip)
	return true
}

// bareAddr reads "ip" and "user@ip".
func (p *parser) bareAddr(s string) bool {
	at := strings.LastIndexByte(s, '@')
	ip, ok := parseAddr(s[at+1:])
	if !ok {
		return false
	}
	if at >= 0 {
		p.hop.Ident = s[:at]
	}
	p.from.bare = true
	p.candidate(ip)
	return true
}

func (p *parser) candidate(ip netip.Addr) {
	f := &p.from
	f.clash = f.clash || f.addr.IsValid() && f.addr != ip
	f.addr = ip
}

// clientName takes the name that stood before the address.
func (p *parser) clientName(name string) {
	if user, host, ok := strings.Cut(name, "@"); ok {
		p.hop.Ident, name = strings.TrimPrefix(user, "IDENT:"), host
	}
	switch strings.ToLower(name) {
	case "", "unknown", "softdnserr", "reverse":
		return
	}
	p.from.rdns = strings.TrimSuffix(name, ".")
}
