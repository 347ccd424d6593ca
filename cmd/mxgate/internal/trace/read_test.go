package trace

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/config"
)

func TestEveryFaultOfAConfigurationIsToldAtOnce(t *testing.T) {
	_, err := Parse("t.toml", []byte(`host = ["mx.example.com"]
networks = ["0.0.0.0/0", "192.0.2.1/24"]
[[mailbox]]
tenant = "x"
[[source]]
provider = "mimekast"
valid_from = 2026-02-01
valid_until = 2026-01-01
[[source]]
name = "own"
[[permitted]]
ranges = "192.0.2.7"
`))
	if _, ok := errors.AsType[*config.Error](err); !ok {
		t.Fatal(err)
	}
	for _, want := range []string{
		"t.toml:1: host: unknown key: did you mean hosts?", `t.toml:2: networks[0] = "0.0.0.0/0": too wide`, `networks[1] = "192.0.2.1/24": expected a network`,
		"domain: missing", "t.toml:3: mailbox[0].provider: missing", "t.toml:5: source[0].name: missing", `t.toml:6: source[0].provider = "mimekast": not in the catalogue: did you mean mimecast?`,
		"t.toml:8: source[0].valid_until = 2026-01-01: is before valid_from, 2026-02-01", "t.toml:9: source[1].ranges: missing",
		"t.toml:11: permitted[0].name: missing", "permitted[0].ranges = \"192.0.2.7\"",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%v", want, err)
		}
	}
}

const gateway = `hostname = "Gate.example.com"
[[listener]]
address = ":25"
[[listener]]
address = "203.0.113.250:25"
[tls]
cert_file = "/not/on/this/machine.pem"
key_file = "/not/on/this/machine.key"
[[source]]
name = "now"
provider = "mimecast"
ranges = ["192.0.2.0/26"]
[[source]]
name = "left"
provider = "hornetsecurity"
ranges = ["203.0.113.0/26"]
valid_until = 2025-12-31
[[source]]
name = "partner"
ranges = ["203.0.113.200"]
origin = "peer"
[[next_hop]]
name = "inside"
hosts = ["exchange.internal:25", "10.0.0.1:25"]
[[domain]]
name = "example.com"
next_hop = "inside"
`

func TestAGatewaysConfigurationIsAcceptedForWhatItKnows(t *testing.T) {
	c, err := Parse("gate.toml", []byte(gateway))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Domains) != 1 || !slices.Equal(c.Hosts, []string{"gate.example.com", "exchange.internal"}) || len(c.Networks) != 1 || !c.inNetworks(netip.MustParseAddr("203.0.113.250")) || len(c.Sources) != 2 || len(c.Permitted) != 1 || c.Grace != defaultGrace {
		t.Errorf("%+v", c)
	}
	if left := c.Sources[1]; left.Name != "left" || !left.Until.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) || len(left.Ranges) != 1 || !left.Complete {
		t.Errorf("%+v", left)
	}
	if _, err := Parse("gate.toml", []byte(gateway+"[dns]\nserver = []\n")); err == nil || !strings.Contains(err.Error(), "dns.server: unknown key: did you mean servers?") {
		t.Errorf("a gateway's slip of the pen: %v", err)
	}
	// The example that we ship, with its first lines made sensible by its reader.
	example, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "config.example.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if c, err = Parse("config.example.toml", example); err != nil || len(c.Sources)+len(c.Permitted) == 0 || len(c.Domains) == 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestTheCatalogueStandsInForRangesThatAreNotGiven(t *testing.T) {
	c, err := Parse("t.toml", []byte("[[domain]]\nname = \"example.com\"\n[[source]]\nname = \"m\"\nprovider = \"microsoft365\"\n[[source]]\nname = \"p\"\nprovider = \"proofpoint\"\n[[source]]\nname = \"c\"\nprovider = \"mimecast\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	m, p, third := c.Sources[0], c.Sources[1], c.Sources[2]
	if !m.Complete || len(m.Ranges) == 0 || !m.Ranges[0].Firm || !strings.HasPrefix(m.Ranges[0].Said, "vendor-json 2026") {
		t.Errorf("%+v", m)
	}
	if p.Complete || len(p.Ranges) != 0 || p.boundary.Ranges != nil {
		t.Errorf("%+v", p)
	}
	if third.Complete || third.Ranges[0].Firm {
		t.Errorf("%+v", third)
	}
}

func TestPeriods(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 1, d, 12, 0, 0, 0, time.UTC) }
	p := Period{From: time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 1, 21, 0, 0, 0, 0, time.UTC)}
	for _, c := range []struct {
		t            time.Time
		covers, over bool
	}{{day(6), false, false}, {day(8), true, false}, {day(15), true, false}, {day(23), true, false}, {day(24), false, true}, {noTime, false, true}} {
		if p.covers(c.t, defaultGrace) != c.covers || p.over(c.t, defaultGrace) != c.over {
			t.Errorf("%v: covers %t, over %t", c.t, !c.covers, !c.over)
		}
	}
	if open := (Period{}); !open.covers(noTime, 0) || open.over(noTime, 0) {
		t.Error("an open period has an end")
	}
}

func TestLogsOfThreeServers(t *testing.T) {
	log := new(Log)
	err := log.ReadLog(strings.NewReader(strings.Join([]string{
		"Nov  2 09:00:00 mx postfix/smtpd[12]: 4AbCdE0XyZz1: client=unknown[203.0.113.140]",
		"2026-11-02 09:00:00 1rAbCd-000000001-AbCd <= a@sender.example H=x.example (y) [203.0.113.141]:4711 P=esmtps S=1",
		"Nov  2 09:00:00 mx sendmail[1]: 2A9x1234567: from=<a@sender.example>, size=1, class=0, nrcpts=1, proto=ESMTP, daemon=MTA, relay=x.example [IPv6:2001:db8::1]",
		"Nov  2 09:00:00 mx sendmail[1]: 2A9x7654321: to=<b@example.com>, relay=y.example [203.0.113.142], dsn=2.0.0, stat=Sent",
		"Nov  2 09:00:00 mx postfix/smtpd[12]: AB: client=x[203.0.113.143]", strings.Repeat("x", 100_000), "", ": client=[", " <= [192.0.2.1]",
	}, "\n")))
	if err != nil || log.entries != 3 {
		t.Fatalf("%d entries, %v", log.entries, err)
	}
	for id, ip := range map[string]string{"4AbCdE0XyZz1": "203.0.113.140", "1rAbCd-000000001-AbCd": "203.0.113.141", "2A9x1234567": "2001:db8::1"} {
		if got := log.clients[id]; len(got) != 1 || got[0].String() != ip {
			t.Errorf("%s: %v, want %s", id, got, ip)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(ourSide))
	f.Add([]byte(gateway))
	f.Add([]byte("hostname = 1\n[[source]]\nname=1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("fuzz.toml", text)
		if (c == nil) == (err == nil) {
			t.Errorf("%v, %v", c, err)
		}
	})
}

func FuzzReadLog(f *testing.F) {
	f.Add("postfix/smtpd[12]: 4AbCdE0XyZz1: client=unknown[203.0.113.140]\n")
	f.Add("x 1rAbCd-000000001-AbCd <= a H=x [192.0.2.1]:1\nsendmail[1]: 2A9x1234567: from=<a>, relay=x [IPv6:2001:db8::1]")
	f.Fuzz(func(t *testing.T, text string) {
		log := new(Log)
		if err := log.ReadLog(strings.NewReader(text)); err != nil || log.entries > strings.Count(text, "\n")+1 {
			t.Errorf("%d entries, %v", log.entries, err)
		}
	})
}
