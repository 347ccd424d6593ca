package wire

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

const (
	// maxLineOctets bounds a command line with its CRLF: RFC 5321, Section
	// 4.5.3.1.4, and the growth of MAIL by SIZE (RFC 1870, Section 3) and
	// 8BITMIME (RFC 6152, Section 2).
	maxLineOctets = 512 + 26 + 17
	// maxSkipOctets bounds what is discarded of a line that is too long.
	maxSkipOctets = 1 << 20

	smallOctets = 1 << 10  // what an idle session holds; more than a line
	blockOctets = 64 << 10 // of content read or stored at once
)

var (
	errLineTooLong = errors.New("wire: command line too long")
	errBadOctet    = errors.New("wire: bare CR, bare LF or NUL in a command")
	errEndlessLine = errors.New("wire: command line without an end")
)

type block [blockOctets]byte

// blocks holds the memory that content passes through. A block is given back
// only by its one owner, after the last reader is done.
var blocks = sync.Pool{New: func() any { return new(block) }}

// input is the read buffer of a connection: small while commands are awaited,
// a block while content flows.
type input struct {
	r, w  int // the unread octets are mem()[r:w]
	big   *block
	small [smallOctets]byte
}

func (in *input) mem() []byte {
	if in.big != nil {
		return in.big[:]
	}
	return in.small[:]
}

func (in *input) unread() []byte { return in.mem()[in.r:in.w] }

func (in *input) consume(n int) { in.r += n }

// enlarge makes the buffer a block.
func (in *input) enlarge() {
	if in.big != nil {
		return
	}
	b := blocks.Get().(*block)
	in.w = copy(b[:], in.unread())
	in.r, in.big = 0, b
}

// shrink gives the block back once it is empty.
func (in *input) shrink() {
	if in.big != nil && in.r == in.w {
		blocks.Put(in.big)
		in.big, in.r, in.w = nil, 0, 0
	}
}

// fill reads once from src behind what is unread, and returns how many octets
// came. The caller leaves room: what stays unread is less than a command line.
func (in *input) fill(src io.Reader) (int, error) {
	mem := in.mem()
	in.w = copy(mem, mem[in.r:in.w])
	in.r = 0
	n, err := src.Read(mem[in.w:])
	in.w += n
	switch {
	case n > 0:
		return n, nil // the error, if it lasts, comes again
	case err == nil:
		return 0, io.ErrNoProgress
	}
	return 0, err
}

// line returns the next command line without its CRLF, valid until the next
// call; more is asked for input when the buffer holds no whole line.
//
// It fails with errLineTooLong after the line was discarded, with errBadOctet
// or errEndlessLine (the connection must not be read further), or with an error
// of more. Lines end in CRLF only: RFC 5321, Section 2.3.8.
func (in *input) line(more func() error) ([]byte, error) {
	skipped := 0
	for {
		b := in.unread()
		n, whole := lineEnd(b)
		switch {
		case n < 0:
			return nil, errBadOctet
		case whole:
			in.consume(n + 2)
			if skipped > 0 || n+2 > maxLineOctets {
				return nil, errLineTooLong
			}
			return b[:n], nil
		case skipped > maxSkipOctets:
			return nil, errEndlessLine
		case n > maxLineOctets-2:
			skipped += n
			in.consume(n)
		}
		if err := more(); err != nil {
			return nil, err
		}
	}
}

// lineEnd looks for the end of the line that b starts with. It returns the
// length of the line without CRLF if the line is whole; otherwise how many
// octets are surely part of it, or -1 if it has a bare CR, a bare LF or NUL.
func lineEnd(b []byte) (n int, whole bool) {
	i := bytes.IndexAny(b, "\r\n\x00")
	switch {
	case i < 0:
		return len(b), false
	case b[i] != '\r':
		return -1, false
	case i+1 == len(b):
		return i, false
	case b[i+1] != '\n':
		return -1, false
	}
	return i, true
}
