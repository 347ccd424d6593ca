// Package shelf finds names by the hashes of their letters: a Table those of an
// index that is built once, a Shelf a million that come and go. What the letters
// are, how they are folded and whether two names are alike is not known here.
//
// The hash is a polynomial modulo 2^64, with which that of any part of a key, and
// of a key with a letter less, more or changed, takes constant time. It is salted
// for each process. It only finds: whoever asks compares the letters.
package shelf

import "math/rand/v2"

// Kind keeps apart the keys that share one table.
type Kind uint64

// The kinds of keys.
const (
	FullKey    Kind = iota + 1 // a folded label; value: label
	ShortedKey                 // the same less one letter; value: label
	exactKey                   // a whole name as it is written; value: target
	endingKey                  // a folded suffix without dots
)

// multiplier of the polynomial hash: odd, so that no letter is lost; another
// one in each process, so that nobody can make names that meet in one place.
var multiplier = rand.Uint64() | 1

// MaxRunes bounds the letters that are hashed.
const MaxRunes = 128

// powers of the multiplier.
var powers = func() (p [MaxRunes + 1]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * multiplier
	}
	return p
}()

// Hashes gives the hash of every part of a key, and of every key with one
// letter less, in constant time each.
type Hashes []uint64

// Extended is the hash of a key with one letter more.
func Extended(h uint64, r rune) uint64 { return h*multiplier + uint64(r) + 1 }

// Hash prepares the hashes of all parts of a key of at most MaxRunes letters.
func Hash(runes []rune) Hashes {
	h := make(Hashes, len(runes)+1)
	for i, r := range runes {
		h[i+1] = Extended(h[i], r)
	}
	return h
}

// Part is the hash of runes[from:to].
func (h Hashes) Part(from, to int) uint64 { return h[to] - h[from]*powers[to-from] }

// Without is the hash of runes[from:to] less the rune at i.
func (h Hashes) Without(from, to, i int) uint64 {
	return h.Part(from, i)*powers[to-i-1] + h.Part(i+1, to)
}

// Joined is the hash of a key that consists of two: n letters stand in the tail.
func Joined(head, tail uint64, n int) uint64 { return head*powers[n] + tail }

// mixed spreads kind and hash over 64 bits: the finaliser of splitmix64.
func mixed(k Kind, h uint64) uint64 {
	h ^= uint64(k) << 60
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// tagOf is never 0.
func tagOf(k Kind, h uint64) uint32 { return max(1, uint32(mixed(k, h)>>32)) }

// MinShortened is the shortest key that is filed and asked for with a letter
// less: one letter of two says nothing.
const MinShortened = 3

// EachShorter calls yield with the hash of runes[from:to] less one letter and with
// that letter, for each whose loss makes a difference.
func EachShorter(runes []rune, h Hashes, from, to int, yield func(sum uint64, gone rune)) {
	if to-from < MinShortened {
		return
	}
	for i := from; i < to; i++ {
		if i == from || runes[i] != runes[i-1] {
			yield(h.Without(from, to, i), runes[i])
		}
	}
}
