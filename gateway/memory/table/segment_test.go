package table

import (
	"errors"
	"fmt"
	"testing"
)

// full returns tables with some of each kind of entry, and the keys of all.
func full() (t *Tables, threads []uint32, ids, edges, names []uint64, counts []Counts) {
	t = &Tables{NextThread: 1}
	for i := range uint64(200) {
		day := uint16(20_000 + i%100)
		th := Thread{First: day - 3, Last: day, Messages: uint32(i), Class: uint8(i % 3)}
		th.Add(uint32(i), i%2 == 0)
		th.AddAccount(i)
		number := uint32(1 + i*i)
		t.Threads.Set(number, th.Append(nil))
		t.NextThread = number + 1
		threads = append(threads, number)
		ids, edges, names = append(ids, mix(i+1)), append(edges, EdgeKey(mix(i), uint32(i))), append(names, NameKey(i, mix(i)))
		t.IDs.Set(ids[i], NewFiled(number, uint8(i%3), day))
		t.Edges.Set(edges[i], Edge{day - uint16(i), day, uint16(i), 65535})
		t.Names.Set(names[i], Called{[MaxNamed]uint32{uint32(i), MaxDomain}, day, uint16(i)})
		counts = append(counts, Counts{uint32(i), day, uint16(i), uint32(i), 1<<32 - 1})
	}
	return t, threads, ids, edges, names, counts
}

func TestASegmentGivesBackWhatWasPacked(t *testing.T) {
	from, threads, ids, edges, names, counts := full()
	var to Tables
	got := map[uint32]Counts{}
	for _, s := range []Segment{from.PackConversations(threads, append(ids, 99)), from.PackCorrespondence(edges, names, counts)} {
		if err := to.Unpack(s, 0, func(c Counts) { got[c.Domain] = c }); err != nil || s.Day != 20_099 {
			t.Errorf("day %d, %v", s.Day, err)
		}
	}
	if err := same(from, &to); err != nil || to.NextThread != from.NextThread || len(got) != len(counts) || got[7] != counts[7] {
		t.Errorf("%v, next %d, %d counts", err, to.NextThread, len(got))
	}
	to = Tables{}
	for _, s := range []Segment{from.PackConversations(threads, ids), from.PackCorrespondence(edges, names, counts)} {
		if err := to.Unpack(s, 20_050, func(Counts) {}); err != nil {
			t.Error(err)
		}
	}
	if to.IDs.Len() != 100 || to.Threads.Len() != 100 || to.Edges.Len() != 100 || to.Names.Len() != 100 {
		t.Errorf("the older half is there: %d %d %d %d", to.IDs.Len(), to.Threads.Len(), to.Edges.Len(), to.Names.Len())
	}
}

func TestThePartsAreTheWholeAndKeepDaysApart(t *testing.T) {
	from, _, _, _, _, _ := full()
	var to Tables
	pages := from.Threads.Pages()
	for step := range 7 {
		for _, s := range from.PackPart(step, 7, pages) {
			if s.Day/bucketDays == 20_000/bucketDays && s.Day >= 20_030 {
				t.Errorf("day %d", s.Day)
			}
			if err := to.Unpack(s, 0, func(Counts) {}); err != nil {
				t.Error(err)
			}
		}
	}
	if err := same(from, &to); err != nil {
		t.Error(err)
	}
}

// same compares the entries of tables.
func same(a, b *Tables) (err error) {
	if a.IDs.Len() != b.IDs.Len() || a.Threads.Len() != b.Threads.Len() || a.Edges.Len() != b.Edges.Len() || a.Names.Len() != b.Names.Len() {
		return fmt.Errorf("%d %d %d %d entries, want %d %d %d %d", b.IDs.Len(), b.Threads.Len(), b.Edges.Len(), b.Names.Len(), a.IDs.Len(), a.Threads.Len(), a.Edges.Len(), a.Names.Len())
	}
	for i := range Shards {
		a.IDs.Each(i, func(k uint64, v Filed) {
			if w, ok := b.IDs.Get(k); !ok || v != w {
				err = fmt.Errorf("id %x", k)
			}
		})
		a.Edges.Each(i, func(k uint64, v Edge) {
			if w, ok := b.Edges.Get(k); !ok || v != w {
				err = fmt.Errorf("edge %x: %v", k, w)
			}
		})
		a.Names.Each(i, func(k uint64, v Called) {
			if w, ok := b.Names.Get(k); !ok || v != w {
				err = fmt.Errorf("name %x", k)
			}
		})
	}
	for _, p := range a.Threads.Pages() {
		a.Threads.Each(p, func(number uint32, record []byte) {
			if string(b.Threads.Get(number)) != string(record) {
				err = fmt.Errorf("thread %d", number)
			}
		})
	}
	return err
}

func TestACensusSparesTheHigherClassesAndTheYoung(t *testing.T) {
	for name, tt := range map[string]struct {
		have  [classes]int // entries, spread over days 1 to 10
		limit int
		left  [classes]int
	}{
		"strangers pay":                          {[classes]int{1000, 100, 100}, 640, [classes]int{430, 100, 100}},
		"but keep a share":                       {[classes]int{1000, 1000, 0}, 640, [classes]int{80, 550, 0}},
		"established keep one too":               {[classes]int{0, 1000, 1000}, 640, [classes]int{0, 160, 470}},
		"those we write to make room for no one": {[classes]int{0, 0, 1000}, 640, [classes]int{0, 0, 630}},
	} {
		c := new(Census)
		for class, n := range tt.have {
			for i := range n {
				c.Count(uint8(class), uint16(1+i*10/n))
			}
		}
		v := c.Doomed(tt.limit)
		var left [classes]int
		oldest := [classes]int{99, 99, 99}
		for class, n := range tt.have {
			for i := range n {
				if day := 1 + i*10/n; !v.Goes(uint8(class), uint16(day)) {
					left[class]++
					oldest[class] = min(oldest[class], day)
				}
			}
		}
		if left != tt.left || tt.have[0] == 1000 && tt.limit == 640 && oldest[0] < 5 {
			t.Errorf("%s: left %v, want %v; oldest %v", name, left, tt.left, oldest)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	from, threads, ids, edges, names, counts := full()
	for _, s := range []Segment{from.PackConversations(threads, ids), from.PackConversations(nil, nil), from.PackCorrespondence(edges, names, counts)} {
		f.Add(s.Kind, s.Day, s.Body)
	}
	f.Add(1, uint16(0), []byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, kind int, day uint16, body []byte) {
		var read Tables
		err := read.Unpack(Segment{kind, day, body}, day/2, func(c Counts) {
			if c.Domain > MaxDomain || c.Last > day {
				t.Fatalf("%+v", c)
			}
		})
		if err != nil && !errors.Is(err, ErrSegment) {
			t.Fatal(err)
		}
		if n := read.IDs.Len() + read.Threads.Len() + read.Edges.Len() + read.Names.Len(); n > len(body)/4 {
			t.Fatalf("%d entries of %d octets", n, len(body))
		}
		var again Tables
		for _, s := range read.PackPart(0, 1, read.Threads.Pages()) { // what was read can be written
			if err := again.Unpack(s, 0, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := same(&read, &again); err != nil {
			t.Fatal(err)
		}
	})
}
