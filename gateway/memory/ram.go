package memory

import (
	"mxgate/gateway/memory/table"
	"mxgate/policy/mail"
)

// ram is what is remembered, as the server has it. The goroutine that learns
// changes it, under the lock of the Store; it reads without one.
type ram struct {
	*domains
	table.Tables
	since uint16 // day of the first thing learned
}

func newRAM(c Config) *ram {
	return &ram{domains: newDomains(c), Tables: table.Tables{NextThread: 1}}
}

// bytes is about what it all takes.
func (r *ram) bytes() int {
	const perDomain = 260 // struct, name, and its share of the maps
	return r.Tables.Bytes() + r.known.Bytes() + perDomain*len(r.byName)
}

// nameOf is the name of a domain by number, "" if it was forgotten.
func (r *ram) nameOf(id uint32) mail.Domain {
	if d := r.byID[id]; d != nil {
		return d.name
	}
	return ""
}

// counts are what is packed of domains.
func (r *ram) counts(ids map[uint32]struct{}) []table.Counts {
	all := make([]table.Counts, 0, len(ids))
	for id := range ids {
		if d := r.byID[id]; d != nil {
			all = append(all, table.Counts{Domain: id, Last: d.last, Days: d.days, In: d.in, Out: d.out})
		}
	}
	return all
}

// count takes counts in from a segment; the row may be the newer one.
func (r *ram) count(c table.Counts) {
	if d := r.byID[c.Domain]; d != nil {
		d.last, d.days, d.in, d.out = max(d.last, c.Last), max(d.days, c.Days), max(d.in, c.In), max(d.out, c.Out)
		d.counted = true
	}
}
