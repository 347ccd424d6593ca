package providers

import (
	"net/netip"
	"slices"
	"time"

	"mxgate/gateway/store"
	"mxgate/policy/provider"
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
	// Source is a source of the configuration that it belongs to and that is
	// over or to come, Provider one of the catalogue: a provider left behind,
	// or a range that is missing. Each may be "".
	Source, Provider string
}

// Bucket is a bar of the picture over time.
type Bucket struct {
	Begin time.Time // UTC
	Count int64
}

// Attempts is the report on all strangers.
type Attempts struct {
	Strangers []Stranger // who came most first
	Count     int64
	Unit      time.Duration // an hour, a day or a week
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
	by := map[netip.Prefix]*Stranger{}
	counts := map[time.Time]int64{}
	for _, r := range rows {
		s := by[r.Network]
		if s == nil {
			s = &Stranger{Network: r.Network, Last: r.Hour}
			s.Source, s.Provider = belongs(r.Network, set)
			by[r.Network] = s
		}
		s.add(r)
		a.Count += r.Count
		counts[r.Hour.UTC().Truncate(a.Unit)] += r.Count
	}
	for _, s := range by {
		a.Strangers = append(a.Strangers, *s)
	}
	slices.SortFunc(a.Strangers, func(x, y Stranger) int {
		if x.Count != y.Count {
			return int(min(max(y.Count-x.Count, -1), 1))
		}
		return x.Network.Addr().Compare(y.Network.Addr())
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
	if s.Helo == "" {
		s.Helo = r.Helo
	}
}

// belongs names the source and the provider that a network belongs to.
func belongs(network netip.Prefix, set *provider.Set) (source, id string) {
	if !network.IsValid() {
		return "", ""
	}
	if s, ok := set.Match(network.Addr()); ok {
		return s.Name, s.Provider
	}
	if e, ok := ofAddress([]netip.Addr{network.Addr()}); ok {
		return "", e.ID
	}
	return "", ""
}
