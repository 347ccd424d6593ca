package strict

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// lineMap says in which line each key of a TOML text stands.
type lineMap struct {
	lines   map[string]int // path, as "source[1].ranges[0]", to line
	tables  map[string]int // how many [[table]] of a path there were so far
	parser  unstable.Parser
	endings []int // offsets of the line ends
}

// keyLines reads text, which is known to be TOML.
func keyLines(text []byte) map[string]int {
	m := &lineMap{lines: map[string]int{}, tables: map[string]int{}}
	for i, c := range text {
		if c == '\n' {
			m.endings = append(m.endings, i)
		}
	}
	m.parser.Reset(text)
	table := ""
	for m.parser.NextExpression() {
		switch e := m.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = m.header(e)
		case unstable.KeyValue:
			m.pair(e, table)
		}
	}
	return m.lines
}

// maxDepth is how many parts of a dotted key are noted: no key of ours has as many.
const maxDepth = 8

// header notes a [table] or [[table]] and returns its path.
func (m *lineMap) header(e *unstable.Node) string {
	path := ""
	for parts, depth := e.Key(), 0; parts.Next() && depth < maxDepth; depth++ {
		path = join(path, string(parts.Node().Data))
		m.note(path, parts.Node())
		if e.Kind == unstable.ArrayTable && parts.IsLast() {
			m.tables[path]++
		}
		if n := m.tables[path]; n > 0 {
			path = fmt.Sprintf("%s[%d]", path, n-1)
			m.note(path, parts.Node())
		}
	}
	return path
}

func (m *lineMap) pair(e *unstable.Node, at string) {
	for parts, depth := e.Key(), 0; parts.Next() && depth < maxDepth; depth++ {
		at = join(at, string(parts.Node().Data))
		m.note(at, parts.Node())
	}
	m.inside(e.Value(), at)
}

// inside notes the elements of a list and the keys of an inline table.
func (m *lineMap) inside(value *unstable.Node, path string) {
	children := value.Children()
	switch value.Kind {
	case unstable.Array:
		for i := 0; children.Next(); i++ {
			element := fmt.Sprintf("%s[%d]", path, i)
			m.note(element, children.Node())
			m.inside(children.Node(), element)
		}
	case unstable.InlineTable:
		for children.Next() {
			m.pair(children.Node(), path)
		}
	}
}

// note keeps the first line of a path. A list has no place of its own: its
// elements are found by its key.
func (m *lineMap) note(path string, n *unstable.Node) {
	if _, known := m.lines[path]; known || n.Raw.Length == 0 {
		return
	}
	before, _ := slices.BinarySearch(m.endings, int(n.Raw.Offset))
	m.lines[path] = before + 1
}

// syntaxProblem puts what the TOML library says about text into our words,
// where we know what the operator wanted to write.
func syntaxProblem(text []byte, err error) Problem {
	e, ok := errors.AsType[*toml.DecodeError](err)
	if !ok {
		return Problem{Expected: "is not TOML: " + strings.TrimPrefix(err.Error(), "toml: ")}
	}
	line, _ := e.Position()
	code := ""
	if lines := bytes.Split(text, []byte("\n")); line <= len(lines) {
		code, _, _ = strings.Cut(strings.TrimSpace(string(lines[line-1])), " #")
	}
	p := Problem{Line: line, Value: code}
	message := strings.TrimPrefix(e.Error(), "toml: ")
	key, value, isPair := strings.Cut(code, "=")
	if isPair {
		p.Key, p.Value = strings.TrimSpace(key), strings.TrimSpace(value)
	}
	bare := unquoted(p.Value)
	switch {
	case isPair && p.Value == "":
		p.Expected = "a value is missing behind the equals sign"
	case isPair && strings.ContainsAny(p.Value, "“”„‟«»‘’"):
		p.Expected = `expected straight quotes, as in "text"`
	case isPair && bare != "":
		p.Expected = "text needs quotes: " + strconv.Quote(bare)
	case strings.Contains(message, "escape"):
		p.Expected = `a back-slash in double quotes begins an escape: expected single quotes, as in 'C:\dir'`
	case strings.HasPrefix(code, "[") && strings.Contains(message, "array"):
		name := strings.Trim(code, "[] ")
		p.Key, p.Value = name, ""
		p.Expected = fmt.Sprintf("stands here both as [%s] and as [[%s]]: expected [[%s]] in double brackets wherever there may be several", name, name, name)
	default:
		p.Expected = "is not TOML: " + message
	}
	return p
}

// unquoted returns the first item of value, a single one or a list, that is no
// TOML but would be if it stood in quotes; "" if there is none.
func unquoted(value string) string {
	for item := range strings.SplitSeq(strings.Trim(value, "[] "), ",") {
		item = strings.TrimSpace(item)
		if item == "" || strings.ContainsAny(item, "\"'{}=") {
			continue
		}
		wordy := strings.IndexFunc(item, func(r rune) bool { return !strings.ContainsRune("0123456789+-._", r) }) >= 0
		var discard map[string]any
		if (wordy || strings.Count(item, ".") > 1) && toml.Unmarshal([]byte("x = "+item), &discard) != nil {
			return item
		}
	}
	return ""
}
