package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// maxNameWords is how many words of a display name are read.
const maxNameWords = 6

// nameWords are the words of a display name, of letters in lower case.
func nameWords(display string) []string {
	words := strings.FieldsFunc(strings.ToLower(display), func(c rune) bool { return !unicode.IsLetter(c) })
	return words[:min(len(words), maxNameWords)]
}

// spells reports whether the local part of an address is made of the name of a
// person: of two of its words in either order, the first of which may be an initial,
// whatever is no letter between and behind them.
func spells(local, display string) bool {
	letters := lettersOf(local)
	long := utf8.RuneCountInString(letters)
	if long < leastName {
		return false
	}
	letters = foldLetters(letters)
	is := func(first, last string) bool {
		// Folding costs, and changes the length by umlauts only.
		off := utf8.RuneCountInString(first) + utf8.RuneCountInString(last) - long
		return max(off, -off) <= maxUmlauts && foldLetters(first+last) == letters
	}
	words := nameWords(display)
	for i, first := range words {
		_, initial := utf8.DecodeRuneInString(first)
		for j, last := range words {
			if i != j && (is(first, last) || utf8.RuneCountInString(last) >= leastName && is(first[:initial], last)) {
				return true
			}
		}
	}
	return false
}

// spellsHouse reports whether the local part of an address is made of the label of d, or
// of a word of it, alone or together with the name of a person.
func spellsHouse(local, display string, d mail.Domain) bool {
	letters := foldLetters(lettersOf(local))
	label, _, _ := strings.Cut(d.Unicode(), ".")
	for _, part := range append(strings.Split(label, "-"), label) {
		part = foldLetters(part)
		if utf8.RuneCountInString(part) < leastBrand {
			continue
		}
		if before, behind, found := strings.Cut(letters, part); found && (before+behind == "" || spells(before+behind, display)) {
			return true
		}
	}
	return false
}

// maxUmlauts is how many umlauts of a name may be written with an e.
const maxUmlauts = 3

// leastWord is how long a word of a name must be to tell whose address it is.
const leastWord = 3

// bearsOne reports whether a word of the name of a person stands in the local part
// of an address: it is his, and not that of a form or a desk.
func bearsOne(local, display string) bool {
	letters := foldLetters(lettersOf(local))
	for _, word := range nameWords(display) {
		if utf8.RuneCountInString(word) >= leastWord && strings.Contains(letters, foldLetters(word)) {
			return true
		}
	}
	return false
}

// lettersOf leaves the letters of a local part before a tag, in lower case.
func lettersOf(local string) string {
	local, _, _ = strings.Cut(local, "+")
	return strings.Map(func(c rune) rune {
		if !unicode.IsLetter(c) {
			return -1
		}
		return unicode.ToLower(c)
	}, local)
}

// umlauts are written with an e where there are none.
var umlauts = strings.NewReplacer("ae", "a", "oe", "o", "ue", "u")

// foldLetters makes the same what people take for the same name.
func foldLetters(word string) string { return lookalike.Skeleton(umlauts.Replace(word)) }
