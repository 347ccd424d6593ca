package table

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// MaxThread is the largest number of a thread.
const MaxThread = 1<<30 - 1

// Filed is where a message id belongs: thread<<2|class and the day on which it
// was last seen, in 6 octets.
type Filed [6]byte

// NewFiled joins the three.
func NewFiled(thread uint32, class uint8, day uint16) (f Filed) {
	binary.LittleEndian.PutUint32(f[:], thread<<2|uint32(class))
	binary.LittleEndian.PutUint16(f[4:], day)
	return f
}

// Thread, Class and Day are what was joined.
func (f Filed) Thread() uint32 { return binary.LittleEndian.Uint32(f[:]) >> 2 }
func (f Filed) Class() uint8   { return f[0] & 3 }
func (f Filed) Day() uint16    { return binary.LittleEndian.Uint16(f[4:]) }

// Edge is the correspondence of one mailbox with one domain: days, and messages
// in either direction. Counts stay at their largest value.
type Edge struct{ First, Last, In, Out uint16 }

// EdgeKey joins mailbox and domain: one HMAC for each recipient of a message, not
// one for each pair, and all edges of a mailbox can be found. 36 bits keep 10,000
// mailboxes apart but for one chance in 1,400.
func EdgeKey(mailbox uint64, domain uint32) uint64 { return mailbox>>28<<28 | uint64(domain) }

// EdgeDomain is the domain of an edge; EdgeOf reports whether it is one of a
// mailbox.
func EdgeDomain(key uint64) uint32           { return uint32(key & MaxDomain) }
func EdgeOf(key uint64, mailbox uint64) bool { return key>>28 == mailbox>>28 }

// MaxNamed is how many domains are kept for a name.
const MaxNamed = 4

// Called is a display name as one mailbox knows it: the domains whose mail bore
// it, first comers first.
type Called struct {
	Domains [MaxNamed]uint32
	Day     uint16
	Mailbox uint16 // part of its hash, to forget by
}

// NameKey joins the hashes of a name and a mailbox.
func NameKey(name, mailbox uint64) uint64 {
	return (name ^ bits.RotateLeft64(mailbox, 32)) * 0x9e3779b97f4a7c15
}

// Without takes a domain out, and reports whether others are left.
func (c *Called) Without(id uint32) bool {
	left := slices.DeleteFunc(c.Domains[:], func(d uint32) bool { return d == id || d == 0 })
	return len(left) > 0
}

// Counts are what changes of a domain with each message.
type Counts struct {
	Domain     uint32
	Last, Days uint16
	In, Out    uint32
}

// Tables are all that is remembered but the domains.
type Tables struct {
	IDs        Map[Filed]
	Threads    Slab
	Edges      Map[Edge]
	Names      Map[Called]
	NextThread uint32 // larger than any in Threads
}

// Bytes is about what they take.
func (t *Tables) Bytes() int {
	return t.IDs.Bytes() + t.Threads.Bytes() + t.Edges.Bytes() + t.Names.Bytes()
}

// Thread reads a conversation; false if there is none of that number.
func (t *Tables) Thread(number uint32, to *Thread) bool {
	record := t.Threads.Get(number)
	return record != nil && to.Decode(record) == nil
}
