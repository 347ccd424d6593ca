package table

import (
	"encoding/binary"
	"errors"
)

// Limits of one conversation.
const (
	MaxMembers  = 32
	MaxAccounts = 4
	// MaxDomain is the largest number of a domain.
	MaxDomain = 1<<28 - 1
)

// accountOctets is what is kept of the HMAC of an account.
const accountOctets = 6

// ErrRecord says that octets are not what Append of a Thread writes.
var ErrRecord = errors.New("table: not a thread record")

// Thread is one conversation. Days are counted from 1970-01-01.
type Thread struct {
	First, Last uint16
	Messages    uint32
	Class       uint8 // of who keeps it alive, see the room above; at most 3

	members  [MaxMembers]uint32 // domain number<<1, +1 for one that wrote
	accounts [MaxAccounts]uint64
	n, a     int
}

// Len is the number of members.
func (t *Thread) Len() int { return t.n }

// Member returns the i-th member and whether it wrote.
func (t *Thread) Member(i int) (domain uint32, wrote bool) {
	return t.members[i] >> 1, t.members[i]&1 == 1
}

// Find reports whether a domain is a member, and whether it wrote.
func (t *Thread) Find(domain uint32) (member, wrote bool) {
	for _, m := range t.members[:t.n] {
		if m>>1 == domain {
			return true, m&1 == 1
		}
	}
	return false, false
}

// Add makes a domain a member, or one that wrote, and reports whether that
// changed anything. There are at most MaxMembers: the first ones stay.
func (t *Thread) Add(domain uint32, wrote bool) bool {
	flag := uint32(0)
	if wrote {
		flag = 1
	}
	for i, m := range t.members[:t.n] {
		if m>>1 == domain {
			t.members[i] |= flag
			return t.members[i] != m
		}
	}
	if t.n == MaxMembers || domain > MaxDomain {
		return false
	}
	t.members[t.n] = domain<<1 | flag
	t.n++
	return true
}

// Accounts are the HMACs of the accounts seen in it, 48 bits each.
func (t *Thread) Accounts() []uint64 { return t.accounts[:t.a] }

// AddAccount adds one, and reports whether that changed anything. The first
// MaxAccounts stay.
func (t *Thread) AddAccount(hash uint64) bool {
	hash &= 1<<(8*accountOctets) - 1
	for _, h := range t.accounts[:t.a] {
		if h == hash {
			return false
		}
	}
	if t.a == MaxAccounts {
		return false
	}
	t.accounts[t.a] = hash
	t.a++
	return true
}

// Append appends the record, of at most MaxRecord octets.
func (t *Thread) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, t.First)
	b = binary.LittleEndian.AppendUint16(b, t.Last)
	b = binary.AppendUvarint(b, uint64(t.Messages)<<2|uint64(t.Class&3))
	b = append(b, byte(t.n*(MaxAccounts+1)+t.a))
	for _, m := range t.members[:t.n] {
		b = binary.AppendUvarint(b, uint64(m))
	}
	for _, h := range t.accounts[:t.a] {
		for i := range accountOctets {
			b = append(b, byte(h>>(8*i)))
		}
	}
	return b
}

// Head reads what eviction asks of a record: the last day and the class.
func Head(b []byte) (last uint16, class uint8) {
	if len(b) < 5 {
		return 0, 0
	}
	return binary.LittleEndian.Uint16(b[2:]), b[4] & 3
}

// SetDays brings the days of a record back to most.
func SetDays(b []byte, most uint16) {
	if len(b) >= 4 {
		binary.LittleEndian.PutUint16(b, min(binary.LittleEndian.Uint16(b), most))
		binary.LittleEndian.PutUint16(b[2:], min(binary.LittleEndian.Uint16(b[2:]), most))
	}
}

// Decode reads a record that Append wrote, all of b. Anything else is ErrRecord.
func (t *Thread) Decode(b []byte) error {
	t.n, t.a = 0, 0
	if len(b) < 6 {
		return ErrRecord
	}
	t.First, t.Last = binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])
	count, k := binary.Uvarint(b[4:])
	if k <= 0 || count>>2 > 1<<32-1 || 4+k >= len(b) {
		return ErrRecord
	}
	t.Messages, t.Class = uint32(count>>2), uint8(count&3)
	b = b[4+k:]
	n, a := int(b[0])/(MaxAccounts+1), int(b[0])%(MaxAccounts+1)
	if n > MaxMembers {
		return ErrRecord
	}
	b = b[1:]
	for i := range n {
		m, k := binary.Uvarint(b)
		if k <= 0 || m > MaxDomain<<1|1 {
			return ErrRecord
		}
		t.members[i] = uint32(m)
		b = b[k:]
	}
	if len(b) != a*accountOctets {
		return ErrRecord
	}
	for i := range a {
		t.accounts[i] = 0
		for j := range accountOctets {
			t.accounts[i] |= uint64(b[i*accountOctets+j]) << (8 * j)
		}
	}
	t.n, t.a = n, a
	return nil
}
