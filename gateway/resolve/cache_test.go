package resolve

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func named(i int) question { return question{fmt.Sprintf("n%d.example.com", i), 1} }

// held counts what the cache holds, and checks that map and ring agree.
func held(t *testing.T, c *cache) (entries, octets int) {
	t.Helper()
	for _, s := range c.shards {
		ring, used := 0, 0
		for x := s.recent.next; x != &s.recent; x = x.next {
			ring++
			used += x.octets
		}
		if ring != len(s.slots) || used != s.used {
			t.Errorf("ring %d, map %d; octets %d, counted %d", ring, len(s.slots), used, s.used)
		}
		entries += ring
		octets += used
	}
	return entries, octets
}

func TestCacheHoldsAsManyEntriesAsItMay(t *testing.T) {
	at := newClock().now()
	for _, limit := range []int{1, 10, 1023, 1024, 5000} {
		c := newCache(limit)
		for i := range 3 * limit {
			c.put(named(i), &entry{ttl: time.Minute}, at)
			if c.get(named(i), at) == nil {
				t.Fatalf("of %d: entry %d is not there", limit, i)
			}
		}
		if n, _ := held(t, c); n > limit || n < limit*9/10 {
			t.Errorf("of %d: %d entries", limit, n)
		}
	}
}

func TestCacheHoldsAsManyOctetsAsItMay(t *testing.T) {
	at := newClock().now()
	c := newCache(10)
	big := &entry{ttl: time.Minute, texts: []string{strings.Repeat("a", 4*entryOctets)}}
	for i := range 10 {
		c.put(named(i), big, at)
	}
	if n, octets := held(t, c); n != 2 || octets > 10*entryOctets {
		t.Errorf("%d entries of %d octets", n, octets)
	}
	c.put(named(99), &entry{ttl: time.Minute, texts: []string{strings.Repeat("a", 11*entryOctets)}}, at)
	if n, _ := held(t, c); n != 2 || c.get(named(99), at) != nil {
		t.Errorf("an entry larger than the cache: %d entries", n)
	}
}

func TestCacheDropsTheLeastRecentlyUsed(t *testing.T) {
	at := newClock().now()
	c := newCache(3)
	for i := range 3 {
		c.put(named(i), &entry{ttl: time.Minute}, at)
	}
	c.get(named(0), at)
	c.put(named(3), &entry{ttl: time.Minute}, at)
	for i, want := range []bool{true, false, true, true} {
		if got := c.get(named(i), at) != nil; got != want {
			t.Errorf("entry %d: %v, want %v", i, got, want)
		}
	}
}

func TestCacheForgetsAndReplaces(t *testing.T) {
	at := newClock().now()
	c := newCache(3)
	c.put(named(0), &entry{}, at)
	if c.get(named(0), at) != nil {
		t.Error("TTL 0 was kept")
	}
	c.put(named(1), &entry{ttl: time.Second, alias: "a"}, at)
	c.put(named(1), &entry{ttl: time.Minute, alias: "b"}, at)
	if e := c.get(named(1), at.Add(time.Second)); e == nil || e.alias != "b" {
		t.Errorf("got %+v, want the newer", e)
	}
	if c.get(named(1), at.Add(time.Minute)) != nil {
		t.Error("outlived its TTL")
	}
	if n, octets := held(t, c); n != 0 || octets != 0 {
		t.Errorf("%d entries of %d octets left", n, octets)
	}
	if c.get(question{named(1).name, 2}, at) != nil {
		t.Error("types are mixed up")
	}
}

func TestCacheIsSafeForConcurrentUse(t *testing.T) {
	c, at := newCache(2048), newClock().now()
	var users sync.WaitGroup
	for user := range 8 {
		users.Go(func() {
			for i := range 3000 {
				c.put(named(i*(user+1)%4000), &entry{ttl: time.Minute}, at)
				c.get(named(i), at)
			}
		})
	}
	users.Wait()
	if n, _ := held(t, c); n > 2048 {
		t.Errorf("%d entries", n)
	}
}
