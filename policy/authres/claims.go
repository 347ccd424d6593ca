package authres

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"mxgate/policy/mail"
)

// maxClaimOctets bounds the text that is searched for our authserv-id: what a
// header field can hold.
const maxClaimOctets = mail.MaxFieldOctets

// Claims reports whether the unfolded value of an Authentication-Results field
// can be read by anyone as written by one of ids. RFC 8601, Section 5.
//
// Readers differ in what they do with comments, quotes, broken quotes, octets
// that have no place there, and encoded words. A field that is ours for one of
// these readings is ours: losing a foreign field costs a line of evidence,
// keeping a forged one costs everything that trusts ours. The version number
// and the case are ignored. Time is linear in the value.
func Claims(value string, ids ...string) bool {
	value = value[:min(len(value), maxClaimOctets)]
	ours := map[string]bool{}
	for _, id := range ids {
		if id = canonical(id); id != "" {
			ours[id] = true
		}
	}
	texts := []string{value}
	if decoded := mail.DecodeWords(value); decoded != value {
		texts = append(texts, decoded)
	}
	for _, text := range texts {
		text = printable(text)
		for _, reading := range readings(text) {
			reading = strings.ReplaceAll(reading, `"`, "")
			if names(reading, ours) || names(joinDots(reading), ours) {
				return true
			}
		}
	}
	return false
}

// printable drops what a reader of the field cannot see: controls, invisible
// characters, octets that are no UTF-8. White space of any kind becomes a space.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || mail.Invisible(r):
			return -1
		}
		return r
	}, s)
}

// readings returns the texts that different parsers are left with once comments
// are removed.
func readings(s string) []string {
	var out []string
	disputed := strings.Contains(s, `\`)
	for _, quotes := range []bool{true, false} {
		for _, instead := range []string{"", " "} {
			text, balanced := withoutComments(s, quotes, instead)
			out = append(out, text)
			disputed = disputed || !balanced
		}
	}
	if disputed { // where a comment ends is a matter of taste: look inside as well
		out = append(out, strings.NewReplacer("(", " ", ")", " ").Replace(s))
	}
	return out
}

// withoutComments replaces comments, nested ones too. quotes says whether a
// parenthesis in a quoted string stands for itself.
func withoutComments(s string, quotes bool, instead string) (text string, balanced bool) {
	var b strings.Builder
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
		case c == '(' && !quoted:
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

// names reports whether one of ours stands where an authserv-id can stand: any
// word before the first ";", or the first word after a later one, which some
// senders use for a second authserv-id.
func names(s string, ours map[string]bool) bool {
	head := true
	for segment := range strings.SplitSeq(s, ";") {
		for word := range strings.FieldsSeq(segment) {
			if ours[canonical(word)] {
				return true
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
	var b strings.Builder
	for i, part := range strings.Split(s, ".") {
		if i > 0 {
			b.WriteByte('.')
		}
		if i > 0 {
			part = strings.TrimLeft(part, " ")
		}
		b.WriteString(strings.TrimRight(part, " "))
	}
	return b.String()
}

// canonical returns the form in which words and authserv-ids are compared: as
// names are, without case, junk around it, a version after "/" or a trailing
// dot. U-labels become A-labels.
func canonical(word string) string {
	word, _, _ = strings.Cut(word, "/")
	word = strings.Trim(word, ".,:=<>[]{}'`@!?&|*#~^+$%\\")
	if d, err := mail.ParseDomain(word); err == nil {
		return string(d)
	}
	return strings.ToLower(word)
}
