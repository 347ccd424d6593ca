package lookalike

import (
	"strings"

	"mxgate/policy/mail"
)

const (
	leastMoved   = 2 // letters of a word that is moved: of one, it is an edit
	maxReordered = 4 // words that are tried in every order
)

// Reordered reports whether d has the words of the target's label in another order,
// with hyphens or without, below any suffix: castings-northwind for northwind-castings.
// The two are long, as for Twice, and as there it says something of the few who take
// part in a conversation: the hotel of the post is another house than the post of the
// hotel.
func Reordered(d, target mail.Domain) bool {
	n, ok := parse(d)
	t, known := parse(target)
	if !ok || !known || n.registrable == t.registrable {
		return false
	}
	a, b := spaced(n.glyphs), spaced(t.glyphs)
	return reordered(a, b) || reordered(contracted.Replace(a), contracted.Replace(b))
}

// spaced is the plain key with its hyphens.
func spaced(glyphs []glyph) string {
	var s strings.Builder
	for _, g := range glyphs {
		s.WriteRune(plainFold(g.c))
	}
	return s.String()
}

// contracted writes letters for the pairs that imitate them, in what is folded.
var contracted = strings.NewReplacer("rn", "m", "nn", "m", "vv", "w", "uu", "w", "cl", "d", "v", "u")

func reordered(a, b string) bool {
	x, y := strings.ReplaceAll(a, "-", ""), strings.ReplaceAll(b, "-", "")
	if len(x) != len(y) || len(x) < leastTwice || x == y {
		return false
	}
	if at := strings.Index(y+y, x); at >= leastMoved && at <= len(y)-leastMoved {
		return true
	}
	return inAnyOrder(x, b) || inAnyOrder(y, a)
}

// inAnyOrder reports whether letters are the words that hyphens part, each once.
func inAnyOrder(letters, hyphened string) bool {
	words := strings.FieldsFunc(hyphened, func(r rune) bool { return r == '-' })
	return len(words) > 2 && len(words) <= maxReordered && consists(letters, words)
}

func consists(letters string, words []string) bool {
	if len(words) == 0 {
		return letters == ""
	}
	for i, w := range words {
		if rest, ok := strings.CutPrefix(letters, w); ok {
			others := append(append(make([]string, 0, maxReordered), words[:i]...), words[i+1:]...)
			if consists(rest, others) {
				return true
			}
		}
	}
	return false
}
