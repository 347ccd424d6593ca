package framing

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
)

// whole fails unless all of m is free, and what was taken of it was given back.
func whole(t *testing.T, m *Memory) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left != m.blocks || len(m.free) != m.fresh {
		t.Errorf("%d of %d blocks are free to claim, %d of %d were given back", m.left, m.blocks, len(m.free), m.fresh)
	}
}

// fill writes octets by 8000.
func fill(s *Spool, octets []byte) {
	for len(octets) > 0 {
		n := min(len(octets), 8000)
		s.Write(octets[:n])
		octets = octets[n:]
	}
}

func TestPlacesAreFilledInTheirOrder(t *testing.T) {
	block, at := place(0)
	if block != 0 || at != 0 {
		t.Fatalf("the first octet is at %d, %d", block, at)
	}
	for off := int64(1); off < firstOctets+3*largeOctets; off++ {
		b, a := place(off)
		if length := int64(smallOctets); block < firstBlocks && at+1 == length || block >= firstBlocks && at+1 == largeOctets {
			block, at = block+1, -1
		}
		if at++; b != block || a != at {
			t.Fatalf("octet %d is at %d, %d; want %d, %d", off, b, a, block, at)
		}
	}
}

func TestLargeContentIsWhatWasWritten(t *testing.T) {
	all := random(firstOctets + 5*largeOctets)
	for _, size := range []int{firstOctets - 1, firstOctets, firstOctets + 1, firstOctets + largeOctets, firstOctets + largeOctets + 1, firstOctets + 4*largeOctets, len(all)} {
		for _, declared := range []int{0, 10, size, 4 * len(all)} {
			dir := t.TempDir()
			r := &Room{Memory: NewMemory(40 * largeOctets), Each: firstOctets + 4*largeOctets, Dir: dir, OnDisk: roomy}
			s := r.NewSpool(int64(declared), 1<<20)
			fill(s, all[:size])
			c, err := s.Content(false)
			if err != nil {
				t.Fatal(err)
			}
			inFile := size > firstOctets+4*largeOctets || size > firstOctets && declared == 4*len(all)
			if got := files(t, dir) == 1; got != inFile || c.InFile() != inFile {
				t.Errorf("%d octets, %d declared: in a file %t", size, declared, got)
			}
			got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size+1))
			if err != nil || !bytes.Equal(got, all[:size]) {
				t.Errorf("%d octets, %d declared: read %d, %v", size, declared, len(got), err)
			}
			part := make([]byte, smallOctets)
			if n, err := c.ReadAt(part, int64(size-100)); n != 100 || err != io.EOF || !bytes.Equal(part[:n], all[size-100:size]) {
				t.Errorf("%d octets, %d declared: the last 100 are %d, %v", size, declared, n, err)
			}
			if err := c.Close(); err != nil || files(t, dir) != 0 {
				t.Errorf("%d octets, %d declared: %v, %d files are left", size, declared, err, files(t, dir))
			}
			whole(t, r.Memory)
		}
	}
}

// Of what was declared there is memory to the end, or none is used: what is half
// there would be written after all.
func TestDeclaredContentHasMemoryToItsEnd(t *testing.T) {
	dir := t.TempDir()
	r := &Room{Memory: NewMemory(10 * largeOctets), Each: 1 << 20, Dir: dir, OnDisk: roomy}
	const size = firstOctets + 6*largeOctets
	first, second, third := r.NewSpool(size, 1<<20), r.NewSpool(size, 1<<20), r.NewSpool(0, 1<<20)
	for _, s := range []*Spool{first, second, third} {
		fill(s, make([]byte, firstOctets+1))
	}
	if first.stored.file != nil || second.stored.file == nil || third.stored.file != nil {
		t.Fatalf("in a file: %t, %t, %t", first.stored.file != nil, second.stored.file != nil, third.stored.file != nil)
	}
	if !r.InMemory(firstOctets+3*largeOctets) || r.InMemory(firstOctets+3*largeOctets+1) || r.InMemory(2<<20) || !r.InMemory(firstOctets) {
		t.Error("it is not said what there is memory for")
	}
	c, err := first.Content(false) // less than was declared
	if err != nil || !r.InMemory(firstOctets+8*largeOctets) {
		t.Errorf("%v; what was not needed is not given back", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	second.Drop()
	third.Drop()
	whole(t, r.Memory)
}

// One second after the last block was given back the system has the memory, and not
// while somebody holds one.
func TestMemoryThatNobodyHoldsIsGivenBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems keep it")
	}
	m := NewMemory(4 * largeOctets)
	if !m.claim(2) {
		t.Fatal("no room")
	}
	a, b := m.take(), m.take()
	a.octets[0], b.octets[largeOctets-1] = 'a', 'b'
	holds := func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.slab[0] == 'a' && m.slab[2*largeOctets-1] == 'b'
	}
	m.give(a)
	time.Sleep(restAfter + restAfter/5)
	if !holds() {
		t.Fatal("given back while a block is held")
	}
	m.give(b)
	b = m.take()
	time.Sleep(restAfter + restAfter/5)
	if !holds() {
		t.Fatal("given back while a block is held again")
	}
	m.give(b)
	for end := time.Now().Add(10 * time.Second); holds(); time.Sleep(restAfter / 10) {
		if time.Now().After(end) {
			t.Fatal("not given back")
		}
	}
}

// Whatever becomes of contents that come side by side, their memory comes back and
// nobody reads another's.
func TestContentsShareTheMemory(t *testing.T) {
	r := &Room{Memory: NewMemory(12 * largeOctets), Each: 8 * largeOctets, Dir: t.TempDir(), OnDisk: roomy}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(worker)))
			for range 100 {
				size := random.IntN(10 * largeOctets)
				declared := []int{0, size, random.IntN(12 * largeOctets)}[random.IntN(3)]
				octets := bytes.Repeat([]byte{byte(random.Uint32()), byte(worker)}, size/2)
				limit := int64(20 * largeOctets)
				if random.IntN(5) == 0 {
					limit = int64(size / 2)
				}
				s := r.NewSpool(int64(declared), limit)
				fill(s, octets)
				if random.IntN(5) == 0 {
					s.Drop()
					continue
				}
				c, err := s.Content(false)
				if err != nil {
					if !errors.Is(err, ErrTooLarge) || int64(len(octets)) <= limit {
						t.Error(err)
					}
					continue
				}
				got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size))
				if err != nil || !bytes.Equal(got, octets) {
					t.Errorf("%d octets: read %d others, %v", len(octets), len(got), err)
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	whole(t, r.Memory)
	if files(t, r.Dir) != 0 {
		t.Errorf("%d files are left", files(t, r.Dir))
	}
}
