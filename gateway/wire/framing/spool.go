package framing

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"mxgate/gateway/fault"
)

// Why a Spool did not keep content.
var (
	ErrTooLarge = errors.New("framing: content exceeds the size limit")
	ErrNoRoom   = errors.New("framing: no room on the disk of the spool")
)

// spoolPattern names the spool files, so that CleanSpool takes no others.
const spoolPattern = "mxgate-content-*.spool"

// askOctets is how much content may grow before the disk is asked again whether
// it has room: what a client declares of its size binds nobody.
const askOctets = 1 << 20

// Room is where content is kept; all connections share it.
type Room struct {
	Memory *Memory // nil: content of more than 64 KiB goes to files
	Each   int64   // octets of one content held in memory
	Dir    string  // of the files of the rest
	// OnDisk reports whether files in Dir may grow by so many octets. It is called
	// for each 1 MiB of content that does not stay in memory, and where it denies,
	// nothing is kept: ErrNoRoom.
	OnDisk func(octets int64) bool
}

// InMemory reports whether content of so many octets would stay in memory if it
// came now.
func (r *Room) InMemory(octets int64) bool {
	n := largeBlocks(octets)
	return octets <= r.Each && (n == 0 || r.Memory != nil && r.Memory.has(n))
}

// Spool takes content as it is framed. Write never fails: trouble and excess
// are remembered, and what follows is only counted.
type Spool struct {
	in       *Room
	expected int64 // octets that the client has declared
	limit    int64 // octets taken at all

	size    int64
	asked   int64 // the size when room on the disk was last asked for
	stored  store
	err     error // the disk's
	dropped bool  // nothing is kept any more
}

// NewSpool makes a Spool for content of at most limit octets, of which the client
// has declared so many as it will send; 0 if it has not, and it binds nobody.
func (r *Room) NewSpool(declared, limit int64) *Spool {
	return &Spool{in: r, expected: min(declared, limit), limit: limit, stored: store{memory: r.Memory}}
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
	if s.fits() {
		s.stored.keep(p, before)
		return
	}
	s.err = cmp.Or(fault.Err(fault.SpoolWrite), s.ask(before))
	if s.err == nil && s.stored.file == nil {
		s.err = s.stored.spill(s.in.Dir, before)
	}
	if s.err == nil {
		_, s.err = s.stored.out.Write(p)
	}
	if s.err != nil {
		s.Drop()
	}
}

// fits reports whether all that came stays in memory. What does not begins to be
// written when it is no longer small, whatever was declared.
func (s *Spool) fits() bool {
	if s.stored.file != nil || s.size > s.in.Each {
		return false
	}
	return s.size <= firstOctets || s.expected <= s.in.Each && s.stored.room(s.size, s.expected)
}

// ask fails if the file, which is to grow from before octets to size and by
// askOctets until it is asked for again, has no room for them.
func (s *Spool) ask(before int64) error {
	if s.size < s.asked+askOctets {
		return nil
	}
	s.asked = s.size
	if s.stored.file == nil {
		before = 0 // it is all in memory yet
	}
	if !s.in.OnDisk(s.size - before + askOctets) {
		return ErrNoRoom
	}
	return nil
}

// Drop forgets what was stored.
func (s *Spool) Drop() {
	s.dropped = true
	s.err = errors.Join(s.err, s.stored.release())
}

// Content hands the stored octets over, once. It fails with ErrTooLarge, ErrNoRoom,
// os.ErrClosed after Drop, or the error of the disk; then nothing is stored any more.
func (s *Spool) Content(eightBit bool) (*Content, error) {
	if s.size > s.limit {
		return nil, ErrTooLarge
	}
	if s.err == nil && s.dropped {
		s.err = os.ErrClosed
	}
	if s.err == nil {
		s.err = s.stored.finish()
	}
	if s.err != nil {
		s.Drop()
		return nil, s.err
	}
	c := &Content{Size: s.size, EightBit: eightBit, stored: s.stored}
	s.stored, s.dropped = store{}, true
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
