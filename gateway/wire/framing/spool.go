package framing

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"mxgate/gateway/fault"
)

// ErrTooLarge says that content exceeds the limit of its Spool.
var ErrTooLarge = errors.New("framing: content exceeds the size limit")

// spoolPattern names the spool files, so that CleanSpool takes no others.
const spoolPattern = "mxgate-content-*.spool"

// Spool takes content as it is framed. Write never fails: trouble and excess
// are remembered, and what follows is only counted.
type Spool struct {
	dir           string
	memory, limit int64 // octets held in memory; octets taken at all

	size    int64
	stored  store
	err     error // the disk's
	dropped bool  // nothing is kept any more
}

// NewSpool makes a Spool for content of at most limit octets: up to memory
// octets stay in memory, more goes to a file in dir.
func NewSpool(dir string, memory, limit int64) *Spool {
	return &Spool{dir: dir, memory: memory, limit: limit}
}

// Size counts the octets that were written, kept or not.
func (s *Spool) Size() int64 { return s.size }

// Write adds p, which stays the caller's.
func (s *Spool) Write(p []byte) {
	before := s.size
	s.size += int64(len(p))
	if s.size > s.limit {
		s.Drop()
	}
	if s.dropped {
		return
	}
	if s.size <= s.memory {
		s.stored.keep(p, before)
		return
	}
	s.err = fault.Err(fault.SpoolWrite)
	if s.err == nil && s.stored.file == nil {
		s.err = s.stored.spill(s.dir, before)
	}
	if s.err == nil {
		_, s.err = s.stored.out.Write(p)
	}
	if s.err != nil {
		s.Drop()
	}
}

// Drop forgets what was stored.
func (s *Spool) Drop() {
	s.dropped = true
	s.err = errors.Join(s.err, s.stored.release())
}

// Content hands the stored octets over. It fails with ErrTooLarge, or with the
// error of the disk; then nothing is stored any more.
func (s *Spool) Content(eightBit bool) (*Content, error) {
	if s.size > s.limit {
		return nil, ErrTooLarge
	}
	if s.err == nil {
		s.err = s.stored.finish()
	}
	if s.err != nil {
		s.Drop()
		return nil, s.err
	}
	c := &Content{Size: s.size, EightBit: eightBit, stored: s.stored}
	s.stored = store{}
	return c, nil
}

// CleanSpool makes dir ready: it is created if it is missing, and content that
// an earlier process left there is removed. That loses no message, none of it
// was accepted: SMTP-DUTIES I3. No other process may be using dir.
func CleanSpool(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("framing: spool directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("framing: spool directory: %w", err)
	}
	for _, e := range entries {
		if left, _ := filepath.Match(spoolPattern, e.Name()); !left { // the pattern is ours and good
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("framing: cleaning the spool: %w", err)
		}
	}
	return nil
}
