package sig

import (
	"bytes"
	"encoding/binary"
	"hash"
)

// bodyCanon makes a body canonical and hashes it.
//
// Lines that are canonical as they stand go to the hash straight from the block:
// most bodies consist of nothing else. From the others it holds back what may
// still turn out to stand at an end: a CR, white space, empty lines. What it is
// given for "relaxed" has passed tabsToSpaces.
type bodyCanon struct {
	sum     hash.Hash
	out     []byte // not hashed yet; cap never grows
	relaxed bool
	amid    bool // in a line that text has begun
	cr      bool // a CR that may belong to the line end
	space   bool // relaxed: white space before the next word
	empty   int  // line ends not written yet
	written bool
}

// outOctets is how much is gathered for the hash.
const outOctets = 4 << 10

// lines takes the whole lines at the beginning of b, up to the last line end,
// and returns their length.
func (c *bodyCanon) lines(b []byte) int {
	// b[from:to] is text that is canonical as it stands and not put yet; ends
	// line ends stand behind it. At the end of a body only one of them would count.
	at, from, to, ends := 0, 0, 0, 0
	for {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			c.run(b[from:to], ends)
			return at
		}
		line, ended := b[at:at+i], i > 0 && b[at+i-1] == '\r'
		if ended {
			line = line[:i-1]
		}
		next := at + i + 1
		switch {
		case c.amid || !ended || from == to && len(line) == 0 || c.relaxed && len(line) > 0 && !isReduced(line):
			c.run(b[from:to], ends)
			if c.relaxed && !c.amid && len(line) <= cap(c.out) {
				c.reduce(line)
			} else {
				c.text(b[at : next-1])
			}
			c.endLine()
			from, to, ends = next, next, 0
		case len(line) == 0:
			ends++
		default:
			to, ends = at+len(line), 1
		}
		at = next
	}
}

// run takes lines that are canonical as they stand, without the line ends behind
// them, of which there are ends.
func (c *bodyCanon) run(b []byte, ends int) {
	if len(b) > 0 {
		c.put(b)
		c.empty += ends
	}
}

// isReduced reports whether the white space in a line, where a space stands for
// each tab, is reduced as "relaxed" wants it: single spaces, none at the end.
func isReduced(text []byte) bool {
	return text[len(text)-1] != ' ' && secondSpace(text) < 0
}

// Masks for eight octets at a time.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// secondSpace returns where the first space behind another space stands, or -1.
// Each octet is looked at with the one behind it, eight at a time.
func secondSpace(text []byte) int {
	n := len(text)
	for i := 0; i <= n-9; i += 8 {
		if !bothSpaces(text[i:i+8], text[i+1:i+9]) {
			continue
		}
		for j := i + 1; j < i+9; j++ {
			if text[j] == ' ' && text[j-1] == ' ' {
				return j
			}
		}
	}
	if n >= 9 && !bothSpaces(text[n-9:], text[n-8:]) {
		return -1
	}
	for j := max(n-8, 1); j < n; j++ {
		if text[j] == ' ' && text[j-1] == ' ' {
			return j
		}
	}
	return -1
}

// bothSpaces reports whether one of the first eight octets is a space in a and in
// b; sometimes, too, if it is an exclamation mark in one of them.
func bothSpaces(a, b []byte) bool {
	x := binary.LittleEndian.Uint64(a) ^ ' '*ones | binary.LittleEndian.Uint64(b) ^ ' '*ones
	return (x-ones)&^x&highs != 0
}

// octets returns the top bit of each octet of w that is c.
func octets(w uint64, c uint64) uint64 {
	x := w ^ c*ones
	return ^(x&^highs + ^uint64(highs) | x) & highs
}

// tabsToSpaces puts a space for each tab: to "relaxed" they are the same.
func tabsToSpaces(b []byte) {
	at := bytes.IndexByte(b, '\t')
	if at < 0 {
		return
	}
	for b = b[at:]; len(b) >= 8; b = b[8:] {
		w := binary.LittleEndian.Uint64(b)
		binary.LittleEndian.PutUint64(b, w^octets(w, '\t')>>7*('\t'^' '))
	}
	for i, c := range b {
		if c == '\t' {
			b[i] = ' '
		}
	}
}

// reduce takes a whole line, without its end, and reduces its white space. It
// does what text does, at a fifth of the cost.
func (c *bodyCanon) reduce(line []byte) {
	text := bytes.TrimRight(line, " ")
	if len(text) == 0 {
		return
	}
	c.put(nil)
	if len(text) > cap(c.out)-len(c.out) {
		c.flush()
	}
	for {
		i := secondSpace(text)
		if i < 0 {
			c.out = append(c.out, text...)
			return
		}
		c.out = append(c.out, text[:i]...)
		for text[i] == ' ' { // what is no space stands behind
			i++
		}
		text = text[i:]
	}
}

// text takes part of a line.
func (c *bodyCanon) text(b []byte) {
	c.amid = c.amid || len(b) > 0
	for len(b) > 0 {
		if n := c.plain(b); n > 0 {
			c.put(b[:n])
			b = b[n:]
			continue
		}
		if c.cr { // the one before: it ends no line
			c.put(nil)
		}
		if b[0] == '\r' {
			c.cr = true
		} else {
			c.space = true
		}
		b = b[1:]
	}
}

// plain returns how many octets at the beginning of b are nothing that may have
// to be held back.
func (c *bodyCanon) plain(b []byte) int {
	if !c.relaxed {
		if n := bytes.IndexByte(b, '\r'); n >= 0 {
			return n
		}
		return len(b)
	}
	for i, ch := range b {
		if ch == ' ' || ch == '\r' {
			return i
		}
	}
	return len(b)
}

// put writes what was held back and then b.
func (c *bodyCanon) put(b []byte) {
	for ; c.empty > 0; c.empty-- {
		c.write("\r\n")
	}
	if c.space {
		c.write(" ")
		c.space = false
	}
	if c.cr {
		c.write("\r")
		c.cr = false
	}
	if len(b) > cap(c.out)-len(c.out) {
		c.flush()
	}
	if len(b) > cap(c.out) {
		c.sum.Write(b)
	} else {
		c.out = append(c.out, b...)
	}
	c.written = true
}

func (c *bodyCanon) write(s string) {
	if len(s) > cap(c.out)-len(c.out) {
		c.flush()
	}
	c.out = append(c.out, s...)
}

func (c *bodyCanon) flush() {
	c.sum.Write(c.out)
	c.out = c.out[:0]
}

func (c *bodyCanon) endLine() {
	c.amid, c.cr, c.space = false, false, false
	c.empty++
}

// end takes the end of the body.
func (c *bodyCanon) end() {
	if c.cr {
		c.put(nil)
	}
	if c.written || !c.relaxed {
		c.write("\r\n")
	}
	c.flush()
}
