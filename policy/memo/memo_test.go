package memo

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

// counted works out the length of a text and counts how often.
type counted struct{ times int }

func (c *counted) length(s string) int {
	c.times++
	return len(s)
}

func TestWorksOnce(t *testing.T) {
	var c counted
	m := New[string, int](10*perEntry, nil)
	for range 3 {
		if got := m.Of("four", 4, c.length); got != 4 {
			t.Errorf("%d", got)
		}
	}
	if c.times != 1 {
		t.Errorf("worked out %d times", c.times)
	}
}

func TestKeepsWhatIsAskedForWhenFlooded(t *testing.T) {
	var c counted
	m := New[string, int](10*(perEntry+8), nil)
	m.Of("wanted", 8, c.length)
	for i := range 1000 {
		m.Of("flood"+strconv.Itoa(i), 8, func(string) int { return 0 })
		if i%5 == 0 {
			m.Of("wanted", 8, c.length)
		}
	}
	if c.times != 1 {
		t.Errorf("worked out %d times", c.times)
	}
	if n := len(m.young) + len(m.old); n > 20 {
		t.Errorf("%d entries are kept, want at most 20", n)
	}
}

func TestBoundIsOnOctets(t *testing.T) {
	m := New[string, int](10*perEntry, nil)
	for i := range 100 {
		m.Of(strconv.Itoa(i), 4*perEntry, func(string) int { return 0 })
	}
	if n := len(m.young) + len(m.old); n > 4 {
		t.Errorf("%d entries of five are kept in room for two of ten", n)
	}
	var c counted
	for range 2 {
		m.Of("larger than all", 11*perEntry, c.length)
	}
	if c.times != 2 {
		t.Error("an entry larger than the bound is kept")
	}
}

func TestConcurrentUse(t *testing.T) {
	m := New[int, int](8*perEntry, nil)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 1000 {
				if got := m.Of(i%20, 0, func(k int) int { return -k }); got != -(i % 20) {
					t.Errorf("%d: %d", i%20, got)
				}
			}
		})
	}
	all.Wait()
}

// A key that is a piece of a message would keep the message.
func TestAKeyIsKeptInMemoryOfItsOwn(t *testing.T) {
	field := strings.Repeat("x", 100)
	piece := field[10:20]
	m := New[string, string](10*perEntry, Text)
	kept := m.Of(piece, 10, func(k string) string { return k[2:] })
	m.old, m.young = m.young, map[string]entry[string]{} // it passes into the younger generation
	m.Of(piece, 10, func(string) string { t.Error("worked twice"); return "" })
	for _, generation := range []map[string]entry[string]{m.young, m.old} {
		for k := range generation {
			if k != piece || unsafe.StringData(k) == unsafe.StringData(piece) {
				t.Errorf("the key %q is the caller's", k)
			}
		}
	}
	if unsafe.StringData(kept) == unsafe.StringData(piece[2:]) {
		t.Error("the result is a piece of the caller's text")
	}
}

// What was put under a key takes the place of what was there, with its octets, and
// is counted for them when it is asked for again.
func TestWhatIsPutIsCountedOnce(t *testing.T) {
	m := New[string, int](10*perEntry, nil)
	for i := range 100 {
		m.Put("a", i, 3*perEntry)
		m.Put("b", -i, perEntry)
	}
	if m.octets != 6*perEntry || m.old != nil {
		t.Errorf("%d octets are counted, want %d; an older generation: %v", m.octets, 6*perEntry, m.old)
	}
	m.Put("c", 7, 5*perEntry) // the others are now older
	if v, ok := m.Get("a"); v != 99 || !ok || m.octets != 10*perEntry {
		t.Errorf("%d, %t; %d octets, want %d", v, ok, m.octets, 10*perEntry)
	}
	if v, ok := m.Get("nobody"); v != 0 || ok {
		t.Errorf("%d, %t", v, ok)
	}
}
