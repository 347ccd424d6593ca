package table

import "slices"

// sizes are the lengths of slots, in octets; the first octet of a slot is the
// length of what it holds.
var sizes = [...]int{12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256}

// MaxRecord is the longest record, in octets.
const MaxRecord = 255

// Slots of a chunk, and numbers of a directory page.
const (
	chunkSlots = 1 << 10
	pageBits   = 12
)

// Slab holds short records by number. Numbers are given out in order and leave
// about in order, so that the directory is pages that come and go. The zero Slab
// is empty.
type Slab struct {
	classes [len(sizes)]class
	pages   map[uint32]*page
	n       int
}

type class struct {
	chunks [][]byte
	free   []uint32
	used   uint32 // slots ever given out
}

type page struct {
	at [1 << pageBits]uint32 // class<<28 | slot+1; 0: none
	n  int
}

// Len is the number of records.
func (s *Slab) Len() int { return s.n }

// Bytes is about what they take.
func (s *Slab) Bytes() int {
	total := len(s.pages) * (4<<pageBits + 64)
	for i := range s.classes {
		total += len(s.classes[i].chunks)*chunkSlots*sizes[i] + 4*cap(s.classes[i].free)
	}
	return total
}

func (s *Slab) slot(handle uint32) []byte {
	c, slot := handle>>28, handle<<4>>4-1
	size := sizes[c]
	at := int(slot%chunkSlots) * size
	return s.classes[c].chunks[slot/chunkSlots][at : at+size]
}

// Get returns the record of a number, nil if there is none. It may be read until
// the next change of the Slab.
func (s *Slab) Get(number uint32) []byte {
	p := s.pages[number>>pageBits]
	if p == nil || p.at[number%(1<<pageBits)] == 0 {
		return nil
	}
	slot := s.slot(p.at[number%(1<<pageBits)])
	return slot[1 : 1+int(slot[0])]
}

// Set puts the record of a number, of at most MaxRecord octets.
func (s *Slab) Set(number uint32, record []byte) {
	if len(record) > MaxRecord {
		panic("table: record too long")
	}
	if s.pages == nil {
		s.pages = map[uint32]*page{}
	}
	p := s.pages[number>>pageBits]
	if p == nil {
		p = &page{}
		s.pages[number>>pageBits] = p
	}
	handle := &p.at[number%(1<<pageBits)]
	size, _ := slices.BinarySearch(sizes[:], len(record)+1)
	switch {
	case *handle == 0:
		p.n++
		s.n++
		*handle = s.take(size)
	case int(*handle>>28) != size:
		s.giveBack(*handle)
		*handle = s.take(size)
	}
	slot := s.slot(*handle)
	slot[0] = byte(len(record))
	copy(slot[1:], record)
}

func (s *Slab) take(size int) uint32 {
	c := &s.classes[size]
	if n := len(c.free); n > 0 {
		handle := c.free[n-1]
		c.free = c.free[:n-1]
		return handle
	}
	if int(c.used) == len(c.chunks)*chunkSlots {
		c.chunks = append(c.chunks, make([]byte, chunkSlots*sizes[size]))
	}
	c.used++
	return uint32(size)<<28 | c.used
}

func (s *Slab) giveBack(handle uint32) {
	c := &s.classes[handle>>28]
	c.free = append(c.free, handle)
}

// Delete takes a record out, and reports whether it was there.
func (s *Slab) Delete(number uint32) bool {
	p := s.pages[number>>pageBits]
	if p == nil || p.at[number%(1<<pageBits)] == 0 {
		return false
	}
	s.giveBack(p.at[number%(1<<pageBits)])
	p.at[number%(1<<pageBits)] = 0
	s.n--
	if p.n--; p.n == 0 {
		delete(s.pages, number>>pageBits)
	}
	return true
}

// Pages lists the parts of the directory, oldest numbers first.
func (s *Slab) Pages() []uint32 {
	pages := make([]uint32, 0, len(s.pages))
	for p := range s.pages {
		pages = append(pages, p)
	}
	slices.Sort(pages)
	return pages
}

// Each calls do for every record of a part of the directory. do may delete the
// record it is given, and must change nothing else.
func (s *Slab) Each(part uint32, do func(number uint32, record []byte)) {
	p := s.pages[part]
	if p == nil {
		return
	}
	for i, handle := range p.at {
		if handle != 0 {
			slot := s.slot(handle)
			do(part<<pageBits|uint32(i), slot[1:1+int(slot[0])])
		}
	}
}
