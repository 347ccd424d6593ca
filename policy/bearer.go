package policy

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"mxgate/policy/lookalike"
	"mxgate/policy/memo"
)

// maxShownWords is how many words of a display name are looked at: more of them no
// client shows.
const maxShownWords = 32

// shownName is a display name as a reader takes it.
type shownName struct {
	whole string // of FoldName
	words string // each folded, with a space before and behind it
}

func showName(display string) shownName {
	return shownName{FoldName(display), " " + strings.Join(foldedWords(display), " ") + " "}
}

// bears reports whether a reader takes n for the name of a person: it is that, or that
// with more around it, such as titles, a role and a house. The words of the person's
// name stand in it one after the other, or the last of them first; a name of one word is
// too little to be found among others. What a service says to bring from him, "Erika
// Mustermann via Lists", does not bear his name.
func (n shownName) bears(name string) bool {
	k := keys.Of(name, len(name), keysOf)
	return n.whole != "" && n.whole == k.whole || slices.ContainsFunc(k.orders, func(words string) bool {
		_, behind, found := strings.Cut(n.words, words)
		return found && !strings.HasPrefix(behind, viaWord)
	})
}

// viaWord follows the name of whom a list or a service speaks for.
var viaWord = foldedWords("via")[0] + " "

// nameKeys are by what the name of a person is found.
type nameKeys struct {
	whole  string
	orders []string // of its words; none if there is but one
}

func keysOf(name string) nameKeys {
	k := nameKeys{whole: FoldName(name)}
	if last, first, ok := strings.Cut(norm.NFKC.String(name), ","); ok {
		name = first + " " + last
	}
	words := foldedWords(name)
	if len(words) < 2 {
		return k
	}
	k.orders = []string{" " + strings.Join(words, " ") + " "}
	words = slices.Concat(words[len(words)-1:], words[:len(words)-1])
	k.orders = append(k.orders, " "+strings.Join(words, " ")+" ")
	return k
}

// foldedWords are the words of a name as they look at a glance. Single letters are
// initials, with or without which the name is the same.
func foldedWords(name string) []string {
	var words []string
	for word := range strings.FieldsFuncSeq(norm.NFKC.String(name), func(c rune) bool { return unicode.IsSpace(c) || unicode.IsPunct(c) || unicode.IsSymbol(c) }) {
		if len(words) == maxShownWords {
			break
		}
		if word = lookalike.Skeleton(word); utf8.RuneCountInString(word) > 1 {
			words = append(words, nameDigraphs.Replace(word))
		}
	}
	return words
}

// nameDigraphs are two letters that look like one.
var nameDigraphs = strings.NewReplacer("rn", "m", "vv", "w")

// keys remembers those of protected people, which every message is held against.
var keys = memo.New[string, nameKeys](256<<10, memo.Text)
