package thread

import (
	"slices"
	"strings"
	"unicode/utf8"

	"mxgate/policy/mail"
)

// Limits of what is read of address lists.
const (
	maxHeaderParties = 60       // of MaxParties, so that a long To hides no quotation
	maxReplyParties  = 40       // of these, so that Reply-To hides neither: they are read first
	maxIDParties     = 20       // of these, so that References hides none of them
	maxTries         = 500      // things that look like an address, in all
	maxForeign       = 100      // of these, names that are no ASCII: they cost a hundred times as much; and as many of others
	maxListOctets    = 16 << 10 // of the fields of one name, or of one in an attached message
	maxName          = 128      // octets of a display name
	maxLocal         = 64       // RFC 5321, Section 4.5.3.1.1
)

// fields reads the parties of the fields of that name, and whom else they show.
func (r *reader) fields(name string, where Where) {
	left := maxListOctets
	var o odd
	for _, f := range r.header {
		if !f.Is(name) {
			continue
		}
		v, all := within(f.Value(), left)
		if !all {
			r.crowded(where)
		}
		left -= len(v)
		r.others(v, r.list(v, where), where, &o)
	}
	r.othersAmong(o.asWritten, name, where)
	r.othersAmong(o.bare, name, where)
	if r.tries > maxTries || r.foreign > maxForeign {
		r.crowded(where)
	}
}

// within returns as much of a list as is read; all says that it is all of it. Half
// a domain is another domain.
func within(list string, most int) (read string, all bool) {
	if len(list) <= most {
		return list, true
	}
	return list[:max(0, strings.LastIndexAny(list[:most], " \t,;<>"))], false
}

// list reads the parties of an address list as people and mail programs write
// them: RFC 5322, Section 3.4 with groups, lists with semicolons, names with
// commas, "[mailto:...]", unbalanced quotes. It returns the list as it was read.
func (r *reader) list(s string, where Where) written {
	w := asShown(s)
	for l := (lister{rest: w}); l.next(); {
		r.entry(l.entry, where)
	}
	return w
}

// lister cuts a list into entries.
type lister struct{ rest, entry written }

func (l *lister) next() bool {
	at := false // seen in this entry: a comma before it is part of a name
	angle := false
	shape := l.rest.shape
	first := len(shape) - len(strings.TrimLeft(shape, " "))
	for i := first; i < len(shape); i++ {
		switch c := shape[i]; {
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == '@':
			at = true
		case c == ';', c == ',' && at && !angle, c == ',' && i == first:
			l.entry, l.rest = l.rest.cut(0, i), l.rest.cut(i+1, len(shape))
			return true
		}
	}
	l.entry, l.rest = l.rest, written{}
	return l.entry.s != ""
}

// entry reads one entry of a list: the address that counts has the name, others
// that the name shows stand beside it.
func (r *reader) entry(w written, where Where) {
	if r.tries > maxTries {
		return
	}
	if strings.IndexByte(w.s, '@') < 0 {
		if !strings.Contains(w.s, "=?") {
			return
		}
		if w = asShown(mail.DecodeWords(w.s)); strings.IndexByte(w.s, '@') < 0 {
			return
		}
	}
	w, at := w.address()
	if at < 0 { // it was in an encoded word only
		return
	}
	s := w.s
	start, end := mailboxAround(s, at)
	name := cleanName(nameBefore(s[:start]))
	if name == "" {
		name = commentBehind(s[end:])
	}
	r.party(s[start:at], s[at+1:end], name, where)
	// What the name shows is shown.
	for shown := name; ; {
		i := strings.IndexByte(shown, '@')
		if i < 0 {
			return
		}
		from, to := mailboxAround(shown, i)
		r.party(shown[from:i], shown[i+1:to], "", where)
		shown = shown[max(to, i+1):]
	}
}

// mailboxAround returns where the address around the "@" at s[at] begins and ends.
func mailboxAround(s string, at int) (start, end int) {
	start, end = at, at+1
	for start > 0 && at-start < 4*maxLocal && inLocal(s[start-1]) {
		start--
	}
	if start > 0 && start == at && s[start-1] == '"' { // a quoted local part
		if i := strings.LastIndexByte(s[max(0, at-maxLocal-2):at-1], '"'); i >= 0 {
			start = max(0, at-maxLocal-2) + i
		}
	}
	for end < len(s) && end-at < 4*maxDomain && inDomain(s[end]) {
		end++
	}
	return start, end
}

const maxDomain = 253

// inLocal and inDomain take every octet of a character that is no ASCII.
func inLocal(c byte) bool  { return c > ' ' && c != 0x7f && strings.IndexByte(`()<>[]:;@\,"`, c) < 0 }
func inDomain(c byte) bool { return class[c] != none || c == '.' || c == '-' || c == '_' || c >= 0x80 }

// nameBefore cuts what opens an address off the text before it, and a name of
// the group it stands in.
func nameBefore(s string) string {
	s = strings.TrimRight(s, " \t<[")
	if n := len(s) - len("mailto:"); n >= 0 && strings.EqualFold(s[n:], "mailto:") {
		s = strings.TrimRight(s[:n], " \t<[")
	}
	if i := strings.LastIndexByte(s, ' '); strings.IndexByte(s[i+1:], '@') > 0 && !strings.HasSuffix(s, `"`) { // "a@b<mailto:a@b>"
		if j := strings.LastIndexAny(s, "<["); j > i {
			s = strings.TrimRight(s[:j], " \t<[")
		}
	}
	if colon := strings.LastIndexByte(s, ':'); colon >= 0 && strings.IndexByte(s, '"') < 0 && strings.IndexByte(s, '@') < 0 {
		s = s[colon+1:]
	}
	return s
}

// commentBehind returns the comment that follows an address, as a name.
func commentBehind(s string) string {
	_, s, _ = strings.Cut(s, "(")
	end := strings.LastIndexByte(s, ')')
	return cleanName(s[:max(0, end)])
}

// cleanName decodes a display name and takes out what is not part of it.
func cleanName(s string) string {
	s = strings.Trim(s, " \t\r\n\"'*_")
	if s == "" {
		return ""
	}
	const decoded = 8 * maxName // enough for its encoding
	s = mail.DecodeWords(s[:min(len(s), decoded)])
	if !utf8.ValidString(s) {
		s = mail.DecodeCharset("windows-1252", []byte(s))
	}
	if strings.ContainsAny(s, "\"\\") {
		s = strings.NewReplacer(`\`, "", `"`, "").Replace(s)
	}
	plain := true
	for i := range len(s) {
		plain = plain && s[i] >= ' ' && s[i] < 0x7f && (s[i] != ' ' || i > 0 && s[i-1] != ' ')
	}
	if !plain {
		s = strings.Join(strings.Fields(strings.Map(shown, s)), " ")
	}
	if len(s) > maxName {
		s = s[:maxName]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return strings.Trim(s, " '")
}

// party keeps somebody with an address of at least two labels.
func (r *reader) party(local, domain, name string, where Where) {
	if !r.try(domain) {
		return
	}
	d := shownDomain(strings.TrimRight(domain, ".-_"))
	if d == "" {
		return
	}
	p := Party{Name: name, Domain: d, Where: where}
	if strings.HasPrefix(local, `"`) {
		p.Address, _ = mail.ParseMailbox(local + "@" + string(d))
	} else if local != "" && len(local) <= maxLocal && utf8.ValidString(local) {
		p.Address = mail.Address{Local: local, Domain: d}
	}
	if len(name) == len(local)+1+len(domain) && strings.EqualFold(name[:len(local)], local) && strings.EqualFold(name[len(local)+1:], domain) {
		p.Name = "" // the address is all that is known
	}
	r.keep(p)
}

// try reports whether one more address may be read.
func (r *reader) try(domain string) bool {
	r.tries++
	for i := range len(domain) {
		if domain[i] >= utf8.RuneSelf {
			r.foreign++
			break
		}
	}
	if r.tries > maxTries || r.foreign > maxForeign {
		r.met("more addresses than are read")
		return false
	}
	return true
}

// keep adds p unless its address stands in that place already; then it may
// bring the name.
func (r *reader) keep(p Party) {
	parties := r.c.Parties
	for i := range parties {
		if have := &parties[i]; have.Where == p.Where && have.Domain == p.Domain && strings.EqualFold(have.Address.Local, p.Address.Local) {
			if have.Name == "" {
				have.Name = p.Name
			}
			return
		}
	}
	most := MaxParties
	switch p.Where {
	case To, Cc:
		most = maxHeaderParties
	case ReplyTo:
		most = maxReplyParties
	}
	if len(parties) >= most {
		r.crowd(p)
		return
	}
	r.c.Parties = append(parties, p)
}

// keepCited adds the right side of an id, without repeats. It returns false where
// there are too many.
func (r *reader) keepCited(d mail.Domain) bool {
	p := Party{Domain: d, Where: CitedID}
	if len(r.c.Parties) >= maxIDParties && !slices.Contains(r.c.Parties, p) {
		return false
	}
	r.keep(p)
	return true
}

// shownDomain reads a domain of two labels at least; "" if it is none.
func shownDomain(s string) mail.Domain {
	if s == "" || len(s) > 4*maxDomain || !strings.ContainsAny(s, ".。．｡") {
		return ""
	}
	d, err := mail.ParseDomain(s)
	if err != nil || strings.IndexByte(string(d), '.') < 0 || strings.Trim(string(d[strings.LastIndexByte(string(d), '.'):]), ".0123456789") == "" {
		return ""
	}
	return d
}
