package framing

import (
	"bytes"
	"cmp"
	"errors"
	"io"
)

const (
	// BaseLineOctets bounds a command line with its CRLF where no extension
	// lets it grow. RFC 5321, Section 4.5.3.1.4.
	BaseLineOctets = 512
	// MaxLineOctets bounds Input.Limit.
	MaxLineOctets = smallOctets
	// maxSkipOctets bounds what is discarded of a line that is too long.
	maxSkipOctets = 1 << 20

	idleOctets = 512 // what an idle session holds; most groups of commands fit
)

// Why there is no command line.
var (
	ErrLineTooLong = errors.New("framing: command line too long")
	ErrBadOctet    = errors.New("framing: bare CR, bare LF or NUL in a command")
	ErrEndlessLine = errors.New("framing: command line without an end")
)

// Input is the read buffer of a connection: small while commands are awaited,
// larger for a long line of them and while content flows. The zero Input is
// ready for use.
type Input struct {
	// Limit of a command line with its CRLF, at most MaxLineOctets; 0:
	// BaseLineOctets.
	Limit int

	r, w    int    // the unread octets are mem()[r:w]
	skipped int    // octets that were discarded of the line that is awaited
	lent    *block // while idle is not enough
	short   bool   // the last Fill left no room
	idle    [idleOctets]byte
}

func (in *Input) mem() []byte {
	if in.lent != nil {
		return in.lent.octets
	}
	return in.idle[:]
}

// Unread returns what was read and not consumed, valid until the next call.
func (in *Input) Unread() []byte { return in.mem()[in.r:in.w] }

// Consume takes n octets of Unread.
func (in *Input) Consume(n int) { in.r += n }

// Enlarge makes room for content.
func (in *Input) Enlarge() {
	if in.lent == nil {
		in.move(0)
	}
}

// move makes a block of a size class the buffer.
func (in *Input) move(class int) {
	b := take(class)
	in.w = copy(b.octets, in.Unread())
	if in.lent != nil {
		in.lent.release()
	}
	in.r, in.lent, in.short = 0, b, false
}

// Shrink gives memory back once what is unread fits without it: who waits in the
// middle of a command holds no block, or a small one if the line is long.
func (in *Input) Shrink() {
	switch unread := in.Unread(); {
	case in.lent == nil:
	case len(unread) <= len(in.idle):
		in.w = copy(in.idle[:], unread)
		in.lent.release()
		in.lent, in.r, in.short = nil, 0, false
	case len(unread) < smallOctets && in.lent.class > 0:
		in.move(0)
	}
}

// Fill reads once from src behind what is unread, and returns how many octets
// came. The caller leaves room: what stays unread is less than MaxLineOctets.
func (in *Input) Fill(src io.Reader) (int, error) {
	switch {
	case in.lent == nil && in.w-in.r == len(in.idle):
		in.move(0)
	case in.short && in.lent != nil && in.lent.class < largest:
		in.move(in.lent.class + 1) // only a client that sends faster than we read gets here
	}
	mem := in.mem()
	in.w = copy(mem, mem[in.r:in.w])
	in.r = 0
	n, err := src.Read(mem[in.w:])
	in.w += n
	in.short = in.w == len(mem)
	switch {
	case n > 0:
		return n, nil // the error, if it lasts, comes again
	case err == nil:
		return 0, io.ErrNoProgress
	}
	return 0, err
}

// Line returns the next command line without its CRLF, valid until the next
// call; more is asked for input when the buffer holds no whole line.
//
// It fails with ErrLineTooLong after the line was discarded, with ErrBadOctet
// or ErrEndlessLine (the connection must not be read further), or with an error
// of more: the next call then goes on with the same line. Lines end in CRLF only:
// RFC 5321, Section 2.3.8.
func (in *Input) Line(more func() error) ([]byte, error) {
	limit := cmp.Or(in.Limit, BaseLineOctets)
	for {
		b := in.Unread()
		n, whole := lineEnd(b)
		switch {
		case n < 0:
			return nil, ErrBadOctet
		case whole:
			in.Consume(n + 2)
			tooLong := in.skipped > 0 || n+2 > limit
			if in.skipped = 0; tooLong {
				return nil, ErrLineTooLong
			}
			return b[:n], nil
		case in.skipped > maxSkipOctets:
			return nil, ErrEndlessLine
		case n > limit-2:
			in.skipped += n
			in.Consume(n)
		}
		if err := more(); err != nil {
			return nil, err
		}
	}
}

// Ahead yields the whole command lines that were read behind those that Line has
// returned, without their CRLF, as far as Line would return them. None is taken.
func (in *Input) Ahead(yield func(line []byte) bool) {
	limit := cmp.Or(in.Limit, BaseLineOctets)
	for b := in.Unread(); ; {
		n, whole := lineEnd(b)
		if !whole || n+2 > limit || !yield(b[:n]) {
			return
		}
		b = b[n+2:]
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
