package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"mxgate/cmd/lookalikebench/internal/cases"
	"mxgate/cmd/lookalikebench/internal/generate"
	"mxgate/cmd/lookalikebench/internal/report"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// byKind counts judged names by the name of a method, in order of appearance.
type byKind struct {
	kinds   []string
	results map[string]*judged
}

func (k *byKind) of(kind string) *judged {
	if k.results == nil {
		k.results = map[string]*judged{}
	}
	if k.results[kind] == nil {
		k.kinds = append(k.kinds, kind)
		k.results[kind] = &judged{}
	}
	return k.results[kind]
}

func (k *byKind) table(title string) report.Table {
	t := report.Table{Title: title, Columns: []string{"method", "n", "retrieved", ">= 50", "alone"}}
	for _, kind := range k.kinds {
		r := k.results[kind]
		t.Add(kind, r.found.N, r.found.Interval(), r.likely, r.alone)
	}
	return t
}

// dnstwist judges what is made in the manner of dnstwist.
func (b *bench) dnstwist(targets []generate.Target, x *lookalike.Index) (report.Section, error) {
	twist, err := b.tables()
	if err != nil {
		return report.Section{}, err
	}
	most := b.less(40, 4)
	var results byKind
	for i, t := range targets {
		if len(t.Label) < generate.MinLabel || b.quick && i%5 > 0 {
			continue
		}
		if i%100 == 0 {
			b.say("names: dnstwist's of %d of %d targets", i, len(targets))
		}
		made := map[string][]string{}
		for kind, name := range twist.Permutations(t) {
			made[kind] = append(made[kind], name)
		}
		for _, kind := range slices.Sorted(maps.Keys(made)) {
			for _, name := range sample(made[kind], most, t, kind) {
				if _, hit := results.of(kind).count(x, name, t); !hit {
					b.miss("names-dnstwist", "%-14s %-40s %s for %s: not found", kind, name, mail.Domain(name).Unicode(), t.Domain)
				}
			}
		}
	}
	slices.Sort(results.kinds)
	return report.Section{Title: "Recall by class: dnstwist", Notes: []string{
		fmt.Sprintf("The same targets; names made in the manner of dnstwist by its own tables, at most %d for each method and target.", most),
	}, Tables: []report.Table{results.table("Share found, %")}}, nil
}

// sample draws at most n different mailable names.
func sample(made []string, n int, t generate.Target, kind string) []string {
	var drawn []string
	seen := map[string]bool{}
	for _, i := range generate.Seeded(seed, kind, t.Domain).Perm(len(made)) {
		if len(drawn) == n {
			break
		}
		if a, ok := generate.Mailable(made[i], t); ok && !seen[a] {
			seen[a] = true
			drawn = append(drawn, a)
		}
	}
	return drawn
}

// ail judges the list that ail-typo-squatting made for one domain.
func (b *bench) ail([]generate.Target, *lookalike.Index) (report.Section, error) {
	lines, err := b.dir.Lines("lookalike/ail-generated-circl.lu.txt.gz")
	if err != nil {
		return report.Section{}, err
	}
	t, _ := generate.Cut("circl.lu")
	x := protect([]string{t.Domain})
	var results byKind
	for _, line := range lines {
		name, kind, _ := strings.Cut(line, ", ")
		a, ok := generate.Mailable(name, t)
		if !ok {
			continue
		}
		if _, hit := results.of(kind).count(x, a, t); !hit {
			b.miss("names-ail", "%-18s %s for %s: not found", kind, name, t.Domain)
		}
	}
	return report.Section{Title: "Recall by method: ail-typo-squatting", Notes: []string{
		"Its list for one domain, circl.lu; only names under which a domain can be registered and that are not circl.lu itself.",
	}, Tables: []report.Table{results.table("Share found, %")}}, nil
}

// udrp judges the domains that panels decided on.
func (b *bench) udrp([]generate.Target, *lookalike.Index) (report.Section, error) {
	rows, err := b.dir.Table("lookalike/udrp-pairs.tsv")
	if err != nil {
		return report.Section{}, err
	}
	var all, attributable, likely report.Share
	for _, d := range cases.Disputes(rows) {
		for _, disputed := range d.Domains {
			targets := d.Imitated(disputed)
			name, err := mail.ParseDomain(disputed)
			if err != nil || len(targets) == 0 {
				continue
			}
			matches := protect(targets).Check(name)
			hit := len(matches) > 0
			all.Count(hit)
			if cases.Attributable(disputed, targets) {
				attributable.Count(hit)
				likely.Count(hit && matches[0].Confidence >= 50)
			}
			if !hit {
				b.miss("names-udrp", "%s %-40s for %v (attributable: %v)", d.Case, disputed, targets, cases.Attributable(disputed, targets))
			}
		}
	}
	s := report.Section{Title: "Recall: UDRP decisions", Notes: []string{
		"Disputed domains of the shared half, held against the marks of the same decision as domains. The marks were extracted by machine; attributable are names that",
		"show at least two thirds of the letters of one of them, in order.",
	}}
	t := report.Table{Title: "Share found, %", Columns: []string{"domains", "n", "retrieved", ">= 50"}}
	t.Add("all", all.N, all.Interval(), "")
	t.Add("attributable", attributable.N, attributable.Interval(), likely)
	s.Tables = []report.Table{t}
	s.Bars = []report.Bar{{What: "UDRP retrieved, of all", Want: b.want(">= 90 %"), Got: all.String() + " %", Met: b.reaches(all, 90)}}
	return s, nil
}
