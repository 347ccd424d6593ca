package thread

import (
	"bytes"
	"slices"

	"mxgate/policy/mail"
)

// Limits of message ids, RFC 5322, Section 3.6.4.
const (
	maxID      = 998 // octets: longer than a line may be
	citedFirst = 50  // ids kept from the beginning
	citedLast  = 50  // and from the end
	maxCited   = citedFirst + citedLast
)

// messageID returns the id that the fields give; "" unless there is one.
func messageID(fields []mail.Field) string {
	id := ""
	for _, f := range fields {
		if !f.Is("Message-ID") {
			continue
		}
		var found cited
		found.read(value(f))
		list := found.list()
		if len(list) != 1 || id != "" && id != list[0] {
			return ""
		}
		id = list[0]
	}
	return id
}

// citedIDs returns the ids of References and In-Reply-To: the first and the
// last fifty, without repeats. all is false if there are more.
func citedIDs(fields []mail.Field) (ids []string, all bool) {
	var found cited
	for _, name := range [...]string{"References", "In-Reply-To"} {
		for _, f := range fields {
			if f.Is(name) {
				found.read(value(f))
			}
		}
	}
	return found.list(), found.n <= maxCited
}

// value is what stands behind the colon of a field, folded as it is.
func value(f mail.Field) []byte { return f.Raw[bytes.IndexByte(f.Raw, ':')+1:] }

// cited gathers ids without copying those that are dropped.
type cited struct {
	first [citedFirst][]byte
	last  [citedLast][]byte // a ring of those behind
	n     int               // ids in all
}

func (c *cited) add(id []byte) {
	if len(id) == 0 || len(id) > maxID {
		return
	}
	if c.n < citedFirst {
		c.first[c.n] = id
	} else {
		c.last[c.n%citedLast] = id
	}
	c.n++
}

// read takes the ids out of the value of a field. What stands between them, in
// the old syntax words and comments, is passed over; where there is no angle
// bracket, words with an "@" are ids, as some programs write them.
func (c *cited) read(v []byte) {
	for rest := v; ; {
		lt := bytes.IndexByte(rest, '<')
		if lt < 0 {
			break
		}
		rest = rest[lt+1:]
		end := bytes.IndexAny(rest[:min(len(rest), 2*maxID)], "<>")
		if end < 0 {
			break
		}
		if rest[end] == '>' {
			c.add(rest[:end])
		}
		rest = rest[end:]
	}
	if bytes.IndexByte(v, '<') >= 0 {
		return
	}
	for word := range bytes.FieldsSeq(v) {
		if bytes.IndexByte(word, '@') > 0 && bytes.IndexByte(word, '>') < 0 {
			c.add(word)
		}
	}
}

func (c *cited) list() []string {
	if c.n == 0 {
		return nil
	}
	kept := make([]string, 0, min(c.n, maxCited))
	add := func(raw []byte) {
		if id := unfolded(raw); id != "" && !slices.Contains(kept, id) {
			kept = append(kept, id)
		}
	}
	for _, id := range c.first[:min(c.n, citedFirst)] {
		add(id)
	}
	for i := max(citedFirst, c.n-citedLast); i < c.n; i++ {
		add(c.last[i%citedLast])
	}
	return kept
}

// unfolded returns id without the white space that folding put in it; "" if
// there are controls in it.
func unfolded(id []byte) string {
	plain := true
	for _, c := range id {
		if c <= ' ' || c == 0x7f {
			plain = false
			if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
				return ""
			}
		}
	}
	if plain {
		return string(id)
	}
	return string(bytes.Join(bytes.Fields(id), nil))
}

// idDomain returns the right side of an id, if it is a domain of two labels at
// least.
func idDomain(id string) mail.Domain {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i] == '@' {
			return shownDomain(id[i+1:])
		}
	}
	return ""
}
