package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mxgate/cmd/lookalikebench/internal/baseline"
	"mxgate/cmd/lookalikebench/internal/cases"
	"mxgate/cmd/lookalikebench/internal/corpus"
	"mxgate/cmd/lookalikebench/internal/generate"
	"mxgate/cmd/lookalikebench/internal/report"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// bench is one run.
type bench struct {
	dir      corpus.Dir
	quick    bool
	progress io.Writer
	misses   map[string][]string // by part, for whoever mends them
	started  time.Time
}

// seed is that of everything made by chance.
const seed = 6

// targetCount is how many domains are protected: LOOKALIKE, Section 4.2.
const targetCount = 550

// less is n, or a smaller number if the run is to be quick.
func (b *bench) less(n, quick int) int {
	if b.quick {
		return quick
	}
	return n
}

// reaches reports whether a share meets its bar. Of a small sample it is asked
// only that it does not refute the bar.
func (b *bench) reaches(s report.Share, percent float64) bool {
	if b.quick {
		_, high := s.Wilson()
		return high >= percent
	}
	return s.Percent() >= percent
}

// want is a bar as it is shown: of a quick run it says how that judges.
func (b *bench) want(bar string) string {
	if b.quick {
		return bar + ", not refuted"
	}
	return bar
}

func (b *bench) say(format string, args ...any) {
	if b.started.IsZero() {
		b.started = time.Now()
	}
	fmt.Fprintf(b.progress, "%6.1fs  %s\n", time.Since(b.started).Seconds(), fmt.Sprintf(format, args...))
}

// miss remembers a case for the list that -misses writes.
func (b *bench) miss(part, format string, args ...any) {
	b.misses[part] = append(b.misses[part], fmt.Sprintf(format, args...))
}

func (b *bench) saveMisses(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for part, lines := range b.misses {
		text := strings.Join(lines, "\n") + "\n"
		if err := os.WriteFile(filepath.Join(dir, "bench-"+part+".txt"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// columns reads the first columns of several lists, one behind the other.
func (b *bench) columns(names ...string) ([]string, error) {
	var all []string
	for _, name := range names {
		column, err := b.dir.Column(name)
		if err != nil {
			return nil, err
		}
		all = append(all, column...)
	}
	return all, nil
}

// The lists of names.
const (
	listBanks      = "domains/banks.txt"
	listTranco     = "domains/tranco-top10k.txt.gz"
	listMajestic   = "domains/majestic-top10k.txt.gz"
	listOpenDNS    = "domains/opendns-top10k.txt"
	listCloudflare = "domains/cloudflare-top100k.tsv.gz"
)

// targets draws the protected domains of one sample.
func (b *bench) targets(sample uint64) ([]generate.Target, error) {
	banks, err := b.columns(listBanks)
	if err != nil {
		return nil, err
	}
	popular, err := b.columns(listTranco, listMajestic)
	if err != nil {
		return nil, err
	}
	var targets []generate.Target
	for _, d := range cases.Targets(banks, popular, targetCount+50, seed+sample) {
		if t, ok := generate.Cut(d); ok && len(targets) < targetCount {
			targets = append(targets, t)
		}
	}
	return targets, nil
}

// protect builds the index of targets.
func protect[T ~string](domains []T) *lookalike.Index {
	targets := make([]lookalike.Target, len(domains))
	for i, d := range domains {
		targets[i] = lookalike.Target{Domain: mail.Domain(d), Tier: lookalike.Protected}
	}
	return lookalike.NewIndex(targets)
}

func domainsOf(targets []generate.Target) []string {
	domains := make([]string, len(targets))
	for i, t := range targets {
		domains[i] = t.Domain
	}
	return domains
}

// reader prepares names for the baselines.
func (b *bench) reader() (baseline.Reader, error) {
	lines, err := b.dir.Lines("unicode/confusables.txt.gz")
	if err != nil {
		return baseline.Reader{}, err
	}
	confusables, err := baseline.ReadConfusables(lines)
	return baseline.Reader{Confusables: confusables}, err
}

// tables are those of dnstwist.
func (b *bench) tables() (generate.Tables, error) {
	data, err := b.dir.Bytes("lookalike/dnstwist/glyph-tables.json")
	if err != nil {
		return generate.Tables{}, err
	}
	t, err := generate.ReadTables(data)
	if err != nil {
		return t, err
	}
	if t.Words, err = b.dir.Lines("lookalike/dnstwist/english.dict"); err != nil {
		return t, err
	}
	t.TLDs, err = b.dir.Lines("lookalike/dnstwist/common_tlds.dict")
	return t, err
}
