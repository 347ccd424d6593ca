package dkim

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"hash"
	"io"

	"mxgate/policy/mail"
)

// body is the body of a message. It is hashed at most once for each
// canonicalization, whatever the number of signatures; SHA-256 is the only hash.
type body struct {
	octets int64
	open   func() io.Reader // reads it from its beginning
	hashes map[string]bodyHash
}

// bodyHash is a hash, or why there is none.
type bodyHash struct {
	sum []byte
	err error
}

// newBody returns the body of m. It cannot be read when ctx is done: nothing
// else stops a hash over a large one.
func newBody(ctx context.Context, m *mail.Message) *body {
	return &body{
		octets: m.Size - int64(m.HeaderOctets),
		open:   func() io.Reader { return until(ctx, m.Body()) },
		hashes: map[string]bodyHash{},
	}
}

// hash returns the hash of the body in a canonical form, "simple" or "relaxed".
func (b *body) hash(canon string) ([]byte, error) {
	h, ok := b.hashes[canon]
	if !ok {
		sum := sha256.New()
		h.err = hashBody(sum, b.open(), canon == "relaxed")
		h.sum = sum.Sum(nil)
		b.hashes[canon] = h
	}
	return h.sum, h.err
}

// readFunc is an io.Reader.
type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// until reads r and fails when ctx is done.
func until(ctx context.Context, r io.Reader) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}

// hashBody writes the canonical body to sum: RFC 6376, Sections 3.4.3 and 3.4.4.
// Lines end in LF or CRLF; they may have any length and are not held.
func hashBody(sum hash.Hash, body io.Reader, relaxed bool) error {
	in := bufio.NewReaderSize(body, 32<<10)
	out := bufio.NewWriterSize(sum, 4<<10)
	c := bodyCanon{out: out, relaxed: relaxed}
	for {
		chunk, err := in.ReadSlice('\n')
		switch err {
		case nil:
			chunk = chunk[:len(chunk)-1]
			c.text(chunk)
			c.endLine()
		case io.EOF:
			c.text(chunk)
			c.endBody()
			return out.Flush()
		case bufio.ErrBufferFull:
			c.text(chunk)
		default:
			return err
		}
	}
}

// bodyCanon holds back what may still turn out to stand at an end: a CR, white
// space, empty lines.
type bodyCanon struct {
	out     *bufio.Writer // never fails: it writes to a hash
	relaxed bool
	cr      bool // a CR that may belong to the line end
	space   bool // relaxed: white space before the next word
	empty   int  // line ends not written yet
	written bool
}

// text takes part of a line.
func (c *bodyCanon) text(b []byte) {
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
		c.out.WriteString("\r\n")
	}
	if c.space {
		c.out.WriteByte(' ')
		c.space = false
	}
	if c.cr {
		c.out.WriteByte('\r')
		c.cr = false
	}
	c.out.Write(b)
	c.written = true
}

func (c *bodyCanon) endLine() {
	c.cr, c.space = false, false
	c.empty++
}

func (c *bodyCanon) endBody() {
	if c.cr {
		c.put(nil)
	}
	if c.written || !c.relaxed {
		c.out.WriteString("\r\n")
	}
}
