package generate

import (
	"math/rand/v2"
	"strings"
)

const letters = "abcdefghijklmnopqrstuvwxyz"

func letter(r *rand.Rand) string { i := r.IntN(len(letters)); return letters[i : i+1] }

func omit(s string, r *rand.Rand) string {
	i := r.IntN(len(s))
	return s[:i] + s[i+1:]
}

func insert(s string, r *rand.Rand) string {
	i := r.IntN(len(s) + 1)
	return s[:i] + letter(r) + s[i:]
}

func replace(s string, r *rand.Rand) string {
	i := r.IntN(len(s))
	if s[i] == '-' {
		return "" // not a replaced letter
	}
	return s[:i] + letter(r) + s[i+1:]
}

func swap(s string, r *rand.Rand) string {
	i := r.IntN(len(s) - 1)
	return s[:i] + s[i+1:i+2] + s[i:i+1] + s[i+2:]
}

func double(s string, r *rand.Rand) string {
	i := r.IntN(len(s))
	return s[:i+1] + s[i:]
}

const vowels = "aeiou"

func vowel(s string, r *rand.Rand) string {
	i := r.IntN(len(s))
	if strings.IndexByte(vowels, s[i]) < 0 {
		return ""
	}
	v := r.IntN(len(vowels))
	return s[:i] + vowels[v:v+1] + s[i+1:]
}

// plural adds what makes a plural, or takes it away.
func plural(s string, r *rand.Rand) string {
	if strings.HasSuffix(s, "s") {
		return strings.TrimSuffix(s, "s")
	}
	return s + "s"
}

// bitFlip is what a memory error makes of a name.
func bitFlip(s string, r *rand.Rand) string {
	i := r.IntN(len(s))
	c := s[i] ^ 1<<r.IntN(8)
	if !strings.ContainsRune(letters+"0123456789", rune(c)) {
		return ""
	}
	return s[:i] + string(rune(c)) + s[i+1:]
}

// anyEdit is one typed edit of any kind.
func anyEdit(s string, r *rand.Rand) string {
	if len(s) < 2 {
		return s
	}
	edits := [...]func(string, *rand.Rand) string{omit, insert, replace, swap, double, vowel, press(qwerty)}
	return edits[r.IntN(len(edits))](s, r)
}

// The rows of keyboards; each stands half a key to the right of the one above.
var (
	qwerty = keyboard{"1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"}
	qwertz = keyboard{"1234567890", "qwertzuiop", "asdfghjkl", "yxcvbnm"}
	azerty = keyboard{"1234567890", "azertyuiop", "qsdfghjklm", "wxcvbn"}
)

type keyboard [4]string

// beside returns the keys that touch that of c.
func (k keyboard) beside(c byte) string {
	for row, keys := range k {
		i := strings.IndexByte(keys, c)
		if i < 0 {
			continue
		}
		at := func(row, i int) string {
			if row < 0 || row >= len(k) || i < 0 || i >= len(k[row]) {
				return ""
			}
			return k[row][i : i+1]
		}
		return at(row, i-1) + at(row, i+1) + at(row-1, i) + at(row-1, i+1) + at(row+1, i-1) + at(row+1, i)
	}
	return ""
}

// press hits the key beside the one that was meant.
func press(k keyboard) func(string, *rand.Rand) string {
	return func(s string, r *rand.Rand) string {
		i := r.IntN(len(s))
		near := k.beside(s[i])
		if near == "" {
			return ""
		}
		j := r.IntN(len(near))
		return s[:i] + near[j:j+1] + s[i+1:]
	}
}
