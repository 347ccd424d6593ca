package shelf

import (
	"fmt"
	"slices"
	"testing"
)

func TestPartsOfAKeyHashAsKeysOfTheirOwn(t *testing.T) {
	runes := []rune("correspondent")
	h := Hash(runes)
	of := func(runes []rune) uint64 { return Hash(runes)[len(runes)] }
	for from := range runes {
		for to := from + 1; to <= len(runes); to++ {
			if h.Part(from, to) != of(runes[from:to]) {
				t.Fatalf("part %d %d", from, to)
			}
			for i := from; i < to; i++ {
				if less := slices.Delete(slices.Clone(runes[from:to]), i-from, i-from+1); h.Without(from, to, i) != of(less) {
					t.Fatalf("part %d %d without %d", from, to, i)
				}
				if Joined(Extended(h.Part(from, i), 'x'), h.Part(i, to), to-i) != of(slices.Insert(slices.Clone(runes[from:to]), i-from, 'x')) {
					t.Fatalf("part %d %d with a letter at %d", from, to, i)
				}
			}
		}
	}
}

func TestEachShorterLeavesOutEachLetterOnce(t *testing.T) {
	var gone []rune
	runes := []rune("xfooy")
	EachShorter(runes, Hash(runes), 1, 4, func(sum uint64, r rune) {
		gone = append(gone, r)
		if less := map[rune]string{'f': "oo", 'o': "fo"}[r]; sum != Hash([]rune(less))[2] {
			t.Errorf("%c: not the hash of %s", r, less)
		}
	})
	if string(gone) != "fo" {
		t.Errorf("without %c", gone)
	}
	EachShorter(runes, Hash(runes), 0, 2, func(uint64, rune) { t.Error("two letters are too few") })
}

func TestTableKeepsValuesOfAKindAndHashOnce(t *testing.T) {
	var x Table
	if slices.Collect(x.All(FullKey, 1)) != nil {
		t.Error("an empty one has values")
	}
	for i := range int32(1000) {
		x.Add(FullKey, uint64(i/2), i)
		x.Add(FullKey, uint64(i/2), i)
		x.Add(ShortedKey, uint64(i), -i)
	}
	for i := range int32(500) {
		if got := slices.Sorted(x.All(FullKey, uint64(i))); !slices.Equal(got, []int32{2 * i, 2*i + 1}) {
			t.Fatalf("%d: %v", i, got)
		}
	}
}

func named(whole string, label int) Name {
	runes := []rune(whole[:label])
	return Name{Whole: whole, Label: label, Runes: runes, Sums: Hash(runes), Others: []uint64{uint64(len(whole))}, Ending: exactHash(whole[label:])}
}

func TestShelfFindsWhatWasPutUntilItIsRemovedAndOverRenewals(t *testing.T) {
	s := New()
	const names = 5000
	at := func(i int) Name {
		text := fmt.Sprintf("name%c%d", 'a'+i%26, i)
		return named(text+".example", len(text))
	}
	for i := range names {
		if s.Crowded() {
			s = s.Renewed(named)
		}
		n := at(i)
		if !s.Put(&n) {
			t.Fatal("full")
		}
	}
	for i := range names {
		n := at(i)
		ref, ok := s.Find(n.Plain(), n.Whole)
		if label, whole := s.Text(ref); !ok || string(whole) != n.Whole || string(label) != n.Whole[:n.Label] || !s.Has(n.Plain()) || !s.Ending(n.Ending) {
			t.Fatalf("%s: %v", n.Whole, ok)
		}
		if letters := s.Letters(n.Sums.Without(0, len(n.Runes), 4)); letters&(1<<(i%26)) == 0 && i%26 != 'i'-'a' && i%26 != 'q'-'a' {
			t.Fatalf("%s: the letter that was left out is in none of %b", n.Whole, letters)
		}
		if i%2 == 0 {
			s.Remove(ref, &n)
		}
	}
	if s = s.Renewed(named); s.Len() != names/2 {
		t.Errorf("%d names", s.Len())
	}
	for i := range names {
		n := at(i)
		if _, ok := s.Find(n.Plain(), n.Whole); ok != (i%2 == 1) {
			t.Fatalf("%s: %v", n.Whole, ok)
		}
	}
}
