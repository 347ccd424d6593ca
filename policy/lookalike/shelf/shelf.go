package shelf

// Shelf is where the known names stand: their text in chunks, and a table of
// references by the hashes of their folded labels, before which stand two
// filters. One name of a million takes about 50 octets.
//
// A name stands under the plain key of its label and, when they differ, its
// other keys. It is not safe for concurrent use.
type Shelf struct {
	slots   []uint64 // tag and reference; 0 free, else taken
	taken   int      // slots, those that were given up included
	empty   int      // slots that were given up
	full    filter   // of the keys in slots
	shorted filter   // of the plain keys less one letter
	chunks  [][]byte // records: length of the label, length of the name, the name
	names   int
}

// Name is what is filed of one name.
type Name struct {
	Whole  string
	Label  int      // octets of its label, which a dot follows
	Runes  []rune   // of the plain key of the label
	Sums   Hashes   // of these
	Others []uint64 // hashes of its other keys
	Ending uint64   // hash of its suffix
}

// Plain is the hash of the plain key.
func (n *Name) Plain() uint64 { return n.Sums[len(n.Runes)] }

// Sizes of a shelf.
const (
	leastSlots   = 1 << 10
	slotsPerLoad = 4 // slots, of which 3 may be taken
	takenPerLoad = slotsPerLoad - 1
	growth       = 5 // over 4: it grows by a quarter
	growthBase   = 4
	fullBits     = 12 // of the filters, for each slot: a name takes about
	shortedBits  = 56 // 1.6 slots, and has one shorter form for each letter
	chunkOctets  = 1 << 18
	maxChunks    = 1 << 13 // 2 GB: a reference has 31 bits
	recordHead   = 2       // octets before a name
	givenUp      = 1       // the slot of a name that was removed
	maxKeys      = 5       // slots that one name takes
)

// MaxPerKey bounds the names under one key: a label with hundreds of suffixes is one
// thing to imitate.
const MaxPerKey = 16

// maxOctets bounds a name, RFC 1035, Section 2.3.4.
const maxOctets = 253

// New returns an empty shelf.
func New() *Shelf { return sized(leastSlots) }

func sized(slots int) *Shelf {
	slots = max(slots, leastSlots)
	return &Shelf{
		slots:   make([]uint64, slots),
		full:    newFilter(slots * fullBits),
		shorted: newFilter(slots * shortedBits),
	}
}

// Octets is what the shelf takes.
func (s *Shelf) Octets() int {
	return 8*(len(s.slots)+len(s.full)+len(s.shorted)) + len(s.chunks)*chunkOctets
}

// Crowded reports that the shelf has no room for another name.
func (s *Shelf) Crowded() bool {
	return slotsPerLoad*(s.taken+maxKeys) > takenPerLoad*len(s.slots)
}

// Text returns the label and the whole of a name.
func (s *Shelf) Text(ref int32) (label, whole []byte) {
	chunk := s.chunks[int(ref)/chunkOctets]
	at := int(ref) % chunkOctets
	whole = chunk[at+recordHead:][:chunk[at+1]]
	return whole[:chunk[at]], whole
}

// Each yields the references under a hash. It is bounded by MaxPerKey, besides
// chance.
func (s *Shelf) Each(k Kind, h uint64, yield func(ref int32) bool) {
	tag := tagOf(k, h)
	n := uint64(len(s.slots))
	for i := uint64(tag) * n >> 32; s.slots[i] != 0; {
		if slot := s.slots[i]; uint32(slot>>32) == tag && !yield(int32(uint32(slot))) {
			return
		}
		if i++; i == n {
			i = 0
		}
	}
}

// Find returns the reference of a name, by the plain key of its label.
func (s *Shelf) Find(plain uint64, whole string) (found int32, ok bool) {
	match := func(ref int32) bool {
		if _, text := s.Text(ref); string(text) == whole {
			found, ok = ref, true
		}
		return !ok
	}
	if s.Each(FullKey, plain, match); !ok {
		s.Each(exactKey, exactHash(whole), match)
	}
	return found, ok
}

// FindSuffix returns the reference of the name that consists of a label and a suffix.
func (s *Shelf) FindSuffix(plain uint64, label []byte, suffix string) (int32, bool) {
	var room [maxOctets + 1]byte
	whole := append(append(append(room[:0], label...), '.'), suffix...)
	return s.Find(plain, string(whole))
}

func exactHash(whole string) (h uint64) {
	for i := range len(whole) {
		h = Extended(h, rune(whole[i]))
	}
	return h
}

// Put files a name that is not there. There has to be room for it. It reports
// false when two gigabytes of names are full.
func (s *Shelf) Put(n *Name) bool {
	ref, ok := s.write(n.Label, n.Whole)
	if ok {
		s.file(ref, n)
	}
	return ok
}

// write appends the record of a name.
func (s *Shelf) write(label int, whole string) (int32, bool) {
	last := len(s.chunks) - 1
	if last < 0 || len(s.chunks[last])+recordHead+len(whole) > chunkOctets {
		if len(s.chunks) == maxChunks {
			return 0, false
		}
		chunk := make([]byte, 0, chunkOctets)
		if last < 0 {
			chunk = append(chunk, 0, 0) // no reference is givenUp or less
		}
		s.chunks = append(s.chunks, chunk)
		last++
	}
	ref := int32(last*chunkOctets + len(s.chunks[last]))
	s.chunks[last] = append(append(s.chunks[last], byte(label), byte(len(whole))), whole...)
	return ref, true
}

// file enters the references of a record.
func (s *Shelf) file(ref int32, n *Name) {
	if sum := n.Plain(); s.count(sum) < MaxPerKey {
		s.enter(FullKey, sum, ref)
	} else {
		s.enter(exactKey, exactHash(n.Whole), ref)
	}
	for _, sum := range n.Others {
		if s.count(sum) < MaxPerKey {
			s.enter(FullKey, sum, ref)
		}
	}
	EachShorter(n.Runes, n.Sums, 0, len(n.Runes), func(sum uint64, gone rune) { s.shorted.addLetter(mixed(ShortedKey, sum), gone) })
	if !s.Ending(n.Ending) {
		s.enter(endingKey, n.Ending, ref)
	}
	s.names++
}

// Has reports whether a name may stand under the hash of a key: what it denies is
// not there.
func (s *Shelf) Has(sum uint64) bool { return s.full.has(mixed(FullKey, sum)) }

// Letters returns the letters, a being bit 0, that may have been taken from the
// plain key of a name to get the hash; 0 if none.
func (s *Shelf) Letters(shorter uint64) uint64 { return s.shorted.letters(mixed(ShortedKey, shorter)) }

// Len is the number of names.
func (s *Shelf) Len() int { return s.names }

func (s *Shelf) count(h uint64) (n int) {
	s.Each(FullKey, h, func(int32) bool { n++; return true })
	return n
}

// Ending reports whether a name has, or had, a suffix of this hash.
func (s *Shelf) Ending(h uint64) (ok bool) {
	if s.full.has(mixed(endingKey, h)) {
		s.Each(endingKey, h, func(int32) bool { ok = true; return false })
	}
	return ok
}

func (s *Shelf) enter(k Kind, h uint64, ref int32) {
	n := uint64(len(s.slots))
	tag := tagOf(k, h)
	i := uint64(tag) * n >> 32
	for s.slots[i] != 0 {
		if i++; i == n {
			i = 0
		}
	}
	s.slots[i] = uint64(tag)<<32 | uint64(uint32(ref))
	s.taken++
	s.full.add(mixed(k, h))
}

// Remove gives up a name. Its suffix stays known until the shelf is renewed.
func (s *Shelf) Remove(ref int32, n *Name) {
	s.leave(FullKey, n.Plain(), ref)
	for _, sum := range n.Others {
		s.leave(FullKey, sum, ref)
	}
	s.leave(exactKey, exactHash(n.Whole), ref)
	s.chunks[int(ref)/chunkOctets][int(ref)%chunkOctets] = 0 // the label of a dead record is empty
	s.names--
}

func (s *Shelf) leave(k Kind, h uint64, ref int32) {
	tag := tagOf(k, h)
	n := uint64(len(s.slots))
	for i := uint64(tag) * n >> 32; s.slots[i] != 0; {
		if s.slots[i] == uint64(tag)<<32|uint64(uint32(ref)) {
			s.slots[i] = givenUp
			s.empty++
		}
		if i++; i == n {
			i = 0
		}
	}
}

// Renewed returns a shelf with the same names and room for more; name gives what is
// filed of a name whose label has so many octets. s is only read.
func (s *Shelf) Renewed(name func(whole string, label int) Name) *Shelf {
	next := sized((s.taken - s.empty) * slotsPerLoad / takenPerLoad * growth / growthBase)
	for c, chunk := range s.chunks {
		at := 0
		if c == 0 {
			at = recordHead
		}
		for at < len(chunk) {
			label, whole := int(chunk[at]), string(chunk[at+recordHead:][:chunk[at+1]])
			at += recordHead + len(whole)
			if label > 0 {
				n := name(whole, label)
				next.Put(&n)
			}
		}
	}
	return next
}
