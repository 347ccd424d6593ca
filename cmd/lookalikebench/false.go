package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"mxgate/cmd/lookalikebench/internal/baseline"
	"mxgate/cmd/lookalikebench/internal/cases"
	"mxgate/cmd/lookalikebench/internal/generate"
	"mxgate/cmd/lookalikebench/internal/report"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// falsePositives measures what is said of names that imitate nobody.
func (b *bench) falsePositives(ctx context.Context) ([]report.Section, error) {
	var sections []report.Section
	for _, part := range []func(context.Context) (report.Section, error){b.popular, b.knownTier, b.owners, b.basecamp, b.chromium} {
		s, err := part(ctx)
		if err != nil {
			return nil, err
		}
		sections = append(sections, s)
	}
	return sections, ctx.Err()
}

// negatives are popular domains of one list that no other list has: none of
// them can be a target.
func (b *bench) negatives() ([]string, error) {
	list, err := b.columns(listCloudflare)
	if err != nil {
		return nil, err
	}
	others, err := b.columns(listTranco, listMajestic, listOpenDNS, listBanks)
	if err != nil {
		return nil, err
	}
	left := cases.Minus(list, others)
	if b.quick {
		left = left[:len(left)/10]
	}
	return left, nil
}

// least are the confidences at which false positives are counted.
var least = [...]int{50, 65, 75, 85}

// popular counts the popular domains that match one of the protected ones.
func (b *bench) popular(ctx context.Context) (report.Section, error) {
	names, err := b.negatives()
	if err != nil {
		return report.Section{}, err
	}
	samples := b.less(5, 1)
	var alone report.Rate
	var confident [len(least)]report.Rate
	classes := map[lookalike.Class]report.Rate{}
	for sample := range samples {
		b.say("false: sample %d of %d, %d names", sample, samples, len(names))
		targets, err := b.targets(uint64(sample))
		if err != nil || ctx.Err() != nil {
			return report.Section{}, cmp.Or(err, ctx.Err())
		}
		x := protect(domainsOf(targets))
		for _, name := range names {
			m := best(x.Check(mail.Domain(name)))
			alone.Count(m.Alone)
			for i, c := range least {
				confident[i].Count(m.Confidence >= c)
			}
			if m.Alone {
				c := classes[m.Class]
				c.K++
				classes[m.Class] = c
				b.miss("false-alone", "%-16s %3d %-32s for %-24s %s", m.Class, m.Confidence, name, m.Target, m.Why)
			} else if m.Confidence >= 65 {
				b.miss("false-65", "%-16s %3d %-32s for %-24s %s", m.Class, m.Confidence, name, m.Target, m.Why)
			}
		}
	}
	t := report.Table{Title: "Per 10,000 popular domains", Columns: []string{"what", "events", "rate [95 %]"}}
	t.Add("may act alone", alone.K, alone.Interval())
	for _, class := range slices.SortedFunc(maps.Keys(classes), func(a, b lookalike.Class) int { return classes[b].K - classes[a].K }) {
		t.Add("- "+string(class), classes[class].K, report.Rate{K: classes[class].K, N: alone.N}.Interval())
	}
	for i, c := range least {
		t.Add(fmt.Sprintf("confidence >= %d", c), confident[i].K, confident[i].Interval())
	}
	if err := b.baselines(names, &t); err != nil {
		return report.Section{}, err
	}
	rate := alone.Per10k()
	if b.quick { // a small sample must not refute it
		rate, _ = alone.Poisson()
	}
	return report.Section{Title: "False positives: popular domains", Notes: []string{
		fmt.Sprintf("%d popular registrable domains that no list of targets has, against %d protected ones, %d samples of these: %d checks. Intervals are exact", len(names), targetCount, samples, alone.N),
		"(Poisson). Some of the events are real squats or sisters of the target: upper bounds. The simple rules on the first sample and every fourth name; the set of dnstwist on all names.",
	}, Tables: []report.Table{t}, Bars: []report.Bar{{What: "site-tier rules per 10,000 popular domains, 550 protected", Want: b.want("<= 1"),
		Got: alone.Interval(), Met: rate <= 1}}}, nil
}

// best is the match that acts: one that may alone, else the most confident.
func best(matches []lookalike.Match) lookalike.Match {
	for _, m := range matches {
		if m.Alone {
			return m
		}
	}
	if len(matches) > 0 {
		return matches[0]
	}
	return lookalike.Match{}
}

// baselines appends the simple rules to the table.
func (b *bench) baselines(names []string, t *report.Table) error {
	reader, err := b.reader()
	if err != nil {
		return err
	}
	domains, err := b.targets(0)
	if err != nil {
		return err
	}
	var targets []baseline.Name
	for _, d := range domains {
		n, _ := reader.Read(d.Domain)
		targets = append(targets, n)
	}
	b.say("false: the simple rules")
	rules := baseline.Rules()
	rates := make([]report.Rate, len(rules))
	left := map[string]bool{}
	for i, name := range names {
		n, ok := reader.Read(name)
		if !ok {
			continue
		}
		if left[n.Full] = true; i%4 > 0 { // they are slow
			continue
		}
		for i, rule := range rules {
			rates[i].Count(slices.ContainsFunc(targets, func(t baseline.Name) bool { return rule.Match(&n, &t) }))
		}
	}
	for i, rule := range rules {
		t.Add(rule.Name, rates[i].K, rates[i].Interval())
	}
	set, err := b.twistRate(domains, left)
	t.Add("dnstwist set", set.K, set.Interval())
	return err
}

// twistRate counts the names that dnstwist would watch for one of the targets.
func (b *bench) twistRate(targets []generate.Target, names map[string]bool) (report.Rate, error) {
	twist, err := b.tables()
	if err != nil {
		return report.Rate{}, err
	}
	hit := map[string]bool{}
	for _, t := range targets {
		for _, name := range twist.Permutations(t) {
			if names[name] {
				hit[name] = true
			}
		}
	}
	return report.Rate{K: len(hit), N: len(names)}, nil
}

// knownTier shows why resemblance to any known domain decides nothing: LOOKALIKE,
// Section 4.4.
func (b *bench) knownTier(context.Context) (report.Section, error) {
	names, err := b.negatives()
	if err != nil {
		return report.Section{}, err
	}
	pool, err := b.columns(listTranco, listMajestic, listOpenDNS, listBanks)
	if err != nil {
		return report.Section{}, err
	}
	pool = cases.Minus(pool)
	r := generate.Seeded(seed, "known")
	r.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	t := report.Table{Title: "Per 10,000 popular domains", Columns: []string{"known", ">= 35", ">= 50", ">= 65"}}
	known, at := lookalike.NewKnown(), 0
	for _, size := range []int{5, 50, 500, 5000, len(pool)} {
		for ; at < min(size, len(pool)); at++ {
			known.Insert(mail.Domain(pool[at]))
		}
		b.say("false: %d known", known.Len())
		var rates [3]report.Rate
		for i, name := range names {
			if size > 5000 && i%5 > 0 {
				continue
			}
			m := best(known.Near(mail.Domain(name)))
			for i, c := range [...]int{35, 50, 65} {
				rates[i].Count(m.Confidence >= c)
			}
		}
		t.Add(known.Len(), rates[0].Interval(), rates[1].Interval(), rates[2].Interval())
	}
	return report.Section{Title: "False positives: all known domains as targets", Notes: []string{
		"The same popular domains against a growing number of correspondents, drawn from the other lists: why this tier never acts alone.",
	}, Tables: []report.Table{t}}, nil
}
