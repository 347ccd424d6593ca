package lookalike

import (
	"iter"
	"math/rand/v2"
)

// kind keeps apart the keys that share one table.
type kind uint64

const (
	fullKey    kind = iota + 1 // a folded label; value: label
	shortedKey                 // the same less one letter; value: label
	exactKey                   // a whole name as it is written; value: target
	endingKey                  // a folded suffix without dots
)

// multiplier of the polynomial hash: odd, so that no letter is lost; another
// one in each process, so that nobody can make names that meet in one place.
var multiplier = rand.Uint64() | 1

// maxKeyRunes bounds a key: a wide key doubles a label.
const maxKeyRunes = 2*maxGlyphs + 2

// powers of the multiplier.
var powers = func() (p [maxKeyRunes + 1]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * multiplier
	}
	return p
}()

// hashes gives the hash of every part of a key, and of every key with one
// letter less, in constant time each.
type hashes []uint64

// extended is the hash of a key with one letter more.
func extended(h uint64, r rune) uint64 { return h*multiplier + uint64(r) + 1 }

func hashKey(runes []rune) hashes {
	h := make(hashes, len(runes)+1)
	for i, r := range runes {
		h[i+1] = extended(h[i], r)
	}
	return h
}

// part is the hash of runes[from:to].
func (h hashes) part(from, to int) uint64 { return h[to] - h[from]*powers[to-from] }

// without is the hash of runes[from:to] less the rune at i.
func (h hashes) without(from, to, i int) uint64 {
	return h.part(from, i)*powers[to-i-1] + h.part(i+1, to)
}

// table maps hashes to values by open addressing. Several values may stand
// under one hash, and 32 bits of hash decide: a hit is checked by comparison.
type table struct {
	slots []slot
	used  int
}

type slot struct {
	tag   uint32 // 0: free
	value int32
}

// mixed spreads kind and hash over 64 bits: the finaliser of splitmix64.
func mixed(k kind, h uint64) uint64 {
	h ^= uint64(k) << 60
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// tagOf is never 0.
func tagOf(k kind, h uint64) uint32 { return max(1, uint32(mixed(k, h)>>32)) }

// add stores value unless it stands there already.
func (t *table) add(k kind, h uint64, value int32) {
	for v := range t.all(k, h) {
		if v == value {
			return
		}
	}
	if 3*(t.used+1) > 2*len(t.slots) {
		t.grow()
	}
	t.put(slot{tagOf(k, h), value})
	t.used++
}

func (t *table) put(s slot) {
	mask := uint32(len(t.slots) - 1)
	i := s.tag & mask
	for t.slots[i].tag != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = s
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]slot, max(64, 2*len(old)))
	for _, s := range old {
		if s.tag != 0 {
			t.put(s)
		}
	}
}

// all yields the values under a hash.
func (t *table) all(k kind, h uint64) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		if len(t.slots) == 0 {
			return
		}
		tag, mask := tagOf(k, h), uint32(len(t.slots)-1)
		for i := tag & mask; t.slots[i].tag != 0; i = (i + 1) & mask {
			if t.slots[i].tag == tag && !yield(t.slots[i].value) {
				return
			}
		}
	}
}
