package policy

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// Person is somebody whose display name is protected. NewPerson makes one.
type Person struct {
	Name      string
	Addresses []mail.Address // theirs

	whole  string   // Name of FoldName
	orders []string // the letters of its words in the orders in which they may be shown; none if there is but one
}

// maxOrdered is how many words of a person's name may stand in another order.
const maxOrdered = 8

// NewPerson protects a name. Titles before it are not of it, and single letters are
// initials, with or without which it is the same.
func NewPerson(name string, addresses ...mail.Address) Person {
	p := Person{Name: name, Addresses: addresses, whole: FoldName(name)}
	if last, first, ok := strings.Cut(norm.NFKC.String(name), ","); ok {
		name = first + " " + last
	}
	words := foldedWords(name)
	for len(words) > 0 && slices.Contains(titles, words[0]) {
		words = words[1:]
	}
	words = words[:min(len(words), maxOrdered)]
	for _, words := range [][]string{words, withoutInitials(words)} {
		if len(words) < 2 {
			continue
		}
		for i := range words { // "von der Leyen Ursula" is a rotation, as is "Mustermann Erika"
			p.orders = append(p.orders, strings.Join(words[i:], "")+strings.Join(words[:i], ""))
		}
	}
	slices.Sort(p.orders)
	p.orders = slices.Compact(p.orders)
	return p
}

// titles stand before names, folded as those are.
var titles = foldedWords("Dr Prof Dipl Ing Mag Herr Frau Mr Mrs Ms Sir Dame")

// shownName is a display name as a reader takes it.
type shownName struct {
	whole string // of FoldName
	rows  []row
}

// row is the words of a display name, one after the other.
type row struct {
	letters string
	border  []bool // by the offset in letters: a word begins or ends there
	via     []bool // by the offset in letters: "via", and somebody behind it, stands there
}

// maxShownLetters is how many letters of a display name are looked at: more of them no
// client shows.
const maxShownLetters = 256

func showName(display string) shownName {
	n := shownName{whole: FoldName(display)}
	texts := []string{display}
	if strings.ContainsRune(display, '\u202e') { // what follows is shown from right to left
		runes := []rune(display)
		slices.Reverse(runes)
		texts = append(texts, string(runes))
	}
	for _, text := range texts {
		words := foldedWords(text)
		n.rows = append(n.rows, rowOf(words))
		if short := withoutInitials(words); len(short) < len(words) {
			n.rows = append(n.rows, rowOf(short))
		}
	}
	return n
}

func rowOf(words []string) row {
	r := row{letters: strings.Join(words, "")}
	r.border, r.via = make([]bool, len(r.letters)+1), make([]bool, len(r.letters)+1)
	at := 0
	for i, word := range words {
		r.border[at] = true
		r.via[at] = word == viaWord && i+1 < len(words)
		at += len(word)
	}
	r.border[at] = true
	return r
}

// bears reports whether a reader takes n for the name of p: it is that, or that with more
// around it, such as titles, a role and a house. All words of the person's name stand in
// it one after the other, however they are spaced, or begin with a later one; a name of
// one word is too little to be found among others. What a service says to bring from
// somebody, "Erika Mustermann via Lists", does not bear his name.
func (n *shownName) bears(p *Person) bool {
	if n.whole != "" && n.whole == p.whole {
		return true
	}
	return slices.ContainsFunc(n.rows, func(r row) bool { return slices.ContainsFunc(p.orders, r.holds) })
}

// holds reports whether some words of r are these letters.
func (r row) holds(letters string) bool {
	for from := 0; ; {
		i := strings.Index(r.letters[from:], letters)
		if i < 0 {
			return false
		}
		from += i
		if end := from + len(letters); r.border[from] && r.border[end] && !r.via[end] {
			return true
		}
		from++
	}
}

// viaWord follows the name of whom a list or a service speaks for.
var viaWord = foldedWords("via")[0]

// foldedWords are the words of a name as they look at a glance.
func foldedWords(name string) (words []string) {
	room := maxShownLetters
	for word := range strings.FieldsFuncSeq(norm.NFKC.String(name), separates) {
		word = nameDigraphs.Replace(lookalike.Skeleton(word))
		if room -= utf8.RuneCountInString(word); room < 0 {
			break
		}
		if word != "" {
			words = append(words, word)
		}
	}
	return words
}

// separates reports whether c is seen as a gap between words, or as a sign.
func separates(c rune) bool {
	return unicode.IsSpace(c) || unicode.IsPunct(c) || unicode.IsSymbol(c) || c == '\u115f' || c == '\u1160' // Hangul fillers
}

func withoutInitials(words []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return utf8.RuneCountInString(w) == 1 })
}

// nameDigraphs are two letters that look like one.
var nameDigraphs = strings.NewReplacer("rn", "m", "vv", "w")
