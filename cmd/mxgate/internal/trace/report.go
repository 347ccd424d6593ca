package trace

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Limits of what a report remembers of an archive. What exceeds them is counted
// as "others", or not at all where that would say nothing.
const (
	maxKeys    = 100_000   // peers, recipients, domains
	maxSamples = 1_000_000 // delays of one part of the way
	maxCopies  = 2_000_000 // messages whose copies are recognised: 40 octets each

	// A date outside these years is not a date of mail.
	firstYear, lastYear = 1990, 2099
)

// Archive gathers what was traced into a report.
type Archive struct {
	config     *Config
	r          Report
	months     map[string]map[Verdict]int
	peers      map[netip.Addr]*DirectPeer
	old        map[string]*OldSource
	lastUse    map[string]time.Time // of each source while it was in force
	recipients map[string]int
	authors    map[string]int
	reasons    map[string]int
	writers    map[string]int            // of the newest hop, where none of it is ours
	reverse    map[string]map[string]int // by source: addresses that its ranges lack
	legs       map[legKey][]float32
	seen       map[copyKey]struct{}
	gaps       map[gap]int // messages in times without a provider
}

// copyKey is a hash of what the copies of a message have in common.
type copyKey [16]byte

type legKey struct {
	source string
	leg    int
}

// legNames are the parts of the way in the order of the mail.
var legNames = []string{"sender_side", "before_provider", "inside_provider", "to_us", "inside_us"}

func (l *Legs) all() [5]float64 {
	return [5]float64{l.SenderSide, l.BeforeProvider, l.InsideProvider, l.ToUs, l.InsideUs}
}

// NewArchive returns an empty Archive of mail to our side as c knows it.
func NewArchive(c *Config) *Archive {
	return &Archive{config: c, months: map[string]map[Verdict]int{}, peers: map[netip.Addr]*DirectPeer{}, old: map[string]*OldSource{},
		lastUse: map[string]time.Time{}, recipients: map[string]int{}, authors: map[string]int{}, reasons: map[string]int{}, writers: map[string]int{},
		reverse: map[string]map[string]int{}, legs: map[legKey][]float32{}, seen: map[copyKey]struct{}{}, gaps: map[gap]int{}}
}

// Add counts a message and marks it if it is the copy of one that was counted.
// Attached messages have their own count and are in nothing else: whoever wrote
// the message around them could name anybody in them.
func (a *Archive) Add(t *Traced) {
	switch {
	case t.Part > 0:
		a.r.Attached++
		if t.Verdict.Found() {
			a.r.AttachedFound++
		}
		return
	case a.isCopy(t):
		t.Copy = true
		a.r.Copies++
		if t.Verdict.Found() {
			a.to(t)
		}
		return
	}
	a.r.Messages++
	a.month(t)
	a.way(t)
	if t.gap != nil {
		a.gaps[*t.gap]++ // as many keys as sources, plus one
	}
	if t.Verdict.Found() {
		a.to(t)
		count(a.authors, or(t.fromDomain, "(unreadable)"))
	}
	switch t.Verdict {
	case Direct:
		a.direct(t)
	case ViaOld:
		a.viaOld(t)
	case Undetermined:
		count(a.reasons, t.Reason)
		if n := len(t.Hops); t.Reason == "no-boundary" && n > 0 {
			count(a.writers, domainOf(t.Hops[n-1].By))
		}
	case ViaCurrent, ProviderOrigin, Internal:
		if t.Source != "" && t.Time != nil && t.Time.After(a.lastUse[t.Source]) {
			a.lastUse[t.Source] = *t.Time
		}
	}
	if t.Propose != "" {
		if a.reverse[t.Source] == nil {
			a.reverse[t.Source] = map[string]int{}
		}
		count(a.reverse[t.Source], t.Propose)
	}
}

// Unreadable counts a file or a message that could not be read.
func (a *Archive) Unreadable() { a.r.Unreadable++ }

// isCopy reports whether the same message came over our border in the same
// transaction: one copy for each recipient is kept.
func (a *Archive) isCopy(t *Traced) bool {
	if t.MessageID == "" || t.BoundaryID == "" || t.Peer == nil || t.Time == nil || len(a.seen) == maxCopies {
		return false
	}
	sum := sha256.Sum256([]byte(t.MessageID + "\n" + t.BoundaryID + "\n" + t.Peer.IP + "\n" + t.Time.String())) // none holds a line end
	key := copyKey(sum[:16])
	_, before := a.seen[key]
	a.seen[key] = struct{}{}
	return before
}

func count(m map[string]int, key string) {
	if _, known := m[key]; !known && len(m) >= maxKeys {
		key = "(others)"
	}
	m[key]++
}

func (a *Archive) month(t *Traced) {
	month := "unknown"
	if t.Time != nil && t.Time.Year() >= firstYear && t.Time.Year() <= lastYear {
		month = t.Time.Format("2006-01")
		first, last := &a.r.First, &a.r.Last
		if *first == nil || t.Time.Before(**first) {
			*first = t.Time
		}
		if *last == nil || t.Time.After(**last) {
			*last = t.Time
		}
	}
	if a.months[month] == nil {
		a.months[month] = map[Verdict]int{}
	}
	a.months[month][t.Verdict]++
}

// to counts the recipients of what came past the provider.
func (a *Archive) to(t *Traced) {
	for _, r := range t.Recipients {
		count(a.recipients, r)
	}
}

// way notes how long the parts of the way took, by source.
func (a *Archive) way(t *Traced) {
	if t.Boundary == 0 || len(t.Hops) < 2 {
		return
	}
	source := t.Source
	if source == "" {
		source = string(t.Verdict)
	}
	for leg, seconds := range t.Legs.all() {
		key := legKey{source, leg}
		if len(a.legs[key]) < maxSamples {
			a.legs[key] = append(a.legs[key], float32(seconds))
		}
	}
}

// others stands for all direct peers that are too many to be told apart.
var others = netip.IPv6Unspecified()

func (a *Archive) direct(t *Traced) {
	fails, known := t.Auth.fails()
	if known {
		a.r.DirectWithAuth++
	}
	if fails {
		a.r.DirectFailing++
	}
	addr := others
	if t.Peer != nil {
		addr = t.Peer.addr
	}
	p := a.peers[addr]
	if p == nil && len(a.peers) >= maxKeys {
		addr = others
		p = a.peers[addr]
	}
	if p == nil {
		p = &DirectPeer{IP: addr.String(), Network: network(addr)}
		a.peers[addr] = p
	}
	p.Count++
	p.TopConfidence = max(p.TopConfidence, t.Confidence)
	if known && !fails {
		p.Passing++
	}
	if len(t.Contradictions) > 0 {
		p.Contradicted++
	}
	if t.Peer != nil {
		p.Helo, p.RDNS = or(t.Peer.Helo, p.Helo), or(t.Peer.RDNS, p.RDNS)
	}
	p.First, p.Last = widen(p.First, p.Last, t.Time)
}

func (a *Archive) viaOld(t *Traced) {
	o := a.old[t.Source]
	if o == nil {
		o = &OldSource{Source: t.Source, ranges: map[string]int{}}
		for _, s := range a.config.Sources {
			if s.Name == t.Source {
				o.Ended = s.Until.AddDate(0, 0, -1)
			}
		}
		a.old[t.Source] = o
	}
	o.Count++
	if t.Peer != nil {
		count(o.ranges, a.rangeOf(t))
	}
	o.First, o.Last = widen(o.First, o.Last, t.Time)
	if o.Last != nil && !o.Ended.IsZero() {
		o.StillDays = max(int(o.Last.Sub(o.Ended.AddDate(0, 0, 1))/(24*time.Hour))+1, 0)
	}
}

// rangeOf returns the range of the source that the peer is in, or its address.
func (a *Archive) rangeOf(t *Traced) string {
	for i := range a.config.Sources {
		s := &a.config.Sources[i]
		if r, ok := s.holds(t.Peer.addr); ok && s.Name == t.Source {
			return r.String()
		}
	}
	return t.Peer.IP
}

func widen(first, last, t *time.Time) (*time.Time, *time.Time) {
	if t == nil {
		return first, last
	}
	if first == nil || t.Before(*first) {
		first = t
	}
	if last == nil || t.After(*last) {
		last = t
	}
	return first, last
}

// network is what is counted together: a /24, or a /64.
func network(addr netip.Addr) string {
	bits := 64
	if addr.Is4() {
		bits = 24
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// ranked returns the keys of m with their counts, the most frequent first, at
// most most of them.
func ranked(m map[string]int, most int) []Counted {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	list := []Counted{}
	for _, k := range keys[:min(len(keys), most)] {
		list = append(list, Counted{Count: m[k], What: k})
	}
	return list
}

// percentile returns the p-th hundredth of sorted samples, in seconds.
func percentile(sorted []float32, p int) float64 {
	return float64(sorted[min(len(sorted)*p/100, len(sorted)-1)])
}
