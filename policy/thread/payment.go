package thread

import (
	"slices"
	"strings"
	"unicode/utf8"

	"mxgate/policy/mail"
	"mxgate/policy/thread/text"
)

// PaymentWords returns words for changed payment details in the own text of m,
// for people; at most MaxPayment. It reads m once more, within the limits of
// Read: few messages are such that somebody wants to know.
func PaymentWords(m *mail.Message) []string {
	r := readers.Get().(*reader)
	r.begin(m)
	var words []string
	text.Each(m, func(p text.Part) {
		if p.Header || p.Quoted || len(words) == MaxPayment {
			return
		}
		r.lines(p.Text, false)
		words = r.payment(p.Text, words)
	})
	r.end() // the parties among its lines are of no interest
	return words
}

// payment adds the words in a text whose quotations are in r.segs.
func (r *reader) payment(b []byte, words []string) []string {
	segs := r.segs
	if !text.IsASCII(b) {
		b, segs = r.fold(b)
	}
	s := scan{text: b, segs: segs, words: words}
	for i := 0; i < len(b) && len(s.words) < MaxPayment; {
		kind := class[b[i]]
		if kind == none {
			if b[i] == '\n' && i+1 < len(b) && b[i+1] == '\n' {
				s.n += window // a paragraph of its own
			}
			i++
			continue
		}
		start := i
		for i++; i < len(b) && class[b[i]] == letter; i++ {
		}
		if kind == letter {
			s.n++
			if mayBeStem(b[start:i]) {
				s.take(start, i)
			}
		}
		for i < len(b) && class[b[i]] != none { // what a number begins or ends
			i++
		}
	}
	return s.words
}

// scan is the state of one pass over folded text.
type scan struct {
	text  []byte
	segs  []segment
	words []string // found so far
	n     int      // words read so far

	// The last words for a change and for a payment detail, in each language.
	change, detail [len(languages)]hit
}

// hit is where a word stands.
type hit struct {
	n          int // one more than its number, 0 for none
	start, end int
}

// window is how many words lie between the two at most.
const window = 8

// take takes a word that may tell of a change, or of a payment detail.
func (s *scan) take(start, end int) {
	if quotedAt(&s.segs, start) {
		return
	}
	var buf [maxWord]byte
	word := lowerWord(&buf, s.text[start:end])
	for _, st := range stems[keyOf(word)] {
		if !st.matches(word) {
			continue
		}
		stop := end
		if st.next != nil {
			if stop = s.follows(end, st.next); stop < 0 {
				continue
			}
		}
		here := hit{s.n, start, stop}
		if st.both {
			s.keep(s.phrase(here))
			return
		}
		for lang := range languages {
			if st.languages&(1<<lang) == 0 {
				continue
			}
			mine, others := &s.change, &s.detail
			if st.detail {
				mine, others = others, mine
			}
			mine[lang] = here
			if there := others[lang]; there.n > 0 && s.n-there.n <= window {
				s.tell(here, there)
				return
			}
		}
	}
}

// follows returns where one of the next two words ends if it begins with one of
// those stems, else -1.
func (s *scan) follows(at int, next []string) int {
	b := s.text
	for range 2 {
		for skipped := 0; at < len(b) && class[b[at]] == none; skipped++ {
			if skipped > maxGap {
				return -1
			}
			at++
		}
		start := at
		for at < len(b) && class[b[at]] == letter {
			at++
		}
		var buf [maxWord]byte
		word := lowerWord(&buf, b[start:at])
		for _, stem := range next {
			if len(word) >= len(stem) && string(word[:len(stem)]) == stem {
				return at
			}
		}
	}
	return -1
}

// tell keeps the two words in the order of the text, as letters of ASCII.
func (s *scan) tell(a, b hit) {
	if b.start < a.start {
		a, b = b, a
	}
	words := s.phrase(a)
	if b.start >= a.end {
		words += " " + s.phrase(b)
	}
	s.keep(words)
}

// keep keeps words, and what is said from here on is said anew.
func (s *scan) keep(words string) {
	if !slices.Contains(s.words, words) {
		s.words = append(s.words, words)
	}
	s.change, s.detail = [len(languages)]hit{}, [len(languages)]hit{}
}

// maxPhrase is what is shown of the words for one thing.
const maxPhrase = 40

func (s *scan) phrase(h hit) string {
	out := make([]byte, 0, maxPhrase)
	for _, c := range s.text[h.start:h.end] {
		if len(out) == maxPhrase {
			break
		}
		switch {
		case c == other || c < utf8.RuneSelf && class[c] == none:
			if len(out) > 0 && out[len(out)-1] != ' ' {
				out = append(out, ' ')
			}
		case c < utf8.RuneSelf:
			out = append(out, c)
		}
	}
	return strings.ToLower(string(out))
}
