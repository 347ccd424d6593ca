// Package strict reads a TOML text into a Go struct and tells everything that is
// wrong with it at once, in the operator's words: line, key, value, what was
// expected. What the values mean is for its caller to check.
//
// It reads texts of TOML 1.0 with the types a configuration needs: text, whole
// numbers, true and false, dates, durations, lists and tables. It opens nothing.
package strict

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one fault of a text.
type Problem struct {
	Line     int    // 0 if it stands nowhere
	Key      string // "source[0].ranges[1]"
	Value    string
	Expected string // what was expected, and what to do
	Warning  bool   // what the text is for works all the same
}

// Problems collects what is wrong with a text.
type Problems []Problem

// Add notes that value of key is not what format and args say was expected. key
// is the path of a key, "source[0].ranges[1]", value as it stands in the text.
func (p *Problems) Add(key, value, format string, args ...any) {
	*p = append(*p, Problem{Key: key, Value: value, Expected: fmt.Sprintf(format, args...)})
}

// File is what a text looked like that was decoded. The zero File has no keys.
type File struct {
	lines    map[string]int // where its keys stand
	told     []string       // keys that need no second complaint
	problems Problems       // of Decode
}

// Problems returns what Decode found and those of more that do not follow from
// that, sorted by their lines.
func (f File) Problems(more Problems) Problems {
	return f.Locate(append(f.problems, f.untold(more)...))
}

// untold drops the problems that follow from one that is reported already: of
// the same key, of one inside it, or of the list or table it is in.
func (f File) untold(problems Problems) Problems {
	return slices.DeleteFunc(problems, func(p Problem) bool {
		return slices.ContainsFunc(f.told, func(told string) bool { return within(p.Key, told) || within(told, p.Key) })
	})
}

func within(inner, outer string) bool {
	rest, ok := strings.CutPrefix(inner, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// Locate fills in the lines of problems found in the text and sorts by them. What
// does not stand there has the line of the table where it is missing, if any.
func (f File) Locate(problems Problems) Problems {
	for i := range problems {
		if problems[i].Line == 0 {
			problems[i].Line = f.line(problems[i].Key)
		}
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
	return problems
}

func (f File) line(key string) int {
	for key != "" {
		if line, ok := f.lines[key]; ok {
			return line
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return 0
}
