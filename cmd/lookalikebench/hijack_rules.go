package main

import (
	"slices"

	"mxgate/cmd/lookalikebench/internal/baseline"
	"mxgate/cmd/lookalikebench/internal/cases"
	"mxgate/cmd/lookalikebench/internal/hijack"
	"mxgate/cmd/lookalikebench/internal/report"
	"mxgate/policy/mail"
)

// simple asks the simple rules about the same mail: whether the author's domain,
// which never wrote before, is alike to any that did.
func (b *bench) simple(files []hamFile, made []hijack.Hijack) (report.Table, error) {
	t := report.Table{Title: "The simple rules on the same mail: a new domain alike to any that wrote before, %", Columns: []string{"rule", "carried", "cold", "tld", "ham"}}
	reader, err := b.reader()
	if err != nil {
		return t, err
	}
	rules := baseline.Rules()
	shares := make([]map[string]*report.Share, len(rules))
	for i := range shares {
		shares[i] = map[string]*report.Share{"carried": {}, "cold": {}, "tld": {}, "forged quote": {}, "forged quote, id": {}, "ham": {}}
	}
	var wrote []baseline.Name
	seen := map[string]bool{}
	ask := func(kind, domain string) {
		n, ok := reader.Read(domain)
		for i, rule := range rules {
			shares[i][kind].Count(ok && !seen[n.Full] && slices.ContainsFunc(wrote, func(w baseline.Name) bool { return rule.Match(&n, &w) }))
		}
	}
	for _, f := range files {
		a, err := mail.ParseMailbox(f.author)
		if err != nil {
			continue
		}
		domain := cases.Registrable(string(a.Domain))
		ask("ham", domain)
		if n, ok := reader.Read(domain); ok && !seen[n.Full] {
			seen[n.Full] = true
			wrote = append(wrote, n)
		}
	}
	for _, h := range made {
		ask(kindOf(h), h.From.Domain)
	}
	for i, rule := range rules {
		s := shares[i]
		t.Add(rule.Name, s["carried"], s["cold"], s["tld"], s["ham"].Interval())
	}
	return t, nil
}
