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

	whole  string    // Name of FoldName
	orders []ordered // of its words; none if there is but one
}

// ordered is the letters of the words of a name in an order in which they may be shown.
type ordered struct {
	letters string
	turned  bool // the first words stand last
}

// maxOrdered is how many words of a person's name may stand in another order.
const maxOrdered = 8

// NewPerson protects a name. Titles before it are not of it, and single letters are
// initials, with or without which it is the same.
func NewPerson(name string, addresses ...mail.Address) Person {
	p := Person{Name: name, Addresses: addresses, whole: FoldName(name)}
	words := foldedWords(forenameFirst(name))
	for len(words) > 0 && slices.Contains(titles, words[0]) {
		words = words[1:]
	}
	words = words[:min(len(words), maxOrdered)]
	for _, words := range [][]string{words, slices.DeleteFunc(slices.Clone(words), initial)} {
		if len(words) < 2 {
			continue
		}
		for i := range words { // "von der Leyen Ursula" is a rotation, as is "Mustermann Erika"
			p.orders = append(p.orders, ordered{strings.Join(words[i:], "") + strings.Join(words[:i], ""), i > 0})
		}
	}
	return p
}

// titles stand before names, folded as those are.
var titles = foldedWords("Dr Prof Dipl Ing Mag Herr Frau Mr Mrs Ms Sir Dame")

// shownName is a display name as a reader takes it.
type shownName struct {
	whole string // of FoldName
	rows  []row
}

// row is the words of a display name, one after the other, and by the offset in their
// letters what stands there.
type row struct {
	letters string
	begin   []bool // a word begins, and is not one that somebody does something for
	end     []bool // a word ends, and neither is it half of a double name nor speaks another one for it
	close   []bool // a word ends, and a sign follows, or nothing
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
		words := shownWords(text)
		n.rows = append(n.rows, rowOf(words))
		short := slices.DeleteFunc(words, func(w shownWord) bool { return initial(w.letters) })
		if len(short) < len(words) {
			n.rows = append(n.rows, rowOf(short))
		}
	}
	return n
}

func rowOf(words []shownWord) row {
	var letters strings.Builder
	for _, w := range words {
		letters.WriteString(w.letters)
	}
	size := letters.Len() + 1
	r := row{letters.String(), make([]bool, size), make([]bool, size), make([]bool, size)}
	at := 0
	for i, w := range words {
		r.begin[at] = i == 0 || !slices.Contains(beforeOthers, words[i-1].letters)
		at += len(w.letters)
		spoken := i+2 < len(words) && slices.Contains(behindOthers, words[i+1].letters)
		r.end[at] = w.behind != hyphen && !spoken
		r.close[at] = w.behind != space
	}
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

// holds reports whether some words of r are these letters. "Erika Mustermann" is turned
// around in "Mustermann Erika, ACME" and not in "Thomas Mustermann Erika Weber".
func (r row) holds(o ordered) bool {
	for from := 0; ; from++ {
		i := strings.Index(r.letters[from:], o.letters)
		if i < 0 {
			return false
		}
		from += i
		if end := from + len(o.letters); r.begin[from] && r.end[end] && (!o.turned || r.close[end]) {
			return true
		}
	}
}

// What stands before or behind a name whose owner is not meant to be the author: "DocuSign
// for Erika Mustermann", "Erika Mustermann via Lists".
var (
	beforeOthers = foldedWords("for to für an pour para per")
	behindOthers = foldedWords("via über through durch par por")
)

// shownWord is a word of a name as it looks at a glance, and what stands behind it.
type shownWord struct {
	letters string
	behind  gap
}

// gap is what stands between two words.
type gap uint8

const (
	sign gap = iota // or nothing
	space
	hyphen
)

func initial(word string) bool { return utf8.RuneCountInString(word) == 1 }

func shownWords(name string) (words []shownWord) {
	room := maxShownLetters
	for rest := norm.NFKC.String(name); rest != ""; {
		end := strings.IndexFunc(rest, separates)
		if end < 0 {
			end = len(rest)
		}
		letters := nameDigraphs.Replace(lookalike.Skeleton(rest[:end]))
		behind := gapBefore(rest[end:])
		rest = strings.TrimLeftFunc(rest[end:], separates)
		if room -= utf8.RuneCountInString(letters); room < 0 {
			break
		}
		if letters != "" {
			words = append(words, shownWord{letters, behind})
		}
	}
	return words
}

// gapBefore is the gap that text begins with.
func gapBefore(text string) gap {
	first, size := utf8.DecodeRuneInString(text)
	if next, n := utf8.DecodeRuneInString(text[size:]); unicode.Is(unicode.Pd, first) && n > 0 && !separates(next) {
		return hyphen
	}
	behind := strings.TrimLeftFunc(text, blank)
	if next, _ := utf8.DecodeRuneInString(behind); behind == text || behind == "" || separates(next) {
		return sign
	}
	return space
}

func foldedWords(name string) (words []string) {
	for _, w := range shownWords(name) {
		words = append(words, w.letters)
	}
	return words
}

// separates reports whether c is seen as a gap between words, or as a sign.
func separates(c rune) bool { return blank(c) || unicode.IsPunct(c) || unicode.IsSymbol(c) }

// blank reports whether c is seen as a gap: the Hangul fillers are letters to Unicode.
func blank(c rune) bool { return unicode.IsSpace(c) || c == '\u115f' || c == '\u1160' }

// nameDigraphs are two letters that look like one.
var nameDigraphs = strings.NewReplacer("rn", "m", "vv", "w")
