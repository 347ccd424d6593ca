package config

import (
	"fmt"
	"testing"
	"time"

	"mxgate/policy/mail"
)

// A near miss lies under a name of a source that is not over.
func TestDuty_A3_Config(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	source := func(name, ranges, lines string) string {
		return fmt.Sprintf("[[source]]\nname = %q\nranges = [%q]\norigin = \"peer\"\n%s", name, ranges, lines)
	}
	cfg := mustParse(t, ofSource("near_miss = [\"a.example\", \"mx.b.example\"]\n")+
		source("second", "198.51.100.0/25", "near_miss = [\"a.example\", \"c.example\"]\n")+
		source("over", "198.51.100.128/25", "near_miss = [\"d.example\"]\nvalid_until = 2026-11-21\n"))
	for host, want := range map[mail.Domain]string{
		"a.example": "provider", "x.a.example": "provider", "x.y.mx.b.example": "provider", "x.c.example": "second",
		"b.example": "", "xa.example": "", "a.example.org": "", "example": "", "": "", "x.d.example": "",
	} {
		if got, near := cfg.NearMiss(host, now); got != want || near != (want != "") {
			t.Errorf("%q is %q, %t; want %q", host, got, near, want)
		}
	}
	if got, _ := cfg.NearMiss("x.d.example", now.AddDate(0, 0, -1)); got != "over" {
		t.Errorf("on its last day: %q", got)
	}
}

// LMTP is never spoken on port 25, whatever the name of the host.
func TestDuty_X4_Config(t *testing.T) {
	lmtp := func(host string) string {
		return viaNextHop("hosts = [\"a.internal:24\", %q]\nprotocol = \"lmtp\"\n", host)
	}
	for _, host := range []string{"mail.internal:25", "192.0.2.1:025", "[2001:db8::1]:25"} {
		wantFault(t, parseFaults(t, lmtp(host)), "c.toml:12: next_hop[0].hosts[1]", "never spoken on port 25")
	}
	for _, host := range []string{"mail.internal:24", "mail.internal:2525", "unix:/run/lmtp:25"} {
		if faults := parseFaults(t, lmtp(host)); faults != nil {
			t.Errorf("refused: %v", faults)
		}
	}
}
