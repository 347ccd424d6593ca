package providers

import (
	"strings"
	"testing"
	"time"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/provider/ranges"
)

// Who removes the only source that is admitted shuts out everybody.
func TestASourceIsKeptWhileTheOneThatMXLeadsToIsToCome(t *testing.T) {
	left := provider.Source{Name: "left", Origin: provider.OriginTrace, Ranges: prefixes("198.51.100.0/24")}
	next := provider.Source{Name: "next", Origin: provider.OriginTrace, Ranges: prefixes("192.0.2.0/24"), ReceivedBy: []string{"provider.example"}, ValidFrom: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)}
	const where = `MX leads to "next", which begins on 2026-11-30`
	for name, c := range map[string]struct {
		domain mail.Domain
		until  time.Time
		use    Use
		origin provider.OriginMode
		want   string
	}{
		"silent":         {"example.com", time.Time{}, used(40, 40, 0, 0, 0, 5), "", "40 days ago. Keep it for now: " + where},
		"used":           {"example.com", time.Time{}, used(0, 8, 10, 70, 300, 900), "", "the last on 2026-11-22. Look at them with `mxgate journal -source left`, and keep it for now: " + where},
		"with an end":    {"example.com", now.AddDate(0, 0, 50), used(40, 40, 0, 0, 0, 5), "", "Keep it for now: " + where},
		"MX is not next": {"old.example", time.Time{}, used(40, 40, 0, 0, 0, 5), "", "or remove it. MX leads to mx.old.example, in no source that is admitted"},
		"a partner":      {"example.com", time.Time{}, used(95, 95, 0, 0, 0, 0), provider.OriginPeer, "95 days ago. Give it an end (valid_until), or remove it"},
	} {
		old := left
		old.ValidUntil = c.until
		if c.origin != "" {
			old.Origin = c.origin
		}
		check := Checker{Fetcher: Fetcher{Resolver: dns.MustSnapshot(t, zone)}, Sources: []provider.Source{old, next}, Domains: []mail.Domain{c.domain}, State: ranges.NewState(), Now: now}
		all, err := check.Check(t.Context(), counts{days: 200, of: map[string]Use{"left": c.use}})
		if err != nil || len(all[0].Findings) != 1 || all[0].Findings[0].Code != Stale {
			t.Fatalf("%s: %+v, %v", name, all, err)
		}
		text := all[0].Findings[0].Text
		if !strings.Contains(text, c.want) || strings.Contains(c.want, where) && (!strings.HasSuffix(text, where) || strings.Contains(text, "remove")) {
			t.Errorf("%s: %s", name, text)
		}
	}
}
