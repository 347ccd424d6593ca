package shelf

import "math/bits"

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
