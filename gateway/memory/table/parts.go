package table

import "slices"

// bucketDays is how far apart the days of the entries of one new segment are:
// entries stay on the disk so much longer than they are remembered, at most.
const bucketDays = 30

// part cuts n things into parts.
func part(step, steps, n int) (from, to int) { return step * n / steps, (step + 1) * n / steps }

// PackPart packs one part of all that is remembered, apart by days.
func (t *Tables) PackPart(step, steps int, pages []uint32) (all []Segment) {
	type lists struct {
		ids, edges, names []uint64
		threads           []uint32
	}
	buckets := map[uint16]*lists{}
	of := func(day uint16) *lists {
		l := buckets[day/bucketDays]
		if l == nil {
			l = &lists{}
			buckets[day/bucketDays] = l
		}
		return l
	}
	from, to := part(step, steps, Shards)
	for i := from; i < to; i++ {
		t.IDs.Each(i, func(key uint64, f Filed) { l := of(f.Day()); l.ids = append(l.ids, key) })
		t.Edges.Each(i, func(key uint64, e Edge) { l := of(e.Last); l.edges = append(l.edges, key) })
		t.Names.Each(i, func(key uint64, c Called) { l := of(c.Day); l.names = append(l.names, key) })
	}
	from, to = part(step, steps, len(pages))
	for _, page := range pages[from:to] {
		t.Threads.Each(page, func(number uint32, record []byte) {
			day, _ := Head(record)
			l := of(day)
			l.threads = append(l.threads, number)
		})
	}
	for _, l := range buckets {
		slices.SortFunc(l.ids, func(a, b uint64) int { return t.threadOf(a) - t.threadOf(b) })
		if len(l.ids)+len(l.threads) > 0 {
			all = append(all, t.PackConversations(l.threads, l.ids))
		}
		if len(l.edges)+len(l.names) > 0 {
			all = append(all, t.PackCorrespondence(l.edges, l.names, nil))
		}
	}
	return all
}

// threadOf orders ids so that the steps between their threads are short.
func (t *Tables) threadOf(id uint64) int {
	f, _ := t.IDs.Get(id)
	return int(f.Thread())
}
