package providers

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"mxgate/gateway/store"
	"mxgate/policy/provider"
	"mxgate/policy/provider/ranges"
)

// maxBuckets is how many lines a picture over time has at most, about.
const maxBuckets = 60

// Stranger is all that one network tried.
type Stranger struct {
	Network     netip.Prefix // the zero Prefix: all that came in too great numbers to be told apart
	Count       int64        // connections
	First, Last time.Time    // begin of the hour, UTC
	Hours       int          // in which it came
	Helo        string       // the last one offered
	// NearCount is how many of Count were near misses, told to wait: their host has
	// a name of NearSource, of the last one that is, and an address of no source.
	NearCount  int64
	NearSource string
	// Source is the source of the configuration that has its address: one that is
	// over or to come, or one that is admitted now and was not when it came. With
	// Part the source has only some of the network. It may have no Name.
	Source provider.Source
	Part   bool
	// Provider is that of the source, or one of the catalogue in whose ranges the
	// network lies: one left behind, or a range that is missing. It may be "".
	Provider string
}

// Waits reports whether mail of a source waits until the address of s is in its
// ranges: the one stranger of whom somebody has to take care today.
func (s Stranger) Waits(now time.Time) bool {
	return s.NearSource != "" && (s.Source.Name == "" || s.Part || s.State(now) != Admitted)
}

// State says how the source of s stands at now: Admitted, ToCome or Over.
func (s Stranger) State(now time.Time) string { return stateOf(s.Source, now) }

// Bucket is a bar of the picture over time.
type Bucket struct {
	Begin time.Time // UTC
	Count int64
}

// Attempts is the report on all strangers.
type Attempts struct {
	Strangers []Stranger // those who wait first, then who came most
	Count     int64
	NearCount int64         // of them near misses
	Unit      time.Duration // an hour, a day, a week, or some weeks
	Picture   []Bucket      // from the begin to now, also those without a stranger
}

// NewAttempts makes the report of the rows from since on, which are in the order
// of Store.Strangers: newest first.
func NewAttempts(rows []store.StrangerRow, set *provider.Set, since, now time.Time) Attempts {
	a := Attempts{Unit: time.Hour}
	for _, unit := range []time.Duration{24 * time.Hour, 7 * 24 * time.Hour} {
		if now.Sub(since) > maxBuckets*a.Unit {
			a.Unit = unit
		}
	}
	if weeks := a.Unit * maxBuckets; now.Sub(since) > weeks {
		a.Unit *= (now.Sub(since) + weeks - 1) / weeks
	}
	by, sources := map[netip.Prefix]*Stranger{}, set.All()
	counts := map[time.Time]int64{}
	for _, r := range rows {
		s := by[r.Network]
		if s == nil {
			s = &Stranger{Network: r.Network, Last: r.Hour}
			s.belong(sources)
			by[r.Network] = s
		}
		s.add(r)
		a.Count += r.Count
		a.NearCount += r.NearCount
		counts[r.Hour.UTC().Truncate(a.Unit)] += r.Count
	}
	for _, s := range by {
		a.Strangers = append(a.Strangers, *s)
	}
	slices.SortFunc(a.Strangers, func(x, y Stranger) int {
		if wait := x.Waits(now); wait != y.Waits(now) {
			if wait {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(y.Count, x.Count), x.Network.Addr().Compare(y.Network.Addr()))
	})
	for at := since.UTC().Truncate(a.Unit); !at.After(now); at = at.Add(a.Unit) {
		a.Picture = append(a.Picture, Bucket{at, counts[at]})
	}
	return a
}

// add counts an hour that is not later than those before it.
func (s *Stranger) add(r store.StrangerRow) {
	s.Count += r.Count
	s.Hours++
	s.First = r.Hour
	s.NearCount += r.NearCount
	if s.Helo == "" {
		s.Helo = r.Helo
	}
	if s.NearSource == "" {
		s.NearSource = r.NearSource
	}
}

// belong finds the source and the provider that the network of s belongs to.
func (s *Stranger) belong(sources []provider.Source) {
	if !s.Network.IsValid() {
		return
	}
	for _, source := range sources {
		if slices.ContainsFunc(source.Ranges, s.Network.Overlaps) {
			s.Source, s.Provider = source, source.Provider
			s.Part = len(ranges.Subtract([]netip.Prefix{s.Network}, source.Ranges)) > 0
			return
		}
	}
	if e, ok := ofAddress([]netip.Addr{s.Network.Addr()}); ok {
		s.Provider = e.ID
	}
}
