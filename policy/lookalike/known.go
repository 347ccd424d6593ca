package lookalike

import (
	"math/bits"
	"sync"

	"mxgate/policy/mail"
)

// Known is a live index of registrable domains, made for a million of them: all
// with whom a site ever corresponded. It is safe for concurrent use; an insertion
// lets readers wait for a microsecond, not while the index grows.
//
// Neighbours are found from the name that is asked for: of all names one letter
// away, a filter leaves those that may be known. A second filter, of known names
// less one letter, says at which places of the name and for which letters it is
// worth asking at all. LOOKALIKE 3.4 asks for all letters at all places: about 650
// questions, where these are 50.
type Known struct {
	writing sync.Mutex   // one writer at a time
	reading sync.RWMutex // held by a writer while names change
	shelf   *shelf
}

// maxComparedKnown bounds the labels aligned. Short names have hundreds of
// neighbours among a million, and the more there are the less one means.
const maxComparedKnown = 12

// maxAsked bounds the keys that pass the filters and are looked up in one search
// for neighbours, for the same reason.
const maxAsked = 24

// NewKnown returns an empty index.
func NewKnown() *Known { return &Known{shelf: newShelf(leastSlots)} }

// Insert adds a registrable domain. It reports false if d is there already or is
// none (Registrable gives it), or two gigabytes of names are full.
func (k *Known) Insert(d mail.Domain) bool {
	n, ok := parseRegistrable(d)
	if !ok {
		return false
	}
	keys := keysOf(n.glyphs)
	k.writing.Lock()
	defer k.writing.Unlock()
	if _, there := k.shelf.find(keys[0].hash(), n.registrable); there {
		return false
	}
	if k.shelf.crowded() {
		next := k.shelf.renewed()
		k.reading.Lock()
		k.shelf = next
		k.reading.Unlock()
	}
	k.reading.Lock()
	defer k.reading.Unlock()
	return k.shelf.put(keys, len(n.registrable)-len(n.suffix)-1, n.registrable)
}

// Remove takes a registrable domain out. It reports false if it was not there.
func (k *Known) Remove(d mail.Domain) bool {
	n, ok := parseRegistrable(d)
	if !ok {
		return false
	}
	keys := keysOf(n.glyphs)
	k.writing.Lock()
	defer k.writing.Unlock()
	ref, ok := k.shelf.find(keys[0].hash(), n.registrable)
	if ok {
		k.reading.Lock()
		defer k.reading.Unlock()
		k.shelf.remove(ref, keys, n.registrable)
	}
	return ok
}

// Contains reports whether d, a registrable domain, is there.
func (k *Known) Contains(d mail.Domain) bool {
	n, ok := parseRegistrable(d)
	if !ok {
		return false
	}
	keys := keysOf(n.glyphs)
	k.reading.RLock()
	defer k.reading.RUnlock()
	_, ok = k.shelf.find(keys[0].hash(), n.registrable)
	return ok
}

// Len is the number of domains.
func (k *Known) Len() int {
	k.reading.RLock()
	defer k.reading.RUnlock()
	return k.shelf.names
}

// Bytes is the memory that the index takes, in octets.
func (k *Known) Bytes() int {
	k.reading.RLock()
	defer k.reading.RUnlock()
	return k.shelf.octets()
}

// Near returns the known domains that d resembles, best first, at most
// maxMatches. d may be any domain, and known itself: it does not resemble itself.
//
// All of them have the tier Site, and none acts alone. Found are the forms that an
// Index finds, but of words around a brand only those that fraud adds.
func (k *Known) Near(d mail.Domain) []Match {
	n, ok := parse(d)
	if !ok {
		return nil
	}
	k.reading.RLock()
	defer k.reading.RUnlock()
	return look(&hunt{shelf: k.shelf, name: &n}, n, maxComparedKnown)
}

func parseRegistrable(d mail.Domain) (name, bool) {
	n, ok := parse(d)
	return n, ok && n.registrable == string(d)
}

// hunt is one search among the known domains. Its numbers of labels and of targets
// are references.
type hunt struct {
	*shelf
	name  *name
	last  *label // the label last asked for
	of    int32
	rest  []int32 // one letter away, below other suffixes
	asked int
}

// editedAlone are the letters of a label up to which a typed edit below another suffix
// is too little to record.
const editedAlone = 5

func (h *hunt) equal(sum uint64, yield func(int32) bool) {
	h.asked = 0
	h.ask(sum, false, yield)
}

// ask yields one name for each label of the hash: that with the suffix of the
// name asked for if there is one, else the first unless alike is asked for. It
// reports whether to go on.
func (h *hunt) ask(sum uint64, alike bool, yield func(int32) bool) bool {
	if !h.full.has(mixed(fullKey, sum)) {
		return true
	}
	if h.asked++; h.asked > maxAsked {
		return false
	}
	var refs [maxPerKey]int32
	var labels [maxPerKey][]byte
	n, seen := 0, 0
	h.each(fullKey, sum, func(ref int32) bool {
		label, whole := h.text(ref)
		same := string(whole[len(label)+1:]) == h.name.suffix
		if seen++; alike && !same || same && string(whole) == h.name.registrable {
			return seen < maxPerKey
		}
		i := 0
		for i < n && string(labels[i]) != string(label) {
			i++
		}
		if i == n || same {
			refs[i], labels[i] = ref, label
			n = max(n, i+1)
		}
		return seen < maxPerKey
	})
	for i, ref := range refs[:n] {
		if seen == maxPerKey { // there may be more of this label
			if same, ok := h.findSuffix(sum, labels[i], h.name.suffix); ok {
				ref = same
			}
		}
		if !yield(ref) {
			return false
		}
	}
	return true
}

// near asks for the names that are one letter away from the plain key; for other
// keys only for equal ones.
func (h *hunt) near(k key, from, to int, yield func(int32) bool) {
	h.asked = 0
	whole, alike := k.sums.part(from, to), to-from <= editedAlone
	more := h.ask(whole, false, yield)
	if !k.plain || to-from < minShortened-1 {
		return
	}
	last := yield
	yield = func(ref int32) bool { // those with the same suffix first: the others count for less
		if label, whole := h.text(ref); string(whole[len(label)+1:]) == h.name.suffix {
			return last(ref)
		}
		if len(h.rest) < maxComparedKnown {
			h.rest = append(h.rest, ref)
		}
		return true
	}
	h.rest = h.rest[:0]
	eachShorter(k.runes, k.sums, from, to, func(sum uint64, _ rune) { more = more && h.ask(sum, alike, yield) })
	for i := from; more && i+1 < to; i++ { // two letters swapped
		if a, b := k.runes[i], k.runes[i+1]; a != b {
			more = h.ask(extended(extended(k.sums.part(from, i), b), a)*powers[to-i-2]+k.sums.part(i+2, to), alike, yield)
		}
	}
	for i := from; more && i < to; i++ { // another letter instead
		if letters := h.shorted.letters(mixed(shortedKey, k.sums.without(from, to, i))); letters != 0 {
			more = h.between(k.sums.part(from, i), k.sums.part(i+1, to), to-i-1, letters, alike, yield)
		}
	}
	if letters := h.shorted.letters(mixed(shortedKey, whole)); letters != 0 {
		for i := from; more && i <= to; i++ { // a letter more
			more = h.between(k.sums.part(from, i), k.sums.part(i, to), to-i, letters, alike, yield)
		}
	}
	for i := 0; more && i < len(h.rest); i++ {
		more = last(h.rest[i])
	}
}

// between asks for each of the letters between a head and a tail of n letters.
func (h *hunt) between(head, tail uint64, n int, letters uint64, alike bool, yield func(int32) bool) bool {
	for ; letters != 0; letters &= letters - 1 {
		r := 'a' + rune(bits.TrailingZeros64(letters))
		if !h.ask(extended(head, r)*powers[n]+tail, alike, yield) {
			return false
		}
	}
	return true
}

func (h *hunt) spelled(id int32, sum, ending uint64) (found int32, ok bool) {
	label, _ := h.text(id)
	h.each(fullKey, sum, func(ref int32) bool {
		l, whole := h.text(ref)
		ok = string(l) == string(label) && endingHash(string(whole[len(l)+1:])) == ending
		found = ref
		return !ok
	})
	return found, ok
}

func (h *hunt) label(id int32) *label {
	if h.of != id {
		text, _ := h.text(id)
		h.of, h.last = id, &label{glyphs: glyphsOf(unicodeLabel(string(text)))}
	}
	return h.last
}

func (h *hunt) addressed(id int32, _ string) []int32 { return []int32{id} }

func (h *hunt) target(id int32) target {
	label, whole := h.text(id)
	text := string(whole)
	return target{Target{mail.Domain(text), Site}, id, text[len(label)+1:]}
}

func (h *hunt) brands() (least, most int, anywhere bool) { return minBrandKnown, maxKeyRunes, false }
