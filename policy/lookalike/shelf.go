package lookalike

import (
	"math/bits"
)

// shelf is where the known names stand: their text in chunks, and a table of
// references by the hashes of their folded labels, before which stand two
// filters. One name of a million takes about 50 octets.
//
// A name stands under the plain key of its label and, when they differ, its
// other keys. It is not safe for concurrent use.
type shelf struct {
	slots   []uint64 // tag and reference; 0 free, else taken
	taken   int      // slots, those that were given up included
	empty   int      // slots that were given up
	full    filter   // of the keys in slots
	shorted filter   // of the plain keys less one letter
	chunks  [][]byte // records: length of the label, length of the name, the name
	names   int
}

// Sizes of a shelf.
const (
	leastSlots   = 1 << 10
	slotsPerLoad = 4 // slots, of which 3 may be taken
	takenPerLoad = slotsPerLoad - 1
	growth       = 5 // over 4: it grows by a quarter
	growthBase   = 4
	fullBits     = 12 // of the filters, for each slot: a name takes about
	shortedBits  = 40 // 1.6 slots, and has one shorter form for each letter
	chunkOctets  = 1 << 18
	maxChunks    = 1 << 13 // 2 GB: a reference has 31 bits
	recordHead   = 2       // octets before a name
	givenUp      = 1       // the slot of a name that was removed
	maxPerKey    = 16      // names under one key: a label with hundreds of suffixes is one thing to imitate
	maxKeys      = 5       // slots that one name takes
)

func newShelf(slots int) *shelf {
	slots = max(slots, leastSlots)
	return &shelf{
		slots:   make([]uint64, slots),
		full:    newFilter(slots * fullBits),
		shorted: newFilter(slots * shortedBits),
	}
}

// octets is what the shelf takes.
func (s *shelf) octets() int {
	return 8*(len(s.slots)+len(s.full)+len(s.shorted)) + len(s.chunks)*chunkOctets
}

// crowded reports that the shelf has no room for another name.
func (s *shelf) crowded() bool {
	return slotsPerLoad*(s.taken+maxKeys) > takenPerLoad*len(s.slots)
}

// text returns the label and the whole of a name.
func (s *shelf) text(ref int32) (label, whole []byte) {
	chunk := s.chunks[int(ref)/chunkOctets]
	at := int(ref) % chunkOctets
	whole = chunk[at+recordHead:][:chunk[at+1]]
	return whole[:chunk[at]], whole
}

// each yields the references under a hash. It is bounded by maxPerKey, besides
// chance.
func (s *shelf) each(k kind, h uint64, yield func(ref int32) bool) {
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

// find returns the reference of a name, by the plain key of its label.
func (s *shelf) find(plain uint64, whole string) (found int32, ok bool) {
	match := func(ref int32) bool {
		if _, text := s.text(ref); string(text) == whole {
			found, ok = ref, true
		}
		return !ok
	}
	if s.each(fullKey, plain, match); !ok {
		s.each(exactKey, exactHash(whole), match)
	}
	return found, ok
}

// findSuffix returns the reference of the name that consists of a label and a suffix.
func (s *shelf) findSuffix(plain uint64, label []byte, suffix string) (int32, bool) {
	var room [maxNameOctets + 1]byte
	whole := append(append(append(room[:0], label...), '.'), suffix...)
	return s.find(plain, string(whole))
}

func exactHash(whole string) (h uint64) {
	for i := range len(whole) {
		h = extended(h, rune(whole[i]))
	}
	return h
}

// put files a name that is not there. There has to be room for it.
func (s *shelf) put(keys []key, label int, whole string) bool {
	ref, ok := s.write(label, whole)
	if ok {
		s.file(ref, keys, whole[label+1:], whole)
	}
	return ok
}

// write appends the record of a name.
func (s *shelf) write(label int, whole string) (int32, bool) {
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
func (s *shelf) file(ref int32, keys []key, suffix, whole string) {
	plain := keys[0]
	if sum := plain.hash(); s.count(sum) < maxPerKey {
		s.enter(fullKey, sum, ref)
	} else {
		s.enter(exactKey, exactHash(whole), ref)
	}
	for _, k := range keys[1:] {
		if sum := k.hash(); s.count(sum) < maxPerKey {
			s.enter(fullKey, sum, ref)
		}
	}
	eachShorter(plain.runes, plain.sums, 0, len(plain.runes), func(sum uint64, gone rune) { s.shorted.addLetter(mixed(shortedKey, sum), gone) })
	if ending := endingHash(suffix); !s.ending(ending) {
		s.enter(endingKey, ending, ref)
	}
	s.names++
}

func (s *shelf) count(h uint64) (n int) {
	s.each(fullKey, h, func(int32) bool { n++; return true })
	return n
}

func (s *shelf) ending(h uint64) (ok bool) {
	if s.full.has(mixed(endingKey, h)) {
		s.each(endingKey, h, func(int32) bool { ok = true; return false })
	}
	return ok
}

func (s *shelf) enter(k kind, h uint64, ref int32) {
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

// remove gives up a name. Its suffix stays known until the shelf is renewed.
func (s *shelf) remove(ref int32, keys []key, whole string) {
	for _, k := range keys {
		s.leave(fullKey, k.hash(), ref)
	}
	s.leave(exactKey, exactHash(whole), ref)
	s.chunks[int(ref)/chunkOctets][int(ref)%chunkOctets] = 0 // the label of a dead record is empty
	s.names--
}

func (s *shelf) leave(k kind, h uint64, ref int32) {
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

// renewed returns a shelf with the same names and room for more. s is only read.
func (s *shelf) renewed() *shelf {
	next := newShelf((s.taken - s.empty) * slotsPerLoad / takenPerLoad * growth / growthBase)
	for c, chunk := range s.chunks {
		at := 0
		if c == 0 {
			at = recordHead
		}
		for at < len(chunk) {
			label, whole := int(chunk[at]), string(chunk[at+recordHead:][:chunk[at+1]])
			at += recordHead + len(whole)
			if label > 0 {
				next.put(keysOf(glyphsOf(unicodeLabel(whole[:label]))), label, whole)
			}
		}
	}
	return next
}

// filter tells what is certainly not in a set: a Bloom filter that looks at one
// word for each question.
type filter []uint64

func newFilter(sizeBits int) filter { return make(filter, sizeBits/64+1) }

// at picks a word by the upper half of a mixed hash and four of its bits by the
// lower half.
func (f filter) at(h uint64) (word, mask uint64) {
	word, _ = bits.Mul64(h, uint64(len(f)))
	return word, 1<<(h&63) | 1<<(h>>6&63) | 1<<(h>>12&63) | 1<<(h>>18&63)
}

func (f filter) add(h uint64) {
	word, mask := f.at(h)
	f[word] |= mask
}

// addLetter adds a key of which the letter gone was taken, and notes the letter.
func (f filter) addLetter(h uint64, gone rune) {
	word, mask, turn := f.letterAt(h)
	f[word] |= mask
	if gone >= 'a' && gone <= 'z' {
		f[word] |= bits.RotateLeft64(1<<(gone-'a'), turn)
	}
}

// letters returns the letters, from bit 0 on, that may have been taken to get a
// key. None if nothing gave that key.
func (f filter) letters(h uint64) uint64 {
	word, mask, turn := f.letterAt(h)
	if f[word]&mask != mask {
		return 0
	}
	return bits.RotateLeft64(f[word], -turn) & everyLetter
}

// everyLetter has a bit for each letter that ASCII labels consist of when they are
// folded: i and q are others.
const everyLetter = 1<<26 - 1 - 1<<('i'-'a') - 1<<('q'-'a')

func (f filter) letterAt(h uint64) (word, mask uint64, turn int) {
	word, _ = bits.Mul64(h, uint64(len(f)))
	return word, 1<<(h&63) | 1<<(h>>6&63), int(h >> 12 & 63)
}

func (f filter) has(h uint64) bool {
	word, mask := f.at(h)
	return f[word]&mask == mask
}
