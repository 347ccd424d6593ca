package thread

import (
	"bytes"

	"mxgate/policy/thread/text"
)

// Limits of the header of a quoted message.
const (
	maxBlockLines  = 100     // a long To is wrapped
	maxBlockBlanks = 2       // empty lines between two of its lines
	maxBlockOctets = 8 << 10 // of its addresses
	lookAhead      = 8       // lines, for the "> " below the line that names an author
)

// segment says from where on text is quoted, or its author's own.
type segment struct {
	from   int
	quoted bool
}

// block gathers lines that may be the header of a quoted message.
type block struct {
	kinds  label
	begin  int // of its first line
	depth  int
	lines  int
	blanks int    // empty lines since the last
	last   label  // kind of the last line
	values []byte // of all address lines, each behind "\n" and its kind

	announced bool // the line above it is a separator
}

// lines finds quotations in the lines of a text: the header of a quoted message,
// in any language of labels, and the line that names an author. It fills r.segs.
func (r *reader) lines(b []byte, quoted bool) {
	r.segs = append(r.segs[:0], segment{0, quoted})
	rest := quoted // all that follows is quoted
	r.block.kinds, r.block.announced = 0, false
	var near nearby
	for at := 0; at < len(b); {
		end := at + lineEnd(b[at:])
		depth, line, marked := unquote(b[at:end])
		if q := rest || depth > 0; q != r.segs[len(r.segs)-1].quoted {
			r.segment(at, q)
		}
		if len(line) == 0 {
			near.n = 0
			rest = r.blank() || rest
			at = end + 1
			continue
		}
		if r.headerLine(at, depth, line) {
			rest = true
		}
		near.add(at, depth, line)
		c := line[0]
		if (marked || endsAttribution(line)) && r.attributed(b[:end], &near, marked) && depth == 0 && !rest && unmarked(b[min(end+1, len(b)):]) {
			rest = true
			r.segment(at, true)
		}
		if (c == '-' || c == '_' || c == '*' || c == '=' || line[len(line)-1] == ':') && isSeparator(line) {
			r.c.Reply, r.block.announced = true, true
		}
		at = end + 1
	}
	r.endBlock()
}

// segment says that what begins at from is quoted or not, whatever was said of it.
func (r *reader) segment(from int, quoted bool) {
	n := len(r.segs)
	for n > 0 && r.segs[n-1].from >= from {
		n--
	}
	r.segs = append(r.segs[:n], segment{from, quoted})
}

// quotedAt reports whether what begins at start is quoted: starts only grow, and
// segs loses those that end before.
func quotedAt(segs *[]segment, start int) bool {
	for len(*segs) > 1 && (*segs)[1].from <= start {
		*segs = (*segs)[1:]
	}
	return (*segs)[0].quoted
}

// lineEnd returns the length of the first line of b.
func lineEnd(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i
	}
	return len(b)
}

// unquote returns how often a line is quoted, and the line without the marks of
// that. marked says that HTML calls it one that names an author.
func unquote(line []byte) (depth int, bare []byte, marked bool) {
	for len(line) > 0 {
		switch line[0] {
		case '>':
			depth++
		case text.Mark:
			marked = true
		case ' ', '\t':
		default:
			for line[len(line)-1] == ' ' || line[len(line)-1] == '\t' {
				line = line[:len(line)-1]
			}
			return depth, line, marked
		}
		line = line[1:]
	}
	return depth, nil, marked
}

// blank takes an empty line; true says that it ended the header of a quoted message.
func (r *reader) blank() bool {
	if r.block.kinds == 0 {
		return false
	}
	if r.block.blanks++; r.block.blanks > maxBlockBlanks {
		return r.endBlock()
	}
	return false
}

// headerLine takes a line that may belong to the header of a quoted message;
// true says that it ended one that makes all behind it quoted.
func (r *reader) headerLine(at, depth int, line []byte) (ended bool) {
	kind, value := labelOf(trimLeft(line))
	k := &r.block
	if kind == 0 && k.kinds != 0 && isField(line) {
		kind = otherLabel
	}
	if k.kinds != 0 && (depth != k.depth || k.lines >= maxBlockLines || kind == fromLabel && k.kinds&fromLabel != 0) {
		ended = r.endBlock()
	}
	switch {
	case kind != 0:
		if k.kinds == 0 {
			if kind == otherLabel {
				return ended
			}
			*k = block{begin: at, depth: depth, values: k.values[:0], announced: k.announced}
		}
		k.kinds |= kind
		k.last, k.blanks = kind, 0
		k.lines++
		k.value(value, true)
	case k.kinds != 0 && k.blanks == 0 && k.last&(fromLabel|toLabel|ccLabel|otherLabel) != 0: // a folded line
		k.lines++
		k.value(line, false)
	default:
		ended = r.endBlock() || ended
		k.announced = false
	}
	return ended
}

// isField reports whether line begins as a header field does, "List-Id: ".
func isField(line []byte) bool {
	for i, c := range line {
		if c == ':' {
			return i > 0 && i+1 < len(line) && line[i+1] == ' '
		}
		if class[c] == none && c != '-' || i == maxLabel {
			break
		}
	}
	return false
}

func trimLeft(b []byte) []byte {
	for len(b) > 0 && isMargin(b[0]) {
		b = b[1:]
	}
	return b
}

// value keeps the value of an address line, or more of it.
func (k *block) value(v []byte, first bool) {
	if k.last&(fromLabel|toLabel|ccLabel) == 0 || len(k.values)+len(v) > maxBlockOctets {
		return
	}
	if first {
		k.values = append(k.values, '\n', byte(k.last))
	} else {
		k.values = append(k.values, ' ')
	}
	k.values = append(k.values, v...)
}

// endBlock decides whether what was gathered is the header of a quoted message:
// one with a From line and another, or below a separator. It keeps its parties. True says that what
// stands behind it is quoted, too.
func (r *reader) endBlock() bool {
	k := &r.block
	kinds := k.kinds
	k.kinds = 0
	if kinds&fromLabel == 0 || kinds&(toLabel|dateLabel|subjectLabel) == 0 && !k.announced {
		return false
	}
	k.announced = false
	r.c.Reply = true
	for line := range bytes.SplitSeq(k.values, []byte("\n")) {
		if len(line) < 2 || bytes.IndexByte(line, '@') < 0 {
			continue
		}
		where := QuotedFrom
		switch label(line[0]) {
		case toLabel:
			where = QuotedTo
		case ccLabel:
			where = QuotedCc
		}
		r.list(string(line[1:]), where)
	}
	if k.depth > 0 {
		return false
	}
	r.segment(k.begin, true)
	return true
}

// attributed reports whether the last lines of b name the author of a quotation,
// and keeps that party.
func (r *reader) attributed(b []byte, near *nearby, marked bool) bool {
	best, from := near.weigh(len(b), marked)
	if best == 0 {
		return false
	}
	_, line, _ := unquote(b[from:])
	r.joined = append(r.joined[:0], line...)
	margin := false // of a line, with its quote marks
	for i, c := range r.joined {
		if margin = c == '\n' || margin && (c == '>' || c == ' '); margin {
			r.joined[i] = ' '
		}
	}
	r.c.Reply = true
	r.author(r.joined)
	return true
}

// unmarked reports whether none of the next lines of text is marked as quoted,
// so that all of it is.
func unmarked(b []byte) bool {
	for range lookAhead {
		if len(b) == 0 {
			return true
		}
		end := lineEnd(b)
		if depth, _, _ := unquote(b[:end]); depth > 0 {
			return false
		}
		b = b[min(end+1, len(b)):]
	}
	return true
}
