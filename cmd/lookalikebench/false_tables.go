package main

import (
	"context"
	"fmt"

	"mxgate/cmd/lookalikebench/internal/cases"
	"mxgate/cmd/lookalikebench/internal/corpus"
	"mxgate/cmd/lookalikebench/internal/report"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// owners judges domains with one owner against each other.
func (b *bench) owners(context.Context) (report.Section, error) {
	rows, err := b.dir.Table("lookalike/same-owner-groups.tsv")
	if err != nil {
		return report.Section{}, err
	}
	groups := cases.Groups(rows)
	var without, listed judgedPairs
	for _, group := range groups {
		all := protect(group)
		for _, target := range group {
			one := protect([]string{target})
			for _, sibling := range group {
				if sibling == target {
					continue
				}
				if m := without.count(one.Check(mail.Domain(sibling))); m.Alone {
					b.miss("false-owners", "%-14s %3d %-28s for %-28s acts alone unless listed", m.Class, m.Confidence, sibling, target)
				}
				listed.count(all.Check(mail.Domain(sibling)))
			}
		}
	}
	t := report.Table{Title: "Ordered pairs of siblings", Columns: []string{"", "pairs", "alike", ">= 50", "alone"}}
	t.Add("groups not listed", without.n, without.alike, without.likely, without.alone)
	t.Add("groups listed", listed.n, listed.alike, listed.likely, listed.alone)
	return report.Section{Title: "False positives: one owner", Notes: []string{
		fmt.Sprintf("%d groups of domains with one owner. Listed: all of a group are protected, as the operator writes them down. Part hijack judges mail between them.", len(groups)),
	}, Tables: []report.Table{t}, Bars: []report.Bar{{What: "flagged within groups that are listed", Want: "0", Got: fmt.Sprint(listed.alike), Met: listed.alike == 0}}}, nil
}

type judgedPairs struct{ n, alike, likely, alone int }

func (j *judgedPairs) count(matches []lookalike.Match) lookalike.Match {
	m := best(matches)
	j.n++
	for n, is := range map[*int]bool{&j.alike: len(matches) > 0, &j.likely: m.Confidence >= 50, &j.alone: m.Alone} {
		if is {
			*n++
		}
	}
	return m
}

// basecamp judges Basecamp's homographs against the Latin names that they show.
func (b *bench) basecamp(context.Context) (report.Section, error) {
	rows, err := corpus.JSONLines[cases.Homograph](b.dir, "lookalike/basecamp-homographic.jsonl")
	if err != nil {
		return report.Section{}, err
	}
	reader, err := b.reader()
	if err != nil {
		return report.Section{}, err
	}
	var imitated []mail.Domain
	for _, row := range rows {
		if t := row.Imitated(reader.Confusables.Skeleton); t != "" && row.Attack() {
			imitated = append(imitated, t)
		}
	}
	x := protect(imitated)
	var noDomain, itself, nobody, short int
	var attacks, safe report.Share
	for _, row := range rows {
		d, ok := row.Domain()
		target := row.Imitated(reader.Confusables.Skeleton)
		m := best(x.Check(d))
		switch {
		case !ok:
			noDomain++
		case !row.Attack():
			if safe.Count(m.Alone); m.Alone {
				b.miss("false-basecamp", "safe, acts alone: %s for %s (%s, %d)", row.Value, m.Target, m.Class, m.Confidence)
			}
		case target == "":
			nobody++
		case d.Within(target):
			itself++
		case len(target) < len("abc.x") || target[1] == '.' || target[2] == '.':
			short++
		default:
			if attacks.Count(m.Confidence >= 50); m.Confidence < 50 {
				b.miss("false-basecamp", "attack, not flagged: %s for %s (%+v)", row.Value, target, m)
			}
		}
	}
	t := report.Table{Title: "Rows", Columns: []string{"rows", "n", "flagged"}}
	t.Add("attacks on a Latin name", attacks.N, attacks.K)
	t.Add("safe names (flagged: act alone)", safe.N, safe.K)
	t.Add("argued: no domain of mail, or a local part", noDomain, "-")
	t.Add("argued: is the genuine domain, by IDNA or below it", itself, "-")
	t.Add("argued: shows one or two letters", short, "-")
	t.Add("argued: shows no Latin name, nobody is imitated", nobody, "-")
	return report.Section{Title: "Tables: Basecamp", Notes: []string{
		"Rows have no targets. Held against all Latin names that the skeletons of the attacks show (UTS #39); flagged is confidence 50 or more.",
	}, Tables: []report.Table{t}, Bars: []report.Bar{
		{What: "Basecamp: attacks flagged", Want: "all", Got: fmt.Sprintf("%d of %d", attacks.K, attacks.N), Met: attacks.K == attacks.N},
		{What: "Basecamp: safe names that act", Want: "0", Got: fmt.Sprintf("%d of %d", safe.K, safe.N), Met: safe.K == 0}}}, nil
}

// chromium judges the tables of Chromium's unit tests.
func (b *bench) chromium(context.Context) (report.Section, error) {
	rows, err := corpus.JSONLines[cases.Embedding](b.dir, "lookalike/chromium-lookalike-url-cases.jsonl")
	if err != nil {
		return report.Section{}, err
	}
	var attacks, ignored, edits, suppressed report.Share
	noDomain, allowed := 0, 0
	for _, row := range rows {
		host, targets := row.Host, row.Protected()
		if row.Suite != "target_embedding" {
			host, targets = row.Domain, []string{row.Top}
		}
		d, err := mail.ParseDomain(host)
		if err != nil {
			noDomain++
			continue
		}
		m := best(protect(targets).Check(d))
		switch {
		case row.Suite != "target_embedding" && row.Suppressed:
			suppressed.Count(m.Alone)
		case row.Suite != "target_embedding":
			edits.Count(m.Confidence > 0)
		case row.Target == "" && row.Allowed():
			allowed++
		case row.Target == "":
			if ignored.Count(m.Alone); m.Alone {
				b.miss("false-chromium", "browsers ignore: %s for %s (%s, %d)", host, m.Target, m.Class, m.Confidence)
			}
		default:
			if attacks.Count(m.Confidence >= 50); m.Confidence < 50 {
				b.miss("false-chromium", "attack, not flagged: %s for %s (%+v)", host, row.Target, m)
			}
		}
	}
	t := report.Table{Title: "Rows", Columns: []string{"rows", "n", "flagged"}}
	t.Add("embedding: attacks (flagged: >= 50)", attacks.N, attacks.K)
	t.Add("embedding: browsers ignore (flagged: act alone)", ignored.N, ignored.K)
	t.Add("one edit (flagged: retrieved)", edits.N, edits.K)
	t.Add("one edit that browsers think common (flagged: act alone)", suppressed.N, suppressed.K)
	t.Add("argued: longer than a label may be", noDomain, "-")
	t.Add("argued: rests on the browser's own allow-list", allowed, "-")
	return report.Section{Title: "Tables: Chromium", Tables: []report.Table{t}, Bars: []report.Bar{
		{What: "Chromium: embeddings flagged", Want: "all", Got: fmt.Sprintf("%d of %d", attacks.K, attacks.N), Met: attacks.K == attacks.N},
		{What: "Chromium: what browsers ignore and acts", Want: "0", Got: fmt.Sprintf("%d of %d", ignored.K, ignored.N), Met: ignored.K == 0}}}, nil
}
