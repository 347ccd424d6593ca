package memory

import (
	"cmp"
	"slices"

	"mxgate/gateway/calendar"
	"mxgate/gateway/memory/table"
)

// evict brings each table below its limit. Looking is done without the lock, and
// taking out with it, a part of the table at a time.
func (k *desk) evict() {
	n := evictMap(k, &k.IDs, k.limits.IDs, func(_ uint64, f table.Filed) (uint8, uint16) { return f.Class(), f.Day() })
	n += evictMap(k, &k.Edges, k.limits.Edges, func(key uint64, e table.Edge) (uint8, uint16) { return k.classOf(table.EdgeDomain(key)), e.Last })
	n += evictMap(k, &k.Names, k.limits.Names, func(_ uint64, c table.Called) (uint8, uint16) {
		class := uint8(table.ClassNew)
		for _, id := range c.Domains {
			class = max(class, k.classOf(id))
		}
		return class, c.Day
	})
	n += k.evictThreads()
	n += k.evictDomains()
	k.s.evicted.Add(uint64(n))
}

// classOf is the class of a domain by number.
func (k *desk) classOf(id uint32) uint8 { return k.class(k.byID[id], calendar.EndOf(k.latest)) }

func evictMap[V any](k *desk, m *table.Map[V], limit int, of func(uint64, V) (uint8, uint16)) int {
	if m.Len() <= limit {
		return 0
	}
	c := new(table.Census)
	for i := range table.Shards {
		m.Each(i, func(key uint64, v V) { c.Count(of(key, v)) })
	}
	doomed := c.Doomed(limit)
	return k.filter(func(i int) int {
		return m.Filter(i, func(key uint64, v *V) bool {
			class, day := of(key, *v)
			return !doomed.Goes(class, day)
		})
	}, table.Shards)
}

// filter takes out part after part, each under the lock.
func (k *desk) filter(part func(i int) int, parts int) (n int) {
	for i := range parts {
		k.lock()
		n += part(i)
		k.unlock()
	}
	return n
}

func (k *desk) evictThreads() int {
	if k.Threads.Len() <= k.limits.Threads {
		return 0
	}
	c := new(table.Census)
	pages := k.Threads.Pages()
	for _, p := range pages {
		k.Threads.Each(p, func(_ uint32, record []byte) {
			day, class := table.Head(record)
			c.Count(class, day)
		})
	}
	doomed := c.Doomed(k.limits.Threads)
	return k.filterThreads(pages, func(day uint16, class uint8) bool { return doomed.Goes(class, day) })
}

// filterThreads takes out the threads that goes names.
func (k *desk) filterThreads(pages []uint32, goes func(day uint16, class uint8) bool) int {
	return k.filter(func(i int) (n int) {
		k.Threads.Each(pages[i], func(number uint32, record []byte) {
			if day, class := table.Head(record); goes(day, class) && k.Threads.Delete(number) {
				n++
			}
		})
		return n
	}, len(pages))
}

// evictDomains is evict for the domains.
func (k *desk) evictDomains() int {
	if len(k.byName) <= k.limits.Domains {
		return 0
	}
	at := calendar.EndOf(k.latest)
	c := new(table.Census)
	for _, d := range k.byName {
		if !d.ours {
			c.Count(k.class(d, at), d.latest())
		}
	}
	doomed := c.Doomed(k.limits.Domains)
	return k.removeDomains(func(d *domain) bool { return doomed.Goes(k.class(d, at), d.latest()) })
}

// removeDomains takes out the domains that goes names, ours excepted.
func (k *desk) removeDomains(goes func(d *domain) bool) int {
	var out []*domain
	for _, d := range k.byName {
		if !d.ours && goes(d) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b *domain) int { return cmp.Compare(a.id, b.id) })
	k.lock()
	defer k.unlock()
	for _, d := range out {
		k.remove(d)
		k.changed.gone = append(k.changed.gone, d.id)
	}
	if len(out) > 0 {
		gone := func(d *domain) bool { return k.byID[d.id] != d }
		k.changed.domains = slices.DeleteFunc(k.changed.domains, gone)
		k.s.stand.Add(1)
	}
	return len(out)
}

// latest is the last day on which a domain mattered.
func (d *domain) latest() uint16 { return max(d.last, d.named) }

// sweep forgets what has had its time on a day.
func (k *desk) sweep(today uint16) error {
	k.changed.meta = true
	if !k.meta.Believe(today) {
		return k.commit()
	}
	k.clamp(today)
	ids, edges := before(today, k.limits.IDDays), before(today, k.limits.EdgeDays)
	k.filter(func(i int) int {
		return k.IDs.Filter(i, func(_ uint64, f *table.Filed) bool { return f.Day() >= ids }) +
			k.Edges.Filter(i, func(_ uint64, e *table.Edge) bool { return e.Last >= edges }) +
			k.Names.Filter(i, func(_ uint64, c *table.Called) bool { return c.Day >= edges })
	}, table.Shards)
	k.filterThreads(k.Threads.Pages(), func(day uint16, _ uint8) bool { return day < ids })
	k.removeDomains(func(d *domain) bool { return !d.established && d.latest() < edges })
	k.writeCounts()
	if err := k.age(today); err != nil {
		return err
	}
	for _, d := range k.byName { // decisions may have ended
		if d.established {
			k.lock()
			k.settle(d, calendar.EndOf(today))
			k.unlock()
		}
	}
	k.s.stand.Add(1)
	if err := k.commit(); err != nil {
		return err
	}
	return k.s.db.expire(map[int]uint16{table.Conversations: ids, table.Correspondence: edges})
}

// writeCounts has the rows of all domains written whose counts are newer: the
// segments that hold them do not stay for ever.
func (k *desk) writeCounts() {
	for _, d := range k.byName {
		if d.counted {
			k.changed.domain(d)
		}
	}
}

// clamp brings back what a clock that was ahead has dated: it would stay for as
// long as the clock was ahead.
func (k *desk) clamp(today uint16) {
	most, brought := today+1, 0
	back := func(day uint16) uint16 {
		if day > most {
			brought++
		}
		return min(day, most)
	}
	k.filter(func(i int) int {
		k.IDs.Filter(i, func(_ uint64, f *table.Filed) bool {
			*f = table.NewFiled(f.Thread(), f.Class(), back(f.Day()))
			return true
		})
		k.Edges.Filter(i, func(_ uint64, e *table.Edge) bool {
			e.First, e.Last = min(e.First, most), back(e.Last)
			return true
		})
		k.Names.Filter(i, func(_ uint64, c *table.Called) bool {
			c.Day = back(c.Day)
			return true
		})
		return 0
	}, table.Shards)
	pages := k.Threads.Pages()
	k.filter(func(i int) int {
		k.Threads.Each(pages[i], func(_ uint32, record []byte) {
			last, _ := table.Head(record)
			table.SetDays(record, back(last))
		})
		return 0
	}, len(pages))
	k.lock()
	defer k.unlock()
	k.latest = min(k.latest, most)
	for _, d := range k.byName {
		if d.latest() > most {
			d.first, d.last, d.named = min(d.first, most), back(d.last), back(d.named)
			k.changed.domain(d)
		}
	}
	k.wanted = k.wanted || brought > 0 // the segments have the old days
}
