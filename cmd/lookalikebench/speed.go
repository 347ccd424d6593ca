package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"mxgate/cmd/lookalikebench/internal/cases"
	"mxgate/cmd/lookalikebench/internal/generate"
	"mxgate/cmd/lookalikebench/internal/report"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// speed measures time and memory.
func (b *bench) speed(ctx context.Context) ([]report.Section, error) {
	var sections []report.Section
	for _, part := range []func(context.Context) (report.Section, error){b.lookUps, b.store, b.collecting} {
		s, err := part(ctx)
		if err != nil {
			return nil, err
		}
		sections = append(sections, s)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return sections, nil
}

// knownNames returns n registrable domains: the real ones of all lists, and others
// made of parts of their labels.
func (b *bench) knownNames(n int, r *rand.Rand) ([]string, error) {
	lists, err := b.columns(listCloudflare, listTranco, listMajestic, listOpenDNS, listBanks)
	if err != nil {
		return nil, err
	}
	names := cases.Minus(lists)
	var cuts []generate.Target
	seen := make(map[string]bool, n)
	for _, name := range names {
		seen[name] = true
		if t, ok := generate.Cut(name); ok && len(t.Label) > 3 {
			cuts = append(cuts, t)
		}
	}
	for len(names) < n {
		first, second := cuts[r.IntN(len(cuts))], cuts[r.IntN(len(cuts))]
		label := first.Label + second.Label
		if r.IntN(2) == 0 || len(label) > 16 {
			label = first.Label[:2+r.IntN(len(first.Label)-2)] + second.Label[r.IntN(len(second.Label)-2):]
		}
		name := label + "." + cuts[r.IntN(len(cuts))].Suffix
		if d, err := mail.ParseDomain(name); err == nil && !seen[name] && cases.Registrable(string(d)) == name {
			seen[name] = true
			names = append(names, name)
		}
	}
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:min(n, len(names))], nil
}

// The bars of one look-up.
const (
	wantMedian     = 8 * time.Microsecond
	wantHundredth  = 20 * time.Microsecond
	wantIndexBytes = 60 << 20
	wantInserts    = 50_000
)

// lookUps measures the index of known domains.
func (b *bench) lookUps(context.Context) (report.Section, error) {
	size := b.less(1_000_000, 50_000)
	b.say("speed: making %d names", size)
	r := generate.Seeded(seed, "speed")
	names, err := b.knownNames(size, r)
	if err != nil {
		return report.Section{}, err
	}
	before := heap()
	known := lookalike.NewKnown()
	start := time.Now()
	for _, name := range names {
		known.Insert(mail.Domain(name))
	}
	inserts := float64(known.Len()) / time.Since(start).Seconds()
	grown := heap() - before
	b.say("speed: looking up among %d", known.Len())
	kinds := queries(names, b.less(10_000, 1_000), r)
	t := report.Table{Title: "Look-ups, µs", Columns: []string{"asked for", "n", "p50", "p99", "p50, raw", "p99, raw", "found"}}
	var all, raw []time.Duration
	for _, kind := range kinds {
		quiet, loud, found := timed(kind.names, known)
		b.slowest(kind, quiet)
		all, raw = append(all, quiet...), append(raw, loud...)
		t.Add(kind.what, len(kind.names), micros(quiet, 50), micros(quiet, 99), micros(loud, 50), micros(loud, 99), report.Share{K: found, N: len(kind.names)}.String()+" %")
	}
	t.Add("all", len(all), micros(all, 50), micros(all, 99), micros(raw, 50), micros(raw, 99), "")
	s := report.Section{Title: "Speed: known domains", Notes: []string{
		fmt.Sprintf("%d registrable domains, the real ones of all lists and others made of their parts. All names are asked for in five passes; the quickest", known.Len()),
		"time of each counts, which leaves out what other processes on the machine took; raw is the first pass. One goroutine.",
		fmt.Sprintf("Inserted %.0f a second. The index says that it takes %.1f MB; the heap grew by %.1f MB.", inserts, megabytes(known.Bytes()), megabytes(grown)),
	}, Tables: []report.Table{t}}
	if !b.quick {
		median, hundredth := percentile(all, 50), percentile(all, 99)
		bytes := max(known.Bytes(), grown)
		s.Bars = []report.Bar{
			{What: "look-up at 1,000,000 known, p50", Want: "< 8 µs", Got: median.String(), Met: median < wantMedian},
			{What: "look-up at 1,000,000 known, p99", Want: "< 20 µs", Got: hundredth.String(), Met: hundredth < wantHundredth},
			{What: "index of 1,000,000 known", Want: "<= 60 MB", Got: fmt.Sprintf("%.1f MB", megabytes(bytes)), Met: bytes <= wantIndexBytes},
			{What: "inserts a second", Want: ">= 50,000", Got: fmt.Sprintf("%.0f", inserts), Met: inserts >= wantInserts},
		}
	}
	runtime.KeepAlive(known)
	return s, nil
}

// query is a kind of name that is asked for.
type query struct {
	what  string
	names []mail.Domain
}

// queries are names that are known, names one edit away from those, and others.
func queries(known []string, n int, r *rand.Rand) []query {
	kinds := []query{{what: "a known name"}, {what: "one edit from one"}, {what: "an unknown name"}}
	for len(kinds[0].names) < n {
		name := known[r.IntN(len(known))]
		t, ok := generate.Cut(name)
		edited := generate.Named("replacement").Names(t, 1, r.Uint64())
		if !ok || len(t.Label) < generate.MinLabel || len(edited) == 0 {
			continue
		}
		kinds[0].names = append(kinds[0].names, mail.Domain(name))
		kinds[1].names = append(kinds[1].names, mail.Domain(edited[0]))
		other, _ := generate.Cut(known[r.IntN(len(known))])
		half := len(t.Label) / 2
		kinds[2].names = append(kinds[2].names, mail.Domain(t.Label[half:]+other.Label+"."+t.Suffix))
	}
	return kinds
}

// passes is how often all names are asked for: one after the other, so that a name
// asked for again finds no more of itself in the caches than any other.
const passes = 5

// timed asks for all names, pass by pass: quiet is the quickest time of each name,
// loud that of the first pass.
func timed(names []mail.Domain, known *lookalike.Known) (quiet, loud []time.Duration, found int) {
	quiet, loud = make([]time.Duration, len(names)), make([]time.Duration, len(names))
	for pass := range passes {
		for i, name := range names {
			start := time.Now()
			matches := known.Near(name)
			took := time.Since(start)
			if pass > 0 {
				quiet[i] = min(quiet[i], took)
				continue
			}
			quiet[i], loud[i] = took, took
			if len(matches) > 0 || known.Contains(name) {
				found++
			}
		}
	}
	return quiet, loud, found
}

// slowest lists the slowest hundredth, for whoever mends them.
func (b *bench) slowest(kind query, took []time.Duration) {
	limit := percentile(slices.Clone(took), 99)
	for i, d := range took {
		if d > limit {
			b.miss("speed-slow", "%-20s %8s %s", kind.what, d, kind.names[i])
		}
	}
}

// percentile is the p-th of a hundred parts; it sorts took.
func percentile(took []time.Duration, p int) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.SortFunc(took, cmp.Compare[time.Duration])
	return took[min(len(took)*p/100, len(took)-1)]
}

func micros(took []time.Duration, p int) string {
	return fmt.Sprintf("%.1f", float64(percentile(took, p).Nanoseconds())/1e3)
}

func megabytes(octets int) float64 { return float64(octets) / (1 << 20) }

// heap is what is in use after a collection.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
