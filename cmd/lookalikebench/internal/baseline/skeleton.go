package baseline

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Confusables maps a character to its prototype. UTS #39, Section 4.
type Confusables map[rune]string

// ReadConfusables reads confusables.txt.
func ReadConfusables(lines []string) (Confusables, error) {
	c := Confusables{}
	for _, line := range lines {
		line = strings.TrimPrefix(line, "\ufeff")
		parts := strings.Split(line, ";")
		if len(parts) < 3 {
			continue
		}
		source, err := characters(parts[0])
		if err != nil || len(source) != 1 {
			return nil, fmt.Errorf("confusables: %q: %v", line, err)
		}
		prototype, err := characters(parts[1])
		if err != nil {
			return nil, fmt.Errorf("confusables: %q: %w", line, err)
		}
		c[source[0]] = string(prototype)
	}
	return c, nil
}

func characters(hex string) ([]rune, error) {
	var runes []rune
	for field := range strings.FieldsSeq(hex) {
		v, err := strconv.ParseUint(field, 16, 32)
		if err != nil {
			return nil, err
		}
		runes = append(runes, rune(v))
	}
	return runes, nil
}

// Skeleton is what confusable texts have in common, in lower case: the prototype
// of the digit 0 is a capital O.
func (c Confusables) Skeleton(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		if p, ok := c[r]; ok {
			b.WriteString(p)
		} else {
			b.WriteRune(r)
		}
	}
	return norm.NFD.String(strings.ToLower(b.String()))
}
