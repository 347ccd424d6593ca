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

// Content in memory begins with small blocks of the heap and goes on in large ones
// of Memory.
const (
	firstBlocks = 8
	firstOctets = firstBlocks * smallOctets
)

// place says where an octet of content in memory is: in which block, and where in
// it.
func place(off int64) (block int, at int64) {
	if off < firstOctets {
		return int(off / smallOctets), off % smallOctets
	}
	off -= firstOctets
	return firstBlocks + int(off/largeOctets), off % largeOctets
}

// store is where content is: in blocks of memory, or in a file. Content is in one
// place only.
type store struct {
	blocks  []*block
	memory  *Memory
	claimed int // blocks of memory, taken or not

	file *os.File
	out  *bufio.Writer // to file, until finish
}

// room reports whether size octets fit in memory, where expected may come in all.
func (s *store) room(size, expected int64) bool {
	need := largeBlocks(size) - s.claimed
	if need <= 0 {
		return true
	}
	need = max(need, largeBlocks(expected)-s.claimed)
	if s.memory == nil || !s.memory.claim(need) {
		return false
	}
	s.claimed += need
	return true
}

// largeBlocks is how many of them content of so many octets needs.
func largeBlocks(octets int64) int {
	return int((max(octets-firstOctets, 0) + largeOctets - 1) / largeOctets)
}

// keep copies p, which begins at off, into memory, where it has room.
func (s *store) keep(p []byte, off int64) {
	for len(p) > 0 {
		i, at := place(off)
		if i == len(s.blocks) {
			if i < firstBlocks {
				s.blocks = append(s.blocks, take(0))
			} else {
				s.blocks = append(s.blocks, s.memory.take())
			}
		}
		n := copy(s.blocks[i].octets[at:], p)
		p = p[n:]
		off += int64(n)
	}
}

// read copies octets from off on, of size in all, out of memory.
func (s *store) read(p []byte, off, size int64) (n int) {
	p = p[:min(int64(len(p)), max(size-off, 0))]
	for n < len(p) {
		i, at := place(off + int64(n))
		n += copy(p[n:], s.blocks[i].octets[at:])
	}
	return n
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
		m := min(n, int64(len(b.octets)))
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
	if s.claimed > 0 {
		s.memory.disclaim(s.claimed)
		s.claimed = 0
	}
}

// finish says that all octets came.
func (s *store) finish() error {
	if spare := s.claimed - max(len(s.blocks)-firstBlocks, 0); spare > 0 { // less than was declared
		s.memory.disclaim(spare)
		s.claimed -= spare
	}
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
