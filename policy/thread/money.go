package thread

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"mxgate/policy/thread/text"
)

// kinds of characters in folded text.
const (
	none = iota
	letter
	number
)

// class is the kind of each octet of folded text.
var class = func() (t [256]uint8) {
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = letter, letter
	}
	for c := byte('0'); c <= '9'; c++ {
		t[c] = number
	}
	t[other] = letter
	return t
}()

// money finds accounts, and words for changed payment details, in a text whose
// quotations are in r.segs.
func (r *reader) money(b []byte) {
	segs := r.segs
	if !text.IsASCII(b) {
		b, segs = r.fold(b)
	}
	s := scan{text: b, segs: segs, c: r.c}
	for i := 0; i < len(b); {
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
				s.payment(start, i)
			}
		}
		if i < len(b) && (class[b[i]] == number || kind == number) || kind == letter && i == start+2 && numberBehind(b[i:]) {
			i = s.run(start, i)
		}
	}
}

// numberBehind reports whether a number follows a space.
func numberBehind(b []byte) bool { return len(b) > 1 && class[b[0]] == none && class[b[1]] == number }

// run takes letters and digits that stand together, text[start:] of which the
// letters at the beginning end at end, and returns where they end, or the IBAN
// that begins there.
func (s *scan) run(start, end int) int {
	if class[s.text[start]] == letter {
		if n := s.account(start, end); n > 0 {
			return start + n
		}
	}
	for end < len(s.text) && class[s.text[end]] != none {
		end++
	}
	return end
}

// fold returns b as a reader takes its letters and digits, and where its
// quotations are in that.
func (r *reader) fold(b []byte) ([]byte, []segment) {
	r.folded, r.moved = r.folded[:0], r.moved[:0]
	for i, s := range r.segs {
		end := len(b)
		if i+1 < len(r.segs) {
			end = r.segs[i+1].from
		}
		r.moved = append(r.moved, segment{len(r.folded), s.quoted})
		r.folded = appendFolded(r.folded, b[s.from:end])
	}
	return r.folded, r.moved
}

// scan is the state of one pass over folded text.
type scan struct {
	c    *Conversation
	text []byte
	segs []segment
	n    int // words so far

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

// quoted reports whether what begins at start is: starts only grow.
func (s *scan) quoted(start int) bool {
	for len(s.segs) > 1 && s.segs[1].from <= start {
		s.segs = s.segs[1:]
	}
	return s.segs[0].quoted
}

// maxGlued is "DEOI" before a digit.
const maxGlued = 4

// account takes an IBAN that begins with the letters text[start:end], and returns
// how long it is there; 0 if there is none.
func (s *scan) account(start, end int) int {
	glued := 0
	if word := s.text[start:end]; len(word) > maxGlued {
		if len(word) > 2*maxGlued || !bytes.EqualFold(word[:4], []byte("iban")) { // "IBANDE89..."
			return 0
		}
		glued = len("iban")
	}
	iban, n, ok := readIBAN(s.text[start+glued:])
	if !ok {
		return 0
	}
	list := &s.c.Accounts
	if s.quoted(start) {
		list = &s.c.QuotedAccounts
	}
	switch {
	case slices.Contains(*list, iban):
	case len(*list) < MaxAccounts:
		*list = append(*list, iban)
	case s.c.Unread == "":
		s.c.Unread = "more accounts than are kept"
	}
	return glued + n
}

// payment takes a word that may tell of a change, or of a payment detail.
func (s *scan) payment(start, end int) {
	if len(s.c.Payment) == MaxPayment || s.quoted(start) {
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
	words := s.phrase(a) + " " + s.phrase(b)
	if !slices.Contains(s.c.Payment, words) {
		s.c.Payment = append(s.c.Payment, words)
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
