package table

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every operation is done on a Go map too; the two must agree.
func TestAMapAgreesWithAGoMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var m Map[[6]byte]
	want := map[uint64][6]byte{}
	for step := range 200_000 {
		key := r.Uint64N(20_000) << 20 // far from uniform
		switch r.IntN(5) {
		case 0:
			_, had := want[key]
			if m.Delete(key) != had {
				t.Fatalf("step %d: Delete(%d) says %v", step, key, !had)
			}
			delete(want, key)
		case 1:
			v, ok := m.Get(key)
			if w, had := want[key]; ok != had || v != w {
				t.Fatalf("step %d: Get(%d) = %v, %v; want %v, %v", step, key, v, ok, w, had)
			}
		default:
			v := [6]byte{byte(step), byte(step >> 8)}
			_, had := want[key]
			if m.Set(key, v) == had {
				t.Fatalf("step %d: Set(%d) says %v", step, key, had)
			}
			want[key] = v
		}
	}
	for i := range Shards {
		m.Filter(i, func(key uint64, v *[6]byte) bool {
			v[5] = 7
			return key>>20%3 != 0
		})
	}
	left := 0
	for key, v := range want {
		got, ok := m.Get(key)
		if key>>20%3 == 0 {
			if key != 0 && ok {
				t.Fatalf("%d was filtered out", key)
			}
			continue
		}
		left++
		if v[5] = 7; !ok || got != v {
			t.Fatalf("Get(%d) = %v, %v; want %v", key, got, ok, v)
		}
	}
	seen := 0
	for i := range Shards {
		m.Each(i, func(uint64, [6]byte) { seen++ })
	}
	if m.Len() < left || m.Len() > left+1 || seen != m.Len() { // key 0 is kept as 1
		t.Errorf("Len %d, seen %d, want %d", m.Len(), seen, left)
	}
}

func TestAMapIsThreeQuartersFull(t *testing.T) {
	var m Map[[6]byte]
	for i := range uint64(1_000_000) {
		m.Set(mix(i+1), [6]byte{})
	}
	if per := float64(m.Bytes()) / 1e6; per > 20 {
		t.Errorf("%.1f octets for an entry of 14", per)
	}
	for i := range Shards {
		m.Filter(i, func(uint64, *[6]byte) bool { return false })
	}
	if m.Len() != 0 || m.Bytes() > Shards*leastSlots*14 {
		t.Errorf("%d entries, %d octets are left", m.Len(), m.Bytes())
	}
}

func TestASlabGivesBackWhatWasPut(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var s Slab
	want := map[uint32][]byte{}
	for range 100_000 {
		number := r.Uint32N(30_000)
		if r.IntN(4) == 0 {
			if _, had := want[number]; s.Delete(number) != had {
				t.Fatalf("Delete(%d)", number)
			}
			delete(want, number)
			continue
		}
		record := bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(MaxRecord+1))
		s.Set(number, record)
		want[number] = record
	}
	seen := 0
	for _, part := range s.Pages() {
		s.Each(part, func(number uint32, record []byte) {
			seen++
			if !bytes.Equal(record, want[number]) || !bytes.Equal(s.Get(number), record) {
				t.Fatalf("record %d", number)
			}
		})
	}
	if s.Len() != len(want) || seen != len(want) {
		t.Errorf("Len %d, seen %d, want %d", s.Len(), seen, len(want))
	}
	if s.Get(1<<30) != nil || s.Delete(1<<30) {
		t.Error("a number never given")
	}
}

func TestASlabUsesFreedSlotsAgain(t *testing.T) {
	var s Slab
	for i := range uint32(100_000) {
		s.Set(i, make([]byte, 15))
		if i >= 1000 {
			s.Delete(i - 1000)
		}
	}
	if s.Bytes() > 100_000 {
		t.Errorf("%d octets for 1000 records of 15", s.Bytes())
	}
}

func TestAThreadKeepsItsFirstMembersAndAccounts(t *testing.T) {
	var th Thread
	for i := range uint32(40) {
		th.Add(i+1, i%2 == 0)
		th.AddAccount(uint64(i) + 1<<60)
	}
	if th.Len() != MaxMembers || len(th.Accounts()) != MaxAccounts || th.Add(99, true) || th.AddAccount(99) {
		t.Errorf("%d members, %d accounts", th.Len(), len(th.Accounts()))
	}
	if member, wrote := th.Find(2); !member || wrote || !th.Add(2, true) || th.Add(2, false) {
		t.Errorf("member 2: %v, %v", member, wrote)
	}
	if _, wrote := th.Find(2); !wrote {
		t.Error("that it wrote is forgotten")
	}
	if th.AddAccount(3) || th.Accounts()[2] != 2 {
		t.Errorf("accounts %x: 48 bits count", th.Accounts())
	}
}

func TestTheLongestThreadFits(t *testing.T) {
	th := Thread{First: 65535, Last: 65535, Messages: 1<<32 - 1, Class: 3}
	for i := range uint32(MaxMembers) {
		th.Add(MaxDomain-i, true)
	}
	for i := range uint64(MaxAccounts) {
		th.AddAccount(1<<48 - 1 - i)
	}
	b := th.Append(nil)
	var back Thread
	if len(b) > MaxRecord || back.Decode(b) != nil || back != th {
		t.Errorf("%d octets", len(b))
	}
	if last, class := Head(b); last != 65535 || class != 3 {
		t.Errorf("Head = %d, %d", last, class)
	}
	typical := Thread{First: 20000, Last: 20003, Messages: 4}
	typical.Add(17, true)
	typical.Add(54321, true)
	if n := len(typical.Append(nil)); n > 11 {
		t.Errorf("a typical record has %d octets", n)
	}
}

func FuzzThreadDecode(f *testing.F) {
	var th Thread
	f.Add(th.Append(nil))
	th.Add(1, true)
	th.Add(MaxDomain, false)
	th.AddAccount(5)
	f.Add(th.Append(nil))
	f.Add(bytes.Repeat([]byte{0xff}, 300))
	f.Fuzz(func(t *testing.T, b []byte) {
		var th Thread
		if err := th.Decode(b); err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Fatal(err)
			}
			return
		}
		var again Thread
		if err := again.Decode(th.Append(nil)); err != nil || again.Len() != th.Len() || !slices.Equal(again.Accounts(), th.Accounts()) {
			t.Fatalf("%v: %x", err, b)
		}
	})
}

func BenchmarkMapSet(b *testing.B) {
	var m Map[[6]byte]
	for i := range b.N {
		m.Set(mix(uint64(i)+1), [6]byte{})
	}
	b.ReportMetric(float64(m.Bytes())/float64(b.N), "B/entry")
}

func BenchmarkMapGet(b *testing.B) {
	var m Map[[6]byte]
	for i := range uint64(1_000_000) {
		m.Set(mix(i+1), [6]byte{})
	}
	for i := range b.N {
		m.Get(mix(uint64(i%2_000_000) + 1))
	}
}
