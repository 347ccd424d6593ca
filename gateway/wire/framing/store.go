package framing

import (
	"bufio"
	"errors"
	"os"
	"sync"
)

// writeOctets is the least that a spool file is written with, except at its end:
// a read under TLS gives 16 KiB, and one from a slow client gives less.
const writeOctets = 64 << 10

var writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, writeOctets) }}

// store is where content is: in small blocks, or in a file. Content is in one
// place only, so that a hundred large messages at once do not fill the memory.
type store struct {
	blocks []*block
	file   *os.File
	out    *bufio.Writer // to file, until finish
}

// keep copies p, which begins at off, into memory.
func (s *store) keep(p []byte, off int64) {
	for len(p) > 0 {
		if off%smallOctets == 0 {
			s.blocks = append(s.blocks, take(0))
		}
		n := copy(s.blocks[len(s.blocks)-1].octets[off%smallOctets:], p)
		p = p[n:]
		off += int64(n)
	}
}

// spill moves the first n octets, all that is held, from memory to a new file
// in dir.
func (s *store) spill(dir string, n int64) (err error) {
	if s.file, err = os.CreateTemp(dir, spoolPattern); err != nil { // mode 0600
		return err
	}
	s.out = writers.Get().(*bufio.Writer)
	s.out.Reset(s.file)
	for _, b := range s.blocks {
		m := min(n, smallOctets)
		if _, err := s.out.Write(b.octets[:m]); err != nil {
			return err
		}
		n -= m
	}
	s.forget()
	return nil
}

// forget gives the memory back.
func (s *store) forget() {
	for _, b := range s.blocks {
		b.release()
	}
	s.blocks = nil
}

// finish says that all octets came.
func (s *store) finish() error {
	if s.out == nil {
		return nil
	}
	err := s.out.Flush()
	s.stopWriting()
	return err
}

// stopWriting gives out back. What is still in it does not reach the disk.
func (s *store) stopWriting() {
	if s.out != nil {
		s.out.Reset(nil)
		writers.Put(s.out)
		s.out = nil
	}
}

// release gives memory and disk back.
func (s *store) release() error {
	s.forget()
	s.stopWriting()
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
