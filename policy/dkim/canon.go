package dkim

import (
	"bytes"
	"encoding/binary"
	"hash"
)

// bodyCanon makes a body canonical and hashes it.
//
// Lines that are canonical as they stand go to the hash straight from the block:
// most bodies consist of nothing else. From the others it holds back what may
// still turn out to stand at an end: a CR, white space, empty lines.
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

// start forgets the body before.
func (c *bodyCanon) start(sum hash.Hash, relaxed bool) {
	if c.out == nil {
		c.out = make([]byte, 0, outOctets)
	}
	*c = bodyCanon{sum: sum, out: c.out[:0], relaxed: relaxed}
}

// lines takes the whole lines at the beginning of b, up to the last line end,
// and returns their length.
func (c *bodyCanon) lines(b []byte) int {
	taken := 0
	for {
		n, end := 0, 0
		if !c.amid {
			n, end = c.asTheyStand(b[taken:])
		}
		if n > 0 {
			c.put(b[taken : taken+n])
			c.empty += end
			taken += n + 2*end
		}
		i := bytes.IndexByte(b[taken:], '\n')
		if i < 0 {
			return taken
		}
		if line := bytes.TrimSuffix(b[taken:taken+i], []byte("\r")); c.relaxed && !c.amid && len(line) <= cap(c.out) {
			c.reduce(line)
		} else {
			c.text(b[taken : taken+i])
		}
		c.endLine()
		taken += i + 1
	}
}

// asTheyStand finds the lines at the beginning of b that are canonical already.
// It returns their length without the line ends behind the last text, and how
// many of those there are: at the end of a body only one of them would count.
func (c *bodyCanon) asTheyStand(b []byte) (n, ends int) {
	at := 0
	for {
		i := bytes.IndexByte(b[at:], '\n')
		if i <= 0 || b[at+i-1] != '\r' {
			return n, ends
		}
		switch text := b[at : at+i-1]; {
		case len(text) == 0:
			if n == 0 {
				return 0, 0
			}
			ends++
		case c.relaxed && !isReduced(text):
			return n, ends
		default:
			n, ends = at+i-1, 1
		}
		at += i + 1
	}
}

// isReduced reports whether the white space in a line is reduced as "relaxed"
// wants it: single spaces, none at the end. It says false, too, for some lines
// with control characters, or "!" behind a space.
func isReduced(text []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	if text[len(text)-1] == ' ' {
		return false
	}
	spaces := uint64(0) // the top bit of each octet that is a space
	for ; len(text) >= 8; text = text[8:] {
		w := binary.LittleEndian.Uint64(text)
		before := spaces >> 56
		x := w ^ ' '*ones
		spaces = (x - ones) & ^x & highs
		if (w-' '*ones)&^w&highs|spaces&(spaces<<8|before) != 0 {
			return false
		}
	}
	space := spaces>>56 != 0
	for _, c := range text {
		if c < ' ' || c == ' ' && space {
			return false
		}
		space = c == ' '
	}
	return true
}

// reduce takes a whole line, without its end, and reduces its white space. It
// does what text does, at a third of the cost.
func (c *bodyCanon) reduce(line []byte) {
	text := bytes.TrimLeft(line, " \t")
	if len(text) == 0 {
		return
	}
	c.space = len(text) < len(line)
	c.put(nil)
	if len(text) > cap(c.out)-len(c.out) {
		c.flush()
	}
	out, n, space := c.out[len(c.out):cap(c.out)], 0, false
	for _, ch := range text {
		if ch == ' ' || ch == '\t' {
			space = true
			continue
		}
		if space {
			out[n] = ' '
			n++
			space = false
		}
		out[n] = ch
		n++
	}
	c.out = c.out[:len(c.out)+n]
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
		if ch == ' ' || ch == '\t' || ch == '\r' {
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
