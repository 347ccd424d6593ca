package framing

import (
	"errors"
	"io"
	"os"
	"sync"
)

// Content is the content of one message, dot-stuffing undone: in memory if it
// is small, in a spool file if not. It may be read by several goroutines at
// once; a read after Close fails, whatever became of the memory.
type Content struct {
	Size     int64
	EightBit bool // has octets above 127

	mu     sync.RWMutex
	closed bool
	stored store
}

// ReadAt implements io.ReaderAt.
func (c *Content) ReadAt(p []byte, off int64) (n int, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return 0, os.ErrClosed
	}
	if off < 0 {
		return 0, errors.New("framing: negative offset")
	}
	if c.stored.file != nil {
		return c.stored.file.ReadAt(p, off)
	}
	n = c.stored.read(p, off, c.Size)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// InFile reports whether the content is in a file, before Close.
func (c *Content) InFile() bool { return c.stored.file != nil }

// Close gives memory and disk back. It may be called more than once.
func (c *Content) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	return c.stored.release()
}
