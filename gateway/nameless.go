package gateway

import (
	"strings"

	"mxgate/policy/mail"
)

// nameless returns text for the log: addresses in it without their local parts, and
// the local parts of paths nowhere as a word. Next hops answer with the whole address,
// and some with the name of the mailbox alone. STYLE, Section 7.
func nameless(text string, paths ...mail.Address) string {
	text = withoutLocalParts(text)
	for _, p := range paths {
		text = withoutWord(text, p.Local)
	}
	return text
}

// masked stands for what is left out.
const masked = "*"

// withoutLocalParts hides what stands before each "@". Around a quoted one more may go
// than that.
func withoutLocalParts(text string) string {
	var b strings.Builder
	for {
		before, behind, found := strings.Cut(text, "@")
		if !found {
			return b.String() + text
		}
		start := strings.LastIndexAny(before, " \t<>()[],;:") + 1
		open := strings.LastIndexByte(before, '<') + 1
		if quote := strings.IndexByte(before[open:], '"'); quote >= 0 && (open > 0 || strings.HasSuffix(before, `"`)) {
			start = min(start, open+quote)
		}
		b.WriteString(before[:start] + masked + "@")
		text = behind
	}
}

// withoutWord hides a word wherever it stands alone, in either case.
func withoutWord(text, word string) string {
	if word == "" {
		return text
	}
	part := func(i int) bool { return i >= 0 && i < len(text) && isWordByte(text[i]) }
	var b strings.Builder
	from := 0
	for i := 0; i+len(word) <= len(text); i++ {
		end := i + len(word)
		if strings.EqualFold(text[i:end], word) && !part(i-1) && !part(end) {
			b.WriteString(text[from:i] + masked)
			from, i = end, end-1
		}
	}
	return b.String() + text[from:]
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}
