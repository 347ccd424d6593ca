package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"mxgate/cmd/lookalikebench/internal/generate"
	"mxgate/cmd/lookalikebench/internal/report"
	"mxgate/cmd/lookalikebench/internal/world"
	"mxgate/gateway/memory"
	"mxgate/policy"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/thread"
)

// wantStoreOctets is how large the store of a million messages may be.
const wantStoreOctets = 250 << 20

// traffic makes the mail of a site: half of it new conversations, the rest
// answers in those of the last weeks. LOOKALIKE, Section 6 tells the shares.
type traffic struct {
	r       *rand.Rand
	domains []string
	threads [][]string // ids of the newest conversations
	n       int
	at      time.Time
	step    time.Duration
}

// Sizes of the site.
const (
	siteThreads    = 50_000
	siteRecipients = 500
	correspondents = 4 // mailboxes that a domain writes to
	siteDays       = 150
)

// next makes one message.
func (t *traffic) next() policy.Observation {
	t.n++
	t.at = t.at.Add(t.step)
	rank := t.r.IntN(len(t.domains)) * t.r.IntN(len(t.domains)) / len(t.domains) // few send most
	o := policy.Observation{At: t.at, ID: fmt.Sprintf("%x.%d@%s", t.r.Uint64(), t.n, t.domains[rank]), Aligned: true,
		Author:     mail.Address{Local: fmt.Sprint("p", t.r.IntN(5)), Domain: mail.Domain(t.domains[rank])},
		Name:       fmt.Sprint("person ", rank*5+t.r.IntN(5)),
		Recipients: []mail.Address{{Local: fmt.Sprint("u", (rank*7+t.r.IntN(correspondents))%siteRecipients), Domain: ownDomain}}}
	if t.r.IntN(100) < 59 || len(t.threads) == 0 {
		t.threads = append(t.threads, []string{o.ID})
		if len(t.threads) > siteThreads {
			t.threads = t.threads[1:]
		}
		return o
	}
	ids := &t.threads[t.r.IntN(len(t.threads))]
	o.Cited = append(o.Cited, (*ids)[max(0, len(*ids)-5):]...)
	if t.r.IntN(100) < 40 { // an answer of ours that we never saw
		o.Cited = append(o.Cited, fmt.Sprintf("%x@%s", t.r.Uint64(), ownDomain))
	}
	*ids = append(*ids, o.ID)
	if t.r.IntN(4) == 0 {
		o.Parties = []mail.Domain{mail.Domain(t.domains[t.r.IntN(len(t.domains))])}
	}
	return o
}

// store measures the memory of a site.
func (b *bench) store(ctx context.Context) (report.Section, error) {
	size := b.less(1_000_000, 20_000)
	r := generate.Seeded(seed, "store")
	domains, err := b.knownNames(b.less(60_000, 5_000), r)
	if err != nil {
		return report.Section{}, err
	}
	dir, err := os.MkdirTemp("", "lookalikebench-")
	if err != nil {
		return report.Section{}, err
	}
	defer os.RemoveAll(dir)
	before := heap()
	s, err := memory.Open(memory.Config{Dir: dir, Own: []mail.Domain{ownDomain}})
	if err != nil {
		return report.Section{}, err
	}
	defer s.Close()
	mails := &traffic{r: r, domains: domains, at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), step: siteDays * 24 * time.Hour / time.Duration(size)}
	start := time.Now()
	asked, err := b.teach(ctx, s, mails, size)
	if err != nil {
		return report.Section{}, err
	}
	took := time.Since(start)
	mails.threads = nil
	grown := heap() - before
	recalls, err := recalled(ctx, s, asked, r)
	if err != nil {
		return report.Section{}, err
	}
	stats, err := s.Stats(ctx)
	disk := sizeOf(dir)
	t := report.Table{Title: "The store", Columns: []string{"what", ""}}
	t.Add("messages learned a second", fmt.Sprintf("%.0f", float64(size)/took.Seconds()))
	t.Add("on disk, MB", fmt.Sprintf("%.1f", megabytes(disk)))
	t.Add("RAM as it says, MB", fmt.Sprintf("%.1f", megabytes(stats.RAMOctets)))
	t.Add("heap grown, MB", fmt.Sprintf("%.1f", megabytes(grown)))
	t.Add("ids, threads, edges, names", fmt.Sprintf("%d, %d, %d, %d", stats.IDs, stats.Threads, stats.Edges, stats.Names))
	t.Add("observations dropped, cut by limits", fmt.Sprintf("%d, %d", stats.Dropped, stats.Capped))
	t.Add("Recall, µs: p50", micros(recalls, 50))
	t.Add("Recall, µs: p99", micros(recalls, 99))
	section := report.Section{Title: "Speed: the memory of a site", Notes: []string{
		fmt.Sprintf("%d messages of %d domains in %d days to %d mailboxes, 59 %% of them new conversations.", size, len(domains), siteDays, siteRecipients),
	}, Tables: []report.Table{t}}
	if !b.quick {
		section.Bars = []report.Bar{{What: "memory of 1,000,000 messages on disk", Want: "<= 250 MB", Got: fmt.Sprintf("%.1f MB", megabytes(disk)),
			Met: disk <= wantStoreOctets && stats.Dropped == 0}}
	}
	return section, err
}

// teach lets the store learn size messages, and returns some of them.
func (b *bench) teach(ctx context.Context, s *memory.Store, mails *traffic, size int) (asked []policy.Observation, err error) {
	for i := range size {
		o := mails.next()
		if i%(size/2000) == 0 {
			asked = append(asked, o)
		}
		s.Learn(o)
		if i%4000 == 3999 { // before the queue is full
			if err := s.Flush(ctx); err != nil {
				return nil, err
			}
		}
		if i%(size/5) == 0 {
			b.say("speed: %d of %d messages learned", i, size)
		}
	}
	return asked, s.Flush(ctx)
}

// recalled asks about answers in known conversations, half of them from domains
// that imitate the author.
func recalled(ctx context.Context, s *memory.Store, asked []policy.Observation, r *rand.Rand) ([]time.Duration, error) {
	var took []time.Duration
	for _, o := range asked {
		q := policy.Question{At: o.At.Add(24 * time.Hour), Author: o.Author, Name: o.Name, Recipients: o.Recipients, Cited: append(o.Cited, o.ID),
			Domains: append(o.Parties, "third.example")}
		if t, ok := generate.Cut(string(o.Author.Domain)); ok && r.IntN(2) == 0 && len(t.Label) > 2 {
			if names := generate.Named("insertion").Names(t, 1, r.Uint64()); len(names) > 0 {
				q.Author.Domain = mail.Domain(names[0])
			}
		}
		start := time.Now()
		if _, err := s.Recall(ctx, q); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}

// sizeOf is what the files of a directory take.
func sizeOf(dir string) (octets int) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				octets += int(info.Size())
			}
		}
		return nil
	})
	return octets
}

// collecting measures what conversations add to Collect.
func (b *bench) collecting(ctx context.Context) (report.Section, error) {
	files, err := b.ham()
	if err != nil {
		return report.Section{}, err
	}
	box, err := openMailbox(nil)
	if err != nil {
		return report.Section{}, err
	}
	defer box.close()
	if _, err := b.replay(ctx, box, files); err != nil {
		return report.Section{}, err
	}
	with := &box.policy
	without := policy.Collector{Resolver: with.Resolver, Own: with.Own, Protected: with.Protected, Lookalike: with.Lookalike}
	source := provider.Source{Name: "bench", Origin: provider.OriginPeer}
	var all, bare, reading []time.Duration
	for range b.less(10, 2) {
		for _, f := range files {
			tx, err := world.Transaction(f.raw, f.author, victim.Address(), f.At)
			if err != nil {
				return report.Section{}, err
			}
			t0 := time.Now()
			_, err = with.Collect(ctx, tx, source, policy.Given{})
			t1 := time.Now()
			_, err2 := without.Collect(ctx, tx, source, policy.Given{})
			t2 := time.Now()
			m, err3 := mail.ParseMessage(bytes.NewReader(f.raw), int64(len(f.raw)))
			t3 := time.Now()
			for _, err := range []error{err, err2, err3} {
				if err != nil {
					return report.Section{}, err
				}
			}
			thread.Read(m)
			all, bare, reading = append(all, t1.Sub(t0)), append(bare, t2.Sub(t1)), append(reading, time.Since(t3))
		}
	}
	t := report.Table{Title: "Shared ham, µs", Columns: []string{"what", "p50", "p99"}}
	t.Add("Collect with a memory", micros(all, 50), micros(all, 99))
	t.Add("Collect without one", micros(bare, 50), micros(bare, 99))
	t.Add("reading the conversation, in both", micros(reading, 50), micros(reading, 99))
	growth := percentile(all, 50) - percentile(bare, 50) + percentile(reading, 50)
	t.Add("growth", micros([]time.Duration{growth}, 50), "")
	s := report.Section{Title: "Speed: Collect", Notes: []string{"Growth is what the memory adds at the median, and reading the conversation, which is done with or without one."}, Tables: []report.Table{t}}
	if !b.quick {
		s.Bars = []report.Bar{{What: "Collect grows", Want: "< 100 µs", Got: growth.String(), Met: growth < 100*time.Microsecond}}
	}
	return s, nil
}
