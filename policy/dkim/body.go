package dkim

import (
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"sync"

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

// blockOctets is how much of a body is looked at together.
const blockOctets = 32 << 10

// hasher holds the buffers of one hashBody, which are most of what it costs in
// memory.
type hasher struct {
	block [blockOctets]byte
	canon bodyCanon
}

var hashers = sync.Pool{New: func() any { return new(hasher) }}

// hashBody writes the canonical body to sum: RFC 6376, Sections 3.4.3 and 3.4.4.
// Lines end in LF or CRLF; they may have any length and are not held.
func hashBody(sum hash.Hash, body io.Reader, relaxed bool) error {
	h := hashers.Get().(*hasher)
	defer hashers.Put(h)
	h.canon.start(sum, relaxed)
	held := 0 // octets of a line whose end was not in the block
	for {
		n, err := body.Read(h.block[held:])
		n += held
		held = n - h.canon.lines(h.block[:n])
		if held == len(h.block) {
			h.canon.text(h.block[:])
			held = 0
		}
		copy(h.block[:held], h.block[n-held:n])
		switch err {
		case nil:
		case io.EOF:
			h.canon.text(h.block[:held])
			h.canon.end()
			return nil
		default:
			return err
		}
	}
}
