package authres

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"mxgate/policy/mail"
)

// Limits of a value that is searched for our authserv-id: an honest one has some
// hundred octets, and few words where an authserv-id can stand.
const (
	maxClaimOctets = 8 << 10
	maxClaimWords  = maxMethods + 16
)

// Claims reports whether the value of an Authentication-Results field, folded or
// not, can be read by anyone as written by one of ids. RFC 8601, Section 5.
//
// Readers differ in what they do with comments, quotes, broken quotes, octets
// that have no place there, and encoded words. A field that is ours for one of
// these readings is ours: losing a foreign field costs a line of evidence,
// keeping a forged one costs everything that trusts ours. So is one that is too
// long, or has too many readings, to be looked at. The version number and the
// case are ignored. Time is linear in the value.
func Claims(value string, ids ...string) bool {
	o := newOwners(ids)
	if len(o.ids) == 0 {
		return false
	}
	if len(value) > maxClaimOctets {
		return true
	}
	texts := spellings(value)
	if len(texts) > 1 && slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, `\`) }) {
		return true // a number of spellings times a number of readings
	}
	for _, text := range texts {
		for _, r := range readings(text) {
			r.text = strings.ReplaceAll(r.text, `"`, "")
			if o.named(r.text, r.firstOnly) {
				return true
			}
			if joined := joinDots(r.text); joined != r.text && o.named(joined, r.firstOnly) {
				return true
			}
		}
	}
	return false
}

// maxMapped is how many characters one becomes at most where U-labels are mapped.
const maxMapped = 6

// owners are the authserv-ids that are looked for.
type owners struct {
	ids     []string
	octets  int             // of the shortest
	runes   int             // of the shortest with U-labels
	foreign map[string]bool // words that are no ASCII and none of them
}

func newOwners(ids []string) owners {
	o := owners{ids: make([]string, 0, len(ids))}
	for _, id := range ids {
		if id = canonical(id); id == "" {
			continue
		}
		shown := utf8.RuneCountInString(mail.Domain(id).Unicode())
		if len(o.ids) == 0 {
			o.octets, o.runes = len(id), shown
		}
		o.ids, o.octets, o.runes = append(o.ids, id), min(o.octets, len(id)), min(o.runes, shown)
	}
	return o
}

// has reports whether word is one of them. To read a word that is no ASCII costs
// much: it is done once, and only for what is long enough to be one.
func (o *owners) has(word string) bool {
	if isPrintable(word) {
		return len(word) >= o.octets && slices.Contains(o.ids, canonical(word))
	}
	if o.foreign[word] || utf8.RuneCountInString(word)*maxMapped < o.runes {
		return false
	}
	if slices.Contains(o.ids, canonical(word)) {
		return true
	}
	if o.foreign == nil {
		o.foreign = map[string]bool{}
	}
	o.foreign[word] = true
	return false
}

// spellings returns the texts that readers may take s for, each once: with
// encoded words decoded or not; with what nobody sees, and what has no place in
// a header field, left out or taken for space; with ASCII alone.
func spellings(s string) []string {
	var out []string
	add := func(text string) {
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	// All readers undo folding, so that a usual field is one text; of a stray CR
	// or LF each makes his own.
	s = unfolding.Replace(strings.ReplaceAll(s, "\t", " "))
	for _, text := range []string{s, mail.DecodeWords(s)} {
		if isPrintable(text) {
			add(text)
			continue
		}
		for _, instead := range []rune{-1, ' '} {
			add(strings.Map(func(r rune) rune {
				switch {
				case r > '~' && unicode.IsSpace(r):
					return ' '
				case r < ' ' || r == utf8.RuneError || mail.Invisible(r):
					return instead
				}
				return r
			}, text))
		}
		add(strings.Map(func(r rune) rune {
			if r > '~' || r < ' ' {
				return -1
			}
			return r
		}, text))
	}
	return out
}

func isPrintable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// reading is the text that a parser is left with once comments are removed.
type reading struct {
	text      string
	firstOnly bool // only the first word counts as an authserv-id
}

// readings returns what different parsers make of s, each once.
func readings(s string) []reading {
	if !strings.ContainsAny(s, `()\`) {
		return []reading{{text: s}}
	}
	var out []reading
	add := func(text string, firstOnly bool) {
		if r := (reading{text, firstOnly}); !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	disputed := strings.Contains(s, `\`)
	for _, quotes := range []bool{true, false} {
		for _, nested := range []bool{true, false} {
			for _, instead := range []string{"", " "} {
				text, balanced := withoutComments(s, quotes, nested, instead)
				add(text, false)
				disputed = disputed || nested && !balanced
			}
		}
	}
	// A parser that knows no comments finds our name in one that stands first.
	// Where a comment ends is a matter of taste if it is disputed: then our name
	// counts wherever it stands.
	add(strings.NewReplacer("(", " ", ")", " ").Replace(s), !disputed)
	return out
}

// withoutComments replaces comments. quotes says whether a parenthesis in a
// quoted string stands for itself, nested whether there are comments in comments.
func withoutComments(s string, quotes, nested bool, instead string) (text string, balanced bool) {
	var b strings.Builder
	b.Grow(len(s))
	depth, quoted, stray := 0, false, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		escaped := c == '\\' && i+1 < len(s)
		switch {
		case escaped:
			i++
			if depth == 0 {
				b.WriteByte(s[i])
			}
		case c == '"' && depth == 0 && quotes:
			quoted = !quoted
			b.WriteByte(c)
		case c == '(' && !quoted && (nested || depth == 0):
			if depth == 0 {
				b.WriteString(instead)
			}
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0:
			stray = stray || c == ')' && !quoted
			b.WriteByte(c)
		}
	}
	return b.String(), depth == 0 && !stray
}

// named reports whether one of them stands where an authserv-id can stand: any
// word before the first ";", or the first word after a later one, which some
// senders use for a second authserv-id. With firstOnly only the first word
// counts. More such words than maxClaimWords are taken for one of them.
func (o *owners) named(s string, firstOnly bool) bool {
	head, words := true, 0
	for segment := range strings.SplitSeq(s, ";") {
		for word := range strings.FieldsSeq(segment) {
			if words++; words > maxClaimWords || o.has(word) {
				return true
			}
			if firstOnly {
				return false
			}
			if !head {
				break
			}
		}
		if strings.TrimSpace(segment) != "" {
			head = false
		}
	}
	return false
}

// joinDots removes the space around dots: "gate . example" is one name to a
// reader that skips white space between tokens.
func joinDots(s string) string {
	if !strings.Contains(s, " .") && !strings.Contains(s, ". ") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i, part := range strings.Split(s, ".") {
		if i > 0 {
			b.WriteByte('.')
			part = strings.TrimLeft(part, " ")
		}
		b.WriteString(strings.TrimRight(part, " "))
	}
	return b.String()
}

// canonical returns the form in which words and authserv-ids are compared: as
// names are, without case, junk around it, what follows a character that no
// token has, or a trailing dot. U-labels become A-labels.
func canonical(word string) string {
	const junk = ".,:=<>[]{}'`@!?&|*#~^+$%\\"
	word = strings.TrimLeft(word, junk)
	if i := strings.IndexAny(word, `/=:,;@<>[]?`); i >= 0 {
		word = word[:i]
	}
	word = strings.TrimRight(word, junk)
	if isPrintable(word) {
		return strings.ToLower(word)
	}
	if d, err := mail.ParseDomain(word); err == nil {
		return string(d)
	}
	return strings.ToLower(word)
}
