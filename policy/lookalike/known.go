package lookalike

import (
	"bytes"
	"math/bits"
	"sync"

	"mxgate/policy/lookalike/shelf"
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
	shelf   *shelf.Shelf
}

// maxComparedKnown bounds the labels aligned. Short names have hundreds of
// neighbours among a million, and the more there are the less one means.
const maxComparedKnown = 12

// maxAsked bounds the keys that pass the filters and are looked up in one search
// for neighbours, for the same reason.
const maxAsked = 24

// NewKnown returns an empty index.
func NewKnown() *Known { return &Known{shelf: shelf.New()} }

// Insert adds a registrable domain. It reports false if d is there already or is
// none (Registrable gives it), or two gigabytes of names are full.
func (k *Known) Insert(d mail.Domain) bool {
	n, ok := parseRegistrable(d)
	if !ok {
		return false
	}
	filed := nameOf(n.registrable, len(n.registrable)-len(n.suffix)-1)
	k.writing.Lock()
	defer k.writing.Unlock()
	if _, there := k.shelf.Find(filed.Plain(), n.registrable); there {
		return false
	}
	if k.shelf.Crowded() {
		next := k.shelf.Renewed(nameOf)
		k.reading.Lock()
		k.shelf = next
		k.reading.Unlock()
	}
	k.reading.Lock()
	defer k.reading.Unlock()
	return k.shelf.Put(&filed)
}

// Remove takes a registrable domain out. It reports false if it was not there.
func (k *Known) Remove(d mail.Domain) bool {
	n, ok := parseRegistrable(d)
	if !ok {
		return false
	}
	filed := nameOf(n.registrable, len(n.registrable)-len(n.suffix)-1)
	k.writing.Lock()
	defer k.writing.Unlock()
	ref, ok := k.shelf.Find(filed.Plain(), n.registrable)
	if ok {
		k.reading.Lock()
		defer k.reading.Unlock()
		k.shelf.Remove(ref, &filed)
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
	_, ok = k.shelf.Find(keys[0].hash(), n.registrable)
	return ok
}

// Len is the number of domains.
func (k *Known) Len() int {
	k.reading.RLock()
	defer k.reading.RUnlock()
	return k.shelf.Len()
}

// Bytes is the memory that the index takes, in octets.
func (k *Known) Bytes() int {
	k.reading.RLock()
	defer k.reading.RUnlock()
	return k.shelf.Octets()
}

// Near returns the known domains that d resembles, best first, at most
// maxMatches. d may be any domain, all of whose labels count, and known itself: it does not
// resemble itself.
//
// All of them have the tier Site, and none acts alone. Found are the forms that an
// Index finds, but of words around a brand only those that fraud adds.
func (k *Known) Near(d mail.Domain) (matches []Match) {
	k.hunt(d, func(h *hunt) { matches = look(h, h.name, maxComparedKnown) })
	return matches
}

// hunt does one search among the known domains for d, if that is a domain.
func (k *Known) hunt(d mail.Domain, search func(*hunt)) {
	n, ok := parse(d)
	if !ok {
		return
	}
	h := hunts.Get().(*hunt)
	defer hunts.Put(h)
	k.reading.RLock()
	defer k.reading.RUnlock()
	h.Shelf, h.name = k.shelf, n
	h.labels, h.glyphs, h.rest = h.labels[:0], h.glyphs[:0], h.rest[:0]
	search(h)
	h.Shelf, h.name = nil, name{}
}

func parseRegistrable(d mail.Domain) (name, bool) {
	n, ok := parse(d)
	return n, ok && n.registrable == string(d)
}

// nameOf is what is filed of a name whose label has so many octets.
func nameOf(whole string, label int) shelf.Name {
	keys := keysOf(glyphsOf(unicodeLabel(whole[:label])))
	n := shelf.Name{Whole: whole, Label: label, Runes: keys[0].runes, Sums: keys[0].sums, Ending: endingHash(whole[label+1:])}
	for _, k := range keys[1:] {
		n.Others = append(n.Others, k.hash())
	}
	return n
}

// hunt is one search among the known domains. Its numbers of labels and of targets
// are references.
type hunt struct {
	*shelf.Shelf
	name   name
	labels []huntedLabel // that were asked for
	glyphs []glyph       // of all of them
	rest   []int32       // one letter away, below other suffixes
	asked  int
}

// huntedLabel is the label of a reference.
type huntedLabel struct {
	ref int32
	label
}

// hunts are used again, as checks are.
var hunts = sync.Pool{New: func() any { return new(hunt) }}

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
	if !h.Has(sum) {
		return true
	}
	if h.asked++; h.asked > maxAsked {
		return false
	}
	var refs [shelf.MaxPerKey]int32
	var labels [shelf.MaxPerKey][]byte
	n, seen := 0, 0
	h.Each(shelf.FullKey, sum, func(ref int32) bool {
		label, whole := h.Text(ref)
		same := string(whole[len(label)+1:]) == h.name.suffix
		if seen++; alike && !same || same && string(whole) == h.name.registrable {
			return seen < shelf.MaxPerKey
		}
		i := 0
		for i < n && string(labels[i]) != string(label) {
			i++
		}
		if i == n || same {
			refs[i], labels[i] = ref, label
			n = max(n, i+1)
		}
		return seen < shelf.MaxPerKey
	})
	for i, ref := range refs[:n] {
		if seen == shelf.MaxPerKey { // there may be more of this label
			if same, ok := h.FindSuffix(sum, labels[i], h.name.suffix); ok {
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
	whole, alike := k.sums.Part(from, to), to-from <= editedAlone
	more := h.ask(whole, false, yield)
	if !k.plain || to-from < shelf.MinShortened-1 {
		return
	}
	last := yield
	yield = func(ref int32) bool { // those with the same suffix first: the others count for less
		if label, whole := h.Text(ref); string(whole[len(label)+1:]) == h.name.suffix {
			return last(ref)
		}
		if len(h.rest) < maxComparedKnown {
			h.rest = append(h.rest, ref)
		}
		return true
	}
	h.rest = h.rest[:0]
	shelf.EachShorter(k.runes, k.sums, from, to, func(sum uint64, _ rune) { more = more && h.ask(sum, alike, yield) })
	for i := from; more && i+1 < to; i++ { // two letters swapped
		if a, b := k.runes[i], k.runes[i+1]; a != b {
			more = h.ask(shelf.Joined(shelf.Extended(shelf.Extended(k.sums.Part(from, i), b), a), k.sums.Part(i+2, to), to-i-2), alike, yield)
		}
	}
	for i := from; more && i < to; i++ { // another letter instead
		if letters := h.Letters(k.sums.Without(from, to, i)); letters != 0 {
			more = h.between(k.sums.Part(from, i), k.sums.Part(i+1, to), to-i-1, letters, alike, yield)
		}
	}
	if letters := h.Letters(whole); letters != 0 {
		for i := from; more && i <= to; i++ { // a letter more
			more = h.between(k.sums.Part(from, i), k.sums.Part(i, to), to-i, letters, alike, yield)
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
		if !h.ask(shelf.Joined(shelf.Extended(head, r), tail, n), alike, yield) {
			return false
		}
	}
	return true
}

func (h *hunt) ending(sum uint64) bool { return h.Ending(sum) }

func (h *hunt) spelled(id int32, sum, ending uint64) (found int32, ok bool) {
	label, _ := h.Text(id)
	h.Each(shelf.FullKey, sum, func(ref int32) bool {
		l, whole := h.Text(ref)
		ok = string(l) == string(label) && endingHash(string(whole[len(l)+1:])) == ending
		found = ref
		return !ok
	})
	return found, ok
}

// label keeps what it returned as long as the search lasts.
func (h *hunt) label(id int32) *label {
	for i := range h.labels {
		if h.labels[i].ref == id {
			return &h.labels[i].label
		}
	}
	text, _ := h.Text(id)
	from := len(h.glyphs)
	if bytes.HasPrefix(text, []byte("xn--")) {
		h.glyphs = append(h.glyphs, glyphsOf(unicodeLabel(string(text)))...)
	} else {
		for _, c := range text {
			h.glyphs = append(h.glyphs, glyph{rune(c), rune(c)})
		}
	}
	h.labels = append(h.labels, huntedLabel{id, label{glyphs: h.glyphs[from:len(h.glyphs):len(h.glyphs)]}})
	return &h.labels[len(h.labels)-1].label
}

func (h *hunt) addressed(id int32, _ string) []int32 { return []int32{id} }

func (h *hunt) target(id int32) target {
	label, whole := h.Text(id)
	text := string(whole)
	return target{Target{mail.Domain(text), Site}, id, text[len(label)+1:]}
}

func (h *hunt) brands() (least, most int, anywhere bool) { return minBrandKnown, shelf.MaxRunes, false }

func (h *hunt) maybe(rune, int) bool { return true }
