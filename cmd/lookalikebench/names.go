package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"mxgate/cmd/lookalikebench/internal/baseline"
	"mxgate/cmd/lookalikebench/internal/generate"
	"mxgate/cmd/lookalikebench/internal/report"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// judged counts how one class of names fared.
type judged struct {
	found, likely, alone report.Share
	near                 report.Share   // found by the index of known domains
	rules                []report.Share // of the baselines, the set of dnstwist last
}

// count judges one name that imitates t.
func (j *judged) count(x *lookalike.Index, name string, t generate.Target) (m lookalike.Match, hit bool) {
	m, hit = matchOf(x.Check(mail.Domain(name)), t)
	j.found.Count(hit)
	j.likely.Count(hit && m.Confidence >= 50)
	j.alone.Count(hit && m.Alone)
	return m, hit
}

// matchOf finds the match of a target, or of another with the same label: the
// index names one of those that differ in their suffix alone.
func matchOf(matches []lookalike.Match, t generate.Target) (lookalike.Match, bool) {
	for _, m := range matches {
		if string(m.Target) == t.Domain || strings.HasPrefix(string(m.Target), t.Label+".") {
			return m, true
		}
	}
	return lookalike.Match{}, false
}

// names measures recall, class by class.
func (b *bench) names(ctx context.Context) ([]report.Section, error) {
	targets, err := b.targets(0)
	if err != nil {
		return nil, err
	}
	targets = slices.DeleteFunc(targets, func(t generate.Target) bool { return len(t.Label) < 2 })
	x := protect(domainsOf(targets))
	var sections []report.Section
	for _, part := range []func([]generate.Target, *lookalike.Index) (report.Section, error){b.own, b.dnstwist, b.ail, b.udrp} {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s, err := part(targets, x)
		if err != nil {
			return nil, err
		}
		sections = append(sections, s)
	}
	return sections, nil
}

// own judges the names of our own generators, beside the baselines.
func (b *bench) own(targets []generate.Target, x *lookalike.Index) (report.Section, error) {
	reader, err := b.reader()
	if err != nil {
		return report.Section{}, err
	}
	twist, err := b.tables()
	if err != nil {
		return report.Section{}, err
	}
	per := b.less(5, 1)
	classes := generate.Classes()
	results := make([]judged, len(classes))
	lengths := make([]judged, len(lengthNames))
	known := lookalike.NewKnown()
	for _, t := range targets {
		known.Insert(mail.Domain(t.Domain))
	}
	for i, t := range targets {
		if i%100 == 0 {
			b.say("names: %d of %d targets", i, len(targets))
		}
		if b.quick && i%5 > 0 {
			continue
		}
		set := twistSet(&twist, t)
		target, _ := reader.Read(t.Domain)
		for k, c := range classes {
			for _, name := range c.Names(t, per, seed) {
				n, ok := reader.Read(name)
				if !ok || known.Contains(mail.Domain(name)) {
					continue
				}
				if c.Group == generate.Single && c.Name != "tld swap" {
					lengths[lengthOf(t.Label)].count(x, name, t)
				}
				if len(t.Label) < generate.MinLabel {
					continue
				}
				if m, hit := results[k].count(x, name, t); !hit {
					b.miss("names", "%-28s %-40s %s for %s: not found", c.Name, name, mail.Domain(name).Unicode(), t.Domain)
				} else if m.Confidence < 50 && len(t.Label) >= 8 {
					b.miss("names-unsure", "%-28s %-40s %s for %s: %d %s", c.Name, name, mail.Domain(name).Unicode(), t.Domain, m.Confidence, m.Class)
				}
				_, near := matchOf(known.Near(mail.Domain(name)), t)
				results[k].near.Count(near)
				results[k].compare(&n, &target, set)
			}
		}
	}
	return b.ownSection(classes, results, lengths), nil
}

// compare asks the baselines.
func (j *judged) compare(n, target *baseline.Name, set map[string]bool) {
	rules := baseline.Rules()
	if j.rules == nil {
		j.rules = make([]report.Share, len(rules)+1)
	}
	for i, rule := range rules {
		j.rules[i].Count(rule.Match(n, target))
	}
	j.rules[len(rules)].Count(set[n.Full])
}

// twistSet is all that dnstwist would watch for one target.
func twistSet(x *generate.Tables, t generate.Target) map[string]bool {
	set := map[string]bool{}
	for _, name := range x.Permutations(t) {
		set[name] = true
	}
	return set
}

// lengthNames are the lengths of labels that are told apart.
var lengthNames = []string{"2-3", "4-5", "6-7", "8-9", "10 and more"}

func lengthOf(label string) int { return min(max(len(label)/2-1, 0), len(lengthNames)-1) }

func (b *bench) ownSection(classes []generate.Class, results, lengths []judged) report.Section {
	s := report.Section{Title: "Recall by class: own generators", Notes: []string{
		fmt.Sprintf("%d protected domains, a tenth of them banks, the others popular; labels of at least %d letters. In percent: retrieved (the right target at any", targetCount, generate.MinLabel),
		"confidence, with the 95 % interval), at confidence 50 or more, how much may act alone, and how much the index of known domains finds with the same",
		"domains. Beside it the simple rules, asked about the right target only.",
	}}
	t := report.Table{Title: "Share found, %", Columns: []string{"class", "n", "retrieved", ">= 50", "alone", "known"}}
	for _, rule := range baseline.Rules() {
		t.Columns = append(t.Columns, rule.Name)
	}
	t.Columns = append(t.Columns, "dnstwist set")
	for i, c := range classes {
		r := results[i]
		row := []any{c.Name, r.found.N, r.found.Interval(), r.likely, r.alone, r.near}
		for _, rule := range r.rules {
			row = append(row, rule)
		}
		t.Add(row...)
		if want, ok := retrieval[c.Group]; ok && r.found.N > 0 {
			s.Bars = append(s.Bars, report.Bar{What: "retrieved: " + c.Name, Want: b.want(fmt.Sprintf(">= %.1f %%", want)), Got: r.found.String() + " %", Met: b.reaches(r.found, want)})
		}
	}
	byLength := report.Table{Title: "Single edits by length of the label, %", Columns: []string{"letters", "n", "retrieved", ">= 50", "alone"}}
	for i, name := range lengthNames {
		byLength.Add(name, lengths[i].found.N, lengths[i].found.Interval(), lengths[i].likely, lengths[i].alone)
	}
	s.Tables = []report.Table{t, byLength}
	return s
}

// retrieval is the share in percent that the issue wants retrieved of each class.
var retrieval = map[generate.Group]float64{
	generate.Single: 99.5, generate.Homoglyph: 99.5, generate.IDN: 99.5, generate.Exotic: 97, generate.Hyphen: 99.5,
	generate.Split: 99.5, generate.Embedding: 99.5, generate.Strong: 99.5,
}
