package framing

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// random returns octets that do not repeat.
func random(octets int) []byte {
	b := make([]byte, octets)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // never fails
	return b
}

// roomy is a disk that has room.
func roomy(int64) bool { return true }

// spool makes a Spool for content of which nothing was declared.
func spool(dir string, each, limit int64, onDisk func(int64) bool) *Spool {
	r := &Room{Memory: NewMemory(32 << 20), Each: each, Dir: dir, OnDisk: onDisk}
	return r.NewSpool(0, limit)
}

// files counts what is in dir.
func files(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestContentIsWhatWasWritten(t *testing.T) {
	const memory = 3*smallOctets + 100
	all := random(memory + 3*writeOctets)
	for _, size := range []int{0, 1, smallOctets - 1, smallOctets, smallOctets + 1, memory, memory + 1, memory + writeOctets, len(all)} {
		for _, step := range []int{1000, smallOctets, 3*writeOctets + 7} {
			dir := t.TempDir()
			s := spool(dir, memory, int64(size), roomy)
			for off := 0; off < size; off += step {
				p := bytes.Clone(all[off:min(off+step, size)])
				s.Write(p)
				clear(p) // it was the caller's
			}
			c, err := s.Content(true)
			if err != nil || c.Size != int64(size) || !c.EightBit {
				t.Fatalf("%d octets by %d: %+v, %v", size, step, c, err)
			}
			if want := min(max(size-memory, 0), 1); files(t, dir) != want {
				t.Errorf("%d octets by %d: %d files, want %d", size, step, files(t, dir), want)
			}
			got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size+1))
			if err != nil || !bytes.Equal(got, all[:size]) {
				t.Errorf("%d octets by %d: read %d, %v", size, step, len(got), err)
			}
			if n, err := c.ReadAt(make([]byte, 10), c.Size); n != 0 || err != io.EOF {
				t.Errorf("%d octets by %d: %d, %v behind the end", size, step, n, err)
			}
			if err := errors.Join(c.Close(), c.Close()); err != nil || files(t, dir) != 0 {
				t.Errorf("%d octets by %d: %v, %d files are left", size, step, err, files(t, dir))
			}
		}
	}
}

func TestContentThatIsTooLargeLeavesNothing(t *testing.T) {
	for _, limit := range []int64{10, 2 * smallOctets, 3 * writeOctets} {
		dir := t.TempDir()
		s := spool(dir, smallOctets, limit, roomy)
		s.Write(random(int(limit)))
		s.Write([]byte("x"))
		if files(t, dir) != 0 {
			t.Errorf("limit %d: a file while more is awaited", limit)
		}
		s.Write([]byte("x"))
		if c, err := s.Content(false); c != nil || !errors.Is(err, ErrTooLarge) || s.Size() != limit+2 {
			t.Errorf("limit %d: %v, %v, %d octets", limit, c, err, s.Size())
		}
	}
}

// The last octets wait for the end of content: a disk that is full only then
// must be found out too.
func TestADiskThatFailsAtTheEndIsFoundOut(t *testing.T) {
	for _, octets := range []int{smallOctets + 1, 3 * writeOctets} {
		dir := t.TempDir()
		s := spool(dir, smallOctets, 1<<20, roomy)
		s.Write(random(octets))
		if err := s.stored.file.Close(); err != nil { // writes fail from now on
			t.Fatal(err)
		}
		s.Write([]byte("x"))
		if c, err := s.Content(false); c != nil || !errors.Is(err, os.ErrClosed) {
			t.Errorf("%d octets: %v, %v", octets, c, err)
		}
		if files(t, dir) != 0 || s.stored.out != nil {
			t.Errorf("%d octets: something is left", octets)
		}
	}
}

func TestASpoolDirectoryThatIsMissing(t *testing.T) {
	s := spool(filepath.Join(t.TempDir(), "missing"), 10, 1<<20, roomy)
	s.Write(random(5))
	s.Write(random(smallOctets))
	s.Write(random(5))
	if c, err := s.Content(false); c != nil || !errors.Is(err, os.ErrNotExist) || len(s.stored.blocks) != 0 {
		t.Errorf("%v, %v", c, err)
	}
}

// A file is asked room for before it grows: for what is to be written at once, and
// for what comes until room is asked for again.
func TestRoomIsAskedForBeforeAFileGrows(t *testing.T) {
	for _, c := range []struct {
		name   string
		memory int64
		size   int
		step   int
		want   []int64
	}{
		{"in memory", 4 * askOctets, 4 * askOctets, askOctets, nil},
		{"little beyond it", smallOctets, askOctets - 1, smallOctets, nil},
		{"what was in memory counts", 2 * askOctets, 2*askOctets + smallOctets, smallOctets, []int64{2*askOctets + smallOctets + askOctets}},
		{"each MiB", askOctets, 4 * askOctets, smallOctets, []int64{2*askOctets + smallOctets, smallOctets + askOctets, smallOctets + askOctets}},
		{"large pieces", smallOctets, 4 * askOctets, 2 * askOctets, []int64{3 * askOctets, 3 * askOctets}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked []int64
			s := spool(t.TempDir(), c.memory, 1<<30, func(octets int64) bool {
				asked = append(asked, octets)
				return true
			})
			p := make([]byte, c.step)
			for left := c.size; left > 0; left -= c.step {
				s.Write(p[:min(left, c.step)])
			}
			if !slices.Equal(asked, c.want) {
				t.Errorf("asked for %d, want %d", asked, c.want)
			}
			s.Drop()
		})
	}
}

func TestContentThatHasNoRoomLeavesNothing(t *testing.T) {
	for denied := range 3 {
		dir, asked := t.TempDir(), 0
		s := spool(dir, askOctets, 1<<30, func(int64) bool {
			asked++
			return asked <= denied
		})
		for range 5 * askOctets / smallOctets {
			s.Write(make([]byte, smallOctets))
		}
		if asked != denied+1 || files(t, dir) != 0 || len(s.stored.blocks) != 0 {
			t.Errorf("asked %d times, %d files, %d blocks while more is awaited", asked, files(t, dir), len(s.stored.blocks))
		}
		if c, err := s.Content(false); c != nil || !errors.Is(err, ErrNoRoom) {
			t.Errorf("denied after %d: %v, %v", denied, c, err)
		}
	}
}

func TestContentThatWasDroppedOrHandedOverIsNotThere(t *testing.T) {
	for _, size := range []int{0, 10, 3 * smallOctets} {
		s := spool(t.TempDir(), smallOctets, 1<<20, roomy)
		s.Write(random(size))
		s.Drop()
		if c, err := s.Content(false); c != nil || !errors.Is(err, os.ErrClosed) {
			t.Errorf("dropped: %v, %v", c, err)
		}
		s = spool(t.TempDir(), smallOctets, 1<<20, roomy)
		s.Write(random(size))
		c, err := s.Content(false)
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte("more"))
		if c, err := s.Content(false); c != nil || !errors.Is(err, os.ErrClosed) {
			t.Errorf("handed over: %v, %v", c, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
