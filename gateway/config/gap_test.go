package config

import (
	"strings"
	"testing"
	"time"
)

func TestAGapBetweenProvidersIsWarnedOf(t *testing.T) {
	text := strings.Replace(minimal, "ranges = [", "valid_until = 2026-11-01\nranges = [", 1) +
		"[[source]]\nname = \"new\"\nranges = [\"198.51.100.0/24\"]\nreceived_by = [\"new.example\"]\nvalid_from = 2026-12-01\n"
	cfg := mustParse(t, text)
	for day, want := range map[string]string{
		"2026-11-01": "", "2026-11-02": "until 2026-12-01", "2026-11-30": "until 2026-12-01", "2026-12-01": "",
	} {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, w := range cfg.Warnings(at.Add(12 * time.Hour)) {
			if w.Key == "source" {
				got = w.Expected
			}
		}
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", day, got, want)
		}
	}
}

func TestABalancerWithinASourceIsWarnedOf(t *testing.T) {
	for balancer, want := range map[string]bool{"192.0.2.5": true, "203.0.113.5": false} {
		cfg := mustParse(t, minimal+"[[listener]]\naddress = \":25\"\nproxy_protocol = [\""+balancer+"\"]\n")
		got := false
		for _, w := range cfg.Warnings(time.Now()) {
			got = got || w.Key == "listener[0].proxy_protocol[0]"
		}
		if got != want {
			t.Errorf("%s: warned %v, want %v", balancer, got, want)
		}
	}
}
