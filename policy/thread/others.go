package thread

import (
	"strings"

	"mxgate/policy/mail"
	"mxgate/policy/thread/text"
)

// Mail programs read what is no address list in different ways, and what is one, too:
// some know no comment in a comment, or take the first "@" of a quoted local part. All
// that any of them may read counts: whoever is added to a conversation may be so for
// one program only.

// maxPlain is how many "@" an entry has that is read without mail.HeaderDomains.
const maxPlain = 8

// odd gathers the texts of the fields of one name that can be read in several ways.
type odd struct {
	asWritten, bare []string
	seen            map[string]bool
}

// others keeps whom a list shows besides: v is the list as it was received, w as it
// was read. What can be read in several ways is added to o.
func (r *reader) others(v string, w written, where Where, o *odd) {
	r.othersIn(shapeOf(v), where, func(s string) { o.asWritten = o.add(o.asWritten, s) })
	if bare := w.bare(); bare.s != v {
		r.othersIn(bare, where, func(s string) { o.bare = o.add(o.bare, s) })
	}
}

// add adds s to texts unless it was seen.
func (o *odd) add(texts []string, s string) []string {
	if o.seen[s] {
		return texts
	}
	if o.seen == nil {
		o.seen = map[string]bool{}
	}
	o.seen[s] = true
	return append(texts, s)
}

func (r *reader) othersIn(w written, where Where, odd func(string)) {
	var buf [maxPlain]mail.Domain
	for l := (lister{rest: w}); l.next(); {
		s := l.entry.s
		domains, plain := plainDomains(buf[:0], s)
		if decoded := mail.DecodeWords(s); plain && decoded != s {
			if domains, plain = plainDomains(buf[:0], decoded); strings.Contains(decoded, "=?") || strings.Contains(decoded, "?=") {
				plain = false
			}
		}
		if !plain {
			odd(s)
			continue
		}
		for _, d := range domains {
			r.other(d, where)
		}
	}
}

// bare returns w without comments and without any gap in a domain.
func (w written) bare() written {
	if strings.IndexByte(w.shape, inComment) < 0 {
		return w.joined(true)
	}
	s, shape := make([]byte, 0, len(w.s)), make([]byte, 0, len(w.s))
	for i := range len(w.s) {
		if w.shape[i] != inComment {
			s, shape = append(s, w.s[i]), append(shape, w.shape[i])
		}
	}
	return written{string(s), string(shape)}.joined(true)
}

// plainDomains appends the domains behind each "@" of an entry to out; plain says that
// everybody reads these.
func plainDomains(out []mail.Domain, s string) (domains []mail.Domain, plain bool) {
	if strings.Contains(s, "\uff20") || strings.Contains(s, "\ufe6b") { // wide and small "@"
		return nil, false
	}
	for n := 0; ; n++ {
		at := strings.IndexByte(s, '@')
		if at < 0 {
			return out, true
		}
		s = strings.TrimLeft(s[at+1:], " \t") // "Eva @ Haus"
		rest := strings.TrimLeft(s, ldh)
		run := s[:len(s)-len(rest)]
		if s = strings.TrimLeft(rest, `"'>)]`); n >= maxPlain || run == "" || class[run[0]] == none || !endsRun(s) {
			return nil, false
		}
		d := shownDomain(strings.TrimRight(run, ".-_"))
		if d == "" && strings.IndexByte(run, '.') >= 0 {
			return nil, false
		}
		if d != "" {
			out = append(out, d)
		}
	}
}

const ldh = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// endsRun reports whether nobody goes on with a domain that s follows.
func endsRun(s string) bool {
	if s == "" || s[0] == '<' || s[0] == ',' {
		return true
	}
	behind := strings.TrimLeft(s, " \t")
	return len(behind) < len(s) && (behind == "" || behind[0] != '.')
}

// othersAmong keeps whom anybody may read in texts of the fields of that name.
func (r *reader) othersAmong(texts []string, name string, where Where) {
	for _, s := range texts {
		if !text.IsASCII([]byte(s)) {
			r.strange += strings.Count(s, "@") + strings.Count(s, "\uff20") + strings.Count(s, "\ufe6b")
		}
	}
	if r.strange > maxForeign {
		r.crowded(where)
	}
	if r.strange > maxForeign || len(texts) == 0 {
		return
	}
	m := mail.Message{Fields: []mail.Field{{Name: name, Raw: []byte(name + ":" + strings.Join(texts, ","))}}}
	domains, more := mail.HeaderDomains(&m, name, MaxCrowd)
	for _, d := range domains {
		r.other(d, where)
	}
	if more {
		r.crowded(where)
	}
}

// other keeps d without an address, unless somebody of that domain stands there.
func (r *reader) other(d mail.Domain, where Where) {
	there := func(p *Party) bool { return p.Where == where && p.Domain == d }
	for i := range r.c.Parties {
		if there(&r.c.Parties[i]) {
			return
		}
	}
	for i := range r.c.Crowd {
		if there(&r.c.Crowd[i]) {
			return
		}
	}
	r.keep(Party{Domain: d, Where: where})
}
