package sig

import (
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"sync"

	"mxgate/policy/mail"
)

// Canon is the name of a canonicalization as c= has it. RFC 6376, Section 3.4.
type Canon string

// The two canonicalizations.
const (
	Simple  Canon = "simple"
	Relaxed Canon = "relaxed"
)

// Body is the body of a message. It is read and hashed at most once for each
// canonicalization, whatever the number of signatures; SHA-256 is the only hash.
// It is safe for concurrent use.
type Body struct {
	Octets          int64
	open            func() io.Reader
	simple, relaxed bodyHash
}

// bodyHash is a hash once it is known.
type bodyHash struct {
	mu  sync.Mutex
	sum []byte
}

// NewBody returns the body of m; nothing is read yet.
func NewBody(m *mail.Message) *Body {
	return &Body{Octets: m.Size - int64(m.HeaderOctets), open: m.Body}
}

// Reader reads the body from its beginning, as received. It fails when ctx is
// done: nothing else stops a hash over a large one.
func (b *Body) Reader(ctx context.Context) io.Reader { return until(ctx, b.open()) }

// Hash returns the SHA-256 hash of the body in a canonical form, which is Simple
// or Relaxed. It fails when ctx is done or the body cannot be read; that is not
// remembered.
func (b *Body) Hash(ctx context.Context, c Canon) ([]byte, error) {
	h := &b.simple
	if c == Relaxed {
		h = &b.relaxed
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sum == nil {
		sum := sha256.New()
		if err := hashBody(sum, b.Reader(ctx), c == Relaxed); err != nil {
			return nil, err
		}
		h.sum = sum.Sum(nil)
	}
	return h.sum, nil
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
	out   [outOctets]byte
}

var hashers = sync.Pool{New: func() any { return new(hasher) }}

// hashBody writes the canonical body to sum: RFC 6376, Sections 3.4.3 and 3.4.4.
// Lines end in LF or CRLF; they may have any length and are not held.
func hashBody(sum hash.Hash, body io.Reader, relaxed bool) error {
	h := hashers.Get().(*hasher)
	defer hashers.Put(h)
	canon := bodyCanon{sum: sum, out: h.out[:0], relaxed: relaxed}
	held := 0 // octets of a line whose end was not in the block
	for {
		n, err := body.Read(h.block[held:])
		if relaxed {
			tabsToSpaces(h.block[held : held+n])
		}
		n += held
		held = n - canon.lines(h.block[:n])
		if held == len(h.block) {
			canon.text(h.block[:])
			held = 0
		}
		copy(h.block[:held], h.block[n-held:n])
		switch err {
		case nil:
		case io.EOF:
			canon.text(h.block[:held])
			canon.end()
			return nil
		default:
			return err
		}
	}
}
