package generate

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"
)

// Tables are those of dnstwist.
type Tables struct {
	Unicode  map[string][]string `json:"glyphs_unicode"`
	ASCII    map[string][]string `json:"glyphs_ascii"`
	Cyrillic map[string]string   `json:"latin_to_cyrillic"`
	Qwerty   map[string]string   `json:"qwerty"`
	Qwertz   map[string]string   `json:"qwertz"`
	Azerty   map[string]string   `json:"azerty"`
	Words    []string            `json:"-"` // its English dictionary
	TLDs     []string            `json:"-"`
}

// ReadTables reads the glyph and keyboard tables.
func ReadTables(data []byte) (Tables, error) {
	var t Tables
	if err := json.Unmarshal(data, &t); err != nil {
		return Tables{}, fmt.Errorf("dnstwist tables: %w", err)
	}
	return t, nil
}

// Permutations yields what dnstwist would try for t, with the name of its method.
// Names may come twice and may not be valid. Its homoglyphs are one or two deep.
func (x *Tables) Permutations(t Target) iter.Seq2[string, string] {
	return func(yield func(kind, name string) bool) {
		for _, m := range []struct {
			kind string
			each func(string, func(string) bool) bool
		}{
			{"addition", additions}, {"bitsquatting", flips}, {"cyrillic", x.cyrillic}, {"homoglyph", x.homoglyphs}, {"hyphenation", hyphenations},
			{"insertion", x.insertions}, {"omission", omissions}, {"plural", plurals}, {"repetition", repetitions}, {"replacement", x.replacements},
			{"subdomain", subdomains}, {"transposition", transpositions}, {"vowel-swap", vowelSwaps}, {"dictionary", x.dictionary},
		} {
			if !m.each(t.Label, func(label string) bool { return label == t.Label || yield(m.kind, label+"."+t.Suffix) }) {
				return
			}
		}
		for _, tld := range x.TLDs {
			if tld != t.Suffix && !yield("tld-swap", t.Label+"."+tld) {
				return
			}
		}
	}
}

const alphanumeric = letters + "0123456789"

func additions(s string, yield func(string) bool) bool {
	for _, c := range alphanumeric {
		if !yield(s + string(c)) {
			return false
		}
	}
	return true
}

func flips(s string, yield func(string) bool) bool {
	for i := range len(s) {
		for bit := range 8 {
			c := s[i] ^ 1<<bit
			if strings.IndexByte(alphanumeric+"-", c) >= 0 && !yield(s[:i]+string(rune(c))+s[i+1:]) {
				return false
			}
		}
	}
	return true
}

func (x *Tables) cyrillic(s string, yield func(string) bool) bool {
	var b strings.Builder
	for _, c := range s {
		other, ok := x.Cyrillic[string(c)]
		if !ok {
			return true
		}
		b.WriteString(other)
	}
	return yield(b.String())
}

// homoglyphs replaces one glyph, and then another of what that gave.
func (x *Tables) homoglyphs(s string, yield func(string) bool) bool {
	return x.mixed(s, func(once string) bool { return yield(once) && x.mixed(once, yield) })
}

func (x *Tables) mixed(s string, yield func(string) bool) bool {
	for i := range s {
		for _, size := range []int{1, 2} {
			if i+size > len(s) {
				continue
			}
			for _, table := range []map[string][]string{x.ASCII, x.Unicode} {
				for _, glyph := range table[s[i:i+size]] {
					if !yield(s[:i] + glyph + s[i+size:]) {
						return false
					}
				}
			}
		}
	}
	return true
}

func hyphenations(s string, yield func(string) bool) bool {
	for i := 1; i < len(s); i++ {
		if !yield(s[:i] + "-" + s[i:]) {
			return false
		}
	}
	return true
}

func (x *Tables) keyboards() []map[string]string {
	return []map[string]string{x.Qwerty, x.Qwertz, x.Azerty}
}

func (x *Tables) insertions(s string, yield func(string) bool) bool {
	for i := 1; i < len(s)-1; i++ {
		for _, k := range x.keyboards() {
			for _, c := range k[s[i:i+1]] {
				if !yield(s[:i]+string(c)+s[i:]) || !yield(s[:i+1]+string(c)+s[i+1:]) {
					return false
				}
			}
		}
	}
	return true
}

func (x *Tables) replacements(s string, yield func(string) bool) bool {
	for i := range len(s) {
		for _, k := range x.keyboards() {
			for _, c := range k[s[i:i+1]] {
				if !yield(s[:i] + string(c) + s[i+1:]) {
					return false
				}
			}
		}
	}
	return true
}

func omissions(s string, yield func(string) bool) bool {
	for i := range len(s) {
		if !yield(s[:i] + s[i+1:]) {
			return false
		}
	}
	return true
}

func plurals(s string, yield func(string) bool) bool {
	for i := 2; i < len(s)-2; i++ {
		if !yield(s[:i+1] + "s" + s[i+1:]) {
			return false
		}
	}
	return true
}

func repetitions(s string, yield func(string) bool) bool {
	for i := range len(s) {
		if !yield(s[:i+1] + s[i:]) {
			return false
		}
	}
	return true
}

func subdomains(s string, yield func(string) bool) bool {
	for i := 1; i < len(s)-1; i++ {
		if s[i] != '-' && s[i-1] != '-' && !yield(s[:i]+"."+s[i:]) {
			return false
		}
	}
	return true
}

func transpositions(s string, yield func(string) bool) bool {
	for i := range len(s) - 1 {
		if !yield(s[:i] + s[i+1:i+2] + s[i:i+1] + s[i+2:]) {
			return false
		}
	}
	return true
}

func vowelSwaps(s string, yield func(string) bool) bool {
	for i := range len(s) {
		if strings.IndexByte(vowels, s[i]) < 0 {
			continue
		}
		for _, v := range vowels {
			if !yield(s[:i] + string(v) + s[i+1:]) {
				return false
			}
		}
	}
	return true
}

func (x *Tables) dictionary(s string, yield func(string) bool) bool {
	for _, w := range x.Words {
		for _, made := range []string{s + "-" + w, s + w, w + "-" + s, w + s} {
			if !yield(made) {
				return false
			}
		}
	}
	return true
}
