package strict

import (
	"math"
	"strings"
)

// Nearest returns the candidate that takes the fewest edits, and how many; case
// does not count, nor whether words are joined by a hyphen or an underscore.
// Without candidates it is "", and far away.
func Nearest(word string, candidates []string) (best string, distance int) {
	distance = math.MaxInt
	plain := strings.NewReplacer("-", "_").Replace
	for _, c := range candidates {
		if d := edits(plain(strings.ToLower(word)), plain(c)); d < distance {
			best, distance = c, d
		}
	}
	return best, distance
}

// edits is the Levenshtein distance in octets. A word longer than any key is
// far from all of them: its length is the distance.
func edits(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// Meant says what to write in place of a word that is none of the candidates: that which
// it is most likely a slip of, or one of all.
func Meant(word string, candidates []string) string {
	if near, distance := Nearest(word, candidates); distance <= 2 {
		return "did you mean " + near + "?"
	}
	return "expected one of " + strings.Join(candidates, ", ")
}
