package wire

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// spoolPattern names the spool files, so that CleanSpool takes no others.
const spoolPattern = "mxgate-content-*.spool"

// Content is the content of one message, dot-stuffing undone: memory up to
// Config.MemoryOctets, a spool file above. It may be read by several goroutines
// at once; a read after Close fails, whatever became of the memory.
type Content struct {
	Size     int64
	SHA256   [sha256.Size]byte
	EightBit bool // has octets above 127

	mu     sync.RWMutex
	closed bool
	blocks []*block
	file   *os.File
}

// ReadAt implements io.ReaderAt.
func (c *Content) ReadAt(p []byte, off int64) (n int, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return 0, os.ErrClosed
	}
	if off < 0 {
		return 0, errors.New("wire: negative offset")
	}
	if c.file != nil {
		return c.file.ReadAt(p, off)
	}
	for n < len(p) && off < c.Size {
		b := c.blocks[off/blockOctets]
		valid := min(c.Size-off/blockOctets*blockOctets, blockOctets)
		m := copy(p[n:], b[off%blockOctets:valid])
		n += m
		off += int64(m)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Close gives memory and disk back. It may be called more than once.
func (c *Content) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	return release(&c.blocks, &c.file)
}

func release(bs *[]*block, file **os.File) error {
	for _, b := range *bs {
		blocks.Put(b)
	}
	*bs = nil
	if *file == nil {
		return nil
	}
	f := *file
	*file = nil
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// spool takes content as it is framed. It never fails: trouble and excess are
// remembered, and what follows is only counted.
type spool struct {
	dir           string
	memory, limit int64 // octets held in memory; octets taken at all

	size    int64
	hash    hash.Hash
	blocks  []*block
	file    *os.File
	err     error // the disk's
	dropped bool  // nothing is kept any more
}

func newSpool(cfg *Config) *spool {
	return &spool{dir: cfg.SpoolDir, memory: cfg.MemoryOctets, limit: cfg.MaxMessageOctets, hash: sha256.New()}
}

func (s *spool) write(p []byte) {
	before := s.size
	s.size += int64(len(p))
	if s.size > s.limit {
		s.drop(nil)
	}
	if s.dropped {
		return
	}
	s.hash.Write(p)
	if s.size <= s.memory {
		s.keep(p, before)
		return
	}
	if s.file == nil {
		if err := s.spill(before); err != nil {
			s.drop(err)
			return
		}
	}
	if _, err := s.file.Write(p); err != nil {
		s.drop(err)
	}
}

// keep copies p into memory, at off.
func (s *spool) keep(p []byte, off int64) {
	for len(p) > 0 {
		if off%blockOctets == 0 {
			s.blocks = append(s.blocks, blocks.Get().(*block))
		}
		n := copy(s.blocks[len(s.blocks)-1][off%blockOctets:], p)
		p = p[n:]
		off += int64(n)
	}
}

// spill moves the first n octets, all that is held, from memory to a new file.
func (s *spool) spill(n int64) error {
	f, err := os.CreateTemp(s.dir, spoolPattern) // mode 0600
	if err != nil {
		return err
	}
	s.file = f
	for len(s.blocks) > 0 {
		b := s.blocks[0]
		m := min(n, blockOctets)
		if _, err := f.Write(b[:m]); err != nil {
			return err
		}
		n -= m
		s.blocks = s.blocks[1:]
		blocks.Put(b)
	}
	return nil
}

// drop forgets what was stored, for want of space (err is nil) or of a disk.
func (s *spool) drop(err error) {
	s.dropped = true
	s.err = errors.Join(s.err, err, release(&s.blocks, &s.file))
}

// content hands the stored octets over.
func (s *spool) content(eightBit bool) *Content {
	c := &Content{Size: s.size, EightBit: eightBit, blocks: s.blocks, file: s.file}
	s.hash.Sum(c.SHA256[:0])
	s.blocks, s.file = nil, nil
	return c
}

// CleanSpool makes dir ready: it is created if it is missing, and content that
// an earlier process left there is removed. That loses no message, none of it
// was accepted: SMTP-DUTIES I3. Call it before Listen; no other process may be
// using dir.
func CleanSpool(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("wire: spool directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("wire: spool directory: %w", err)
	}
	for _, e := range entries {
		if left, _ := filepath.Match(spoolPattern, e.Name()); !left { // the pattern is ours and good
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("wire: cleaning the spool: %w", err)
		}
	}
	return nil
}
