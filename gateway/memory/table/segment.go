package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Kinds of segments: what is kept equally long lies together, so that a segment
// goes when its day is over.
const (
	Conversations  = 1 // threads and ids
	Correspondence = 2 // edges and names
)

// segmentVersion begins each segment.
const segmentVersion = 1

// maxSegmentOctets is the longest Segment that is read.
const maxSegmentOctets = 16 << 20

// ErrSegment says that octets are not what we write as a segment.
var ErrSegment = errors.New("not a segment")

// Segment is one packed part of what was learned: the state of its entries when
// it was written. A later one replaces what an earlier one says.
type Segment struct {
	Kind int
	Day  uint16 // the last day of its entries
	Body []byte
}

// PackConversations writes threads and ids as they are now; those that
// have made room for others are left out.
func (t *Tables) PackConversations(threads []uint32, ids []uint64) Segment {
	s := Segment{Kind: Conversations, Body: []byte{segmentVersion}}
	slices.Sort(threads)
	last := uint32(0)
	for _, number := range threads {
		if record := t.Threads.Get(number); record != nil {
			s.Body = binary.AppendUvarint(s.Body, uint64(number-last)<<1|1)
			s.Body = append(append(s.Body, byte(len(record))), record...)
			day, _ := Head(record)
			s.Day, last = max(s.Day, day), number
		}
	}
	s.Body = append(s.Body, 0) // no more threads: a number is never 0
	for _, id := range ids {
		if f, ok := t.IDs.Get(id); ok {
			s.Day = max(s.Day, f.Day())
		}
	}
	for _, id := range ids {
		if f, ok := t.IDs.Get(id); ok {
			s.Body = binary.LittleEndian.AppendUint64(s.Body, id)
			s.Body = binary.AppendVarint(s.Body, int64(f.Thread())-int64(last))
			s.Body = binary.AppendUvarint(s.Body, uint64(s.Day-f.Day())<<2|uint64(f.Class()))
			last = f.Thread()
		}
	}
	return s
}

// Kinds of entries of a correspondence segment.
const (
	packedEdge   = 1
	packedName   = 2
	packedCounts = 3
)

// PackCorrespondence writes edges, names and the counts of domains as they are
// them now.
func (t *Tables) PackCorrespondence(edges, names []uint64, counts []Counts) Segment {
	s := Segment{Kind: Correspondence, Body: []byte{segmentVersion}}
	for _, n := range counts {
		s.Day = max(s.Day, n.Last)
	}
	for _, key := range edges {
		if e, ok := t.Edges.Get(key); ok {
			s.Day = max(s.Day, e.Last)
		}
	}
	for _, key := range names {
		if c, ok := t.Names.Get(key); ok {
			s.Day = max(s.Day, c.Day)
		}
	}
	for _, key := range edges {
		if e, ok := t.Edges.Get(key); ok {
			s.Body = append(s.Body, packedEdge)
			s.Body = binary.LittleEndian.AppendUint64(s.Body, key)
			for _, n := range [...]uint16{s.Day - e.Last, e.Last - e.First, e.In, e.Out} {
				s.Body = binary.AppendUvarint(s.Body, uint64(n))
			}
		}
	}
	for _, key := range names {
		if c, ok := t.Names.Get(key); ok {
			s.Body = append(s.Body, packedName)
			s.Body = binary.LittleEndian.AppendUint64(s.Body, key)
			s.Body = binary.AppendUvarint(s.Body, uint64(s.Day-c.Day))
			s.Body = binary.LittleEndian.AppendUint16(s.Body, c.Mailbox)
			for _, d := range c.Domains {
				s.Body = binary.AppendUvarint(s.Body, uint64(d))
			}
		}
	}
	for _, n := range counts {
		s.Body = append(s.Body, packedCounts)
		for _, n := range [...]uint32{n.Domain, uint32(s.Day - n.Last), uint32(n.Days), n.In, n.Out} {
			s.Body = binary.AppendUvarint(s.Body, uint64(n))
		}
	}
	return s
}

// cursor reads a segment; bad is set by what cannot be read, and then all is 0.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if c.bad || n > len(c.b) {
		c.bad = true
		return make([]byte, n)
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(c.b)
	if c.bad || n <= 0 || v > most {
		c.bad = true
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.b)
	if c.bad || n <= 0 {
		c.bad = true
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) key() uint64 { return binary.LittleEndian.Uint64(c.take(8)) }

// day reads how many days before the segment's an entry is.
func (c *cursor) day(of uint16) uint16 { return of - uint16(c.uvarint(uint64(of))) }

// Unpack puts a Segment into the tables, entries older than oldest left out, and
// hands the counts of domains over. A
// stored Segment is hostile input: what can be read before the fault is kept, and
// the error says that there is one.
func (t *Tables) Unpack(s Segment, oldest uint16, counts func(Counts)) error {
	if len(s.Body) == 0 || len(s.Body) > maxSegmentOctets || s.Body[0] != segmentVersion {
		return fmt.Errorf("%w: %d octets, version %d", ErrSegment, len(s.Body), firstOctet(s.Body))
	}
	c := cursor{b: s.Body[1:]}
	switch s.Kind {
	case Conversations:
		t.unpackConversations(&c, s.Day, oldest)
	case Correspondence:
		t.unpackCorrespondence(&c, s.Day, oldest, counts)
	default:
		return fmt.Errorf("%w: kind %d", ErrSegment, s.Kind)
	}
	if c.bad {
		return fmt.Errorf("%w: %d octets from its end", ErrSegment, len(c.b))
	}
	return nil
}

func firstOctet(b []byte) int {
	if len(b) == 0 {
		return -1
	}
	return int(b[0])
}

func (t *Tables) unpackConversations(c *cursor, day, oldest uint16) {
	last := uint64(0)
	var th Thread
	for {
		step := c.uvarint((MaxThread-last)<<1 | 1)
		if step == 0 || c.bad {
			break
		}
		last += step >> 1
		record := c.take(int(c.take(1)[0]))
		if step&1 == 0 || last == 0 || c.bad || th.Decode(record) != nil {
			c.bad = true
			break
		}
		if th.Last >= oldest {
			t.Threads.Set(uint32(last), record)
		}
		t.NextThread = max(t.NextThread, uint32(last)+1)
	}
	thread := int64(last)
	for len(c.b) > 0 && !c.bad {
		key := c.key()
		thread += c.varint()
		v := c.uvarint(uint64(day)<<2 | 3)
		if c.bad || thread <= 0 || thread > MaxThread {
			c.bad = true
			return
		}
		if d := day - uint16(v>>2); d >= oldest {
			t.IDs.Set(key, NewFiled(uint32(thread), uint8(v&3), d))
		}
	}
}

func (t *Tables) unpackCorrespondence(c *cursor, day, oldest uint16, counts func(Counts)) {
	for len(c.b) > 0 && !c.bad {
		switch c.take(1)[0] {
		case packedEdge:
			key := c.key()
			var e Edge
			e.Last = c.day(day)
			e.First = c.day(e.Last)
			e.In, e.Out = uint16(c.uvarint(1<<16-1)), uint16(c.uvarint(1<<16-1))
			if !c.bad && e.Last >= oldest {
				t.Edges.Set(key, e)
			}
		case packedName:
			key := c.key()
			var n Called
			n.Day = c.day(day)
			n.Mailbox = binary.LittleEndian.Uint16(c.take(2))
			for i := range n.Domains {
				n.Domains[i] = uint32(c.uvarint(MaxDomain))
			}
			if !c.bad && n.Day >= oldest {
				t.Names.Set(key, n)
			}
		case packedCounts:
			n := Counts{Domain: uint32(c.uvarint(MaxDomain)), Last: c.day(day)}
			n.Days, n.In, n.Out = uint16(c.uvarint(1<<16-1)), uint32(c.uvarint(1<<32-1)), uint32(c.uvarint(1<<32-1))
			if !c.bad {
				counts(n)
			}
		default:
			c.bad = true
		}
	}
}
